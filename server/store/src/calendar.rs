//! Working time as it is kept: a week and its exceptions per unit, inherited down the tree.

use crate::{Conn, Result, conn::*};
use model::{At, DayKind, UnitId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CalendarRow {
    pub unit_id: UnitId,
    pub zone: String,
    /// `model::calendar::Week` as JSON.
    pub week: String,
    pub updated_at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DayRow {
    /// `YYYY-MM-DD`.
    pub day: String,
    pub kind: DayKind,
    pub name: String,
}

pub async fn days(conn: &mut Conn, unit: UnitId) -> Result<Vec<DayRow>> {
    fetch_all!(conn, DayRow, "select day, kind, name from calendar_days where unit_id = $1 order by day", unit)
}

/// The column `promise_minutes` is for versions that still look for the promise here.
pub async fn save(conn: &mut Conn, row: &CalendarRow) -> Result<()> {
    execute!(
        conn,
        "insert into calendars (unit_id, zone, week, promise_minutes, updated_at) values ($1, $2, $3, 420, $4)
         on conflict (unit_id) do update set zone = $2, week = $3, updated_at = $4",
        row.unit_id,
        &row.zone,
        &row.week,
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
    fetch_optional!(conn, CalendarRow, "select unit_id, zone, week, updated_at from calendars where unit_id = $1", unit)
}

/// Takes a unit's own calendar away: the one above holds again.
pub async fn delete(conn: &mut Conn, unit: UnitId) -> Result<()> {
    execute!(conn, "delete from calendar_days where unit_id = $1", unit)?;
    execute!(conn, "delete from calendars where unit_id = $1", unit).map(|_| ())
}
