//! Looks at a database without changing its tables: for `linli doctor`.

use crate::{
    Error, Result,
    audit::{self, Entry, Head},
    installation::{POSTGRES_TOUCH, SQLITE_TOUCH},
    migrations::{self, Tables},
};
use model::At;
use sqlx::{
    ConnectOptions, Connection,
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
    /// The newest audit entries, and what is needed to verify them; nothing where the tables are of another version.
    pub trail: Option<Trail>,
}

/// The end of the audit trail as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    pub entries: Vec<Entry>,
    pub head: Head,
    pub retentions: Vec<(i64, At, String)>,
    /// Triggers that keep it and are not there.
    pub unguarded: Vec<String>,
}

/// How the tables of a database stand. A SQLite file that is not there yet is an error; nothing is made.
pub async fn tables(url: &str) -> Result<Tables> {
    if url.starts_with("sqlite:") {
        let mut c = SqliteConnection::connect_with(&SqliteConnectOptions::from_str(url)?.disable_statement_logging()).await?;
        let tables = migrations::sqlite(&mut c).await?;
        c.close().await?;
        Ok(tables)
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let mut c = PgConnection::connect_with(&PgConnectOptions::from_str(url)?.disable_statement_logging()).await?;
        let tables = migrations::postgres(&mut c).await?;
        c.close().await?;
        Ok(tables)
    } else {
        Err(Error::Url)
    }
}

/// Opens a database as it is. A SQLite file that is not there yet is an error.
pub async fn inspect(url: &str) -> Result<Inspection> {
    if url.starts_with("sqlite:") {
        let options = SqliteConnectOptions::from_str(url)?.busy_timeout(Duration::from_secs(5)).disable_statement_logging();
        let mut c = SqliteConnection::connect_with(&options).await?;
        let mut found = empty(migrations::sqlite(&mut c).await?, None);
        if is_usable(found.tables) {
            found.not_writable = sqlx::query(SQLITE_TOUCH).execute(&mut c).await.err().map(|e| e.to_string());
            (found.newest, found.waiting, found.failed) = sqlx::query_as(FIGURES).fetch_one(&mut c).await?;
            // In this order: what is written and emptied meanwhile looks as if it had been before.
            found.trail = Some(Trail {
                head: sqlx::query_as(HEAD).fetch_one(&mut c).await?,
                entries: sqlx::query_as(ENTRIES).fetch_all(&mut c).await?,
                retentions: sqlx::query_as(RETENTIONS).fetch_all(&mut c).await?,
                unguarded: audit::missing_in_sqlite(&sqlx::query_scalar(audit::SQLITE_TRIGGERS).fetch_all(&mut c).await?),
            });
        }
        c.close().await?;
        Ok(found)
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
        let connecting = PgConnection::connect_with(&options);
        let mut c = tokio::time::timeout(Duration::from_secs(10), connecting).await.map_err(|_| Error::Database(sqlx::Error::PoolTimedOut))??;
        let (clock,) = sqlx::query_as("select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)").fetch_one(&mut c).await?;
        let mut found = empty(migrations::postgres(&mut c).await?, Some(clock));
        if is_usable(found.tables) {
            found.not_writable = sqlx::query(POSTGRES_TOUCH).execute(&mut c).await.err().map(|e| e.to_string());
            (found.newest, found.waiting, found.failed) = sqlx::query_as(FIGURES).fetch_one(&mut c).await?;
            // In this order: what is written and emptied meanwhile looks as if it had been before.
            found.trail = Some(Trail {
                head: sqlx::query_as(HEAD).fetch_one(&mut c).await?,
                entries: sqlx::query_as(ENTRIES).fetch_all(&mut c).await?,
                retentions: sqlx::query_as(RETENTIONS).fetch_all(&mut c).await?,
                unguarded: audit::missing_in_postgres(&sqlx::query_scalar(audit::POSTGRES_TRIGGERS).fetch_all(&mut c).await?),
            });
        }
        c.close().await?;
        Ok(found)
    } else {
        Err(Error::Url)
    }
}

const FIGURES: &str = "select (select max(at) from audit_entries),
    (select count(*) from outbox where sent_at is null and cancelled_at is null and failed_at is null), (select count(failed_at) from outbox)";

const HEAD: &str = "select seq, hash from audit_head where id = 1";
const RETENTIONS: &str = "select seq, at, detail from audit_entries where action = 'audit.retain' order by seq";
/// The last five thousand; the first of them is only what the next hangs on.
const ENTRIES: &str = "select seq, at, staff_id, unit_id, action, target, detail, digest, previous_hash, hash from audit_entries
    where seq >= (select max(seq) from audit_entries) - 5000 order by seq";

fn is_usable(tables: Tables) -> bool {
    matches!(tables, Tables::Current | Tables::Beside)
}

fn empty(tables: Tables, clock: Option<At>) -> Inspection {
    Inspection { tables, not_writable: None, clock, newest: None, waiting: 0, failed: 0, trail: None }
}
