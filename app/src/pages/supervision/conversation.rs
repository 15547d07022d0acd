//! `/supervision/conversations/{id}`: a conversation to read. It is on record before it is shown; nothing can be written here.

use super::unit::way;
use crate::{
    components::{
        icon::{Icon, icon},
        log::{Log, Side},
    },
    error::AppError,
    pages::unit::named,
    shell::Page,
    visit::{AsSupervisor, Visit},
};
use axum::{
    extract::{Path, Query},
    response::Response,
};
use domain::{
    desk,
    supervision::{self, Reading},
};
use i18n::{t, when};
use leptos::prelude::*;
use model::{At, ConversationId};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Older {
    /// Show the messages below this number.
    before: Option<i64>,
}

pub async fn show(
    visit: Visit,
    AsSupervisor(supervisor): AsSupervisor,
    Path(id): Path<ConversationId>,
    Query(older): Query<Older>,
) -> Result<Response, AppError> {
    let l = visit.language;
    let view = supervision::read(&visit.app.domain, &supervisor, id, older.before).await?.ok_or(AppError::NotFound)?;
    let contact = t!(l, inbox.contact, number = desk::short_id(view.conversation.contact_id));
    let log = Log {
        language: l,
        side: Side::Staff { contact: &contact, seen: view.conversation.contact_seen_seq },
        calendar: &view.calendar.calendar,
        now: visit.now,
    };
    let first = view.messages.first().map_or(1, |m| m.seq);
    let older_link =
        (first > 1).then(|| view! { <p class="older"><a href=format!("/supervision/conversations/{id}?before={first}")>{t!(l, inbox.older)}</a></p> });
    let newest = older.before.map(|_| view! { <p class="older"><a href=format!("/supervision/conversations/{id}")>{t!(l, inbox.newest)}</a></p> });
    let post = named(&view.post.title, Some(&view.post.unit_name));
    let place = view.place.clone().map(|place| format!("{place} · ")).unwrap_or_default();
    let main = view! {
        <main id="main" class="wide">
            {way(l, &view.above)}
            <h1>{contact.clone()}</h1>
            <p>{place}<a href=format!("/supervision/posts/{}", view.post.post_id)>{post}</a></p>
            <div class="banner slim" role="note">{icon(Icon::Eye)}<div><p>{t!(l, people.read_only)}</p></div></div>
            {state(&visit, &view)}
            {older_link}
            <ol class="log" aria-label=t!(l, inbox.messages)>{log.lines(None, &view.messages)}</ol>
            {newest}
        </main>
    };
    Ok(Page::new(&visit, contact.clone()).body_class("at-desk").for_staff(&supervisor.staff).await?.render(main))
}

/// Who waits until when.
fn state(visit: &Visit, view: &Reading) -> Option<impl IntoView + use<>> {
    let l = visit.language;
    let calendar = &view.calendar.calendar;
    let said = |at: At| when::moment(l, &calendar.local(at), &calendar.local(visit.now));
    view.wait.as_ref().map(|wait| {
        let is_late = wait.due_at <= visit.now;
        let words = if is_late { t!(l, people.was_due, when = said(wait.due_at)) } else { t!(l, people.is_due, when = said(wait.due_at)) };
        let (class, glyph) = if is_late { ("promise late", Icon::Alert) } else { ("promise", Icon::Clock) };
        view! { <p class=class>{icon(glyph)}<span>{words}</span></p> }
    })
}
