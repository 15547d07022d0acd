//! A new sticker in the place of an old one. Whoever changes anything here holds the stickers first, with [`hold`].

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_optional, on},
};
use model::{At, ContactPointId, PointCode};

fn json(points: &[ContactPointId]) -> Result<String> {
    Ok(serde_json::to_string(&points.iter().map(ToString::to_string).collect::<Vec<_>>())?)
}

/// Keeps these stickers, and the old ones that wait for them, to this transaction, always in the same order. On SQLite there is one writer anyway.
pub async fn hold(conn: &mut Conn, points: &[ContactPointId]) -> Result<()> {
    let ids = json(points)?;
    if let Either::Postgres(c) = conn.either() {
        let text = "with recursive family as (
                select value::uuid as id from jsonb_array_elements_text($1::jsonb)
                union select r.replaces_id from replacements r join family on r.contact_point_id = family.id where r.taken_over_at is null)
            select 1 from contact_points c join family on family.id = c.id order by c.id for no key update of c";
        sqlx::query(text).bind(&ids).execute(c).await?;
    }
    Ok(())
}

/// Links the two. Without `taken_over_at` the old one goes on until the new one takes over.
pub async fn insert(conn: &mut Conn, new: ContactPointId, old: ContactPointId, now: At, taken_over_at: Option<At>) -> Result<()> {
    execute!(conn, "insert into replacements (contact_point_id, replaces_id, created_at, taken_over_at) values ($1, $2, $3, $4)", new, old, now, taken_over_at)
        .map(|_| ())
}

/// The other sticker of a pair.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Other {
    pub id: ContactPointId,
    pub code: PointCode,
    /// The old one still works, until the new one takes over.
    pub is_waiting: i64,
}

/// The stickers that this one replaces, the newest first.
pub async fn before(conn: &mut Conn, new: ContactPointId) -> Result<Vec<Other>> {
    fetch_all!(
        conn,
        Other,
        "select c.id, c.code, cast(case when r.taken_over_at is null then 1 else 0 end as bigint) as is_waiting
         from replacements r join contact_points c on c.id = r.replaces_id where r.contact_point_id = $1 order by c.created_at desc, c.id desc",
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

/// Who waits for one sticker waits for another from now on.
pub async fn wait_for_another(conn: &mut Conn, new: ContactPointId, another: ContactPointId) -> Result<()> {
    execute!(conn, "update replacements set contact_point_id = $2 where contact_point_id = $1 and taken_over_at is null", new, another).map(|_| ())
}

/// The new one is withdrawn before it took over: the old ones go on as if nothing had been.
pub async fn cancel(conn: &mut Conn, new: ContactPointId) -> Result<()> {
    execute!(conn, "delete from replacements where contact_point_id = $1 and taken_over_at is null", new).map(|_| ())
}

/// Nothing more is to happen to the old one: it has been withdrawn by hand.
pub async fn end_waiting(conn: &mut Conn, old: ContactPointId, now: At) -> Result<()> {
    execute!(conn, "update replacements set taken_over_at = $2 where replaces_id = $1 and taken_over_at is null", old, now).map(|_| ())
}

/// Of the stickers with these codes those that an old one waits for.
pub async fn waited_for(conn: &mut Conn, codes: &[PointCode]) -> Result<Vec<ContactPointId>> {
    let codes = serde_json::to_string(&codes.iter().map(PointCode::as_str).collect::<Vec<_>>())?;
    macro_rules! waited {
        ($codes:literal) => {
            concat!(
                "select distinct c.id from contact_points c join replacements r on r.contact_point_id = c.id
                 where r.taken_over_at is null and c.revoked_at is null and c.code in (",
                $codes,
                ")"
            )
        };
    }
    let text = match conn.either() {
        Either::Sqlite(_) => waited!("select value from json_each($1)"),
        Either::Postgres(_) => waited!("select jsonb_array_elements_text($1::jsonb)"),
    };
    Ok(fetch_all!(conn, (ContactPointId,), text, &codes)?.into_iter().map(|(id,)| id).collect())
}

/// These new ones hang: the old ones that waited for them end, and those that waited for these. Gives each with its place.
pub async fn take_over(conn: &mut Conn, points: &[ContactPointId], now: At) -> Result<Vec<(ContactPointId, String)>> {
    hold(conn, points).await?;
    let ids = json(points)?;
    macro_rules! due {
        ($ids:literal) => {
            concat!(
                "with recursive due as (
                    select replaces_id as id from replacements where taken_over_at is null and contact_point_id in (",
                $ids,
                ") union select r.replaces_id from replacements r join due on r.contact_point_id = due.id where r.taken_over_at is null)
                 update replacements set taken_over_at = $2 where taken_over_at is null and replaces_id in (select id from due) returning replaces_id"
            )
        };
    }
    let text = match conn.either() {
        Either::Sqlite(_) => due!("select unhex(value) from json_each($1)"),
        Either::Postgres(_) => due!("select value::uuid from jsonb_array_elements_text($1::jsonb)"),
    };
    let mut ended = Vec::new();
    for (old,) in fetch_all!(conn, (ContactPointId,), text, &ids, now)? {
        let revoked = fetch_all!(
            conn,
            (ContactPointId, String),
            "update contact_points set revoked_at = $2 where id = $1 and revoked_at is null returning id, place",
            old,
            now
        )?;
        ended.extend(revoked);
    }
    Ok(ended)
}
