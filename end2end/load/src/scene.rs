//! Where a driver takes place: a fresh Linli with the sample district, residents who have begun to write, and the look at the end.

use crate::{
    http::Connection,
    ledger::{self, Comparison},
    resident::{self, Street},
    server::Recipe,
};
use serde::Deserialize;
use std::{
    fs, mem,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use store::Db;
use tempfile::TempDir;
use tokio::{process::Command, time};

pub struct Scene {
    pub recipe: Recipe,
    /// The path of a sticker.
    pub scan: String,
    folder: TempDir,
}

impl Scene {
    /// On a fresh SQLite database, or on the empty one given.
    pub fn prepare(binary: &Path, database: Option<&str>) -> Result<Scene, String> {
        let folder = folder(binary)?;
        let database = database.map_or_else(|| format!("sqlite:{}", folder.path().join("linli.db").display()), str::to_owned);
        let recipe = Recipe::new(binary, &database, folder.path())?;
        Ok(Scene { scan: recipe.sample()?, recipe, folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Residents who have each sent a first message to the server at this address. The ledger begins after that.
    pub async fn street(&self, host: SocketAddr, clients: usize, residents: usize) -> Result<Arc<Street>, String> {
        self.street_behind(host, host, clients, residents).await
    }

    /// They send their first message to the server itself, from many addresses, and everything else to what stands before it.
    pub async fn street_behind(&self, front: SocketAddr, server: SocketAddr, clients: usize, residents: usize) -> Result<Arc<Street>, String> {
        let beginning = Arc::new(Street::new(server, self.scan.clone()));
        let begun = resident::begin_all(&beginning, clients, residents).await?;
        let street = Street::new(front, self.scan.clone());
        *street.residents.lock().await = mem::take(&mut *beginning.residents.lock().await);
        street.ledger.lock().await.first_are_others = true;
        if street.residents.lock().await.is_empty() {
            return Err(format!("nobody could begin to write: {}", begun.errors().collect::<Vec<_>>().join(", ")));
        }
        Ok(Arc::new(street))
    }

    /// Looks up everything that was acknowledged.
    pub async fn compare(&self, street: &Street) -> Result<Comparison, String> {
        let db = Db::open(&self.recipe.database).await.map_err(|e| format!("the database cannot be opened: {e}"))?;
        let comparison = ledger::compare(&db, &*street.ledger.lock().await).await;
        db.close().await;
        comparison.map_err(|e| format!("the database cannot be read: {e}"))
    }

    /// Signs the sample's grid worker in; the cookie.
    pub async fn sign_in(&self, addr: SocketAddr) -> Result<String, String> {
        let text = fs::read_to_string(self.path().join("sample.json")).map_err(|e| e.to_string())?;
        let sample: Sample = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let worker = sample.sign_ins.iter().find(|s| s.role == "worker").ok_or("the sample has no worker")?;
        let fields = [("email", worker.email.as_str()), ("password", &worker.password)];
        let signed_in = async { Connection::open(addr).await?.post("/sign-in", "", &fields).await };
        signed_in.await.map_err(|e| e.to_string())?.cookie.ok_or_else(|| "the worker could not sign in".to_owned())
    }

    /// Another command of the same program with the server's settings: whether it went well, and what it said.
    pub async fn command(&self, name: &str) -> Result<(bool, String), String> {
        let recipe = &self.recipe;
        let mut command = Command::new(&recipe.binary);
        command
            .arg(name)
            .env("LINLI_DATABASE_URL", &recipe.database)
            .env("LINLI_DATA_DIR", &recipe.folder)
            .env("LINLI_PUBLIC_URL", format!("http://{}", recipe.addr))
            .env("LC_ALL", "C")
            .envs(recipe.settings.iter().map(|(name, value)| (name, value)));
        let done = command.output().await.map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        Ok((done.status.success(), said))
    }
}

#[derive(Deserialize)]
struct Sample {
    sign_ins: Vec<SignIn>,
}

#[derive(Deserialize)]
struct SignIn {
    role: String,
    email: String,
    password: String,
}

/// Beside the binary and not in /tmp, which may be memory: a commit has to reach a disk.
pub fn folder(binary: &Path) -> Result<TempDir, String> {
    let beside = binary.parent().and_then(|p| p.canonicalize().ok()).ok_or_else(|| format!("{} is not there", binary.display()))?;
    tempfile::Builder::new().prefix("faults").tempdir_in(beside).map_err(|e| e.to_string())
}

/// What a balancer would hear.
pub async fn is_up(addr: SocketAddr) -> bool {
    let asked = async { Connection::open(addr).await?.get("/up").await };
    matches!(time::timeout(Duration::from_secs(3), asked).await, Ok(Ok(reply)) if reply.status == 200)
}

/// Milliseconds until the server says so of itself.
pub async fn until_up(addr: SocketAddr, is: bool, patience: Duration) -> Result<u128, String> {
    let began = Instant::now();
    while is_up(addr).await != is {
        if began.elapsed() > patience {
            return Err(format!("/up did not say {} in {} s", if is { "ok" } else { "that nothing can be written" }, patience.as_secs()));
        }
        time::sleep(Duration::from_millis(50)).await;
    }
    Ok(began.elapsed().as_millis())
}
