//! Answers, notes and the end of a conversation.

use super::{DeskError, Held};
use crate::{
    Domain, Staff,
    conversation::{first, tell, topics},
    live::Topic,
    setting,
};
use model::{ClientKey, ConversationId, ConversationState, Event, MailKind, MessageId, MessageKind, OutboxId, StaffId, text};
use store::{
    Conn,
    message::{New, Sent},
    outbox::Mail,
    post::Card,
};

/// A public answer: closes the wait, and tells the contact by mail if they asked for that and have seen the mail before. The same client key
/// again gives the first result.
pub async fn answer(domain: &Domain, staff: &Staff, id: ConversationId, typed: &str, client_key: ClientKey) -> Result<Sent, DeskError> {
    write(domain, staff, id, typed, client_key, MessageKind::Answer).await
}

/// A note that only staff see.
pub async fn note(domain: &Domain, staff: &Staff, id: ConversationId, typed: &str, client_key: ClientKey) -> Result<Sent, DeskError> {
    write(domain, staff, id, typed, client_key, MessageKind::Note).await
}

async fn write(domain: &Domain, staff: &Staff, id: ConversationId, typed: &str, client_key: ClientKey, kind: MessageKind) -> Result<Sent, DeskError> {
    let body = text::message(typed)?;
    let client_key = client_key.with(&body);
    let (d, staff, now) = (domain.clone(), staff.id, domain.now());
    let (sent, card) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let held = Held::load(c, staff, id, now).await?;
                let sent = match kind {
                    MessageKind::Answer => held.answer(&d, c, body, client_key).await?,
                    _ => held.note(&d, c, body, client_key).await?,
                };
                Ok::<_, DeskError>((sent, held.card))
            })
        })
        .await?;
    domain.hub.wake_all(topics(id, card.post_id, card.answering_id));
    Ok(sent)
}

/// Ends a conversation, with a last answer if there is one to give. Refused while the contact waits: nobody is put off by a click. It opens
/// again by itself when the contact writes.
pub async fn close(domain: &Domain, staff: &Staff, id: ConversationId, answer: Option<(&str, ClientKey)>) -> Result<(), DeskError> {
    let answer = match answer {
        Some((typed, key)) => {
            let body = text::message(typed)?;
            let key = key.with(&body);
            Some((body, key))
        }
        None => None,
    };
    let (d, staff, now) = (domain.clone(), staff.id, domain.now());
    let card = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let held = Held::load(c, staff, id, now).await?;
                if let Some((body, client_key)) = answer {
                    held.answer(&d, c, body, client_key).await?;
                }
                if store::wait::open(c, id).await?.is_some() {
                    return Err(DeskError::StillWaiting);
                }
                if held.conversation.state == ConversationState::Open {
                    store::conversation::close(c, id, now).await?;
                    tell(c, (MessageId(d.id()), ClientKey(d.id())), id, &Event::Closed, now).await?;
                }
                Ok::<_, DeskError>(held.card)
            })
        })
        .await?;
    domain.hub.wake_all(topics(id, card.post_id, card.answering_id));
    Ok(())
}

/// Characters in a contact's name.
const NAME: usize = 40;

/// Gives the contact a name for the lists of staff, or takes it away when left empty. The contact does not see it.
pub async fn name(domain: &Domain, staff: &Staff, id: ConversationId, typed: &str) -> Result<(), DeskError> {
    let name = text::optional_line(typed, NAME)?;
    let post = match try_name(domain, staff.id, id, name.clone()).await {
        // Somebody else names the same contact in another conversation of theirs.
        Err(DeskError::Store(e)) if e.gave_way() => try_name(domain, staff.id, id, name).await?,
        other => other?,
    };
    domain.hub.wake_all(topics(id, post.post_id, post.answering_id).filter(|t| matches!(t, Topic::Post(_))));
    Ok(())
}

async fn try_name(domain: &Domain, staff: StaffId, id: ConversationId, name: Option<String>) -> Result<Card, DeskError> {
    let now = domain.now();
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let held = Held::load(c, staff, id, now).await?;
                store::contact::set_name(c, held.conversation.contact_id, name.as_deref()).await?;
                Ok(held.card)
            })
        })
        .await
}

impl Held {
    pub(super) async fn answer(&self, domain: &Domain, c: &mut Conn, body: String, client_key: ClientKey) -> store::Result<Sent> {
        let sent = first(store::message::send(c, &[self.message(domain, MessageKind::Answer, body, client_key)]).await?)?;
        if sent.is_new {
            self.announce(domain, c, sent.seq).await?;
        }
        Ok(sent)
    }

    pub(super) async fn note(&self, domain: &Domain, c: &mut Conn, body: String, client_key: ClientKey) -> store::Result<Sent> {
        first(store::message::send(c, &[self.message(domain, MessageKind::Note, body, client_key)]).await?)
    }

    fn message(&self, domain: &Domain, kind: MessageKind, body: String, client_key: ClientKey) -> New {
        New {
            id: MessageId(domain.id()),
            conversation_id: self.conversation.id,
            kind,
            post_id: Some(self.writes_for),
            staff_id: Some(self.staff),
            body,
            client_key,
            sent_at: self.now,
            wait: None,
        }
    }

    /// Writes the mail that says there is an answer: one for each stretch of answers the contact has not seen, and none at night.
    async fn announce(&self, domain: &Domain, c: &mut Conn, seq: i64) -> store::Result<()> {
        let conversation = &self.conversation;
        if conversation.mailed_seq > conversation.contact_seen_seq {
            return Ok(());
        }
        let Some(contact) = store::contact::find(c, conversation.contact_id).await? else { return Ok(()) };
        let Some(recipient) = contact.email else { return Ok(()) };
        let settings = setting::of(domain, c, self.card.unit_id).await?;
        let mail = Mail {
            conversation_id: Some(conversation.id),
            due_at: settings.free_at(self.now),
            ..Mail::new(OutboxId(domain.id()), MailKind::Answer, recipient, contact.language, self.now)
        };
        store::outbox::insert(c, &mail).await?;
        store::conversation::set_mailed(c, conversation.id, seq).await
    }
}
