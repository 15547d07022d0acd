//! Who holds which post, from when until when.

use crate::{Conn, Result, admin::mine, conn::*};
use model::{At, HoldingId, PostId, StaffId, UnitId};

/// Whether the member of staff `s` neither rests nor is away at a moment.
macro_rules! is_on_duty {
    ($at:literal) => {
        concat!(
            "(s.off_duty_since is null or s.off_duty_since > ",
            $at,
            " or s.off_duty_until <= ",
            $at,
            ") and not exists (select 1 from absences a where a.staff_id = s.id and a.from_at <= ",
            $at,
            " and a.until_at > ",
            $at,
            ")"
        )
    };
}

pub(crate) use is_on_duty;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Holding {
    pub id: HoldingId,
    pub post_id: PostId,
    pub staff_id: StaffId,
    pub from_at: At,
    pub until_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, holding: &Holding) -> Result<()> {
    execute!(
        conn,
        "insert into holdings (id, post_id, staff_id, from_at, until_at) values ($1, $2, $3, $4, $5)",
        holding.id,
        holding.post_id,
        holding.staff_id,
        holding.from_at,
        holding.until_at
    )
    .map(|_| ())
}

/// A post somebody holds, as they see it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    pub post_id: PostId,
    pub title: String,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub from_at: At,
    pub until_at: Option<At>,
    /// The post that stands in, if one is named.
    pub substitute_title: Option<String>,
    pub substitute_unit: Option<String>,
}

/// The posts a member of staff holds at this moment, the one held longest first.
pub async fn held_by(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<Held>> {
    fetch_all!(
        conn,
        Held,
        "select p.id as post_id, p.title, p.unit_id, u.name as unit_name, h.from_at, h.until_at, s.title as substitute_title, v.name as substitute_unit
         from holdings h join posts p on p.id = h.post_id join units u on u.id = p.unit_id
         left join posts s on s.id = p.substitute_id left join units v on v.id = s.unit_id
         where h.staff_id = $1 and h.from_at <= $2 and (h.until_at is null or h.until_at > $2) and p.ended_at is null
         order by h.from_at, h.id",
        staff,
        now
    )
}

pub async fn is_held(conn: &mut Conn, post: PostId, staff: StaffId, now: At) -> Result<bool> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select count(*) from holdings where post_id = $1 and staff_id = $2 and from_at <= $3 and (until_at is null or until_at > $3)",
        post,
        staff,
        now
    )?;
    Ok(count > 0)
}

/// A holding with the names on both sides.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Term {
    pub id: HoldingId,
    pub post_id: PostId,
    pub title: String,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub staff_id: StaffId,
    pub staff_name: String,
    /// False while the invitation is open.
    pub is_activated: bool,
    pub off_duty_since: Option<At>,
    pub off_duty_until: Option<At>,
    pub from_at: At,
    pub until_at: Option<At>,
}

macro_rules! terms {
    ($rest:literal) => {
        concat!(
            "select h.id, h.post_id, p.title, p.unit_id, u.name as unit_name, h.staff_id, s.name as staff_name, s.activated_at is not null as is_activated,
                s.off_duty_since, s.off_duty_until, h.from_at, h.until_at
             from holdings h join posts p on p.id = h.post_id join units u on u.id = p.unit_id join staff s on s.id = h.staff_id ",
            $rest
        )
    };
}

/// Everybody who holds, held or will hold a post, newest first.
pub async fn of_post(conn: &mut Conn, post: PostId) -> Result<Vec<Term>> {
    fetch_all!(conn, Term, terms!("where h.post_id = $1 order by h.from_at desc, h.id desc"), post)
}

/// Everything somebody holds, held or will hold, newest first.
pub async fn of_staff(conn: &mut Conn, staff: StaffId) -> Result<Vec<Term>> {
    fetch_all!(conn, Term, terms!("where h.staff_id = $1 order by h.from_at desc, h.id desc"), staff)
}

pub async fn find(conn: &mut Conn, id: HoldingId) -> Result<Option<Term>> {
    fetch_optional!(conn, Term, terms!("where h.id = $1"), id)
}

/// Ends a holding at a moment. False if it ends before that already.
pub async fn shorten(conn: &mut Conn, id: HoldingId, until: At) -> Result<bool> {
    let changed = execute!(conn, "update holdings set until_at = $2 where id = $1 and (until_at is null or until_at >= $2)", id, until)?;
    Ok(changed > 0)
}

/// Takes back a holding that has not begun.
pub async fn delete(conn: &mut Conn, id: HoldingId) -> Result<()> {
    execute!(conn, "delete from holdings where id = $1", id).map(|_| ())
}

