//! The audit trail. Entries are written in the transaction of what they tell of, and hang together: each carries the hash of the one before it.
//! Nobody changes one, not even an admin, and [`verify`] finds what was changed behind the program's back.

mod kind;
mod refusal;
mod retain;
mod search;
pub mod verify;

pub use kind::{kind_of, known_kind};
pub use refusal::{Refusals, note_repeats, refused};
pub(crate) use refusal::{not_signed_in, wrong_password};
pub use retain::{KEPT_DAYS, Keep, KeepError, anchors_in, daily, keep, look_after};
pub use search::{Asked, Found, PAGE, Places, export, export_page, find, places};
pub use store::audit::unguarded;

use crate::Domain;
use model::{At, StaffId, UnitId};
use sha2::{Digest, Sha256};
use store::{Conn, Result, audit::Entry};
use uuid::Uuid;

/// Appends an entry: who (nobody for the program itself) did what (`unit.create`) to what (an id), with detail that names no resident. It belongs to
/// the unit of what it was done to. The last thing in a transaction: on PostgreSQL nobody else appends until it ends.
pub async fn append(conn: &mut Conn, now: At, staff: Option<StaffId>, action: &str, target: &str, detail: &str) -> Result<()> {
    let unit_id = match target.parse::<Uuid>() {
        Ok(id) => store::audit::unit_of(conn, id).await?,
        Err(_) => None,
    };
    let unit_id = match (unit_id, staff) {
        (None, Some(staff)) => store::audit::unit_of(conn, staff.0).await?,
        (unit_id, _) => unit_id,
    };
    write(conn, now, staff, unit_id, (action, target, detail)).await
}

/// The same where the caller says in which unit it was done: what a grant is for, or where a conversation was before it went elsewhere.
pub async fn append_at(conn: &mut Conn, now: At, staff: Option<StaffId>, unit: UnitId, action: &str, target: &str, detail: &str) -> Result<()> {
    write(conn, now, staff, Some(unit), (action, target, detail)).await
}

/// One of many things done in one go, and in which unit.
pub(crate) struct Deed {
    pub unit: UnitId,
    pub action: &'static str,
    pub target: String,
    pub detail: String,
}

/// An entry for each of many things, without asking for each where it belongs.
pub(crate) async fn append_all(conn: &mut Conn, now: At, staff: Option<StaffId>, deeds: Vec<Deed>) -> Result<()> {
    let mut last = store::audit::last(conn).await?;
    let mut entries = Vec::with_capacity(deeds.len());
    for Deed { unit, action, target, detail } in deeds {
        let entry = following(last.as_ref(), now, staff, Some(unit), (action, &target, &detail));
        entries.push(entry.clone());
        last = Some(entry);
    }
    store::audit::append_all(conn, &entries).await
}

async fn write(conn: &mut Conn, now: At, staff: Option<StaffId>, unit_id: Option<UnitId>, said: (&str, &str, &str)) -> Result<()> {
    let last = store::audit::last(conn).await?;
    store::audit::append(conn, &following(last.as_ref(), now, staff, unit_id, said)).await
}

/// The entry that comes after another one, or the first.
fn following(last: Option<&Entry>, now: At, staff: Option<StaffId>, unit_id: Option<UnitId>, (action, target, detail): (&str, &str, &str)) -> Entry {
    let (seq, previous_hash) = last.map_or((1, Vec::new()), |e| (e.seq + 1, e.hash.clone()));
    let mut entry = Entry {
        seq,
        at: now,
        staff_id: staff,
        unit_id,
        action: action.to_owned(),
        target: target.to_owned(),
        detail: detail.to_owned(),
        digest: None,
        previous_hash,
        hash: Vec::new(),
    };
    let digest = digest(&entry);
    entry.hash = hash(&entry, &digest);
    entry.digest = Some(digest);
    entry
}

/// Appends an entry in a transaction of its own.
pub async fn record(domain: &Domain, staff: Option<StaffId>, action: &'static str, target: String, detail: String) -> Result<()> {
    let now = domain.now();
    domain.db.write(move |c| Box::pin(async move { append(c, now, staff, action, &target, &detail).await })).await
}

/// SHA-256 over fields, each with its length in front.
fn hashed<'f>(fields: impl IntoIterator<Item = &'f [u8]>) -> Vec<u8> {
    let mut sha = Sha256::new();
    for field in fields {
        sha.update((field.len() as u64).to_be_bytes());
        sha.update(field);
    }
    sha.finalize().to_vec()
}

/// Over everything that is emptied when an entry's time is over.
pub(crate) fn digest(entry: &Entry) -> Vec<u8> {
    let staff = entry.staff_id.map(|id| id.to_string()).unwrap_or_default();
    let unit = entry.unit_id.map(|id| id.to_string()).unwrap_or_default();
    hashed([staff.as_bytes(), unit.as_bytes(), entry.action.as_bytes(), entry.target.as_bytes(), entry.detail.as_bytes()])
}

/// Over number, time, digest and the hash before: so that also of an emptied entry it is certain when it was written.
pub(crate) fn hash(entry: &Entry, digest: &[u8]) -> Vec<u8> {
    hashed([entry.seq.to_string().as_bytes(), entry.at.0.to_string().as_bytes(), digest, &entry.previous_hash])
}

/// As versions before there were digests did it, which may still write beside this one: over every field, and the hash before.
pub(crate) fn hash_without_digest(entry: &Entry) -> Vec<u8> {
    let mut sha = Sha256::new();
    let staff = entry.staff_id.map(|s| s.to_string()).unwrap_or_default();
    for text in [&entry.seq.to_string(), &entry.at.0.to_string(), &staff, &entry.action, &entry.target, &entry.detail] {
        sha.update((text.len() as u64).to_be_bytes());
        sha.update(text);
    }
    sha.update(&entry.previous_hash);
    sha.finalize().to_vec()
}
