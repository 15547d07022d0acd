//! How the stickers of an admin's units are: scanned or not, far too often, reported, replaced.

use crate::{Admin, Domain, audit, contact_point, contact_point::PointError, limits::TooMany, scan, unit, unit::Page};
use model::{
    ContactPointId, DeviceId, PointCode, ReportReason, StickerReportId, UnitId,
    text::{self, TextError},
};
use std::net::IpAddr;
use store::{
    Result,
    contact_point::ContactPoint,
    sticker::{Asked, Sticker},
    sticker_report::StickerReport,
    unit::Unit,
};

pub use store::sticker::{Counts, Health};

/// Stickers on one page of the list.
pub const PAGE: i64 = 50;
/// Characters of what a resident may add.
const REPORT_LIMIT: usize = 300;

/// A sticker in the list, with its scans of the last [`scan::DAYS`] days, the oldest first.
pub struct Line {
    pub sticker: Sticker,
    pub scans: Vec<i64>,
    /// Days since it was last scanned.
    pub days_ago: Option<i64>,
}

pub struct List {
    pub lines: Page<Line>,
    pub counts: Counts,
    /// The unit it is about, with the way to it; everything that is the admin's without one.
    pub unit: Option<(Unit, Vec<Unit>)>,
}

/// One page of the list. `None` if the unit is not the admin's.
pub async fn list(domain: &Domain, admin: &Admin, unit_id: Option<UnitId>, health: Health, typed: &str, page: i64) -> Result<Option<List>> {
    let (by, now) = (admin.staff.id, domain.now());
    let today = scan::day(now);
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let unit = match unit_id {
        None => None,
        Some(id) => {
            let Some(unit) = unit::mine(c, by, id, now).await? else { return Ok(None) };
            Some((unit, unit::above(c, by, id, now).await?))
        }
    };
    let (like, code_like) = (unit::like(typed, "%"), unit::like(typed, ""));
    let asked = Asked { unit: unit_id, health, like: &like, code_like: &code_like, limit: PAGE + 1, offset: page * PAGE };
    let rows = Page::cut(store::sticker::list(c, by, now, today, asked).await?, page, PAGE);
    let counts = store::sticker::counts(c, by, now, unit_id, today).await?;
    let ids: Vec<ContactPointId> = rows.lines.iter().map(|s| s.id).collect();
    let days = store::scan::since(c, &ids, today - scan::DAYS + 1).await?;
    let lines = rows.lines.into_iter().map(|sticker| {
        let scans = picture(days.iter().filter(|d| d.contact_point_id == sticker.id).map(|d| (d.day, d.count + d.refused)), today);
        Line { days_ago: sticker.last_day.map(|day| today - day), scans, sticker }
    });
    Ok(Some(List { lines: Page { lines: lines.collect(), page: rows.page, has_more: rows.has_more }, counts, unit }))
}

/// The last days' numbers, the oldest first.
fn picture(days: impl Iterator<Item = (i64, i64)>, today: i64) -> Vec<i64> {
    let mut scans = vec![0; usize::try_from(scan::DAYS).unwrap_or(0)];
    for (day, count) in days {
        if let Some(place) = usize::try_from(day - (today - scan::DAYS + 1)).ok().and_then(|i| scans.get_mut(i)) {
            *place = count;
        }
    }
    scans
}

/// Stickers that residents have reported, for the overview.
pub async fn to_look_at(domain: &Domain, admin: &Admin) -> Result<(i64, i64)> {
    let mut conn = domain.db.read().await?;
    store::sticker::to_look_at(&mut conn, admin.staff.id, domain.now(), scan::day(domain.now())).await
}

/// What a sticker's own page shows besides the sticker.
pub struct Beside {
    pub scans: Vec<i64>,
    pub reports: Vec<StickerReport>,
    /// The stickers this one replaces, and the one that replaces it.
    pub before: Vec<store::replacement::Other>,
    pub after: Option<store::replacement::Other>,
}

