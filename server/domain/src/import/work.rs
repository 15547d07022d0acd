//! The work of an import, away from the page that asked for it: one at a time on a node, with signs of life in the database.

use super::{
    Edit, ImportError, Settings, Trouble,
    apply::{self, Refused},
    change::{self, Changes, HoldingRow, Outside, Stuck, Undo, World},
    heads::Kind,
    mode_of, moves, oneroster,
    plan::{self, Mode, Plan, Table, Warning, When},
    read::{self, File, Format, ReadError, Sheet},
    settings_of, settle_choices,
    shown::Shown,
};
use crate::{Domain, calendar};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jiff::civil::Date;
use model::{At, ImportId, ImportState, StaffId, UnitId, calendar::Calendar};
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

/// Files that are uploaded at a time.
pub const UPLOADS: usize = 4;

/// What is being worked on, and what was shown lately.
pub struct Work {
    running: Mutex<HashMap<ImportId, Progress>>,
    took: Mutex<Duration>,
    /// Reading a large file takes memory and a processor: one at a time.
    turn: Semaphore,
    /// What was compared is kept packed: looked at, it takes memory too, but nobody who looks waits for a file to be read.
    looks: Semaphore,
    /// A file is in memory while it is uploaded: so many at a time.
    pub uploads: Arc<Semaphore>,
    pub(super) shown: Cache<(ImportId, String), Arc<Shown>>,
}

