//! The other hot path: a first message, with the contact, device and conversation it makes where they are missing. As in [`crate::message`],
//! one statement per table serves all who begin at the same moment.

use crate::{
    Conn, Error, Result,
    conn::{Either, execute},
    contact::Device,
    conversation, message, overflow,
    overflow::Room,
};
use model::{At, ContactId, ContactPointId, ConversationId, DeviceId, Language, PostId};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

#[derive(Clone, Debug)]
pub struct Start {
    pub key_hash: Vec<u8>,
    /// Of a contact who is new.
    pub language: Language,
    pub post_id: PostId,
    pub point_id: ContactPointId,
    /// How much the post can serve well, where that is set: a conversation too many does not begin.
    pub room: Option<Room>,
    /// The post behind the sticker, where another takes it because that one has enough.
    pub meant_for: Option<PostId>,
    pub claim_hash: Vec<u8>,
    /// What the contact, the device and the conversation become if they are new.
    pub contact_id: ContactId,
    pub device_id: DeviceId,
    pub conversation_id: ConversationId,
    /// The message, and the automatic reply to it if there is one.
    pub news: Vec<message::New>,
}

impl Start {
    fn at(&self) -> At {
        self.news.first().map_or(At(0), |new| new.sent_at)
    }
}

/// What became of a first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Sent(message::Sent),
    /// The post has ended.
    Ended,
    /// The post has as much as it can serve well.
    Full,
}

/// The first message of each, in the order given.
pub async fn send(conn: &mut Conn, starts: &[Start]) -> Result<Vec<Outcome>> {
    let mut devices = hold_devices(conn, starts).await?;
    let posts = hold_posts(conn, starts).await?;
    let mut loads = overflow::loads(conn, &limited(starts)).await?;
    let known: HashSet<Vec<u8>> = devices.keys().cloned().collect();

    let mut conversations: HashMap<(DeviceId, PostId), ConversationId> = HashMap::new();
    let (mut fresh, mut begun): (Vec<&Start>, Vec<(&Start, ContactId)>) = (Vec::new(), Vec::new());
    let mut news = Vec::with_capacity(starts.len());
    let mut refused: Vec<Option<Outcome>> = Vec::with_capacity(starts.len());
    for start in starts {
        if !posts.contains(&start.post_id) {
            refused.push(Some(Outcome::Ended));
            continue;
        }
        let device = devices.get(&start.key_hash).map_or(Device { id: start.device_id, contact_id: start.contact_id }, |d| Device { ..*d });
        let place = (device.id, start.post_id);
        if known.contains(&start.key_hash)
            && let Some(before) = conversation::of_device_with_post(conn, device.id, start.post_id).await?
        {
            conversations.insert(place, before.id);
        }
        let id = match conversations.get(&place) {
            Some(id) => *id,
            None => {
                let load = loads.entry(start.post_id).or_default();
                if start.room.is_some_and(|room| room.is_full(*load)) {
                    refused.push(Some(Outcome::Full));
                    continue;
                }
                (load.new, load.open) = (load.new + 1, load.open + 1);
                devices.entry(start.key_hash.clone()).or_insert_with(|| {
                    fresh.push(start);
                    Device { id: start.device_id, contact_id: start.contact_id }
                });
                begun.push((start, device.contact_id));
                conversations.insert(place, start.conversation_id);
                start.conversation_id
            }
        };
        news.extend(start.news.iter().map(|new| message::New { conversation_id: id, ..new.clone() }));
        refused.push(None);
    }
    insert_contacts(conn, &fresh).await?;
    insert_conversations(conn, &begun).await?;
    let elsewhere: Vec<_> = begun.iter().filter_map(|(start, _)| Some((start.conversation_id, start.meant_for?, start.at()))).collect();
    overflow::insert(conn, &elsewhere).await?;

    let mut sent = if news.is_empty() { Vec::new() } else { message::send(conn, &news).await? }.into_iter();
    let mut first_of = |start: &Start| {
        let of_start: Vec<message::Sent> = sent.by_ref().take(start.news.len()).collect();
        of_start.into_iter().next().ok_or(Error::Stopped)
    };
    let outcome = |(start, refused): (&Start, Option<Outcome>)| refused.map_or_else(|| first_of(start).map(Outcome::Sent), Ok);
    starts.iter().zip(refused).map(outcome).collect()
}

/// The posts where a conversation may be one too many, each with the beginning of its day.
fn limited(starts: &[Start]) -> Vec<(PostId, At)> {
    let rooms: HashMap<PostId, At> = starts.iter().filter_map(|start| Some((start.post_id, start.room.filter(Room::is_limited)?.since))).collect();
    rooms.into_iter().collect()
}

