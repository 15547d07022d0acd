//! The library between a server and its files and clock (shim.c), and the file that tells it what to do.

use rustix::io::Errno;
use std::{fs, fs::File, os::unix::fs::FileExt, path::Path, process::Command};

/// Which calls are to fail.
pub const WRITE: i64 = 1;
pub const SYNC: i64 = 2;
/// Opening for writing: all of it when the disk is read-only, else new files.
pub const OPEN: i64 = 4;
/// Of these only the calls on the database itself, which happen in checkpoints.
pub const DATABASE_ONLY: i64 = 8;

pub const UNTIL_HEALED: i64 = i64::MAX;

/// Places in the control file, as in shim.c.
const ERROR: u64 = 0;
const KINDS: u64 = 1;
const SKIP: u64 = 2;
const COUNT: u64 = 3;
const FAILURES: u64 = 4;
const SHIFT: u64 = 5;

pub struct Shim {
    control: File,
    settings: Vec<(&'static str, String)>,
}

impl Shim {
    /// Compiles it into the folder, whose files it is for.
    pub fn build(folder: &Path) -> Result<Shim, String> {
        let (source, library, control) = (folder.join("shim.c"), folder.join("shim.so"), folder.join("shim.control"));
        fs::write(&source, include_str!("../shim.c")).map_err(|e| e.to_string())?;
        let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
        if !built.is_ok_and(|status| status.success()) {
            return Err("the shim could not be compiled with cc".to_owned());
        }
        let settings = [("LD_PRELOAD", &library), ("FAULTS_CONTROL", &control)].map(|(name, path)| (name, path.display().to_string()));
        let mut settings = settings.to_vec();
        settings.push(("FAULTS_FOLDER", format!("{}/", folder.display())));
        fs::write(&control, [0; 48]).map_err(|e| e.to_string())?;
        let control = File::options().read(true).write(true).open(&control).map_err(|e| e.to_string())?;
        Ok(Shim { control, settings })
    }

    /// For the server's environment.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        self.settings.clone()
    }

    /// After so many calls of these kinds that go well, so many fail.
    pub fn fail(&self, error: Errno, kinds: i64, after: i64, count: i64) -> Result<(), String> {
        self.heal()?;
        self.set(KINDS, kinds)?;
        self.set(SKIP, after)?;
        self.set(COUNT, count)?;
        self.set(ERROR, i64::from(error.raw_os_error()))
    }

    pub fn heal(&self) -> Result<(), String> {
        self.set(ERROR, 0)
    }

    /// Calls that have failed so far.
    pub fn failures(&self) -> Result<i64, String> {
        let mut number = [0; 8];
        self.control.read_exact_at(&mut number, FAILURES * 8).map_err(|e| e.to_string())?;
        Ok(i64::from_ne_bytes(number))
    }

    /// From now on the server's clock is wrong by so many seconds.
    pub fn shift_clock(&self, seconds: i64) -> Result<(), String> {
        self.set(SHIFT, seconds)
    }

    fn set(&self, place: u64, number: i64) -> Result<(), String> {
        self.control.write_all_at(&number.to_ne_bytes(), place * 8).map_err(|e| e.to_string())
    }
}
