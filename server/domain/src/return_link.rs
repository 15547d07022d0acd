//! The links in an answer mail: back into the conversation, and no more mails.

use crate::{Device, Domain, claim, post};
use model::{At, ConversationId, Language, MailKind, OutboxId};
use store::{
    outbox::{Answer, Mail},
    post::Card,
};

/// How long a mail's link opens the conversation.
const DAYS: i64 = 30;

/// Ended when the contact shuts other devices out: the claim version is part of what is signed.
pub fn link(domain: &Domain, id: OutboxId, claim_version: i64) -> String {
    format!("{}/r/{id}.{}", domain.public_url, domain.keys.sign("return", &signed(id, claim_version)))
}

/// Works for ever: nobody has to keep getting mail because a link is old.
pub fn stop_link(domain: &Domain, id: OutboxId) -> String {
    format!("{}/r/{id}.{}/stop", domain.public_url, domain.keys.sign("stop", &id.to_string()))
}

fn signed(id: OutboxId, claim_version: i64) -> String {
    format!("{id}.{claim_version}")
}

pub(crate) fn until(mail: &Mail) -> At {
    mail.created_at.plus_days(DAYS)
}

pub(crate) fn is_over(mail: &Mail, now: At) -> bool {
    now >= until(mail)
}

/// Where a return link leads.
#[derive(Clone, Debug)]
pub struct Return {
    /// The answer the mail told of.
    pub answer: Answer,
    /// Who answers from now on, where that is what the mail told of.
    pub to: Option<Card>,
    /// This device may see the conversation already.
    pub has_access: bool,
}

/// What a link opens, without opening it. `None` if it is not ours, too old or ended.
pub async fn find(domain: &Domain, device: Option<&Device>, token: &str) -> store::Result<Option<Return>> {
    let Some((id, signature)) = read(token) else { return Ok(None) };
    let mut conn = domain.db.read().await?;
    let Some((mail, answer)) = load(&mut conn, id).await? else { return Ok(None) };
    let is_ours = domain.keys.is_signed("return", &signed(id, answer.claim_version), signature);
    if !is_ours || is_over(&mail, domain.now()) {
        return Ok(None);
    }
    let has_access = match device {
        Some(device) => store::conversation::of_device(&mut conn, device.id, answer.conversation_id).await?.is_some(),
        None => false,
    };
    let to = match mail.kind {
        MailKind::HandOver => match store::conversation::find(&mut conn, answer.conversation_id).await? {
            Some(conversation) => post::answering(domain, &mut conn, conversation.post_id).await?.map(|a| a.card().clone()),
            None => None,
        },
        _ => None,
    };
    Ok(Some(Return { answer, to, has_access }))
}

/// Opens the conversation behind a link on the device with this key; the devices that had it before are told.
pub async fn open(domain: &Domain, device_key: &str, token: &str, language: Language) -> store::Result<Option<ConversationId>> {
    let Some(found) = find(domain, None, token).await? else { return Ok(None) };
    let (id, version) = (found.answer.conversation_id, found.answer.claim_version);
    Ok(claim::admit(domain, device_key, id, version, language).await?.then_some(id))
}

/// Who a stop link is about; `None` if it is not ours.
pub async fn find_stop(domain: &Domain, token: &str) -> store::Result<Option<Stop>> {
    let Some((id, signature)) = read(token) else { return Ok(None) };
    if !domain.keys.is_signed("stop", &id.to_string(), signature) {
        return Ok(None);
    }
    let mut conn = domain.db.read().await?;
    let found = load(&mut conn, id).await?;
    Ok(found.map(|(mail, answer)| Stop { is_stopped: answer.email.as_deref() != Some(mail.recipient.as_str()), answer }))
}

/// What a stop link is about.
#[derive(Clone, Debug)]
pub struct Stop {
    pub answer: Answer,
    /// The address of that mail is not kept any more.
    pub is_stopped: bool,
}

/// Forgets the address the mail went to. An address given since then stays: it may be somebody else's.
pub async fn stop(domain: &Domain, token: &str) -> store::Result<Option<Stop>> {
    let Some(found) = find_stop(domain, token).await? else { return Ok(None) };
    if found.is_stopped {
        return Ok(Some(found));
    }
    let (contact, now) = (found.answer.contact_id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let Some(known) = store::contact::find(c, contact).await? else { return Ok(()) };
                store::contact::set_email(c, contact, None, known.language).await?;
                store::outbox::forget_contact(c, contact, now).await
            })
        })
        .await
        .map_err(|e: store::Error| e)?;
    Ok(Some(Stop { is_stopped: true, ..found }))
}

async fn load(conn: &mut store::Conn, id: OutboxId) -> store::Result<Option<(Mail, Answer)>> {
    let Some(mail) = store::outbox::find(conn, id).await?.filter(|m| m.kind.is_for_residents()) else { return Ok(None) };
    Ok(store::outbox::answer(conn, id).await?.map(|answer| (mail, answer)))
}

fn read(token: &str) -> Option<(OutboxId, &str)> {
    let (id, signature) = token.split_once('.')?;
    Some((id.parse().ok()?, signature))
}
