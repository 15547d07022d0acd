//! Cuts connections after a random number of bytes, in the middle of requests, answers and streams.

use crate::{
    proxy::{Mode, Proxy},
    streams::Streams,
    verdict::Verdict,
    writers::Writers,
};
use clap::Args;
use load::scene::Scene;
use std::{path::PathBuf, time::Duration};
use tokio::time;

#[derive(Args)]
pub struct Cuts {
    /// The server, on a fresh database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 64)]
    clients: usize,
    #[arg(long, default_value_t = 2_000)]
    residents: usize,
    /// Streams that are read along
    #[arg(long, default_value_t = 32)]
    streams: usize,
    #[arg(long, default_value_t = 10_000)]
    cuts: usize,
    /// Bytes after which a connection is cut at the latest
    #[arg(long, default_value_t = 4_000)]
    bytes: usize,
}

pub async fn run(typed: &Cuts) -> Result<Verdict, String> {
    let scene = Scene::prepare(&typed.binary, None)?;
    let server = scene.recipe.start().await?;
    let proxy = Proxy::start(server.addr).await?;
    let street = scene.street_behind(proxy.addr, server.addr, typed.clients, typed.residents).await?;
    proxy.set(Mode::Cut(typed.bytes));
    let streams = Streams::start(&street, typed.streams).await;
    let writers = Writers::start(&street, typed.clients);
    while proxy.cuts() < typed.cuts {
        time::sleep(Duration::from_millis(20)).await;
    }
    let mut verdict = Verdict::default();
    verdict.written(writers.stop().await?);
    verdict.say(format!("{} connections cut after at most {} bytes", proxy.cuts(), typed.bytes));
    proxy.set(Mode::Pass);
    verdict.heard(streams.finish(&scene.recipe.database).await?);
    server.stop().await?;
    verdict.compared(&scene.compare(&street).await?);
    Ok(verdict)
}
