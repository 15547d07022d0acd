//! `/admin/contact-points/{id}`: a contact point with its code, and taking it out of use.

use crate::{
    components::{
        admin::{Danger, area, choice, crumb_links},
        field::{Field, titled_summary},
        icon::{Icon, icon},
        qr::qr,
        sparkline::sparkline,
    },
    error::AppError,
    form::{Posted, text_error},
    pages::codes::reason_text,
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
    contact_point::{self, Mistakes, PointError, Typed, View},
    row::{Other, StickerReport},
    sticker::{self, Beside, Ends},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{CheckPhrase, ContactPointId, Language, calendar::Calendar};
use qrcode::EcLevel;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Form {
    intent: String,
    pub place: String,
    pub place_en: String,
    pub topic: String,
    pub welcome: String,
    confirm: String,
    ends: String,
    newest: String,
    #[serde(skip)]
    pub mistakes: Mistakes,
}

impl Form {
    pub fn typed(&self) -> Typed<'_> {
        Typed { place: &self.place, place_en: &self.place_en, topic: &self.topic, welcome: &self.welcome }
    }

    fn of(view: &View) -> Form {
        Form {
            place: view.point.place.clone(),
            place_en: view.point.place_en.clone().unwrap_or_default(),
            topic: view.point.topic.clone().unwrap_or_default(),
            welcome: view.point.welcome.clone().unwrap_or_default(),
            ..Form::default()
        }
    }
}

