//! A register as a file, turned into units, posts, people and what they hold. It is read, compared with what is there and shown; only then is it
//! applied, as it was shown and in one transaction, and for thirty days it can be taken back as a whole. The work goes on when the page is closed.

mod apply;
pub mod change;
pub mod heads;
mod merged;
mod moves;
pub mod oneroster;
pub mod plan;
pub mod read;
pub mod shown;
pub mod template;
mod units;
pub mod work;
pub mod workbook;

#[cfg(test)]
mod tests;

use crate::{Admin, Domain, audit, unit};
use change::Place;
use heads::{Choice, Kind};
use jiff::civil::Date;
use model::{ImportId, ImportState, StaffId, UnitId, text};
use plan::Mode;
use read::{File, Format, ReadError, Row, Sheet};
use serde::{Deserialize, Serialize};
use shown::Shown;
use std::sync::Arc;
use store::import::{Import, New};

pub use moves::tell_moved;
pub use work::{Progress, Work};

/// How long an import can be taken back.
pub const UNDO_DAYS: i64 = 30;
/// Seconds without a sign of life after which whoever was at it has gone.
const SILENCE: i64 = 30;
/// Imports on one page of the list.
pub const PAGE: i64 = 25;

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the file cannot be taken: {0}")]
    Read(#[from] ReadError),
    #[error("not found")]
    NotFound,
    /// It has gone on meanwhile, or is being worked on.
    #[error("not now")]
    NotNow,
    /// There are mistakes in it.
    #[error("mistakes")]
    Mistakes,
    /// A cell was typed over with more than a cell may hold.
    #[error("too long")]
    EditTooLong { place: Place, column: usize },
    /// More cells are typed over than a page is for.
    #[error("too many edits")]
    TooManyEdits,
    /// So much ends that its number has to be typed.
    #[error("{0} things would end")]
    Number(usize),
    /// A later import stands on it.
    #[error("a later import has to be undone first")]
    Later,
    /// Its thirty days are over.
    #[error("too late to undo")]
    TooLate,
    /// Nobody said into which of them.
    #[error("there are {0} topmost units")]
    SeveralRoots(usize),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Why the last try came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// What is there was changed since it was shown: it is shown anew.
    Changed,
    /// Somebody is waiting at these posts whom nobody would answer any more.
    Ownerless(Vec<String>),
    /// It cannot be undone: something new hangs on a unit of it.
    InUse(String),
    /// It cannot be undone: another unit has this code now.
    CodeTaken(String),
    /// It cannot be undone: the unit above this one has gone.
    Orphan(String),
    /// It was taken back, but for so many people who are back by now, and so many whom somebody else has ended since.
    LeftAlone { back: usize, gone: usize },
    /// Whoever asked for it was no admin of the unit any more.
    NoGrant,
    /// The database did not take it.
    Failed,
}

/// A cell typed over in the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    pub place: Place,
    pub column: usize,
    pub value: String,
}

/// How a file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// One for each sheet.
    pub choices: Vec<Choice>,
    pub edits: Vec<Edit>,
    /// What each sheet is called, and its first rows, to choose the columns by.
    pub tops: Vec<Sheet>,
    pub is_one_roster: bool,
}

impl Settings {
    /// No sheet has a column that is known.
    pub fn reads_nothing(&self) -> bool {
        self.choices.iter().all(|choice| choice.kind == Kind::Nothing)
    }
}

/// Rows of a sheet kept to choose the columns by, and characters of their cells.
const TOP_ROWS: usize = 12;
const TOP_CELL: usize = 40;

impl Settings {
    fn new(sheets: &[Sheet], choices: Vec<Choice>, is_one_roster: bool) -> Settings {
        let top = |sheet: &Sheet| Sheet {
            name: sheet.name.clone(),
            rows: sheet
                .rows
                .iter()
                .take(TOP_ROWS)
                .map(|row| Row { number: row.number, cells: row.cells.iter().map(|cell| cell.chars().take(TOP_CELL).collect()).collect() })
                .collect(),
        };
        Settings { choices, edits: Vec::new(), tops: sheets.iter().map(top).collect(), is_one_roster }
    }

