//! A PostgreSQL of one's own, with everything on the disk that a commit promises: started, stopped as by a power cut, and gone at the end.

use crate::shim::Shim;
use load::{now::new_id, scene};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

pub struct Cluster {
    pub addr: SocketAddr,
    password: String,
    programs: PathBuf,
    folder: TempDir,
    /// For the environment it runs in.
    settings: Vec<(&'static str, String)>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

impl Cluster {
    /// In a folder beside the server's binary.
    pub fn start(binary: &Path) -> Result<Cluster, String> {
        Cluster::begin(Cluster::new(binary)?)
    }

    /// The same on a disk that can be told to fail.
    pub fn start_on_a_disk_that_fails(binary: &Path) -> Result<(Cluster, Shim), String> {
        let mut cluster = Cluster::new(binary)?;
        let shim = Shim::build(cluster.folder.path())?;
        cluster.settings = shim.settings();
        Ok((Cluster::begin(cluster)?, shim))
    }

    fn new(binary: &Path) -> Result<Cluster, String> {
        let (folder, password) = (scene::folder(binary)?, new_id().simple().to_string());
        fs::write(folder.path().join("password"), &password).map_err(|e| e.to_string())?;
        Ok(Cluster { addr: load::server::free_address()?, password, programs: programs()?, folder, settings: Vec::new() })
    }

    fn begin(cluster: Cluster) -> Result<Cluster, String> {
        if rustix::process::geteuid().is_root() {
            let given = Command::new("chown").args(["-R", "postgres"]).arg(cluster.folder.path()).status();
            given.map_err(|e| e.to_string())?;
        }
        cluster.run("initdb", &["-D", "data", "-U", "linli", "--pwfile=password", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"])?;
        cluster.start_again()?;
        Ok(cluster)
    }

    pub fn start_again(&self) -> Result<(), String> {
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -k '' -c max_connections=120", self.addr.port());
        self.run("pg_ctl", &["-D", "data", "-s", "-w", "-l", "log", "-o", &options, "start"])
    }

    /// Whether it runs, or is coming up again by itself.
    pub fn is_running(&self) -> bool {
        self.run("pg_ctl", &["-D", "data", "status"]).is_ok()
    }

    /// At once, as when the power fails; the next start recovers.
    pub fn stop(&self) -> Result<(), String> {
        self.run("pg_ctl", &["-D", "data", "-s", "-w", "-m", "immediate", "stop"])
    }

    /// By way of this address.
    pub fn url(&self, addr: SocketAddr) -> String {
        format!("postgres://linli:{}@{addr}/postgres", self.password)
    }

    pub fn sql(&self, statement: &str) -> Result<(), String> {
        self.run("psql", &[&self.url(self.addr), "-q", "-v", "ON_ERROR_STOP=1", "-c", statement])
    }

    /// From its own folder, and never as root, which PostgreSQL refuses.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let path = self.programs.join(program);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        let status = command.args(arguments).envs(self.settings.iter().cloned()).current_dir(self.folder.path()).stdout(Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("{program}: {other:?}")),
        }
    }
}

fn programs() -> Result<PathBuf, String> {
    let installed = fs::read_dir("/usr/lib/postgresql").map_err(|_| "PostgreSQL is missing: scripts/setup.sh test")?;
    let mut all: Vec<PathBuf> = installed.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).filter(|p| p.join("initdb").exists()).collect();
    all.sort();
    all.pop().ok_or_else(|| "PostgreSQL is missing: scripts/setup.sh test".to_owned())
}
