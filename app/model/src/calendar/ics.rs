//! Reads holidays (休) and make-up workdays (班) from a calendar file.
//!
//! Read by hand on purpose: of an iCalendar file only whole-day events matter here. `icalendar` and `calcard` bring chrono as a second date
//! library and do not say on which line something is wrong; `ical` (last release 2024) cuts spaces away where a line is folded. None of
//! them both unescapes texts and tells the line of a mistake.

use super::Day;
use crate::DayKind;
use jiff::{Span, civil::Date};
use std::collections::{BTreeMap, btree_map::Entry};

/// Bytes. Three years of holidays are 24 kB.
const FILE_LIMIT: usize = 1024 * 1024;
/// Days of one event.
const EVENT_LIMIT: usize = 366;
/// Days of one file, ten years of nothing but holidays: a small file must not fill the memory.
const DAYS_LIMIT: usize = 3660;
/// Characters kept of a name.
const NAME_LIMIT: usize = 60;

/// What a calendar file says about single days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ics {
    pub days: BTreeMap<Date, Day>,
    /// Events that are neither 休 nor 班, or have a time of day, repeat or are cancelled.
    pub ignored: usize,
}

/// Why a file is not imported. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IcsError {
    #[error("{bytes} bytes are more than {FILE_LIMIT}")]
    TooLarge { bytes: usize },
    #[error("not an iCalendar file: it does not begin with BEGIN:VCALENDAR")]
    NotACalendar,
    #[error("line {line}: the file is cut off or a part is not closed")]
    Broken { line: usize },
    #[error("line {line}: `{text}` is not a date such as 20261001")]
    BadDate { line: usize, text: String },
    #[error("line {line}: the end is before the start")]
    EndsBeforeStart { line: usize },
    #[error("line {line}: an event of more than {EVENT_LIMIT} days")]
    TooLong { line: usize },
    #[error("more than {DAYS_LIMIT} days")]
    TooManyDays,
    #[error("no event says 休 or 班 ({ignored} others)")]
    NoHoliday { ignored: usize },
}

/// Reads whole-day events whose DESCRIPTION, or else SUMMARY, says 休 or 班 as a word of its own: `休`, `国庆节(休)`, `国庆节 班`, but not `三班家长会`.
/// Where both are said of one day 班 wins, since a make-up workday is the exception inside a holiday.
pub fn read_ics(text: &str) -> Result<Ics, IcsError> {
    if text.len() > FILE_LIMIT {
        return Err(IcsError::TooLarge { bytes: text.len() });
    }
    let lines = unfold(text.strip_prefix('\u{FEFF}').unwrap_or(text));
    let first = lines.first().and_then(|(_, content)| property(content));
    if !first.is_some_and(|p| p.is("BEGIN") && p.value.trim().eq_ignore_ascii_case("VCALENDAR")) {
        return Err(IcsError::NotACalendar);
    }

    let mut ics = Ics { days: BTreeMap::new(), ignored: 0 };
    // The parts we are inside of: an alarm inside an event has a DESCRIPTION of its own.
    let mut open: Vec<String> = Vec::new();
    let mut event = Event::default();
    for (line, content) in &lines {
        let Some(property) = property(content) else { continue };
        let part = property.value.trim().to_ascii_uppercase();
        if property.is("BEGIN") {
            if part == "VEVENT" {
                event = Event::default();
            }
            open.push(part);
        } else if property.is("END") {
            if open.pop().as_ref() != Some(&part) {
                return Err(IcsError::Broken { line: *line });
            }
            if part == "VEVENT" {
                ics.add(&event)?;
            }
        } else if open.last().is_some_and(|part| part == "VEVENT") {
            event.read(*line, &property);
        }
    }
    if !open.is_empty() {
        return Err(IcsError::Broken { line: text.lines().count() });
    }
    if ics.days.is_empty() {
        return Err(IcsError::NoHoliday { ignored: ics.ignored });
    }
    Ok(ics)
}

impl Ics {
    fn add(&mut self, event: &Event) -> Result<(), IcsError> {
        let Some((day, from, until)) = event.days()? else {
            self.ignored += 1;
            return Ok(());
        };
        for date in std::iter::successors(Some(from), |d| d.tomorrow().ok()).take_while(|d| *d < until) {
            match self.days.entry(date) {
                Entry::Vacant(free) => {
                    free.insert(day.clone());
                }
                Entry::Occupied(mut known) if known.get().kind == DayKind::Off && day.kind == DayKind::Work => {
                    known.insert(day.clone());
                }
                Entry::Occupied(_) => {}
            }
            if self.days.len() > DAYS_LIMIT {
                return Err(IcsError::TooManyDays);
            }
        }
        Ok(())
    }
}

