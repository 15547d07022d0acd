//! One node, stopped and started again and again under load behind a socket that systemd holds.

use crate::{browsers::Browsers, verdict::Verdict, writers::percent};
use clap::Args;
use load::scene::Scene;
use std::{
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time;

#[derive(Args)]
pub struct Restarts {
    /// The server, on a fresh database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 16)]
    clients: usize,
    #[arg(long, default_value_t = 1_000)]
    residents: usize,
    #[arg(long, default_value_t = 100)]
    restarts: usize,
}

pub async fn run(typed: &Restarts) -> Result<Verdict, String> {
    let mut scene = Scene::prepare(&typed.binary, None)?;
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    scene.recipe.addr = held.local_addr().map_err(|e| e.to_string())?;
    scene.recipe.socket = Some(Arc::new(held));
    let mut server = scene.recipe.start().await?;
    let street = scene.street(server.addr, typed.clients, typed.residents).await?;
    let browsers = Browsers::start(&street, typed.clients);
    let mut away = Vec::new();
    for _ in 0..typed.restarts {
        time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        server.stop().await?;
        server = scene.recipe.start().await?;
        away.push(began.elapsed().as_millis());
    }
    away.sort_unstable();
    let met = browsers.stop().await?;
    server.stop().await?;
    let mut verdict = Verdict::default();
    let times = format!("from SIGTERM to the first answer {} ms (median), {} ms (longest)", percent(&away, 50), percent(&away, 100));
    verdict.say(format!("{} restarts of one node, {times}; {}", typed.restarts, met.row()));
    verdict.expect(met.errors.is_empty(), format!("browsers saw {:?}", met.errors));
    verdict.compared(&scene.compare(&street).await?);
    Ok(verdict)
}
