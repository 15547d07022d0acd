//! Working hours of a day and of a week, by the wall clock alone: no zone, no dates.

use crate::code::half_width;
use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};
use std::{fmt, ops::Deref, str::FromStr};

/// A time of day to the minute, 00:00 to 24:00: the end of a day is a time of its own, which `jiff::civil::Time` has no value for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    pub(super) const DAY: u16 = 24 * 60;

    /// `None` past 24:00.
    pub const fn new(hour: u16, minute: u16) -> Option<TimeOfDay> {
        if minute < 60 && (hour < 24 || (hour == 24 && minute == 0)) { Some(TimeOfDay(hour * 60 + minute)) } else { None }
    }

    /// Minutes since 00:00, at most 1440.
    pub const fn minutes(self) -> u16 {
        self.0
    }

    /// For times written in this source.
    pub(super) const fn minute(minutes: u16) -> TimeOfDay {
        assert!(minutes <= Self::DAY);
        TimeOfDay(minutes)
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = IntervalError;

    /// `08:30`, `8:30` and what a Chinese keyboard makes of them, `８：３０`.
    fn from_str(typed: &str) -> Result<TimeOfDay, IntervalError> {
        let text: String = typed.trim().chars().map(plain).collect();
        let digits = |s: &str, length: std::ops::RangeInclusive<usize>| {
            let all = length.contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
            all.then(|| s.parse().ok()).flatten()
        };
        text.split_once(':').and_then(|(hour, minute)| TimeOfDay::new(digits(hour, 1..=2)?, digits(minute, 2..=2)?)).ok_or(IntervalError::BadTime { text })
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = IntervalError;
    fn try_from(text: String) -> Result<TimeOfDay, IntervalError> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

/// Working time without a break inside one day. Always begins before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    from: TimeOfDay,
    until: TimeOfDay,
}

impl Interval {
    pub fn new(from: TimeOfDay, until: TimeOfDay) -> Result<Interval, IntervalError> {
        if from < until { Ok(Interval { from, until }) } else { Err(IntervalError::EndsBeforeStart { from, until }) }
    }

    pub fn from(self) -> TimeOfDay {
        self.from
    }

    /// The first minute that is no longer working time.
    pub fn until(self) -> TimeOfDay {
        self.until
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.until)
    }
}

/// What can be wrong with hours as an admin types them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    #[error("`{text}` is not a time of day such as 08:30")]
    BadTime { text: String },
    /// There is no dash between two times.
    #[error("`{text}` is not an interval such as 08:30-12:00")]
    NoEnd { text: String },
    #[error("{until} is not after {from}")]
    EndsBeforeStart { from: TimeOfDay, until: TimeOfDay },
    #[error("{first} and {second} overlap")]
    Overlap { first: Interval, second: Interval },
}

/// The working hours of one day: in order, apart from each other, possibly none. Written `08:30-12:00, 14:00-17:30`, in JSON too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Intervals(Vec<Interval>);

impl Intervals {
    /// Sorts, and joins intervals that touch, so that the end of an interval is always the end of work.
    pub fn new(mut all: Vec<Interval>) -> Result<Intervals, IntervalError> {
        all.sort();
        let mut joined: Vec<Interval> = Vec::with_capacity(all.len());
        for next in all {
            match joined.last_mut() {
                Some(last) if next.from < last.until => return Err(IntervalError::Overlap { first: *last, second: next }),
                Some(last) if next.from == last.until => last.until = next.until,
                _ => joined.push(next),
            }
        }
        Ok(Intervals(joined))
    }
}

impl Deref for Intervals {
    type Target = [Interval];
    fn deref(&self) -> &[Interval] {
        &self.0
    }
}

impl fmt::Display for Intervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, interval) in self.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            interval.fmt(f)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Intervals {
    type Error = IntervalError;
    fn try_from(text: String) -> Result<Intervals, IntervalError> {
        parse_intervals(&text)
    }
}