/// For a contact point that the admin has been shown.
pub async fn beside(domain: &Domain, point: &ContactPoint) -> Result<Beside> {
    let today = scan::day(domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let days = store::scan::since(c, &[point.id], today - scan::DAYS + 1).await?;
    Ok(Beside {
        scans: picture(days.iter().map(|d| (d.day, d.count + d.refused)), today),
        reports: store::sticker_report::open(c, point.id).await?,
        before: store::replacement::before(c, point.id).await?,
        after: store::replacement::after(c, point.id).await?,
    })
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No reason was chosen.
    #[error("no reason")]
    NoReason,
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    TooMany(#[from] TooMany),
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Kept,
    /// So many have said the same before that one more says nothing new.
    Known,
}

/// How many open reports of one sticker may give this reason. What others say is no hiding place for a fake.
fn most_open(reason: ReportReason) -> i64 {
    match reason {
        ReportReason::Fake => 200,
        ReportReason::Place | ReportReason::Damaged | ReportReason::Other => 20,
    }
}

/// A report as typed.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'a> {
    pub reason: &'a str,
    pub body: &'a str,
    /// The device, where it is known.
    pub device: Option<DeviceId>,
    pub address: IpAddr,
}

/// A resident says that something is wrong with the sticker. Neither their device nor their address is kept.
pub async fn report(domain: &Domain, code: &PointCode, typed: Reported<'_>) -> std::result::Result<Heard, ReportError> {
    let reason: ReportReason = typed.reason.parse().map_err(|_| ReportError::NoReason)?;
    let body = text::optional_message(typed.body, REPORT_LIMIT)?;
    let point = store::contact_point::by_code(&mut domain.db.read().await?, code).await?.ok_or(ReportError::NotFound)?;
    domain.limits.report(typed.device, typed.address)?;
    let report = StickerReport { id: StickerReportId(domain.id()), contact_point_id: point.id, reason, body, created_at: domain.now() };
    let is_kept = domain.db.write(move |c| Box::pin(async move { store::sticker_report::insert(c, &report, most_open(reason)).await })).await?;
    Ok(if is_kept { Heard::Kept } else { Heard::Known })
}

/// The admin has looked at what was reported, up to the newest report that was shown.
pub async fn settle(domain: &Domain, admin: &Admin, id: ContactPointId, newest: StickerReportId) -> std::result::Result<(), PointError> {
    let (by, now) = (admin.staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let point = contact_point::of_admin(c, by, id, now).await?;
                let count = store::sticker_report::settle(c, id, newest, by, now).await?;
                audit::append(c, now, Some(by), "contact_point.settle_reports", &id.to_string(), &format!("{} · {count}", point.place)).await?;
                Ok(())
            })
        })
        .await
}

/// When the old sticker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// It is lost, torn or not to be trusted.
    Now,
    /// Nobody is to stand before a dead sticker while the new one is on its way to the wall. A look at the new one's page proves nothing, a message does.
    AtFirstMessage,
}

/// A new sticker for the same post and place, with the same topic and welcome; the two are linked.
pub async fn replace(domain: &Domain, admin: &Admin, id: ContactPointId, ends: Ends) -> std::result::Result<ContactPointId, PointError> {
    match try_replace(domain, admin, id, ends).await {
        Err(PointError::Store(e)) if e.gave_way() => try_replace(domain, admin, id, ends).await,
        other => other,
    }
}

async fn try_replace(domain: &Domain, admin: &Admin, id: ContactPointId, ends: Ends) -> std::result::Result<ContactPointId, PointError> {
    let (by, now, new_id) = (admin.staff.id, domain.now(), ContactPointId(domain.id()));
    let (code, check_phrase) = (contact_point::new_code(&domain.random), contact_point::new_check_phrase(&domain.random));
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                // A second click waits here for the first.
                store::replacement::hold(c, &[id]).await?;
                let old = contact_point::mine(c, by, id, now).await?;
                if store::replacement::after(c, id).await?.is_some() {
                    return Err(PointError::Replaced);
                }
                let place = old.place.clone();
                store::contact_point::insert(c, &ContactPoint { id: new_id, code, check_phrase, created_at: now, ..old }).await?;
                if ends == Ends::Now {
                    // An older one that waited for it to hang waits for the new one.
                    store::replacement::wait_for_another(c, id, new_id).await?;
                    store::contact_point::revoke(c, id, now).await?;
                }
                store::replacement::insert(c, new_id, id, now, (ends == Ends::Now).then_some(now)).await?;
                audit::append(c, now, Some(by), "contact_point.replace", &id.to_string(), &format!("{place} → {new_id}")).await?;
                Ok(())
            })
        })
        .await?;
    Ok(new_id)
}

/// The admin says that a new sticker hangs: the old ones that waited for it end.
pub async fn hangs(domain: &Domain, admin: &Admin, id: ContactPointId) -> std::result::Result<(), PointError> {
    match try_hangs(domain, admin, id).await {
        Err(PointError::Store(e)) if e.gave_way() => try_hangs(domain, admin, id).await,
        other => other,
    }
}

async fn try_hangs(domain: &Domain, admin: &Admin, id: ContactPointId) -> std::result::Result<(), PointError> {
    let (by, now) = (admin.staff.id, domain.now());
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                contact_point::mine(c, by, id, now).await?;
                scan::end_old(c, &[id], Some(by), now).await?;
                Ok(())
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_ends_today_and_has_a_place_for_every_day() {
        let scans = picture([(100, 7), (71, 3), (70, 9), (101, 1)].into_iter(), 100);
        assert_eq!((scans.len(), scans[29], scans[0]), (30, 7, 3));
        assert_eq!(scans.iter().sum::<i64>(), 10);
    }
}
