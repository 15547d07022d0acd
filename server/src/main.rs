//! `linli`: the one program of an installation.

use clap::Parser;
use rustix::{
    fs::Mode,
    process::{nice, umask},
    thread::disable_transparent_huge_pages,
};
use server::{
    commands::{self, Codes, NewAdmin},
    doctor, log, serve,
    settings::{self, AdminCommand, AuditCommand, Cli, Command, Stop},
};
use std::process::ExitCode;

/// A page is thousands of small pieces, made and dropped on several threads: the C library's allocator took a tenth of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// Only to choose how tower-http's flate2 packs.
use flate2 as _;

/// `EX_TEMPFAIL`, as mail servers know it.
const LATER: u8 = 75;

/// How much the threads that answer give way to those that look after connections ([`server::listen`]): by so little that a flood of
/// requests to refuse does not stop them.
const AFTER_THE_DOOR: i32 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let settings = match settings::read(cli.settings) {
        Ok(settings) => settings,
        Err(wrong) => {
            eprintln!("linli: {wrong}");
            // A mail server keeps the mail and tries again once the settings can be read.
            return ExitCode::from(if matches!(cli.command, Command::Bounce) { LATER } else { 2 });
        }
    };
    // Else each thread's first small allocation takes 2 MB: half of the memory of a server that has nothing to do.
    let _ = disable_transparent_huge_pages(true);
    log::start();
    // What people wrote is for this program's user alone: the database, what SQLite puts beside it, the sample's sign-ins.
    umask(Mode::from_raw_mode(0o077));
    // Whoever is turned away hears it at once, while those who were let in may wait a moment for a processor. Not beside PostgreSQL, whose processes
    // would go before them as well: that took a tenth of the messages.
    let gives_way = settings.database_file().is_some();
    let after_the_door = move || {
        if gives_way {
            let _ = nice(AFTER_THE_DOOR);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().on_thread_start(after_the_door).build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("linli: the program could not start its threads: {e}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve { sample } => serve::serve(&settings, sample).await,
            Command::Migrate => commands::migrate(&settings).await,
            Command::Backup { file } => commands::back_up(&settings, file).await,
            Command::Restore { file } => commands::restore(&settings, &file).await,
            Command::Demo { json } => commands::demo(&settings, json).await,
            Command::Bounce => commands::take_bounce(&settings).await,
            Command::Codes { unit, format, out, make, unscanned } => commands::print_codes(&settings, Codes { unit, format, out, make, unscanned }).await,
            Command::Import { file, dry_run, unit, kind, replace, ending } => {
                commands::import(&settings, commands::Ordered { file, is_dry: dry_run, unit, kind, is_replace: replace, ending }).await
            }
            Command::Audit { audit: AuditCommand::Verify { anchor } } => commands::verify_audit(&settings, anchor).await,
            Command::Doctor => Ok(doctor::run(&settings).await?),
            Command::Admin { admin: AdminCommand::ResetSecondFactor { email } } => commands::reset_second_factor(&settings, &email).await,
            Command::Admin { admin: AdminCommand::Create { name, email, unit, password_stdin } } => {
                commands::create_admin(&settings, NewAdmin { name, email, unit, password_from_stdin: password_stdin }).await
            }
        }
    });
    // Nobody waits for a look through a backup; what it leaves is cleared away before the next one.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Setting(wrong)) => {
            eprintln!("linli: {wrong}");
            ExitCode::from(2)
        }
        Err(Stop::Later(wrong)) => {
            eprintln!("linli: {wrong}");
            ExitCode::from(LATER)
        }
        Err(Stop::Failed(wrong)) => {
            eprintln!("linli: {wrong}");
            ExitCode::FAILURE
        }
    }
}
