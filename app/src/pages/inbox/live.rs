//! `/inbox/live` and `/inbox/{id}/live`: the desk's live streams. Events: `list` (the list has changed: fetch it anew), and in a conversation
//! `messages` (new `<li>`s, id = last number; they go before the first `.later`), `state` (the whole `#state`), `presence` (the whole `#here`),
//! `later` (all `<li class="msg later">`, instead of those there are). `end`: signed out, or the conversation is another's now.

use super::{list::contact_name, show};
use crate::{
    components::log::{Log, Side},
    error::AppError,
    live::{Read, event, resume_point, stream},
    shell::render,
    visit::{SignedIn, Visit},
};
use axum::{
    extract::{Path, Query},
    http::HeaderMap,
    response::{IntoResponse, Response, sse::Event},
};
use domain::{
    Staff, StoreError,
    conversation::PAGE,
    desk::{self, News},
    live::{self, Open, Presence, Topic},
    session,
};
use leptos::prelude::*;
use model::{ConversationId, PostId};
use serde::Deserialize;
use tokio::sync::watch;

type Wakes = Vec<watch::Receiver<u64>>;

/// Who reads, and what their list depends on.
struct Reader {
    visit: Visit,
    staff: Staff,
    /// The posts whose wake-ups are heard.
    posts: Vec<PostId>,
    _open: Open,
}

impl Reader {
    async fn new(visit: Visit, staff: Staff) -> Result<Reader, AppError> {
        let domain = &visit.app.domain;
        let open = domain.hub.open(live::Reader::Session(staff.session_id)).ok_or(AppError::TooMany { seconds: 30 })?;
        let posts = desk::posts(domain, &staff).await?;
        Ok(Reader { visit, staff, posts, _open: open })
    }

    fn watch(&self, topics: impl IntoIterator<Item = Topic>) -> Wakes {
        let hub = &self.visit.app.domain.hub;
        topics.into_iter().map(|topic| hub.watch(topic)).collect()
    }

    fn post_wakes(&self) -> Wakes {
        self.watch(self.posts.iter().map(|p| Topic::Post(*p)))
    }

    fn session(&self) -> Topic {
        Topic::Session(self.staff.session_id)
    }

    async fn is_signed_in(&self) -> Result<bool, StoreError> {
        session::is_live(&self.visit.app.domain, self.staff.session_id).await
    }

    /// Looks whether other posts are in the inbox now: somebody went off duty, or came back.
    async fn has_other_posts(&mut self) -> Result<bool, StoreError> {
        let posts = desk::posts(&self.visit.app.domain, &self.staff).await?;
        let is_other = posts != self.posts;
        self.posts = posts;
        Ok(is_other)
    }
}

fn list_changed() -> Event {
    event("list", "")
}

fn failed(e: &StoreError) -> Read {
    tracing::error!(error = %e, "a live stream could not read");
    Read::Failed
}

pub async fn list(visit: Visit, SignedIn(staff): SignedIn) -> Result<Response, AppError> {
    let app = visit.app.clone();
    let reader = Reader::new(visit, staff).await?;
    let wakes = list_wakes(&reader);
    Ok(stream(&app, wakes, reader, read_list).into_response())
}

fn list_wakes(reader: &Reader) -> Wakes {
    let mut wakes = reader.post_wakes();
    wakes.extend(reader.watch([reader.session(), Topic::Staff(reader.staff.id)]));
    wakes
}

async fn read_list(mut reader: Reader) -> (Reader, Read) {
    let outcome = match reader.is_signed_in().await {
        Ok(false) => Read::End,
        Ok(true) => match reader.has_other_posts().await {
            Ok(true) => Read::Watch(list_wakes(&reader), vec![list_changed()]),
            Ok(false) => Read::Events(vec![list_changed()]),
            Err(e) => failed(&e),
        },
        Err(e) => failed(&e),
    };
    (reader, outcome)
}

