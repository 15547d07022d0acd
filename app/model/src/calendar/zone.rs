use super::TimeOfDay;
use crate::At;
use jiff::{
    Zoned,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// An IANA time zone, written by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone such as Asia/Shanghai")]
pub struct UnknownZone(pub String);

impl Zone {
    /// Asia/Shanghai.
    pub fn china() -> Zone {
        let name = "Asia/Shanghai";
        // The zone is always in the bundled database; and China has kept UTC+8 without a clock change since 1992.
        name.parse().unwrap_or_else(|_| Zone { name: name.to_owned(), rules: TimeZone::fixed(Offset::constant(8)) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a wall clock shows here.
    pub fn local(&self, at: At) -> Zoned {
        at.timestamp().to_zoned(self.rules.clone())
    }

    /// The first moment at which the wall clock shows `time` of `date` or later: the jump itself where the clock skips `time`, the first of the two
    /// where it shows it twice. So a later wall time is never an earlier moment, and intervals of a day never overlap. `None` past the year 9999.
    pub(super) fn reached(&self, date: Date, time: TimeOfDay) -> Option<At> {
        let wall = midnight_aware(date, time)?;
        let offset = match self.rules.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { after, .. } => {
                // By the offset after the jump the skipped time lies just before it.
                let before_jump = after.to_timestamp(wall).ok()?;
                return self.rules.following(before_jump).next().map(|jump| jump.timestamp().into());
            }
        };
        offset.to_timestamp(wall).ok().map(At::from)
    }

    /// The last moment at which the wall clock shows `time` of `date`.
    pub(super) fn shown_again(&self, date: Date, time: TimeOfDay) -> Option<At> {
        let wall = midnight_aware(date, time)?;
        self.rules.to_ambiguous_timestamp(wall).later().ok().map(At::from)
    }
}

/// 24:00 is 00:00 of the next date.
fn midnight_aware(date: Date, time: TimeOfDay) -> Option<DateTime> {
    let minutes = time.minutes() % TimeOfDay::DAY;
    let date = if time.minutes() == TimeOfDay::DAY { date.tomorrow().ok()? } else { date };
    // Both are below 60.
    Some(date.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0))
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// By IANA name, any case.
    fn from_str(name: &str) -> Result<Zone, UnknownZone> {
        match TimeZone::get(name) {
            Ok(rules) if !rules.is_unknown() => Ok(Zone { name: rules.iana_name().unwrap_or(name).to_owned(), rules }),
            _ => Err(UnknownZone(name.to_owned())),
        }
    }
}

impl TryFrom<String> for Zone {
    type Error = UnknownZone;
    fn try_from(name: String) -> Result<Zone, UnknownZone> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.name
    }
}
