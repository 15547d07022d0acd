//! The work of an import, away from the page that asked for it: one at a time on a node, with signs of life in the database.

use super::{
    Edit, ImportError, Settings, Trouble,
    apply::{self, Refused},
    change::{self, Changes, Outside, Stuck, World},
    heads::Kind,
    mode_of, oneroster,
    plan::{self, Mode, Plan, Table, When},
    read::{self, File, Format, ReadError},
    settings_of, settle_choices,
    shown::Shown,
};
use crate::{Domain, calendar};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use model::{At, ImportId, ImportState, StaffId, UnitId};
use moka::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{HashMap, HashSet},
    io::{Read, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{Conn, Result, import::Import};
use tokio::{sync::Semaphore, task, time};
use uuid::Uuid;

/// What is being worked on, and what was shown lately.
pub struct Work {
    running: Mutex<HashMap<ImportId, Progress>>,
    took: Mutex<Duration>,
    /// Reading a large file takes memory and a processor: one at a time.
    turn: Semaphore,
    pub(super) shown: Cache<(ImportId, At), Arc<Shown>>,
}

impl Default for Work {
    fn default() -> Work {
        let shown = Cache::builder().max_capacity(2).time_to_idle(Duration::from_secs(60)).build();
        Work { running: Mutex::default(), took: Mutex::default(), turn: Semaphore::new(1), shown }
    }
}

/// How far something is, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub done: i64,
    pub total: i64,
}

impl Work {
    pub(super) fn progress(&self, id: ImportId) -> Option<Progress> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// How long the last transaction took, during which nobody else wrote.
    pub fn took(&self) -> Duration {
        *self.took.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_took(&self, took: Duration) {
        *self.took.lock().unwrap_or_else(PoisonError::into_inner) = took;
    }

    pub(super) fn set(&self, id: ImportId, progress: Progress) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, progress);
    }

    pub(super) fn forget(&self, id: ImportId) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.shown.invalidate_all();
    }
}

/// Takes a file in: read once to know that it can be, guessed how it is meant, and packed.
pub(super) async fn take_in(domain: &Domain, bytes: Vec<u8>, kind: Option<Kind>) -> std::result::Result<(Vec<u8>, Settings), ImportError> {
    let _turn = domain.imports.turn.acquire().await.ok();
    let taken = task::spawn_blocking(move || {
        let file = read::read(&bytes)?;
        let settings = settle_choices(&file, kind);
        drop(file);
        Ok::<_, ReadError>((packed_bytes(&bytes), settings))
    });
    let (packed, settings) = taken.await.map_err(|_| store::Error::Stopped)??;
    Ok((packed?, settings))
}

/// A kept file with what was typed over.
fn open(packed: &[u8], edits: &[Edit]) -> std::result::Result<File, ImportError> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).take(read::FILE_LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(|_| ReadError::Damaged)?;
    let mut file = read::read(&bytes)?;
    for edit in edits {
        let row = file.sheets.get_mut(edit.place.sheet).and_then(|sheet| sheet.rows.iter_mut().find(|row| row.number == edit.place.row));
        if let Some(row) = row.filter(|_| edit.column < read::COLUMN_LIMIT) {
            if row.cells.len() <= edit.column {
                row.cells.resize(edit.column + 1, String::new());
            }
            row.cells[edit.column].clone_from(&edit.value);
        }
    }
    Ok(file)
}

fn packed_bytes(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).and_then(|()| packer.finish()).map_err(|_| store::Error::Stopped)
}

pub(super) fn packed<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(std::io::BufWriter::new(&mut packer), value)?;
    packer.finish().map_err(|_| store::Error::Stopped)
}

pub(super) async fn unpacked<T: DeserializeOwned + Send + 'static>(domain: &Domain, packed: Vec<u8>) -> Result<T> {
    let _turn = domain.imports.turn.acquire().await.ok();
    let read = task::spawn_blocking(move || {
        let mut text = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut text).map_err(|_| store::Error::Stopped)?;
        Ok(serde_json::from_slice(&text)?)
    });
    read.await.map_err(|_| store::Error::Stopped)?
}

/// Begins to compare a file with what is there. Goes on by itself.
pub(super) fn begin(domain: &Domain, id: ImportId) {
    let domain = domain.clone();
    domain.imports.set(id, Progress::default());
    tokio::spawn(async move {
        let done = alive(&domain, id, compare(&domain, id)).await;
        if let Err(e) = done {
            tracing::error!(error = %e, "an import could not be compared with what is there");
            come_back(&domain, id, &Trouble::Failed).await;
        }
        domain.imports.forget(id);
    });
}

