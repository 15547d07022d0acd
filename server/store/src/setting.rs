//! Settings as they are kept: a value per unit, inherited down the tree, and locks that keep everything below from differing.

use crate::{Conn, Result, conn::*};
use model::{At, Setting, StaffId, UnitId};

/// What a unit on the way up says about one setting.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SettingRow {
    pub unit_id: UnitId,
    /// Steps up from the unit asked for.
    pub depth: i64,
    pub name: String,
    /// Inherited from further up if there is none. Of a calendar, that it has one.
    pub value: Option<String>,
    pub is_locked: i64,
}

/// Everything said about a unit's settings, by itself first and then by the units above it in turn.
pub async fn up(conn: &mut Conn, unit: UnitId) -> Result<Vec<SettingRow>> {
    fetch_all!(
        conn,
        SettingRow,
        "with recursive up as (
            select id, parent_id, cast(0 as bigint) as depth from units where id = $1
            union all select u.id, u.parent_id, up.depth + 1 from units u join up on u.id = up.parent_id)
         select up.id as unit_id, up.depth, s.name, s.value, s.is_locked from up join settings s on s.unit_id = up.id
         union all select up.id, up.depth, 'calendar', 'own', cast(0 as bigint) from up join calendars c on c.unit_id = up.id
         order by 2, 3",
        unit
    )
}

/// Who set or locked something at a unit last, and when.
pub async fn set_by(conn: &mut Conn, unit: UnitId, setting: Setting) -> Result<Option<(Option<String>, At)>> {
    fetch_optional!(
        conn,
        (Option<String>, At),
        "select s.name, e.updated_at from settings e left join staff s on s.id = e.updated_by where e.unit_id = $1 and e.name = $2",
        unit,
        setting.as_str()
    )
}

pub async fn save(conn: &mut Conn, unit: UnitId, setting: Setting, value: Option<&str>, is_locked: bool, by: Option<StaffId>, now: At) -> Result<()> {
    execute!(
        conn,
        "insert into settings (unit_id, name, value, is_locked, updated_by, updated_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (unit_id, name) do update set value = $3, is_locked = $4, updated_by = $5, updated_at = $6",
        unit,
        setting.as_str(),
        value,
        i64::from(is_locked),
        by,
        now
    )
    .map(|_| ())
}

pub async fn delete(conn: &mut Conn, unit: UnitId, setting: Setting) -> Result<()> {
    execute!(conn, "delete from settings where unit_id = $1 and name = $2", unit, setting.as_str()).map(|_| ())
}

/// A unit further down that differs.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Differing {
    pub name: String,
    pub unit_id: UnitId,
    pub unit_name: String,
}

/// The units below one with something of their own, the first of each setting in the order of their codes.
pub async fn below(conn: &mut Conn, unit: UnitId) -> Result<Vec<Differing>> {
    fetch_all!(
        conn,
        Differing,
        "with recursive down as (
            select id from units where parent_id = $1 and ended_at is null
            union all select u.id from units u join down on u.parent_id = down.id where u.ended_at is null),
         own as (select name, unit_id from settings where value is not null union all select 'calendar', unit_id from calendars)
         select o.name, o.unit_id, u.name as unit_name from own o join down d on d.id = o.unit_id join units u on u.id = o.unit_id
         order by o.name, u.code is null, u.code, u.name, u.id",
        unit
    )
}
