//! The working time that holds at a unit, and the promise made from it.

use crate::{Admin, Domain, audit, setting, unit};
use jiff::civil::{Date, Weekday};
use model::{
    At, DayKind, Setting, StaffId, UnitId,
    calendar::{Calendar, Day, IcsError, IntervalError, Week, Zone, parse_intervals, read_ics},
    text::{self, TextError},
};
use std::{collections::BTreeMap, sync::Arc};
use store::{
    Conn, Result,
    calendar::{CalendarRow, DayRow},
    unit::Unit,
};

/// Working minutes within which an answer is promised where no unit says otherwise: one working day of the standard calendar.
pub const PROMISE_MINUTES: i64 = 420;

/// The calendar that holds at a unit, and the promise made by it.
#[derive(Clone, Debug)]
pub struct UnitCalendar {
    pub calendar: Arc<Calendar>,
    pub promise_minutes: i64,
    /// The unit whose calendar it is; `None` for the built-in one.
    pub unit_id: Option<UnitId>,
}

impl UnitCalendar {
    pub(crate) fn standard() -> UnitCalendar {
        UnitCalendar { calendar: Arc::new(Calendar::standard()), promise_minutes: PROMISE_MINUTES, unit_id: None }
    }

    /// When a wait opened at `at` is due. A calendar without working time promises a week.
    pub fn due(&self, at: At) -> At {
        self.calendar.add_working(at, self.promise_minutes * 60).unwrap_or_else(|| at.plus_days(7))
    }
}

/// The calendar that holds at a unit.
pub async fn of_unit(domain: &Domain, conn: &mut Conn, unit: UnitId) -> Result<Arc<UnitCalendar>> {
    Ok(setting::of(domain, conn, unit).await?.calendar.clone())
}

/// A unit's own calendar.
pub(crate) async fn load(conn: &mut Conn, unit: UnitId) -> Result<Calendar> {
    let Some(row) = store::calendar::own(conn, unit).await? else { return Ok(Calendar::standard()) };
    let days = store::calendar::days(conn, unit).await?;
    let week: Week = serde_json::from_str(&row.week)?;
    Ok(Calendar { zone: zone(&row.zone), week, days: days.iter().filter_map(day).collect() })
}

/// A zone was checked when it was kept.
fn zone(name: &str) -> Zone {
    name.parse().unwrap_or_else(|_| Zone::china())
}

fn day(row: &DayRow) -> Option<(Date, Day)> {
    Some((row.day.parse().ok()?, Day { kind: row.kind, name: row.name.clone() }))
}

/// Minutes of working time that may be promised: from ten to ten working days of eight hours.
pub const PROMISES: std::ops::RangeInclusive<i64> = 10..=4800;
/// Characters in the name of a day.
const NAME_LIMIT: usize = 30;

#[derive(Debug, thiserror::Error)]
pub enum CalendarError {
    #[error("invalid")]
    Invalid(Box<Mistakes>),
    #[error("not a date")]
    NotADate,
    /// A unit above has locked it.
    #[error("locked")]
    Locked,
    #[error(transparent)]
    Name(#[from] TextError),
    #[error(transparent)]
    Ics(#[from] IcsError),
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub zone: bool,
    /// Monday first.
    pub days: [Option<IntervalError>; 7],
    /// A promise needs at least one working hour in the week.
    pub no_hours: bool,
}

/// A week as typed, Monday first: `08:30-12:00, 14:00-17:30`.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub zone: String,
    pub days: [String; 7],
}

/// The working time of a unit as its admin sees it.
pub struct View {
    pub unit: Unit,
    pub above: Vec<Unit>,
    pub calendar: Arc<UnitCalendar>,
    /// The unit whose calendar holds here; nobody's is the built-in one.
    pub of: Option<Unit>,
    /// The unit above that keeps everything below it to its own.
    pub locked_by: Option<Unit>,
}

impl View {
    pub fn is_own(&self) -> bool {
        self.calendar.unit_id == Some(self.unit.id)
    }

    /// What stands in the form before anything is typed.
    pub fn typed(&self) -> Typed {
        let week = &self.calendar.calendar.week;
        Typed { zone: self.calendar.calendar.zone.name().to_owned(), days: WEEKDAYS.map(|day| week.on(day).to_string()) }
    }
}

pub const WEEKDAYS: [Weekday; 7] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];

pub async fn view(domain: &Domain, admin: &Admin, id: UnitId) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(unit) = unit::mine(c, by, id, now).await? else { return Ok(None) };
    let calendar = of_unit(domain, c, id).await?;
    let of = match calendar.unit_id {
        Some(unit) => store::unit::find(c, unit).await?,
        None => None,
    };
    let locked_by = match setting::locked_above(c, id, Setting::Calendar).await? {
        Some(unit) => store::unit::find(c, unit).await?,
        None => None,
    };
    Ok(Some(View { above: unit::above(c, by, id, now).await?, unit, calendar, of, locked_by }))
}

/// Reads a week; every mistake at once.
fn read(typed: &Typed) -> std::result::Result<(Zone, Week), CalendarError> {
    let zone = typed.zone.trim().parse::<Zone>();
    let mut mistakes = Mistakes { zone: zone.is_err(), ..Mistakes::default() };
    let mut week = Week::default();
    let mut has_hours = false;
    for (i, day) in WEEKDAYS.into_iter().enumerate() {
        match parse_intervals(&typed.days[i]) {
            Ok(hours) => {
                has_hours |= !hours.is_empty();
                week.set(day, hours);
            }
            Err(e) => mistakes.days[i] = Some(e),
        }
    }
    mistakes.no_hours = !has_hours && mistakes.days.iter().all(Option::is_none);
    match zone {
        Ok(zone) if mistakes == Mistakes::default() => Ok((zone, week)),
        _ => Err(CalendarError::Invalid(Box::new(mistakes))),
    }
}

