//! One conversation, as the desk shows it and as it goes on.

use super::{DeskError, inbox::start_of_day, later::later_at};
use crate::{
    Domain, Staff, audit,
    calendar::{self, UnitCalendar},
    conversation::{PAGE, topics},
    duty,
    live::Topic,
};
use model::{At, ConversationId, StaffId};
use std::sync::Arc;
use store::{
    Conn, Result,
    contact::Contact,
    conversation::Conversation,
    inbox::{Row, Target},
    message::{Audience, Message},
    post::Card,
    quick_reply::QuickReply,
    scheduled_reply::ScheduledReply,
    wait::{Told, Wait},
};

/// How a conversation stands at this moment: what the head and the dock of the page show.
pub struct Standing {
    pub conversation: Conversation,
    pub contact: Contact,
    pub post: Card,
    /// The open wait.
    pub wait: Option<Wait>,
    /// Working seconds the last answer took, when nothing is open.
    pub answered_after: Option<i64>,
    /// To be sent later, each with its writer's name.
    pub scheduled: Vec<(ScheduledReply, String)>,
    /// When a reply written now could be sent instead.
    pub later_at: Option<At>,
    pub calendar: Arc<UnitCalendar>,
    /// Other members of staff who look at it now.
    pub also_here: Vec<String>,
}

pub struct View {
    pub standing: Standing,
    pub devices: i64,
    /// The post is another's.
    pub stands_in: bool,
    pub place: Option<String>,
    pub messages: Vec<Message>,
    pub waits: Vec<Told>,
    /// Other conversations of this contact, as far as the reader may see them.
    pub others: Vec<Row>,
    pub targets: Vec<Target>,
    pub quick_replies: Vec<QuickReply>,
}

/// A conversation with its last page of messages, or the page below `before`. Marks it as seen, and keeps a record when somebody reads what
/// belongs to another's post.
pub async fn show(domain: &Domain, staff: &Staff, id: ConversationId, before: Option<i64>) -> std::result::Result<View, DeskError> {
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let conversation = store::conversation::of_staff(c, staff.id, id, now).await?.ok_or(DeskError::NotFound)?;
    let messages = store::message::before(c, id, Audience::Staff, before.unwrap_or(i64::MAX), PAGE).await?;
    let place = match conversation.contact_point_id {
        Some(point) => store::contact_point::find(c, point).await?.map(|p| p.place),
        None => None,
    };
    let (post_id, contact_id) = (conversation.post_id, conversation.contact_id);
    let view = View {
        devices: store::contact::count_devices(c, contact_id, id).await?,
        stands_in: !store::holding::is_held(c, post_id, staff.id, now).await?,
        waits: store::wait::history(c, id).await?,
        others: store::inbox::of_contact(c, staff.id, now, contact_id, id).await?,
        targets: store::inbox::targets(c, post_id, now).await?,
        quick_replies: store::quick_reply::of_post(c, post_id).await?,
        standing: standing(domain, c, staff.id, conversation).await?.ok_or(DeskError::NotFound)?,
        place,
        messages,
    };
    drop(conn);
    if view.stands_in {
        record_reading(domain, staff.id, &[id], &view.standing.calendar).await?;
    }
    if before.is_none() {
        saw(domain, &view.standing.conversation, &view.standing.post, view.standing.conversation.last_seq).await?;
    }
    Ok(view)
}

/// How a conversation stands now, and its waits. `None` when it is not the reader's.
pub async fn glance(domain: &Domain, staff: &Staff, id: ConversationId) -> Result<Option<(Standing, Vec<Told>)>> {
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(conversation) = store::conversation::of_staff(c, staff.id, id, domain.now()).await? else { return Ok(None) };
    let Some(standing) = standing(domain, c, staff.id, conversation).await? else { return Ok(None) };
    Ok(Some((standing, store::wait::history(c, id).await?)))
}

async fn standing(domain: &Domain, c: &mut Conn, staff: StaffId, conversation: Conversation) -> Result<Option<Standing>> {
    let Some(post) = store::post::card(c, conversation.post_id, domain.now()).await? else { return Ok(None) };
    let Some(contact) = store::contact::find(c, conversation.contact_id).await? else { return Ok(None) };
    let calendar = calendar::of_unit(domain, c, post.unit_id).await?;
    let last = store::wait::last(c, conversation.id).await?;
    let mut also_here: Vec<String> = domain.hub.looking_at(conversation.id).into_iter().filter(|(other, _)| *other != staff).map(|(_, name)| name).collect();
    also_here.sort();
    Ok(Some(Standing {
        answered_after: last.as_ref().and_then(|w| Some(calendar.calendar.working_seconds(w.opened_at, w.closed_at?))),
        wait: last.filter(|w| w.closed_at.is_none()),
        scheduled: store::scheduled_reply::of_conversation(c, conversation.id).await?,
        later_at: later(domain, c, staff, &post).await?,
        calendar,
        conversation,
        contact,
        post,
        also_here,
    }))
}