    /// What is kept when the file is not: how it was read and what its sheets are called, nothing that stood in it.
    pub(crate) fn emptied(mut self) -> Settings {
        self.edits.clear();
        self.tops.iter_mut().for_each(|sheet| sheet.rows.clear());
        self
    }

    fn heads(&self) -> Vec<Option<&Row>> {
        self.heads_at(&self.choices)
    }

    /// What stands in each sheet where these choices have its heads.
    fn heads_at<'a>(&'a self, choices: &[Choice]) -> Vec<Option<&'a Row>> {
        let head = |(i, sheet): (usize, &'a Sheet)| choices.get(i).and_then(|choice| sheet.rows.iter().find(|row| row.number == choice.head));
        self.tops.iter().enumerate().map(head).collect()
    }

    /// The heads of a sheet found out anew from another row.
    pub fn guess_from(&self, sheet: usize, head: u32) -> Option<Choice> {
        let (top, known) = (self.tops.get(sheet)?, self.choices.get(sheet)?);
        let mut guessed = heads::guess_from(top, head);
        guessed.columns.resize(known.columns.len(), None);
        Some(guessed)
    }
}

/// Cells typed over in one import.
pub const EDIT_LIMIT: usize = 2_000;

/// Where an import stands.
#[derive(Clone, Debug)]
pub struct View {
    pub import: Import,
    pub settings: Settings,
    pub mode: Mode,
    /// Somebody is at it, or was and has gone.
    pub progress: Option<Progress>,
    pub is_interrupted: bool,
    pub trouble: Option<Trouble>,
    pub shown: Option<Arc<Shown>>,
    /// The day until which it can be taken back.
    pub undo_until: Option<model::At>,
}

impl View {
    pub fn is_working(&self) -> bool {
        is_working(self.import.state) && !self.is_interrupted
    }
}

fn is_working(state: ImportState) -> bool {
    matches!(state, ImportState::Planning | ImportState::Applying | ImportState::Undoing)
}

/// What was uploaded.
pub struct Upload {
    pub file_name: String,
    pub bytes: Vec<u8>,
}

/// Characters of a file's name.
const FILE_NAME_LIMIT: usize = 120;

impl Upload {
    fn name(&self) -> String {
        let base = self.file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name: String = base.chars().filter(|c| !c.is_control()).take(FILE_NAME_LIMIT).collect();
        if name.is_empty() { "—".to_owned() } else { name }
    }
}

/// Reads a file and guesses how it is meant, every sheet as `kind` if one is given.
pub(crate) fn settle_choices(file: &File, kind: Option<Kind>, today: Date) -> Settings {
    if file.format == Format::OneRoster {
        let package = oneroster::convert(file, today);
        return Settings::new(&package.sheets, package.choices, true);
    }
    let mut choices: Vec<Choice> = file.sheets.iter().map(heads::guess).collect();
    for choice in choices.iter_mut().filter(|choice| choice.kind != Kind::Nothing || file.sheets.len() == 1) {
        choice.kind = kind.unwrap_or(choice.kind);
    }
    Settings::new(&file.sheets, choices, false)
}

/// Takes a file in and begins to compare it with what is there.
pub async fn start(domain: &Domain, admin: &Admin, unit_id: UnitId, upload: Upload, mode: Mode, kind: Option<Kind>) -> Result<ImportId, ImportError> {
    let (by, now) = (admin.staff.id, domain.now());
    unit::mine(&mut domain.db.read().await?, by, unit_id, now).await?.ok_or(ImportError::NotFound)?;
    let id = insert(domain, Some(by), unit_id, upload, mode, kind).await?;
    work::begin(domain, id);
    Ok(id)
}