/// A value as it is written, with the line it stands on.
#[derive(Default)]
struct Written {
    line: usize,
    text: String,
    /// `VALUE=DATE`.
    whole_day: bool,
}

impl Written {
    /// Some files leave `VALUE=DATE` out where the value is plainly a date.
    fn is_date(&self) -> bool {
        self.whole_day || is_eight_digits(&self.text)
    }

    fn date(&self) -> Result<Date, IcsError> {
        let date = if is_eight_digits(&self.text) { self.text.parse().ok() } else { None };
        date.ok_or_else(|| self.bad())
    }

    fn bad(&self) -> IcsError {
        IcsError::BadDate { line: self.line, text: self.text.chars().take(NAME_LIMIT).collect() }
    }
}

fn is_eight_digits(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit())
}

#[derive(Default)]
struct Event {
    start: Option<Written>,
    end: Option<Written>,
    duration: Option<Written>,
    summary: String,
    description: String,
    repeats: bool,
    cancelled: bool,
}

impl Event {
    fn read(&mut self, line: usize, property: &Property<'_>) {
        let written = || Written { line, text: property.value.trim().to_owned(), whole_day: property.is_whole_day() };
        match property.name.to_ascii_uppercase().as_str() {
            "DTSTART" => self.start = Some(written()),
            "DTEND" => self.end = Some(written()),
            "DURATION" => self.duration = Some(written()),
            "SUMMARY" => self.summary = unescape(property.value),
            "DESCRIPTION" => self.description = unescape(property.value),
            "RRULE" | "RDATE" => self.repeats = true,
            "STATUS" => self.cancelled = property.value.trim().eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
    }

    /// What the event says of the days from the first until (without) the second date; `None` where it is not about days off or on.
    fn days(&self) -> Result<Option<(Day, Date, Date)>, IcsError> {
        let Some(kind) = said(&self.description).or_else(|| said(&self.summary)) else { return Ok(None) };
        let Some(start) = self.start.as_ref().filter(|start| start.is_date()) else { return Ok(None) };
        if self.repeats || self.cancelled {
            return Ok(None);
        }
        let from = start.date()?;
        let next = from.tomorrow().map_err(|_| start.bad())?;
        let (until, line) = match (&self.end, &self.duration) {
            (Some(end), _) => (end.date()?, end.line),
            (None, Some(duration)) => {
                let span: Span = duration.text.parse().map_err(|_| duration.bad())?;
                (from.checked_add(span).map_err(|_| duration.bad())?, duration.line)
            }
            (None, None) => (next, start.line),
        };
        if until < from {
            return Err(IcsError::EndsBeforeStart { line });
        }
        // Against the standard, some programs write the same date twice for a single day.
        let until = until.max(next);
        if from.duration_until(until).as_hours() > 24 * EVENT_LIMIT as i64 {
            return Err(IcsError::TooLong { line });
        }
        Ok(Some((Day { kind, name: name(&self.summary) }, from, until)))
    }
}

/// What a text says with 休 or 班 as a word of its own; `None` if neither or both.
fn said(text: &str) -> Option<DayKind> {
    let says = |mark| text.split(|c: char| !c.is_alphanumeric()).any(|word| word == mark);
    match (says("休"), says("班")) {
        (true, false) => Some(DayKind::Off),
        (false, true) => Some(DayKind::Work),
        _ => None,
    }
}

/// 国庆节(休) → 国庆节.
fn name(summary: &str) -> String {
    let edge = |c: char| !c.is_alphanumeric();
    let open = summary.trim_end_matches(edge);
    let bare = open.strip_suffix(['休', '班']).filter(|rest| rest.ends_with(edge)).map(|rest| rest.trim_end_matches(edge));
    bare.unwrap_or(summary).trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_LIMIT).collect()
}

/// The lines of the file, each with its number, those joined that go on after a line end and one space or tab.
fn unfold(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, whole))) => whole.push_str(rest),
            _ => lines.push((n + 1, line.to_owned())),
        }
    }
    lines
}

struct Property<'a> {
    name: &'a str,
    parameters: &'a str,
    value: &'a str,
}

impl Property<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn is_whole_day(&self) -> bool {
        self.parameters.split(';').any(|p| p.eq_ignore_ascii_case("VALUE=DATE"))
    }
}

/// `NAME;PARAMETER=x;PARAMETER="a:b":value`.
fn property(line: &str) -> Option<Property<'_>> {
    let mut quoted = false;
    let colon = line.find(|c| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let (head, value) = (&line[..colon], &line[colon + 1..]);
    let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
    Some(Property { name, parameters, value })
}

