//! `/admin/units/{id}/codes`: codes for every post of a subtree, and the file to print.

use super::print::{name_of, state_tag};
use crate::{
    components::{
        admin::{choice, crumbs},
        art::{STICKER, art},
        field::{Field, titled_summary},
        icon::{Icon, icon},
    },
    error::AppError,
    form::{Posted, text_error},
    shell::Page,
    visit::{AsAdmin, Visit},
};
use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    Admin,
    contact_point::{Mistakes, Typed},
    print::{self, PrintError, View},
};
use i18n::{number, t};
use leptos::prelude::*;
use model::{Language, PrintFormat, UnitId, Which, text::TextError};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Done {
    made: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Form {
    intent: String,
    posts: String,
    place: Option<String>,
    place_en: Option<String>,
    topic: String,
    welcome: String,
    format: String,
    which: String,
    #[serde(skip)]
    mistakes: Mistakes,
    #[serde(skip)]
    has_nothing: bool,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Query(done): Query<Done>) -> Result<Response, AppError> {
    page(&visit, &admin, id, done.made, Form::default(), StatusCode::OK).await
}

pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Posted(mut form): Posted<Form>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let to = if form.intent == "print" {
        let (format, which) = (form.format.parse().unwrap_or(PrintFormat::Posters), form.which.parse().unwrap_or(Which::All));
        print::begin(domain, &admin, id, format, which).await.map(|print| format!("/admin/prints/{print}"))
    } else {
        let typed =
            Typed { place: form.place.as_deref().unwrap_or(""), place_en: form.place_en.as_deref().unwrap_or(""), topic: &form.topic, welcome: &form.welcome };
        print::make(domain, &admin, id, form.posts == "leaves", typed).await.map(|made| format!("/admin/units/{id}/codes?made={made}"))
    };
    match to {
        Ok(to) => return Ok(Redirect::to(&to).into_response()),
        Err(PrintError::Invalid(mistakes)) => form.mistakes = mistakes,
        Err(PrintError::Nothing) => form.has_nothing = true,
        Err(PrintError::NotFound) => return Err(AppError::NotFound),
        Err(PrintError::Store(e)) => return Err(e.into()),
        Err(PrintError::Busy | PrintError::Paper(_)) => return Err(AppError::Internal),
    }
    page(&visit, &admin, id, None, form, StatusCode::UNPROCESSABLE_ENTITY).await
}