/// Keeps a unit's own week. Waits that are open keep their due time.
pub async fn save(domain: &Domain, admin: &Admin, id: UnitId, typed: &Typed) -> std::result::Result<(), CalendarError> {
    let (zone, week) = read(typed)?;
    let detail = WEEKDAYS.map(|day| week.on(day).to_string()).join(" | ");
    let week = serde_json::to_string(&week).map_err(store::Error::from)?;
    let zone = zone.name().to_owned();
    change(domain, admin, id, "calendar.save", detail, move |c, now| {
        Box::pin(async move { store::calendar::save(c, &CalendarRow { unit_id: id, zone, week, updated_at: now }).await })
    })
    .await
}

type Work = Box<dyn for<'c> FnOnce(&'c mut Conn, At) -> futures::future::BoxFuture<'c, Result<()>> + Send>;

/// One change of a unit's own calendar, which begins as a copy of the one that held until now.
async fn change<F>(domain: &Domain, admin: &Admin, id: UnitId, action: &'static str, detail: String, work: F) -> std::result::Result<(), CalendarError>
where
    F: for<'c> FnOnce(&'c mut Conn, At) -> futures::future::BoxFuture<'c, Result<()>> + Send + 'static,
{
    let (by, now): (StaffId, At) = (admin.staff.id, domain.now());
    let work: Work = Box::new(work);
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                unit::mine(c, by, id, now).await?.ok_or(CalendarError::NotFound)?;
                if setting::locked_above(c, id, Setting::Calendar).await?.is_some() {
                    return Err(CalendarError::Locked);
                }
                if store::calendar::own(c, id).await?.is_none() {
                    copy_from_above(c, id, now).await?;
                }
                work(c, now).await?;
                audit::append(c, now, Some(by), action, &id.to_string(), &detail).await?;
                Ok::<_, CalendarError>(())
            })
        })
        .await?;
    domain.settings.clear();
    Ok(())
}

/// With its days: the holidays of the city go on holding at a school that has hours of its own.
async fn copy_from_above(c: &mut Conn, id: UnitId, now: At) -> Result<()> {
    let held = match setting::found(&store::setting::up(c, id).await?, Setting::Calendar).from {
        Some(unit) => load(c, unit).await?,
        None => Calendar::standard(),
    };
    let week = serde_json::to_string(&held.week)?;
    let zone = held.zone.name().to_owned();
    store::calendar::save(c, &CalendarRow { unit_id: id, zone, week, updated_at: now }).await?;
    save_days(c, id, &held.days).await
}

async fn save_days(c: &mut Conn, id: UnitId, days: &BTreeMap<Date, Day>) -> Result<()> {
    for (date, day) in days {
        store::calendar::save_day(c, id, &DayRow { day: date.to_string(), kind: day.kind, name: day.name.clone() }).await?;
    }
    Ok(())
}

/// What a calendar file brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    pub off: usize,
    pub work: usize,
    /// Events that are neither 休 nor 班.
    pub ignored: usize,
    pub first: Option<Date>,
    pub last: Option<Date>,
}

/// Takes the holidays and make-up workdays of a calendar file over; days it does not name stay as they are.
pub async fn import(domain: &Domain, admin: &Admin, id: UnitId, text: &str) -> std::result::Result<Imported, CalendarError> {
    let ics = read_ics(text)?;
    let count = |kind| ics.days.values().filter(|d| d.kind == kind).count();
    let imported = Imported {
        off: count(DayKind::Off),
        work: count(DayKind::Work),
        ignored: ics.ignored,
        first: ics.days.keys().next().copied(),
        last: ics.days.keys().next_back().copied(),
    };
    let detail = format!("{} off, {} work", imported.off, imported.work);
    change(domain, admin, id, "calendar.import", detail, move |c, _| Box::pin(async move { save_days(c, id, &ics.days).await })).await?;
    Ok(imported)
}

/// Makes one date a day off or a workday.
pub async fn set_day(domain: &Domain, admin: &Admin, id: UnitId, typed: &str, kind: DayKind, name: &str) -> std::result::Result<(), CalendarError> {
    let date: Date = typed.trim().parse().map_err(|_| CalendarError::NotADate)?;
    let name = text::optional_line(name, NAME_LIMIT)?.unwrap_or_default();
    let row = DayRow { day: date.to_string(), kind, name };
    change(domain, admin, id, "calendar.set_day", format!("{date} {kind}"), move |c, _| Box::pin(async move { store::calendar::save_day(c, id, &row).await }))
        .await
}

/// Makes one date a day like its weekday.
pub async fn remove_day(domain: &Domain, admin: &Admin, id: UnitId, typed: &str) -> std::result::Result<(), CalendarError> {
    let date: Date = typed.trim().parse().map_err(|_| CalendarError::NotADate)?;
    change(domain, admin, id, "calendar.remove_day", date.to_string(), move |c, _| {
        Box::pin(async move { store::calendar::delete_day(c, id, &date.to_string()).await })
    })
    .await
}

/// The calendar of the unit above holds again.
pub async fn inherit(domain: &Domain, admin: &Admin, id: UnitId) -> std::result::Result<(), CalendarError> {
    let (by, now) = (admin.staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                unit::mine(c, by, id, now).await?.ok_or(CalendarError::NotFound)?;
                store::calendar::delete(c, id).await?;
                audit::append(c, now, Some(by), "calendar.inherit", &id.to_string(), "").await?;
                Ok::<_, CalendarError>(())
            })
        })
        .await?;
    domain.settings.clear();
    Ok(())
}
