//! Kills the server again and again, in the middle of whatever it does, while many residents write and a few read along.

use crate::{
    streams::Streams,
    verdict::Verdict,
    writers::{Writers, percent},
};
use clap::Args;
use load::scene::Scene;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time;

#[derive(Args)]
pub struct Kills {
    /// The server to start and kill, on a fresh database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Streams that are read along
    #[arg(long, default_value_t = 32)]
    streams: usize,
    /// Ends it by SIGTERM instead
    #[arg(long)]
    gently: bool,
    #[arg(long, default_value_t = 500)]
    kills: usize,
    /// Goes on killing until so many messages are acknowledged
    #[arg(long, default_value_t = 1_000_000)]
    acknowledged: u64,
    /// Who writes; each may write ten messages between two kills
    #[arg(long, default_value_t = 4_000)]
    residents: usize,
    /// Milliseconds in which it has to answer again each time
    #[arg(long)]
    within: Option<u128>,
    /// An empty database instead of SQLite beside the binary
    #[arg(long, env = "LINLI_DATABASE_URL", hide_env_values = true)]
    database: Option<String>,
}

pub async fn run(typed: &Kills) -> Result<Verdict, String> {
    let scene = Scene::prepare(&typed.binary, typed.database.as_deref())?;
    let mut server = scene.recipe.start().await?;
    let street = scene.street(server.addr, typed.clients, typed.residents).await?;
    let streams = Streams::start(&street, typed.streams).await;
    let writers = Writers::start(&street, typed.clients);
    let (began, mut rng, mut starts) = (Instant::now(), StdRng::seed_from_u64(2020), Vec::new());
    while starts.len() < typed.kills || writers.acknowledged() < typed.acknowledged {
        time::sleep(Duration::from_millis(rng.random_range(100..700))).await;
        if typed.gently {
            server.stop().await?;
        } else {
            server.kill().await?;
        }
        server = scene.recipe.start().await?;
        writers.started();
        starts.push(server.started_in.as_millis());
    }
    let mut verdict = Verdict::default();
    verdict.written(writers.stop().await?);
    let seconds = began.elapsed().as_secs_f64();
    verdict.heard(streams.finish(&scene.recipe.database).await?);
    server.stop().await?;
    starts.sort_unstable();
    let how = if typed.gently { "stops" } else { "kills" };
    let start = |share| percent(&starts, share);
    verdict.say(format!(
        "{} {how} in {seconds:.0} s; up again after {} ms (median), {} ms (p99), {} ms (longest)",
        starts.len(),
        start(50),
        start(99),
        start(100)
    ));
    verdict.expect(typed.within.is_none_or(|most| start(100) <= most), "it took too long until it answered again");
    verdict.compared(&scene.compare(&street).await?);
    Ok(verdict)
}