async fn page(visit: &Visit, admin: &Admin, id: UnitId, made: Option<u64>, form: Form, status: StatusCode) -> Result<Response, AppError> {
    let view = print::view(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let mut above = view.above.clone();
    above.push(view.unit.clone());
    let told = made.map(|count| {
        let text = if count > 0 { t!(l, codes.made, count = number(count)) } else { t!(l, codes.made_none) };
        view! { <div class="banner" role="status">{icon(Icon::Tick)}<div><p>{text}</p></div></div> }
    });
    let body = if view.counts.posts == 0 {
        view! { <div class="empty">{art(&STICKER)}<h2>{t!(l, codes.none_at_all)}</h2><p>{t!(l, codes.no_posts)}</p><p><a class="btn" href=format!("/admin/units/{id}")>{t!(l, codes.to_units)}</a></p></div> }
            .into_any()
    } else {
        let has_points = view.counts.points > 0;
        let has_nothing = form.has_nothing;
        let making = making(visit, &view, form);
        let printing = has_points.then(|| printing(visit, &view, has_nothing));
        view! { {numbers(l, id, &view)}<div class="two">{making}<div>{printing}{latest(visit, &view)}</div></div> }.into_any()
    };
    let main = view! {
        <main id="main" class="wide">
            {crumbs(l, &above)}
            <div class="head">
                <h1>{t!(l, codes.codes)}</h1>
                <div class="acts">
                    <a class="btn alt" href=format!("/admin/contact-points?unit={id}")>{icon(Icon::Qr)}{t!(l, codes.health)}</a>
                    <a class="btn alt" href=format!("/admin/units/{id}/day-one")>{icon(Icon::Check)}{t!(l, codes.day_one)}</a>
                </div>
            </div>
            {told}
            {body}
        </main>
    };
    let title = format!("{} · {}", t!(l, codes.codes), view.unit.name);
    Ok(Page::new(visit, title).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn numbers(l: Language, id: UnitId, view: &View) -> impl IntoView + use<> {
    let c = view.counts;
    let link = move |state: &str, count: i64| view! { <a href=format!("/admin/contact-points?unit={id}&state={state}")>{number(count)}</a> };
    view! {
        <dl class="stats">
            <div><dt>{t!(l, codes.posts)}</dt><dd>{number(c.posts)}</dd></div>
            <div>
                <dt>{t!(l, codes.bare)}</dt><dd>{number(c.bare)}</dd>
            </div>
            <div><dt>{t!(l, codes.points)}</dt><dd>{link("", c.points)}</dd></div>
            <div><dt>{t!(l, codes.unscanned)}</dt><dd>{link("unscanned", c.unscanned)}</dd></div>
        </dl>
    }
}

fn making(visit: &Visit, view: &View, form: Form) -> AnyView {
    let l = visit.language;
    let c = view.counts;
    if c.bare == 0 {
        return view! { <section><h2>{t!(l, codes.make)}</h2><p>{icon(Icon::Tick)}" "{t!(l, codes.all_have)}</p></section> }.into_any();
    }
    let error = |e: Option<TextError>| e.map(|e| text_error(l, e));
    let (place, place_en) = (error(form.mistakes.place), error(form.mistakes.place_en));
    let (topic, welcome) = (error(form.mistakes.topic), error(form.mistakes.welcome));
    let wrong: Vec<(&'static str, String)> = [("place", &place), ("place_en", &place_en), ("topic", &topic), ("welcome", &welcome)]
        .into_iter()
        .filter_map(|(id, e)| Some((id, e.clone()?)))
        .collect();
    let kept = c.posts - c.bare;
    let mut for_whom = vec![("all".to_owned(), t!(l, codes.make_all, count = number(c.bare)))];
    if c.bare_leaves > 0 && c.bare_leaves < c.bare {
        for_whom.push(("leaves".to_owned(), t!(l, codes.make_leaves, count = number(c.bare_leaves))));
    }
    view! {
        <section>
            <h2>{t!(l, codes.make)}</h2>
            <p>{t!(l, codes.make_text)}</p>
            {(kept > 0).then(|| view! { <p class="soft">{t!(l, codes.make_kept, kept = number(kept))}</p> })}
            <form class="task" method="post">
                {visit.csrf_field()}
                {(!wrong.is_empty()).then(|| titled_summary(t!(l, admin.please_correct), wrong))}
                {choice("posts", t!(l, codes.make_for), for_whom, &form.posts, None, None)}
                {Field::new("place", t!(l, admin.place))
                    .value(form.place.unwrap_or_else(|| t!(l, codes.place_usual)))
                    .hint(t!(l, codes.place_hint))
                    .error(place)
                    .view()}
                {Field::new("place_en", t!(l, admin.place_en))
                    .value(form.place_en.unwrap_or_else(|| t!(l, codes.place_en_usual)))
                    .optional()
                    .error(place_en)
                    .view()}
                {Field::new("topic", t!(l, admin.topic)).value(form.topic).optional().hint(t!(l, admin.topic_hint)).error(topic).view()}
                {crate::components::admin::area("welcome", t!(l, admin.welcome), form.welcome, 3, Some(t!(l, admin.point_welcome_hint)), welcome)}
                <button class="btn">{icon(Icon::Qr)}{t!(l, codes.make_button)}</button>
            </form>
        </section>
    }
    .into_any()
}

fn printing(visit: &Visit, view: &View, has_nothing: bool) -> impl IntoView + use<> {
    let l = visit.language;
    let c = view.counts;
    let url = visit.app.domain.public_url.clone();
    let is_here = domain::doctor::is_here(&url);
    let formats = PrintFormat::ALL.iter().map(|format| (format.to_string(), format_text(l, *format))).collect();
    let mut which = vec![(Which::All.to_string(), t!(l, codes.which_all, count = number(c.points)))];
    if c.unscanned > 0 && c.unscanned < c.points {
        which.push((Which::Unscanned.to_string(), t!(l, codes.which_unscanned, count = number(c.unscanned))));
    }
    view! {
        <section>
            <h2>{t!(l, codes.print)}</h2>
            <p>{t!(l, codes.print_text)}</p>
            {is_here.then(|| view! { <div class="banner time">{icon(Icon::Alert)}<div><p>{t!(l, codes.only_here, url = url)}</p></div></div> })}
            <form class="task" method="post">
                {visit.csrf_field()}
                <input type="hidden" name="intent" value="print"/>
                {choice("format", t!(l, codes.format), formats, PrintFormat::Posters.as_str(), None, None)}
                {choice("which", t!(l, codes.which), which, Which::All.as_str(), None, has_nothing.then(|| t!(l, codes.nothing_to_print)))}
                <button class="btn">{icon(Icon::Print)}{t!(l, codes.prepare)}</button>
            </form>
        </section>
    }
}

fn format_text(l: Language, format: PrintFormat) -> String {
    match format {
        PrintFormat::Posters => t!(l, codes.format_posters),
        PrintFormat::Stickers => t!(l, codes.format_stickers),
        PrintFormat::Svg => t!(l, codes.format_svg),
    }
}

fn latest(visit: &Visit, view: &View) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let line = |print: &domain::row::Print| {
        view! {
            <li><a href=format!("/admin/prints/{}", print.id)>{icon(Icon::Print)}<span>{name_of(l, print)}</span>{state_tag(visit, print)}</a></li>
        }
    };
    let lines: Vec<_> = view.latest.iter().map(line).collect();
    (!lines.is_empty()).then(|| view! { <section><h2>{t!(l, codes.printed_lately)}</h2><ul class="links">{lines}</ul></section> })
}
