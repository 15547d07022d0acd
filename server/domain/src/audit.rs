//! The audit trail. Entries are written in the transaction of what they tell of.

use crate::Domain;
use model::{At, StaffId};
use sha2::{Digest, Sha256};
use store::{Conn, Result, audit::Entry};

/// Appends an entry: who (nobody for the program itself) did what (`unit.create`) to what (an id), with detail that names no resident.
pub async fn append(conn: &mut Conn, now: At, staff: Option<StaffId>, action: &str, target: &str, detail: &str) -> Result<()> {
    let last = store::audit::last(conn).await?;
    let (seq, previous_hash) = last.map_or((1, Vec::new()), |e| (e.seq + 1, e.hash));
    let mut entry = Entry {
        seq,
        at: now,
        staff_id: staff,
        action: action.to_owned(),
        target: target.to_owned(),
        detail: detail.to_owned(),
        previous_hash,
        hash: Vec::new(),
    };
    entry.hash = hash(&entry);
    store::audit::append(conn, &entry).await
}

/// Appends an entry in a transaction of its own.
pub async fn record(domain: &Domain, staff: Option<StaffId>, action: &'static str, target: String, detail: String) -> Result<()> {
    let now = domain.now();
    domain.db.write(move |c| Box::pin(async move { append(c, now, staff, action, &target, &detail).await })).await
}

/// SHA-256 over every field, each with its length in front, and the hash before.
fn hash(entry: &Entry) -> Vec<u8> {
    let mut sha = Sha256::new();
    let staff = entry.staff_id.map(|s| s.to_string()).unwrap_or_default();
    for field in [&entry.seq.to_string(), &entry.at.0.to_string(), &staff, &entry.action, &entry.target, &entry.detail] {
        sha.update((field.len() as u64).to_be_bytes());
        sha.update(field);
    }
    sha.update(&entry.previous_hash);
    sha.finalize().to_vec()
}
