#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique value is taken; the name is the constraint's or column's, as the database reports it.
    #[error("already there: {0}")]
    Taken(String),
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

impl From<sqlx::Error> for Error {
    fn from(e: sqlx::Error) -> Error {
        match &e {
            sqlx::Error::Database(d) if d.is_unique_violation() => Error::Taken(d.constraint().unwrap_or_else(|| d.message()).to_owned()),
            _ => Error::Database(e),
        }
    }
}
