//! `linli-faults`: breaks what Linli stands on while people write, and looks everything that was acknowledged up afterwards.

mod kills;
mod writers;

use clap::{Args, Parser, Subcommand};
use load::{
    ledger, machine,
    resident::{self, Street},
    server::Recipe,
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};
use store::Db;

/// Breaks what a Linli stands on.
#[derive(Parser)]
struct Typed {
    #[command(subcommand)]
    fault: Fault,
}

#[derive(Subcommand)]
enum Fault {
    /// Kills a server again and again while residents write, and looks every acknowledged message up afterwards
    Kills(Kills),
}

#[derive(Args)]
struct Kills {
    /// The server to start and kill, on a fresh database beside it
    #[arg(long, default_value = "target/release/linli")]
    binary: PathBuf,
    #[arg(long, default_value_t = 64)]
    clients: usize,
    #[arg(long, default_value_t = 500)]
    kills: usize,
    /// Goes on killing until so many messages are acknowledged
    #[arg(long, default_value_t = 1_000_000)]
    acknowledged: u64,
    /// Who writes; each may write ten messages between two kills
    #[arg(long, default_value_t = 4_000)]
    residents: usize,
    /// An empty database instead of SQLite beside the binary
    #[arg(long, env = "LINLI_DATABASE_URL", hide_env_values = true)]
    database: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Typed::parse().fault {
        Fault::Kills(typed) => kill(&typed).await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("linli-faults: {why}");
            ExitCode::from(2)
        }
    }
}

async fn kill(typed: &Kills) -> Result<bool, String> {
    // Beside the binary and not in /tmp, which may be memory: a commit has to reach a disk.
    let beside = typed.binary.parent().unwrap_or(Path::new("."));
    let folder = tempfile::tempdir_in(beside).map_err(|e| e.to_string())?;
    let database = typed.database.clone().unwrap_or_else(|| format!("sqlite:{}", folder.path().join("linli.db").display()));
    let recipe = Recipe::new(&typed.binary, &database, folder.path())?;
    let scan = recipe.sample()?;
    let server = recipe.start().await?;
    let street = Arc::new(Street::new(server.addr, scan));
    resident::begin_all(&street, typed.clients, typed.residents).await?;
    street.ledger.lock().await.acknowledged.clear();

    let began = Instant::now();
    let (server, run) = kills::run(&recipe, server, &street, typed.clients, typed.kills, typed.acknowledged).await?;
    let seconds = began.elapsed().as_secs_f64();
    server.stop().await?;

    let db = Db::open(&database).await.map_err(|e| format!("the database cannot be opened: {e}"))?;
    let mut ledger = street.ledger.lock().await;
    ledger.first_are_others = true;
    let comparison = ledger::compare(&db, &ledger).await.map_err(|e| format!("the database cannot be read: {e}"))?;
    db.close().await;
    let start = |share: usize| run.starts.get((run.starts.len() * share / 100).min(run.starts.len().saturating_sub(1))).copied().unwrap_or_default();
    println!("{}\n", machine::line());
    println!("{} kills in {seconds:.0} s; up again after {} ms (median), {} ms (p99), {} ms (longest)", run.kills, start(50), start(99), start(100));
    println!("{} acknowledged, {} of them sent again, {} attempts without an answer", run.written.acknowledged, run.written.repeated, run.written.retried);
    println!("{}", comparison.row());
    run.written.wrong.iter().take(10).for_each(|wrong| println!("{wrong}"));
    Ok(comparison.is_good() && run.written.wrong.is_empty())
}
