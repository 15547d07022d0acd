//! Signals between the nodes on one PostgreSQL (LISTEN and NOTIFY). A SQLite database has one node and needs none.

use crate::{Db, Error, Result, db::Inner};
use sqlx::postgres::PgListener;

const CHANNEL: &str = "linli";

/// Hears what all nodes signal, this one included.
pub struct Listener(PgListener);

impl Listener {
    /// The next signal; `None` after a cut, in which some may have been missed.
    pub async fn next(&mut self) -> Result<Option<String>> {
        let heard = self.0.try_recv().await.map_err(Error::from)?;
        Ok(heard.map(|signal| signal.payload().to_owned()))
    }
}

impl Db {
    /// `None` on SQLite.
    pub async fn listen(&self) -> Result<Option<Listener>> {
        let Inner::Postgres(pool, _) = &self.0 else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Listener(listener)))
    }

    /// Signals to all nodes; PostgreSQL takes less than 8,000 bytes. Never inside a transaction that matters: commits with signals wait for each other.
    pub async fn signal(&self, text: &str) -> Result<()> {
        let Inner::Postgres(pool, _) = &self.0 else { return Ok(()) };
        sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(text).execute(pool).await?;
        Ok(())
    }
}
