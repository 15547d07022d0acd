//! Live streams: how soon a worker's answer reaches the phone that waits for it while thousands wait at the same post, and what a stream costs
//! that only waits.

use crate::{
    http::{Connection, Stream},
    machine,
    now::new_id,
    open::{self, Lane, Outcome, Stage},
    resident::{self, Resident, Street},
    server::{Recipe, Server},
    town::Town,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time,
};

/// The busiest grid.
const GRID: usize = 0;
/// Phones that connect at the same moment.
const AT_ONCE: usize = 256;

pub struct Measured {
    pub town: Town,
    /// How many streams stand open while answers are written, once for each number.
    pub watched: Vec<usize>,
    /// How many are held at most.
    pub held: usize,
    /// Answers a second, and for how long.
    pub per_second: f64,
    pub seconds: u64,
}

pub async fn run(measured: Measured, recipe: &mut Recipe) -> Result<bool, String> {
    recipe.settings.push(("LINLI_CLOCK", measured.town.now.timestamp().to_string()));
    let server = recipe.start().await?;
    println!("{}\n", machine::line());
    let street = Arc::new(Street::new(server.addr, format!("/q/{}", measured.town.code(GRID))));
    let most = measured.watched.iter().copied().max().unwrap_or(0).max(measured.held.div_ceil(2));
    resident::begin_all(&street, 64, most).await?;
    let residents: Arc<Vec<Resident>> = Arc::new(street.residents.lock().await.drain(..).collect());
    let mut is_good = hold(&server, &residents, measured.held).await?;
    for count in &measured.watched {
        is_good &= fan_out(&measured, &server, &residents, *count).await?;
    }
    server.stop().await?;
    Ok(is_good)
}

/// So many streams, over and over one of each resident's.
async fn connect(server: &Server, residents: &Arc<Vec<Resident>>, count: usize) -> (Vec<Stream>, Vec<String>, Duration) {
    let (gate, began) = (Arc::new(Semaphore::new(AT_ONCE)), Instant::now());
    let mut tasks: JoinSet<Result<Stream, String>> = JoinSet::new();
    for n in 0..count {
        let (gate, residents, addr) = (gate.clone(), residents.clone(), server.addr);
        tasks.spawn(async move {
            let _turn = gate.acquire().await.map_err(|e| e.to_string())?;
            let Resident { cookie, conversation } = &residents[n % residents.len()];
            let connection = Connection::open_from(addr, resident::loopback(n)).await.map_err(|e| e.to_string())?;
            connection.stream(&format!("/c/{conversation}/live?after=1"), cookie).await.map_err(|e| e.to_string())
        });
    }
    let (mut streams, mut errors) = (Vec::with_capacity(count), Vec::new());
    while let Some(ended) = tasks.join_next().await {
        match ended.map_err(|e| e.to_string()).and_then(|opened| opened) {
            Ok(stream) => streams.push(stream),
            Err(e) => errors.push(e),
        }
    }
    (streams, errors, began.elapsed())
}

/// What a worker writes; readers find its number.
const ANSWER: &str = "已经通知维修师傅，今天下午去看。回复";

struct Worker {
    town: Town,
    addr: std::net::SocketAddr,
    residents: Arc<Vec<Resident>>,
    watched: usize,
    connection: Option<Connection>,
}

impl Worker {
    async fn answer(&mut self, number: u64) -> std::io::Result<u16> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(self.addr).await?);
        }
        let Some(open) = self.connection.as_mut() else { return Err(std::io::ErrorKind::NotConnected.into()) };
        // One resident after another, far from each other.
        let to = &self.residents[(number as usize).wrapping_mul(7919) % self.watched];
        let (key, text) = (new_id().to_string(), format!("{ANSWER}{}-{number}。", self.watched));
        let cookie = format!("session={}", self.town.session_key(GRID));
        Ok(open.post(&format!("/inbox/{}", to.conversation), &cookie, &[("key", &key), ("text", &text)]).await?.status)
    }
}

impl Lane for Worker {
    async fn request(&mut self, number: u64) -> (u8, Outcome) {
        match self.answer(number).await {
            Ok(200 | 303) => (0, Outcome::Done),
            Ok(_) => (0, Outcome::Failed),
            Err(_) => {
                self.connection = None;
                (0, Outcome::Failed)
            }
        }
    }

    fn kind(&self, _: u64) -> u8 {
        0
    }
}

/// Numbers of the answers a stream gets, each with the moment it came.
async fn read(mut stream: Stream, watched: usize, heard: mpsc::UnboundedSender<(u64, time::Instant)>) {
    // Others stand in the conversation from the round before.
    let answer = format!("{ANSWER}{watched}-");
    while let Ok(line) = stream.line().await {
        let Some((_, rest)) = line.split_once(&answer) else { continue };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(number) = digits.parse() {
            let _ = heard.send((number, time::Instant::now()));
        }
    }
}

async fn fan_out(measured: &Measured, server: &Server, residents: &Arc<Vec<Resident>>, count: usize) -> Result<bool, String> {
    let (streams, errors, took) = connect(server, residents, count).await;
    // Each looks twice when it begins.
    time::sleep(Duration::from_secs(3)).await;
    let (heard, mut hears) = mpsc::unbounded_channel();
    let mut readers: JoinSet<()> = streams.into_iter().map(|stream| read(stream, count, heard.clone())).collect();
    drop(heard);
    let stages = Arc::new(vec![Stage { name: "answers".to_owned(), per_second: measured.per_second, seconds: measured.seconds }]);
    let worker = || Worker { town: measured.town, addr: server.addr, residents: residents.clone(), watched: count, connection: None };
    let start = time::Instant::now();
    let samples = open::run(start, stages.clone(), (0..32).map(|_| worker()).collect()).await?;
    time::sleep(Duration::from_secs(1)).await;
    readers.abort_all();
    while readers.join_next().await.is_some() {}
    let mut micros = Vec::new();
    while let Ok((number, at)) = hears.try_recv() {
        let meant = start + open::moment(&stages, number).unwrap_or_default();
        micros.push(u32::try_from((at - meant).as_micros()).unwrap_or(u32::MAX));
    }
    micros.sort_unstable();
    let sent = samples.iter().filter(|s| s.outcome == Outcome::Done).count();
    println!(
        "{count} streams at one post, {} answers a second: {sent} of {} sent, {} heard; p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms from the moment meant; connected in {:.1} s, {} errors",
        measured.per_second,
        samples.len(),
        micros.len(),
        open::millis(&micros, 0.5),
        open::millis(&micros, 0.99),
        open::millis(&micros, 1.0),
        took.as_secs_f64(),
        errors.len()
    );
    errors.iter().take(3).for_each(|e| println!("  {e}"));
    Ok(errors.is_empty() && sent == samples.len() && micros.len() == sent)
}

async fn hold(server: &Server, residents: &Arc<Vec<Resident>>, count: usize) -> Result<bool, String> {
    // Who has just begun to write is still being served.
    time::sleep(Duration::from_secs(3)).await;
    let before = server.memory()?;
    let (streams, errors, took) = connect(server, residents, count).await;
    time::sleep(Duration::from_secs(3)).await;
    let after = server.memory()?;
    println!(
        "{} streams held: {after} kB, {:.1} kB each beyond the {before} kB before; connected in {:.1} s, {} errors",
        streams.len(),
        after.saturating_sub(before) as f64 / streams.len().max(1) as f64,
        took.as_secs_f64(),
        errors.len()
    );
    errors.iter().take(3).for_each(|e| println!("  {e}"));
    Ok(errors.is_empty())
}
