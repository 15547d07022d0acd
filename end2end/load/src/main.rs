//! `linli-load`: the instruments that measure a Linli. What a running server acknowledged is always looked up in its database afterwards.

use clap::{Args, Parser, Subcommand};
use load::{
    addresses::{self, Crowd},
    backup,
    codes::{self, Codes},
    growth::{self, Size},
    import, machine, pages,
    person::Errand,
    phase::{self, Phase},
    resident::{self, FURTHER, Street},
    scene::Scene,
    scratch,
    server::Recipe,
    sheets,
    storm::{self, Storm},
    streams::{self, Measured},
    town::Town,
};
use model::At;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use store::Db;

/// Measures a Linli.
#[derive(Parser)]
struct Typed {
    #[command(subcommand)]
    instrument: Instrument,
}

#[derive(Subcommand)]
enum Instrument {
    /// How many messages are stored in a second; every acknowledged one is looked up in the database afterwards
    Sends(Sends),
    /// Builds the reference deployment in an empty database
    Seed(Seed),
    /// What pages cost there
    Pages(Pages),
    /// What everything costs in towns of several sizes
    Growth(Growth),
    /// What a backup costs those who write meanwhile
    Backup(Backup),
    /// Everybody comes at once: an open loop at so many times what the server can do
    Storm(StormArgs),
    /// Two thousand parents behind one address, and one address that never stops asking
    Addresses(Addresses),
    /// Codes for 15,000 posts: made, printed, and every one read from the rendered page
    Codes(CodesArgs),
    /// How soon answers reach the phones that wait for them, and what a waiting phone costs
    Streams(Streams),
    /// Writes Yichang's register as XLSX and CSV: 16,777 units, 15,000 posts, staff and who holds what
    Sheets { folder: PathBuf },
    /// What it costs to bring that register in
    Import(Import),
}

/// A Friday at ten in the morning.
const NOW: i64 = 1_795_140_000_000;

/// A town in a database.
#[derive(Args)]
struct Place {
    /// As sqlite:PATH or postgres://…
    #[arg(long, env = "LINLI_DATABASE_URL", hide_env_values = true)]
    database: String,
    /// The same number gives the same town
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    #[arg(long, default_value_t = 270_000)]
    residents: usize,
    /// As many as this on average
    #[arg(long, default_value_t = 5_000_000)]
    messages: usize,
    /// The last moment in the town, in milliseconds since 1970
    #[arg(long, default_value_t = NOW)]
    now: i64,
}

impl Place {
    fn town(&self) -> Town {
        Town { seed: self.seed, residents: self.residents, messages: self.messages, now: At(self.now) }
    }
}

#[derive(Args)]
struct Seed {
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Pages {
    #[command(flatten)]
    place: Place,
    /// The server to start
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// Readers at the same time
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long for each kind of page
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Pages whose name has this in it, and no others
    #[arg(long, default_value = "")]
    only: String,
}

#[derive(Args)]
struct Growth {
    /// Towns as they were seeded: MESSAGES,RESIDENTS,DATABASE and, if it was not the usual one, their last moment
    #[arg(required = true)]
    sizes: Vec<String>,
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// The server to start
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// How long for each
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Draw it, as SVG
    #[arg(long)]
    picture: Option<PathBuf>,
}

#[derive(Args)]
struct Backup {
    #[command(flatten)]
    place: Place,
    /// The server to start
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// Messages a second
    #[arg(long, default_value_t = 500.0)]
    messages_a_second: f64,
}

#[derive(Args)]
struct StormArgs {
    #[command(flatten)]
    place: Place,
    /// The server to start
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// How long for each multiple
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// People at the same time
    #[arg(long, default_value_t = 2_000)]
    people: usize,
    /// Live streams of workers and residents that are held meanwhile
    #[arg(long, default_value_t = 1_000)]
    watching: usize,
    /// Times what the server can do
    #[arg(long, value_delimiter = ',', default_value = "1,10,100")]
    times: Vec<f64>,
    /// Draw it, as SVG
    #[arg(long)]
    picture: Option<PathBuf>,
}

#[derive(Args)]
struct Addresses {
    #[command(flatten)]
    place: Place,
    /// The server to start
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// Requests of the others in a second
    #[arg(long, default_value_t = 300.0)]
    others: f64,
    /// Requests of the one address in a second
    #[arg(long, default_value_t = 10_000.0)]
    abuse: f64,
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[arg(long, default_value_t = 2_000)]
    parents: u64,
}

#[derive(Args)]
struct Streams {
    #[command(flatten)]
    place: Place,
    /// The server to start
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// Streams at one post while answers are written
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    watched: Vec<usize>,
    /// Streams that only wait; a process may have only so many open files (`ulimit -n`), on both sides
    #[arg(long, default_value_t = 19_000)]
    held: usize,
    /// Answers a second
    #[arg(long, default_value_t = 100.0)]
    answers: f64,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

#[derive(Args)]
struct CodesArgs {
    /// The server to start
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// An empty PostgreSQL database instead of a fresh SQLite one
    #[arg(long, env = "LINLI_DATABASE_URL", hide_env_values = true)]
    database: Option<String>,
    /// Only make and print, without rendering and reading every page
    #[arg(long)]
    unread: bool,
}

#[derive(Args)]
struct Import {
    /// The program that brings it in
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// An empty PostgreSQL database instead of SQLite
    #[arg(long, env = "LINLI_DATABASE_URL", hide_env_values = true)]
    database: Option<String>,
}

#[derive(Args)]
struct Sends {
    /// The server to start, on a fresh database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    /// An empty PostgreSQL database instead
    #[arg(long, env = "LINLI_DATABASE_URL", hide_env_values = true)]
    database: Option<String>,
    /// Clients sending at the same time
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long to send
    #[arg(long, default_value_t = 15)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Typed::parse().instrument {
        Instrument::Sends(typed) => sends(&typed).await,
        Instrument::Seed(typed) => seed(&typed.place).await,
        Instrument::Pages(typed) => pages(&typed).await,
        Instrument::Growth(typed) => growth(&typed).await,
        Instrument::Backup(typed) => backup(&typed).await,
        Instrument::Storm(typed) => storm(&typed).await,
        Instrument::Addresses(typed) => addresses(&typed).await,
        Instrument::Codes(typed) => codes(&typed).await,
        Instrument::Streams(typed) => streams(&typed).await,
        Instrument::Sheets { folder } => sheets::yichang().and_then(|all| all.save(&folder)).map(|()| true),
        Instrument::Import(typed) => import::measure(&typed.binary, typed.database.as_deref()).await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("linli-load: {why}");
            ExitCode::from(2)
        }
    }
}

