//! What residents say is wrong with a sticker.

use crate::{Conn, Result, conn::*};
use model::{At, ContactPointId, ReportReason, StaffId, StickerReportId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StickerReport {
    pub id: StickerReportId,
    pub contact_point_id: ContactPointId,
    pub reason: ReportReason,
    pub body: Option<String>,
    pub created_at: At,
}

/// Keeps a report unless the sticker has so many open ones for the same reason; whether it was kept.
pub async fn insert(conn: &mut Conn, report: &StickerReport, most: i64) -> Result<bool> {
    let count = execute!(
        conn,
        "insert into sticker_reports (id, contact_point_id, reason, body, created_at)
         select $1, $2, $3, $4, $5 where (select count(*) from sticker_reports where contact_point_id = $2 and reason = $3 and settled_at is null) < $6",
        report.id,
        report.contact_point_id,
        report.reason,
        &report.body,
        report.created_at,
        most
    )?;
    Ok(count > 0)
}

/// The open reports of a sticker, newest first, as their ids are.
pub async fn open(conn: &mut Conn, point: ContactPointId) -> Result<Vec<StickerReport>> {
    fetch_all!(
        conn,
        StickerReport,
        "select id, contact_point_id, reason, body, created_at from sticker_reports where contact_point_id = $1 and settled_at is null order by id desc",
        point
    )
}

/// Somebody has looked at a sticker's reports up to this one; how many there were. Ids grow with time.
pub async fn settle(conn: &mut Conn, point: ContactPointId, newest: StickerReportId, by: StaffId, now: At) -> Result<u64> {
    execute!(
        conn,
        "update sticker_reports set settled_at = $3, settled_by = $4 where contact_point_id = $1 and id <= $2 and settled_at is null",
        point,
        newest,
        now,
        by
    )
}
