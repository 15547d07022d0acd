//! `/q/{code}`: the verified card and one text box; posting it begins the conversation.

use crate::{
    components::{
        art::{LETTER, STICKER, art},
        card::full_card,
        icon::{Icon, icon},
    },
    error::AppError,
    form::{self, Posted, field_error, inside, text_error},
    islands::first_message::FirstMessage,
    shell::Page,
    visit::Visit,
};
use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    contact_point::{self, Point, Scan, Withdrawn},
    conversation::{self, SendError, Typed},
    post::Answering,
};
use i18n::t;
use leptos::prelude::*;
use model::{ClientKey, Language, PointCode};
use serde::Deserialize;

pub async fn show(visit: Visit, Path(typed): Path<String>, method: Method, headers: HeaderMap) -> Result<Response, AppError> {
    let Some(code) = PointCode::read(&typed) else { return Ok(unknown(&visit, &typed)) };
    let is_scan = method == Method::GET && !visit.is_staffs_browser() && comes_from_outside(&visit, &headers);
    way(&visit, &code, is_scan, None).await
}

/// Whether somebody came from a sticker, and did not only load the page again, change its language or follow a link of ours.
fn comes_from_outside(visit: &Visit, headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    let is_prefetch = header("sec-purpose").contains("prefetch") || header("purpose").contains("prefetch");
    let is_reload = matches!(header("cache-control"), "max-age=0" | "no-cache");
    let is_ours = match header("sec-fetch-site") {
        "" => header("referer").strip_prefix(&visit.app.domain.public_url).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        site => site == "same-origin",
    };
    !is_prefetch && !is_reload && !is_ours
}

/// `written` is what could not be sent.
async fn way(visit: &Visit, code: &PointCode, is_scan: bool, written: Option<&str>) -> Result<Response, AppError> {
    let (domain, device) = (&visit.app.domain, visit.device.as_ref());
    let scan = if is_scan { contact_point::scan(domain, device, code).await? } else { contact_point::look(domain, device, code).await? };
    Ok(match scan {
        Scan::Unknown => unknown(visit, code.as_str()),
        Scan::Revoked(withdrawn) => revoked(visit, code, &withdrawn, written),
        Scan::Nobody(answering) => nobody(visit, code, &answering, written),
        Scan::Known(id) => Redirect::to(&format!("/c/{id}")).into_response(),
        Scan::Point(point) => with_device(visit, |visit| write_page(visit, &point, Draft::new(visit))),
    })
}

/// The key is given out with the page, so that a first message sent twice, or again after a cut, comes from the same device both times.
fn with_device(visit: &Visit, page: impl FnOnce(&Visit) -> Response) -> Response {
    if visit.device_key.is_some() {
        return page(visit);
    }
    let visit = visit.as_new_device();
    let mut response = page(&visit);
    let cookie = visit.device_key.as_deref().map(|key| HeaderValue::from_str(&visit.device_cookie(key)));
    if let Some(Ok(cookie)) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Deserialize)]
pub struct FirstMessage {
    #[serde(default)]
    text: String,
    key: ClientKey,
}