/// `\n`, `\,`, `\;` and `\\` of RFC 5545 texts.
fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(c) => text.push(c),
                None => {}
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const FILE: &str = include_str!("../../testdata/holidays.ics");

    /// A calendar of events, each given by its lines.
    fn calendar(events: &[&str]) -> String {
        let events: String = events.iter().map(|e| format!("BEGIN:VEVENT\n{e}\nEND:VEVENT\n")).collect();
        format!("BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n")
    }

    fn days(events: &[&str]) -> Vec<(String, DayKind, String)> {
        let ics = read_ics(&calendar(events)).unwrap();
        ics.days.into_iter().map(|(date, day)| (date.to_string(), day.kind, day.name)).collect()
    }

    fn off(date: &str, name: &str) -> (String, DayKind, String) {
        (date.into(), DayKind::Off, name.into())
    }

    #[test]
    fn the_real_file_gives_every_day_off_and_every_make_up_workday() {
        let ics = read_ics(FILE).unwrap();
        let count = |kind| ics.days.values().filter(|day| day.kind == kind).count();
        assert_eq!((count(DayKind::Off), count(DayKind::Work), ics.ignored), (89, 19, 0));
        assert_eq!(ics.days[&date(2026, 10, 7)], Day { kind: DayKind::Off, name: "国庆节".into() });
        assert!(!ics.days.contains_key(&date(2026, 10, 8)), "DTEND is the day after");
        assert_eq!(ics.days[&date(2026, 2, 14)], Day { kind: DayKind::Work, name: "春节".into() });
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_make_no_difference() {
        let lf = FILE.replace("\r\n", "\n");
        let plain = read_ics(&lf).unwrap();
        assert_eq!(read_ics(&lf.replace('\n', "\r\n")).unwrap(), plain);
        assert_eq!(read_ics(&format!("\u{FEFF}{lf}")).unwrap(), plain);
    }

    #[test]
    fn folded_lines_and_escaped_texts_are_read() {
        let event = "DTSTART;X-NOTE=\"a:b;c\";VALUE\n =DATE:2026\n\t1001\nSUMMARY:国庆\\, 中\n 秋 \n 两节(休)";
        assert_eq!(days(&[event]), [off("2026-10-01", "国庆, 中秋 两节")]);
    }

    #[test]
    fn an_event_is_one_day_unless_it_says_more() {
        for (extra, last) in [
            ("", 1),
            ("\nDTEND;VALUE=DATE:20261001", 1),
            ("\nDTEND;VALUE=DATE:20261004", 3),
            ("\nDTEND:20261004", 3),
            ("\nDURATION:P2D", 2),
            ("\nDURATION:P1W", 7),
        ] {
            let found = days(&[&format!("DTSTART;VALUE=DATE:20261001\nDESCRIPTION:休{extra}")]);
            assert_eq!((found.len(), found.last()), (last, Some(&off(&format!("2026-10-0{last}"), ""))), "{extra}");
        }
    }

    #[test]
    fn the_mark_is_a_word_of_its_own_and_the_description_goes_first() {
        let kind = |summary: &str, description: &str| {
            let event = format!("DTSTART;VALUE=DATE:20261001\nSUMMARY:{summary}\nDESCRIPTION:{description}");
            read_ics(&calendar(&[&event])).map(|ics| ics.days[&date(2026, 10, 1)].kind)
        };
        for summary in ["国庆节(休)", "国庆节（休）", "【休】国庆节", "国庆节 休"] {
            assert_eq!(kind(summary, ""), Ok(DayKind::Off), "{summary}");
        }
        assert_eq!(kind("国庆节", "班"), Ok(DayKind::Work));
        assert_eq!(kind("国庆节(休)", "班"), Ok(DayKind::Work));
        assert_eq!(kind("国庆节(休)", "放假调休, 10日上班"), Ok(DayKind::Off));
        for summary in ["三班家长会", "退休座谈", "国庆节 休 班"] {
            assert_eq!(kind(summary, ""), Err(IcsError::NoHoliday { ignored: 1 }), "{summary}");
        }
    }

    #[test]
    fn a_name_loses_its_mark_only_and_is_kept_short() {
        let name = |summary: &str| days(&[&format!("DTSTART;VALUE=DATE:20261001\nDESCRIPTION:休\nSUMMARY:{summary}")])[0].2.clone();
        assert_eq!(name("国庆节（休）"), "国庆节");
        assert_eq!(name("国庆节 班"), "国庆节");
        assert_eq!(name("全体调休"), "全体调休");
        assert_eq!(name("国庆节 (七天)"), "国庆节 (七天)");
        assert_eq!(name("(休)"), "");
        assert_eq!(name("国庆\\n节"), "国庆 节");
        assert_eq!(name(&"节".repeat(61)), "节".repeat(60));
    }

    #[test]
    fn a_make_up_workday_wins_over_a_holiday_around_it_and_the_first_name_stays() {
        let holiday = "DTSTART;VALUE=DATE:20261001\nDTEND;VALUE=DATE:20261003\nSUMMARY:国庆节(休)";
        let second = "DTSTART;VALUE=DATE:20261001\nSUMMARY:中秋(休)";
        let work = "DTSTART;VALUE=DATE:20261002\nSUMMARY:国庆节(班)";
        let expected = [off("2026-10-01", "国庆节"), ("2026-10-02".into(), DayKind::Work, "国庆节".into())];
        assert_eq!(days(&[holiday, second, work]), expected);
        assert_eq!(days(&[work, holiday, second]), expected);
    }

    #[test]
    fn what_is_not_a_whole_single_day_is_counted_not_imported() {
        let events = [
            "DTSTART;VALUE=DATE:20261001\nSUMMARY:休",
            "SUMMARY:休",
            "DTSTART;TZID=Asia/Shanghai:20261002T090000\nSUMMARY:休",
            "DTSTART;VALUE=DATE:20261003\nRRULE:FREQ=YEARLY\nSUMMARY:休",
            "DTSTART;VALUE=DATE:20261004\nSTATUS:CANCELLED\nSUMMARY:休",
            "DTSTART;VALUE=DATE:20261005\nSUMMARY:家长会\nBEGIN:VALARM\nDESCRIPTION:休\nEND:VALARM",
        ];
        let ics = read_ics(&calendar(&events)).unwrap();
        assert_eq!((ics.days.len(), ics.ignored), (1, 5));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_apart_with_its_line() {
        let wrong = |lines: &str| read_ics(&calendar(&["SUMMARY:其他", &format!("SUMMARY:休\n{lines}")])).unwrap_err();
        // The lines of the second event's dates begin at 8, unfolded.
        let bad = |line, text: &str| IcsError::BadDate { line, text: text.into() };
        assert_eq!(wrong("DTSTART;VALUE=DATE:20260230"), bad(8, "20260230"));
        assert_eq!(wrong("DTSTART;VALUE=DATE:2026-10-01"), bad(8, "2026-10-01"));
        assert_eq!(wrong("DTSTART;VALUE=DATE:20261001\nX-A:1\n 2\nDTEND:20261002T000000"), bad(11, "20261002T000000"));
        assert_eq!(wrong("DTSTART;VALUE=DATE:20261001\nDURATION:three"), bad(9, "three"));
        assert_eq!(wrong("DTSTART;VALUE=DATE:20261001\nDTEND;VALUE=DATE:20260930"), IcsError::EndsBeforeStart { line: 9 });
        assert_eq!(wrong("DTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20270103"), IcsError::TooLong { line: 9 });
        assert_eq!(days(&["SUMMARY:休\nDTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20270102"]).len(), 366);

        for text in ["", "\n", "<html>", "BEGIN:VCARD\nEND:VCARD\n"] {
            assert_eq!(read_ics(text), Err(IcsError::NotACalendar), "{text}");
        }
        assert_eq!(read_ics(&calendar(&[])), Err(IcsError::NoHoliday { ignored: 0 }));
        let cut = calendar(&["DTSTART;VALUE=DATE:20261001\nSUMMARY:休"]).replace("END:VCALENDAR\n", "");
        assert_eq!(read_ics(&cut), Err(IcsError::Broken { line: 6 }));
        assert_eq!(read_ics("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VALARM\nEND:VCALENDAR"), Err(IcsError::Broken { line: 3 }));
    }

    #[test]
    fn a_file_cannot_fill_the_memory() {
        let small = calendar(&["DTSTART;VALUE=DATE:20261001\nSUMMARY:休"]);
        let padded = |bytes: usize| format!("{small}{}", " ".repeat(bytes - small.len()));
        assert!(read_ics(&padded(FILE_LIMIT)).is_ok());
        assert_eq!(read_ics(&padded(FILE_LIMIT + 1)), Err(IcsError::TooLarge { bytes: FILE_LIMIT + 1 }));
        let years: Vec<String> = (2001..=2011).map(|y| format!("DTSTART:{y}0101\nDTEND:{}0101\nSUMMARY:休", y + 1)).collect();
        let years: Vec<&str> = years.iter().map(String::as_str).collect();
        assert_eq!(days(&years[..10]).len(), 3652);
        assert_eq!(read_ics(&calendar(&years)), Err(IcsError::TooManyDays));
    }

    proptest! {
        #[test]
        fn reading_a_file_never_panics(lines in proptest::collection::vec(
            prop_oneof!["(BEGIN|END):(VEVENT|VCALENDAR)", "(DTSTART|DTEND|DURATION)(;VALUE=DATE)?:[0-9TPD-]{0,9}", "(SUMMARY|DESCRIPTION):.?[休班(]{0,3}\\\\?", ".{0,12}"], 0..20)) {
            let _ = read_ics(&format!("BEGIN:VCALENDAR\n{}", lines.join("\n")));
        }
    }
}
