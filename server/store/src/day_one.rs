//! What a subtree still lacks on its first day.

use crate::{
    Conn, Result,
    admin::{given, held},
    conn::*,
    invitation::is_since_taken_up,
    print::below,
};
use model::{At, PostId, StaffId, UnitId, UnitKind};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Figures {
    /// Grids and classes.
    pub leaves: i64,
    /// Of these, with a holder who has signed in and a contact point in use: the staffing figure.
    pub ready: i64,
    /// Units that should have a post with a holder and have not: grids and classes without one, and every other unit with a post that nobody holds.
    /// Whoever has not signed in yet is a holder too: an import gives posts before anybody is invited.
    pub without_holder: i64,
    pub posts: i64,
    pub without_point: i64,
    pub points: i64,
    /// Points that nobody has scanned yet: probably not put up.
    pub unscanned: i64,
    pub staff: i64,
    /// Who have not signed in yet.
    pub absent: i64,
}

/// After `below`, `held` and `given`: `$1` the unit, `$2` now.
macro_rules! parts {
    () => {
        "leaves as (select u.id from units u join below on below.id = u.id where u.ended_at is null and u.kind in ('grid', 'class')),
         seats as materialized (
            select p.id, p.unit_id, h.post_id is not null as is_held,
                g.post_id is not null as is_given,
                exists (select 1 from contact_points c where c.post_id = p.id and c.revoked_at is null) as has_point
            from posts p join below on below.id = p.unit_id left join held h on h.post_id = p.id
                left join given g on g.post_id = p.id where p.ended_at is null),
         people as (
            select s.id from staff s join below on below.id = s.unit_id where s.ended_at is null
            union select s.id from staff s join holdings h on h.staff_id = s.id join seats on seats.id = h.post_id
                where s.ended_at is null and (h.until_at is null or h.until_at > $2)),
         lacking as (
            select u.id from units u join below on below.id = u.id where u.ended_at is null and (
                exists (select 1 from seats where seats.unit_id = u.id and not seats.is_given)
                or u.kind in ('grid', 'class') and not exists (select 1 from seats where seats.unit_id = u.id)))"
    };
}

macro_rules! beginning {
    () => {
        concat!("with recursive ", below!(), ", ", held!(), ", ", given!(), ", ", parts!())
    };
}

pub async fn figures(conn: &mut Conn, unit: UnitId, now: At) -> Result<Figures> {
    fetch_one!(
        conn,
        Figures,
        concat!(
            beginning!(),
            " select (select count(*) from leaves) as leaves,
                (select count(*) from leaves l where exists (select 1 from seats where seats.unit_id = l.id and seats.is_held)
                    and exists (select 1 from seats where seats.unit_id = l.id and seats.has_point)) as ready,
                (select count(*) from lacking) as without_holder,
                (select count(*) from seats) as posts,
                (select count(*) from seats where not has_point) as without_point,
                (select count(*) from contact_points c join seats s on s.id = c.post_id where c.revoked_at is null) as points,
                (select count(*) from contact_points c join seats s on s.id = c.post_id where c.revoked_at is null
                    and not exists (select 1 from scans n where n.contact_point_id = c.id and n.count > 0)) as unscanned,
                (select count(*) from people) as staff,
                (select count(*) from people p join staff s on s.id = p.id where s.activated_at is null) as absent"
        ),
        unit,
        now
    )
}

/// A unit with a post that nobody holds, or without any.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct UnitLine {
    pub id: UnitId,
    pub kind: UnitKind,
    pub name: String,
    pub code: Option<String>,
    pub above: Option<String>,
    /// The post that nobody holds; none where the unit has none at all.
    pub post_id: Option<PostId>,
    pub title: Option<String>,
}

pub async fn units_without_holder(conn: &mut Conn, unit: UnitId, now: At, limit: i64, offset: i64) -> Result<Vec<UnitLine>> {
    fetch_all!(
        conn,
        UnitLine,
        concat!(
            beginning!(),
            " select u.id, u.kind, u.name, u.code, a.name as above, p.id as post_id, p.title
              from lacking join units u on u.id = lacking.id left join units a on a.id = u.parent_id
              left join seats s on s.unit_id = u.id and not s.is_given left join posts p on p.id = s.id
              order by u.code is null, u.code, u.name, u.id, p.created_at, p.id limit $3 offset $4"
        ),
        unit,
        now,
        limit,
        offset
    )
}

/// A post without a contact point in use.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PostLine {
    pub id: PostId,
    pub title: String,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub unit_code: Option<String>,
    pub above: Option<String>,
}

pub async fn posts_without_point(conn: &mut Conn, unit: UnitId, now: At, limit: i64, offset: i64) -> Result<Vec<PostLine>> {
    fetch_all!(
        conn,
        PostLine,
        concat!(
            beginning!(),
            " select p.id, p.title, u.id as unit_id, u.name as unit_name, u.code as unit_code, a.name as above
              from seats s join posts p on p.id = s.id join units u on u.id = p.unit_id left join units a on a.id = u.parent_id where not s.has_point
              order by u.code is null, u.code, u.name, u.id, p.created_at, p.id limit $3 offset $4"
        ),
        unit,
        now,
        limit,
        offset
    )
}

/// Somebody who has not signed in yet.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StaffLine {
    pub id: StaffId,
    pub name: String,
    pub email: String,
    /// A post they are to hold, and its unit.
    pub title: Option<String>,
    pub unit_name: Option<String>,
    /// When they were last invited, and until when they can take it up.
    pub invited_at: Option<At>,
    pub expires_at: Option<At>,
}

pub async fn staff_not_signed_in(conn: &mut Conn, unit: UnitId, now: At, limit: i64, offset: i64) -> Result<Vec<StaffLine>> {
    fetch_all!(
        conn,
        StaffLine,
        concat!(
            beginning!(),
            " select s.id, s.name, s.email, p.title, u.name as unit_name,
                (select max(i.created_at) from invitations i where i.staff_id = s.id and ",
            is_since_taken_up!(),
            ") as invited_at,
                (select max(i.expires_at) from invitations i where i.staff_id = s.id and ",
            is_since_taken_up!(),
            ") as expires_at
              from people join staff s on s.id = people.id
              left join posts p on p.id = (
                select h.post_id from holdings h join seats on seats.id = h.post_id
                where h.staff_id = s.id and (h.until_at is null or h.until_at > $2) order by h.from_at, h.id limit 1)
              left join units u on u.id = p.unit_id
              where s.activated_at is null order by u.code is null, u.code, s.name, s.id limit $3 offset $4"
        ),
        unit,
        now,
        limit,
        offset
    )
}
