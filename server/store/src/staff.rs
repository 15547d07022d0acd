//! People with a login, and what they hold.

use crate::{Conn, Result, conn::*};
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
    fetch_optional!(conn, Staff, "select * from staff where id = $1", id)
}

pub async fn by_email(conn: &mut Conn, email: &str) -> Result<Option<Staff>> {
    fetch_optional!(conn, Staff, "select * from staff where email = $1", email)
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
    fetch_all!(conn, Grant, "select * from grants where staff_id = $1 and from_at <= $2 and (until_at is null or until_at > $2) order by id", staff, now)
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
    execute!(
        conn,
        "update staff set name = $2, password_hash = $3, activated_at = coalesce(activated_at, $4) where id = $1",
        id,
        name,
        password_hash,
        now
    )
    .map(|_| ())
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