pub async fn send(visit: Visit, Path(typed): Path<String>, Posted(form): Posted<FirstMessage>) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let Some(code) = PointCode::read(&typed) else { return Ok(unknown(&visit, &typed)) };
    let draft = Draft { text: form.text.clone(), key: form.key.0.as_simple().to_string(), error: None };
    let Some(device_key) = &visit.device_key else {
        // Without the cookie nobody could ever find the way back to the conversation.
        let error = t!(visit.language, resident.needs_cookies);
        return again(&visit, &code, draft.with(error), StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    let message = Typed { device_key, text: &form.text, client_key: form.key, language: visit.language, address: visit.address };
    match conversation::start(domain, &code, message).await {
        Ok(sent) => {
            // What staff send to try it out proves nothing about where the sticker is.
            if !visit.is_staffs_browser() {
                domain.scans.prove(&code);
            }
            Ok(Redirect::to(&format!("/c/{}", sent.conversation_id)).into_response())
        }
        Err(SendError::Text(e)) => again(&visit, &code, draft.with(text_error(visit.language, e)), StatusCode::UNPROCESSABLE_ENTITY).await,
        Err(SendError::TooMany(wait)) => {
            let error = t!(visit.language, resident.too_many, seconds = wait.seconds);
            Ok(form::wait(again(&visit, &code, draft.with(error), StatusCode::TOO_MANY_REQUESTS).await?, wait.seconds))
        }
        Err(SendError::NotFound) => Ok(unknown(&visit, &typed)),
        Err(SendError::Revoked | SendError::Nobody) => way(&visit, &code, false, Some(&form.text)).await,
        Err(SendError::Store(e)) => Err(e.into()),
    }
}

/// What stands in the text box.
struct Draft {
    text: String,
    /// The client key: the same for every attempt at this message.
    key: String,
    error: Option<String>,
}

impl Draft {
    fn new(visit: &Visit) -> Draft {
        Draft { text: String::new(), key: visit.client_key(), error: None }
    }

    fn with(self, error: String) -> Draft {
        Draft { error: Some(error), ..self }
    }
}

/// The page again with what was typed and what is wrong with it.
async fn again(visit: &Visit, code: &PointCode, draft: Draft, status: StatusCode) -> Result<Response, AppError> {
    let mut response = match contact_point::look(&visit.app.domain, None, code).await? {
        Scan::Point(point) => with_device(visit, |visit| write_page(visit, &point, draft)),
        Scan::Revoked(withdrawn) => return Ok(revoked(visit, code, &withdrawn, Some(&draft.text))),
        Scan::Nobody(answering) => return Ok(nobody(visit, code, &answering, Some(&draft.text))),
        Scan::Unknown | Scan::Known(_) => return Ok(unknown(visit, code.as_str())),
    };
    *response.status_mut() = status;
    Ok(response)
}

fn write_page(visit: &Visit, point: &Point, draft: Draft) -> Response {
    let l = visit.language;
    let name = point.answering.card().name_in(l).to_owned();
    // In the words of somebody who is away it would only confuse.
    let welcome = point
        .welcome()
        .filter(|_| point.answering.stand_in.is_none())
        .map(|text| view! { <p class="msg hello"><span class="say">{text.to_owned()}</span></p> });
    let is_bad = draft.error.is_some();
    let main = view! {
        <main id="main" class="col">
            {full_card(visit, point)}
            {welcome}
            <form class="write" id="write" method="post" action=format!("/q/{}", point.point.code)>
                <input type="hidden" name="key" value=draft.key/>
                {visit.csrf_field()}
                <label for="text">{t!(l, resident.write_to, name = name.clone())}</label>
                {field_error("text", draft.error)}
                <textarea
                    class="in"
                    id="text"
                    name="text"
                    rows="3"
                    required
                    aria-invalid=is_bad.then_some("true")
                    aria-describedby=if is_bad { "text-e text-h" } else { "text-h" }
                >{inside(&draft.text)}</textarea>
                <button class="btn wide">{icon(Icon::Send)}{t!(l, resident.send)}</button>
                <p class="hint" id="text-h">{t!(l, resident.write_hint, name = name.clone())}</p>
            </form>
            {looks_wrong(l, &point.point.code)}
            <FirstMessage code=point.point.code.to_string() waiting=t!(l, resident.waiting_for_network)/>
        </main>
    };
    Page::new(visit, t!(l, resident.write_to, name = name)).unit(point.answering.post.unit_in(l)).with_islands().render(main)
}

fn unknown(visit: &Visit, typed: &str) -> Response {
    let l = visit.language;
    let typed: String = typed.chars().filter(|c| !c.is_control()).take(20).collect();
    let main = view! {
        <main id="main" class="col page">
            <div class="empty">{art(&STICKER)}<h1>{t!(l, resident.unknown)}</h1><p>{t!(l, resident.unknown_text)}</p></div>
            <form method="get" action="/q">
                <div class="f">
                    <label for="code">{t!(l, resident.code)}</label>
                    <input class="in code" id="code" name="code" value=typed autocomplete="off" autocapitalize="characters" spellcheck="false"/>
                </div>
                <button class="btn wide">{t!(l, resident.open)}</button>
            </form>
        </main>
    };
    Page::new(visit, t!(l, resident.unknown)).status(StatusCode::NOT_FOUND).render(main)
}

/// The way to say that something is wrong with a sticker.
pub fn looks_wrong(l: Language, code: &PointCode) -> impl IntoView + use<> {
    view! { <p class="quiet"><a href=format!("/q/{code}/wrong")>{t!(l, codes.wrong)}</a></p> }
}

/// What was written, to be copied: it is not lost because it could not be sent.
fn unsent(l: Language, written: Option<&str>) -> Option<AnyView> {
    let written = written.map(str::trim).filter(|text| !text.is_empty())?;
    let text = inside(written);
    Some(
        view! {
            <div class="f">
                <label for="unsent">{t!(l, resident.unsent)}</label>
                <textarea class="in" id="unsent" rows="4" readonly>{text}</textarea>
            </div>
        }
        .into_any(),
    )
}

fn revoked(visit: &Visit, code: &PointCode, withdrawn: &Withdrawn, written: Option<&str>) -> Response {
    let l = visit.language;
    let post = &withdrawn.answering.post;
    let (unit, title) = (post.unit_in(l), post.title_in(l));
    let place = l.name(&withdrawn.place, withdrawn.place_en.as_deref());
    let ask = if post.ended_at.is_some() {
        t!(l, resident.revoked_ask_ended, unit = unit, title = title, place = place)
    } else {
        t!(l, resident.revoked_ask, unit = unit, title = title, place = place)
    };
    let main = view! {
        <main id="main" class="col page">
            <div class="empty">
                {art(&STICKER)}<h1>{t!(l, resident.revoked)}</h1><p>{t!(l, resident.revoked_text)}</p><p>{ask}</p>
                <p><a class="btn" href="/c">{t!(l, resident.see_mine)}</a></p>
            </div>
            {unsent(l, written)}
            {looks_wrong(l, code)}
        </main>
    };
    Page::new(visit, t!(l, resident.revoked)).unit(unit).status(StatusCode::GONE).render(main)
}

fn nobody(visit: &Visit, code: &PointCode, answering: &Answering, written: Option<&str>) -> Response {
    let l = visit.language;
    let (unit, title) = (answering.post.unit_in(l), answering.post.title_in(l));
    let main = view! {
        <main id="main" class="col page">
            <div class="empty">
                {art(&LETTER)}<h1>{t!(l, resident.nobody)}</h1><p>{t!(l, resident.nobody_text, unit = unit, title = title)}</p>
            </div>
            {unsent(l, written)}
            <div class="banner time">{icon(Icon::Alert)}<p>{t!(l, resident.emergency)}</p></div>
            {looks_wrong(l, code)}
        </main>
    };
    Page::new(visit, t!(l, resident.nobody)).unit(unit).status(StatusCode::SERVICE_UNAVAILABLE).render(main)
}