/// Place in both languages, topic and welcome, with what is wrong above and beside them.
pub fn fields(l: Language, form: Form) -> impl IntoView + use<> {
    let error = |e: Option<model::text::TextError>| e.map(|e| text_error(l, e));
    let (place, place_en) = (error(form.mistakes.place), error(form.mistakes.place_en));
    let (topic, welcome) = (error(form.mistakes.topic), error(form.mistakes.welcome));
    let wrong: Vec<(&'static str, String)> = [("place", &place), ("place_en", &place_en), ("topic", &topic), ("welcome", &welcome)]
        .into_iter()
        .filter_map(|(id, e)| Some((id, e.clone()?)))
        .collect();
    view! {
        {(!wrong.is_empty()).then(|| titled_summary(t!(l, admin.please_correct), wrong))}
        {Field::new("place", t!(l, admin.place)).value(form.place).hint(t!(l, admin.place_hint)).error(place).view()}
        {Field::new("place_en", t!(l, admin.place_en)).value(form.place_en).optional().hint(t!(l, admin.english_hint)).error(place_en).view()}
        {Field::new("topic", t!(l, admin.topic)).value(form.topic).optional().hint(t!(l, admin.topic_hint)).error(topic).view()}
        {area("welcome", t!(l, admin.welcome), form.welcome, 3, Some(t!(l, admin.point_welcome_hint)), welcome)}
    }
}

/// What the page says besides the sticker.
#[derive(Default)]
struct Said {
    /// That something was done.
    done: Option<String>,
    /// Why nothing was done.
    refused: Option<String>,
    revoke_error: Option<String>,
    form: Option<Form>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Done {
    saved: Option<String>,
    settled: Option<String>,
}

pub async fn show(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ContactPointId>, Query(done): Query<Done>) -> Result<Response, AppError> {
    let l = visit.language;
    let done = done.settled.map(|_| t!(l, codes.settled)).or_else(|| done.saved.map(|_| t!(l, admin.saved)));
    page(&visit, &admin, id, Said { done, ..Said::default() }, StatusCode::OK).await
}

pub async fn change(visit: Visit, AsAdmin(admin): AsAdmin, Path(id): Path<ContactPointId>, Posted(mut form): Posted<Form>) -> Result<Response, AppError> {
    let (l, domain) = (visit.language, &visit.app.domain);
    let again = StatusCode::UNPROCESSABLE_ENTITY;
    match form.intent.as_str() {
        "replace" => return replace(&visit, &admin, id, &form.ends).await,
        "settle" => return settle(&visit, &admin, id, &form.newest).await,
        _ => {}
    }
    let is_revoke = form.intent == "revoke";
    if is_revoke && form.confirm != "yes" {
        return page(&visit, &admin, id, Said { revoke_error: Some(t!(l, admin.tick_first)), ..Said::default() }, again).await;
    }
    let result = match form.intent.as_str() {
        "revoke" => contact_point::revoke(domain, &admin, id).await,
        "hangs" => sticker::hangs(domain, &admin, id).await,
        _ => contact_point::change(domain, &admin, id, form.typed()).await,
    };
    match result {
        Ok(()) => Ok(Redirect::to(&format!("/admin/contact-points/{id}?saved=1")).into_response()),
        Err(PointError::Invalid(mistakes)) => {
            form.mistakes = mistakes;
            page(&visit, &admin, id, Said { form: Some(form), ..Said::default() }, again).await
        }
        // Somebody else was faster: the page says that it is out of use.
        Err(PointError::Revoked) => page(&visit, &admin, id, Said::default(), again).await,
        Err(PointError::NotFound | PointError::Replaced) => Err(AppError::NotFound),
        Err(PointError::Store(e)) => Err(e.into()),
    }
}

async fn replace(visit: &Visit, admin: &Admin, id: ContactPointId, ends: &str) -> Result<Response, AppError> {
    let ends = if ends == "now" { Ends::Now } else { Ends::AtFirstMessage };
    match sticker::replace(&visit.app.domain, admin, id, ends).await {
        Ok(new) => Ok(Redirect::to(&format!("/admin/contact-points/{new}")).into_response()),
        // Somebody else was faster: the page shows the new one, or that there is none.
        Err(PointError::Replaced) => {
            let said = Said { refused: Some(t!(visit.language, codes.already_replaced)), ..Said::default() };
            page(visit, admin, id, said, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(PointError::Revoked) => page(visit, admin, id, Said::default(), StatusCode::UNPROCESSABLE_ENTITY).await,
        Err(PointError::Store(e)) => Err(e.into()),
        Err(PointError::NotFound | PointError::Invalid(_)) => Err(AppError::NotFound),
    }
}

async fn settle(visit: &Visit, admin: &Admin, id: ContactPointId, newest: &str) -> Result<Response, AppError> {
    let newest = newest.parse().map_err(|_| AppError::BadRequest)?;
    match sticker::settle(&visit.app.domain, admin, id, newest).await {
        Ok(()) => Ok(Redirect::to(&format!("/admin/contact-points/{id}?settled=1")).into_response()),
        Err(PointError::Store(e)) => Err(e.into()),
        Err(_) => Err(AppError::NotFound),
    }
}

async fn page(visit: &Visit, admin: &Admin, id: ContactPointId, said: Said, status: StatusCode) -> Result<Response, AppError> {
    let view = contact_point::view(&visit.app.domain, admin, id).await?.ok_or(AppError::NotFound)?;
    let beside = sticker::beside(&visit.app.domain, &view.point).await?;
    let l = visit.language;
    let mut links: Vec<(String, String)> = view.above.iter().map(|u| (format!("/admin/units/{}", u.id), u.name.clone())).collect();
    links.push((format!("/admin/posts/{}", view.point.post_id), view.post.post.title.clone()));
    let body = if view.point.revoked_at.is_some() {
        view! { <p>{t!(l, admin.revoked_text)}</p>{pair(visit, &beside)} }.into_any()
    } else {
        in_use(visit, &view, &beside, said.form.unwrap_or_else(|| Form::of(&view)), said.revoke_error)
    };
    let done = said.done.map(|text| view! { <div class="banner" role="status">{icon(Icon::Tick)}<div><p>{text}</p></div></div> });
    let refused = said.refused.map(|text| view! { <div class="banner time" role="alert">{icon(Icon::Alert)}<div><p>{text}</p></div></div> });
    let state = if view.point.revoked_at.is_some() {
        view! { <span class="tag off">{icon(Icon::Stop)}{t!(l, admin.revoked)}</span> }.into_any()
    } else {
        view! { <span class="tag">{icon(Icon::Tick)}{t!(l, admin.in_use)}</span> }.into_any()
    };
    let main = view! {
        <main id="main" class="wide">
            {crumb_links(l, links)}
            <div class="head"><h1>{view.point.place.clone()}</h1>{state}</div>
            {done}
            {refused}
            {reports(visit, &beside)}
            {scans(l, &beside)}
            {body}
        </main>
    };
    Ok(Page::new(visit, view.point.place.clone()).status(status).body_class("at-desk").for_staff(&admin.staff).await?.render(main))
}

/// What residents say is wrong with it.
fn reports(visit: &Visit, beside: &Beside) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let calendar = Calendar::standard();
    let now = calendar.local(visit.now);
    let line = |report: &StickerReport| {
        let when = when::moment(l, &calendar.local(report.created_at), &now);
        let body = report.body.clone().map(|text| view! { <br/>{text} });
        view! { <li><b>{reason_text(l, report.reason)}</b>" "<small class="soft">{when}</small>{body}</li> }
    };
    let lines: Vec<_> = beside.reports.iter().map(line).collect();
    // The newest comes first; what comes in after this page was made stays open.
    beside.reports.first().map(|newest| {
        view! {
            <section class="banner bad">
                {icon(Icon::Alert)}
                <div>
                    <h2>{t!(l, codes.what_residents_say)}</h2>
                    <ul>{lines}</ul>
                    <form class="acts" method="post">
                        {visit.csrf_field()}
                        <input type="hidden" name="intent" value="settle"/>
                        <input type="hidden" name="newest" value=newest.id.to_string()/>
                        <button class="btn">{icon(Icon::Tick)}{t!(l, codes.settle)}</button>
                    </form>
                </div>
            </section>
        }
    })
}

fn scans(l: Language, beside: &Beside) -> impl IntoView + use<> {
    let (sum, today) = (beside.scans.iter().sum::<i64>(), beside.scans.last().copied().unwrap_or(0));
    let text = t!(l, codes.scans_of, sum = sum, today = today);
    view! { <p class="scans">{sparkline(&beside.scans, text.clone())}<span>{text}</span></p> }
}

/// The stickers before and the one after, if there are. Where the old one still works, the admin may say that the new one hangs.
fn pair(visit: &Visit, beside: &Beside) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let line = |other: &Other, name: String| {
        view! { <div><dt>{name}</dt><dd class="code"><a href=format!("/admin/contact-points/{}", other.id)>{other.code.to_string()}</a></dd></div> }
    };
    let is_waiting = |other: &Other| other.is_waiting > 0;
    let before: Vec<_> = beside.before.iter().map(|o| line(o, if is_waiting(o) { t!(l, codes.replaces_waiting) } else { t!(l, codes.replaces) })).collect();
    let after = beside.after.as_ref().map(|o| line(o, if is_waiting(o) { t!(l, codes.replaced_by_waiting) } else { t!(l, codes.replaced_by) }));
    // To the new one's page, which is this one where an old one waits for it.
    let to = beside.after.as_ref().filter(|o| is_waiting(o)).map(|new| format!("/admin/contact-points/{}", new.id));
    let hangs = (to.is_some() || beside.before.iter().any(is_waiting)).then(|| {
        view! {
            <form class="acts" method="post" action=to>
                {visit.csrf_field()}
                <input type="hidden" name="intent" value="hangs"/>
                <button class="btn alt">{icon(Icon::Tick)}{t!(l, codes.hangs)}</button>
            </form>
        }
    });
    (!before.is_empty() || after.is_some()).then(|| view! { <dl class="pairs">{before}{after}</dl>{hangs} })
}

/// A new one in its place, unless there is one already.
fn replacing(visit: &Visit, beside: &Beside) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let ends = vec![("message".to_owned(), t!(l, codes.ends_at_message)), ("now".to_owned(), t!(l, codes.ends_now))];
    (beside.after.is_none()).then(|| {
        view! {
            <details class="fold">
                <summary>{icon(Icon::Qr)}<span>{t!(l, codes.replace)}</span><span class="turn">{icon(Icon::Turn)}</span></summary>
                <form class="body" method="post">
                    {visit.csrf_field()}
                    <input type="hidden" name="intent" value="replace"/>
                    <p>{t!(l, codes.replace_text)}</p>
                    {choice("ends", t!(l, codes.replace_ends), ends, "message", None, None)}
                    <button class="btn">{t!(l, codes.replace_button)}</button>
                </form>
            </details>
        }
    })
}

fn in_use(visit: &Visit, view: &View, beside: &Beside, form: Form, revoke_error: Option<String>) -> AnyView {
    let l = visit.language;
    let base = format!("/admin/contact-points/{}", view.point.id);
    let revoke = Danger {
        intent: "revoke",
        title: t!(l, admin.revoke),
        text: t!(l, admin.revoke_text),
        confirm: t!(l, admin.revoke_confirm, code = view.point.code.to_string()),
        button: t!(l, admin.revoke_button),
        error: revoke_error,
    };
    view! {
        <div class="two">
            <section>
                <h2>{t!(l, admin.what_people_see)}</h2>
                <form class="task" method="post">
                    {visit.csrf_field()}
                    {fields(l, form)}
                    <button class="btn">{t!(l, common.save)}</button>
                </form>
                {replacing(visit, beside)}
                {revoke.view(visit)}
            </section>
            <div class="card">
                <div class="qr">{qr(&view.url, EcLevel::H, t!(l, admin.qr_of, url = view.url.clone()))}</div>
                <dl class="pairs">
                    <div><dt>{t!(l, admin.point_code)}</dt><dd class="code">{view.point.code.to_string()}</dd></div>
                    <div><dt>{t!(l, admin.address)}</dt><dd><a href=view.url.clone()>{view.url.clone()}</a></dd></div>
                    <div><dt>{t!(l, admin.phrase)}</dt><dd>{characters(&view.point.check_phrase)}</dd></div>
                </dl>
                {pair(visit, beside)}
                <div class="acts">
                    <a class="btn" href=format!("{base}/sheet")>{icon(Icon::Print)}{t!(l, admin.print_a4)}</a>
                    <a class="btn alt" href=format!("{base}/label.svg")>{t!(l, admin.label_svg)}</a>
                </div>
                <div class="acts">
                    <a class="btn text" href=format!("{base}/qr.svg")>{t!(l, admin.code_svg)}</a>
                    <a class="btn text" href=format!("{base}/qr.png")>{t!(l, admin.code_png)}</a>
                </div>
            </div>
        </div>
    }
    .into_any()
}

/// The four characters as they are printed.
fn characters(phrase: &CheckPhrase) -> impl IntoView + use<> {
    let characters: Vec<_> = phrase.as_str().chars().map(|c| view! { <span aria-hidden="true">{c.to_string()}</span> }).collect();
    view! { <span class="seal" role="img" aria-label=format!("{phrase} ({})", phrase.reading()) lang="zh-CN">{characters}</span> }
}
