//! `/admin/units/{id}`: a unit with its posts, what is below it, and its name to change.

use crate::{
    components::{
        admin::{Danger, Done, crumbs, kind_name, page_number, pager, saved},
        field::Field,
        icon::{Icon, icon},
        tree::line,
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
    row::Line,
    unit::{self, Mistakes, Typed, UnitError, View, kinds_below},
};
use i18n::t;
use leptos::prelude::*;
use model::{Language, UnitId};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Draft {
    intent: String,
    name: Option<String>,
    name_en: Option<String>,
    code: Option<String>,
    confirm: String,
    #[serde(skip)]
    mistakes: Mistakes,
    #[serde(skip)]
    code_taken: bool,
    #[serde(skip)]
    end_error: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Query(done): Query<Done>) -> Result<Response, AppError> {
    page(&visit, &admin, id, &done, Draft::default(), StatusCode::OK).await
}

pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<UnitId>, Posted(mut draft): Posted<Draft>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let l = visit.language;
    let result = if draft.intent == "end" {
        if draft.confirm != "yes" {
            draft.end_error = Some(t!(l, admin.tick_first));
            return page(&visit, &admin, id, &Done::default(), draft, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
        unit::end(domain, &admin, id).await.map(|parent| parent.map_or("/admin/units".to_owned(), |p| format!("/admin/units/{p}")))
    } else {
        let typed = Typed {
            name: draft.name.as_deref().unwrap_or(""),
            name_en: draft.name_en.as_deref().unwrap_or(""),
            code: draft.code.as_deref().unwrap_or(""),
            kind: "",
        };
        unit::change(domain, &admin, id, typed).await.map(|()| format!("/admin/units/{id}?saved=1"))
    };
    match result {
        Ok(to) => return Ok(Redirect::to(&to).into_response()),
        Err(UnitError::Invalid(mistakes)) => draft.mistakes = mistakes,
        Err(UnitError::CodeTaken) => draft.code_taken = true,
        Err(UnitError::NotEmpty) => draft.end_error = Some(t!(l, admin.unit_not_empty)),
        Err(UnitError::Own) => draft.end_error = Some(t!(l, admin.unit_own)),
        Err(UnitError::NotFound) => return Err(AppError::NotFound),
        Err(UnitError::Store(e)) => return Err(e.into()),
    }
    page(&visit, &admin, id, &Done::default(), draft, StatusCode::UNPROCESSABLE_ENTITY).await
}

async fn page(visit: &Visit, admin: &Admin, id: UnitId, done: &Done, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let view = unit::view(&visit.app.domain, admin, id, page_number(done.page.as_deref())).await?.ok_or(AppError::NotFound)?;
    let l = visit.language;
    let can_grow = !kinds_below(view.unit.kind).is_empty();
    let add = can_grow.then(|| view! { <a class="btn" href=format!("/admin/units/new?parent={id}")>{icon(Icon::Plus)}{t!(l, admin.add_below)}</a> });
    let main = view! {
        <main id="main" class="wide">
            {crumbs(l, &view.above)}
            <div class="head">
                <h1>{view.unit.name.clone()}</h1>
                <div class="acts">
                    <a class="btn alt" href=format!("/admin/units/{id}/codes")>{icon(Icon::Qr)}{t!(l, codes.codes)}</a>
                    <a class="btn alt" href=format!("/admin/imports/new?unit={id}")>{icon(Icon::Send)}{t!(l, import.imports)}</a>
                    <a class="btn alt" href=format!("/admin/units/{id}/day-one")>{icon(Icon::Check)}{t!(l, codes.day_one)}</a>
                    <a class="btn alt" href=format!("/admin/units/{id}/settings")>{icon(Icon::Gear)}{t!(l, setting.open)}</a>
                    <a class="btn alt" href=format!("/admin/units/{id}/calendar")>{icon(Icon::Calendar)}{t!(l, admin.calendar)}</a>
                    {add}
                </div>
            </div>
            {saved(l, done.saved.is_some())}
            {posts(l, &view)}
            {can_grow.then(|| below(l, &view))}
            <div class="two">
                <section>
                    <h2>{t!(l, admin.name_and_code)}</h2>
                    {form(visit, &view, draft)}
                </section>
                <div>
                    <h2>{t!(l, admin.working_time)}</h2>
                    {working_time(l, &view)}
                    <h2>{t!(l, secure.trial)}</h2>
                    <p>{t!(l, secure.trial_unit_text)}</p>
                    <p><a class="btn alt" href=format!("/admin/trial?unit={id}")>{icon(Icon::Mail)}{t!(l, secure.trial_link)}</a></p>
                </div>
            </div>
        </main>
    };
    Ok(Page::new(visit, view.unit.name.clone()).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

fn posts(l: Language, view: &View) -> AnyView {
    let new = format!("/admin/units/{}/posts/new", view.unit.id);
    let add = view! { <a class="btn alt" href=new>{icon(Icon::Plus)}{t!(l, admin.add_post)}</a> };
    let head = view! { <div class="head"><h2>{t!(l, admin.posts)}</h2>{add}</div> };
    if view.posts.is_empty() {
        return view! { <section>{head}<p>{t!(l, admin.no_posts_here)}</p></section> }.into_any();
    }
    let rows: Vec<_> = view.posts.iter().map(|post| row(l, post)).collect();
    view! {
        <section>
            {head}
            <table class="tab">
                <thead>
                    <tr>
                        <th scope="col">{t!(l, admin.post)}</th>
                        <th scope="col">{t!(l, admin.holder)}</th>
                        <th scope="col">{t!(l, admin.substitute)}</th>
                        <th scope="col">{t!(l, admin.contact_points)}</th>
                        <th scope="col"><span class="sr">{t!(l, admin.actions)}</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
    .into_any()
}

fn row(l: Language, post: &Line) -> impl IntoView + use<> {
    let href = format!("/admin/posts/{}", post.id);
    let holder = match &post.holder {
        Some(name) if post.holders > 1 => t!(l, admin.and_others, name = name.clone(), count = post.holders - 1).into_any(),
        Some(name) => name.clone().into_any(),
        None => view! { <span class="tag bad">{icon(Icon::Alert)}{t!(l, admin.vacant)}</span> }.into_any(),
    };
    let substitute = post.substitute_title.as_ref().map_or("—".to_owned(), |title| named(title, post.substitute_unit.as_deref()));
    let action = if post.holder.is_some() { t!(l, admin.edit) } else { t!(l, admin.appoint) };
    view! {
        <tr>
            <th scope="row"><a href=href.clone()>{post.title.clone()}</a></th>
            <td data-l=t!(l, admin.holder)>{holder}</td>
            <td data-l=t!(l, admin.substitute)>{substitute}</td>
            <td data-l=t!(l, admin.contact_points)>{post.points}</td>
            <td class="act"><a class="btn text" href=href>{action}</a></td>
        </tr>
    }
}

/// A post as people call it: its unit and its title.
pub fn named(title: &str, unit: Option<&str>) -> String {
    unit.map_or(title.to_owned(), |unit| format!("{unit} {title}"))
}

fn below(l: Language, view: &View) -> impl IntoView + use<> {
    let lines: Vec<_> = view.below.nodes.iter().map(|node| view! { <li>{line(l, &node.branch, false)}</li> }).collect();
    let base = format!("/admin/units/{}?page=", view.unit.id);
    let empty = lines.is_empty().then(|| view! { <p>{t!(l, admin.nothing_yet_below)}</p> });
    view! {
        <section>
            <h2>{t!(l, admin.units_below)}</h2>
            {empty}
            <ul class="tree">{lines}</ul>
            {pager(l, &base, view.below.page, view.below.has_more)}
        </section>
    }
}

fn form(visit: &Visit, view: &View, draft: Draft) -> impl IntoView + use<> {
    let l = visit.language;
    let name_error = draft.mistakes.name.map(|e| text_error(l, e));
    let name_en_error = draft.mistakes.name_en.map(|e| text_error(l, e));
    let code_error = draft.mistakes.code.map(|e| text_error(l, e)).or(draft.code_taken.then(|| t!(l, admin.code_taken)));
    let end = Danger {
        intent: "end",
        title: t!(l, admin.end_unit),
        text: t!(l, admin.end_unit_text),
        confirm: t!(l, admin.end_unit_confirm, name = view.unit.name.clone()),
        button: t!(l, admin.end_unit),
        error: draft.end_error,
    };
    view! {
        <form class="task" method="post">
            {visit.csrf_field()}
            <p class="soft">{kind_name(l, view.unit.kind)}</p>
            {Field::new("name", t!(l, admin.name)).value(draft.name.unwrap_or_else(|| view.unit.name.clone())).error(name_error).view()}
            {Field::new("name_en", t!(l, admin.name_en))
                .value(draft.name_en.unwrap_or_else(|| view.unit.name_en.clone().unwrap_or_default()))
                .optional()
                .hint(t!(l, admin.english_hint))
                .error(name_en_error)
                .view()}
            {Field::new("code", t!(l, admin.code))
                .value(draft.code.unwrap_or_else(|| view.unit.code.clone().unwrap_or_default()))
                .optional()
                .hint(t!(l, admin.unit_code_hint))
                .error(code_error)
                .view()}
            <button class="btn">{t!(l, common.save)}</button>
        </form>
        {(!view.is_top).then(|| end.view(visit))}
    }
}

fn working_time(l: Language, view: &View) -> impl IntoView + use<> {
    let whose = match &view.calendar_of {
        Some(unit) if unit.id == view.unit.id => t!(l, admin.calendar_own),
        Some(unit) => t!(l, admin.calendar_of, name = unit.name.clone()),
        None => t!(l, admin.calendar_standard),
    };
    let promise = i18n::when::working(l, view.calendar.promise_minutes * 60);
    view! {
        <p>{i18n::when::week(l, &view.calendar.calendar)}</p>
        <p>{t!(l, admin.promise_is, time = promise)}</p>
        <p class="soft">{whose}</p>
        <p><a class="btn alt" href=format!("/admin/units/{}/calendar", view.unit.id)>{icon(Icon::Calendar)}{t!(l, admin.calendar)}</a></p>
    }
}