pub(crate) async fn insert(
    domain: &Domain,
    by: Option<StaffId>,
    unit_id: UnitId,
    upload: Upload,
    mode: Mode,
    kind: Option<Kind>,
) -> Result<ImportId, ImportError> {
    let (now, id, name) = (domain.now(), ImportId(domain.id()), upload.name());
    let (packed, settings) = work::take_in(domain, upload.bytes, kind).await?;
    let new = New {
        id,
        unit_id,
        staff_id: by,
        file_name: name,
        file: packed,
        choices: serde_json::to_string(&settings).map_err(store::Error::from)?,
        mode: mode.as_str().to_owned(),
        now,
    };
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::import::insert(c, &new).await?;
                audit::append(c, now, by, "import.start", &id.to_string(), &format!("{unit_id} {}", new.mode)).await
            })
        })
        .await?;
    Ok(id)
}

/// An import into one of the admin's units.
async fn mine(domain: &Domain, admin: &Admin, id: ImportId) -> Result<Import, ImportError> {
    let mut conn = domain.db.read().await?;
    let import = store::import::find(&mut conn, id).await?.ok_or(ImportError::NotFound)?;
    if unit::covers(&mut conn, admin.staff.id, import.unit_id, domain.now()).await? { Ok(import) } else { Err(ImportError::NotFound) }
}

pub async fn list(domain: &Domain, admin: &Admin, page: i64) -> Result<unit::Page<Import>, ImportError> {
    let mut conn = domain.db.read().await?;
    let rows = store::import::list(&mut conn, admin.staff.id, domain.now(), PAGE + 1, page * PAGE).await?;
    Ok(unit::Page::cut(rows, page, PAGE))
}

/// Whether somebody was at it and has gone. While this node writes, it has no sign of life to give on SQLite, but knows.
pub fn is_interrupted(domain: &Domain, import: &Import) -> bool {
    is_working(import.state) && import.beat_at < domain.now().plus_seconds(-SILENCE) && domain.imports.progress(import.id).is_none()
}

pub async fn view(domain: &Domain, admin: &Admin, id: ImportId) -> Result<View, ImportError> {
    let import = mine(domain, admin, id).await?;
    let settings = settings_of(&import)?;
    let running = domain.imports.progress(id);
    let is_interrupted = is_interrupted(domain, &import);
    let progress = is_working(import.state).then(|| running.unwrap_or(Progress { done: import.done, total: import.total }));
    let shown = if import.state == ImportState::Planning { None } else { shown::load(domain, &import).await? };
    let undo_until = import.applied_at.filter(|_| import.has_undo).map(|at| at.plus_days(UNDO_DAYS));
    Ok(View {
        mode: mode_of(&import),
        trouble: import.error.as_deref().and_then(|error| serde_json::from_str(error).ok()),
        settings,
        progress,
        is_interrupted,
        shown,
        undo_until,
        import,
    })
}

pub(crate) fn settings_of(import: &Import) -> store::Result<Settings> {
    Ok(serde_json::from_str(&import.choices)?)
}

pub fn mode_of(import: &Import) -> Mode {
    if import.mode == Mode::Replace.as_str() { Mode::Replace } else { Mode::Add }
}

/// The mistakes of a file, to be taken out, which is on record.
pub async fn export_mistakes(domain: &Domain, admin: &Admin, id: ImportId) -> Result<(Settings, Arc<Shown>), ImportError> {
    let View { settings, shown, .. } = view(domain, admin, id).await?;
    let shown = shown.ok_or(ImportError::NotFound)?;
    audit::record(domain, Some(admin.staff.id), "import.export", id.to_string(), shown.plan.mistakes.len().to_string()).await?;
    Ok((settings, shown))
}

/// Reads the columns otherwise, or what is missing from the file otherwise.
pub async fn correct(domain: &Domain, admin: &Admin, id: ImportId, choices: Vec<Choice>, mode: Mode) -> Result<(), ImportError> {
    let import = mine(domain, admin, id).await?;
    let before = settings_of(&import)?;
    if before.is_one_roster || before.choices.len() != choices.len() {
        return Err(ImportError::NotNow);
    }
    let settings = Settings { choices, ..before };
    again(domain, &import, None, &settings, mode).await
}

