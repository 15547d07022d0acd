//! A Linli of one's own: started, watched, stopped and killed.

use crate::http::Connection;
use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::{Pid, Signal, kill_process},
};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    process::{Child, Command},
    time,
};

/// How to start it.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub binary: PathBuf,
    pub database: String,
    /// Where its log goes.
    pub folder: PathBuf,
    pub addr: SocketAddr,
    /// A socket that stays open while the server is started again, handed over as systemd does it.
    pub socket: Option<Arc<TcpListener>>,
    /// Further settings from the environment.
    pub settings: Vec<(&'static str, String)>,
}

impl Recipe {
    pub fn new(binary: &Path, database: &str, folder: &Path) -> Result<Recipe, String> {
        Ok(Recipe {
            binary: binary.to_owned(),
            database: database.to_owned(),
            folder: folder.to_owned(),
            addr: free_address()?,
            socket: None,
            settings: Vec::new(),
        })
    }

    /// Puts the sample district into the empty database; the path of a sticker.
    pub fn sample(&self) -> Result<String, String> {
        let mut command = std::process::Command::new(&self.binary);
        command.args(["demo", "--json"]).env("LINLI_DATABASE_URL", &self.database).env("LINLI_DATA_DIR", &self.folder);
        let output = command.output().map_err(|e| format!("{}: {e}", self.binary.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let at = text.find("/q/").ok_or_else(|| format!("no sample district: {}", String::from_utf8_lossy(&output.stderr)))?;
        Ok(text[at..].chars().take_while(|c| *c != '"').collect())
    }

    fn command(&self) -> Result<Command, String> {
        let Some(socket) = &self.socket else {
            let mut command = Command::new(&self.binary);
            command.arg("serve");
            return Ok(command);
        };
        fcntl_setfd(socket, FdFlags::empty()).map_err(|e| e.to_string())?;
        let mut command = Command::new("bash");
        let over = format!("exec 3<&{}; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve", socket.as_raw_fd());
        command.arg("-c").arg(over).arg(&self.binary);
        Ok(command)
    }

    /// Starts it and waits until it answers; how long that took.
    pub async fn start(&self) -> Result<Server, String> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).map_err(|e| format!("the server's log: {e}"))?;
        let errors = log.try_clone().map_err(|e| e.to_string())?;
        let began = Instant::now();
        let mut command = self.command()?;
        command
            .env("LINLI_DATABASE_URL", &self.database)
            .env("LINLI_DATA_DIR", &self.folder)
            .env("LINLI_ADDR", self.addr.to_string())
            .env("LINLI_PUBLIC_URL", format!("http://{}", self.addr))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(errors))
            .kill_on_drop(true);
        let child = command.spawn().map_err(|e| format!("{}: {e}", self.binary.display()))?;
        let mut server = Server { child, addr: self.addr, started_in: Duration::ZERO };
        server.answers(began + Duration::from_secs(60)).await?;
        server.started_in = began.elapsed();
        Ok(server)
    }
}

pub struct Server {
    child: Child,
    pub addr: SocketAddr,
    /// From the start to the first answer.
    pub started_in: Duration,
}

impl Server {
    async fn answers(&mut self, deadline: Instant) -> Result<(), String> {
        loop {
            if let Ok(mut connection) = Connection::open(self.addr).await
                && connection.get("/up").await.is_ok_and(|reply| reply.status == 200)
            {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended with {status}"));
            }
            if Instant::now() > deadline {
                return Err("the server does not answer".to_owned());
            }
            time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).ok_or("the server has ended")?;
        kill_process(pid, signal).map_err(|e| e.to_string())
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(mut self) -> Result<(), String> {
        self.signal(Signal::TERM)?;
        self.child.wait().await.map(drop).map_err(|e| e.to_string())
    }

    /// Ends it as a power cut would, as far as a program can.
    pub async fn kill(&mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|e| e.to_string())
    }

    /// How long processors have worked for it.
    pub fn processor_time(&self) -> Result<Duration, String> {
        let id = self.child.id().ok_or("the server has ended")?;
        let text = fs::read_to_string(format!("/proc/{id}/stat")).map_err(|e| e.to_string())?;
        // After the name in brackets; a tick is ten milliseconds on every Linux.
        let numbers = text.rsplit(')').next().unwrap_or_default().split(' ').skip(12).take(2);
        Ok(Duration::from_millis(numbers.filter_map(|n| n.parse::<u64>().ok()).sum::<u64>() * 10))
    }

    /// Memory that is its alone, and its part of what it shares (proportional set size), in kB.
    pub fn memory(&self) -> Result<u64, String> {
        let id = self.child.id().ok_or("the server has ended")?;
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).map_err(|e| e.to_string())?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).ok_or_else(|| "no Pss in smaps_rollup".to_owned())
    }

    /// The most memory it has had at once, in kB.
    pub fn peak(&self) -> Result<u64, String> {
        let id = self.child.id().ok_or("the server has ended")?;
        let text = fs::read_to_string(format!("/proc/{id}/status")).map_err(|e| e.to_string())?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).ok_or_else(|| "no VmHWM".to_owned())
    }
}

pub fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    listener.local_addr().map_err(|e| e.to_string())
}