impl Default for Work {
    fn default() -> Work {
        let shown = Cache::builder().max_capacity(2).time_to_idle(Duration::from_secs(60)).build();
        Work {
            running: Mutex::default(),
            took: Mutex::default(),
            turn: Semaphore::new(1),
            looks: Semaphore::new(1),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            shown,
        }
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
    let today = Calendar::standard().local(domain.now()).date();
    let taken = task::spawn_blocking(move || {
        let file = read::read(&bytes)?;
        let settings = settle_choices(&file, kind, today);
        drop(file);
        Ok::<_, ReadError>((packed_bytes(&bytes), settings))
    });
    // Whoever reads workbooks trips over some that nobody has made by hand.
    let (packed, settings) = taken.await.map_err(|_| ReadError::Damaged)??;
    Ok((packed?, settings))
}

/// A kept file as sheets, with what was typed over, and what was left out of it.
fn open(packed: &[u8], edits: &[Edit], today: Date) -> std::result::Result<(Vec<Sheet>, Vec<Warning>), ImportError> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).take(read::FILE_LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(|_| ReadError::Damaged)?;
    let file: File = read::read(&bytes)?;
    let (mut sheets, left_out) = if file.format == Format::OneRoster {
        let package = oneroster::convert(&file, today);
        (package.sheets, package.left_out)
    } else {
        (file.sheets, Vec::new())
    };
    for edit in edits {
        let row = sheets.get_mut(edit.place.sheet).and_then(|sheet| sheet.rows.iter_mut().find(|row| row.number == edit.place.row));
        if let Some(row) = row.filter(|_| edit.column < read::COLUMN_LIMIT) {
            if row.cells.len() <= edit.column {
                row.cells.resize(edit.column + 1, String::new());
            }
            row.cells[edit.column].clone_from(&edit.value);
        }
    }
    Ok((sheets, left_out))
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
    let _look = domain.imports.looks.acquire().await.ok();
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
    let done = domain.db.write(move |c| Box::pin(async move { store::import::ready(c, id, None, Some(&text), now).await })).await;
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
    let (now, mark) = (domain.now(), domain.id().simple().to_string());
    let trouble = trouble.and_then(|trouble| serde_json::to_string(&trouble).ok());
    let compared = store::import::Compared { plan, summary, mark };
    domain.db.write(move |c| Box::pin(async move { store::import::ready(c, id, Some(&compared), trouble.as_deref(), now).await })).await?;
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
    let local = calendar::of_unit(domain, &mut conn, top).await?.calendar.local(now);
    let (zone, today) = (local.time_zone().clone(), local.date());
    let version = store::import::version(&mut conn).await?;
    domain.imports.set(id, Progress { done: 0, total: 1 });
    let read = task::spawn_blocking(move || {
        let (sheets, left_out) = open(&packed, &settings.edits, today)?;
        Ok::<_, ImportError>((sheets, left_out, settings))
    });
    let (sheets, left_out, settings) = read.await.map_err(|_| store::Error::Stopped)??;
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
        plan.warnings.splice(0..0, left_out);
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
    let mut outside = Outside::default();
    for ties in store::import::ties(c, top, now).await? {
        outside.kept.insert(ties.id);
        if ties.is_elsewhere == 1 {
            outside.elsewhere.insert(ties.id);
        }
    }
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

/// How often it is tried while others are at it at the same moment.
const TRIES: usize = 3;

/// After so long a comparison is made anew before it is applied: days have begun and ended since.
const FRESH_SECONDS: i64 = 300;

/// Applies what was shown, if it is still what would come of it; otherwise shows it anew.
pub(super) async fn apply(domain: &Domain, id: ImportId, by: Option<StaffId>) {
    domain.imports.set(id, Progress::default());
    let done = alive(domain, id, async {
        let mut tries = 1;
        loop {
            match try_apply(domain, id, by).await {
                Err(e) if e.gave_way() && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    });
    match done.await {
        Ok(()) => tell(domain, id).await,
        Err(e) => come_back(domain, id, &trouble(e, "an import could not be applied")).await,
    }
    domain.imports.forget(id);
}

/// What it has moved is told; should that fail, it is gone on with in a minute.
async fn tell(domain: &Domain, id: ImportId) {
    if let Err(e) = moves::tell(domain, id).await {
        tracing::error!(error = %e, "conversations that an import has moved could not be told");
    }
}

/// Posts named of those that would be left without an answer.
const NAMED: usize = 10;

fn trouble(e: Refused, what: &'static str) -> Trouble {
    match e {
        Refused::Ownerless(orphans) => {
            Trouble::Ownerless(orphans.into_iter().take(NAMED).map(|orphan| format!("{} {}", orphan.unit_name, orphan.title)).collect())
        }
        Refused::Changed => Trouble::Changed,
        Refused::NoGrant => Trouble::NoGrant,
        Refused::Store(e) => {
            tracing::error!(error = %e, what);
            Trouble::Failed
        }
    }
}

async fn try_apply(domain: &Domain, id: ImportId, by: Option<StaffId>) -> std::result::Result<(), Refused> {
    let mut conn = domain.db.read().await?;
    let Some(import) = store::import::find(&mut conn, id).await? else { return Ok(()) };
    let packed = store::import::plan(&mut conn, id).await?.ok_or(store::Error::Stopped)?;
    let now = domain.now();
    drop(conn);
    let mut shown: Shown = unpacked(domain, packed).await?;
    let has_changed = store::import::has_changed(&mut domain.db.read().await?, shown.version).await?;
    if has_changed || At(shown.at).plus_seconds(FRESH_SECONDS) < now {
        let fresh = work_out(domain, &import, now).await.map_err(|e| match e {
            ImportError::Store(e) => Refused::Store(e),
            _ => Refused::Changed,
        })?;
        if !is_same(&shown, &fresh) {
            keep(domain, id, fresh, Some(Trouble::Changed)).await.map_err(|_| Refused::Changed)?;
            return Ok(());
        }
        shown = fresh;
    }
    apply::apply(domain, &import, shown, by).await
}

/// Whether two comparisons say the same: what begins at once begins at another moment in each.
fn is_same(shown: &Shown, fresh: &Shown) -> bool {
    let (seen, now) = (&shown.plan.changes, &fresh.plan.changes);
    let at_once = |h: &Option<HoldingRow>, at: i64| h.clone().map(|h| HoldingRow { from_at: if h.from_at.0 == at { At(0) } else { h.from_at }, ..h });
    let holdings = |shown: &Shown| -> Vec<_> {
        shown.plan.changes.holdings.iter().map(|change| (change.place, change.before.clone(), at_once(&change.after, shown.at))).collect()
    };
    fresh.plan.mistakes.is_empty() && (&seen.units, &seen.posts, &seen.staff) == (&now.units, &now.posts, &now.staff) && holdings(shown) == holdings(fresh)
}

/// Takes an import back.
pub(super) async fn take_back(domain: &Domain, id: ImportId, by: Option<StaffId>) {
    domain.imports.set(id, Progress::default());
    let done = alive(domain, id, async {
        let mut tries = 1;
        loop {
            match try_undo(domain, id, by).await {
                Err(e) if e.gave_way() && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    });
    let trouble = match done.await {
        Ok(None) => {
            tell(domain, id).await;
            None
        }
        Ok(Some(trouble)) => Some(trouble),
        Err(e) => Some(trouble(e, "an import could not be taken back")),
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
    // What it has moved is told before it is moved back.
    moves::tell(domain, id).await?;
    let mut conn = domain.db.read().await?;
    let Some(import) = store::import::find(&mut conn, id).await? else { return Ok(None) };
    let (packed, extra) = store::import::kept_for_undo(&mut conn, id).await?.ok_or(store::Error::Stopped)?;
    drop(conn);
    let done: Changes = unpacked(domain, packed).await?;
    let mut conn = domain.db.read().await?;
    let version = store::import::version(&mut conn).await?;
    let (now, since) = (domain.now(), import.applied_at.unwrap_or(import.created_at));
    let mut world = load(&mut conn, import.unit_id, (codes_back(&done), Vec::new()), now).await?;
    let by_import = done.staff.iter().filter(|change| change.after.is_none()).filter_map(|change| Some(change.before.as_ref()?.id));
    let by_import: HashSet<StaffId> = by_import.collect();
    let holders = done.holdings.iter().filter(|change| change.after.is_none()).filter_map(|change| Some(change.before.as_ref()?.staff_id));
    let concerned: HashSet<StaffId> = holders.chain(by_import.iter().copied()).collect();
    for (person, ended_at) in store::import::ended(&mut conn, &Vec::from_iter(concerned)).await? {
        match ended_at {
            None if by_import.contains(&person) => drop(world.outside.back.insert(person)),
            // As the import has left them.
            Some(at) if by_import.contains(&person) && at == since => {}
            Some(_) => drop(world.outside.gone_since.insert(person)),
            None => {}
        }
    }
    drop(conn);
    let turned = task::spawn_blocking(move || change::turned_round(&world, &done, since, now)).await.map_err(|_| store::Error::Stopped)?;
    let undo: Undo = match turned {
        Ok(undo) => undo,
        Err(Stuck::InUse(name)) => return Ok(Some(Trouble::InUse(name))),
        Err(Stuck::CodeTaken(code)) => return Ok(Some(Trouble::CodeTaken(code))),
        Err(Stuck::Orphan(name)) => return Ok(Some(Trouble::Orphan(name))),
    };
    apply::undo(domain, &import, undo, &extra, version, by).await?;
    Ok(None)
}

/// Codes that units get back.
fn codes_back(done: &Changes) -> Vec<String> {
    let code = |change: &change::Change<change::UnitRow>| {
        let before = change.before.as_ref()?.code.clone()?;
        let is_other = change.after.as_ref().and_then(|unit| unit.code.as_ref()) != Some(&before);
        is_other.then_some(before)
    };
    done.units.iter().filter_map(code).collect()
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
        None => match &store::unit::roots(&mut conn).await?[..] {
            [] => None,
            [only] => Some(only.id),
            several => return Err(ImportError::SeveralRoots(several.len())),
        },
    };
    drop(conn);
    let id = super::insert(domain, None, unit.ok_or(ImportError::NotFound)?, upload, ordered.mode, ordered.kind).await?;
    let compared = compare(domain, id).await;
    domain.imports.forget(id);
    let import = store::import::find(&mut domain.db.read().await?, id).await?.ok_or(ImportError::NotFound)?;
    if let Err(e) = compared {
        super::give_up(domain, &import, None).await?;
        return Err(e);
    }
    let shown = super::shown::load(domain, &import).await?.ok_or(ImportError::NotFound)?;
    Ok((import, shown))
}

/// Applies what was ordered; `number` is how much may end where it is much.
pub async fn carry_out(domain: &Domain, import: &Import, number: Option<usize>) -> std::result::Result<Option<Trouble>, ImportError> {
    let mark = import.mark.as_deref().unwrap_or_default();
    super::check(domain, import, mark, number).await?;
    super::begin_seen(domain, import.id, mark).await?;
    apply(domain, import.id, None).await;
    let after = store::import::find(&mut domain.db.read().await?, import.id).await?.ok_or(ImportError::NotFound)?;
    if after.state == ImportState::Applied {
        return Ok(None);
    }
    Ok(Some(after.error.as_deref().and_then(|error| serde_json::from_str(error).ok()).unwrap_or(Trouble::Failed)))
}

/// Gives up what was only looked at, or came to nothing.
pub async fn give_up(domain: &Domain, import: &Import) -> Result<()> {
    super::give_up(domain, import, None).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_this_node_is_writing_is_not_interrupted_however_long_it_takes() {
        for database in store::testing::databases().await {
            let now = At(1_795_140_000_000);
            let domain = Domain::open(database.db.clone(), crate::Clock::fixed(now), crate::Random::seeded(7), "https://linli.example").await.unwrap();
            let import = Import {
                id: ImportId(domain.id()),
                unit_id: UnitId(domain.id()),
                unit_name: String::new(),
                staff_id: None,
                staff_name: None,
                file_name: String::new(),
                choices: String::new(),
                mode: String::new(),
                state: ImportState::Applying,
                mark: None,
                created_at: now,
                beat_at: now.plus_minutes(-2),
                done: 0,
                total: 0,
                summary: None,
                error: None,
                applied_at: None,
                undone_at: None,
                has_undo: false,
            };
            assert!(super::super::is_interrupted(&domain, &import));
            domain.imports.set(import.id, Progress::default());
            assert!(!super::super::is_interrupted(&domain, &import));
        }
    }

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