/// Gives signs of life while something is worked on.
async fn alive<T>(domain: &Domain, id: ImportId, work: impl Future<Output = T>) -> T {
    let mut beat = time::interval(Duration::from_secs(5));
    beat.tick().await;
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = beat.tick() => {
                let (progress, now) = (domain.imports.progress(id).unwrap_or_default(), domain.now());
                let inner = domain.clone();
                // Not waited for: while the import itself is being written, nothing else is.
                tokio::spawn(async move { inner.db.write(move |c| Box::pin(async move { store::import::beat(c, id, progress.done, progress.total, now).await })).await });
            }
        }
    }
}

async fn come_back(domain: &Domain, id: ImportId, trouble: &Trouble) {
    let (now, text) = (domain.now(), serde_json::to_string(trouble).unwrap_or_default());
    let done = domain.db.write(move |c| Box::pin(async move { store::import::ready(c, id, None, None, Some(&text), now).await })).await;
    if let Err(e) = done {
        tracing::error!(error = %e, "an import's state could not be kept");
    }
}

/// Compares and keeps what would change.
async fn compare(domain: &Domain, id: ImportId) -> std::result::Result<(), ImportError> {
    let Some(import) = store::import::find(&mut domain.db.read().await?, id).await? else { return Ok(()) };
    let shown = work_out(domain, &import, domain.now()).await?;
    keep(domain, id, shown, None).await
}

async fn keep(domain: &Domain, id: ImportId, shown: Shown, trouble: Option<Trouble>) -> std::result::Result<(), ImportError> {
    let (plan, summary) =
        task::spawn_blocking(move || Ok::<_, store::Error>((packed(&shown)?, summary(&shown.plan)?))).await.map_err(|_| store::Error::Stopped)??;
    let now = domain.now();
    let trouble = trouble.and_then(|trouble| serde_json::to_string(&trouble).ok());
    domain.db.write(move |c| Box::pin(async move { store::import::ready(c, id, Some(&plan), Some(&summary), trouble.as_deref(), now).await })).await?;
    Ok(())
}

/// The numbers of a plan, as the list of imports shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Summary {
    pub added: usize,
    pub changed: usize,
    pub moved: usize,
    pub ended: usize,
    pub unchanged: usize,
    pub mistakes: usize,
    pub warnings: usize,
}

impl Summary {
    pub fn of(plan: &Plan) -> Summary {
        use change::What::{Added, Changed, Ended, Moved};
        let count = |what| plan.changes.count(what).sum();
        Summary {
            added: count(Added),
            changed: count(Changed),
            moved: count(Moved),
            ended: count(Ended),
            unchanged: plan.unchanged.sum(),
            mistakes: plan.mistakes.len(),
            warnings: plan.warnings.len(),
        }
    }
}

fn summary(plan: &Plan) -> Result<String> {
    Ok(serde_json::to_string(&Summary::of(plan))?)
}

/// Mistakes and warnings kept of one file: after so many it is the columns that are wrong.
const COMPLAINTS: usize = 2_000;

/// What an import would change, at a moment.
pub(super) async fn work_out(domain: &Domain, import: &Import, now: At) -> std::result::Result<Shown, ImportError> {
    let id = import.id;
    let _turn = domain.imports.turn.acquire().await.ok();
    let mut conn = domain.db.read().await?;
    let packed = store::import::file(&mut conn, id).await?.ok_or(ImportError::NotNow)?;
    let settings = settings_of(import)?;
    let (mode, created, top) = (mode_of(import), import.created_at, import.unit_id);
    let zone = calendar::of_unit(domain, &mut conn, top).await?.calendar.local(now).time_zone().clone();
    let version = store::import::version(&mut conn).await?;
    domain.imports.set(id, Progress { done: 0, total: 1 });
    let read = task::spawn_blocking(move || {
        let file = open(&packed, &settings.edits)?;
        let sheets = if file.format == Format::OneRoster { oneroster::convert(&file).0 } else { file.sheets };
        Ok::<_, ImportError>((sheets, settings))
    });
    let (sheets, settings) = read.await.map_err(|_| store::Error::Stopped)??;
    let rows: usize = sheets.iter().map(|sheet| sheet.rows.len()).sum();
    domain.imports.set(id, Progress { done: 0, total: rows as i64 });
    let named = plan::named(&plan::tables(&sheets, &settings.choices));
    let world = load(&mut conn, top, named, now).await?;
    drop(conn);
    domain.imports.set(id, Progress { done: rows as i64 / 2, total: rows as i64 });
    let worked = task::spawn_blocking(move || {
        let tables: Vec<Table<'_>> = plan::tables(&sheets, &settings.choices);
        let mut ids = Ids::new(id, created);
        let mut plan = plan::plan(&world, &tables, mode, &When { now, zone }, &mut || ids.next());
        plan.mistakes.truncate(COMPLAINTS);
        plan.warnings.truncate(COMPLAINTS);
        Shown::new(plan, &world, now, version)
    });
    let shown = worked.await.map_err(|_| store::Error::Stopped)?;
    domain.imports.set(id, Progress { done: rows as i64, total: rows as i64 });
    Ok(shown)
}

