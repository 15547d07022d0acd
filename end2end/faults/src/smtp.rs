//! The SMTP test server (end2end/smtp/server.py), told to refuse, stall and drop.

use serde::Deserialize;
use std::{env, net::SocketAddr, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

pub struct Smtp {
    pub url: String,
    control: SocketAddr,
    _child: Child,
}

#[derive(Deserialize)]
struct Ports {
    smtp_port: u16,
    http_port: u16,
}

/// A mail it took.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    pub to: Vec<String>,
    pub message_id: String,
    pub mode: String,
    /// Seconds since 1970.
    pub at: f64,
}

impl Smtp {
    pub async fn start() -> Result<Smtp, String> {
        let command = env::var("LINLI_TEST_SMTP").map_err(|_| "LINLI_TEST_SMTP is not set: run this by scripts/with-services.sh".to_owned())?;
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("the SMTP test server: {e}"))?;
        let output = child.stdout.take().ok_or("the SMTP test server says nothing")?;
        let line = BufReader::new(output).lines().next_line().await.map_err(|e| e.to_string())?.unwrap_or_default();
        let ports: Ports = serde_json::from_str(&line).map_err(|e| format!("the SMTP test server says {line:?}: {e}"))?;
        Ok(Smtp { url: format!("smtp://127.0.0.1:{}", ports.smtp_port), control: SocketAddr::from(([127, 0, 0, 1], ports.http_port)), _child: child })
    }

    pub async fn behave(&self, mode: &str) -> Result<(), String> {
        self.ask("POST /behave", &format!("{{\"mode\":\"{mode}\"}}")).await.map(|_| ())
    }

    pub async fn mails(&self) -> Result<Vec<Mail>, String> {
        serde_json::from_str(&self.ask("GET /mails", "").await?).map_err(|e| e.to_string())
    }

    async fn ask(&self, what: &str, body: &str) -> Result<String, String> {
        let asked = async {
            let mut stream = TcpStream::connect(self.control).await?;
            stream.write_all(format!("{what} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map(|_| answer)
        };
        let answer = asked.await.map_err(|e| format!("the SMTP test server: {e}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        if head.contains(" 200 ") { Ok(body.to_owned()) } else { Err(format!("the SMTP test server answers {answer}")) }
    }
}