/// The post and the holder of every holding that began or ended after `since`, until `now`.
pub async fn begun_or_ended(conn: &mut Conn, since: At, now: At) -> Result<Vec<(PostId, StaffId)>> {
    fetch_all!(
        conn,
        (PostId, StaffId),
        "select post_id, staff_id from holdings where (from_at > $1 and from_at <= $2) or (until_at > $1 and until_at <= $2) order by post_id, staff_id",
        since,
        now
    )
}

/// Gives a holding another end, or none.
pub async fn set_until(conn: &mut Conn, id: HoldingId, until: Option<At>) -> Result<()> {
    execute!(conn, "update holdings set until_at = $2 where id = $1", id, until).map(|_| ())
}

/// Who holds a post at a moment, with a login by then.
pub async fn holders(conn: &mut Conn, post: PostId, at: At) -> Result<Vec<StaffId>> {
    let rows = fetch_all!(
        conn,
        (StaffId,),
        "select distinct h.staff_id from holdings h join staff s on s.id = h.staff_id
         where h.post_id = $1 and h.from_at <= $2 and (h.until_at is null or h.until_at > $2) and s.activated_at <= $2
            and (s.ended_at is null or s.ended_at > $2)",
        post,
        at
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// From when until when somebody with a login holds a post; whoever leaves holds nothing any more from that day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Span {
    pub id: HoldingId,
    pub post_id: PostId,
    pub staff_id: StaffId,
    pub from_at: At,
    pub until_at: Option<At>,
}

/// All that end after a moment, or never.
pub async fn spans(conn: &mut Conn, after: At) -> Result<Vec<Span>> {
    fetch_all!(
        conn,
        Span,
        "select h.id, h.post_id, h.staff_id, h.from_at,
            case when l.leaves_at is not null and (h.until_at is null or h.until_at > l.leaves_at) then l.leaves_at else h.until_at end as until_at
         from holdings h join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
         left join leavings l on l.staff_id = h.staff_id
         where (h.until_at is null or h.until_at > $1) and (l.leaves_at is null or l.leaves_at > $1)",
        after
    )
}

/// Whether a holding ends, or somebody leaves, between two moments.
pub async fn ends_between(conn: &mut Conn, after: At, until: At) -> Result<bool> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select (select count(*) from holdings where until_at > $1 and until_at <= $2) + (select count(*) from leavings where leaves_at > $1 and leaves_at <= $2)",
        after,
        until
    )?;
    Ok(count > 0)
}

/// Remembers that a holding goes on although it was to end.
pub async fn keep(conn: &mut Conn, id: HoldingId, was_until: At, now: At) -> Result<()> {
    execute!(conn, "insert into kept_holdings (holding_id, was_until, kept_at) values ($1, $2, $3) on conflict (holding_id) do nothing", id, was_until, now)
        .map(|_| ())
}

/// The posts in an admin's units where somebody goes on who was to end, the longest first.
pub async fn kept(conn: &mut Conn, admin: StaffId, now: At) -> Result<Vec<PostId>> {
    let rows = fetch_all!(
        conn,
        (PostId,),
        concat!(
            "with recursive ",
            mine!(),
            " select h.post_id from kept_holdings k join holdings h on h.id = k.holding_id join posts p on p.id = h.post_id join mine on mine.id = p.unit_id
              where h.until_at > $2 and p.ended_at is null and not exists (
                select 1 from holdings o join staff s on s.id = o.staff_id and s.activated_at is not null and s.ended_at is null
                where o.post_id = h.post_id and o.id <> h.id and o.from_at <= h.until_at and (o.until_at is null or o.until_at > h.until_at))
              order by k.kept_at, h.id"
        ),
        admin,
        now
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Ends everything a member of staff holds or was to hold.
pub async fn end_all(conn: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    execute!(conn, "delete from holdings where staff_id = $1 and from_at > $2", staff, now)?;
    execute!(conn, "update holdings set until_at = $2 where staff_id = $1 and (until_at is null or until_at > $2)", staff, now).map(|_| ())
}

/// A holding of the same person and post whose time overlaps; `until` is the end of time where it is open.
pub async fn overlapping(conn: &mut Conn, post: PostId, staff: StaffId, from: At, until: At) -> Result<i64> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select count(*) from holdings where post_id = $1 and staff_id = $2 and from_at < $4 and (until_at is null or until_at > $3)",
        post,
        staff,
        from,
        until
    )?;
    Ok(count)
}
