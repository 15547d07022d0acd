//! The way of a contact's message: what it has to know of its conversation, in one statement. On PostgreSQL one for all who ask at the same moment,
//! because there each costs a message's worth of work in itself.

use crate::{
    Conn, Error, Result,
    conn::{Either, fetch_optional, on},
    holding::is_on_duty,
};
use model::{At, ClientKey, ContactId, ConversationId, DeviceId, PostId, UnitId};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Way {
    pub post_id: PostId,
    pub unit_id: UnitId,
    /// Who answers for the post, as routing last worked it out.
    pub answering_id: Option<PostId>,
    /// Holders of the post who are on duty.
    pub on_duty: i64,
    /// 1 if the message has been sent before.
    pub is_known: i64,
}

/// Who sends what where, and when.
#[derive(Clone, Debug)]
pub struct Asked {
    pub device: DeviceId,
    pub contact: ContactId,
    pub conversation: ConversationId,
    pub key: ClientKey,
    pub now: At,
}

macro_rules! way {
    ($device:literal, $contact:literal, $conversation:literal, $key:literal, $now:literal) => {
        concat!(
            "select c.post_id, p.unit_id, p.answering_id,
            (select count(*) from holdings h join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
             where h.post_id = p.id and h.from_at <= ",
            $now,
            " and (h.until_at is null or h.until_at > ",
            $now,
            ") and ",
            is_on_duty!($now),
            ") as on_duty,
            (select count(*) from messages m where m.conversation_id = c.id and m.client_key = ",
            $key,
            ") as is_known
         from conversations c join posts p on p.id = c.post_id
         where c.id = ",
            $conversation,
            " and (c.contact_id = ",
            $contact,
            " or exists (select 1 from claims k where k.conversation_id = c.id and k.device_id = ",
            $device,
            " and k.ended_at is null))"
        )
    };
}

/// `None` for what the device may not see.
pub(crate) async fn way(conn: &mut Conn, asked: &Asked) -> Result<Option<Way>> {
    let Asked { device, contact, conversation, key, now } = asked;
    fetch_optional!(conn, Way, way!("$1", "$2", "$3", "$4", "$5"), device, contact, conversation, key, now)
}

#[derive(sqlx::FromRow)]
struct Numbered {
    number: i64,
    #[sqlx(flatten)]
    way: Way,
}

/// Of all who ask, in their order. `offset 0` keeps PostgreSQL from reading whole tables for a batch: each is looked up by itself.
pub(crate) async fn ways(conn: &mut Conn, asked: &[Asked]) -> Result<Vec<Option<Way>>> {
    let mut ways = vec![None; asked.len()];
    match conn.either() {
        Either::Sqlite(_) => {
            for (place, asked) in ways.iter_mut().zip(asked) {
                *place = way(conn, asked).await?;
            }
        }
        Either::Postgres(c) => {
            let ids = |id: fn(&Asked) -> Uuid| asked.iter().map(id).collect::<Vec<_>>();
            let found: Vec<Numbered> = sqlx::query_as(concat!(
                "select asked.number, w.* from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[])
                    with ordinality as asked (device, contact, conversation, key, moment, number)
                 cross join lateral (",
                way!("asked.device", "asked.contact", "asked.conversation", "asked.key", "asked.moment"),
                " offset 0) w"
            ))
            .bind(ids(|a| a.device.0))
            .bind(ids(|a| a.contact.0))
            .bind(ids(|a| a.conversation.0))
            .bind(ids(|a| a.key.0))
            .bind(asked.iter().map(|a| a.now.0).collect::<Vec<_>>())
            .fetch_all(c)
            .await?;
            for Numbered { number, way } in found {
                let place = usize::try_from(number - 1).ok().and_then(|i| ways.get_mut(i));
                *place.ok_or(Error::Database(sqlx::Error::RowNotFound))? = Some(way);
            }
        }
    }
    Ok(ways)
}