async fn seed(typed: &Place) -> Result<bool, String> {
    let began = Instant::now();
    let db = Db::open(&typed.database).await.map_err(|e| format!("the database cannot be opened: {e}"))?;
    let is_empty = store::installation::is_empty(&mut db.read().await.map_err(|e| e.to_string())?).await.map_err(|e| e.to_string())?;
    if !is_empty {
        return Err("--database: it is not empty".to_owned());
    }
    let messages = typed.town().build(&db, |stage| eprintln!("{:>6.1} s  {stage}", began.elapsed().as_secs_f64())).await?;
    db.close().await;
    println!("{messages} messages in {:.0} s", began.elapsed().as_secs_f64());
    Ok(true)
}

async fn pages(typed: &Pages) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let town = typed.place.town();
    let mut recipe = Recipe::new(&typed.binary, &typed.place.database, folder.path())?;
    recipe.settings.push(("LINLI_CLOCK", town.now.timestamp().to_string()));
    let server = recipe.start().await?;
    println!("{}\n\nup {:.0} ms after the start, {} kB\n\n{}", machine::line(), server.started_in.as_secs_f64() * 1000.0, server.memory()?, Phase::HEADER);
    let errands: Vec<Errand> = pages::PAGES.into_iter().filter(|errand| errand.name().contains(&typed.only)).collect();
    let phases = pages::measure(town, server.addr, &errands, &[1, typed.clients], typed.seconds).await?;
    phases.iter().for_each(|phase| println!("{}", phase.row()));
    let errors: Vec<String> = phases.iter().flat_map(Phase::errors).collect();
    errors.iter().for_each(|error| println!("{error}"));
    println!("\n{} kB after that", server.memory()?);
    server.stop().await?;
    Ok(errors.is_empty())
}

async fn growth(typed: &Growth) -> Result<bool, String> {
    let size = |text: &String| {
        let mut parts = text.split(',');
        let (messages, residents, database) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        let now = parts.next().map_or(Some(NOW), |now| now.parse().ok())?;
        let town = Town { seed: typed.seed, residents, messages, now: At(now) };
        Some(Size { town, database: database.to_owned() })
    };
    let sizes: Option<Vec<Size>> = typed.sizes.iter().map(size).collect();
    let sizes = sizes.ok_or("sizes: MESSAGES,RESIDENTS,DATABASE and perhaps a moment in milliseconds")?;
    growth::run(&sizes, &typed.binary, typed.seconds, typed.picture.as_deref()).await
}

