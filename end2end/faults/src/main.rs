//! `linli-faults`: breaks what Linli stands on while people write, and looks everything that was acknowledged up afterwards.

mod kills;
mod writers;

use clap::{Args, Parser, Subcommand};
use load::{machine, resident, server::Own};
use std::{path::PathBuf, process::ExitCode, time::Instant};

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
    let own = Own::new(&typed.binary, typed.database.as_deref())?;
    let (server, street) = own.start().await?;
    resident::begin_all(&street, typed.clients, typed.residents).await?;
    street.ledger.lock().await.acknowledged.clear();
    street.ledger.lock().await.first_are_others = true;

    let began = Instant::now();
    let (server, run) = kills::run(&own.recipe, server, &street, typed.clients, typed.kills, typed.acknowledged).await?;
    let seconds = began.elapsed().as_secs_f64();
    server.stop().await?;

    let comparison = own.compare(&street).await?;
    let start = |share: usize| run.starts.get((run.starts.len() * share / 100).min(run.starts.len().saturating_sub(1))).copied().unwrap_or_default();
    println!("{}\n", machine::line());
    println!("{} kills in {seconds:.0} s; up again after {} ms (median), {} ms (p99), {} ms (longest)", run.kills, start(50), start(99), start(100));
    println!("{} acknowledged, {} of them sent again, {} attempts without an answer", run.written.acknowledged, run.written.repeated, run.written.retried);
    println!("{}", comparison.row());
    run.written.wrong.iter().take(10).for_each(|wrong| println!("{wrong}"));
    Ok(comparison.is_good() && run.written.wrong.is_empty())
}
