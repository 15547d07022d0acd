//! Off duty (休息一下): from now until a moment, or until one comes back.

use crate::{Domain, Staff, audit, calendar, calendar::UnitCalendar, routing};
use jiff::civil::DateTime;
use model::At;
use std::sync::Arc;
use store::{Conn, Result, staff::Staff as Person};

/// The longest rest with an end; who stays away longer should hand the post over.
pub const LONGEST_DAYS: i64 = 366;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The first working time of tomorrow or of the next day that has any.
    NextDay,
    /// What the wall clock at the post shows then.
    Wall(DateTime),
    /// I come back by myself.
    Open,
}

#[derive(Debug, thiserror::Error)]
pub enum DutyError {
    #[error("past")]
    Past,
    #[error("too far")]
    TooFar,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// My duty as it is now, with the calendar it is told in.
#[derive(Clone, Debug)]
pub struct Duty {
    /// Since when and, if known, until when I am off duty.
    pub off: Option<(At, Option<At>)>,
    /// When I would be back after [`Until::NextDay`].
    pub next_day: Option<At>,
    /// That of the post I have held longest, else the standard one.
    pub calendar: Arc<UnitCalendar>,
}

pub async fn mine(domain: &Domain, staff: &Staff) -> Result<Duty> {
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let held = store::holding::held_by(&mut conn, staff.id, now).await?;
    let unit = held.first().map(|h| h.unit_id).or_else(|| staff.grants.first().map(|(_, unit)| *unit));
    let calendar = match unit {
        Some(unit) => calendar::of_unit(domain, &mut conn, unit).await?,
        None => Arc::new(UnitCalendar::standard()),
    };
    let off = match store::staff::find(&mut conn, staff.id).await? {
        Some(person) => off(&mut conn, &person, now).await?,
        None => None,
    };
    Ok(Duty { off, next_day: next_day(&calendar, now), calendar })
}

/// Since when and, if known, until when somebody is off duty or away: the later of the two.
pub(crate) async fn off(c: &mut Conn, person: &Person, now: At) -> Result<Option<(At, Option<At>)>> {
    let rests = person.off_duty_since.filter(|_| person.is_off_duty(now)).map(|since| (since, person.off_duty_until));
    let away = store::absence::current(c, person.id, now).await?.map(|a| (a.from_at, Some(a.until_at)));
    Ok(match (rests, away) {
        (Some((since, until)), Some((from, end))) => Some((since.min(from), until.zip(end).map(|(a, b)| a.max(b)))),
        (rests, away) => rests.or(away),
    })
}

pub(crate) async fn is_off(c: &mut Conn, person: &Person, now: At) -> Result<bool> {
    Ok(off(c, person, now).await?.is_some())
}

fn next_day(calendar: &UnitCalendar, now: At) -> Option<At> {
    let calendar = &calendar.calendar;
    let today = calendar.local(now);
    let tomorrow = today.date().tomorrow().ok()?.to_zoned(today.time_zone().clone()).ok()?;
    calendar.next_working(At::from(tomorrow.timestamp()))
}

/// Goes off duty. What comes in goes to whoever stands in; without anybody it waits, and the resident is told until when.
pub async fn rest(domain: &Domain, staff: &Staff, until: Until) -> std::result::Result<(), DutyError> {
    let duty = mine(domain, staff).await?;
    let now = domain.now();
    let until = match until {
        Until::Open => None,
        Until::NextDay => Some(duty.next_day.unwrap_or_else(|| now.plus_days(1))),
        Until::Wall(wall) => {
            let zone = duty.calendar.calendar.local(now).time_zone().clone();
            Some(wall.to_zoned(zone).map(|z| At::from(z.timestamp())).map_err(|_| DutyError::TooFar)?)
        }
    };
    if until.is_some_and(|u| u <= now) {
        return Err(DutyError::Past);
    }
    if until.is_some_and(|u| u > now.plus_days(LONGEST_DAYS)) {
        return Err(DutyError::TooFar);
    }
    let since = duty.off.map_or(now, |(since, _)| since);
    Ok(set(domain, staff, Some(since), until).await?)
}

/// Back on duty, also from an absence that was to last longer.
pub async fn back(domain: &Domain, staff: &Staff) -> Result<()> {
    set(domain, staff, None, None).await
}

async fn set(domain: &Domain, staff: &Staff, since: Option<At>, until: Option<At>) -> Result<()> {
    let (id, now) = (staff.id, domain.now());
    let action = if since.is_some() { "duty.rest" } else { "duty.back" };
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::staff::set_off_duty(c, id, since, until).await?;
                if since.is_none()
                    && let Some(absence) = store::absence::current(c, id, now).await?
                {
                    store::absence::end(c, absence.id, now).await?;
                }
                audit::append(c, now, Some(id), action, &id.to_string(), "").await
            })
        })
        .await?;
    routing::refresh(domain).await?;
    Ok(())
}
