//! Who holds a post, from which day until which.

use crate::{Admin, Domain, audit, calendar, live::Topic, post, routing, routing::Orphan, telling, unit};
use jiff::{civil::Date, tz::TimeZone};
use model::{At, HoldingId, PostId, StaffId, calendar::Calendar};
use store::{
    Conn,
    holding::{Holding, Span},
    staff::Staff,
};

#[derive(Debug, thiserror::Error)]
pub enum HoldingError {
    #[error("invalid")]
    Invalid(Mistakes),
    /// They hold the post already in that time.
    #[error("overlap")]
    Overlap,
    /// Somebody is waiting, and nobody else would answer.
    #[error("ownerless")]
    Ownerless(Vec<Orphan>),
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    pub who: Option<WhoError>,
    pub from: Option<DayError>,
    pub until: Option<DayError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoError {
    Empty,
    /// Nobody of the admin's staff has this name or address.
    Unknown,
    /// Several have this name: the address is needed.
    Several,
    /// They will have left by then.
    Leaves,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayError {
    /// Not a date such as 2026-12-31.
    NotADate,
    /// The last day is before the first, or past.
    TooEarly,
    /// It ends before that already.
    TooLate,
}

/// As typed. An empty `from` is now, an empty `until` is without an end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typed<'a> {
    /// Name or e-mail address.
    pub who: &'a str,
    pub from: &'a str,
    pub until: &'a str,
}

/// Whether somebody will be there at a moment, and until when they can hold a post that begins then.
pub(crate) async fn until_leaving(c: &mut Conn, staff: StaffId, from: At, until: Option<At>) -> store::Result<Result<Option<At>, WhoError>> {
    Ok(match store::leaving::of_staff(c, staff).await? {
        Some(leaves) if leaves <= from => Err(WhoError::Leaves),
        Some(leaves) => Ok(Some(until.map_or(leaves, |until| until.min(leaves)))),
        None => Ok(until),
    })
}

/// Writes a holding that begins, and that residents are to be told of it. Whoever is going to leave holds it until then; should they stay, as long
/// as it was given.
pub(crate) async fn write(c: &mut Conn, given: Holding) -> store::Result<Result<(), WhoError>> {
    let until_at = match until_leaving(c, given.staff_id, given.from_at, given.until_at).await? {
        Ok(until) => until,
        Err(e) => return Ok(Err(e)),
    };
    store::holding::insert(c, &Holding { until_at, ..given }).await?;
    if until_at != given.until_at {
        store::leaving::remember(c, given.staff_id, &given, false).await?;
    }
    for moment in [Some(given.from_at), until_at].into_iter().flatten() {
        telling::expect(c, given.post_id, moment).await?;
    }
    Ok(Ok(()))
}

/// Somebody begins to hold a post, today or later, beside whoever holds it then.
pub async fn add(domain: &Domain, admin: &Admin, post_id: PostId, typed: Typed<'_>) -> Result<(), HoldingError> {
    begin(domain, admin, post_id, typed, false).await
}

/// Somebody takes a post over, today or later: whoever holds it then ceases to, at that moment. Conversations, waits, quick replies and codes are
/// the post's and stay.
pub async fn hand_over(domain: &Domain, admin: &Admin, post_id: PostId, typed: Typed<'_>) -> Result<(), HoldingError> {
    begin(domain, admin, post_id, typed, true).await
}

async fn begin(domain: &Domain, admin: &Admin, post_id: PostId, typed: Typed<'_>, instead: bool) -> Result<(), HoldingError> {
    let (by, now, id) = (admin.staff.id, domain.now(), HoldingId(domain.id()));
    let (who, days) = {
        let mut conn = domain.db.read().await?;
        let post = post::mine(&mut conn, by, post_id, now).await?.ok_or(HoldingError::NotFound)?;
        let calendar = calendar::of_unit(domain, &mut conn, post.unit_id).await?;
        (resolve(&mut conn, by, typed.who, now).await?, days(&calendar.calendar, typed, now))
    };
    let (who, (from_at, until_at)) = match (who, days) {
        (Ok(who), Ok(days)) => (who, days),
        (who, days) => return Err(HoldingError::Invalid(Mistakes { who: who.err(), ..days.err().unwrap_or_default() })),
    };
    let staff_id = who.id;
    let (changes, released) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                post::mine(c, by, post_id, now).await?.ok_or(HoldingError::NotFound)?;
                // Somebody else may have ended their login meanwhile.
                let not_them = |who| HoldingError::Invalid(Mistakes { who: Some(who), ..Mistakes::default() });
                store::staff::find(c, staff_id).await?.filter(|person| person.ended_at.is_none()).ok_or_else(|| not_them(WhoError::Unknown))?;
                if store::holding::overlapping(c, post_id, staff_id, from_at, until_at.unwrap_or(At(i64::MAX))).await? > 0 {
                    return Err(HoldingError::Overlap);
                }
                let before = routing::gaps(c, now).await?;
                let released = if instead { release_all(c, post_id, from_at).await? } else { Vec::new() };
                write(c, Holding { id, post_id, staff_id, from_at, until_at }).await?.map_err(not_them)?;
                let changes = routing::settle(c, now).await?;
                // Who takes over may not have a login yet, or may go again, and then nobody would answer.
                let orphans = routing::orphans(c, &before, now).await?;
                if !orphans.is_empty() {
                    return Err(HoldingError::Ownerless(orphans));
                }
                let action = if instead { "holding.hand_over" } else { "holding.add" };
                audit::append(c, now, Some(by), action, &id.to_string(), &format!("{post_id} {staff_id}")).await?;
                Ok((changes, released))
            })
        })
        .await?;
    routing::wake(domain, &changes);
    wake(domain, released.into_iter().chain([staff_id]).map(|staff| (post_id, staff)));
    Ok(())
}

