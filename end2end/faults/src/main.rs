//! `linli-faults`: breaks what Linli stands on while people write, and looks everything that was acknowledged up afterwards.

mod browsers;
mod clock;
mod cluster;
mod cuts;
mod disk;
mod haproxy;
mod kills;
mod mails;
mod nodes;
mod postgres;
mod proxy;
mod restarts;
mod shim;
mod slow;
mod smtp;
mod streams;
mod verdict;
mod writers;

use clap::{Parser, Subcommand};
use load::machine;
use std::process::ExitCode;

/// Breaks what a Linli stands on.
#[derive(Parser)]
struct Typed {
    #[command(subcommand)]
    fault: Fault,
}

#[derive(Subcommand)]
enum Fault {
    /// Kills a server again and again while residents write, and looks every acknowledged message up afterwards
    Kills(kills::Kills),
    /// Lets writes to the disk fail: each alone, the disk full, broken or read-only for a while
    Disk(disk::Disk),
    /// Kills the worker that sends mails while the mail server refuses, stalls and drops
    Mails(mails::Mails),
    /// Cuts connections in the middle of requests, answers and streams
    Cuts(cuts::Cuts),
    /// Stops PostgreSQL as by a power cut, puts it out of reach, lets it fall silent, lets its disk be full and broken
    Postgres(postgres::Postgres),
    /// Two nodes behind HAProxy: one killed again and again, rolling restarts, a rolling upgrade
    Nodes(nodes::Nodes),
    /// Stops and starts one node again and again behind a socket that stays open
    Restarts(restarts::Restarts),
    /// Hundreds who write one byte a second or never read, beside browsers that behave
    Slow(slow::Slow),
    /// Lets the clock jump back and forth by hours
    Clock(clock::Clock),
}

#[tokio::main]
async fn main() -> ExitCode {
    println!("{}\n", machine::line());
    let outcome = match Typed::parse().fault {
        Fault::Kills(typed) => kills::run(&typed).await,
        Fault::Disk(typed) => disk::run(&typed).await,
        Fault::Mails(typed) => mails::run(&typed).await,
        Fault::Cuts(typed) => cuts::run(&typed).await,
        Fault::Postgres(typed) => postgres::run(&typed).await,
        Fault::Nodes(typed) => nodes::run(&typed).await,
        Fault::Restarts(typed) => restarts::run(&typed).await,
        Fault::Slow(typed) => slow::run(&typed).await,
        Fault::Clock(typed) => clock::run(&typed).await,
    };
    match outcome {
        Ok(verdict) if verdict.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("linli-faults: {why}");
            ExitCode::from(2)
        }
    }
}
