//! Takes what was committed from SQLite's log into the database file, beside the writer: done by the writer itself, as SQLite does it unless told
//! otherwise, every message waits meanwhile, up to a second on a large database.

use crate::Result;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time,
};

/// Often enough that the disk is never busy for long, seldom enough that a page changed again and again is written once.
const EVERY: Duration = Duration::from_secs(1);

/// Pages in the log, of 4 KB, from which on it should begin anew. Only the writer can let it: while it writes, there is always something more to take over.
const LONG: i64 = 16_000;

/// What the writer tells and is told.
pub(crate) struct Checkpoint {
    written: mpsc::Sender<()>,
    is_long: Arc<AtomicBool>,
    /// Ends the pause as well.
    stopping: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Checkpoint {
    pub async fn start(options: &SqliteConnectOptions) -> Result<Checkpoint> {
        let connection = SqliteConnection::connect_with(options).await?;
        // One place: that something was written need not be said twice.
        let (written, told) = mpsc::channel(1);
        let is_long = Arc::<AtomicBool>::default();
        let (stopping, stopped) = oneshot::channel();
        let task = tokio::spawn(take_over(connection, told, stopped, is_long.clone()));
        Ok(Checkpoint { written, is_long, stopping, task })
    }

    /// Something was committed. Whether the writer should take over the rest before it goes on.
    pub fn written(&self) -> bool {
        let _ = self.written.try_send(());
        self.is_long.swap(false, Ordering::Relaxed)
    }

    pub async fn stop(self) {
        let _ = self.stopping.send(());
        let _ = self.task.await;
    }
}

async fn take_over(mut connection: SqliteConnection, mut told: mpsc::Receiver<()>, mut stopped: oneshot::Receiver<()>, is_long: Arc<AtomicBool>) {
    loop {
        tokio::select! {
            _ = told.recv() => {}
            _ = &mut stopped => break,
        }
        match passive(&mut connection).await {
            Ok(pages) => is_long.store(pages > LONG, Ordering::Relaxed),
            // What it is will be seen by whoever writes; the log stays, and with it everything that was acknowledged.
            Err(e) => tracing::warn!(error = %e, "the log could not be taken over into the database"),
        }
        if time::timeout(EVERY, &mut stopped).await.is_ok() {
            break;
        }
    }
    let _ = connection.close().await;
}

/// Takes over what nobody needs as it was, without making anybody wait. Pages in the log.
pub(crate) async fn passive(connection: &mut SqliteConnection) -> Result<i64> {
    let (_, pages, _): (i64, i64, i64) = sqlx::query_as("pragma wal_checkpoint(passive)").fetch_one(connection).await?;
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use crate::{Conn, Result, conn::execute};
    use sqlx::{Connection, SqliteConnection};
    use std::{path::Path, time::Duration};
    use tokio::time;

    async fn keep(conn: &mut Conn, secret: Vec<u8>) -> Result<u64> {
        execute!(conn, "insert into installation (id, secret, created_at) values (1, $1, 0) on conflict (id) do update set secret = excluded.secret", secret)
    }

    /// What is in the database file alone.
    async fn taken_over(file: &Path) -> Option<Vec<u8>> {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{}?immutable=true", file.display())).await.ok()?;
        sqlx::query_scalar("select secret from installation").fetch_optional(&mut connection).await.ok()?
    }

    /// The number that a log begins anew with (SQLite's file format, "WAL header").
    fn salt(file: &Path) -> Vec<u8> {
        std::fs::read(file.with_extension("db-wal")).unwrap()[16..24].to_vec()
    }

    #[tokio::test]
    async fn what_is_written_is_taken_over_without_being_asked_and_a_long_log_begins_anew() {
        let test = crate::testing::sqlite().await;
        let file = Path::new(test.url.strip_prefix("sqlite:").unwrap());
        test.db.write(|c| Box::pin(keep(c, b"first".to_vec()))).await.unwrap();
        while taken_over(file).await.as_deref() != Some(b"first") {
            time::sleep(Duration::from_millis(10)).await;
        }
        let begun = salt(file);
        for _ in 0..9 {
            test.db.write(|c| Box::pin(keep(c, vec![7; 8 << 20]))).await.unwrap();
        }
        while salt(file) == begun {
            test.db.write(|c| Box::pin(keep(c, b"more".to_vec()))).await.unwrap();
        }
    }
}
