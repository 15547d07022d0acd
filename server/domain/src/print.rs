//! Codes for a whole subtree: a contact point for every post in one go, and the file to print. The file is made while it is fetched and is kept
//! nowhere: fetched again, on whichever node, it is made again. What stays is a row that says how far it has come.

use crate::{Admin, Domain, audit, calendar, contact_point, contact_point::Mistakes, unit};
use i18n::when;
use model::{At, ContactPointId, Language, PostId, PrintFormat, PrintId, UnitId, Which, calendar::Calendar};
use paper::{Code, PaperError, Printer};
use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
};
use store::{
    Conn, Result,
    print::{New, Print, Printed},
    unit::Unit,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task,
};

pub use paper::{Made, extension, media_type};
pub use store::print::Counts;

/// Codes that are loaded, made and sent together.
const BATCH: usize = 200;
/// Files that are fetched at the same moment; one batch of one of them is made at a time.
const AT_ONCE: usize = 4;
/// A print that has not come on for so long has been cut off.
const STILL: i64 = 20;
/// Days for which a print is remembered.
const REMEMBERED: i64 = 7;
/// Prints shown beside each other.
const SHOWN: i64 = 5;

/// Who makes files now.
pub struct Presses {
    places: Arc<Semaphore>,
    /// Held while a batch is made: all presses together take one processor, and who is slow in fetching holds up nobody.
    turn: Arc<Mutex<()>>,
}

impl Default for Presses {
    fn default() -> Presses {
        Presses { places: Arc::new(Semaphore::new(AT_ONCE)), turn: Arc::default() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    #[error("invalid")]
    Invalid(Mistakes),
    /// There is nothing to print.
    #[error("nothing")]
    Nothing,
    /// Others are printing: again in a moment.
    #[error("busy")]
    Busy,
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Paper(#[from] PaperError),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A unit with its codes, as the admin sees them.
pub struct View {
    pub unit: Unit,
    pub above: Vec<Unit>,
    pub counts: Counts,
    /// What was printed here lately.
    pub latest: Vec<Print>,
}

pub async fn view(domain: &Domain, admin: &Admin, id: UnitId) -> Result<Option<View>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(unit) = unit::mine(c, by, id, now).await? else { return Ok(None) };
    Ok(Some(View {
        above: unit::above(c, by, id, now).await?,
        counts: store::print::counts(c, id).await?,
        latest: store::print::latest(c, by, id, SHOWN).await?,
        unit,
    }))
}

/// Makes a contact point for every post of the subtree that has none in use; how many. Posts that have one are left alone.
pub async fn make(domain: &Domain, admin: &Admin, id: UnitId, only_leaves: bool, typed: contact_point::Typed<'_>) -> std::result::Result<u64, PrintError> {
    let (by, now) = (admin.staff.id, domain.now());
    let place = typed.checked().map_err(PrintError::Invalid)?;
    let posts = {
        let mut conn = domain.db.read().await?;
        unit::mine(&mut conn, by, id, now).await?.ok_or(PrintError::NotFound)?;
        store::print::bare_posts(&mut conn, id, only_leaves).await?
    };
    // Everything is ready before the transaction begins, which holds up whoever writes.
    let news = new_points(domain, &posts);
    let made = domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::print::hold_making(c).await?;
                unit::mine(c, by, id, now).await?.ok_or(PrintError::NotFound)?;
                let made = store::print::insert_points(c, &news, &place, now).await?;
                if made > 0 {
                    audit::append(c, now, Some(by), "contact_point.create_many", &id.to_string(), &format!("{} · {made}", place.place)).await?;
                }
                Ok::<_, PrintError>(made)
            })
        })
        .await?;
    Ok(made)
}

/// The unit with a code, for the command line.
pub async fn unit_by_code(domain: &Domain, code: &str) -> Result<Option<UnitId>> {
    let mut conn = domain.db.read().await?;
    store::print::unit_by_code(&mut conn, code.trim()).await
}

