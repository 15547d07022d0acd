//! A disk that fails: each single call of a send and of a first message, and many of a checkpoint, once; single calls while many write; and a disk that is
//! full, broken or read-only for seconds and then well again.

use crate::{
    shim::{DATABASE_ONLY, OPEN, SYNC, Shim, UNTIL_HEALED, WRITE},
    verdict::Verdict,
    writers::Writers,
};
use clap::Args;
use load::{
    http::{Connection, Reply},
    ledger::Entry,
    now::new_id,
    resident::Street,
    scene::{self, Scene},
};
use model::ClientKey;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::io::Errno;
use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time;

#[derive(Args)]
pub struct Disk {
    /// The server, on a fresh SQLite database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 32)]
    clients: usize,
    #[arg(long, default_value_t = 2_000)]
    residents: usize,
    /// Single failures while many write
    #[arg(long, default_value_t = 500)]
    failures: usize,
    /// Single failures in checkpoints
    #[arg(long, default_value_t = 40)]
    checkpoints: i64,
    /// For how long the disk is full, broken or read-only
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

const ERRORS: [(Errno, &str); 2] = [(Errno::IO, "an I/O error"), (Errno::NOSPC, "no space")];

pub async fn run(typed: &Disk) -> Result<Verdict, String> {
    let mut scene = Scene::prepare(&typed.binary, None)?;
    let shim = Shim::build(scene.path())?;
    scene.recipe.settings = shim.settings();
    let mut server = scene.recipe.start().await?;
    let street = scene.street(server.addr, typed.clients, typed.residents).await?;
    let mut verdict = Verdict::default();

    for (error, name) in ERRORS {
        let sends = every_call_of_a_send(&shim, error, &street, &mut verdict).await?;
        let firsts = every_call_of_a_first_message(&shim, error, &street, &mut verdict).await?;
        verdict.say(format!("{name} at each of {sends} calls of a send and {firsts} of a first message, each sent again afterwards"));
    }
    // What stands in the log of a commit that failed must do no harm to whoever reads the log anew.
    server.kill().await?;
    let server = scene.recipe.start().await?;

    let writers = Writers::start(&street, typed.clients);
    let mut rng = StdRng::seed_from_u64(2020);
    for round in 0..typed.failures {
        one_fails(&shim, ERRORS[round % 2].0, WRITE | SYNC, rng.random_range(0..300)).await?;
    }
    for after in 0..typed.checkpoints {
        one_fails(&shim, ERRORS[after as usize % 2].0, WRITE | SYNC | DATABASE_ONLY, after).await?;
    }
    verdict.say(format!("{} calls failed while {} clients wrote, and {} in checkpoints", typed.failures, typed.clients, typed.checkpoints));
    let seconds = Duration::from_secs(typed.seconds);
    for outage in OUTAGES {
        outage.under(&writers, &scene, &shim, &street, seconds, &mut verdict).await?;
    }
    verdict.written(writers.stop().await?);
    for outage in OUTAGES {
        outage.while_nobody_writes(server.addr, &shim, &mut verdict).await?;
    }

    let (is_whole, said) = scene.command("backup").await?;
    verdict.expect(is_whole, format!("the database is not whole: {said}"));
    server.stop().await?;
    verdict.compared(&scene.compare(&street).await?);
    Ok(verdict)
}

/// Fails the first call of a send, then the second of the next, until one meets no failure; how many there were.
async fn every_call_of_a_send(shim: &Shim, error: Errno, street: &Street, verdict: &mut Verdict) -> Result<i64, String> {
    for nth in 0.. {
        let resident = street.residents.lock().await.pop_front().ok_or("there are too few residents")?;
        let (number, text) = street.write();
        let (path, key) = (format!("/c/{}", resident.conversation), ClientKey(new_id()));
        let (taken, has_failed) = sent_twice(shim, error, nth, street, &path, &resident.cookie, key, &text, verdict).await?;
        let seq = String::from_utf8_lossy(&taken.body).parse().map_err(|_| "no sequence number came back")?;
        street.ledger.lock().await.acknowledged.push(Entry { number, conversation: resident.conversation, seq, key: key.with(&text), text });
        street.residents.lock().await.push_back(resident);
        if !has_failed {
            return Ok(nth);
        }
    }
    Ok(0)
}

/// The same for somebody who has just scanned.
async fn every_call_of_a_first_message(shim: &Shim, error: Errno, street: &Street, verdict: &mut Verdict) -> Result<i64, String> {
    for nth in 0.. {
        let page = connected(street).await?.get(&street.scan).await.map_err(|e| e.to_string())?;
        let cookie = page.cookie.ok_or("the sticker's page sets no cookie")?;
        let (_, text) = street.write();
        let (taken, has_failed) = sent_twice(shim, error, nth, street, &street.scan, &cookie, ClientKey(new_id()), &text, verdict).await?;
        let conversation = taken.location.unwrap_or_default();
        let shown = connected(street).await?.get_as(&conversation, &cookie).await.map_err(|e| e.to_string())?;
        verdict.expect(shown.status == 200, format!("a first message is not there: status {}", shown.status));
        if !has_failed {
            return Ok(nth);
        }
    }
    Ok(0)
}

/// Sends with a failure at the nth call and, if the answer is an error, once more without; the answer that took it, and whether a call failed.
#[allow(clippy::too_many_arguments)]
async fn sent_twice(
    shim: &Shim,
    error: Errno,
    nth: i64,
    street: &Street,
    path: &str,
    cookie: &str,
    key: ClientKey,
    text: &str,
    verdict: &mut Verdict,
) -> Result<(Reply, bool), String> {
    let (key, before) = (key.to_string(), shim.failures()?);
    let fields = [("key", key.as_str()), ("text", text)];
    let mut connection = connected(street).await?;
    shim.fail(error, WRITE | SYNC | OPEN, nth, 1)?;
    let first = connection.post(path, cookie, &fields).await.map_err(|e| format!("no answer when call {nth} failed: {e}"))?;
    shim.heal()?;
    let has_failed = shim.failures()? > before;
    if is_taken(&first) {
        return Ok((first, has_failed));
    }
    verdict.expect(has_failed && first.status >= 500, format!("status {} when call {nth} failed", first.status));
    let second = connection.post(path, cookie, &fields).await.map_err(|e| e.to_string())?;
    if is_taken(&second) { Ok((second, has_failed)) } else { Err(format!("status {} after call {nth} had failed", second.status)) }
}

fn is_taken(reply: &Reply) -> bool {
    matches!(reply.status, 200 | 303)
}

async fn connected(street: &Street) -> Result<Connection, String> {
    Connection::open(street.host).await.map_err(|e| e.to_string())
}

/// One call fails, after so many others; returns when it has.
async fn one_fails(shim: &Shim, error: Errno, kinds: i64, after: i64) -> Result<(), String> {
    let (before, began) = (shim.failures()?, Instant::now());
    shim.fail(error, kinds, after, 1)?;
    while shim.failures()? == before {
        if began.elapsed() > Duration::from_secs(120) {
            return Err("no call failed in two minutes".to_owned());
        }
        time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// What is wrong with the disk for a while.
#[derive(Clone, Copy)]
struct Outage {
    name: &'static str,
    error: Errno,
    kinds: i64,
}

const OUTAGES: [Outage; 3] = [
    Outage { name: "disk full", error: Errno::NOSPC, kinds: WRITE | OPEN },
    Outage { name: "disk broken", error: Errno::IO, kinds: WRITE | SYNC | OPEN },
    Outage { name: "disk read-only", error: Errno::ROFS, kinds: WRITE | OPEN },
];

/// Longer than a commit speaks for the disk, and the time to ask.
const PATIENCE: Duration = Duration::from_secs(5);

impl Outage {
    async fn under(self, writers: &Writers, scene: &Scene, shim: &Shim, street: &Street, lasts: Duration, verdict: &mut Verdict) -> Result<(), String> {
        let name = self.name;
        shim.fail(self.error, self.kinds, 0, UNTIL_HEALED)?;
        let began = Instant::now();
        let noticed = scene::until_up(street.host, false, PATIENCE).await?;
        let acknowledged = writers.acknowledged();
        let resident = street.residents.lock().await.pop_back().ok_or("there are too few residents")?;
        let read = connected(street).await?.get_as(&format!("/c/{}", resident.conversation), &resident.cookie).await.map_err(|e| e.to_string())?;
        street.residents.lock().await.push_back(resident);
        verdict.expect(read.status == 200, format!("{name}: status {} for reading", read.status));
        let (is_well, said) = scene.command("doctor").await?;
        verdict.expect(!is_well && said.contains("✗ Database"), format!("{name}: the doctor did not notice: {said}"));
        while began.elapsed() < lasts {
            verdict.expect(!scene::is_up(street.host).await, format!("{name}: /up says ok"));
            time::sleep(Duration::from_millis(100)).await;
        }
        verdict.expect(writers.acknowledged() == acknowledged, format!("{name}: a message was acknowledged meanwhile"));
        shim.heal()?;
        let recovered = scene::until_up(street.host, true, PATIENCE).await?;
        let (_, said) = scene.command("doctor").await?;
        verdict.expect(said.contains("✓ Database"), format!("{name}: the doctor did not notice the end: {said}"));
        let deadline = Instant::now() + PATIENCE;
        while writers.acknowledged() == acknowledged && Instant::now() < deadline {
            time::sleep(Duration::from_millis(10)).await;
        }
        verdict.expect(writers.acknowledged() > acknowledged, format!("{name}: nobody could write afterwards"));
        verdict.say(format!("{name} for {} s: /up says so after {noticed} ms, and ok {recovered} ms after the end; reading goes on", lasts.as_secs()));
        Ok(())
    }

    async fn while_nobody_writes(self, addr: SocketAddr, shim: &Shim, verdict: &mut Verdict) -> Result<(), String> {
        shim.fail(self.error, self.kinds, 0, UNTIL_HEALED)?;
        let noticed = scene::until_up(addr, false, PATIENCE).await?;
        shim.heal()?;
        let recovered = scene::until_up(addr, true, PATIENCE).await?;
        verdict.say(format!("{} while nobody writes: /up says so after {noticed} ms, and ok {recovered} ms after the end", self.name));
        Ok(())
    }
}
