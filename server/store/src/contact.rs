//! Residents and guardians, and the devices they are known by.

use crate::{Conn, Result, conn::*};
use model::{At, ContactId, ConversationId, DeviceId, Language};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Device {
    pub id: DeviceId,
    pub contact_id: ContactId,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Contact {
    pub id: ContactId,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub language: Language,
    pub created_at: At,
}

pub async fn device(conn: &mut Conn, key_hash: &[u8]) -> Result<Option<Device>> {
    fetch_optional!(conn, Device, "select id, contact_id from devices where key_hash = $1", key_hash)
}

/// The device with this key, held until the transaction ends: two first messages of one device come one after the other.
pub async fn hold_device(conn: &mut Conn, key_hash: &[u8]) -> Result<Option<Device>> {
    fetch_optional!(conn, Device, "update devices set contact_id = contact_id where key_hash = $1 returning id, contact_id", key_hash)
}

pub async fn insert(conn: &mut Conn, id: ContactId, language: Language, now: At) -> Result<()> {
    execute!(conn, "insert into contacts (id, language, created_at) values ($1, $2, $3)", id, language, now).map(|_| ())
}

pub async fn insert_device(conn: &mut Conn, id: DeviceId, contact: ContactId, key_hash: &[u8], now: At) -> Result<()> {
    execute!(conn, "insert into devices (id, contact_id, key_hash, created_at) values ($1, $2, $3, $4)", id, contact, key_hash, now).map(|_| ())
}

pub async fn find(conn: &mut Conn, id: ContactId) -> Result<Option<Contact>> {
    fetch_optional!(conn, Contact, "select id, name, email, phone, language, created_at from contacts where id = $1", id)
}

/// The address to be told of answers, and the language to be told in; `None` stops all mail.
pub async fn set_email(conn: &mut Conn, id: ContactId, email: Option<&str>, language: Language) -> Result<()> {
    execute!(conn, "update contacts set email = $2, language = $3 where id = $1", id, email, language).map(|_| ())
}

/// Conversations carry the name as well, so that a search for it need not look every contact up.
pub async fn set_name(conn: &mut Conn, id: ContactId, name: Option<&str>) -> Result<()> {
    execute!(conn, "update contacts set name = $2 where id = $1", id, name)?;
    execute!(conn, "update conversations set contact_name = $2 where contact_id = $1", id, name).map(|_| ())
}

/// How many devices a contact is known by.
pub async fn count_devices(conn: &mut Conn, id: ContactId, conversation: ConversationId) -> Result<i64> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select (select count(*) from devices where contact_id = $1) + (select count(*) from claims where conversation_id = $2 and ended_at is null)",
        id,
        conversation
    )?;
    Ok(count)
}
