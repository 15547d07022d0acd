//! What a register is compared with: units, posts, people and holdings of a subtree, and what is known of everything else.

use super::id_batches;
use crate::{Conn, Result, conn::*};
use model::{At, HoldingId, Language, PostId, StaffId, UnitId, UnitKind};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct UnitRow {
    pub id: UnitId,
    pub parent_id: Option<UnitId>,
    pub kind: UnitKind,
    pub name: String,
    pub name_en: Option<String>,
    pub code: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct PostRow {
    pub id: PostId,
    pub unit_id: UnitId,
    pub title: String,
    pub title_en: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct StaffRow {
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub title: Option<String>,
    pub phone: Option<String>,
    pub language: Language,
    pub unit_id: Option<UnitId>,
    pub is_activated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct HoldingRow {
    pub id: HoldingId,
    pub post_id: PostId,
    pub staff_id: StaffId,
    pub from_at: At,
    pub until_at: Option<At>,
}

/// The CTE `below`: a unit and everything under it that has not ended.
macro_rules! below {
    () => {
        "with recursive below as (
            select id from units where id = $1
            union all select u.id from units u join below on u.parent_id = below.id where u.ended_at is null) "
    };
}

pub async fn units(conn: &mut Conn, top: UnitId) -> Result<Vec<UnitRow>> {
    let text = concat!(below!(), "select u.id, u.parent_id, u.kind, u.name, u.name_en, u.code from units u join below on below.id = u.id");
    fetch_all!(conn, UnitRow, text, top)
}

pub async fn posts(conn: &mut Conn, top: UnitId) -> Result<Vec<PostRow>> {
    let text = concat!(below!(), "select p.id, p.unit_id, p.title, p.title_en from posts p join below on below.id = p.unit_id where p.ended_at is null");
    fetch_all!(conn, PostRow, text, top)
}

/// Who belongs to the subtree: invited there, also at a unit that has ended since, or holding a post there now or later.
pub async fn staff(conn: &mut Conn, top: UnitId, now: At) -> Result<Vec<StaffRow>> {
    let text = concat!(
        "with recursive below as (select id from units where id = $1 union all select u.id from units u join below on u.parent_id = below.id) ",
        "select s.id, s.email, s.name, s.title, s.phone, s.language, s.unit_id, s.activated_at is not null as is_activated from staff s
         where s.ended_at is null and s.id in (
            select t.id from staff t join below on below.id = t.unit_id
            union select h.staff_id from holdings h join posts p on p.id = h.post_id join below on below.id = p.unit_id where h.until_at is null or h.until_at > $2)"
    );
    fetch_all!(conn, StaffRow, text, top, now)
}

/// Holdings there that have not ended.
pub async fn holdings(conn: &mut Conn, top: UnitId, now: At) -> Result<Vec<HoldingRow>> {
    let text = concat!(
        below!(),
        "select h.id, h.post_id, h.staff_id, h.from_at, h.until_at from holdings h join posts p on p.id = h.post_id join below on below.id = p.unit_id
         where p.ended_at is null and (h.until_at is null or h.until_at > $2)"
    );
    fetch_all!(conn, HoldingRow, text, top, now)
}

/// What ties somebody of the subtree to it or to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Ties {
    pub id: StaffId,
    /// 1 for whoever has a grant, wherever.
    pub has_grant: i64,
    /// 1 for whoever has their home, a post or a grant outside, or waits for one.
    pub is_elsewhere: i64,
}

/// Those of the subtree's staff whom a register must not end or must not change, whatever it says.
pub async fn ties(conn: &mut Conn, top: UnitId, now: At) -> Result<Vec<Ties>> {
    let text = "with recursive below as (select id from units where id = $1 union all select u.id from units u join below on u.parent_id = below.id),
         here as (select t.id, t.unit_id from staff t join below on below.id = t.unit_id
            union select t.id, t.unit_id from staff t join holdings h on h.staff_id = t.id join posts p on p.id = h.post_id join below on below.id = p.unit_id
                where h.until_at is null or h.until_at > $2),
         tied as (select here.id,
            cast(case when exists (select 1 from grants g where g.staff_id = here.id and (g.until_at is null or g.until_at > $2)) then 1 else 0 end as bigint)
                as has_grant,
            cast(case when (here.unit_id is not null and here.unit_id not in (select id from below))
                or exists (select 1 from grants g where g.staff_id = here.id and (g.until_at is null or g.until_at > $2) and g.unit_id not in (select id from below))
                or exists (select 1 from proposed_grants g
                    where g.staff_id = here.id and g.decided_at is null and g.expires_at > $2 and g.unit_id not in (select id from below))
                or exists (select 1 from holdings h join posts p on p.id = h.post_id
                    where h.staff_id = here.id and (h.until_at is null or h.until_at > $2) and p.unit_id not in (select id from below))
                then 1 else 0 end as bigint) as is_elsewhere
            from here)
         select id, has_grant, is_elsewhere from tied where has_grant = 1 or is_elsewhere = 1";
    fetch_all!(conn, Ties, text, top, now)
}

/// When each of these people has left, if they have.
pub async fn ended(conn: &mut Conn, people: &[StaffId]) -> Result<Vec<(StaffId, Option<At>)>> {
    let mut found = Vec::new();
    for batch in id_batches(people.iter().map(|id| id.to_string())) {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("select id, ended_at from staff where id in ", sqlite_ids!()),
            Either::Postgres(_) => concat!("select id, ended_at from staff where id in ", postgres_ids!()),
        };
        found.extend(fetch_all!(conn, (StaffId, Option<At>), text, batch)?);
    }
    Ok(found)
}

