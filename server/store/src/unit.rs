//! The organisation tree.

use crate::{Conn, Result, admin::mine, conn::*};
use model::{At, StaffId, UnitId, UnitKind};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Unit {
    pub id: UnitId,
    pub parent_id: Option<UnitId>,
    pub kind: UnitKind,
    pub name: String,
    pub name_en: Option<String>,
    pub code: Option<String>,
    pub created_at: At,
    pub ended_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, unit: &Unit) -> Result<()> {
    execute!(
        conn,
        "insert into units (id, parent_id, kind, name, name_en, code, created_at, ended_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        unit.id,
        unit.parent_id,
        unit.kind,
        &unit.name,
        &unit.name_en,
        &unit.code,
        unit.created_at,
        unit.ended_at
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: UnitId) -> Result<Option<Unit>> {
    fetch_optional!(conn, Unit, "select id, parent_id, kind, name, name_en, code, created_at, ended_at from units where id = $1", id)
}

/// From the unit itself up to the root.
pub async fn path(conn: &mut Conn, id: UnitId) -> Result<Vec<Unit>> {
    fetch_all!(
        conn,
        Unit,
        "with recursive up as (
            select u.id, u.parent_id, u.kind, u.name, u.name_en, u.code, u.created_at, u.ended_at, 0 as depth from units u where u.id = $1
            union all select u.id, u.parent_id, u.kind, u.name, u.name_en, u.code, u.created_at, u.ended_at, up.depth + 1 from units u join up on u.id = up.parent_id)
         select id, parent_id, kind, name, name_en, code, created_at, ended_at from up order by depth",
        id
    )
}

/// The units with none above them, oldest first.
pub async fn roots(conn: &mut Conn) -> Result<Vec<Unit>> {
    fetch_all!(
        conn,
        Unit,
        "select id, parent_id, kind, name, name_en, code, created_at, ended_at from units where parent_id is null and ended_at is null order by created_at, id"
    )
}

/// A unit in the tree.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Flat {
    pub id: UnitId,
    pub parent_id: Option<UnitId>,
    pub kind: UnitKind,
    pub name: String,
    pub name_en: Option<String>,
    pub code: Option<String>,
}

/// All units that have not ended, siblings in the order in which they are shown.
pub async fn all(conn: &mut Conn) -> Result<Vec<Flat>> {
    fetch_all!(conn, Flat, "select id, parent_id, kind, name, name_en, code from units where ended_at is null order by code is null, code, name, id")
}

/// The posts of a unit: how many there are, how many somebody with a login holds, and how many have a contact point in use.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Manned {
    pub unit_id: UnitId,
    pub posts: i64,
    pub held: i64,
    pub coded: i64,
}

/// Of all units that have posts.
pub async fn manned(conn: &mut Conn, now: At) -> Result<Vec<Manned>> {
    fetch_all!(
        conn,
        Manned,
        "with held as (
            select distinct h.post_id from holdings h join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
            where h.from_at <= $1 and (h.until_at is null or h.until_at > $1)),
         coded as (select distinct post_id from contact_points where revoked_at is null)
         select p.unit_id, count(*) as posts, count(h.post_id) as held, count(k.post_id) as coded
         from posts p left join held h on h.post_id = p.id left join coded k on k.post_id = p.id where p.ended_at is null group by p.unit_id",
        now
    )
}

/// One who holds a post at each of these units, where anybody does.
/// Nobody's name where nobody who holds a post there has a login yet.
pub async fn holders(conn: &mut Conn, units: &[UnitId], now: At) -> Result<Vec<(UnitId, Option<String>)>> {
    macro_rules! holders {
        ($units:literal) => {
            concat!(
                "select p.unit_id, min(case when s.activated_at is not null then s.name end) as name from posts p join holdings h on h.post_id = p.id join staff s on s.id = h.staff_id
                 where p.unit_id in (",
                $units,
                ") and p.ended_at is null and h.from_at <= $2 and (h.until_at is null or h.until_at > $2) and s.ended_at is null
                 group by p.unit_id"
            )
        };
    }
    let units = serde_json::to_string(&units.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let text = match conn.either() {
        Either::Sqlite(_) => holders!("select unhex(value) from json_each($1)"),
        Either::Postgres(_) => holders!("select cast(value as uuid) from jsonb_array_elements_text(cast($1 as jsonb))"),
    };
    fetch_all!(conn, (UnitId, Option<String>), text, units, now)
}

/// What a unit lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A grid or class with no post.
    Post,
    /// A post that nobody holds or is to hold.
    Holder,
    /// A post without a contact point.
    Point,
}

/// An admin's units that lack something.
pub async fn lacking(conn: &mut Conn, admin: StaffId, now: At, lack: Lack, limit: i64, offset: i64) -> Result<Vec<UnitId>> {
    macro_rules! lacking {
        ($condition:literal) => {
            concat!(
                "with recursive ",
                mine!(),
                " select u.id from units u join mine on mine.id = u.id where u.ended_at is null and ",
                $condition,
                " order by u.code is null, u.code, u.name, u.id limit $3 offset $4"
            )
        };
    }
    const POST: &str = lacking!("u.kind in ('grid', 'class') and not exists (select 1 from posts p where p.unit_id = u.id and p.ended_at is null)");
    const HOLDER: &str = lacking!(
        "exists (select 1 from posts p where p.unit_id = u.id and p.ended_at is null and not exists (
            select 1 from holdings h join staff s on s.id = h.staff_id and s.ended_at is null
            where h.post_id = p.id and (h.until_at is null or h.until_at > $2)))"
    );
    const POINT: &str = lacking!(
        "exists (select 1 from posts p where p.unit_id = u.id and p.ended_at is null and not exists (
            select 1 from contact_points c where c.post_id = p.id and c.revoked_at is null))"
    );
    let rows = match lack {
        Lack::Post => fetch_all!(conn, (UnitId,), POST, admin, now, limit, offset),
        Lack::Holder => fetch_all!(conn, (UnitId,), HOLDER, admin, now, limit, offset),
        Lack::Point => fetch_all!(conn, (UnitId,), POINT, admin, now, limit, offset),
    };
    Ok(rows?.into_iter().map(|(id,)| id).collect())
}

/// Waits for whoever is changing a unit, and keeps it as it is until this transaction ends. SQLite writes one transaction at a time anyway.
pub async fn hold(conn: &mut Conn, id: UnitId) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select 1 from units where id = $1 for share").bind(id).execute(c).await?;
    }
    Ok(())
}

/// The same for whoever changes it: waits also for those who keep it as it is.
pub async fn lock(conn: &mut Conn, id: UnitId) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select 1 from units where id = $1 for no key update").bind(id).execute(c).await?;
    }
    Ok(())
}

pub async fn change(conn: &mut Conn, id: UnitId, name: &str, name_en: Option<&str>, code: Option<&str>) -> Result<()> {
    execute!(conn, "update units set name = $2, name_en = $3, code = $4 where id = $1", id, name, name_en, code).map(|_| ())
}

/// Units below and posts that have not ended.
pub async fn in_use(conn: &mut Conn, id: UnitId) -> Result<i64> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select (select count(*) from units where parent_id = $1 and ended_at is null) + (select count(*) from posts where unit_id = $1 and ended_at is null)",
        id
    )?;
    Ok(count)
}

/// Ends a unit; its code is free for another one.
pub async fn end(conn: &mut Conn, id: UnitId, now: At) -> Result<()> {
    execute!(conn, "update units set ended_at = $2, code = null where id = $1", id, now).map(|_| ())
}