#[derive(Deserialize)]
pub struct From {
    /// The last number the page shows.
    #[serde(default)]
    after: i64,
}

/// What the reader of a conversation already has.
struct Seen {
    reader: Reader,
    id: ConversationId,
    seq: i64,
    state: Option<String>,
    presence: Option<String>,
    later: Option<String>,
    /// The wake-ups that mean that the list has changed.
    list: Wakes,
    /// As long as the stream lives, the others see who is here.
    _here: Presence,
}

pub async fn conversation(
    visit: Visit,
    SignedIn(staff): SignedIn,
    Path(id): Path<ConversationId>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let app = visit.app.clone();
    let here = desk::watch(&app.domain, &staff, id).await?.ok_or(AppError::NotFound)?;
    let reader = Reader::new(visit, staff).await?;
    let list = reader.post_wakes();
    let wakes = conversation_wakes(&reader, id);
    let seq = resume_point(&headers, from.after);
    let seen = Seen { reader, id, seq, state: None, presence: None, later: None, list, _here: here };
    Ok(stream(&app, wakes, seen, read).into_response())
}

fn conversation_wakes(reader: &Reader, id: ConversationId) -> Wakes {
    let mut wakes = list_wakes(reader);
    wakes.extend(reader.watch([Topic::Conversation(id), Topic::Presence(id)]));
    wakes
}

async fn read(mut seen: Seen) -> (Seen, Read) {
    let outcome = match look(&mut seen).await {
        Ok(outcome) => outcome,
        Err(e) => failed(&e),
    };
    (seen, outcome)
}

async fn look(seen: &mut Seen) -> Result<Read, StoreError> {
    if !seen.reader.is_signed_in().await? {
        return Ok(Read::End);
    }
    let mut is_list_changed = false;
    for wake in &mut seen.list {
        is_list_changed |= wake.has_changed().unwrap_or(true);
        wake.mark_unchanged();
    }
    let has_other_posts = seen.reader.has_other_posts().await?;
    if has_other_posts {
        seen.list = seen.reader.post_wakes();
        is_list_changed = true;
    }
    let news = desk::news(&seen.reader.visit.app.domain, &seen.reader.staff, seen.id, seen.seq).await?;
    let Some(news) = news else { return Ok(Read::End) };
    let is_full = news.messages.len() as i64 == PAGE;
    let mut events = events(seen, &news);
    if is_list_changed {
        events.push(list_changed());
    }
    Ok(match (has_other_posts, is_full) {
        (true, _) => Read::Watch(conversation_wakes(&seen.reader, seen.id), events),
        (false, true) => Read::More(events),
        (false, false) => Read::Events(events),
    })
}

fn events(seen: &mut Seen, news: &News) -> Vec<Event> {
    let visit = seen.reader.visit.at_now();
    let standing = &news.standing;
    let mut events = Vec::new();
    if let Some(last) = news.messages.last() {
        let name = contact_name(visit.language, standing.contact.name.as_deref(), standing.contact.id);
        let side = Side::Staff { contact: &name, seen: standing.conversation.contact_seen_seq };
        let log = Log { language: visit.language, side, calendar: &standing.calendar.calendar, now: visit.now };
        let html = render(&visit, || log.lines(news.above.as_ref(), &news.messages).into_any());
        events.push(event("messages", &html).id(last.seq.to_string()));
        seen.seq = last.seq;
    }
    let state = render(&visit, || show::state(&visit, standing));
    let presence = render(&visit, || show::here(visit.language, standing).into_any());
    let later = render(&visit, || show::later(&visit, standing).into_any());
    for (name, had, html) in [("state", &mut seen.state, state), ("presence", &mut seen.presence, presence), ("later", &mut seen.later, later)] {
        if had.as_ref() != Some(&html) {
            events.push(event(name, &html));
            *had = Some(html);
        }
    }
    events
}
