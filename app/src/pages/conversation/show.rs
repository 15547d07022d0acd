//! `/c/{id}`: the conversation as the resident sees it. For the island: `#talk` holds the addresses, `#log` the messages, `#promise` the promise.

use super::email;
use crate::{
    components::{
        card::{away, disc, unit_mark},
        icon::{Icon, icon},
        log::{Log, Side},
        qr::quick_qr,
    },
    error::AppError,
    form::{Posted, field_error, inside, text_error, wait},
    islands::talk::Talk,
    pages::contact_point::show::looks_wrong,
    shell::Page,
    visit::{Resident, Visit},
};
use axum::{
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use domain::{
    claim::{self, ClaimError},
    conversation::{self, Promise, SendError, Typed, View},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, ClientKey, ConversationId, calendar::Calendar};
use qrcode::EcLevel;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Older {
    /// Show the messages below this number.
    before: Option<i64>,
}

pub async fn show(visit: Visit, Resident(device): Resident, Path(id): Path<ConversationId>, Query(older): Query<Older>) -> Result<Response, AppError> {
    let view = conversation::view(&visit.app.domain, &device, id, older.before).await?.ok_or(AppError::NotFound)?;
    Ok(page(&visit, &view, Draft::new(&visit), StatusCode::OK))
}

#[derive(Deserialize)]
pub struct NextMessage {
    #[serde(default)]
    text: String,
    key: ClientKey,
}

/// A further message. The island asks for the bare outcome (`Accept: text/plain`), a form gets the page.
pub async fn send(
    visit: Visit,
    Resident(device): Resident,
    Path(id): Path<ConversationId>,
    headers: HeaderMap,
    Posted(form): Posted<NextMessage>,
) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let device_key = visit.device_key.as_deref().unwrap_or("");
    let typed = Typed { device_key, text: &form.text, client_key: form.key, language: visit.language, address: visit.address };
    let is_island = headers.get("accept").is_some_and(|a| a == "text/plain");
    let mut seconds = None;
    let (status, error) = match conversation::say(domain, &device, id, typed).await {
        Ok(sent) if is_island => return Ok(sent.seq.to_string().into_response()),
        Ok(_) => return Ok(Redirect::to(&format!("/c/{id}")).into_response()),
        Err(SendError::Text(e)) => (StatusCode::UNPROCESSABLE_ENTITY, text_error(visit.language, e)),
        Err(SendError::TooMany(over)) => {
            seconds = Some(over.seconds);
            (StatusCode::TOO_MANY_REQUESTS, t!(visit.language, resident.too_many, seconds = over.seconds))
        }
        Err(SendError::Nobody) => (StatusCode::SERVICE_UNAVAILABLE, t!(visit.language, resident.nobody_now)),
        Err(SendError::NotFound | SendError::Revoked) => return Err(AppError::NotFound),
        Err(SendError::Store(e)) => return Err(e.into()),
    };
    let response = if is_island {
        (status, error).into_response()
    } else {
        let view = conversation::view(domain, &device, id, None).await?.ok_or(AppError::NotFound)?;
        let draft = Draft { text: form.text, key: form.key.0.as_simple().to_string(), error: Some(error) };
        page(&visit, &view, draft, status)
    };
    Ok(match seconds {
        Some(seconds) => wait(response, seconds),
        None => response,
    })
}

/// "That was not me": shuts out the other devices and changes the claim code.
pub async fn end_devices(visit: Visit, Resident(device): Resident, Path(id): Path<ConversationId>) -> Result<Response, AppError> {
    match claim::end_all(&visit.app.domain, &device, id).await {
        Ok(()) => Ok(Redirect::to(&format!("/c/{id}")).into_response()),
        Err(ClaimError::NotFound | ClaimError::TooMany(_)) => Err(AppError::NotFound),
        Err(ClaimError::Store(e)) => Err(e.into()),
    }
}

/// What stands in the text box.
pub struct Draft {
    text: String,
    key: String,
    error: Option<String>,
}

impl Draft {
    pub fn new(visit: &Visit) -> Draft {
        Draft { text: String::new(), key: visit.client_key(), error: None }
    }
}

pub fn page(visit: &Visit, view: &View, draft: Draft, status: StatusCode) -> Response {
    page_with_email(visit, view, draft, status, None)
}

/// The page, with what is wrong with the address just typed, if anything.
pub fn page_with_email(visit: &Visit, view: &View, draft: Draft, status: StatusCode, email: Option<email::Mistake>) -> Response {
    let l = visit.language;
    let card = view.answering.card();
    let name = card.name_in(l).to_owned();
    let calendar = &view.answering.calendar.calendar;
    let log = Log { language: l, side: Side::Contact, calendar, now: visit.now };
    let id = view.conversation.id;
    let first_seq = view.messages.first().map_or(1, |m| m.seq);
    let older = (first_seq > 1).then(|| view! { <p class="older"><a href=format!("/c/{id}?before={first_seq}")>{t!(l, resident.older)}</a></p> });
    let last_seq = view.messages.last().map_or(0, |m| m.seq);
    let after = if view.is_newest {
        view! { <noscript><iframe class="after" src=format!("/c/{id}/after/{last_seq}") title=t!(l, resident.any_news)></iframe></noscript> }.into_any()
    } else {
        view! { <p class="older"><a href=format!("/c/{id}")>{t!(l, resident.newest)}</a></p> }.into_any()
    };
    let main = view! {
        <main id="main" class="col chat">
            <div id="who">{who(visit, &view.promise)}</div>
            <div id="promise">{promise(visit, &view.promise)}</div>
            {other_devices(visit, view)}
            {older}
            <ol class="log" id="log" aria-live="polite" aria-label=t!(l, resident.messages)>{log.lines(None, &view.messages)}</ol>
            {after}
            {write_form(visit, id, &name, draft)}
            {receipt(visit, view)}
            {view.is_owner.then(|| email::fold(visit, view, email))}
            {view.point_code.as_ref().map(|code| looks_wrong(l, code))}
            {view.is_newest.then(|| talk(visit, id, last_seq))}
        </main>
    };
    let page = Page::new(visit, t!(l, resident.conversation_with, name = name)).unit(view.answering.post.unit_in(l)).status(status).with_islands();
    match &visit.device_key {
        // Half a year from this visit.
        Some(key) => page.cookie(visit.device_cookie(key)).render(main),
        None => page.render(main),
    }
}

