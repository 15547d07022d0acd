//! Conversations of posts that have ended are with whoever answers now as soon as that is written. Their words in the index follow, and their contacts are
//! told, a few at a time: neither may hold up what others write. How far it has come is kept, so that another node, or this one after a kill, goes on.

use super::change::{Change, HoldingRow};
use crate::{Domain, conversation, live::Topic, telling};
use model::{At, ClientKey, ConversationState, Event, ImportId, MessageId, MessageKind, PostId};
use std::collections::{HashMap, HashSet, hash_map::Entry};
use store::{Conn, Result, import::Move, message::New};
use uuid::Uuid;

/// Conversations in one transaction: with thirty messages each, a fifth of a second.
const BATCH: usize = 50;

/// Goes on with what has not been told yet; once a minute, on whichever node is first.
pub async fn tell_moved(domain: &Domain) -> Result<()> {
    let unfinished = store::import::unfinished(&mut domain.db.read().await?).await?;
    for id in unfinished {
        tell(domain, id).await?;
    }
    Ok(())
}

/// Residents of posts that go on are told of another holder as they are when somebody hands a post over.
pub(super) async fn expect(domain: &Domain, holdings: &[Change<HoldingRow>], now: At) -> Result<()> {
    let news = |change: &Change<HoldingRow>| -> Option<(PostId, At)> {
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        let h = after.or(before)?;
        let at = match (before, after) {
            (None, Some(after)) => after.from_at.max(now),
            (_, None) => now,
            (Some(_), Some(after)) => after.until_at?,
        };
        Some((h.post_id, at))
    };
    let news: HashSet<_> = holdings.iter().filter_map(news).collect();
    let posts: Vec<PostId> = news.iter().map(|(post, _)| *post).collect();
    let open: HashSet<PostId> = store::import::with_open(&mut domain.db.read().await?, &posts).await?.into_iter().collect();
    let news: Vec<_> = news.into_iter().filter(|(post, _)| open.contains(post)).collect();
    for some in news.chunks(BATCH) {
        let some = some.to_vec();
        let write = domain.db.write(move |c| {
            Box::pin(async move {
                for (post, at) in some {
                    telling::expect(c, post, at).await?;
                }
                Result::Ok(())
            })
        });
        write.await?;
    }
    if news.is_empty() { Ok(()) } else { telling::tell_due(domain).await }
}

/// Tells the conversations that an import has moved.
pub(super) async fn tell(domain: &Domain, id: ImportId) -> Result<()> {
    let mut conn = domain.db.read().await?;
    let Some((moves, done)) = store::import::moves(&mut conn, id).await? else { return Ok(()) };
    let Some(import) = store::import::find(&mut conn, id).await? else { return Ok(()) };
    let moved_at = import.undone_at.or(import.applied_at).unwrap_or(import.created_at);
    drop(conn);
    let mut done = usize::try_from(done).unwrap_or(0).min(moves.len());
    loop {
        let some: Vec<Move> = moves.iter().skip(done).take(BATCH).copied().collect();
        let next = done + some.len();
        let (inner, now, is_last) = (domain.clone(), domain.now(), next >= moves.len());
        let told = domain
            .db
            .write(move |c| {
                Box::pin(async move {
                    if !store::import::moves_done(c, id, done as i64, next as i64, is_last).await? {
                        return Ok(None);
                    }
                    tell_some(&inner, c, moved_at, &some, now).await.map(Some)
                })
            })
            .await?;
        // Somebody else is at it.
        let Some(told) = told else { return Ok(()) };
        domain.hub.wake_all(told.into_iter().flat_map(|m| [Topic::Conversation(m.id), Topic::Post(m.to)]));
        if is_last {
            return Ok(());
        }
        done = next;
    }
}

async fn tell_some(domain: &Domain, c: &mut Conn, moved_at: At, moves: &[Move], now: At) -> Result<Vec<Move>> {
    let mut cards: HashMap<PostId, Option<String>> = HashMap::new();
    let (mut lines, mut told) = (Vec::new(), Vec::new());
    for m in moves {
        let Some(conversation) = store::conversation::find(c, m.id).await? else { continue };
        // It may have gone further since.
        store::import::move_words(c, m.id, m.from, conversation.post_id).await?;
        if conversation.post_id != m.to || conversation.state != ConversationState::Open {
            continue;
        }
        if let Entry::Vacant(card) = cards.entry(m.to) {
            let person = store::post::card(c, m.to, now).await?.as_ref().and_then(conversation::person);
            card.insert(person.map(|to| Event::HandedOver { to }.write()));
        }
        if let Some(body) = cards.get(&m.to).cloned().flatten() {
            lines.push(line(domain, moved_at, m, body, now));
            told.push(*m);
        }
    }
    if !lines.is_empty() {
        store::message::send(c, &lines).await?;
    }
    Ok(told)
}

/// Its key follows from what it tells, so that it is told once, also where the post has got another holder at the same moment (`telling`).
fn line(domain: &Domain, moved_at: At, m: &Move, body: String, now: At) -> New {
    New {
        id: MessageId(domain.id()),
        conversation_id: m.id,
        kind: MessageKind::Event,
        post_id: None,
        staff_id: None,
        body,
        client_key: ClientKey(Uuid::new_v5(&m.to.0, &moved_at.0.to_be_bytes())),
        sent_at: now,
        wait: None,
    }
}
