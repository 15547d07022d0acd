//! Codes for a whole subtree: a contact point for every post in one go, and the file to print. The file is made while it is fetched and is kept
//! nowhere: fetched again, on whichever node, it is made again. What stays is a row that says how far it has come.

use crate::{Admin, Domain, audit, calendar, contact_point, contact_point::Mistakes, unit};
use i18n::when;
use model::{At, ContactPointId, Language, PostId, PrintFormat, PrintId, UnitId, Which, calendar::Calendar};
use paper::{Code, PaperError, Printer};
use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};
use store::{
    Conn, Result,
    print::{New, Print, Printed},
    unit::Unit,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task, time,
};
use uuid::Uuid;

pub use paper::{Made, extension, media_type};
pub use store::print::Counts;

/// Codes that are loaded, made and sent together.
const BATCH: usize = 200;
/// Files that are fetched at the same moment; one batch of one of them is made at a time.
const AT_ONCE: usize = 4;
/// How often it is written down how far a print has come, whether or not it has.
const BEAT: Duration = Duration::from_secs(2);
/// A print of which nothing was written for so many seconds has been cut off.
const STILL: i64 = 20;
/// Whoever takes no piece for so long gives the place to others.
const PATIENCE: Duration = Duration::from_secs(120);
/// Days for which a print is remembered.
const REMEMBERED: i64 = 7;
/// Prints shown beside each other.
const SHOWN: i64 = 5;