/// The unit of each of these posts, as far as they are there.
pub async fn units_of(conn: &mut Conn, posts: &[PostId]) -> Result<HashMap<PostId, UnitId>> {
    let mut found = HashMap::new();
    for batch in id_batches(posts.iter().map(|id| id.to_string())) {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("select id, unit_id from posts where id in ", sqlite_ids!()),
            Either::Postgres(_) => concat!("select id, unit_id from posts where id in ", postgres_ids!()),
        };
        found.extend(fetch_all!(conn, (PostId, UnitId), text, batch)?);
    }
    Ok(found)
}

/// The units that have one of these codes.
pub async fn with_codes(conn: &mut Conn, codes: &[String]) -> Result<Vec<(UnitId, String)>> {
    let batch = serde_json::to_string(codes)?;
    let text = match conn.either() {
        Either::Sqlite(_) => "select id, code from units where code in (select value from json_each($1))",
        Either::Postgres(_) => "select id, code from units where code in (select value from jsonb_array_elements_text($1::jsonb))",
    };
    fetch_all!(conn, (UnitId, String), text, batch)
}

/// Everybody who has one of these addresses, and whether they have left.
pub async fn with_emails(conn: &mut Conn, emails: &[String]) -> Result<Vec<(StaffRow, bool)>> {
    #[derive(sqlx::FromRow)]
    struct Known {
        #[sqlx(flatten)]
        staff: StaffRow,
        has_left: bool,
    }
    macro_rules! known {
        ($from:literal) => {
            concat!(
                "select id, email, name, title, phone, language, unit_id, activated_at is not null as is_activated, ended_at is not null as has_left
                 from staff where email in (select value from ",
                $from,
                ")"
            )
        };
    }
    let batch = serde_json::to_string(emails)?;
    let text = match conn.either() {
        Either::Sqlite(_) => known!("json_each($1)"),
        Either::Postgres(_) => known!("jsonb_array_elements_text($1::jsonb)"),
    };
    Ok(fetch_all!(conn, Known, text, batch)?.into_iter().map(|known| (known.staff, known.has_left)).collect())
}

/// The number of the newest audit entry: what is read after it is at least as new.
pub async fn version(conn: &mut Conn) -> Result<i64> {
    let (seq,) = fetch_one!(conn, (i64,), "select coalesce(max(seq), 0) from audit_entries")?;
    Ok(seq)
}

/// Whether units, posts, people or holdings have been changed after a version: every such change leaves an entry.
pub async fn has_changed(conn: &mut Conn, version: i64) -> Result<bool> {
    let found = fetch_optional!(
        conn,
        (i64,),
        "select seq from audit_entries where seq > $1 and (action like 'unit.%' or action like 'post.%' or action like 'holding.%' or action like 'staff.%'
            or action like 'grant.%' or action in ('import.apply', 'import.undo') or action like 'invitation.%' or action like 'profile.%' or action like 'admin.%') limit 1",
        version
    )?;
    Ok(found.is_some())
}