/// When a reply of this member of staff for a post could be sent instead of now.
pub(super) async fn later(domain: &Domain, c: &mut Conn, staff: StaffId, post: &Card) -> Result<Option<At>> {
    let now = domain.now();
    let Some(person) = store::staff::find(c, staff).await? else { return Ok(None) };
    let off_duty = duty::off(c, &person, now).await?.map(|(_, until)| until);
    let calendar = calendar::of_unit(domain, c, post.unit_id).await?;
    Ok(later_at(&calendar, off_duty, now))
}

/// Keeps, once a day for each conversation, that somebody read what belongs to a post they stand in for.
pub(super) async fn record_reading(domain: &Domain, staff: StaffId, read: &[ConversationId], calendar: &UnitCalendar) -> Result<()> {
    // As with nearly every search: a connection is not asked for.
    if read.is_empty() {
        return Ok(());
    }
    let now = domain.now();
    let today = start_of_day(&calendar.calendar, now);
    let mut conn = domain.db.read().await?;
    let unrecorded = unrecorded(&mut conn, staff, read, today).await?;
    drop(conn);
    if unrecorded.is_empty() {
        return Ok(());
    }
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                // Of two tabs at the same moment one records it. Nothing else is locked here.
                store::audit::hold(c).await?;
                for id in self::unrecorded(c, staff, &unrecorded, today).await? {
                    audit::append(c, now, Some(staff), READ, &id.to_string(), "").await?;
                }
                Ok(())
            })
        })
        .await
}

const READ: &str = "conversation.read_as_stand_in";

async fn unrecorded(c: &mut Conn, staff: StaffId, read: &[ConversationId], since: At) -> Result<Vec<ConversationId>> {
    let mut unrecorded = Vec::new();
    for id in read {
        if !store::audit::has_done(c, staff, READ, &id.to_string(), since).await? {
            unrecorded.push(*id);
        }
    }
    Ok(unrecorded)
}

/// A page that shows the conversation says up to where. Not told by the stream itself: a page in the background has shown nothing to anybody.
pub async fn seen(domain: &Domain, staff: &Staff, id: ConversationId, seq: i64) -> Result<Option<()>> {
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let Some(conversation) = store::conversation::of_staff(&mut conn, staff.id, id, now).await? else { return Ok(None) };
    let Some(post) = store::post::card(&mut conn, conversation.post_id, now).await? else { return Ok(None) };
    drop(conn);
    saw(domain, &conversation, &post, seq.min(conversation.last_seq)).await.map(Some)
}

/// The post has seen everything up to `seq`: the lists of all who share it say so.
async fn saw(domain: &Domain, conversation: &Conversation, post: &Card, seq: i64) -> Result<()> {
    if conversation.staff_seen_seq >= seq {
        return Ok(());
    }
    let id = conversation.id;
    domain.db.write(move |c| Box::pin(async move { store::conversation::staff_saw(c, id, seq).await })).await?;
    domain.hub.wake_all(topics(id, post.post_id, post.answering_id).filter(|t| matches!(t, Topic::Post(_))));
    Ok(())
}

/// What a reader who has everything up to a number has missed, and how the conversation stands.
pub struct News {
    /// The message just above, for the look of the first new one.
    pub above: Option<Message>,
    /// [`PAGE`] at most; a full page may not be all.
    pub messages: Vec<Message>,
    pub standing: Standing,
}

/// What came after the message numbered `after`. `None` when the conversation is not, or no longer, the reader's.
pub async fn news(domain: &Domain, staff: &Staff, id: ConversationId, after: i64) -> Result<Option<News>> {
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(conversation) = store::conversation::of_staff(c, staff.id, id, domain.now()).await? else { return Ok(None) };
    let above = store::message::before(c, id, Audience::Staff, after.saturating_add(1), 1).await?.pop();
    let messages = store::message::after(c, id, Audience::Staff, after, PAGE).await?;
    let Some(standing) = standing(domain, c, staff.id, conversation).await? else { return Ok(None) };
    Ok(Some(News { above, messages, standing }))
}

/// Begins to watch a conversation: others see who is here until the guard is dropped. `None` when it is not the reader's.
pub async fn watch(domain: &Domain, staff: &Staff, id: ConversationId) -> Result<Option<crate::live::Presence>> {
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let Some(conversation) = store::conversation::of_staff(&mut conn, staff.id, id, now).await? else { return Ok(None) };
    let stands_in = !store::holding::is_held(&mut conn, conversation.post_id, staff.id, now).await?;
    let Some(post) = store::post::card(&mut conn, conversation.post_id, now).await? else { return Ok(None) };
    let calendar = calendar::of_unit(domain, &mut conn, post.unit_id).await?;
    drop(conn);
    if stands_in {
        record_reading(domain, staff.id, &[id], &calendar).await?;
    }
    Ok(Some(domain.hub.enter(id, staff.id, &staff.name)))
}