async fn backup(typed: &Backup) -> Result<bool, String> {
    // Beside the binary: the copy of a large town is large too.
    let folder = tempfile::tempdir_in(typed.binary.parent().unwrap_or(Path::new("."))).map_err(|e| e.to_string())?;
    let mut recipe = Recipe::new(&typed.binary, &typed.place.database, folder.path())?;
    backup::run(typed.place.town(), &mut recipe, typed.messages_a_second).await
}

async fn storm(typed: &StormArgs) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut recipe = Recipe::new(&typed.binary, &typed.place.database, folder.path())?;
    let picture = typed.picture.as_deref();
    let StormArgs { seconds, people, watching, .. } = *typed;
    storm::run(Storm { town: typed.place.town(), seconds, lanes: people, watching, multiples: &typed.times, picture }, &mut recipe).await
}

async fn addresses(typed: &Addresses) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut recipe = Recipe::new(&typed.binary, &typed.place.database, folder.path())?;
    let crowd = Crowd { town: typed.place.town(), per_second: typed.others, abuse: typed.abuse, seconds: typed.seconds, parents: typed.parents };
    addresses::run(crowd, &mut recipe).await
}

async fn codes(typed: &CodesArgs) -> Result<bool, String> {
    let folder = tempfile::tempdir_in(typed.binary.parent().unwrap_or(Path::new("."))).map_err(|e| e.to_string())?;
    let database = typed.database.clone().unwrap_or_else(|| format!("sqlite:{}", folder.path().join("codes.db").display()));
    let town = Town { seed: 2020, residents: 0, messages: 0, now: At(NOW) };
    println!("{}", machine::line());
    codes::run(Codes { town, database: &database, binary: &typed.binary, folder: folder.path(), is_read: !typed.unread }).await
}

async fn streams(typed: &Streams) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut recipe = Recipe::new(&typed.binary, &typed.place.database, folder.path())?;
    let measured = Measured { town: typed.place.town(), watched: typed.watched.clone(), held: typed.held, per_second: typed.answers, seconds: typed.seconds };
    streams::run(measured, &mut recipe).await
}

async fn sends(typed: &Sends) -> Result<bool, String> {
    let scene = Scene::prepare(&typed.binary, typed.database.as_deref())?;
    let server = scene.recipe.start().await?;
    let street = Arc::new(Street::new(server.addr, scene.scan.clone()));
    let (clients, seconds) = (typed.clients, typed.seconds);
    up(&street, "warming up", clients, 1).await?;
    let up = up(&street, "GET /up", clients, seconds).await?;

    // A short run says how many residents the long one needs.
    resident::begin_all(&street, clients, clients * 4).await?;
    let trial = send(&street, clients, seconds).await?;
    let needed = (trial.per_second() * 1.5).ceil() as usize * seconds as usize / FURTHER as usize + clients;
    let first_messages = resident::begin_all(&street, clients, needed).await?;
    let sends = send(&street, clients, seconds).await?;

    street.residents.lock().await.truncate(ONE_CLIENTS_RESIDENTS);
    let have = street.residents.lock().await.len();
    resident::begin_all(&street, clients, ONE_CLIENTS_RESIDENTS - have).await?;
    let one_client = send(&street, 1, seconds).await?;
    server.stop().await?;

    println!("{}\n\n{}", machine::line(), Phase::HEADER);
    let mut phases = vec![up, first_messages, sends, one_client];
    // Without a server there is only SQLite to compare with.
    if typed.database.is_none() {
        phases.extend(scratch::measure(scene.path(), clients, seconds.div_ceil(3)).await?);
    }
    phases.iter().for_each(|phase| println!("{}", phase.row()));
    println!();
    let names = ["GET /up", "", "", "", "one commit per message", "shared commits without HTTP"];
    for (phase, name) in phases.iter().zip(names).filter(|(_, name)| !name.is_empty()) {
        println!("{:<40} {:.2}", format!("sends : {name}"), phases[2].per_second() / phase.per_second());
    }
    phases.iter().flat_map(Phase::errors).for_each(|error| println!("{error}"));
    let comparison = scene.compare(&street).await?;
    println!("\n{}", comparison.row());
    Ok(comparison.is_good())
}

/// Enough further messages for a p99 that means something.
const ONE_CLIENTS_RESIDENTS: usize = 250;

fn after(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

async fn up(street: &Arc<Street>, name: &'static str, clients: usize, seconds: u64) -> Result<Phase, String> {
    let deadline = after(seconds);
    phase::run(name, clients, |_| resident::up(street.clone(), deadline)).await
}

async fn send(street: &Arc<Street>, clients: usize, seconds: u64) -> Result<Phase, String> {
    let deadline = after(seconds);
    phase::run("sends, on the disk when acknowledged", clients, |_| resident::send(street.clone(), deadline)).await
}
