//! A conversation goes to another post, with everything in it and with its clock running on.

use super::{DeskError, Held};
use crate::{
    Domain, Staff, audit,
    conversation::{person, tell, topics},
};
use i18n::t;
use model::{ClientKey, ConversationId, Event, MessageId, PostId, text};

/// Hands a conversation to another post, as a member of staff or as [`super::View::targets`] offers it. The reason is kept as a note, the
/// contact is told who answers from here on, and the open wait keeps its due time.
pub async fn hand_over(domain: &Domain, staff: &Staff, id: ConversationId, to: PostId, reason: &str) -> Result<(), DeskError> {
    let reason = text::message(reason)?;
    let (d, language, staff, now) = (domain.clone(), staff.language, staff.id, domain.now());
    let (from, to) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let held = Held::load(c, staff, id, now).await?;
                let from = held.conversation.post_id;
                let targets = store::inbox::targets(c, from, now).await?;
                if targets.iter().all(|t| t.id != to) {
                    return Err(DeskError::NotATarget);
                }
                let card = store::post::card(c, to, now).await?.ok_or(DeskError::NotATarget)?;
                let stand_in = match card.answering_id {
                    Some(other) if other != to => store::post::card(c, other, now).await?,
                    _ => None,
                };
                let who = stand_in.as_ref().and_then(person).or_else(|| person(&card)).ok_or(DeskError::NotATarget)?;
                let reason = t!(language, inbox.hand_over_reason, reason = reason);
                held.note(&d, c, reason, ClientKey(d.id())).await?;
                tell(c, (MessageId(d.id()), ClientKey(d.id())), id, &Event::HandedOver { to: who }, now).await?;
                store::conversation::hand_over(c, id, to).await?;
                // Nobody at the other post has read it.
                if let Some(last) = store::message::last_of_contact(c, id).await? {
                    store::conversation::staff_saw_only(c, id, last - 1).await?;
                }
                let detail = serde_json::json!({ "from": from, "to": to }).to_string();
                // Where it was: those who look after the other unit did nothing.
                audit::append_at(c, now, Some(staff), held.card.unit_id, "conversation.hand_over", &id.to_string(), &detail).await?;
                Ok::<_, DeskError>((held.card, card))
            })
        })
        .await?;
    domain.hub.wake_all(topics(id, from.post_id, from.answering_id).chain(topics(id, to.post_id, to.answering_id)));
    Ok(())
}