/// Types over cells that are wrong.
pub async fn edit(domain: &Domain, admin: &Admin, id: ImportId, edits: Vec<Edit>) -> Result<(), ImportError> {
    let import = mine(domain, admin, id).await?;
    if let Some(long) = edits.iter().find(|edit| edit.value.chars().count() > read::CELL_LIMIT) {
        return Err(ImportError::EditTooLong { place: long.place, column: long.column });
    }
    let mut settings = settings_of(&import)?;
    for edit in edits {
        settings.edits.retain(|known| (known.place, known.column) != (edit.place, edit.column));
        settings.edits.push(edit);
    }
    if settings.edits.len() > EDIT_LIMIT {
        return Err(ImportError::TooManyEdits);
    }
    again(domain, &import, None, &settings, mode_of(&import)).await
}

/// Another file in place of the one that was wrong.
pub async fn replace_file(domain: &Domain, admin: &Admin, id: ImportId, upload: Upload) -> Result<(), ImportError> {
    let import = mine(domain, admin, id).await?;
    let before = settings_of(&import)?;
    let name = upload.name();
    let (packed, mut settings) = work::take_in(domain, upload.bytes, None).await?;
    // The same heads again: what was corrected once stays so.
    if !settings.is_one_roster && before.heads() == settings.heads_at(&before.choices) {
        settings.choices = before.choices;
    }
    again(domain, &import, Some((name, packed)), &settings, mode_of(&import)).await
}

/// Compares once more, after an interruption or a change.
pub async fn restart(domain: &Domain, admin: &Admin, id: ImportId) -> Result<(), ImportError> {
    let import = mine(domain, admin, id).await?;
    if is_working(import.state) && !is_interrupted(domain, &import) {
        return Err(ImportError::NotNow);
    }
    match import.state {
        ImportState::Undoing => undo(domain, admin, id).await,
        // Nothing was applied, or it would say so: it is looked at once more.
        ImportState::Applying => {
            let (now, silent) = (domain.now(), domain.now().plus_seconds(-SILENCE));
            let taken = domain
                .db
                .write(move |c| {
                    Box::pin(async move {
                        let is_mine = store::import::begin(c, id, ImportState::Applying, ImportState::Applying, silent, now).await?;
                        if is_mine {
                            store::import::ready(c, id, None, None, now).await?;
                        }
                        store::Result::Ok(is_mine)
                    })
                })
                .await?;
            if taken { Ok(()) } else { Err(ImportError::NotNow) }
        }
        _ => again(domain, &import, None, &settings_of(&import)?, mode_of(&import)).await,
    }
}

async fn again(domain: &Domain, import: &Import, file: Option<(String, Vec<u8>)>, settings: &Settings, mode: Mode) -> Result<(), ImportError> {
    let (id, now) = (import.id, domain.now());
    let choices = serde_json::to_string(settings).map_err(store::Error::from)?;
    let begun = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                if !store::import::begin(c, id, ImportState::Ready, ImportState::Planning, now.plus_seconds(-SILENCE), now).await? {
                    return Ok(false);
                }
                if let Some((name, file)) = &file {
                    store::import::set_file(c, id, name, file).await?;
                }
                store::import::set_choices(c, id, &choices, mode.as_str()).await?;
                store::Result::Ok(true)
            })
        })
        .await?;
    if !begun {
        return Err(ImportError::NotNow);
    }
    work::begin(domain, id);
    Ok(())
}

/// Does what was shown. `mark` is that of the comparison that was looked at, `number` what was typed where much ends.
pub async fn apply(domain: &Domain, admin: &Admin, id: ImportId, mark: &str, number: &str) -> Result<(), ImportError> {
    let import = mine(domain, admin, id).await?;
    let by = admin.staff.id;
    check(domain, &import, mark, text::digits(number).replace([',', '，', ' '], "").parse().ok()).await?;
    begin_seen(domain, id, mark).await?;
    let inner = domain.clone();
    tokio::spawn(async move { work::apply(&inner, id, Some(by)).await });
    Ok(())
}