fn json<'a, T: Serialize>(rows: impl Iterator<Item = T> + 'a) -> Result<String> {
    Ok(serde_json::to_string(&rows.collect::<Vec<_>>())?)
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// The devices that are known, held until the transaction ends: two first messages of one device come one after the other.
async fn hold_devices(conn: &mut Conn, starts: &[Start]) -> Result<HashMap<Vec<u8>, Device>> {
    let batch = json(starts.iter().map(|start| hex(&start.key_hash)))?;
    type Row = (Vec<u8>, DeviceId, ContactId);
    let rows: Vec<Row> = match conn.either() {
        Either::Sqlite(c) => {
            let text = "select key_hash, id, contact_id from devices where key_hash in (select unhex(value) from json_each($1))";
            sqlx::query_as(text).bind(batch).fetch_all(c).await?
        }
        Either::Postgres(c) => {
            let text = "select key_hash, id, contact_id from devices
                where key_hash in (select decode(value, 'hex') from jsonb_array_elements_text($1::jsonb)) order by id for update";
            sqlx::query_as(text).bind(batch).fetch_all(c).await?
        }
    };
    Ok(rows.into_iter().map(|(key_hash, id, contact_id)| (key_hash, Device { id, contact_id })).collect())
}

/// The posts that have not ended, and will not before the transaction does. Where conversations are counted, whoever counts them keeps the
/// posts to itself.
async fn hold_posts(conn: &mut Conn, starts: &[Start]) -> Result<HashSet<PostId>> {
    let counts = starts.iter().any(|start| start.room.is_some_and(|room| room.is_limited()));
    let batch = json(starts.iter().map(|start| start.post_id.to_string()))?;
    macro_rules! hold {
        ($lock:literal) => {
            concat!("select id from posts where id in (select value::uuid from jsonb_array_elements_text($1::jsonb)) and ended_at is null order by id ", $lock)
        };
    }
    let rows: Vec<(PostId,)> = match conn.either() {
        Either::Sqlite(c) => {
            let text = "select id from posts where id in (select unhex(value) from json_each($1)) and ended_at is null";
            sqlx::query_as(text).bind(batch).fetch_all(c).await?
        }
        Either::Postgres(c) => {
            let text = if counts { hold!("for no key update") } else { hold!("for share") };
            sqlx::query_as(text).bind(batch).fetch_all(c).await?
        }
    };
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

#[derive(Serialize)]
struct ContactRow {
    contact_id: String,
    device_id: String,
    key_hash: String,
    language: &'static str,
    at: i64,
}

async fn insert_contacts(conn: &mut Conn, fresh: &[&Start]) -> Result<()> {
    if fresh.is_empty() {
        return Ok(());
    }
    let batch = json(fresh.iter().map(|start| ContactRow {
        contact_id: start.contact_id.to_string(),
        device_id: start.device_id.to_string(),
        key_hash: hex(&start.key_hash),
        language: start.language.as_str(),
        at: start.at().0,
    }))?;
    let [contacts, devices] = match conn.either() {
        Either::Sqlite(_) => [
            "insert into contacts (id, language, created_at)
                select unhex(value ->> 'contact_id'), value ->> 'language', value ->> 'at' from json_each($1)",
            "insert into devices (id, contact_id, key_hash, created_at)
                select unhex(value ->> 'device_id'), unhex(value ->> 'contact_id'), unhex(value ->> 'key_hash'), value ->> 'at' from json_each($1)",
        ],
        Either::Postgres(_) => [
            "insert into contacts (id, language, created_at)
                select contact_id, language, at from jsonb_to_recordset($1::jsonb) as n (contact_id uuid, language text, at bigint)",
            "insert into devices (id, contact_id, key_hash, created_at)
                select device_id, contact_id, decode(key_hash, 'hex'), at
                from jsonb_to_recordset($1::jsonb) as n (device_id uuid, contact_id uuid, key_hash text, at bigint)",
        ],
    };
    execute!(conn, contacts, &batch).map(|_| ())?;
    execute!(conn, devices, &batch).map(|_| ())
}

#[derive(Serialize)]
struct ConversationRow {
    id: String,
    contact_id: String,
    post_id: String,
    point_id: String,
    claim_hash: String,
    at: i64,
}

/// As [`conversation::Conversation::begun`] has them.
async fn insert_conversations(conn: &mut Conn, begun: &[(&Start, ContactId)]) -> Result<()> {
    if begun.is_empty() {
        return Ok(());
    }
    let batch = json(begun.iter().map(|(start, contact)| ConversationRow {
        id: start.conversation_id.to_string(),
        contact_id: contact.to_string(),
        post_id: start.post_id.to_string(),
        point_id: start.point_id.to_string(),
        claim_hash: hex(&start.claim_hash),
        at: start.at().0,
    }))?;
    macro_rules! insert {
        ($from:literal) => {
            concat!(
                "insert into conversations (id, contact_id, post_id, contact_point_id, claim_hash, state, claim_version, last_seq, last_message_at, preview,
                    contact_seen_seq, staff_seen_seq, opened_at, contact_name) select ",
                $from
            )
        };
    }
    let text = match conn.either() {
        Either::Sqlite(_) => insert!(
            "unhex(value ->> 'id'), unhex(value ->> 'contact_id'), unhex(value ->> 'post_id'), unhex(value ->> 'point_id'), unhex(value ->> 'claim_hash'),
                'open', 1, 0, value ->> 'at', '', 0, 0, value ->> 'at',
                (select name from contacts where id = unhex(value ->> 'contact_id')) from json_each($1)"
        ),
        Either::Postgres(_) => insert!(
            "id, contact_id, post_id, point_id, decode(claim_hash, 'hex'), 'open', 1, 0, at, '', 0, 0, at,
                (select name from contacts k where k.id = contact_id)
             from jsonb_to_recordset($1::jsonb) as n (id uuid, contact_id uuid, post_id uuid, point_id uuid, claim_hash text, at bigint)"
        ),
    };
    execute!(conn, text, &batch).map(|_| ())
}
