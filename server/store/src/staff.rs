//! People with a login, and what they hold.

use crate::{
    Conn, Result,
    admin::{mine, people},
    conn::*,
};
use model::{At, GrantId, Language, Role, StaffId, UnitId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Staff {
    pub id: StaffId,
    /// In lower case.
    pub email: String,
    pub name: String,
    pub title: Option<String>,
    pub language: Language,
    pub password_hash: Option<String>,
    pub created_at: At,
    pub activated_at: Option<At>,
    pub ended_at: Option<At>,
    pub off_duty_since: Option<At>,
    pub off_duty_until: Option<At>,
}

impl Staff {
    pub fn is_off_duty(&self, now: At) -> bool {
        self.off_duty_since.is_some_and(|since| since <= now) && self.off_duty_until.is_none_or(|until| until > now)
    }
}

pub async fn insert(conn: &mut Conn, staff: &Staff) -> Result<()> {
    execute!(
        conn,
        "insert into staff (id, email, name, title, language, password_hash, created_at, activated_at, ended_at, off_duty_since, off_duty_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        staff.id,
        &staff.email,
        &staff.name,
        &staff.title,
        staff.language,
        &staff.password_hash,
        staff.created_at,
        staff.activated_at,
        staff.ended_at,
        staff.off_duty_since,
        staff.off_duty_until
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: StaffId) -> Result<Option<Staff>> {
    fetch_optional!(
        conn,
        Staff,
        "select id, email, name, title, language, password_hash, created_at, activated_at, ended_at, off_duty_since, off_duty_until from staff where id = $1",
        id
    )
}

pub async fn by_email(conn: &mut Conn, email: &str) -> Result<Option<Staff>> {
    fetch_optional!(
        conn,
        Staff,
        "select id, email, name, title, language, password_hash, created_at, activated_at, ended_at, off_duty_since, off_duty_until from staff where email = $1",
        email
    )
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Grant {
    pub id: GrantId,
    pub staff_id: StaffId,
    pub role: Role,
    pub unit_id: UnitId,
    pub from_at: At,
    pub until_at: Option<At>,
}

pub async fn insert_grant(conn: &mut Conn, grant: &Grant) -> Result<()> {
    execute!(
        conn,
        "insert into grants (id, staff_id, role, unit_id, from_at, until_at) values ($1, $2, $3, $4, $5, $6)",
        grant.id,
        grant.staff_id,
        grant.role,
        grant.unit_id,
        grant.from_at,
        grant.until_at
    )
    .map(|_| ())
}

/// The grants a member of staff has at this moment.
pub async fn grants(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<Grant>> {
    fetch_all!(
        conn,
        Grant,
        "select id, staff_id, role, unit_id, from_at, until_at from grants where staff_id = $1 and from_at <= $2 and (until_at is null or until_at > $2) order by id",
        staff,
        now
    )
}

/// Whether a grant of this role covers the unit: one at the unit itself or at any unit above it.
pub async fn is_granted(conn: &mut Conn, staff: StaffId, role: Role, unit: UnitId, now: At) -> Result<bool> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "with recursive up as (
            select id, parent_id from units where id = $1
            union all select u.id, u.parent_id from units u join up on u.id = up.parent_id)
         select count(*) from grants g join up on up.id = g.unit_id
         where g.staff_id = $2 and g.role = $3 and g.from_at <= $4 and (g.until_at is null or g.until_at > $4)",
        unit,
        staff,
        role,
        now
    )?;
    Ok(count > 0)
}

/// The member of staff takes up their login: a name and a password of their own choosing.
pub async fn activate(conn: &mut Conn, id: StaffId, name: &str, password_hash: &str, now: At) -> Result<()> {
    execute!(conn, "update staff set name = $2, password_hash = $3, activated_at = coalesce(activated_at, $4) where id = $1", id, name, password_hash, now)
        .map(|_| ())
}

/// Somebody who had left is back, and does not leave on a day that was planned before.
pub async fn reinstate(conn: &mut Conn, id: StaffId) -> Result<()> {
    crate::leaving::delete(conn, id).await?;
    execute!(conn, "update staff set ended_at = null where id = $1", id).map(|_| ())
}

pub async fn set_password(conn: &mut Conn, id: StaffId, password_hash: &str) -> Result<()> {
    execute!(conn, "update staff set password_hash = $2 where id = $1", id, password_hash).map(|_| ())
}

pub async fn set_profile(conn: &mut Conn, id: StaffId, name: &str, title: Option<&str>, language: Language) -> Result<()> {
    execute!(conn, "update staff set name = $2, title = $3, language = $4 where id = $1", id, name, title, language).map(|_| ())
}

/// Off duty from `since` until `until`, without an end if that is `None`; on duty if `since` is `None`.
pub async fn set_off_duty(conn: &mut Conn, id: StaffId, since: Option<At>, until: Option<At>) -> Result<()> {
    execute!(conn, "update staff set off_duty_since = $2, off_duty_until = $3 where id = $1", id, since, until).map(|_| ())
}

/// Where somebody belongs who belongs nowhere yet.
pub async fn give_home(conn: &mut Conn, id: StaffId, unit: UnitId) -> Result<()> {
    execute!(conn, "update staff set unit_id = $2 where id = $1 and unit_id is null", id, unit).map(|_| ())
}

/// The unit where somebody was invited.
pub async fn set_unit(conn: &mut Conn, id: StaffId, unit: UnitId) -> Result<()> {
    execute!(conn, "update staff set unit_id = $2 where id = $1", id, unit).map(|_| ())
}

/// Another address, for somebody who has no login yet; `false` if they have one.
pub async fn set_email(conn: &mut Conn, id: StaffId, email: &str) -> Result<bool> {
    Ok(execute!(conn, "update staff set email = $2 where id = $1 and activated_at is null", id, email)? > 0)
}

/// Somebody has left: no sign-in any more.
pub async fn end(conn: &mut Conn, id: StaffId, now: At) -> Result<()> {
    execute!(conn, "update staff set ended_at = $2 where id = $1", id, now)?;
    execute!(conn, "update grants set until_at = $2 where staff_id = $1 and (until_at is null or until_at > $2)", id, now).map(|_| ())
}

/// Whether somebody belongs to an admin's units: invited there, holding a post there, or with a grant there.
pub async fn is_under(conn: &mut Conn, admin: StaffId, id: StaffId, now: At) -> Result<bool> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        concat!("with recursive ", mine!(), ", people as (", people!(), ") select count(*) from people where id = $3"),
        admin,
        now,
        id
    )?;
    Ok(count > 0)
}

