//! A new sticker in the place of an old one.

use crate::{Conn, Result, conn::*};
use model::{At, ContactPointId, PointCode};

/// Links the two. Without `taken_over_at` the old one goes on until the new one is first scanned.
pub async fn insert(conn: &mut Conn, new: ContactPointId, old: ContactPointId, now: At, taken_over_at: Option<At>) -> Result<()> {
    execute!(conn, "insert into replacements (contact_point_id, replaces_id, created_at, taken_over_at) values ($1, $2, $3, $4)", new, old, now, taken_over_at)
        .map(|_| ())
}

/// The other sticker of a pair.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Other {
    pub id: ContactPointId,
    pub code: PointCode,
    /// The old one still works, until the new one is first scanned.
    pub is_waiting: i64,
}

/// The sticker that this one replaces.
pub async fn before(conn: &mut Conn, new: ContactPointId) -> Result<Option<Other>> {
    fetch_optional!(
        conn,
        Other,
        "select c.id, c.code, cast(case when r.taken_over_at is null then 1 else 0 end as bigint) as is_waiting
         from replacements r join contact_points c on c.id = r.replaces_id where r.contact_point_id = $1",
        new
    )
}

/// The sticker that replaces this one.
pub async fn after(conn: &mut Conn, old: ContactPointId) -> Result<Option<Other>> {
    fetch_optional!(
        conn,
        Other,
        "select c.id, c.code, cast(case when r.taken_over_at is null then 1 else 0 end as bigint) as is_waiting
         from replacements r join contact_points c on c.id = r.contact_point_id where r.replaces_id = $1",
        old
    )
}

/// The new one is withdrawn before anybody scanned it: the old one goes on as if nothing had been.
pub async fn cancel(conn: &mut Conn, new: ContactPointId) -> Result<()> {
    execute!(conn, "delete from replacements where contact_point_id = $1 and taken_over_at is null", new).map(|_| ())
}

/// Nothing more is to happen to the old one: it has been withdrawn by hand.
pub async fn end_waiting(conn: &mut Conn, old: ContactPointId, now: At) -> Result<()> {
    execute!(conn, "update replacements set taken_over_at = $2 where replaces_id = $1 and taken_over_at is null", old, now).map(|_| ())
}