/// Ids that follow from the import: worked out twice, a plan is the same to the last of them. They are UUIDv7 of its moment, in ascending order.
struct Ids {
    at: u64,
    mark: [u8; 6],
    count: u32,
}

impl Ids {
    fn new(id: ImportId, at: At) -> Ids {
        let bytes = id.0.into_bytes();
        Ids { at: u64::try_from(at.0).unwrap_or(0), mark: [bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]], count: 0 }
    }

    fn next(&mut self) -> Uuid {
        self.count += 1;
        let [_, high, middle, low] = self.count.to_be_bytes();
        let [a, b, c, d, e, f] = self.mark;
        // Half of the first byte goes to the version, a quarter of the third to the variant.
        let bits = [0, high, 0, middle, low, a, b, c, d, e ^ f];
        uuid::Builder::from_unix_timestamp_millis(self.at, &bits).into_uuid()
    }
}

/// Everything of the subtree, and what else the file speaks of.
pub(super) async fn load(c: &mut Conn, top: UnitId, (codes, emails): (Vec<String>, Vec<String>), now: At) -> Result<World> {
    let units: HashMap<_, _> = store::import::units(c, top).await?.into_iter().map(|unit| (unit.id, unit)).collect();
    let posts = store::import::posts(c, top).await?.into_iter().map(|post| (post.id, post)).collect();
    let staff: HashMap<_, _> = store::import::staff(c, top, now).await?.into_iter().map(|person| (person.id, person)).collect();
    let holdings = store::import::holdings(c, top, now).await?.into_iter().map(|h| (h.id, h)).collect();
    let mut outside = Outside { kept: store::import::kept(c, top, now).await?.into_iter().collect(), ..Outside::default() };
    let taken = store::import::with_codes(c, &codes).await?;
    outside.codes = taken.into_iter().filter(|(id, _)| !units.contains_key(id)).map(|(_, code)| code).collect::<HashSet<_>>();
    for (person, has_left) in store::import::with_emails(c, &emails).await? {
        if has_left {
            outside.gone.insert(person.email.clone(), person);
        } else if !staff.contains_key(&person.id) {
            outside.emails.insert(person.email);
        }
    }
    Ok(World { top, units, posts, staff, holdings, outside })
}

/// Applies what was shown, if it is still what would come of it; otherwise shows it anew.
pub(super) async fn apply(domain: &Domain, id: ImportId, by: Option<StaffId>) {
    domain.imports.set(id, Progress::default());
    let done = alive(domain, id, try_apply(domain, id, by)).await;
    if let Err(e) = done {
        let trouble = match &e {
            Refused::Ownerless => Trouble::Ownerless,
            Refused::Changed => Trouble::Changed,
            Refused::Store(e) => {
                tracing::error!(error = %e, "an import could not be applied");
                Trouble::Failed
            }
        };
        come_back(domain, id, &trouble).await;
    }
    domain.imports.forget(id);
}

async fn try_apply(domain: &Domain, id: ImportId, by: Option<StaffId>) -> std::result::Result<(), Refused> {
    let mut conn = domain.db.read().await?;
    let Some(import) = store::import::find(&mut conn, id).await? else { return Ok(()) };
    let packed = store::import::plan(&mut conn, id).await?.ok_or(store::Error::Stopped)?;
    drop(conn);
    let mut shown: Shown = unpacked(domain, packed).await?;
    let has_changed = store::import::has_changed(&mut domain.db.read().await?, shown.version).await?;
    if has_changed {
        let fresh = work_out(domain, &import, At(shown.at)).await.map_err(|e| match e {
            ImportError::Store(e) => Refused::Store(e),
            _ => Refused::Changed,
        })?;
        if fresh.plan.changes != shown.plan.changes || !fresh.plan.mistakes.is_empty() {
            let fresh = work_out(domain, &import, domain.now()).await.map_err(|_| Refused::Changed)?;
            keep(domain, id, fresh, Some(Trouble::Changed)).await.map_err(|_| Refused::Changed)?;
            return Ok(());
        }
        shown.version = fresh.version;
    }
    apply::apply(domain, &import, shown, by).await
}

