//! Grants as lists show them, and those of a whole district until a second admin has confirmed them.

use crate::{Conn, Result, admin::mine, conn::*, staff::Grant};
use model::{At, GrantId, Role, StaffId, UnitId, UnitKind};

/// A grant with the names on both sides.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    pub id: GrantId,
    pub staff_id: StaffId,
    pub staff_name: String,
    pub email: String,
    pub role: Role,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub kind: UnitKind,
    pub from_at: At,
    pub until_at: Option<At>,
}

macro_rules! line {
    () => {
        "g.id, g.staff_id, s.name as staff_name, s.email, g.role, g.unit_id, u.name as unit_name, u.kind, g.from_at, g.until_at"
    };
}

/// Grants in an admin's subtrees that hold or will hold, the highest unit first. `like` is a pattern in lower case for names of people and units.
pub async fn under(conn: &mut Conn, admin: StaffId, now: At, role: Option<Role>, like: &str, limit: i64, offset: i64) -> Result<Vec<Line>> {
    let role = role.map_or("%", Role::as_str);
    fetch_all!(
        conn,
        Line,
        concat!(
            "with recursive ",
            mine!(),
            " select ",
            line!(),
            " from grants g join mine on mine.id = g.unit_id join staff s on s.id = g.staff_id join units u on u.id = g.unit_id
              where (g.until_at is null or g.until_at > $2) and s.ended_at is null and g.role like $3
                and (lower(s.name) like $4 escape '\\' or s.email like $4 escape '\\' or lower(u.name) like $4 escape '\\')
              order by case u.kind when 'city' then 0 when 'district' then 1 when 'bureau' then 1 when 'street' then 2 when 'school' then 2 else 3 end,
                u.name, u.id, g.role, s.name, g.id limit $5 offset $6"
        ),
        admin,
        now,
        role,
        like,
        limit,
        offset
    )
}

/// What somebody is granted now or later.
pub async fn of_staff(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<Line>> {
    fetch_all!(
        conn,
        Line,
        concat!(
            "select ",
            line!(),
            " from grants g join staff s on s.id = g.staff_id join units u on u.id = g.unit_id
              where g.staff_id = $1 and (g.until_at is null or g.until_at > $2) order by g.from_at, g.id"
        ),
        staff,
        now
    )
}

/// A grant that holds or will hold.
pub async fn find(conn: &mut Conn, id: GrantId, now: At) -> Result<Option<Grant>> {
    fetch_optional!(
        conn,
        Grant,
        "select id, staff_id, role, unit_id, from_at, until_at from grants where id = $1 and (until_at is null or until_at > $2)",
        id,
        now
    )
}

/// Whether one grant of this role covers the unit for the whole of a time; without an end where `until` is `None`.
pub async fn spans(conn: &mut Conn, staff: StaffId, role: Role, unit: UnitId, from: At, until: Option<At>) -> Result<bool> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "with recursive up as (
            select id, parent_id from units where id = $1
            union all select u.id, u.parent_id from units u join up on u.id = up.parent_id)
         select count(*) from grants g join up on up.id = g.unit_id
         where g.staff_id = $2 and g.role = $3 and g.from_at <= $4 and (g.until_at is null or g.until_at >= $5)",
        unit,
        staff,
        role,
        from,
        until.unwrap_or(At(i64::MAX))
    )?;
    Ok(count > 0)
}

/// How many but one are admin of a unit at the top without an end: with a login, and not about to leave.
pub async fn lasting_admins(conn: &mut Conn, unit: UnitId, but: StaffId, now: At) -> Result<i64> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select count(*) from grants g join staff s on s.id = g.staff_id
         where g.unit_id = $1 and g.role = 'admin' and g.from_at <= $3 and g.until_at is null and s.id <> $2
            and s.activated_at is not null and s.ended_at is null and not exists (select 1 from leavings l where l.staff_id = s.id)",
        unit,
        but,
        now
    )?;
    Ok(count)
}

/// A grant that waits for a second admin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Proposal {
    pub id: GrantId,
    pub staff_id: StaffId,
    pub staff_name: String,
    pub role: Role,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub from_at: At,
    pub until_at: Option<At>,
    pub proposed_by: StaffId,
    pub proposed_by_name: String,
    pub proposed_at: At,
    pub expires_at: At,
}