/// An admin's staff by name, those whose name or address holds what is searched for (a `like` pattern in lower case).
pub async fn under(conn: &mut Conn, admin: StaffId, now: At, like: &str, limit: i64, offset: i64) -> Result<Vec<Staff>> {
    fetch_all!(
        conn,
        Staff,
        concat!(
            "with recursive ",
            mine!(),
            ", people as (",
            people!(),
            ") select s.id, s.email, s.name, s.title, s.language, s.password_hash, s.created_at, s.activated_at, s.ended_at, s.off_duty_since, s.off_duty_until
             from staff s join people p on p.id = s.id
               where s.ended_at is null and (lower(s.name) like $3 escape '\\' or s.email like $3 escape '\\')
               order by s.name, s.email limit $4 offset $5"
        ),
        admin,
        now,
        like,
        limit,
        offset
    )
}

/// Staff who have not taken up their invitation, oldest first.
pub async fn invited(conn: &mut Conn, admin: StaffId, now: At, limit: i64, offset: i64) -> Result<Vec<Staff>> {
    fetch_all!(
        conn,
        Staff,
        concat!(
            "with recursive ",
            mine!(),
            ", people as (",
            people!(),
            ") select s.id, s.email, s.name, s.title, s.language, s.password_hash, s.created_at, s.activated_at, s.ended_at, s.off_duty_since, s.off_duty_until
             from staff s join people p on p.id = s.id where s.ended_at is null and s.activated_at is null order by s.created_at, s.id limit $3 offset $4"
        ),
        admin,
        now,
        limit,
        offset
    )
}

/// A grant with the name of its unit.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GrantLine {
    pub id: GrantId,
    pub role: Role,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub from_at: At,
}

/// The grants somebody has now, with the names of their units.
pub async fn grant_lines(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<GrantLine>> {
    fetch_all!(
        conn,
        GrantLine,
        "select g.id, g.role, g.unit_id, u.name as unit_name, g.from_at from grants g join units u on u.id = g.unit_id
         where g.staff_id = $1 and g.from_at <= $2 and (g.until_at is null or g.until_at > $2) order by g.from_at, g.id",
        staff,
        now
    )
}

pub async fn end_grant(conn: &mut Conn, id: GrantId, now: At) -> Result<()> {
    execute!(conn, "update grants set until_at = $2 where id = $1", id, now).map(|_| ())
}

/// Somebody who had left is back, without a login until they take up an invitation, and does not leave on a day that was planned before.
pub async fn come_back(conn: &mut Conn, id: StaffId, name: &str) -> Result<()> {
    crate::leaving::delete(conn, id).await?;
    execute!(
        conn,
        "update staff set ended_at = null, activated_at = null, password_hash = null, off_duty_since = null, off_duty_until = null, name = $2 where id = $1",
        id,
        name
    )
    .map(|_| ())
}
