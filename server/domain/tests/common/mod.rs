//! A new installation on each database: SQLite always, PostgreSQL where `LINLI_TEST_POSTGRES_URL` names a superuser on one.

use domain::{Clock, Db, Domain, Random};
use std::{
    ops::Deref,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// An installation whose files are gone when the test ends.
pub struct Fresh {
    domain: Domain,
    folder: PathBuf,
}

impl Deref for Fresh {
    type Target = Domain;
    fn deref(&self) -> &Domain {
        &self.domain
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

pub async fn domains(clock: Clock) -> Vec<Fresh> {
    let name = format!("linli_domain_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    let folder = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(&folder).unwrap();
    let mut urls = vec![format!("sqlite:{}", folder.join("linli.db").display())];
    if let Ok(server) = std::env::var("LINLI_TEST_POSTGRES_URL") {
        let made = Command::new("psql").args([&server, "-qc", &format!("create database {name}")]).status().expect("psql is installed");
        assert!(made.success(), "PostgreSQL made the database {name}");
        let (base, _) = server.rsplit_once('/').unwrap();
        urls.push(format!("{base}/{name}"));
    }
    let mut all = Vec::new();
    for url in urls {
        let db = Db::open(&url).await.unwrap();
        let domain = Domain::open(db, clock.clone(), Random::seeded(7), "https://linli.example").await.unwrap();
        all.push(Fresh { domain, folder: folder.clone() });
    }
    all
}
