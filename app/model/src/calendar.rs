//! Working time: the hours of each weekday, single days off and make-up workdays (调休), in the unit's own time zone.

mod hours;
mod ics;
mod zone;

pub use hours::{Interval, IntervalError, Intervals, TimeOfDay, Week, WeekLine, parse_intervals};
pub use ics::{Ics, IcsError, read_ics};
pub use zone::{UnknownZone, Zone};

use crate::{At, DayKind};
use jiff::{Zoned, civil::Date};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days in a row without working time after which a search gives up: longer than any holiday, short enough to be quick.
const SEARCH_DAYS: usize = 400;

/// A date that differs from its weekday.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Day {
    pub kind: DayKind,
    /// 国庆节; may be empty.
    pub name: String,
}

/// Hours in which nobody is disturbed, by the wall clock. May wrap midnight; the same time twice means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quiet {
    pub from: TimeOfDay,
    pub until: TimeOfDay,
}

impl Default for Quiet {
    /// 22:00–07:00.
    fn default() -> Quiet {
        Quiet { from: TimeOfDay::minute(22 * 60), until: TimeOfDay::minute(7 * 60) }
    }
}

impl Quiet {
    /// No quiet hours.
    pub const NONE: Quiet = Quiet { from: TimeOfDay::minute(0), until: TimeOfDay::minute(0) };

    fn holds(self, minute: u16) -> bool {
        let (from, until) = (self.from.minutes(), self.until.minutes());
        if from % TimeOfDay::DAY == until % TimeOfDay::DAY {
            false
        } else if from < until {
            (from..until).contains(&minute)
        } else {
            minute >= from || minute < until
        }
    }
}

/// Working time of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    pub zone: Zone,
    pub week: Week,
    #[serde(default)]
    pub days: BTreeMap<Date, Day>,
}

impl Calendar {
    /// Asia/Shanghai, Monday to Friday 08:30–12:00 and 14:00–17:30, no holidays.
    pub fn standard() -> Calendar {
        Calendar { zone: Zone::china(), week: Week::standard(), days: BTreeMap::new() }
    }

    /// What the unit's wall clock and wall calendar show.
    pub fn local(&self, at: At) -> Zoned {
        self.zone.local(at)
    }

    /// The working hours of a date. A make-up workday has its weekday's own hours if there are any, else Monday's.
    pub fn hours(&self, date: Date) -> &[Interval] {
        match self.days.get(&date).map(|day| day.kind) {
            None => self.week.on(date.weekday()),
            Some(DayKind::Off) => &[],
            Some(DayKind::Work) => self.week.make_up(date.weekday()),
        }
    }

