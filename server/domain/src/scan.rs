//! How often stickers are scanned. Scans are counted in memory and written together every few seconds, so that the page a scan opens costs nothing
//! more; what was counted in the seconds before a kill is lost. Of who scans, nothing is kept.

use crate::{Domain, audit};
use model::{At, ContactPointId, PointCode, StaffId, calendar::Calendar};
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};
use store::{Conn, Result, scan::Scanned};

/// Days that a picture of a sticker's scans shows: as long as "silent" is.
pub const DAYS: i64 = 30;

/// Counted and not written yet: at most one entry for each sticker there is, and for each day.
#[derive(Default)]
pub struct Counts(Mutex<Pending>);

#[derive(Default)]
struct Pending {
    scans: HashMap<(ContactPointId, i64), Count>,
    /// Stickers through which a resident began a conversation: they hang.
    proven: HashSet<PointCode>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    used: i64,
    refused: i64,
}

impl Counts {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, point: ContactPointId, now: At, is_refused: bool) {
        let mut pending = self.pending();
        let count = pending.scans.entry((point, day(now))).or_default();
        if is_refused {
            count.refused += 1;
        } else {
            count.used += 1;
        }
    }

    /// A resident has written through this sticker, so it hangs where people find it.
    pub fn prove(&self, code: &PointCode) {
        self.pending().proven.insert(code.clone());
    }

    fn take(&self) -> (Vec<Scanned>, Vec<PointCode>) {
        let Pending { scans, proven } = std::mem::take(&mut *self.pending());
        let scans = scans.into_iter().map(|((point_id, day), c)| Scanned { point_id, day, count: c.used, refused: c.refused }).collect();
        (scans, proven.into_iter().collect())
    }

    /// Puts back what could not be written.
    fn put_back(&self, scanned: &[Scanned], proven: Vec<PointCode>) {
        let mut pending = self.pending();
        for s in scanned {
            let count = pending.scans.entry((s.point_id, s.day)).or_default();
            count.used += s.count;
            count.refused += s.refused;
        }
        pending.proven.extend(proven);
    }
}

/// Days since 1970 by the clock of China.
pub fn day(at: At) -> i64 {
    let date = Calendar::standard().local(at).date();
    jiff::civil::date(1970, 1, 1).until(date).map_or(0, |span| i64::from(span.get_days()))
}

/// Writes what was counted: one statement for all stickers. Old stickers that waited for a message through the new one beside them end.
pub async fn write(domain: &Domain) -> Result<()> {
    let (scanned, proven) = domain.scans.take();
    if scanned.is_empty() && proven.is_empty() {
        return Ok(());
    }
    let now = domain.now();
    let (rows, codes) = (scanned.clone(), proven.clone());
    let written = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                if !rows.is_empty() {
                    store::scan::add(c, &rows, now).await?;
                }
                let hanging = if codes.is_empty() { Vec::new() } else { store::replacement::waited_for(c, &codes).await? };
                if !hanging.is_empty() {
                    end_old(c, &hanging, None, now).await?;
                }
                Ok::<_, store::Error>(())
            })
        })
        .await;
    if written.is_err() {
        domain.scans.put_back(&scanned, proven);
    }
    written
}

/// These new stickers hang: what waited for them ends.
pub(crate) async fn end_old(c: &mut Conn, hanging: &[ContactPointId], by: Option<StaffId>, now: At) -> Result<usize> {
    let ended = store::replacement::take_over(c, hanging, now).await?;
    for (old, place) in &ended {
        audit::append(c, now, by, "contact_point.revoke", &old.to_string(), place).await?;
    }
    Ok(ended.len())
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