macro_rules! proposals {
    ($rest:literal) => {
        concat!(
            "select g.id, g.staff_id, s.name as staff_name, g.role, g.unit_id, u.name as unit_name, g.from_at, g.until_at, g.proposed_by,
                b.name as proposed_by_name, g.proposed_at, g.expires_at
             from proposed_grants g join staff s on s.id = g.staff_id join staff b on b.id = g.proposed_by join units u on u.id = g.unit_id ",
            $rest
        )
    };
}

pub async fn propose(conn: &mut Conn, grant: &Grant, by: StaffId, now: At, expires_at: At) -> Result<()> {
    execute!(
        conn,
        "insert into proposed_grants (id, staff_id, role, unit_id, from_at, until_at, proposed_by, proposed_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        grant.id,
        grant.staff_id,
        grant.role,
        grant.unit_id,
        grant.from_at,
        grant.until_at,
        by,
        now,
        expires_at
    )
    .map(|_| ())
}

/// What waits in an admin's subtrees, the oldest first.
pub async fn proposals(conn: &mut Conn, admin: StaffId, now: At) -> Result<Vec<Proposal>> {
    fetch_all!(
        conn,
        Proposal,
        concat!(
            "with recursive ",
            mine!(),
            " ",
            proposals!("join mine on mine.id = g.unit_id where g.decided_at is null and g.expires_at > $2 and s.ended_at is null order by g.proposed_at, g.id")
        ),
        admin,
        now
    )
}

/// What waits for somebody.
pub async fn proposals_for(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<Proposal>> {
    fetch_all!(conn, Proposal, proposals!("where g.staff_id = $1 and g.decided_at is null and g.expires_at > $2 order by g.proposed_at, g.id"), staff, now)
}

/// One that waits; whoever has left is not granted anything.
pub async fn proposal(conn: &mut Conn, id: GrantId, now: At) -> Result<Option<Proposal>> {
    fetch_optional!(conn, Proposal, proposals!("where g.id = $1 and g.decided_at is null and g.expires_at > $2 and s.ended_at is null"), id, now)
}

/// False if somebody else was first.
pub async fn decide(conn: &mut Conn, id: GrantId, now: At) -> Result<bool> {
    let decided = execute!(conn, "update proposed_grants set decided_at = $2 where id = $1 and decided_at is null", id, now)?;
    Ok(decided > 0)
}

/// What has waited in vain, with whose it was to be. Each is given once, to whoever asks first.
pub async fn run_out(conn: &mut Conn, now: At) -> Result<Vec<(GrantId, StaffId, Role, UnitId)>> {
    fetch_all!(
        conn,
        (GrantId, StaffId, Role, UnitId),
        "update proposed_grants set decided_at = $1 where decided_at is null and expires_at <= $1 returning id, staff_id, role, unit_id",
        now
    )
}

pub async fn has_run_out(conn: &mut Conn, now: At) -> Result<bool> {
    let found = fetch_optional!(conn, (i64,), "select expires_at from proposed_grants where decided_at is null and expires_at <= $1 limit 1", now)?;
    Ok(found.is_some())
}

/// Takes back all that waits for somebody.
pub async fn withdraw_all(conn: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    execute!(conn, "update proposed_grants set decided_at = $2 where staff_id = $1 and decided_at is null", staff, now).map(|_| ())
}

/// Names of those who are admin of a unit and have a login, but for two: who could confirm.
pub async fn admins_of(conn: &mut Conn, unit: UnitId, now: At, but: (StaffId, StaffId), limit: i64) -> Result<Vec<String>> {
    let rows = fetch_all!(
        conn,
        (String,),
        "with recursive up as (
            select id, parent_id from units where id = $1
            union all select u.id, u.parent_id from units u join up on u.id = up.parent_id)
         select distinct s.name from grants g join up on up.id = g.unit_id join staff s on s.id = g.staff_id
         where g.role = 'admin' and g.from_at <= $2 and (g.until_at is null or g.until_at > $2) and s.ended_at is null and s.activated_at is not null
            and s.id <> $3 and s.id <> $4
         order by s.name limit $5",
        unit,
        now,
        but.0,
        but.1,
        limit
    )?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}
