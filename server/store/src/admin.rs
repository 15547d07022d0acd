//! What an admin may see: everything at or below the units of the admin grants that hold now.

/// The CTE `mine`, for statements that begin with `with recursive`: `$1` the admin, `$2` now. With a role: what somebody with that grant may see.
macro_rules! mine {
    () => {
        mine!("admin")
    };
    ($role:literal) => {
        concat!(
            "mine as (
            select unit_id as id from grants where staff_id = $1 and role = '",
            $role,
            "' and from_at <= $2 and (until_at is null or until_at > $2)
            union select u.id from units u join mine on u.parent_id = mine.id)"
        )
    };
}

/// The CTE `held`: posts that somebody with a login holds at `$2`.
macro_rules! held {
    () => {
        "held as (
            select distinct h.post_id from holdings h join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
            where h.from_at <= $2 and (h.until_at is null or h.until_at > $2))"
    };
}

/// The CTE `given`: posts that somebody holds or is to hold, whether they have signed in yet or not. An import gives posts before anybody is invited.
macro_rules! given {
    () => {
        "given as (
            select distinct h.post_id from holdings h join staff s on s.id = h.staff_id and s.ended_at is null
            where h.until_at is null or h.until_at > $2)"
    };
}

/// The staff of an admin's units, for use after `mine`: invited there, holding a post there (or none anywhere any more, and the last ones there),
/// or with a grant there.
macro_rules! people {
    () => {
        "select s.id from staff s join mine on mine.id = s.unit_id
         union select h.staff_id from holdings h join posts p on p.id = h.post_id join mine on mine.id = p.unit_id
            where h.until_at is null or h.until_at > $2
                or not exists (select 1 from holdings o where o.staff_id = h.staff_id and (o.until_at is null or o.until_at > $2))
         union select g.staff_id from grants g join mine on mine.id = g.unit_id where g.until_at is null or g.until_at > $2"
    };
}

pub(crate) use {given, held, mine, people};

use crate::{Conn, Result, conn::*};
use model::{At, StaffId};

/// The numbers that open the admin pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Figures {
    /// Grids and classes, and how many of them have a post that somebody holds.
    pub leaves: i64,
    pub staffed: i64,
    /// Grids and classes without any post.
    pub without_post: i64,
    pub posts: i64,
    pub vacant: i64,
    pub without_point: i64,
    /// Contact points in use.
    pub points: i64,
    pub waiting: i64,
    pub late: i64,
    /// Waits that nobody answers for.
    pub ownerless: i64,
    /// Staff whose invitation is open or has run out.
    pub invited: i64,
    pub staff: i64,
}

macro_rules! figures {
    ($role:literal) => {
        concat!(
            "with recursive ",
            mine!($role),
            ", ",
            held!(),
            ", ",
            given!(),
            ", leaves as (select u.id from units u join mine on mine.id = u.id where u.ended_at is null and u.kind in ('grid', 'class')),
             seats as (select p.id, p.unit_id from posts p join mine on mine.id = p.unit_id where p.ended_at is null),
             people as (",
            people!(),
            ")
             select
                (select count(*) from leaves) as leaves,
                (select count(distinct s.unit_id) from seats s join held on held.post_id = s.id join leaves l on l.id = s.unit_id) as staffed,
                (select count(*) from leaves l left join seats s on s.unit_id = l.id where s.id is null) as without_post,
                (select count(*) from seats) as posts,
                (select count(*) from seats s left join given on given.post_id = s.id where given.post_id is null) as vacant,
                (select count(*) from seats s where not exists (select 1 from contact_points c where c.post_id = s.id and c.revoked_at is null))
                    as without_point,
                (select count(*) from contact_points c join seats s on s.id = c.post_id where c.revoked_at is null) as points,
                (select count(*) from waits w join seats s on s.id = w.post_id where w.closed_at is null) as waiting,
                (select count(*) from waits w join seats s on s.id = w.post_id where w.closed_at is null and w.due_at < $2) as late,
                (select count(*) from waits w join seats s on s.id = w.post_id join posts p on p.id = s.id where w.closed_at is null and p.answering_id is null)
                    as ownerless,
                (select count(*) from people p join staff s on s.id = p.id where s.activated_at is null and s.ended_at is null) as invited,
                (select count(*) from people p join staff s on s.id = p.id where s.ended_at is null) as staff"
        )
    };
}

pub async fn figures(conn: &mut Conn, admin: StaffId, now: At) -> Result<Figures> {
    fetch_one!(conn, Figures, figures!("admin"), admin, now)
}

/// The same for the subtrees of a supervisor.
pub async fn supervised(conn: &mut Conn, supervisor: StaffId, now: At) -> Result<Figures> {
    fetch_one!(conn, Figures, figures!("supervisor"), supervisor, now)
}