/// Ends at a moment whatever holding of a post lasts beyond it and has begun by then; gives whose.
async fn release_all(c: &mut Conn, post: PostId, at: At) -> store::Result<Vec<StaffId>> {
    let mut released = Vec::new();
    for term in store::holding::of_post(c, post).await? {
        if term.from_at <= at && term.until_at.is_none_or(|until| until > at) && store::holding::shorten(c, term.id, at).await? {
            released.push(term.staff_id);
        }
    }
    Ok(released)
}

/// Wakes the streams of everybody at a post, and those of who begins or ceases to hold it.
pub(crate) fn wake(domain: &Domain, changed: impl IntoIterator<Item = (PostId, StaffId)>) {
    domain.hub.wake_all(changed.into_iter().flat_map(|(post, staff)| [Topic::Post(post), Topic::Staff(staff)]));
}

/// Wakes whom holdings concern that have begun or ended by themselves after `since`.
pub async fn wake_begun_and_ended(domain: &Domain, since: At) -> store::Result<()> {
    let mut conn = domain.db.read().await?;
    wake(domain, store::holding::begun_or_ended(&mut conn, since, domain.now()).await?);
    Ok(())
}

/// Somebody of the admin's staff by address or full name.
pub(crate) async fn resolve(c: &mut Conn, admin: StaffId, typed: &str, now: At) -> store::Result<Result<Staff, WhoError>> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(Err(WhoError::Empty));
    }
    let alike = store::staff::under(c, admin, now, &unit::like(typed, ""), 50, 0).await?;
    let mut exact = alike.into_iter().filter(|s| s.name == typed || s.email == typed.to_lowercase());
    Ok(match (exact.next(), exact.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(WhoError::Several),
        (None, _) => Err(WhoError::Unknown),
    })
}

