//! Replies written out of hours and sent when work begins.

use super::{DeskError, Held};
use crate::{
    Domain, Staff,
    calendar::{self, UnitCalendar},
    conversation::topics,
};
use i18n::t;
use model::{At, ClientKey, ConversationId, ScheduledReplyId, WaitId, text};
use store::{
    Conn,
    post::Card,
    scheduled_reply::{self, ScheduledReply},
    staff::Staff as Person,
};

/// The moment "send later" means: when work begins again. Not offered to somebody who is at work. `off_duty` holds until when, if that is known.
pub(super) fn later_at(calendar: &UnitCalendar, off_duty: Option<Option<At>>, now: At) -> Option<At> {
    let calendar = &calendar.calendar;
    let at = match off_duty {
        Some(Some(until)) => calendar.next_working(until.max(now))?,
        // Off duty with no end in sight: the next time work begins.
        Some(None) if calendar.is_working(now) => calendar.next_working(calendar.changes_at(now)?)?,
        _ => calendar.next_working(now)?,
    };
    (at > now).then_some(at)
}

/// Keeps a reply until work begins. The same client key again keeps the first.
pub async fn schedule(domain: &Domain, staff: &Staff, id: ConversationId, typed: &str, client_key: ClientKey) -> Result<ScheduledReply, DeskError> {
    let body = text::message(typed)?;
    let client_key = client_key.with(&body);
    let (d, staff, now) = (domain.clone(), staff.id, domain.now());
    let (reply, card) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let held = Held::load(c, staff, id, now).await?;
                let send_at = super::show::later(&d, c, staff, &held.card).await?.ok_or(DeskError::WorkingTime)?;
                let reply = ScheduledReply {
                    id: ScheduledReplyId(d.id()),
                    conversation_id: id,
                    staff_id: staff,
                    body,
                    client_key,
                    created_at: now,
                    send_at,
                    sent_at: None,
                    cancelled_at: None,
                    post_id: Some(held.conversation.post_id),
                };
                scheduled_reply::insert(c, &reply).await?;
                Ok::<_, DeskError>((reply, held.card))
            })
        })
        .await?;
    domain.hub.wake_all(topics(id, card.post_id, card.answering_id));
    Ok(reply)
}

/// Takes a scheduled reply back and gives its text. Whoever may write in the conversation may do that.
pub async fn cancel_scheduled(domain: &Domain, staff: &Staff, id: ConversationId, reply: ScheduledReplyId) -> Result<String, DeskError> {
    let (staff, now) = (staff.id, domain.now());
    let (card, body) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let held = Held::load(c, staff, id, now).await?;
                let found = scheduled_reply::find(c, reply).await?.filter(|r| r.conversation_id == id).ok_or(DeskError::NotFound)?;
                if !scheduled_reply::cancel(c, found.id, now).await? {
                    return Err(DeskError::TooLate);
                }
                Ok::<_, DeskError>((held.card, found.body))
            })
        })
        .await?;
    domain.hub.wake_all(topics(id, card.post_id, card.answering_id));
    Ok(body)
}

/// Scheduled replies sent in one go.
const BATCH: i64 = 200;

/// Sends what is due; called every few seconds. Who could write when they wrote it has sent it, even if the holder is back by now; but a
/// conversation that was handed over, or a writer who has left, sends nothing: what they wrote is left as a note, so that whoever answers now
/// can use it. Gives how many were dealt with.
pub async fn send_due(domain: &Domain) -> store::Result<usize> {
    let due = {
        let mut conn = domain.db.read().await?;
        scheduled_reply::due(&mut conn, domain.now(), BATCH).await?
    };
    let count = due.len();
    for reply in due {
        let id = reply.conversation_id;
        match send(domain, reply).await {
            Ok(Some(card)) => domain.hub.wake_all(topics(id, card.post_id, card.answering_id)),
            Ok(None) => {}
            // The others are not held up by one; it is tried again.
            Err(e) => tracing::error!(error = %e, "a scheduled reply could not be sent"),
        }
    }
    Ok(count)
}

async fn send(domain: &Domain, reply: ScheduledReply) -> store::Result<Option<Card>> {
    let (d, now) = (domain.clone(), domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::conversation::hold(c, reply.conversation_id).await?;
                // Another node, or a cancellation, may have come first.
                if !scheduled_reply::set_sent(c, reply.id, now).await? {
                    return Ok(None);
                }
                let writer = store::staff::find(c, reply.staff_id).await?;
                let Some(held) = as_written(c, &reply, now).await? else { return Ok(None) };
                let is_there = writer.as_ref().is_some_and(|w| w.ended_at.is_none());
                if !is_there || reply.post_id != Some(held.conversation.post_id) {
                    return drop_with_note(&d, c, held, reply, writer).await;
                }
                held.answer(&d, c, reply.body, reply.client_key).await?;
                keep_unseen(&d, c, &held).await?;
                Ok(Some(held.card))
            })
        })
        .await
}

/// The conversation as its writer holds it, or did: who stood in and does not any more writes in the name of its post.
async fn as_written(c: &mut Conn, reply: &ScheduledReply, now: At) -> store::Result<Option<Held>> {
    match Held::load(c, reply.staff_id, reply.conversation_id, now).await {
        Ok(held) => return Ok(Some(held)),
        Err(DeskError::Store(e)) => return Err(e),
        Err(_) => {}
    }
    let Some(conversation) = store::conversation::find(c, reply.conversation_id).await? else { return Ok(None) };
    let card = store::post::card(c, conversation.post_id, now).await?;
    Ok(card.map(|card| Held { writes_for: conversation.post_id, conversation, card, staff: reply.staff_id, now }))
}

/// What the contact wrote that nobody had read when the reply went out by itself is not answered by it: it stays unread, and waits.
async fn keep_unseen(domain: &Domain, c: &mut Conn, held: &Held) -> store::Result<()> {
    let conversation = &held.conversation;
    let unseen = store::message::first_of_contact_after(c, conversation.id, conversation.staff_seen_seq).await?;
    let Some((seq, sent_at)) = unseen else { return Ok(()) };
    let calendar = calendar::of_unit(domain, c, held.card.unit_id).await?;
    store::conversation::staff_saw_only(c, conversation.id, conversation.staff_seen_seq).await?;
    store::wait::open_late(c, WaitId(domain.id()), conversation.id, seq, sent_at, calendar.due(sent_at)).await
}

async fn drop_with_note(domain: &Domain, c: &mut Conn, held: Held, reply: ScheduledReply, writer: Option<Person>) -> store::Result<Option<Card>> {
    let Some(writer) = writer else { return Ok(Some(held.card)) };
    let body = t!(writer.language, inbox.not_sent, name = writer.name, text = reply.body);
    held.note(domain, c, body, ClientKey(domain.id())).await?;
    if held.conversation.staff_seen_seq < held.conversation.last_seq {
        store::conversation::staff_saw_only(c, held.conversation.id, held.conversation.staff_seen_seq).await?;
    }
    Ok(Some(held.card))
}