/// Takes an import back.
pub(super) async fn undo(domain: &Domain, id: ImportId, by: Option<StaffId>) {
    domain.imports.set(id, Progress::default());
    let trouble = match alive(domain, id, try_undo(domain, id, by)).await {
        Ok(None) => None,
        Ok(Some(trouble)) => Some(trouble),
        Err(Refused::Ownerless) => Some(Trouble::Ownerless),
        Err(Refused::Changed) => Some(Trouble::Changed),
        Err(Refused::Store(e)) => {
            tracing::error!(error = %e, "an import could not be taken back");
            Some(Trouble::Failed)
        }
    };
    if let Some(trouble) = trouble {
        let (now, text) = (domain.now(), serde_json::to_string(&trouble).unwrap_or_default());
        if let Err(e) = domain.db.write(move |c| Box::pin(async move { store::import::not_undone(c, id, &text, now).await })).await {
            tracing::error!(error = %e, "an import's state could not be kept");
        }
    }
    domain.imports.forget(id);
}

async fn try_undo(domain: &Domain, id: ImportId, by: Option<StaffId>) -> std::result::Result<Option<Trouble>, Refused> {
    let mut conn = domain.db.read().await?;
    let Some(import) = store::import::find(&mut conn, id).await? else { return Ok(None) };
    let (packed, extra) = store::import::undo(&mut conn, id).await?.ok_or(store::Error::Stopped)?;
    drop(conn);
    let done: Changes = unpacked(domain, packed).await?;
    let mut conn = domain.db.read().await?;
    let version = store::import::version(&mut conn).await?;
    let ended = done.units.iter().filter(|change| change.after.is_none());
    let codes = ended.filter_map(|change| change.before.as_ref().and_then(|unit| unit.code.clone())).collect();
    let now = domain.now();
    let world = load(&mut conn, import.unit_id, (codes, Vec::new()), now).await?;
    drop(conn);
    let turned = task::spawn_blocking(move || change::undo(&world, &done, now)).await.map_err(|_| store::Error::Stopped)?;
    let changes = match turned {
        Ok(changes) => changes,
        Err(Stuck::InUse(name)) => return Ok(Some(Trouble::InUse(name))),
        Err(Stuck::CodeTaken(code)) => return Ok(Some(Trouble::CodeTaken(code))),
        Err(Stuck::Orphan(name)) => return Ok(Some(Trouble::Orphan(name))),
    };
    apply::undo(domain, &import, changes, &extra, version, by).await?;
    Ok(None)
}

/// What the command line brings in, with nobody to show it to in between.
pub struct Ordered<'a> {
    pub unit: Option<&'a str>,
    pub kind: Option<Kind>,
    pub mode: Mode,
}

/// Reads a file and compares it, as the page would.
pub async fn order(domain: &Domain, ordered: &Ordered<'_>, upload: super::Upload) -> std::result::Result<(Import, Arc<Shown>), ImportError> {
    let mut conn = domain.db.read().await?;
    let unit = match ordered.unit {
        Some(code) => store::import::with_codes(&mut conn, &[code.to_owned()]).await?.first().map(|(id, _)| *id),
        None => store::unit::roots(&mut conn).await?.first().map(|unit| unit.id),
    };
    drop(conn);
    let id = super::insert(domain, None, unit.ok_or(ImportError::NotFound)?, upload, ordered.mode, ordered.kind).await?;
    let compared = compare(domain, id).await;
    domain.imports.forget(id);
    compared?;
    let import = store::import::find(&mut domain.db.read().await?, id).await?.ok_or(ImportError::NotFound)?;
    let shown = super::shown::load(domain, &import).await?.ok_or(ImportError::NotFound)?;
    Ok((import, shown))
}

/// Applies what was ordered; `number` is how much may end where it is much.
pub async fn carry_out(domain: &Domain, import: &Import, number: Option<usize>) -> std::result::Result<Option<Trouble>, ImportError> {
    super::check(domain, import, number).await?;
    super::step(domain, import.id, ImportState::Ready, ImportState::Applying).await?;
    apply(domain, import.id, None).await;
    let after = store::import::find(&mut domain.db.read().await?, import.id).await?.ok_or(ImportError::NotFound)?;
    if after.state == ImportState::Applied {
        return Ok(None);
    }
    Ok(Some(after.error.as_deref().and_then(|error| serde_json::from_str(error).ok()).unwrap_or(Trouble::Failed)))
}

/// Gives up what was only looked at.
pub async fn give_up(domain: &Domain, id: ImportId) -> Result<()> {
    let now = domain.now();
    domain.db.write(move |c| Box::pin(async move { store::import::drop_it(c, id, now).await.map(drop) })).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_an_import_are_its_own_in_order_and_the_same_every_time() {
        let id = ImportId("0193a5b2c4d07abc8def0123456789ab".parse().unwrap());
        let some = |at| {
            let mut ids = Ids::new(id, At(at));
            (0..70_000).map(|_| ids.next()).collect::<Vec<Uuid>>()
        };
        let ids = some(1_795_140_000_000);
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(ids[0].get_version_num(), 7);
        assert_eq!(ids, some(1_795_140_000_000));
    }
}
