//! The audit trail: append-only, each entry carrying the hash of the one before it.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_optional, on},
};
use model::{At, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    pub seq: i64,
    pub at: At,
    /// Nobody for what the program does by itself.
    pub staff_id: Option<StaffId>,
    pub action: String,
    pub target: String,
    pub detail: String,
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// The newest entry; on PostgreSQL nobody else appends until this transaction ends.
pub async fn last(conn: &mut Conn) -> Result<Option<Entry>> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select pg_advisory_xact_lock(7205)").execute(c).await?;
    }
    fetch_optional!(conn, Entry, "select seq, at, staff_id, action, target, detail, previous_hash, hash from audit_entries order by seq desc limit 1")
}

pub async fn append(conn: &mut Conn, entry: &Entry) -> Result<()> {
    execute!(
        conn,
        "insert into audit_entries (seq, at, staff_id, action, target, detail, previous_hash, hash) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        entry.seq,
        entry.at,
        entry.staff_id,
        &entry.action,
        &entry.target,
        &entry.detail,
        &entry.previous_hash,
        &entry.hash
    )
    .map(|_| ())
}

/// Whether this person has done this to this since a moment.
pub async fn has_done(conn: &mut Conn, staff: StaffId, action: &str, target: &str, since: At) -> Result<bool> {
    let found = fetch_optional!(
        conn,
        (i64,),
        "select seq from audit_entries where target = $1 and action = $2 and staff_id = $3 and at >= $4 limit 1",
        target,
        action,
        staff,
        since
    )?;
    Ok(found.is_some())
}
