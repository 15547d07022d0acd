use serde::{Deserialize, Serialize};

/// A moment: Unix milliseconds, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
pub struct At(pub i64);

impl At {
    /// `seconds` later; negative goes back.
    pub fn plus_seconds(self, seconds: i64) -> At {
        At(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    pub fn plus_minutes(self, minutes: i64) -> At {
        self.plus_seconds(minutes.saturating_mul(60))
    }

    pub fn plus_days(self, days: i64) -> At {
        self.plus_seconds(days.saturating_mul(24 * 60 * 60))
    }

    /// Whole seconds from `earlier` to here; negative if `earlier` is later.
    pub fn seconds_since(self, earlier: At) -> i64 {
        self.0.saturating_sub(earlier.0) / 1000
    }

    /// The same moment for calendar arithmetic, held inside jiff's range (year ±9999).
    pub fn timestamp(self) -> jiff::Timestamp {
        let end = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(end)
    }
}

impl From<jiff::Timestamp> for At {
    fn from(t: jiff::Timestamp) -> At {
        At(t.as_millisecond())
    }
}