impl From<Intervals> for String {
    fn from(hours: Intervals) -> String {
        hours.to_string()
    }
}

/// Reads hours as an admin types them, in any order: `08:30-12:00, 14:00-17:30` or `8：30～12：00、14：00——17：30`. Nothing typed is a day off.
pub fn parse_intervals(typed: &str) -> Result<Intervals, IntervalError> {
    let text: String = typed.chars().map(plain).collect();
    let all = text.split(',').map(str::trim).filter(|piece| !piece.is_empty()).map(|piece| {
        let (from, until) = piece.split_once('-').ok_or_else(|| IntervalError::NoEnd { text: piece.to_owned() })?;
        // A Chinese dash is typed as two.
        Interval::new(from.parse()?, until.trim_start_matches('-').parse()?)
    });
    Intervals::new(all.collect::<Result<_, _>>()?)
}

/// The plain form of the marks that keyboards make of a colon, a dash and a comma.
fn plain(c: char) -> char {
    match half_width(c) {
        '∶' => ':',
        '~' | '‐' | '‑' | '–' | '—' | '−' | '〜' | '至' | '到' => '-',
        '、' | ';' | '\n' => ',',
        c => c,
    }
}

/// The working hours of each weekday. In JSON seven texts, Monday first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Week([Intervals; 7]);

impl Week {
    /// Monday first.
    pub fn new(days: [Intervals; 7]) -> Week {
        Week(days)
    }

    /// Monday to Friday 08:30–12:00 and 14:00–17:30.
    pub(super) fn standard() -> Week {
        let interval = |from, until| Interval { from: TimeOfDay::minute(from), until: TimeOfDay::minute(until) };
        let office = Intervals(vec![interval(8 * 60 + 30, 12 * 60), interval(14 * 60, 17 * 60 + 30)]);
        Week(std::array::from_fn(|day| if day < 5 { office.clone() } else { Intervals::default() }))
    }

    pub fn on(&self, weekday: Weekday) -> &Intervals {
        &self.0[index(weekday)]
    }

    pub fn set(&mut self, weekday: Weekday, hours: Intervals) {
        self.0[index(weekday)] = hours;
    }

    /// The hours of a make-up workday: that weekday's own if it has any, else Monday's, or those of the first day that has any where Monday is off too.
    pub(super) fn make_up(&self, weekday: Weekday) -> &Intervals {
        let own = self.on(weekday);
        if own.is_empty() { self.0.iter().find(|hours| !hours.is_empty()).unwrap_or(own) } else { own }
    }

    /// Monday to Sunday in runs of weekdays that have the same hours, days off included.
    pub(super) fn lines(&self) -> Vec<WeekLine<'_>> {
        let mut lines: Vec<WeekLine<'_>> = Vec::new();
        for (weekday, hours) in Weekday::Monday.cycle_forward().zip(&self.0) {
            match lines.last_mut() {
                Some(line) if line.hours == hours => line.last = weekday,
                _ => lines.push(WeekLine { first: weekday, last: weekday, hours }),
            }
        }
        lines
    }
}

fn index(weekday: Weekday) -> usize {
    weekday.to_monday_zero_offset().unsigned_abs().into()
}

