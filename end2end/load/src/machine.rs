//! Where and when a run took place: rates mean nothing without it.

use crate::now::now;
use std::{fs, process::Command, thread};

/// For instance `AMD EPYC 7B13, 2 cores, Linux 6.1.0, 2026-11-22 14:00 UTC, commit 1a2b3c4`; with `-dirty` where something was changed since.
pub fn line() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = now().timestamp().strftime("%Y-%m-%d %H:%M UTC").to_string();
    let commit = commit().map(|commit| format!(", commit {commit}")).unwrap_or_default();
    format!("{}, {cores} cores, Linux {}, {date}{commit}", processor(), kernel.trim())
}

/// What is checked out where this runs; nothing is built in, so that a commit alone does not build anything anew.
fn commit() -> Option<String> {
    let said = Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).output().ok()?;
    said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

fn processor() -> String {
    let all = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = all.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split_once(':'));
    model.map_or("unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}