/// The first moment of the first day and the first moment after the last, by the unit's clock.
pub(crate) fn days(calendar: &Calendar, typed: Typed<'_>, now: At) -> Result<(At, Option<At>), Mistakes> {
    let from = match typed.from.trim() {
        "" => Ok(now),
        text => start_of(calendar, text, 0, now).ok_or(DayError::NotADate),
    };
    // A day that has begun counts from now on: what was is not changed.
    let from = from.map(|at| at.max(now));
    let until = match typed.until.trim() {
        "" => Ok(None),
        text => match start_of(calendar, text, 1, now) {
            None => Err(DayError::NotADate),
            Some(at) if at <= from.unwrap_or(now) => Err(DayError::TooEarly),
            Some(at) => Ok(Some(at)),
        },
    };
    match (from, until) {
        (Ok(from), Ok(until)) => Ok((from, until)),
        (from, until) => Err(Mistakes { who: None, from: from.err(), until: until.err() }),
    }
}

/// The first moment of a typed date, or of the day after it.
pub(crate) fn start_of(calendar: &Calendar, typed: &str, days_later: i64, now: At) -> Option<At> {
    start_of_day(calendar.local(now).time_zone(), typed.parse().ok()?, days_later)
}

/// The first moment of a date, or of a day so much after it, by a clock.
pub(crate) fn start_of_day(zone: &TimeZone, date: Date, days_later: i64) -> Option<At> {
    let date = date.checked_add(jiff::Span::new().try_days(days_later).ok()?).ok()?;
    Some(At::from(date.to_zoned(zone.clone()).ok()?.timestamp()))
}

/// Somebody stops holding a post after a last day, or at once if that is empty. Gives the post.
pub async fn end(domain: &Domain, admin: &Admin, id: HoldingId, last_day: &str) -> Result<PostId, HoldingError> {
    let (by, now) = (admin.staff.id, domain.now());
    let (term, calendar) = {
        let mut conn = domain.db.read().await?;
        let term = store::holding::find(&mut conn, id).await?.ok_or(HoldingError::NotFound)?;
        post::mine(&mut conn, by, term.post_id, now).await?.ok_or(HoldingError::NotFound)?;
        let calendar = calendar::of_unit(domain, &mut conn, term.unit_id).await?;
        (term, calendar)
    };
    let invalid = |e| HoldingError::Invalid(Mistakes { until: Some(e), ..Mistakes::default() });
    let until = match last_day.trim() {
        "" => now,
        text => start_of(&calendar.calendar, text, 1, now).ok_or(invalid(DayError::NotADate))?,
    };
    // Left empty, one that has not begun never will.
    let never_begins = last_day.trim().is_empty() && term.from_at > now;
    let ends_before_it_begins = term.from_at > now && until <= term.from_at;
    let is_too_early = until < now || ends_before_it_begins || term.until_at.is_some_and(|u| u <= now);
    if is_too_early && !never_begins {
        return Err(invalid(DayError::TooEarly));
    }
    if term.until_at.is_some_and(|u| u < until) {
        return Err(invalid(DayError::TooLate));
    }
    let post_id = term.post_id;
    let changes = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                post::mine(c, by, post_id, now).await?.ok_or(HoldingError::NotFound)?;
                let before = routing::gaps(c, now).await?;
                if never_begins {
                    store::holding::delete(c, id).await?;
                    store::leaving::forget(c, id).await?;
                } else {
                    // Somebody else may have ended it sooner meanwhile.
                    if !store::holding::shorten(c, id, until).await? {
                        return Err(invalid(DayError::TooLate));
                    }
                    telling::expect(c, post_id, until).await?;
                }
                let changes = routing::settle(c, now).await?;
                let orphans = routing::orphans(c, &before, now).await?;
                if !orphans.is_empty() {
                    return Err(HoldingError::Ownerless(orphans));
                }
                audit::append(c, now, Some(by), "holding.end", &id.to_string(), &format!("{post_id} {}", term.staff_id)).await?;
                Ok(changes)
            })
        })
        .await?;
    routing::wake(domain, &changes);
    wake(domain, [(post_id, term.staff_id)]);
    Ok(post_id)
}

/// How long before its end it is asked whether a holding has to go on, and for how long after: a server may have been away.
const AHEAD_MINUTES: i64 = 2;
const BACK_DAYS: i64 = 3;

