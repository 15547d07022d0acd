//! The stickers of an admin's units, and how they are.

use crate::{Conn, Result, admin::mine, conn::*};
use model::{At, ContactPointId, PointCode, PostId, StaffId, UnitId};

/// How a sticker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// In use, whatever else.
    InUse,
    /// In use, and never scanned.
    Unscanned,
    /// In use, scanned before, and not in the last thirty days.
    Silent,
    /// On a day of the last week far more often than usual: more than twenty times, and more than ten times the median of the four weeks before that
    /// day. In the first two weeks nothing is usual yet.
    Busy,
    /// A resident says that something is wrong with it.
    Reported,
    /// Out of use, and still scanned in the last thirty days.
    Haunted,
    Revoked,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Sticker {
    pub id: ContactPointId,
    pub code: PointCode,
    pub place: String,
    pub created_at: At,
    pub revoked_at: Option<At>,
    pub post_id: PostId,
    pub title: String,
    pub unit_id: UnitId,
    pub unit_name: String,
    /// The last day on which it was scanned, in use or not.
    pub last_day: Option<i64>,
    pub is_busy: i64,
    pub reports: i64,
    /// Scans of the last thirty days that met a sticker out of use.
    pub refused: i64,
}

/// How many there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    pub in_use: i64,
    pub unscanned: i64,
    pub silent: i64,
    pub busy: i64,
    pub reported: i64,
    pub haunted: i64,
    pub revoked: i64,
}

/// The CTE `scope`, after `mine`: what is the admin's, or of that only what lies at or below the unit `$3`.
macro_rules! scope {
    () => {
        "scope as (
            select id from mine where cast($3 as uuid) is null
            union select id from mine where id = $3
            union select u.id from units u join scope on u.parent_id = scope.id)"
    };
}

/// Conditions on a contact point `c`; `$4` is today.
macro_rules! is {
    (unscanned) => {
        "(c.revoked_at is null and not exists (select 1 from scans s where s.contact_point_id = c.id and s.count > 0))"
    };
    (silent) => {
        "(c.revoked_at is null and (select max(s.day) from scans s where s.contact_point_id = c.id and s.count > 0) <= $4 - 30)"
    };
    // A day of the last week, at least two weeks after the first scan, against the days before it, four weeks at most.
    (busy) => {
        "(c.revoked_at is null and exists (
            select 1 from (select t.day, t.count, (select min(f.day) from scans f where f.contact_point_id = c.id and f.count > 0) as first_day
                from scans t where t.contact_point_id = c.id and t.day between $4 - 6 and $4 and t.count > 20) t
            where t.day - t.first_day >= 14
                and 2 * (select count(*) from scans s where s.contact_point_id = c.id and s.day between t.day - 28 and t.day - 1 and s.count * 10 >= t.count)
                    <= case when t.day - t.first_day > 28 then 28 else t.day - t.first_day end))"
    };
    (reported) => {
        "(exists (select 1 from sticker_reports r where r.contact_point_id = c.id and r.settled_at is null))"
    };
    (haunted) => {
        "(c.revoked_at is not null and exists (select 1 from scans s where s.contact_point_id = c.id and s.day > $4 - 30 and s.refused > 0))"
    };
}