/// The same as [`make`] by whoever has the machine.
pub async fn make_by_command(domain: &Domain, id: UnitId, place: &str) -> std::result::Result<u64, PrintError> {
    let now = domain.now();
    let place = contact_point::Typed { place, ..contact_point::Typed::default() }.checked().map_err(PrintError::Invalid)?;
    let posts = store::print::bare_posts(&mut domain.db.read().await?, id, false).await?;
    let news = new_points(domain, &posts);
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::print::hold_making(c).await?;
                let made = store::print::insert_points(c, &news, &place, now).await?;
                audit::append(c, now, None, "contact_point.create_many", &id.to_string(), &format!("{} · {made}", place.place)).await?;
                Ok::<_, PrintError>(made)
            })
        })
        .await
}

/// A new code for each post. Of forty bits hardly two are alike; those that are have been left out and are there the next time.
fn new_points(domain: &Domain, posts: &[PostId]) -> Vec<New> {
    let random = &domain.random;
    let mut seen = HashSet::new();
    let news = posts.iter().map(|post_id| New {
        id: ContactPointId(domain.id()),
        post_id: *post_id,
        code: contact_point::new_code(random),
        check_phrase: contact_point::new_check_phrase(random),
    });
    news.filter(|new| seen.insert(new.code.clone())).collect()
}

/// Asks for a file of the codes of a subtree.
pub async fn begin(domain: &Domain, admin: &Admin, id: UnitId, format: PrintFormat, which: Which) -> std::result::Result<PrintId, PrintError> {
    let (by, now, print_id) = (admin.staff.id, domain.now(), PrintId(domain.id()));
    let (unit, total) = {
        let mut conn = domain.db.read().await?;
        let unit = unit::mine(&mut conn, by, id, now).await?.ok_or(PrintError::NotFound)?;
        (unit, store::print::points(&mut conn, id, which).await?.len() as i64)
    };
    if total == 0 {
        return Err(PrintError::Nothing);
    }
    let print = Print {
        id: print_id,
        staff_id: by,
        unit_id: id,
        format,
        which,
        total,
        made: 0,
        bytes: 0,
        missing: String::new(),
        created_at: now,
        beat_at: None,
        finished_at: None,
    };
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::print::forget(c, now.plus_days(-REMEMBERED)).await?;
                store::print::insert(c, &print).await?;
                audit::append(c, now, Some(by), "contact_point.print", &id.to_string(), &format!("{} · {format} · {total}", unit.name)).await?;
                Ok::<_, store::Error>(())
            })
        })
        .await?;
    Ok(print_id)
}

/// How a print stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has fetched it yet.
    Ready,
    Running,
    /// The way was cut, or the program was stopped.
    CutOff,
    Finished,
}

pub fn state(print: &Print, now: At) -> State {
    match (print.finished_at, print.beat_at) {
        (Some(_), _) => State::Finished,
        (None, None) => State::Ready,
        (None, Some(beat)) if now.seconds_since(beat) > STILL => State::CutOff,
        (None, Some(_)) => State::Running,
    }
}

