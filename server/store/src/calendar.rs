//! Working time as it is kept: a week and its exceptions per unit, inherited down the tree.

use crate::{Conn, Result, conn::*};
use model::{At, DayKind, UnitId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CalendarRow {
    pub unit_id: UnitId,
    pub zone: String,
    /// `model::calendar::Week` as JSON.
    pub week: String,
    /// Working minutes within which an answer is promised.
    pub promise_minutes: i64,
    pub updated_at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DayRow {
    /// `YYYY-MM-DD`.
    pub day: String,
    pub kind: DayKind,
    pub name: String,
}

/// The calendar that holds at a unit: its own or that of the nearest unit above.
pub async fn of_unit(conn: &mut Conn, unit: UnitId) -> Result<Option<CalendarRow>> {
    fetch_optional!(
        conn,
        CalendarRow,
        "with recursive up as (
            select id, parent_id, 0 as depth from units where id = $1
            union all select u.id, u.parent_id, up.depth + 1 from units u join up on u.id = up.parent_id)
         select c.unit_id, c.zone, c.week, c.promise_minutes, c.updated_at from up join calendars c on c.unit_id = up.id order by up.depth limit 1",
        unit
    )
}

pub async fn days(conn: &mut Conn, unit: UnitId) -> Result<Vec<DayRow>> {
    fetch_all!(conn, DayRow, "select day, kind, name from calendar_days where unit_id = $1 order by day", unit)
}

pub async fn save(conn: &mut Conn, row: &CalendarRow) -> Result<()> {
    execute!(
        conn,
        "insert into calendars (unit_id, zone, week, promise_minutes, updated_at) values ($1, $2, $3, $4, $5)
         on conflict (unit_id) do update set zone = $2, week = $3, promise_minutes = $4, updated_at = $5",
        row.unit_id,
        &row.zone,
        &row.week,
        row.promise_minutes,
        row.updated_at
    )
    .map(|_| ())
}

pub async fn save_day(conn: &mut Conn, unit: UnitId, day: &DayRow) -> Result<()> {
    execute!(
        conn,
        "insert into calendar_days (unit_id, day, kind, name) values ($1, $2, $3, $4) on conflict (unit_id, day) do update set kind = $3, name = $4",
        unit,
        &day.day,
        day.kind,
        &day.name
    )
    .map(|_| ())
}

pub async fn delete_day(conn: &mut Conn, unit: UnitId, day: &str) -> Result<()> {
    execute!(conn, "delete from calendar_days where unit_id = $1 and day = $2", unit, day).map(|_| ())
}

/// A unit's own calendar.
pub async fn own(conn: &mut Conn, unit: UnitId) -> Result<Option<CalendarRow>> {
    fetch_optional!(conn, CalendarRow, "select unit_id, zone, week, promise_minutes, updated_at from calendars where unit_id = $1", unit)
}

/// Takes a unit's own calendar away: the one above holds again.
pub async fn delete(conn: &mut Conn, unit: UnitId) -> Result<()> {
    execute!(conn, "delete from calendar_days where unit_id = $1", unit)?;
    execute!(conn, "delete from calendars where unit_id = $1", unit).map(|_| ())
}
