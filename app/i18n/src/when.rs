//! Dates, times and durations as people say them.

use crate::t;
use jiff::Zoned;
use model::{Language, calendar::Calendar};

/// A moment seen from now: "10:00", "明天 10:00" / "tomorrow 10:00", "周二 10:00" / "Tue 10:00", "12月3日 10:00" / "3 Dec 10:00". Both in the same zone.
pub fn moment(l: Language, at: &Zoned, now: &Zoned) -> String {
    let time = at.strftime("%-H:%M").to_string();
    match days_between(now, at) {
        0 => t!(l, common.today_at, time = time),
        1 => t!(l, common.tomorrow_at, time = time),
        -1 => t!(l, common.yesterday_at, time = time),
        2..=6 => t!(l, common.day_at, day = weekday(l, at), time = time),
        _ => t!(l, common.day_at, day = date(l, at, now), time = time),
    }
}

fn days_between(from: &Zoned, until: &Zoned) -> i64 {
    from.date().until(until.date()).map_or(i64::MAX, |span| i64::from(span.get_days()))
}

/// "12月3日" / "3 Dec", with the year when it is another one.
pub fn date(l: Language, at: &Zoned, now: &Zoned) -> String {
    let same_year = at.year() == now.year();
    let form = match (l, same_year) {
        (Language::Chinese, true) => "%-m月%-d日",
        (Language::Chinese, false) => "%Y年%-m月%-d日",
        (Language::English, true) => "%-d %b",
        (Language::English, false) => "%-d %b %Y",
    };
    at.strftime(form).to_string()
}

/// "周二" / "Tue".
pub fn weekday(l: Language, at: &Zoned) -> String {
    weekday_name(l, at.weekday())
}

pub fn weekday_name(l: Language, day: jiff::civil::Weekday) -> String {
    const CHINESE: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
    const ENGLISH: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let i = day.to_monday_zero_offset() as usize;
    match l {
        Language::Chinese => CHINESE[i],
        Language::English => ENGLISH[i],
    }
    .to_owned()
}

/// A length of time in its largest unit, rounded up: "5 分钟" / "5 minutes", "2 小时" / "2 hours", "3 天" / "3 days".
pub fn duration(l: Language, seconds: i64) -> String {
    let minutes = (seconds.max(0) + 59) / 60;
    match minutes {
        ..=1 => t!(l, common.one_minute),
        2..=59 => t!(l, common.minutes, count = minutes),
        60 => t!(l, common.one_hour),
        61..=2880 => t!(l, common.hours, count = (minutes + 59) / 60),
        _ => t!(l, common.days, count = (minutes + 1439) / 1440),
    }
}

/// Working time, rounded up to minutes or hours: there are no days in it, because a working day has hours of its own.
pub fn working(l: Language, seconds: i64) -> String {
    match (seconds.max(0) + 59) / 60 {
        ..=1 => t!(l, common.one_working_minute),
        minutes @ 2..60 => t!(l, common.working_minutes, count = minutes),
        60 => t!(l, common.one_working_hour),
        minutes => t!(l, common.working_hours, count = (minutes + 59) / 60),
    }
}

/// Working hours of a week, equal days together: "周一至周五 8:30–12:00、14:30–18:00".
pub fn week(l: Language, calendar: &Calendar) -> String {
    let lines: Vec<String> = calendar
        .week_lines()
        .iter()
        .filter(|line| !line.hours.is_empty())
        .map(|line| {
            let first = weekday_name(l, line.first);
            let days = if line.first == line.last { first } else { t!(l, resident.days, first = first, last = weekday_name(l, line.last)) };
            let hours: Vec<String> = line.hours.iter().map(|i| format!("{}–{}", i.from(), i.until())).collect();
            format!("{days} {}", hours.join(&t!(l, common.comma)))
        })
        .collect();
    lines.join(&t!(l, resident.week_separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse::<jiff::civil::DateTime>().unwrap().in_tz("Asia/Shanghai").unwrap()
    }

    #[test]
    fn a_moment_is_said_as_a_person_would() {
        let now = at("2026-11-20T16:30:00");
        let said = |l, t| moment(l, &at(t), &now);
        assert_eq!(said(Language::Chinese, "2026-11-20T17:05:00"), "今天 17:05");
        assert_eq!(said(Language::English, "2026-11-21T08:30:00"), "tomorrow 8:30");
        assert_eq!(said(Language::Chinese, "2026-11-24T10:00:00"), "周二 10:00");
        assert_eq!(said(Language::English, "2026-12-03T10:00:00"), "3 Dec 10:00");
        assert_eq!(said(Language::Chinese, "2027-01-04T10:00:00"), "2027年1月4日 10:00");
    }

    #[test]
    fn a_duration_is_rounded_up_to_its_largest_unit() {
        assert_eq!(duration(Language::English, 30), "1 minute");
        assert_eq!(duration(Language::Chinese, 48 * 60), "48 分钟");
        assert_eq!(duration(Language::English, 61 * 60), "2 hours");
        assert_eq!(duration(Language::Chinese, 3 * 86400), "3 天");
    }
}