/// Whether it may be applied as it was shown.
pub(crate) async fn check(domain: &Domain, import: &Import, mark: &str, number: Option<usize>) -> Result<(), ImportError> {
    if import.state != ImportState::Ready || import.mark.as_deref() != Some(mark) {
        return Err(ImportError::NotNow);
    }
    let shown = shown::load(domain, import).await?.ok_or(ImportError::NotNow)?;
    if !shown.plan.mistakes.is_empty() {
        return Err(ImportError::Mistakes);
    }
    if shown.plan.ends_much() && number != Some(shown.plan.ending()) {
        return Err(ImportError::Number(shown.plan.ending()));
    }
    Ok(())
}

/// Somebody may have it compared otherwise at this very moment: then it is not begun.
pub(crate) async fn begin_seen(domain: &Domain, id: ImportId, mark: &str) -> Result<(), ImportError> {
    let (now, mark) = (domain.now(), mark.to_owned());
    let taken = domain.db.write(move |c| Box::pin(async move { store::import::begin_seen(c, id, &mark, now).await })).await?;
    if taken { Ok(()) } else { Err(ImportError::NotNow) }
}

pub(crate) async fn step(domain: &Domain, id: ImportId, from: ImportState, to: ImportState) -> Result<(), ImportError> {
    let now = domain.now();
    let taken = domain.db.write(move |c| Box::pin(async move { store::import::begin(c, id, from, to, now.plus_seconds(-SILENCE), now).await })).await?;
    if taken { Ok(()) } else { Err(ImportError::NotNow) }
}

/// Takes an import back as a whole.
pub async fn undo(domain: &Domain, admin: &Admin, id: ImportId) -> Result<(), ImportError> {
    let import = mine(domain, admin, id).await?;
    let by = admin.staff.id;
    if import.applied_at.is_none_or(|at| at.plus_days(UNDO_DAYS) <= domain.now()) || !import.has_undo {
        return Err(ImportError::TooLate);
    }
    let mut conn = domain.db.read().await?;
    for (_, unit) in store::import::later(&mut conn, id).await? {
        let is_above = store::unit::path(&mut conn, unit).await?.iter().any(|above| above.id == import.unit_id);
        let is_below = store::unit::path(&mut conn, import.unit_id).await?.iter().any(|above| above.id == unit);
        if is_above || is_below {
            return Err(ImportError::Later);
        }
    }
    drop(conn);
    step(domain, id, ImportState::Applied, ImportState::Undoing).await?;
    let inner = domain.clone();
    tokio::spawn(async move { work::take_back(&inner, id, Some(by)).await });
    Ok(())
}

/// Gives an import up before it was applied. Nothing of the file stays.
pub async fn drop_it(domain: &Domain, admin: &Admin, id: ImportId) -> Result<(), ImportError> {
    let import = mine(domain, admin, id).await?;
    if give_up(domain, &import, Some(admin.staff.id)).await? { Ok(()) } else { Err(ImportError::NotNow) }
}

pub(crate) async fn give_up(domain: &Domain, import: &Import, by: Option<StaffId>) -> store::Result<bool> {
    let (id, now) = (import.id, domain.now());
    let choices = serde_json::to_string(&settings_of(import)?.emptied())?;
    let dropped = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                let dropped = store::import::drop_it(c, id, &choices, now).await?;
                if dropped {
                    audit::append(c, now, by, "import.drop", &id.to_string(), "").await?;
                }
                store::Result::Ok(dropped)
            })
        })
        .await?;
    domain.imports.forget(id);
    Ok(dropped)
}

/// What the day brings: what can no longer be taken back is not kept, nor a file that nobody went on with.
pub async fn forget_old(domain: &Domain) -> store::Result<()> {
    let before = domain.now().plus_days(-UNDO_DAYS);
    let old = store::import::old(&mut domain.db.read().await?, before).await?;
    for (id, choices) in old {
        let settings: Settings = serde_json::from_str(&choices)?;
        let choices = serde_json::to_string(&settings.emptied())?;
        domain.db.write(move |c| Box::pin(async move { store::import::forget(c, id, &choices, before).await })).await?;
        domain.imports.forget(id);
    }
    Ok(())
}
