//! A system clock that jumps back and forth by hours while residents write, read along, and a worker stays signed in.

use crate::{shim::Shim, streams::Streams, verdict::Verdict, writers::Writers};
use clap::Args;
use load::{
    http::Connection,
    ledger::Entry,
    now::new_id,
    resident::{Resident, Street},
    scene::{self, Scene},
};
use model::ClientKey;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time;

#[derive(Args)]
pub struct Clock {
    /// The server, on a fresh SQLite database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 16)]
    clients: usize,
    #[arg(long, default_value_t = 2_000)]
    residents: usize,
    #[arg(long, default_value_t = 32)]
    streams: usize,
    /// How often the clock jumps
    #[arg(long, default_value_t = 100)]
    steps: usize,
}

/// Hours by which the clock is wrong, one after the other.
const HOURS: [i64; 8] = [3, -2, 6, 0, -6, 24, -24, 0];

pub async fn run(typed: &Clock) -> Result<Verdict, String> {
    let mut scene = Scene::prepare(&typed.binary, None)?;
    let shim = Shim::build(scene.path())?;
    scene.recipe.settings = shim.settings();
    let server = scene.recipe.start().await?;
    let street = scene.street(server.addr, typed.clients, typed.residents).await?;
    let session = scene.sign_in(server.addr).await?;
    // Each writes again some jumps after the last time: what limits a device must not wait for the clock.
    let regulars = street.residents.lock().await.split_off(typed.residents - (typed.steps / 5 + 1));
    let streams = Streams::start(&street, typed.streams).await;
    let writers = Writers::start(&street, typed.clients);
    let mut verdict = Verdict::default();
    for (hours, regular) in HOURS.iter().cycle().zip(regulars.iter().cycle()).take(typed.steps) {
        let acknowledged = writers.acknowledged();
        shim.shift_clock(hours * 60 * 60)?;
        time::sleep(Duration::from_millis(300)).await;
        let inbox = async { Connection::open(server.addr).await?.get_as("/inbox", &session).await };
        let status = inbox.await.map_err(|e| e.to_string())?.status;
        verdict.expect(status == 200, format!("status {status} for the inbox of somebody signed in, with the clock {hours} hours off"));
        let taken = write_once(&street, regular).await?;
        verdict.expect(taken == 200, format!("status {taken} for a message with the clock {hours} hours off"));
        let deadline = Instant::now() + Duration::from_secs(10);
        while writers.acknowledged() == acknowledged && Instant::now() < deadline {
            time::sleep(Duration::from_millis(10)).await;
        }
        verdict.expect(writers.acknowledged() > acknowledged, format!("nobody could write with the clock {hours} hours off"));
    }
    verdict.say(format!("{} jumps of the clock by up to 48 hours, a worker signed in all the time", typed.steps));
    verdict.written(writers.stop().await?);
    verdict.heard(streams.finish(&scene.recipe.database).await?);
    let before = server.processor_time()?;
    time::sleep(Duration::from_secs(2)).await;
    let busy = server.processor_time()?.saturating_sub(before);
    verdict.expect(busy < Duration::from_millis(500), format!("with nothing to do the server was busy for {} ms of 2 s", busy.as_millis()));
    verdict.expect(scene::is_up(server.addr).await, "/up does not say ok afterwards");
    let log = fs::read_to_string(scene.path().join("log")).map_err(|e| e.to_string())?;
    verdict.expect(!log.contains("panicked"), "the server panicked");
    server.stop().await?;
    verdict.compared(&scene.compare(&street).await?);
    Ok(verdict)
}

async fn write_once(street: &Street, resident: &Resident) -> Result<u16, String> {
    let ((number, text), key) = (street.write(), ClientKey(new_id()));
    let (path, fields) = (format!("/c/{}", resident.conversation), [("key", key.to_string()), ("text", text.clone())]);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sent = async { Connection::open(street.host).await?.post(&path, &resident.cookie, &fields).await };
    let reply = sent.await.map_err(|e| e.to_string())?;
    if let Ok(seq) = String::from_utf8_lossy(&reply.body).parse() {
        street.ledger.lock().await.acknowledged.push(Entry { number, conversation: resident.conversation, seq, key: key.with(&text), text });
    }
    Ok(reply.status)
}
