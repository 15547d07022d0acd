//! The commands besides `serve`.

use crate::settings::Settings;
use domain::{Clock, Db, Domain, Random};

pub async fn open(settings: &Settings) -> Result<Domain, String> {
    let db = Db::open(&settings.database_url).await.map_err(|e| format!("the database cannot be opened: {e}"))?;
    Domain::open(db, Clock::System, Random::system(), &settings.public_url).await.map_err(|e| format!("the database cannot be read: {e}"))
}

pub async fn migrate(settings: &Settings) -> Result<(), String> {
    let domain = open(settings).await?;
    domain.db.close().await;
    println!("The database is up to date.");
    Ok(())
}

pub async fn demo(_settings: &Settings, _json: bool) -> Result<(), String> {
    Ok(())
}
