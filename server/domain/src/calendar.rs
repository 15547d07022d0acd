//! The working time that holds at a unit, and the promise made from it.

use crate::Domain;
use model::{
    At, UnitId,
    calendar::{Calendar, Day, Week, Zone},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use store::{Conn, Result, calendar::DayRow};

/// Working minutes within which an answer is promised where no unit says otherwise: one working day.
pub const PROMISE_MINUTES: i64 = 480;

/// A unit's own or inherited calendar.
#[derive(Clone, Debug)]
pub struct UnitCalendar {
    pub calendar: Calendar,
    pub promise_minutes: i64,
    /// The unit whose calendar it is; `None` for the built-in one.
    pub unit_id: Option<UnitId>,
}

impl UnitCalendar {
    pub(crate) fn standard() -> UnitCalendar {
        UnitCalendar { calendar: Calendar::standard(), promise_minutes: PROMISE_MINUTES, unit_id: None }
    }

    /// When a wait opened at `at` is due. A calendar without working time promises a week.
    pub fn due(&self, at: At) -> At {
        self.calendar.add_working(at, self.promise_minutes * 60).unwrap_or_else(|| at.plus_days(7))
    }
}

/// Calendars change a few times a year and are needed for every message.
#[derive(Default)]
pub struct Cache(Mutex<HashMap<UnitId, Arc<UnitCalendar>>>);

impl Cache {
    fn get(&self, unit: UnitId) -> Option<Arc<UnitCalendar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&unit).cloned()
    }

    fn put(&self, unit: UnitId, calendar: Arc<UnitCalendar>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(unit, calendar);
    }

    /// After any calendar or the tree has changed, and once a minute for changes made by another node.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The calendar that holds at a unit.
pub async fn of_unit(domain: &Domain, conn: &mut Conn, unit: UnitId) -> Result<Arc<UnitCalendar>> {
    if let Some(found) = domain.calendars.get(unit) {
        return Ok(found);
    }
    let calendar = Arc::new(load(conn, unit).await?);
    domain.calendars.put(unit, calendar.clone());
    Ok(calendar)
}

async fn load(conn: &mut Conn, unit: UnitId) -> Result<UnitCalendar> {
    let Some(row) = store::calendar::of_unit(conn, unit).await? else { return Ok(UnitCalendar::standard()) };
    let days = store::calendar::days(conn, row.unit_id).await?;
    let week: Week = serde_json::from_str(&row.week)?;
    Ok(UnitCalendar {
        calendar: Calendar { zone: zone(&row.zone), week, days: days.iter().filter_map(day).collect() },
        promise_minutes: row.promise_minutes,
        unit_id: Some(row.unit_id),
    })
}

/// A zone was checked when it was kept.
fn zone(name: &str) -> Zone {
    name.parse().unwrap_or_else(|_| Zone::china())
}

fn day(row: &DayRow) -> Option<(jiff::civil::Date, Day)> {
    Some((row.day.parse().ok()?, Day { kind: row.kind, name: row.name.clone() }))
}
