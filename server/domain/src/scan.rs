//! How often stickers are scanned. Scans are counted in memory and written together every few seconds, so that the page a scan opens costs nothing
//! more; what was counted in the seconds before a kill is lost. Of who scans, nothing is kept.

use crate::{Domain, audit};
use model::{At, ContactPointId, calendar::Calendar};
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};
use store::{Result, scan::Scanned};

/// Days that a picture of a sticker's scans shows: as long as "silent" is.
pub const DAYS: i64 = 30;

/// Counted and not written yet: at most one entry for each sticker there is, and for each day.
#[derive(Default)]
pub struct Counts(Mutex<HashMap<(ContactPointId, i64), Count>>);

#[derive(Clone, Copy, Default)]
struct Count {
    used: i64,
    refused: i64,
}

impl Counts {
    pub(crate) fn add(&self, point: ContactPointId, now: At, is_refused: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((point, day(now))).or_default();
        if is_refused {
            count.refused += 1;
        } else {
            count.used += 1;
        }
    }

    fn take(&self) -> Vec<Scanned> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        counts.into_iter().map(|((point_id, day), c)| Scanned { point_id, day, count: c.used, refused: c.refused }).collect()
    }

    /// Puts back what could not be written.
    fn put_back(&self, scanned: &[Scanned]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for s in scanned {
            let count = counts.entry((s.point_id, s.day)).or_default();
            count.used += s.count;
            count.refused += s.refused;
        }
    }
}

/// Days since 1970 by the clock of China.
pub fn day(at: At) -> i64 {
    let date = Calendar::standard().local(at).date();
    jiff::civil::date(1970, 1, 1).until(date).map_or(0, |span| i64::from(span.get_days()))
}

/// Writes what was counted: one statement for all stickers. Old stickers that waited for the first scan of the new one beside them end.
pub async fn write(domain: &Domain) -> Result<()> {
    let scanned = domain.scans.take();
    if scanned.is_empty() {
        return Ok(());
    }
    let now = domain.now();
    let rows = scanned.clone();
    let used: HashSet<ContactPointId> = scanned.iter().filter(|s| s.count > 0).map(|s| s.point_id).collect();
    let used: Vec<ContactPointId> = used.into_iter().collect();
    let written = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::scan::add(c, &rows).await?;
                for (old, place) in store::scan::take_over(c, &used, now).await? {
                    audit::append(c, now, None, "contact_point.revoke", &old.to_string(), &place).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await;
    if written.is_err() {
        domain.scans.put_back(&scanned);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_china() {
        let at = |text: &str| At::from(text.parse::<jiff::Timestamp>().unwrap());
        assert_eq!(day(at("1970-01-01T00:00:00+08:00")), 0);
        assert_eq!(day(at("2026-11-20T23:59:59+08:00")) + 1, day(at("2026-11-21T00:00:00+08:00")));
        // As the migration counts what was before.
        assert_eq!(day(at("2026-11-20T23:59:59+08:00")), (at("2026-11-20T23:59:59+08:00").0 + 28_800_000) / 86_400_000);
    }
}
