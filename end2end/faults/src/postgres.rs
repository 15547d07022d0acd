//! PostgreSQL stopped as by a power cut and started again, out of reach, silent, and on a disk that is full or broken, while residents write and read along.

use crate::{
    cluster::Cluster,
    proxy::{Mode, Proxy},
    shim::{OPEN, SYNC, Shim, UNTIL_HEALED, WRITE},
    streams::Streams,
    verdict::Verdict,
    writers::{Writers, percent},
};
use clap::Args;
use load::scene::{self, Scene};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::io::Errno;
use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time;

#[derive(Args)]
pub struct Postgres {
    /// The server, on a fresh PostgreSQL beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 32)]
    clients: usize,
    #[arg(long, default_value_t = 2_000)]
    residents: usize,
    #[arg(long, default_value_t = 32)]
    streams: usize,
    #[arg(long, default_value_t = 50)]
    restarts: usize,
    /// For how long PostgreSQL is out of reach, then silent, and then its disk full, and broken
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// In which /up has to notice.
const PATIENCE: Duration = Duration::from_secs(15);

pub async fn run(typed: &Postgres) -> Result<Verdict, String> {
    let (cluster, shim) = Cluster::start_on_a_disk_that_fails(&typed.binary)?;
    let proxy = Proxy::start(cluster.addr).await?;
    let scene = Scene::prepare(&typed.binary, Some(&cluster.url(proxy.addr)))?;
    let server = scene.recipe.start().await?;
    let street = scene.street(server.addr, typed.clients, typed.residents).await?;
    let streams = Streams::start(&street, typed.streams).await;
    let writers = Writers::start(&street, typed.clients);
    let (mut verdict, mut rng, mut ups) = (Verdict::default(), StdRng::seed_from_u64(2020), Vec::new());
    for _ in 0..typed.restarts {
        time::sleep(Duration::from_millis(rng.random_range(300..1000))).await;
        cluster.stop()?;
        time::sleep(Duration::from_millis(rng.random_range(0..300))).await;
        cluster.start_again()?;
        ups.push(scene::until_up(server.addr, true, PATIENCE).await?);
    }
    ups.sort_unstable();
    verdict.say(format!("{} restarts; ok again {} ms (median), {} ms (longest) after PostgreSQL", ups.len(), percent(&ups, 50), percent(&ups, 100)));
    for (mode, name) in [(Mode::Refuse, "out of reach"), (Mode::Hold, "silent")] {
        outage(&proxy, mode, name, server.addr, &writers, Duration::from_secs(typed.seconds), &mut verdict).await?;
    }
    for (error, kinds, name) in [(Errno::NOSPC, WRITE | OPEN, "full"), (Errno::IO, WRITE | SYNC | OPEN, "broken")] {
        shim.fail(error, kinds, 0, UNTIL_HEALED)?;
        disk_outage(&cluster, &shim, name, server.addr, &writers, Duration::from_secs(typed.seconds), &mut verdict).await?;
    }
    verdict.written(writers.stop().await?);
    verdict.heard(streams.finish(&scene.recipe.database).await?);
    server.stop().await?;
    verdict.compared(&scene.compare(&street).await?);
    Ok(verdict)
}

/// PostgreSQL gives up when it cannot write its log, and is started again, as its service does it, once there is room.
async fn disk_outage(
    cluster: &Cluster,
    shim: &Shim,
    name: &str,
    server: SocketAddr,
    writers: &Writers,
    lasts: Duration,
    verdict: &mut Verdict,
) -> Result<(), String> {
    let name = &format!("PostgreSQL's disk {name}");
    let (noticed, acknowledged) = until_over(name, server, writers, lasts, verdict).await?;
    shim.heal()?;
    let (healed, mut gave_up) = (Instant::now(), false);
    // It may still be on its way down.
    while !scene::is_up(server).await {
        if healed.elapsed() > PATIENCE {
            return Err(format!("{name}: /up did not say ok in {} s", PATIENCE.as_secs()));
        }
        if !cluster.is_running() {
            gave_up = true;
            cluster.start_again()?;
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    let recovered = healed.elapsed().as_millis();
    let by_whom = if gave_up { "it gave up and was started again" } else { "it came back by itself" };
    let lasted = lasts.as_secs();
    verdict.say(format!("{name} for {lasted} s: /up says so after {noticed} ms; {by_whom}, and /up is ok {recovered} ms later"));
    writes_again(writers, acknowledged, name, verdict).await;
    Ok(())
}

/// Waits for the end of an outage, in which /up says so and nothing is acknowledged. The milliseconds after which /up noticed, and what was
/// acknowledged by then.
async fn until_over(name: &str, server: SocketAddr, writers: &Writers, lasts: Duration, verdict: &mut Verdict) -> Result<(u128, u64), String> {
    let began = Instant::now();
    let noticed = scene::until_up(server, false, PATIENCE).await?;
    let acknowledged = writers.acknowledged();
    while began.elapsed() < lasts {
        verdict.expect(!scene::is_up(server).await, format!("{name}: /up says ok"));
        time::sleep(Duration::from_millis(200)).await;
    }
    verdict.expect(writers.acknowledged() == acknowledged, format!("{name}: a message was acknowledged meanwhile"));
    Ok((noticed, acknowledged))
}

async fn writes_again(writers: &Writers, acknowledged: u64, name: &str, verdict: &mut Verdict) {
    let deadline = Instant::now() + PATIENCE;
    while writers.acknowledged() == acknowledged && Instant::now() < deadline {
        time::sleep(Duration::from_millis(10)).await;
    }
    verdict.expect(writers.acknowledged() > acknowledged, format!("{name}: nobody could write afterwards"));
}

async fn outage(proxy: &Proxy, mode: Mode, name: &str, server: SocketAddr, writers: &Writers, lasts: Duration, verdict: &mut Verdict) -> Result<(), String> {
    proxy.set(mode);
    let name = &format!("PostgreSQL {name}");
    let (noticed, acknowledged) = until_over(name, server, writers, lasts, verdict).await?;
    proxy.set(Mode::Pass);
    let recovered = scene::until_up(server, true, PATIENCE).await?;
    verdict.say(format!("{name} for {} s: /up says so after {noticed} ms, and ok {recovered} ms after the end", lasts.as_secs()));
    writes_again(writers, acknowledged, name, verdict).await;
    Ok(())
}
