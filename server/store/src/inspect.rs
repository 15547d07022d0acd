//! Looks at a database without changing its tables: for `linli doctor`.

use crate::{
    Error, Result, db,
    installation::{POSTGRES_TOUCH, SQLITE_TOUCH},
};
use model::At;
use sqlx::{
    ConnectOptions, Connection,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgConnection},
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use std::{str::FromStr, time::Duration};

/// A database as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    pub tables: Tables,
    /// Why nothing can be written, if so.
    pub not_writable: Option<String>,
    /// The database server's own clock; SQLite has none.
    pub clock: Option<At>,
    /// When the newest administrative act was recorded.
    pub newest: Option<At>,
    /// Mails that wait, and mails given up.
    pub waiting: i64,
    pub failed: i64,
}

/// How the tables stand to what this program expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// None yet; the first start makes them.
    None,
    Current,
    /// Migrations that the next start will apply.
    Behind(usize),
    /// A newer program has been here.
    Ahead,
}

/// Opens a database as it is. A SQLite file that is not there yet is an error.
pub async fn inspect(url: &str) -> Result<Inspection> {
    if url.starts_with("sqlite:") {
        let options = SqliteConnectOptions::from_str(url)?.busy_timeout(Duration::from_secs(5)).disable_statement_logging();
        let mut c = SqliteConnection::connect_with(&options).await?;
        let is_there = "select count(*) from sqlite_master where type = 'table' and name = '_sqlx_migrations'";
        let (count,): (i64,) = sqlx::query_as(is_there).fetch_one(&mut c).await?;
        let mut found = empty(None);
        if count > 0 {
            let applied: Vec<(i64,)> = sqlx::query_as("select version from _sqlx_migrations where success").fetch_all(&mut c).await?;
            found.tables = tables(&db::SQLITE, &applied);
        }
        if found.tables == Tables::Current {
            found.not_writable = sqlx::query(SQLITE_TOUCH).execute(&mut c).await.err().map(|e| e.to_string());
            (found.newest, found.waiting, found.failed) = sqlx::query_as(FIGURES).fetch_one(&mut c).await?;
        }
        c.close().await?;
        Ok(found)
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
        let connecting = PgConnection::connect_with(&options);
        let mut c = tokio::time::timeout(Duration::from_secs(10), connecting).await.map_err(|_| Error::Database(sqlx::Error::PoolTimedOut))??;
        let (clock,) = sqlx::query_as("select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)").fetch_one(&mut c).await?;
        let mut found = empty(Some(clock));
        let (is_there,): (bool,) = sqlx::query_as("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut c).await?;
        if is_there {
            let applied: Vec<(i64,)> = sqlx::query_as("select version from _sqlx_migrations where success").fetch_all(&mut c).await?;
            found.tables = tables(&db::POSTGRES, &applied);
        }
        if found.tables == Tables::Current {
            found.not_writable = sqlx::query(POSTGRES_TOUCH).execute(&mut c).await.err().map(|e| e.to_string());
            (found.newest, found.waiting, found.failed) = sqlx::query_as(FIGURES).fetch_one(&mut c).await?;
        }
        c.close().await?;
        Ok(found)
    } else {
        Err(Error::Url)
    }
}

const FIGURES: &str = "select (select max(at) from audit_entries),
    (select count(*) from outbox where sent_at is null and cancelled_at is null and failed_at is null), (select count(failed_at) from outbox)";

fn empty(clock: Option<At>) -> Inspection {
    Inspection { tables: Tables::None, not_writable: None, clock, newest: None, waiting: 0, failed: 0 }
}

fn tables(ours: &Migrator, applied: &[(i64,)]) -> Tables {
    let known: Vec<i64> = ours.iter().map(|m| m.version).collect();
    let missing = known.iter().filter(|v| !applied.contains(&(**v,))).count();
    if applied.iter().any(|(v,)| !known.contains(v)) {
        Tables::Ahead
    } else if missing > 0 {
        Tables::Behind(missing)
    } else {
        Tables::Current
    }
}