pub async fn counts(conn: &mut Conn, admin: StaffId, now: At, unit: Option<UnitId>, today: i64) -> Result<Counts> {
    fetch_one!(
        conn,
        Counts,
        concat!(
            "with recursive ",
            mine!(),
            ", ",
            scope!(),
            ", points as materialized (
                select c.id, c.revoked_at from contact_points c join posts p on p.id = c.post_id join scope on scope.id = p.unit_id)
             select
                (select count(*) from points c where c.revoked_at is null) as in_use,
                (select count(*) from points c where ",
            is!(unscanned),
            ") as unscanned,
                (select count(*) from points c where ",
            is!(silent),
            ") as silent,
                (select count(*) from points c where ",
            is!(busy),
            ") as busy,
                (select count(*) from points c where ",
            is!(reported),
            ") as reported,
                (select count(*) from points c where ",
            is!(haunted),
            ") as haunted,
                (select count(*) from points c where c.revoked_at is not null) as revoked"
        ),
        admin,
        now,
        unit,
        today
    )
}

/// One page of a list, by the units' codes.
pub struct Asked<'a> {
    pub unit: Option<UnitId>,
    pub health: Health,
    /// What place, post or unit hold, and what the code begins with, for `like` in lower case.
    pub like: &'a str,
    pub code_like: &'a str,
    pub limit: i64,
    pub offset: i64,
}

pub async fn list(conn: &mut Conn, admin: StaffId, now: At, today: i64, asked: Asked<'_>) -> Result<Vec<Sticker>> {
    // First which, then what is shown of them: of fifteen thousand only fifty.
    macro_rules! listed {
        ($condition:expr) => {
            concat!(
                "with recursive ",
                mine!(),
                ", ",
                scope!(),
                ", page as materialized (
                    select c.id from contact_points c join posts p on p.id = c.post_id join scope on scope.id = p.unit_id join units u on u.id = p.unit_id
                    where (lower(c.place) like $5 escape '\\' or lower(p.title) like $5 escape '\\' or lower(u.name) like $5 escape '\\'
                        or lower(c.code) like $6 escape '\\') and ",
                $condition,
                " order by u.code is null, u.code, u.name, p.created_at, c.created_at, c.id limit $7 offset $8)
                 select c.id, c.code, c.place, c.created_at, c.revoked_at, p.id as post_id, p.title, u.id as unit_id, u.name as unit_name,
                    (select max(s.day) from scans s where s.contact_point_id = c.id and s.count + s.refused > 0) as last_day,
                    cast(case when ",
                is!(busy),
                " then 1 else 0 end as bigint) as is_busy,
                    (select count(*) from sticker_reports r where r.contact_point_id = c.id and r.settled_at is null) as reports,
                    cast(coalesce((select sum(s.refused) from scans s where s.contact_point_id = c.id and s.day > $4 - 30), 0) as bigint) as refused
                 from page join contact_points c on c.id = page.id join posts p on p.id = c.post_id join units u on u.id = p.unit_id
                 order by u.code is null, u.code, u.name, p.created_at, c.created_at, c.id"
            )
        };
    }
    let text = match asked.health {
        Health::InUse => listed!("c.revoked_at is null"),
        Health::Revoked => listed!("c.revoked_at is not null"),
        Health::Unscanned => listed!(is!(unscanned)),
        Health::Silent => listed!(is!(silent)),
        Health::Busy => listed!(is!(busy)),
        Health::Reported => listed!(is!(reported)),
        Health::Haunted => listed!(is!(haunted)),
    };
    fetch_all!(conn, Sticker, text, admin, now, asked.unit, today, asked.like, asked.code_like, asked.limit, asked.offset)
}

/// Stickers to look at, for the overview: those that residents have reported, and those out of use that are scanned all the same, in the thirty days
/// up to `today`. From these few up to the admin's units, and not down from them.
pub async fn to_look_at(conn: &mut Conn, admin: StaffId, now: At, today: i64) -> Result<(i64, i64)> {
    fetch_one!(
        conn,
        (i64, i64),
        "with recursive up as (
            select c.id as point_id, p.unit_id as id, case when c.revoked_at is null then 0 else 1 end as is_revoked
            from contact_points c join posts p on p.id = c.post_id
            where c.id in (select contact_point_id from sticker_reports where settled_at is null)
                or c.revoked_at is not null and exists (select 1 from scans s where s.contact_point_id = c.id and s.day > $3 - 30 and s.refused > 0)
            union select up.point_id, u.parent_id, up.is_revoked from up join units u on u.id = up.id where u.parent_id is not null),
         mine as (
            select distinct up.point_id, up.is_revoked from up join grants g on g.unit_id = up.id
            where g.staff_id = $1 and g.role = 'admin' and g.from_at <= $2 and (g.until_at is null or g.until_at > $2))
         select (select count(*) from mine where exists (select 1 from sticker_reports r where r.contact_point_id = mine.point_id and r.settled_at is null)),
            (select count(*) from mine where is_revoked = 1
                and exists (select 1 from scans s where s.contact_point_id = mine.point_id and s.day > $3 - 30 and s.refused > 0))",
        admin,
        now,
        today
    )
}
