//! Where and when a run took place: rates mean nothing without it.

use crate::now::now;
use std::{fs, thread};

/// For instance `AMD EPYC 7B13, 2 cores, Linux 6.1.0, 2026-11-22 14:00 UTC`.
pub fn line() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = now().timestamp().strftime("%Y-%m-%d %H:%M UTC").to_string();
    format!("{}, {cores} cores, Linux {}, {date}", processor(), kernel.trim())
}

fn processor() -> String {
    let all = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = all.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split_once(':'));
    model.map_or("unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}