/// When it was settled who ends when, nobody may have waited yet. Where somebody does now whom nobody would answer, whoever was to end last goes
/// on for a day, with their login, and then for another; the admins find it among what is to do. Once a minute, before anybody's login ends.
pub async fn keep_needed(domain: &Domain) -> store::Result<()> {
    let now = domain.now();
    let (since, soon) = (now.plus_days(-BACK_DAYS), now.plus_minutes(AHEAD_MINUTES));
    let is_needed = {
        let mut conn = domain.db.read().await?;
        store::holding::ends_between(&mut conn, since, soon).await? && routing::gaps(&mut conn, now).await?.values().any(|at| *at <= soon)
    };
    if !is_needed {
        return Ok(());
    }
    let (changes, kept) = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::post::hold_routing(c).await?;
                let mut kept = Vec::new();
                let mut open: Vec<PostId> = routing::gaps(c, now).await?.into_iter().filter(|(_, at)| *at <= soon).map(|(post, _)| post).collect();
                open.sort();
                for post in open {
                    // Whoever goes on for another post may answer for this one too.
                    if routing::gaps(c, now).await?.get(&post).is_none_or(|at| *at > soon) {
                        continue;
                    }
                    if let Some(span) = routing::last_to_end(c, post, since, soon).await? {
                        go_on(c, span, soon, now).await?;
                        kept.push(span);
                    }
                }
                let changes = routing::settle(c, now).await?;
                for span in &kept {
                    audit::append(c, now, None, "holding.keep", &span.id.to_string(), &format!("{} {}", span.post_id, span.staff_id)).await?;
                }
                Ok::<_, store::Error>((changes, kept))
            })
        })
        .await?;
    routing::wake(domain, &changes);
    wake(domain, kept.into_iter().map(|span| (span.post_id, span.staff_id)));
    Ok(())
}

/// Whether somebody waits at this moment whom only this person, whose day has come, could answer.
pub(crate) async fn is_needed(c: &mut Conn, staff: StaffId, now: At) -> store::Result<bool> {
    for (post, at) in routing::gaps(c, now).await? {
        if at <= now && routing::last_to_end(c, post, now.plus_days(-BACK_DAYS), now).await?.is_some_and(|span| span.staff_id == staff) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whole days longer, so that it ends at the same hour.
async fn go_on(c: &mut Conn, span: Span, soon: At, now: At) -> store::Result<()> {
    let was_until = span.until_at.unwrap_or(now);
    let mut until = was_until.plus_days(1);
    while until <= soon {
        until = until.plus_days(1);
    }
    store::holding::keep(c, span.id, was_until, now).await?;
    store::leaving::put_off(c, span.staff_id, until).await?;
    if store::holding::find(c, span.id).await?.is_some_and(|term| term.until_at.is_some_and(|at| at < until)) {
        store::holding::set_until(c, span.id, Some(until)).await?;
    }
    telling::expect(c, span.post_id, until).await
}

/// The posts in the admin's units where somebody goes on only because nobody else would answer.
pub async fn kept(domain: &Domain, admin: &Admin) -> store::Result<Vec<PostId>> {
    store::holding::kept(&mut domain.db.read().await?, admin.staff.id, domain.now()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> At {
        At::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    #[test]
    fn days_are_whole_days_by_the_units_clock_and_never_begin_in_the_past() {
        let (calendar, now) = (Calendar::standard(), at("2026-11-22T04:00:00Z"));
        let read = |from, until| days(&calendar, Typed { who: "", from, until }, now);
        assert_eq!(read("", ""), Ok((now, None)));
        assert_eq!(read("2026-12-01", "2026-12-31"), Ok((at("2026-11-30T16:00:00Z"), Some(at("2026-12-31T16:00:00Z")))));
        assert_eq!(read("2026-11-20", "2026-11-22"), Ok((now, Some(at("2026-11-22T16:00:00Z")))));
        assert_eq!(read("2026-12-01", "2026-11-30"), Err(Mistakes { until: Some(DayError::TooEarly), ..Mistakes::default() }));
        assert_eq!(read("1. Dezember", ""), Err(Mistakes { from: Some(DayError::NotADate), ..Mistakes::default() }));
    }
}
