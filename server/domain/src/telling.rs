//! When a post has another holder, or none any more, its open conversations are told who answers from now on: one line in each. A mail goes only to
//! those who wait for an answer and have left an address: one, whatever they have open there, and after quiet hours. Everybody else sees the line
//! when they come back.

use crate::{Domain, conversation::person, live::Topic, post, setting};
use model::{At, ClientKey, ContactId, ConversationId, Event, MailKind, MessageId, MessageKind, OutboxId, PostId, StaffId};
use std::collections::HashSet;
use store::{
    Conn, Result,
    message::New,
    outbox::Mail,
    telling::{Due, Open},
};
use uuid::Uuid;

/// Conversations told in one transaction: few enough that nobody's message waits long.
const BATCH: i64 = 200;

/// Notes a moment at which a post may have other holders. Whether it has is found out when it has come: until then much may change.
pub(crate) async fn expect(c: &mut Conn, post_id: PostId, due_at: At) -> Result<()> {
    store::telling::insert(c, post_id, due_at).await
}

/// Somebody has a login now: what they hold is answered by them from here on.
pub(crate) async fn expect_all(c: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    for term in store::holding::of_staff(c, staff).await? {
        if term.from_at <= now && term.until_at.is_none_or(|until| until > now) {
            expect(c, term.post_id, now).await?;
        }
    }
    Ok(())
}

/// Tells what has come to pass; once a minute, on whichever node is first.
pub async fn tell_due(domain: &Domain) -> Result<()> {
    let due = store::telling::due(&mut domain.db.read().await?, domain.now()).await?;
    for due in due {
        tell(domain, due).await?;
    }
    Ok(())
}

async fn tell(domain: &Domain, due: Due) -> Result<()> {
    let now = domain.now();
    let answering = match has_changed(&mut domain.db.read().await?, due).await? {
        true => post::answering(domain, &mut domain.db.read().await?, due.post_id).await?.filter(|a| a.post.ended_at.is_none()),
        false => None,
    };
    if let Some(answering) = answering
        && let Some(to) = person(answering.card())
    {
        let body = Event::HandedOver { to }.write();
        let mail_at = setting::of(domain, &mut domain.db.read().await?, answering.post.unit_id).await?.free_at(now);
        let (mut after, mut mailed) = (ConversationId(Uuid::nil()), HashSet::new());
        loop {
            let open = store::telling::open(&mut domain.db.read().await?, due.post_id, after, BATCH).await?;
            let Some(last) = open.last() else { break };
            after = last.id;
            mailed = write(domain, due, body.clone(), open, mail_at, mailed).await?;
        }
    }
    domain.db.write(move |c| Box::pin(async move { store::telling::told(c, due, now).await })).await
}

/// Whether residents meet somebody else than before. Not while one of the holders stays; nor where nobody with a login came to nobody.
async fn has_changed(c: &mut Conn, due: Due) -> Result<bool> {
    let before = store::holding::holders(c, due.post_id, At(due.first_at.0 - 1)).await?;
    let after = store::holding::holders(c, due.post_id, due.last_at).await?;
    let is_same = before.is_empty() && after.is_empty();
    Ok(!is_same && !before.iter().any(|staff| after.contains(staff)))
}

/// One batch; gives the contacts who have been written to. The key of each line follows from what it tells, so that two nodes, or one that begins
/// again after it was stopped, tell it once.
async fn write(domain: &Domain, due: Due, body: String, open: Vec<Open>, mail_at: At, mut mailed: HashSet<ContactId>) -> Result<HashSet<ContactId>> {
    let (d, now) = (domain.clone(), domain.now());
    let told: Vec<ConversationId> = open.iter().map(|o| o.id).collect();
    let mailed = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let what = Uuid::new_v5(&due.post_id.0, &due.last_at.0.to_be_bytes());
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
                        let mail = Mail::new(OutboxId(d.id()), MailKind::HandOver, recipient, o.language, now);
                        store::outbox::insert(c, &Mail { conversation_id: Some(o.id), due_at: mail_at, ..mail }).await?;
                    }
                }
                Ok::<_, store::Error>(mailed)
            })
        })
        .await?;
    domain.hub.wake_all(told.into_iter().map(Topic::Conversation).chain([Topic::Post(due.post_id)]));
    Ok(mailed)
}