/// Neighbouring weekdays with the same hours: 周一至周五 08:30–12:00、14:00–17:30. No hours: days off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekLine<'a> {
    pub first: Weekday,
    pub last: Weekday,
    pub hours: &'a Intervals,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    /// Up to three intervals a day on the five-minute grid, often none; 00:00 and 24:00 included.
    pub(in crate::calendar) fn any_hours() -> impl Strategy<Value = Intervals> {
        (0..4usize, vec(0..=288u16, 6)).prop_map(|(count, mut edges)| {
            edges.sort();
            let time = |n: u16| TimeOfDay(n * 5);
            let all = edges.chunks(2).take(count).filter_map(|edge| Interval::new(time(edge[0]), time(edge[1])).ok());
            Intervals::new(all.collect()).unwrap()
        })
    }

    #[test]
    fn hours_are_read_as_they_are_typed() {
        let plain = "08:30-12:00, 14:00-17:30";
        for typed in [
            plain,
            "08:30-12:00,14:00-17:30",
            " 8:30 - 12:00 ; 14:00 ~ 17:30; ",
            "14:00-17:30, 08:30-12:00",
            "08：30－12：00，14：00～17：30",
            "０８:３０—１２:００、14:00——17:30",
            "8:30至12:00\n14:00到17:30",
        ] {
            assert_eq!(parse_intervals(typed).unwrap().to_string(), plain, "{typed}");
        }
        assert_eq!(parse_intervals(" ，").unwrap().len(), 0);
    }

    #[test]
    fn intervals_that_touch_are_one() {
        assert_eq!(parse_intervals("12:00-24:00, 0:00-12:00").unwrap().to_string(), "00:00-24:00");
    }

    #[test]
    fn what_is_wrong_with_hours_is_told_apart() {
        let at = |minutes| TimeOfDay(minutes);
        for bad in ["8-12:00", "08:30-12:0", "08:60-12:00", "08:30-24:01", "25:00-26:00", "+8:30-12:00", "008:30-12:00", "08:30-", "08:30-12:00-13:00"] {
            assert!(matches!(parse_intervals(bad), Err(IntervalError::BadTime { .. })), "{bad}");
        }
        assert_eq!(parse_intervals("08:30-12:00, 下午"), Err(IntervalError::NoEnd { text: "下午".into() }));
        assert_eq!(parse_intervals("22:00-06:00"), Err(IntervalError::EndsBeforeStart { from: at(1320), until: at(360) }));
        assert_eq!(parse_intervals("08:30-08:30"), Err(IntervalError::EndsBeforeStart { from: at(510), until: at(510) }));
        let overlap = IntervalError::Overlap { first: Interval { from: at(480), until: at(720) }, second: Interval { from: at(719), until: at(780) } };
        assert_eq!(parse_intervals("11:59-13:00, 08:00-12:00"), Err(overlap));
    }

    #[test]
    fn a_week_is_seven_texts_in_json_and_wrong_ones_are_refused() {
        let mut week = Week::default();
        week.set(Weekday::Sunday, parse_intervals("9:00-12:00").unwrap());
        let json = r#"["","","","","","","09:00-12:00"]"#;
        assert_eq!(serde_json::to_string(&week).unwrap(), json);
        assert_eq!(serde_json::from_str::<Week>(json).unwrap(), week);
        assert!(serde_json::from_str::<Week>(r#"["","","","","","","12:00-09:00"]"#).is_err());
    }

    #[test]
    fn weekdays_with_the_same_hours_are_one_line() {
        let office = parse_intervals("08:30-12:00, 14:00-17:30").unwrap();
        let morning = parse_intervals("09:00-12:00").unwrap();
        let mut week = Week::new(std::array::from_fn(|_| office.clone()));
        week.set(Weekday::Wednesday, morning.clone());
        week.set(Weekday::Sunday, Intervals::default());
        use Weekday::*;
        let none = Intervals::default();
        let line = |first, last, hours| WeekLine { first, last, hours };
        let lines = [line(Monday, Tuesday, &office), line(Wednesday, Wednesday, &morning), line(Thursday, Saturday, &office), line(Sunday, Sunday, &none)];
        assert_eq!(week.lines(), lines);
    }

    proptest! {
        #[test]
        fn written_hours_read_back(hours in any_hours()) {
            prop_assert_eq!(parse_intervals(&hours.to_string()), Ok(hours));
        }

        #[test]
        fn reading_hours_never_panics(typed in "[0-9:：,，、~—\\-至 上\n]{0,40}") {
            if let Ok(hours) = parse_intervals(&typed) {
                prop_assert!(hours.iter().all(|i| i.from < i.until) && hours.windows(2).all(|w| w[0].until < w[1].from));
            }
        }
    }
}
