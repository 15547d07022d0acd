//! The audit trail. Entries are written in the transaction of what they tell of, and hang together: each carries the hash of the one before it.
//! Nobody changes one, not even an admin, and [`verify`] finds what was changed behind the program's back.

mod kind;
mod refusal;
mod retain;
mod search;
pub mod verify;

pub use kind::kind_of;
pub(crate) use refusal::not_signed_in;
pub use refusal::{Refusals, note_repeats, refused};
pub use retain::{KEPT_DAYS, Keep, KeepError, anchors_in, keep, look_after};
pub use search::{Asked, Found, PAGE, Places, export, export_page, find, places};

use crate::Domain;
use model::{At, StaffId};
use sha2::{Digest, Sha256};
use store::{Conn, Result, audit::Entry};
use uuid::Uuid;

/// Appends an entry: who (nobody for the program itself) did what (`unit.create`) to what (an id), with detail that names no resident. The last
/// thing in a transaction: on PostgreSQL nobody else appends until it ends.
pub async fn append(conn: &mut Conn, now: At, staff: Option<StaffId>, action: &str, target: &str, detail: &str) -> Result<()> {
    let unit_id = match target.parse::<Uuid>() {
        Ok(id) => store::audit::unit_of(conn, id).await?,
        Err(_) => None,
    };
    let unit_id = match (unit_id, staff) {
        (None, Some(staff)) => store::audit::unit_of(conn, staff.0).await?,
        (unit_id, _) => unit_id,
    };
    let last = store::audit::last(conn).await?;
    let (seq, previous_hash) = last.map_or((1, Vec::new()), |e| (e.seq + 1, e.hash));
    let mut entry = Entry {
        seq,
        at: now,
        staff_id: staff,
        unit_id,
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

/// SHA-256 over every field, each with its length in front, and the hash before. Entries from before there were units in them have none.
pub(crate) fn hash(entry: &Entry) -> Vec<u8> {
    let mut sha = Sha256::new();
    let staff = entry.staff_id.map(|s| s.to_string()).unwrap_or_default();
    let mut field = |field: &str| {
        sha.update((field.len() as u64).to_be_bytes());
        sha.update(field);
    };
    for text in [&entry.seq.to_string(), &entry.at.0.to_string(), &staff, &entry.action, &entry.target, &entry.detail] {
        field(text);
    }
    if let Some(unit) = entry.unit_id {
        field(&unit.to_string());
    }
    sha.update(&entry.previous_hash);
    sha.finalize().to_vec()
}
