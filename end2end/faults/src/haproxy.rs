//! HAProxy before two nodes, as README tells operators to run it.

use load::server::free_address;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
    time,
};

pub struct Haproxy {
    pub addr: SocketAddr,
    socket: PathBuf,
    _child: Child,
}

impl Haproxy {
    pub async fn start(folder: &Path, nodes: &[SocketAddr]) -> Result<Haproxy, String> {
        let (addr, socket, config) = (free_address()?, folder.join("haproxy.sock"), folder.join("haproxy.cfg"));
        let servers: String = nodes.iter().enumerate().map(|(number, node)| format!("    server node{number} {node}\n")).collect();
        let text = format!(
            "global\n    stats socket {} level admin\ndefaults\n    mode tcp\n    timeout connect 2s\n    timeout client 1h\n    timeout server 1h\n    \
             retries 3\n    option redispatch 1\nfrontend linli\n    bind {addr}\n    default_backend nodes\nbackend nodes\n    balance roundrobin\n    \
             option httpchk GET /up\n    default-server check inter 200ms fall 2 rise 1 on-marked-down shutdown-sessions\n{servers}",
            socket.display()
        );
        fs::write(&config, text).map_err(|e| e.to_string())?;
        let log = fs::File::create(folder.join("haproxy.log")).map_err(|e| e.to_string())?;
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&config).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let child = command.spawn().map_err(|e| format!("haproxy cannot be started ({e}): scripts/setup.sh test"))?;
        let haproxy = Haproxy { addr, socket, _child: child };
        for number in 0..nodes.len() {
            haproxy.until_up(number).await?;
        }
        Ok(haproxy)
    }

    /// No new connections for this node.
    pub async fn drain(&self, node: usize) -> Result<(), String> {
        self.tell(&format!("set server nodes/node{node} state drain")).await.map(drop)
    }

    pub async fn ready(&self, node: usize) -> Result<(), String> {
        self.tell(&format!("set server nodes/node{node} state ready")).await.map(drop)
    }

    /// Waits until its checks say so.
    pub async fn until_up(&self, node: usize) -> Result<(), String> {
        let (began, row) = (Instant::now(), format!("nodes,node{node},"));
        loop {
            let table = self.tell("show stat").await.unwrap_or_default();
            if table.lines().any(|line| line.starts_with(&row) && line.split(',').nth(17) == Some("UP")) {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(20) {
                return Err(format!("HAProxy does not find node {node} well"));
            }
            time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn tell(&self, order: &str) -> Result<String, String> {
        let told = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream.write_all(format!("{order}\n").as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map(|_| answer)
        };
        told.await.map_err(|e| format!("HAProxy's socket: {e}"))
    }
}
