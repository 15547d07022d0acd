//! The organisation tree.

use crate::{
    Conn, Result,
    admin::{held, mine},
    conn::*,
};
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

/// A unit in the tree as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Branch {
    pub id: UnitId,
    pub parent_id: Option<UnitId>,
    pub kind: UnitKind,
    pub name: String,
    pub code: Option<String>,
    /// Units directly below.
    pub children: i64,
    /// Grids and classes from here down, and how many of them have a post that somebody holds.
    pub leaves: i64,
    pub staffed: i64,
    pub posts: i64,
    /// One who holds a post at this very unit.
    pub holder: Option<String>,
}

/// The branches of the units in the CTE `page`; `$2` is now.
macro_rules! branches {
    () => {
        concat!(
            ", ",
            held!(),
            ", down as (
                select id, id as top from page
                union all select u.id, d.top from units u join down d on u.parent_id = d.id where u.ended_at is null),
             staffed as (select distinct p.unit_id from posts p join held on held.post_id = p.id where p.ended_at is null)
             select u.id, u.parent_id, u.kind, u.name, u.code,
                (select count(*) from units k where k.parent_id = u.id and k.ended_at is null) as children,
                count(case when v.kind in ('grid', 'class') then 1 end) as leaves,
                count(case when v.kind in ('grid', 'class') then f.unit_id end) as staffed,
                (select count(*) from posts p where p.unit_id = u.id and p.ended_at is null) as posts,
                (select s.name from posts p join holdings h on h.post_id = p.id join staff s on s.id = h.staff_id
                 where p.unit_id = u.id and p.ended_at is null and h.from_at <= $2 and (h.until_at is null or h.until_at > $2)
                    and s.activated_at is not null and s.ended_at is null
                 order by h.from_at, h.id limit 1) as holder
             from down d join units u on u.id = d.top join units v on v.id = d.id left join staffed f on f.unit_id = v.id
             group by u.id, u.parent_id, u.kind, u.name, u.code
             order by u.code is null, u.code, u.name, u.id"
        )
    };
}

/// The units directly below one.
pub async fn below(conn: &mut Conn, parent: UnitId, now: At, limit: i64, offset: i64) -> Result<Vec<Branch>> {
    fetch_all!(
        conn,
        Branch,
        concat!(
            "with recursive page as (
                select id from units where parent_id = $1 and ended_at is null order by code is null, code, name, id limit $3 offset $4)",
            branches!()
        ),
        parent,
        now,
        limit,
        offset
    )
}

pub async fn branch(conn: &mut Conn, id: UnitId, now: At) -> Result<Option<Branch>> {
    fetch_optional!(conn, Branch, concat!("with recursive page as (select id from units where id = $1)", branches!()), id, now)
}

/// What a unit lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A grid or class with no post.
    Post,
    /// A post nobody holds.
    Holder,
    /// A post without a contact point.
    Point,
}

/// An admin's units whose name holds or whose code begins with what is searched for. Both patterns are for `like`, in lower case.
pub async fn search(conn: &mut Conn, admin: StaffId, now: At, name_like: &str, code_like: &str, limit: i64, offset: i64) -> Result<Vec<Branch>> {
    fetch_all!(
        conn,
        Branch,
        concat!(
            "with recursive ",
            mine!(),
            ", page as (
                select u.id from units u join mine on mine.id = u.id
                where u.ended_at is null and (lower(u.name) like $3 escape '\\' or lower(u.code) like $4 escape '\\')
                order by u.code is null, u.code, u.name, u.id limit $5 offset $6)",
            branches!()
        ),
        admin,
        now,
        name_like,
        code_like,
        limit,
        offset
    )
}

/// An admin's units that lack something.
pub async fn lacking(conn: &mut Conn, admin: StaffId, now: At, lack: Lack, limit: i64, offset: i64) -> Result<Vec<Branch>> {
    macro_rules! lacking {
        ($condition:literal) => {
            concat!(
                "with recursive ",
                mine!(),
                ", page as (
                    select u.id from units u join mine on mine.id = u.id where u.ended_at is null and ",
                $condition,
                " order by u.code is null, u.code, u.name, u.id limit $3 offset $4)",
                branches!()
            )
        };
    }
    const POST: &str = lacking!("u.kind in ('grid', 'class') and not exists (select 1 from posts p where p.unit_id = u.id and p.ended_at is null)");
    const HOLDER: &str = lacking!(
        "exists (select 1 from posts p where p.unit_id = u.id and p.ended_at is null and not exists (
            select 1 from holdings h join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
            where h.post_id = p.id and h.from_at <= $2 and (h.until_at is null or h.until_at > $2)))"
    );
    const POINT: &str = lacking!(
        "exists (select 1 from posts p where p.unit_id = u.id and p.ended_at is null and not exists (
            select 1 from contact_points c where c.post_id = p.id and c.revoked_at is null))"
    );
    match lack {
        Lack::Post => fetch_all!(conn, Branch, POST, admin, now, limit, offset),
        Lack::Holder => fetch_all!(conn, Branch, HOLDER, admin, now, limit, offset),
        Lack::Point => fetch_all!(conn, Branch, POINT, admin, now, limit, offset),
    }
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
