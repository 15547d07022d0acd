#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique value is taken; the name is the constraint's or column's, as the database reports it.
    #[error("already there: {0}")]
    Taken(String),
    /// PostgreSQL ended one of two transactions that waited for each other: nothing of this one was kept.
    #[error("met another transaction")]
    Met,
    #[error("the writer has stopped")]
    Stopped,
    #[error("the last commit failed")]
    NotWriting,
    #[error("the database takes too long")]
    Slow,
    #[error("the commit failed: {0}")]
    Commit(String),
    /// Why a backup could not be made, checked or restored.
    #[error("{0}")]
    Backup(String),
    #[error("a newer Linli has changed it in a way that this version cannot work with; run that version or a later one")]
    Ahead,
    #[error("there are tables of another program in it")]
    Foreign,
    #[error("unknown database URL: it begins with sqlite: or postgres:")]
    Url,
    #[error(transparent)]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Database(sqlx::Error),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Two came at the same moment and one had to give way; tried again, it finds what the other one made.
    pub fn gave_way(&self) -> bool {
        matches!(self, Error::Met | Error::Taken(_))
    }

    /// The database is out of reach, starting, or has no room: it may be well again in a moment.
    pub fn is_away(&self) -> bool {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls};
        match self {
            Error::NotWriting | Error::Slow | Error::Stopped | Error::Commit(_) => true,
            Error::Database(Io(_) | PoolClosed | PoolTimedOut | Protocol(_) | Tls(_)) => true,
            // Full and failing disks, of SQLite; PostgreSQL's resources, stops and system errors.
            Error::Database(sqlx::Error::Database(e)) => e.code().is_some_and(|code| match code.len() {
                5 => ["53", "57P", "58", "08"].iter().any(|class| code.starts_with(class)),
                _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 8 | 10 | 13)),
            }),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Error {
        match &e {
            sqlx::Error::Database(d) if d.is_unique_violation() => Error::Taken(d.constraint().unwrap_or_else(|| d.message()).to_owned()),
            sqlx::Error::Database(d) if d.code().is_some_and(|code| matches!(&*code, "40P01" | "40001")) => Error::Met,
            _ => Error::Database(e),
        }
    }
}