/// A print of the admin's own, with its unit.
pub async fn find(domain: &Domain, admin: &Admin, id: PrintId) -> Result<Option<(Print, Unit)>> {
    let (by, now) = (admin.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let Some(print) = store::print::find(&mut conn, id).await?.filter(|print| print.staff_id == by) else { return Ok(None) };
    Ok(unit::mine(&mut conn, by, print.unit_id, now).await?.map(|unit| (print, unit)))
}

/// The pieces of a file, as they are made. After an error there is no more.
pub type Pieces = mpsc::Receiver<paper::Result<Vec<u8>>>;
type Sending = mpsc::Sender<paper::Result<Vec<u8>>>;

/// Begins to make a file that was asked for.
pub async fn fetch(domain: &Domain, admin: &Admin, id: PrintId) -> std::result::Result<(Print, Unit, Pieces), PrintError> {
    let (print, unit) = find(domain, admin, id).await?.ok_or(PrintError::NotFound)?;
    let place = domain.presses.places.clone().try_acquire_owned().map_err(|_| PrintError::Busy)?;
    let points = store::print::points(&mut domain.db.read().await?, print.unit_id, print.which).await?;
    let print = Print { total: points.len() as i64, made: 0, bytes: 0, missing: String::new(), beat_at: Some(domain.now()), finished_at: None, ..print };
    let begun = print.clone();
    domain.db.write(move |c| Box::pin(async move { store::print::beat(c, &begun).await })).await?;
    let (send, pieces) = mpsc::channel(2);
    tokio::spawn(run(domain.clone(), print.clone(), points, send, place));
    Ok((print, unit, pieces))
}

/// Makes the file, and writes down about once a second how far it has come.
async fn run(domain: Domain, mut print: Print, points: Vec<ContactPointId>, send: Sending, _place: OwnedSemaphorePermit) {
    let press = Press::start(&domain, print.format, send.clone());
    match feed(&domain, &mut print, &points, &press).await {
        Ok(()) => {}
        Err(Cut::Gone) => return,
        Err(Cut::Store(e)) => {
            tracing::error!(error = %e, "codes could not be read for printing");
            // Nobody takes half a file for a whole one.
            let _ = send.send(Err(PaperError::Write(io::Error::other("the database failed")))).await;
            return;
        }
    }
    if let Some(made) = press.finish().await {
        print.bytes = i64::try_from(made.bytes).unwrap_or(i64::MAX);
        print.missing = made.missing;
        print.finished_at = Some(domain.now());
        beat(&domain, &mut print).await;
    }
}

enum Cut {
    Store(store::Error),
    /// Whoever fetched it has gone.
    Gone,
}

async fn feed(domain: &Domain, print: &mut Print, points: &[ContactPointId], press: &Press) -> std::result::Result<(), Cut> {
    let hours = Hours::load(domain).await.map_err(Cut::Store)?;
    let mut told = domain.now();
    for batch in points.chunks(BATCH) {
        let codes = codes(domain, &hours, batch).await.map_err(Cut::Store)?;
        print.made += codes.len() as i64;
        press.codes.send(codes).await.map_err(|_| Cut::Gone)?;
        if domain.now().0 - told.0 > 1_000 {
            told = domain.now();
            beat(domain, print).await;
        }
    }
    Ok(())
}

async fn beat(domain: &Domain, print: &mut Print) {
    print.beat_at = Some(domain.now());
    let now = print.clone();
    if let Err(e) = domain.db.write(move |c| Box::pin(async move { store::print::beat(c, &now).await })).await {
        tracing::error!(error = %e, "how far a print has come could not be written");
    }
}

/// A thread that makes a file of the codes it is given, and gives way to everything else the machine has to do.
struct Press {
    codes: mpsc::Sender<Vec<Code>>,
    done: oneshot::Receiver<Option<Made>>,
}

impl Press {
    fn start(domain: &Domain, format: PrintFormat, send: Sending) -> Press {
        let (codes, mut given) = mpsc::channel::<Vec<Code>>(1);
        let (tell, done) = oneshot::channel();
        let turn = domain.presses.turn.clone();
        let failed = send.clone();
        let work = move || {
            // On Linux this is for the thread alone.
            let _ = rustix::process::setpriority_process(None, 15);
            let made = print_all(format, &turn, &mut given, &send);
            if let Err(e) = &made
                && !matches!(e, PaperError::Write(_))
            {
                tracing::error!(error = %e, "codes could not be printed");
            }
            let told = match made {
                Ok(made) => Some(made),
                Err(e) => {
                    let _ = send.blocking_send(Err(e));
                    None
                }
            };
            let _ = tell.send(told);
        };
        if thread::Builder::new().name("print".to_owned()).spawn(work).is_err() {
            let _ = failed.try_send(Err(PaperError::Write(io::Error::other("no thread for printing"))));
        }
        Press { codes, done }
    }

    /// No more codes come: fonts and tables are written. `None` if the file was not finished.
    async fn finish(self) -> Option<Made> {
        drop(self.codes);
        self.done.await.ok().flatten()
    }
}

fn print_all(format: PrintFormat, turn: &Mutex<()>, given: &mut mpsc::Receiver<Vec<Code>>, send: &Sending) -> paper::Result<Made> {
    let basket = Basket::default();
    let mut printer = Printer::begin(format, basket.clone())?;
    let gone = || PaperError::Write(io::ErrorKind::BrokenPipe.into());
    while let Some(codes) = given.blocking_recv() {
        {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            for code in codes {
                printer.add(code)?;
            }
        }
        send.blocking_send(Ok(basket.take())).map_err(|_| gone())?;
    }
    let made = {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        printer.finish()?
    };
    send.blocking_send(Ok(basket.take())).map_err(|_| gone())?;
    Ok(made)
}

/// Where the printer puts what is ready to be sent.
#[derive(Clone, Default)]
struct Basket(Arc<Mutex<Vec<u8>>>);

impl Basket {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Basket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints the codes of a subtree into a file, from the command line. Tells how far it has come.
pub async fn to_file(
    domain: &Domain,
    unit: UnitId,
    format: PrintFormat,
    which: Which,
    mut out: impl Write + Send + 'static,
    told: impl Fn(usize, usize),
) -> std::result::Result<Made, PrintError> {
    let points = store::print::points(&mut domain.db.read().await?, unit, which).await?;
    if points.is_empty() {
        return Err(PrintError::Nothing);
    }
    let hours = Hours::load(domain).await?;
    let (send, mut pieces) = mpsc::channel(2);
    let press = Press::start(domain, format, send);
    let writing = task::spawn_blocking(move || {
        while let Some(piece) = pieces.blocking_recv() {
            out.write_all(&piece?)?;
        }
        out.flush()?;
        Ok::<_, PaperError>(())
    });
    for (i, batch) in points.chunks(BATCH).enumerate() {
        if press.codes.send(codes(domain, &hours, batch).await?).await.is_err() {
            break;
        }
        told(i * BATCH + batch.len(), points.len());
    }
    let made = press.finish().await;
    let unfinished = || PaperError::Write(io::ErrorKind::BrokenPipe.into());
    writing.await.map_err(|_| unfinished())??;
    Ok(made.ok_or_else(unfinished)?)
}

/// The codes of these contact points, in their order.
async fn codes(domain: &Domain, hours: &Hours, points: &[ContactPointId]) -> Result<Vec<Code>> {
    let mut conn = domain.db.read().await?;
    let mut found: HashMap<ContactPointId, Printed> = store::print::printed(&mut conn, points).await?.into_iter().map(|p| (p.id, p)).collect();
    // One that has been withdrawn meanwhile is still there, and one that is gone is left out.
    Ok(points.iter().filter_map(|id| found.remove(id)).map(|printed| code(domain, hours, printed)).collect())
}

fn code(domain: &Domain, hours: &Hours, printed: Printed) -> Code {
    Code {
        url: contact_point::url(domain, &printed.code),
        hours: hours.of(printed.unit_id),
        code: printed.code,
        check_phrase: printed.check_phrase,
        unit_kind: printed.unit_kind,
        unit: printed.unit_name,
        unit_en: printed.unit_name_en,
        unit_code: printed.unit_code,
        title: printed.title,
        title_en: printed.title_en,
        place: printed.place,
        place_en: printed.place_en,
        topic: printed.topic,
    }
}

/// What is said of working time, in both languages.
pub fn in_words(calendar: &Calendar) -> [String; 2] {
    [Language::Chinese, Language::English].map(|l| when::week(l, calendar))
}

/// The working time of every unit: only few have a calendar of their own, the others have that of a unit above.
struct Hours {
    above: HashMap<UnitId, Option<UnitId>>,
    own: HashMap<UnitId, [String; 2]>,
    standard: [String; 2],
}

impl Hours {
    async fn load(domain: &Domain) -> Result<Hours> {
        let mut conn = domain.db.read().await?;
        let c: &mut Conn = &mut conn;
        let above = store::post::unit_parents(c).await?.into_iter().collect();
        let mut own = HashMap::new();
        for unit in store::print::units_with_calendar(c).await? {
            own.insert(unit, in_words(&calendar::of_unit(domain, c, unit).await?.calendar));
        }
        Ok(Hours { above, own, standard: in_words(&Calendar::standard()) })
    }

    fn of(&self, unit: UnitId) -> [String; 2] {
        let mut at = Some(unit);
        while let Some(id) = at {
            if let Some(words) = self.own.get(&id) {
                return words.clone();
            }
            at = self.above.get(&id).copied().flatten();
        }
        self.standard.clone()
    }
}
