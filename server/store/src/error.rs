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
