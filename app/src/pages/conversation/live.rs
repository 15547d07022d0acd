//! `/c/{id}/live`: the resident's live stream. Events: `messages` (new `<li>`s, id = last number), `promise` (its line), `who`
//! (who answers now), `end`.

use super::show::{promise, who};
use crate::{
    components::log::{Log, Side},
    error::AppError,
    live::{Read, event, resume_point, stream},
    shell::render,
    visit::{Resident, Visit},
};
use axum::{
    extract::{Path, Query},
    http::HeaderMap,
    response::{IntoResponse, Response, sse::Event},
};
use domain::{
    Device,
    conversation::{self, News, PAGE},
    live::{self, Open, Topic},
    row::Card,
};
use leptos::prelude::*;
use model::ConversationId;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct From {
    /// The last number the page shows.
    #[serde(default)]
    after: i64,
}

/// What the reader already has.
struct Seen {
    visit: Visit,
    device: Device,
    id: ConversationId,
    seq: i64,
    promise: Option<String>,
    /// Who answered when last told; the page shows it already.
    card: Card,
    _open: Open,
}

pub async fn live(
    visit: Visit,
    Resident(device): Resident,
    Path(id): Path<ConversationId>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let domain = &visit.app.domain;
    let seq = resume_point(&headers, from.after);
    let open = domain.hub.open(live::Reader::Device(device.id)).ok_or(AppError::TooMany { seconds: 30 })?;
    // Watch before the first look, so that nothing falls in between.
    let wakes = vec![domain.hub.watch(Topic::Conversation(id))];
    let news = conversation::news(domain, &device, id, seq).await?.ok_or(AppError::NotFound)?;
    let app = visit.app.clone();
    let seen = Seen { visit, device, id, seq, promise: None, card: news.promise.card, _open: open };
    Ok(stream(&app, wakes, seen, read).into_response())
}

async fn read(mut seen: Seen) -> (Seen, Read) {
    let domain = &seen.visit.app.domain;
    match conversation::news(domain, &seen.device, seen.id, seen.seq).await {
        Ok(Some(news)) => {
            let is_full = news.messages.len() as i64 == PAGE;
            let events = events(&mut seen, &news);
            (seen, if is_full { Read::More(events) } else { Read::Events(events) })
        }
        Ok(None) => (seen, Read::End),
        Err(e) => {
            tracing::error!(error = %e, "a live stream could not read");
            (seen, Read::Failed)
        }
    }
}

fn events(seen: &mut Seen, news: &News) -> Vec<Event> {
    let visit = seen.visit.at_now();
    let mut events = Vec::new();
    if let Some(last) = news.messages.last() {
        let log = Log { language: visit.language, side: Side::Contact, calendar: &news.promise.calendar.calendar, now: visit.now };
        let html = render(&visit, || log.lines(news.above.as_ref(), &news.messages).into_any());
        events.push(event("messages", &html).id(last.seq.to_string()));
        seen.seq = last.seq;
    }
    let html = render(&visit, || promise(&visit, &news.promise));
    if seen.promise.as_ref() != Some(&html) {
        events.push(event("promise", &html));
        seen.promise = Some(html);
    }
    if seen.card != news.promise.card {
        events.push(event("who", &render(&visit, || who(&visit, &news.promise).into_any())));
        seen.card = news.promise.card.clone();
    }
    events
}
