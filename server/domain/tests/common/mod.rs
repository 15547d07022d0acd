//! A new installation on each database.

use domain::{Clock, Domain, Random};
use std::ops::Deref;
use store::testing::{TestDb, databases};

/// An installation whose files are gone when the test ends.
pub struct Fresh {
    domain: Domain,
    _database: TestDb,
}

impl Deref for Fresh {
    type Target = Domain;
    fn deref(&self) -> &Domain {
        &self.domain
    }
}

pub async fn domains(clock: Clock) -> Vec<Fresh> {
    let mut all = Vec::new();
    for database in databases().await {
        let domain = Domain::open(database.db.clone(), clock.clone(), Random::seeded(7), "https://linli.example").await.unwrap();
        all.push(Fresh { domain, _database: database });
    }
    all
}
