//! Reopening a conversation on another device, by the claim code on the receipt.

use crate::{Device, Domain, Keys, conversation::tell, limits::TooMany, live::Topic};
use model::{ClaimCode, ClientKey, ContactId, ConversationId, DeviceId, Event, Language, MessageId};
use std::net::IpAddr;
use store::Conn;

#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// No conversation has this code (any more).
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Opens the conversation behind a claim code on the device with this key; the devices that had it before are told.
pub async fn open(domain: &Domain, device_key: &str, code: &ClaimCode, language: Language, address: IpAddr) -> Result<ConversationId, ClaimError> {
    domain.limits.claim(address)?;
    let conversation = {
        let mut conn = domain.db.read().await?;
        store::conversation::by_claim(&mut conn, &Keys::hash(code.as_str())).await?.ok_or(ClaimError::NotFound)?
    };
    let is_in = admit(domain, device_key, conversation.id, conversation.claim_version, language).await?;
    is_in.then_some(conversation.id).ok_or(ClaimError::NotFound)
}

/// Lets a device into a conversation, making the device known if it is new. Not if the contact has changed the claim code since `claim_version`.
pub(crate) async fn admit(domain: &Domain, device_key: &str, id: ConversationId, claim_version: i64, language: Language) -> store::Result<bool> {
    match try_admit(domain, device_key, id, claim_version, language).await {
        // A second click, or a first message of the same new device.
        Err(e) if e.gave_way() => try_admit(domain, device_key, id, claim_version, language).await,
        other => other,
    }
}

async fn try_admit(domain: &Domain, device_key: &str, id: ConversationId, claim_version: i64, language: Language) -> store::Result<bool> {
    let key_hash = Keys::hash(device_key);
    let (now, fresh) = (domain.now(), (ContactId(domain.id()), DeviceId(domain.id())));
    let ids = (MessageId(domain.id()), ClientKey(domain.id()));
    let is_in = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::conversation::hold(c, id).await?;
                if store::conversation::find(c, id).await?.is_none_or(|found| found.claim_version != claim_version) {
                    return Ok(false);
                }
                let device = known_device(c, &key_hash, fresh, language, now).await?;
                let sees_it = store::conversation::of_device(c, device, id).await?.is_some();
                if !sees_it {
                    store::conversation::claim(c, id, device, now).await?;
                    tell(c, ids, id, &Event::Claimed, now).await?;
                }
                Ok::<_, store::Error>(true)
            })
        })
        .await?;
    domain.hub.wake(Topic::Conversation(id));
    Ok(is_in)
}

async fn known_device(c: &mut Conn, key_hash: &[u8], fresh: (ContactId, DeviceId), language: Language, now: model::At) -> store::Result<DeviceId> {
    if let Some(device) = store::contact::hold_device(c, key_hash).await? {
        return Ok(device.id);
    }
    store::contact::insert(c, fresh.0, language, now).await?;
    store::contact::insert_device(c, fresh.1, fresh.0, key_hash, now).await?;
    Ok(fresh.1)
}

/// "That was not me": shuts every claimed device out and changes the claim code. Only the device that began the conversation may.
pub async fn end_all(domain: &Domain, device: &Device, id: ConversationId) -> Result<(), ClaimError> {
    let conversation = {
        let mut conn = domain.db.read().await?;
        let found = store::conversation::of_device(&mut conn, device.id, id).await?;
        found.filter(|c| c.contact_id == device.contact_id).ok_or(ClaimError::NotFound)?
    };
    let version = conversation.claim_version + 1;
    let hash = Keys::hash(domain.keys.claim_code(id, version).as_str());
    let now = domain.now();
    let ids = (MessageId(domain.id()), ClientKey(domain.id()));
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::conversation::end_claims(c, id, version, &hash, now).await?;
                tell(c, ids, id, &Event::ClaimsEnded, now).await
            })
        })
        .await?;
    domain.hub.wake(Topic::Conversation(id));
    Ok(())
}