    /// Runs of weekdays with the same hours, Monday to Sunday, days off included.
    pub fn week_lines(&self) -> Vec<WeekLine<'_>> {
        self.week.lines()
    }

    pub fn is_working(&self, at: At) -> bool {
        self.coming(at).next().is_some_and(|(start, _)| start <= at)
    }

    /// BH(from, until): seconds of working time between two moments, each taken at its whole second, so that sums are exact. 0 unless `from` is before `until`.
    pub fn working_seconds(&self, from: At, until: At) -> i64 {
        let whole = |at: At| At(at.0.saturating_sub(at.0.rem_euclid(1000)));
        let (from, until) = (whole(from), whole(until));
        // A clock set back across midnight shows the old date again after the new one has begun.
        let last = self.zone.local(until).date();
        let last = last.tomorrow().unwrap_or(last);
        let spans = self.spans(from, self.dates(from).take_while(|date| *date <= last));
        let working: i64 = spans.take_while(|(start, _)| *start < until).map(|(start, end)| end.min(until).0 - start.max(from).0).sum();
        working / 1000
    }

    /// The earliest moment at which `seconds` of working time have passed since `from`: the close of a day rather than the opening of the next.
    /// `from` itself for 0 or less; `None` if there are 400 days without working time before that.
    pub fn add_working(&self, from: At, seconds: i64) -> Option<At> {
        let mut left = seconds.max(0).saturating_mul(1000);
        if left == 0 {
            return Some(from);
        }
        for (start, end) in self.coming(from) {
            let start = start.max(from);
            if left <= end.0 - start.0 {
                return Some(At(start.0 + left));
            }
            left -= end.0 - start.0;
        }
        None
    }

    /// The first moment of working time at or after `at`. `None` if there is none within 400 days.
    pub fn next_working(&self, at: At) -> Option<At> {
        self.coming(at).next().map(|(start, _)| start.max(at))
    }

    /// The next close if `at` is working time, else the next opening; always after `at`. `None` if nothing changes within 400 days.
    pub fn changes_at(&self, at: At) -> Option<At> {
        let mut spans = self.coming(at);
        let (start, mut end) = spans.next()?;
        if start > at {
            return Some(start);
        }
        let horizon = at.plus_days(SEARCH_DAYS as i64);
        // Work until 24:00 may go on at 00:00.
        for (start, next) in spans.take_while(|(start, _)| *start < horizon) {
            if start > end {
                return Some(end);
            }
            end = next;
        }
        (end < horizon).then_some(end)
    }

    /// The first moment at or after `at` whose wall time is outside the quiet hours.
    pub fn after_quiet_hours(&self, at: At, quiet: Quiet) -> At {
        let mut at = at;
        loop {
            let wall = self.zone.local(at);
            // An hour is below 24 and a minute below 60.
            let minute = wall.hour().unsigned_abs() as u16 * 60 + wall.minute().unsigned_abs() as u16;
            if !quiet.holds(minute) {
                return at;
            }
            let date = if minute < quiet.until.minutes() { Some(wall.date()) } else { wall.date().tomorrow().ok() };
            let first = date.and_then(|date| self.zone.reached(date, quiet.until));
            // In an hour that the clock shows twice the first end may be over already.
            let second = || self.zone.shown_again(date?, quiet.until);
            match first.filter(|end| *end > at).or_else(second).filter(|end| *end > at) {
                Some(end) => at = end,
                None => return at,
            }
        }
    }

    /// Dates that may hold working time after `at`. Not the day before: its last hour ends when the clock first shows 00:00.
    fn dates(&self, at: At) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(self.zone.local(at).date()), |date| date.tomorrow().ok())
    }

    /// Working time on `dates` that ends after `at`, as moments (start, end), in order.
    fn spans(&self, at: At, dates: impl Iterator<Item = Date>) -> impl Iterator<Item = (At, At)> {
        dates
            .flat_map(|date| self.hours(date).iter().map(move |interval| (date, interval)))
            .filter_map(|(date, interval)| Some((self.zone.reached(date, interval.from())?, self.zone.reached(date, interval.until())?)))
            // Hours that the clock skips are empty.
            .filter(move |(start, end)| start < end && *end > at)
    }

    /// Working time that ends after `at`, up to a gap of 400 days.
    fn coming(&self, at: At) -> impl Iterator<Item = (At, At)> {
        let mut idle = 0;
        self.spans(
            at,
            self.dates(at).take_while(move |date| {
                idle = if self.hours(*date).is_empty() { idle + 1 } else { 0 };
                idle < SEARCH_DAYS
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{hours::tests::any_hours, *};
    use jiff::{
        ToSpan,
        civil::{DateTime, date},
    };
    use proptest::{collection::vec, prelude::*};

    const HOUR: i64 = 3600;

    /// The moment at which the calendar's wall clock shows `wall`; the first one if it does so twice.
    fn at(calendar: &Calendar, wall: &str) -> At {
        wall.parse::<DateTime>().unwrap().in_tz(calendar.zone.name()).unwrap().timestamp().into()
    }

    /// What the wall clock shows, with the weekday.
    fn wall(calendar: &Calendar, at: Option<At>) -> String {
        at.map_or("never".into(), |at| calendar.local(at).strftime("%F %a %R").to_string())
    }

    fn after(calendar: &Calendar, from: &str, seconds: i64) -> String {
        wall(calendar, calendar.add_working(at(calendar, from), seconds))
    }

    fn with_holidays() -> Calendar {
        let days = read_ics(include_str!("../testdata/holidays.ics")).unwrap().days;
        Calendar { days, ..Calendar::standard() }
    }

    /// Working every day of the week.
    fn daily(zone: &str, hours: &str) -> Calendar {
        let hours = parse_intervals(hours).unwrap();
        Calendar { zone: zone.parse().unwrap(), week: Week::new(std::array::from_fn(|_| hours.clone())), days: BTreeMap::new() }
    }

    fn day(kind: DayKind) -> Day {
        Day { kind, name: String::new() }
    }

    #[test]
    fn friday_half_past_four_and_an_hour_is_the_close_of_the_same_day() {
        assert_eq!(after(&with_holidays(), "2026-02-13T16:30", HOUR), "2026-02-13 Fri 17:30");
    }

    #[test]
    fn friday_half_past_four_and_two_hours_is_monday_or_a_make_up_saturday() {
        let (plain, holidays) = (Calendar::standard(), with_holidays());
        assert_eq!(after(&plain, "2026-02-13T16:30", 2 * HOUR), "2026-02-16 Mon 09:30");
        assert_eq!(after(&holidays, "2026-02-13T16:30", 2 * HOUR), "2026-02-14 Sat 09:30");
        assert_eq!(after(&holidays, "2026-03-06T16:30", 2 * HOUR), "2026-03-09 Mon 09:30");
        assert_eq!(after(&holidays, "2026-10-09T16:30", HOUR + 1), "2026-10-10 Sat 08:30", "one second into the make-up Saturday");
    }

    #[test]
    fn a_holiday_week_is_jumped_over_to_the_first_workday() {
        let holidays = with_holidays();
        assert_eq!(after(&holidays, "2026-09-30T16:30", 2 * HOUR), "2026-10-08 Thu 09:30");
        // Friday, the make-up Saturday's seven hours, nine days of Spring Festival, Tuesday.
        assert_eq!(after(&holidays, "2026-02-13T16:30", 9 * HOUR), "2026-02-24 Tue 09:30");
        // A Friday before a holiday week that ends with a make-up Sunday.
        assert_eq!(after(&holidays, "2024-02-09T16:30", 2 * HOUR), "2024-02-18 Sun 09:30");
    }

    #[test]
    fn working_seconds_leave_out_lunch_nights_and_holidays() {
        let holidays = with_holidays();
        let between = |from, until| holidays.working_seconds(at(&holidays, from), at(&holidays, until));
        assert_eq!(between("2026-02-13T11:00", "2026-02-13T15:00"), 2 * HOUR);
        assert_eq!(between("2026-02-13T16:30", "2026-02-24T09:00"), 8 * HOUR + HOUR / 2);
        assert_eq!(between("2026-02-15T00:00", "2026-02-24T00:00"), 0);
        assert_eq!(between("2026-02-13T15:00", "2026-02-13T11:00"), 0);
    }

    #[test]
    fn working_time_begins_with_an_interval_and_ends_before_its_end() {
        let plain = Calendar::standard();
        for (wall, working) in [("08:29:59.999", false), ("08:30", true), ("11:59:59.999", true), ("12:00", false), ("14:00", true), ("17:30", false)] {
            assert_eq!(plain.is_working(at(&plain, &format!("2026-11-20T{wall}"))), working, "{wall}");
        }
    }

    #[test]
    fn the_next_opening_and_the_next_change_are_found_across_days_off() {
        let holidays = with_holidays();
        let next = |from: &str| wall(&holidays, holidays.next_working(at(&holidays, from)));
        let change = |from: &str| wall(&holidays, holidays.changes_at(at(&holidays, from)));
        assert_eq!(next("2026-09-30T17:30"), "2026-10-08 Thu 08:30");
        assert_eq!(next("2026-11-20T11:59"), "2026-11-20 Fri 11:59");
        assert_eq!(change("2026-11-20T11:59"), "2026-11-20 Fri 12:00");
        assert_eq!(change("2026-11-20T08:30"), "2026-11-20 Fri 12:00");
        assert_eq!(change("2026-11-20T12:00"), "2026-11-20 Fri 14:00");
        assert_eq!(change("2026-09-30T17:30"), "2026-10-08 Thu 08:30");
    }

    #[test]
    fn work_that_goes_on_at_midnight_does_not_change_there() {
        let mut night = daily("Asia/Shanghai", "00:00-06:00, 22:00-24:00");
        assert_eq!(wall(&night, night.changes_at(at(&night, "2026-11-20T23:00"))), "2026-11-21 Sat 06:00");
        night.days.insert(date(2026, 11, 21), day(DayKind::Off));
        assert_eq!(wall(&night, night.changes_at(at(&night, "2026-11-20T23:00"))), "2026-11-21 Sat 00:00");
        let always = daily("Asia/Shanghai", "00:00-24:00");
        assert_eq!(always.changes_at(at(&always, "2026-11-20T23:00")), None);
        assert_eq!(after(&always, "2026-11-20T23:00", 1000 * HOUR), "2027-01-01 Fri 15:00");
    }

    #[test]
    fn a_make_up_workday_has_its_own_hours_else_mondays_else_the_first_there_are() {
        let mut calendar = Calendar::standard();
        let (saturday, sunday) = (date(2026, 11, 21), date(2026, 11, 22));
        calendar.week.set(saturday.weekday(), parse_intervals("09:00-12:00").unwrap());
        calendar.days = [saturday, sunday].map(|date| (date, day(DayKind::Work))).into();
        let hours = |calendar: &Calendar, date| Intervals::new(calendar.hours(date).to_vec()).unwrap().to_string();
        assert_eq!(hours(&calendar, saturday), "09:00-12:00");
        assert_eq!(hours(&calendar, sunday), "08:30-12:00, 14:00-17:30");
        calendar.week = Week::default();
        calendar.week.set(saturday.weekday(), parse_intervals("09:00-12:00").unwrap());
        assert_eq!(hours(&calendar, sunday), "09:00-12:00");
    }

    #[test]
    fn a_search_gives_up_after_400_days_without_work() {
        let closed = Calendar { week: Week::default(), ..Calendar::standard() };
        let now = at(&closed, "2026-11-20T10:00");
        assert_eq!((closed.next_working(now), closed.changes_at(now), closed.add_working(now, 1)), (None, None, None));
        assert_eq!((closed.add_working(now, 0), closed.is_working(now)), (Some(now), false));
        assert_eq!(closed.working_seconds(now, now.plus_days(1000)), 0);

        let mut calendar = Calendar::standard();
        let shut = |calendar: &mut Calendar, days: i64| {
            calendar.days = (0..days).map(|n| (date(2026, 11, 20) + n.days(), day(DayKind::Off))).collect();
        };
        shut(&mut calendar, 399);
        assert_eq!(wall(&calendar, calendar.next_working(now)), "2027-12-24 Fri 08:30");
        calendar.week.set(date(2027, 12, 25).weekday(), parse_intervals("08:30-12:00").unwrap());
        shut(&mut calendar, 400);
        assert_eq!(calendar.next_working(now), None);
        // Figures over a longer time still count what comes after.
        assert_eq!(calendar.working_seconds(now, at(&calendar, "2027-12-25T09:30")), HOUR);

        let mut weekly = closed;
        weekly.week.set(date(2026, 11, 20).weekday(), parse_intervals("09:00-10:00").unwrap());
        assert_eq!(after(&weekly, "2026-11-20T09:00", 80 * HOUR), "2028-05-26 Fri 10:00", "79 weeks on, never 400 days without work");
    }

    #[test]
    fn hours_follow_the_wall_clock_through_a_clock_change() {
        let office = daily("America/New_York", "08:30-12:00");
        let opening = |wall: &str| office.next_working(at(&office, wall)).unwrap().timestamp().to_string();
        assert_eq!(opening("2026-03-07T00:00"), "2026-03-07T13:30:00Z");
        assert_eq!(opening("2026-03-08T00:00"), "2026-03-08T12:30:00Z");

        // The clock jumps from 02:00 to 03:00 on 8 March and back from 02:00 to 01:00 on 1 November.
        let seconds = |hours: &str, date: &str| {
            let calendar = daily("America/New_York", hours);
            let midnight = at(&calendar, &format!("{date}T00:00"));
            calendar.working_seconds(midnight, midnight.plus_seconds(23 * HOUR))
        };
        assert_eq!(seconds("01:00-05:00", "2026-03-08"), 3 * HOUR);
        assert_eq!(seconds("02:15-05:00", "2026-03-08"), 2 * HOUR, "opens at the jump");
        assert_eq!(seconds("01:00-02:45", "2026-03-08"), HOUR, "closes at the jump");
        assert_eq!(seconds("02:10-02:50", "2026-03-08"), 0);
        let skipped = daily("America/New_York", "02:10-02:50");
        assert_eq!(wall(&skipped, skipped.next_working(at(&skipped, "2026-03-08T00:00"))), "2026-03-09 Mon 02:10");
        assert_eq!(seconds("00:00-03:00", "2026-11-01"), 4 * HOUR);
        assert_eq!(seconds("00:00-01:20, 01:40-03:00", "2026-11-01"), 4 * HOUR - 20 * 60);
    }

    #[test]
    fn hours_are_counted_once_where_the_clock_goes_back_at_midnight() {
        // In Beirut 24:00 of 24 October 2026 is 23:00 of the same day again.
        let late = daily("Asia/Beirut", "22:00-23:30");
        let evening = at(&late, "2026-10-24T20:00");
        assert_eq!(late.working_seconds(evening, evening.plus_seconds(8 * HOUR)), HOUR + HOUR / 2);
        let always = daily("Asia/Beirut", "00:00-24:00");
        assert!(always.is_working(evening.plus_seconds(4 * HOUR + 60)), "23:01 for the second time");
        assert_eq!(always.working_seconds(evening, evening.plus_seconds(8 * HOUR)), 8 * HOUR);

        // In St John's 00:01 of 7 November 2010 was 23:01 of the day before: the new day's work had begun for a minute and goes on.
        let early = daily("America/St_Johns", "00:00-06:00");
        let evening = at(&early, "2010-11-06T22:00");
        let again = evening.plus_seconds(2 * HOUR + 30 * 60);
        assert_eq!(wall(&early, Some(again)), "2010-11-06 Sat 23:30");
        assert!(early.is_working(again));
        assert_eq!(early.working_seconds(evening, again), HOUR / 2);
    }

    #[test]
    fn quiet_hours_end_in_the_morning() {
        let calendar = Calendar::standard();
        let quiet = |from: &str, quiet| wall(&calendar, Some(calendar.after_quiet_hours(at(&calendar, from), quiet)));
        let night = Quiet::default();
        assert_eq!(quiet("2026-11-20T21:59:59", night), "2026-11-20 Fri 21:59");
        assert_eq!(quiet("2026-11-20T22:00", night), "2026-11-21 Sat 07:00");
        assert_eq!(quiet("2026-11-21T00:00", night), "2026-11-21 Sat 07:00");
        assert_eq!(quiet("2026-11-21T06:59:59", night), "2026-11-21 Sat 07:00");
        assert_eq!(quiet("2026-11-21T07:00", night), "2026-11-21 Sat 07:00");
        let hours = |from: &str, until: &str| Quiet { from: from.parse().unwrap(), until: until.parse().unwrap() };
        assert_eq!(quiet("2026-11-20T12:30", hours("12:00", "14:00")), "2026-11-20 Fri 14:00");
        assert_eq!(quiet("2026-11-20T11:59", hours("12:00", "14:00")), "2026-11-20 Fri 11:59");
        assert_eq!(quiet("2026-11-20T22:30", hours("22:00", "24:00")), "2026-11-21 Sat 00:00");
        for none in [hours("00:00", "00:00"), hours("00:00", "24:00"), hours("07:00", "07:00")] {
            assert_eq!(quiet("2026-11-20T07:00", none), "2026-11-20 Fri 07:00");
        }
    }

    #[test]
    fn quiet_hours_that_end_in_the_hour_shown_twice_end_twice() {
        let calendar = daily("America/New_York", "");
        let quiet = Quiet { from: "22:00".parse().unwrap(), until: "01:30".parse().unwrap() };
        let until = |from: At| calendar.after_quiet_hours(from, quiet).timestamp().to_string();
        let midnight = at(&calendar, "2026-11-01T00:00");
        assert_eq!(until(midnight), "2026-11-01T05:30:00Z");
        assert_eq!(until(midnight.plus_seconds(2 * HOUR)), "2026-11-01T06:30:00Z", "from 01:00 for the second time");
    }

    #[test]
    fn a_calendar_is_kept_as_json() {
        let mut calendar = Calendar::standard();
        calendar.days.insert(date(2026, 10, 1), Day { kind: DayKind::Off, name: "国庆节".into() });
        let office = "\"08:30-12:00, 14:00-17:30\"";
        let week = [office, office, office, office, office, "\"\"", "\"\""].join(",");
        let json = format!(r#"{{"zone":"Asia/Shanghai","week":[{week}],"days":{{"2026-10-01":{{"kind":"off","name":"国庆节"}}}}}}"#);
        assert_eq!(serde_json::to_string(&calendar).unwrap(), json);
        assert_eq!(serde_json::from_str::<Calendar>(&json).unwrap(), calendar);
        assert!(serde_json::from_str::<Calendar>(&json.replace("Shanghai", "Nowhere")).is_err());
        let quiet = r#"{"from":"22:00","until":"07:00"}"#;
        assert_eq!(serde_json::to_string(&Quiet::default()).unwrap(), quiet);
        assert_eq!(serde_json::from_str::<Quiet>(quiet).unwrap(), Quiet::default());
    }

    #[test]
    fn a_zone_is_known_by_its_name() {
        assert_eq!("asia/shanghai".parse::<Zone>().unwrap(), Zone::china());
        assert_eq!(Zone::china().to_string(), "Asia/Shanghai");
        assert_eq!("UTC".parse::<Zone>().unwrap().name(), "UTC");
        for bad in ["", "Nowhere", "Etc/Unknown", "UTC+8"] {
            assert_eq!(bad.parse::<Zone>(), Err(UnknownZone(bad.into())));
        }
    }

    #[test]
    fn moments_outside_the_calendar_do_not_panic() {
        let calendar = daily("America/New_York", "00:00-24:00");
        for at in [At(i64::MIN), At(i64::MAX)] {
            calendar.local(at);
            calendar.is_working(at);
            calendar.changes_at(at);
            calendar.after_quiet_hours(at, Quiet::default());
            assert_eq!(calendar.working_seconds(at, at), 0);
            calendar.add_working(at, 1);
        }
    }

    /// Any hours and single days, in zones that change the clock by an hour, by half an hour, at midnight and never.
    fn any_calendar() -> impl Strategy<Value = Calendar> {
        let zone = prop_oneof![Just("Asia/Shanghai"), Just("America/New_York"), Just("Australia/Lord_Howe"), Just("Asia/Beirut")];
        let days = vec((0..365i64, prop_oneof![Just(DayKind::Off), Just(DayKind::Work)]), 0..60);
        (zone, vec(any_hours(), 7), days).prop_map(|(zone, week, days)| Calendar {
            zone: zone.parse().unwrap(),
            week: Week::new(week.try_into().unwrap()),
            days: days.into_iter().map(|(n, kind)| (date(2026, 1, 1) + n.days(), day(kind))).collect(),
        })
    }

    /// Around the clock changes of spring and autumn 2026, to the millisecond.
    fn any_moment() -> impl Strategy<Value = At> {
        const DAY: i64 = 24 * HOUR * 1000;
        (prop_oneof![Just(1_772_323_200_000i64), Just(1_790_812_800_000)], 0..45 * DAY).prop_map(|(base, ms)| At(base + ms))
    }

    fn any_seconds() -> impl Strategy<Value = i64> {
        prop_oneof![1..10 * HOUR, 1..500 * HOUR, (1..200i64).prop_map(|n| n * 300)]
    }

    proptest! {
        #[test]
        fn working_seconds_add_up(calendar in any_calendar(), moments in vec(any_moment(), 3)) {
            let mut sorted = moments;
            sorted.sort();
            let [x, y, z] = sorted[..] else { unreachable!() };
            let bh = |from, until| calendar.working_seconds(from, until);
            prop_assert_eq!(bh(x, z), bh(x, y) + bh(y, z));
            prop_assert!(bh(x, y) >= 0 && bh(x, y) * 1000 <= y.0 - x.0 + 1000);
            prop_assert_eq!(bh(z, x), 0);
        }

        #[test]
        fn working_seconds_are_the_minutes_that_the_wall_clock_spends_in_working_hours(calendar in any_calendar(), start in any_moment(), minutes in 0..3000i64) {
            let calendar = Calendar { zone: Zone::china(), ..calendar };
            let start = At(start.0 - start.0.rem_euclid(60_000));
            let working = (0..minutes).filter(|n| {
                let wall = calendar.local(start.plus_minutes(*n));
                let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
                calendar.hours(wall.date()).iter().any(|i| i.from().minutes() <= minute && minute < i.until().minutes())
            });
            prop_assert_eq!(calendar.working_seconds(start, start.plus_minutes(minutes)), working.count() as i64 * 60);
        }

        #[test]
        fn adding_working_time_is_the_inverse_of_counting_it(calendar in any_calendar(), from in any_moment(), seconds in any_seconds()) {
            let whole = At(from.0 - from.0.rem_euclid(1000));
            prop_assert_eq!(calendar.add_working(from, seconds).is_some(), calendar.next_working(from).is_some());
            if let (Some(end), Some(whole_end)) = (calendar.add_working(from, seconds), calendar.add_working(whole, seconds)) {
                prop_assert_eq!(calendar.working_seconds(from, end), seconds);
                prop_assert_eq!(calendar.working_seconds(whole, whole_end), seconds);
                prop_assert_eq!(calendar.working_seconds(whole, At(whole_end.0 - 1)), seconds - 1, "no earlier moment will do");
            }
        }

        #[test]
        fn more_working_time_or_a_later_start_is_never_earlier(calendar in any_calendar(), x in any_moment(), y in any_moment(), s in any_seconds(), t in any_seconds()) {
            prop_assert!(calendar.add_working(x.min(y), s.min(t)) <= calendar.add_working(x.min(y), s.max(t)));
            prop_assert!(calendar.add_working(x.min(y), s) <= calendar.add_working(x.max(y), s));
        }

        #[test]
        fn the_next_working_moment_is_working_and_the_first(calendar in any_calendar(), at in any_moment()) {
            if let Some(next) = calendar.next_working(at) {
                prop_assert!(next >= at && calendar.is_working(next));
                prop_assert_eq!(calendar.working_seconds(at, next), 0);
                prop_assert_eq!(next == at, calendar.is_working(at));
                prop_assert!(next == at || !calendar.is_working(At(next.0 - 1)));
            }
        }

        #[test]
        fn a_change_is_the_first_one(calendar in any_calendar(), at in any_moment()) {
            let at = At(at.0 - at.0.rem_euclid(1000));
            if let Some(change) = calendar.changes_at(at) {
                let working = calendar.is_working(at);
                prop_assert!(change > at);
                prop_assert_eq!(calendar.is_working(change), !working);
                let spent = if working { (change.0 - at.0) / 1000 } else { 0 };
                prop_assert_eq!(calendar.working_seconds(at, change), spent);
            }
        }

        #[test]
        fn quiet_hours_are_left_at_their_end(calendar in any_calendar(), at in any_moment(), from in 0..=288u16, until in 0..=288u16) {
            let quiet = Quiet { from: TimeOfDay::minute(from * 5), until: TimeOfDay::minute(until * 5) };
            let holds = |at: At| {
                let wall = calendar.local(at);
                quiet.holds(wall.hour() as u16 * 60 + wall.minute() as u16)
            };
            let free = calendar.after_quiet_hours(at, quiet);
            prop_assert!(free >= at && !holds(free));
            prop_assert_eq!(free > at, holds(at));
            prop_assert!(free == at || holds(At(free.0 - 1)));
        }

        #[test]
        fn a_kept_calendar_reads_back(calendar in any_calendar()) {
            prop_assert_eq!(serde_json::from_str::<Calendar>(&serde_json::to_string(&calendar).unwrap()).unwrap(), calendar);
        }
    }
}