/// Who makes files now.
pub struct Presses {
    places: Arc<Semaphore>,
    /// Held while a batch is made, and not while it is fetched: all presses together take one processor.
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
        (unit, store::print::points(&mut conn, id, which, now).await?.len() as i64)
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

enum Piece {
    Bytes(Vec<u8>),
    /// The file is whole.
    End,
}

/// The pieces of a file, as they are made.
pub struct Pieces(mpsc::Receiver<Piece>);

impl Pieces {
    /// The next piece, `None` at the end, and an error where the file was broken off: nobody is to take half of it for the whole.
    pub async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        match self.0.recv().await {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::End) => None,
            None => Some(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

/// Begins to make a file that was asked for: of what there was at that moment, whenever it is fetched.
pub async fn fetch(domain: &Domain, admin: &Admin, id: PrintId) -> std::result::Result<(Print, Unit, Pieces), PrintError> {
    let (print, unit) = find(domain, admin, id).await?.ok_or(PrintError::NotFound)?;
    let place = domain.presses.places.clone().try_acquire_owned().map_err(|_| PrintError::Busy)?;
    let points = store::print::points(&mut domain.db.read().await?, print.unit_id, print.which, print.created_at).await?;
    if points.is_empty() {
        return Err(PrintError::Nothing);
    }
    let (by, now, download, total) = (admin.staff.id, domain.now(), domain.id(), points.len() as i64);
    let unit_id = unit.id.to_string();
    let said = format!("{} · {} · {total}", unit.name, print.format);
    domain
        .db
        .write(move |c| {
            Box::pin(async move {
                store::print::begin(c, id, download, total, now).await?;
                audit::append(c, now, Some(by), "contact_point.download", &unit_id, &said).await
            })
        })
        .await?;
    let print = Print { total, made: 0, bytes: 0, missing: String::new(), beat_at: Some(now), finished_at: None, ..print };
    let (send, pieces) = mpsc::channel(2);
    tokio::spawn(run(domain.clone(), print.clone(), download, points, send, place));
    Ok((print, unit, Pieces(pieces)))
}

/// Makes the file, and writes down how far it has come, also while nothing moves because the line is slow.
async fn run(domain: Domain, mut print: Print, download: Uuid, points: Vec<ContactPointId>, send: mpsc::Sender<Piece>, _place: OwnedSemaphorePermit) {
    let (id, given) = (print.id, AtomicUsize::new(0));
    let told = |count| given.store(count, Ordering::Relaxed);
    let made = {
        let mut work = pin!(make_file(&domain, print.format, &points, send, &told));
        let mut ticks = time::interval(BEAT);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                made = &mut work => break made,
                _ = ticks.tick() => {
                    let (made, now) = (given.load(Ordering::Relaxed) as i64, domain.now());
                    note(domain.db.write(move |c| Box::pin(async move { store::print::beat(c, id, download, made, now).await })).await);
                }
            }
        }
    };
    match made {
        Ok(made) => {
            print.made = i64::try_from(made.codes).unwrap_or(i64::MAX);
            print.bytes = i64::try_from(made.bytes).unwrap_or(i64::MAX);
            print.missing = made.missing;
            print.finished_at = Some(domain.now());
            note(domain.db.write(move |c| Box::pin(async move { store::print::finish(c, &print, download).await })).await);
        }
        // Whoever fetched it has gone, or stood still for too long.
        Err(PrintError::Paper(PaperError::Write(_))) => {}
        Err(e) => tracing::error!(error = %e, "codes could not be printed"),
    }
}

fn note(written: Result<()>) {
    if let Err(e) = written {
        tracing::error!(error = %e, "how far a print has come could not be written");
    }
}

/// The whole file, piece by piece, with its end only if all of it was made. `told` hears how many codes are on their way.
async fn make_file(
    domain: &Domain,
    format: PrintFormat,
    points: &[ContactPointId],
    send: mpsc::Sender<Piece>,
    told: &(dyn Fn(usize) + Sync),
) -> std::result::Result<Made, PrintError> {
    let gone = || PrintError::Paper(PaperError::Write(io::ErrorKind::BrokenPipe.into()));
    let Press { codes, pieces, done } = Press::start(domain, format)?;
    let (fed, is_sent) = tokio::join!(feed(domain, points, codes, told), forward(pieces, &send));
    fed?;
    let made = done.await.map_err(|_| gone())??;
    if !is_sent {
        return Err(gone());
    }
    send.send(Piece::End).await.map_err(|_| gone())?;
    Ok(made)
}

/// Gives the press its codes. Where it takes no more it has ended, and says why.
async fn feed(domain: &Domain, points: &[ContactPointId], press: mpsc::Sender<Vec<Code>>, told: &(dyn Fn(usize) + Sync)) -> Result<()> {
    let hours = Hours::load(domain).await?;
    for (i, batch) in points.chunks(BATCH).enumerate() {
        if press.send(codes(domain, &hours, batch).await?).await.is_err() {
            break;
        }
        told(i * BATCH + batch.len());
    }
    Ok(())
}

/// Hands on what the press has made; whether somebody took all of it.
async fn forward(mut pieces: mpsc::Receiver<Vec<u8>>, send: &mpsc::Sender<Piece>) -> bool {
    while let Some(bytes) = pieces.recv().await {
        if !matches!(time::timeout(PATIENCE, send.send(Piece::Bytes(bytes))).await, Ok(Ok(()))) {
            return false;
        }
    }
    true
}

/// A thread that makes a file of the codes it is given, and gives way to everything else the machine has to do.
struct Press {
    codes: mpsc::Sender<Vec<Code>>,
    pieces: mpsc::Receiver<Vec<u8>>,
    done: oneshot::Receiver<paper::Result<Made>>,
}

impl Press {
    fn start(domain: &Domain, format: PrintFormat) -> paper::Result<Press> {
        let (codes, mut given) = mpsc::channel::<Vec<Code>>(1);
        let (send, pieces) = mpsc::channel(1);
        let (tell, done) = oneshot::channel();
        let turn = domain.presses.turn.clone();
        let work = move || {
            // On Linux this is for the thread alone.
            let _ = rustix::process::setpriority_process(None, 15);
            let _ = tell.send(print_all(format, &turn, &mut given, &send));
        };
        thread::Builder::new().name("print".to_owned()).spawn(work)?;
        Ok(Press { codes, pieces, done })
    }
}

fn print_all(format: PrintFormat, turn: &Mutex<()>, given: &mut mpsc::Receiver<Vec<Code>>, send: &mpsc::Sender<Vec<u8>>) -> paper::Result<Made> {
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
        send.blocking_send(basket.take()).map_err(|_| gone())?;
    }
    let made = {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        printer.finish()?
    };
    send.blocking_send(basket.take()).map_err(|_| gone())?;
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
    told: impl Fn(usize, usize) + Sync,
) -> std::result::Result<Made, PrintError> {
    let points = store::print::points(&mut domain.db.read().await?, unit, which, domain.now()).await?;
    if points.is_empty() {
        return Err(PrintError::Nothing);
    }
    // Before the first byte, as with a download.
    audit::record(domain, None, "contact_point.print", unit.to_string(), format!("{format} · {}", points.len())).await?;
    let (send, mut pieces) = mpsc::channel(2);
    let writing = task::spawn_blocking(move || {
        while let Some(Piece::Bytes(bytes)) = pieces.blocking_recv() {
            out.write_all(&bytes)?;
        }
        out.flush()
    });
    let made = make_file(domain, format, &points, send, &|count| told(count, points.len())).await;
    // Why it cannot be written says more than that nobody takes it.
    writing.await.map_err(io::Error::other).flatten().map_err(PaperError::Write)?;
    made
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
