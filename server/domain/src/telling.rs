//! When a post has another holder, or none any more, its open conversations are told who answers from now on: one line in each. A mail goes only to
//! those who wait for an answer and have left an address: one, whatever they have open there, and after quiet hours. Everybody else sees the line
//! when they come back.

use crate::{Domain, calendar, conversation::person, live::Topic, post};
use model::{At, ClientKey, ContactId, ConversationId, Event, HoldingId, MailKind, MessageId, MessageKind, OutboxId, PostId, StaffId, calendar::Quiet};
use std::collections::HashSet;
use store::{
    Conn, Result,
    message::New,
    outbox::Mail,
    telling::{Open, Telling},
};
use uuid::Uuid;

/// Conversations told in one transaction: few enough that nobody's message waits long.
const BATCH: i64 = 200;

/// Notes that the open conversations of a post are to be told at a moment. Not when somebody else holds the post before and after it: to the
/// residents nothing changes then. `staff` begins or ceases to hold it by the holding `id`.
pub(crate) async fn expect(c: &mut Conn, id: HoldingId, post_id: PostId, staff_id: StaffId, due_at: At) -> Result<()> {
    let others = store::holding::of_post(c, post_id).await?;
    let stays = others.iter().any(|t| t.id != id && t.staff_id != staff_id && t.from_at <= due_at && t.until_at.is_none_or(|until| until > due_at));
    if stays {
        return Ok(());
    }
    store::telling::insert(c, &Telling { holding_id: key(id, due_at), post_id, staff_id, due_at }).await
}

/// One holding may begin and end: each is told.
fn key(id: HoldingId, at: At) -> HoldingId {
    HoldingId(Uuid::new_v5(&id.0, &at.0.to_be_bytes()))
}

/// What was to be told of a holding at a moment, and is not going to happen then.
pub(crate) async fn forget(c: &mut Conn, id: HoldingId, at: At) -> Result<()> {
    store::telling::delete(c, key(id, at)).await
}

/// Tells what has come to pass; once a minute and after each change, on whichever node is first.
pub async fn tell_due(domain: &Domain) -> Result<()> {
    let due = store::telling::due(&mut domain.db.read().await?, domain.now()).await?;
    for telling in due {
        tell(domain, telling).await?;
    }
    Ok(())
}

async fn tell(domain: &Domain, telling: Telling) -> Result<()> {
    let now = domain.now();
    let answering = match waits_for_login(&mut domain.db.read().await?, telling, now).await? {
        true => None,
        false => post::answering(domain, &mut domain.db.read().await?, telling.post_id).await?.filter(|a| a.post.ended_at.is_none()),
    };
    if let Some(answering) = answering
        && let Some(to) = person(answering.card())
    {
        let body = Event::HandedOver { to }.write();
        let calendar = calendar::of_unit(domain, &mut domain.db.read().await?, answering.post.unit_id).await?;
        let mail_at = calendar.calendar.after_quiet_hours(now, Quiet::default());
        let (mut after, mut mailed) = (ConversationId(Uuid::nil()), HashSet::new());
        loop {
            let open = store::telling::open(&mut domain.db.read().await?, telling.post_id, after, BATCH).await?;
            let Some(last) = open.last() else { break };
            after = last.id;
            mailed = write(domain, telling, body.clone(), open, mail_at, mailed).await?;
        }
    }
    domain.db.write(move |c| Box::pin(async move { store::telling::told(c, telling.holding_id, now).await })).await
}

/// Who has been invited to a post answers once they have a login; that is told then.
async fn waits_for_login(c: &mut Conn, telling: Telling, now: At) -> Result<bool> {
    let holds = store::holding::is_held(c, telling.post_id, telling.staff_id, now).await?;
    let person = store::staff::find(c, telling.staff_id).await?;
    Ok(holds && person.is_some_and(|p| p.activated_at.is_none()))
}

/// Somebody has a login now: what they hold is answered by them from here on.
pub(crate) async fn expect_all(c: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    for term in store::holding::of_staff(c, staff).await? {
        if term.from_at <= now && term.until_at.is_none_or(|until| until > now) {
            expect(c, term.id, term.post_id, staff, now).await?;
        }
    }
    Ok(())
}

/// One batch; gives the contacts who have been written to. The key of each line follows from what it tells, so that two nodes, or one that begins
/// again after it was stopped, tell it once.
async fn write(domain: &Domain, telling: Telling, body: String, open: Vec<Open>, mail_at: At, mut mailed: HashSet<ContactId>) -> Result<HashSet<ContactId>> {
    let (d, now) = (domain.clone(), domain.now());
    let told: Vec<ConversationId> = open.iter().map(|o| o.id).collect();
    let mailed = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let what = Uuid::new_v5(&telling.post_id.0, &telling.due_at.0.to_be_bytes());
                let line = |o: &Open| New {
                    id: MessageId(d.id()),
                    conversation_id: o.id,
                    kind: MessageKind::Event,
                    post_id: None,
                    staff_id: None,
                    body: body.clone(),
                    client_key: ClientKey(what),
                    sent_at: now,
                    wait: None,
                };
                let lines: Vec<New> = open.iter().map(line).collect();
                let sent = store::message::send(c, &lines).await?;
                for (o, sent) in open.into_iter().zip(sent) {
                    let Some(recipient) = o.email.filter(|_| sent.is_new && o.waits > 0 && o.is_mailed == 0) else { continue };
                    if mailed.insert(o.contact_id) {
                        store::outbox::insert(c, &mail(OutboxId(d.id()), o.id, recipient, o.language, now, mail_at)).await?;
                    }
                }
                Ok::<_, store::Error>(mailed)
            })
        })
        .await?;
    domain.hub.wake_all(told.into_iter().map(Topic::Conversation).chain([Topic::Post(telling.post_id)]));
    Ok(mailed)
}

fn mail(id: OutboxId, conversation: ConversationId, recipient: String, language: model::Language, now: At, due_at: At) -> Mail {
    Mail {
        id,
        kind: MailKind::HandOver,
        recipient,
        language,
        conversation_id: Some(conversation),
        invitation_id: None,
        created_at: now,
        due_at,
        attempts: 0,
        last_error: None,
        sent_at: None,
        cancelled_at: None,
        failed_at: None,
    }
}