/// Who answers, with the words for the box below, which change with them.
pub fn who(visit: &Visit, promise: &Promise) -> impl IntoView + use<> {
    let (l, card) = (visit.language, &promise.card);
    let name = card.name_in(l).to_owned();
    let write = t!(l, resident.write_to, name = name.clone());
    let away = promise.away.as_ref().map(|gone| away(visit, &promise.calendar.calendar, gone, &name));
    view! { <section class="who mini" data-write=write>{disc(card)}<div><h1>{name}</h1>{unit_mark(l, card.unit_in(l))}{away}</div></section> }
}

fn talk(visit: &Visit, id: ConversationId, last_seq: i64) -> impl IntoView + use<> {
    let l = visit.language;
    view! {
        <Talk
            address=format!("/c/{id}")
            last_seq=last_seq
            waiting=t!(l, resident.waiting_for_network)
            sending=t!(l, resident.sending)
            failed=t!(l, resident.send_failed)
        />
    }
}

/// The dated promise, or what became of it.
pub fn promise(visit: &Visit, promise: &Promise) -> AnyView {
    let l = visit.language;
    let calendar = &promise.calendar.calendar;
    let name = promise.card.name_in(l);
    match (promise.due_at, promise.answered_after) {
        (Some(due), _) if due < visit.now => view! {
            <p class="promise pin late" role="status">{icon(Icon::Alert)}<span>{t!(l, resident.promise_late, name = name, when = said(visit, calendar, due))}</span></p>
        }
        .into_any(),
        (Some(due), _) => view! {
            <p class="promise pin" role="status">
                {icon(Icon::Clock)}
                <span>
                    {t!(l, resident.promise_before, name = name)}<time datetime=due.timestamp().to_string()>{said(visit, calendar, due)}</time>
                    {t!(l, resident.promise_after)}
                </span>
            </p>
        }
        .into_any(),
        (None, Some(seconds)) => view! {
            <p class="promise pin done" role="status">
                {icon(Icon::Tick)}<span>{t!(l, resident.answered_before)}<strong>{when::working(l, seconds)}</strong>{t!(l, resident.answered_after)}</span>
            </p>
        }
        .into_any(),
        (None, None) => ().into_any(),
    }
}

fn said(visit: &Visit, calendar: &Calendar, at: At) -> String {
    when::moment(visit.language, &calendar.local(at), &calendar.local(visit.now))
}

/// Told to the device that began the conversation, with the way to end it.
fn other_devices(visit: &Visit, view: &View) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    (view.is_owner && view.claims > 0).then(|| {
        view! {
            <div class="banner">
                {icon(Icon::Phone)}
                <div>
                    <p>{t!(l, resident.other_devices, count = view.claims)}</p>
                    <form class="acts" method="post" action=format!("/c/{}/devices/end", view.conversation.id)>
                        {visit.csrf_field()}<button class="btn alt">{t!(l, resident.end_devices)}</button>
                    </form>
                </div>
            </div>
        }
    })
}

fn write_form(visit: &Visit, id: ConversationId, name: &str, draft: Draft) -> impl IntoView + use<> {
    let l = visit.language;
    let is_bad = draft.error.is_some();
    let label = t!(l, resident.write_to, name = name.to_owned());
    view! {
        <form class="write bar" id="write" method="post" action=format!("/c/{id}")>
            <input type="hidden" name="key" value=draft.key/>
            {visit.csrf_field()}
            <label class="sr" for="text">{label.clone()}</label>
            {field_error("text", draft.error)}
            <div class="line">
                <textarea
                    class="in"
                    id="text"
                    name="text"
                    rows="1"
                    required
                    placeholder=label
                    aria-invalid=is_bad.then_some("true")
                    aria-describedby=is_bad.then_some("text-e")
                >{inside(&draft.text)}</textarea>
                <button class="btn">{icon(Icon::Send)}{t!(l, resident.send)}</button>
            </div>
        </form>
    }
}

/// The claim code as text and as a QR code.
fn receipt(visit: &Visit, view: &View) -> impl IntoView + use<> {
    let l = visit.language;
    let code = view.claim_code.grouped().replace(' ', "-");
    let address = format!("{}/claim/{}", visit.app.domain.public_url, view.claim_code);
    let is_new = view.conversation.last_seq <= 2;
    view! {
        <details class="fold receipt" open=is_new.then_some("")>
            <summary>{icon(Icon::Key)}<span>{t!(l, resident.claim_code)}<span class="code">{code.clone()}</span></span><span class="turn">{icon(Icon::Turn)}</span></summary>
            <div class="body">
                <p>{t!(l, resident.claim_text)}</p>
                <div class="qr">{quick_qr(&address, EcLevel::M, t!(l, resident.claim_qr))}</div>
                <p class="code">{code}</p>
                <p class="hint">{t!(l, resident.claim_hint)}</p>
            </div>
        </details>
    }
}
