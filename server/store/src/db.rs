use crate::{
    Conn, Error, Result,
    checkpoint::Checkpoint,
    conn::Kind,
    first_message,
    health::Health,
    installation, message,
    migrations::{self, Tables},
    seen::Seen,
    sender::Sender,
    transaction,
    way::{self, Asked, Way},
    writer::{self, Work, Writer},
};
use futures::future::BoxFuture;
use sqlx::{
    Connection, PgConnection, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{fs, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

/// The database of one installation. Cheap to clone.
#[derive(Clone)]
pub struct Db(pub(crate) Inner, Arc<Health>);

#[derive(Clone)]
pub(crate) enum Inner {
    Sqlite { readers: SqlitePool, writer: Writer, file: Arc<PathBuf> },
    Postgres(PgPool, Arc<Senders>),
}

pub(crate) struct Senders {
    messages: Sender<message::New>,
    starts: Sender<first_message::Start>,
    seen: Sender<Seen>,
    ways: Sender<Asked>,
}

/// Each holds up to 8 MB of the database; more of them than processors only wait for each other.
const READERS: u32 = 4;

/// How long a PostgreSQL that does not answer is waited for. The caller hears an error then and may try again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that there has to be room for beside the database: as much as a batch of messages takes in the log.
const ROOM: usize = 256 << 10;

impl Db {
    /// Opens `sqlite:PATH` (made if missing) or `postgres://…` and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Db> {
        if url.starts_with("sqlite:") {
            Self::open_sqlite(url).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Self::open_postgres(url).await
        } else {
            Err(Error::Url)
        }
    }

    async fn open_sqlite(url: &str) -> Result<Db> {
        // WAL with FULL: a commit is on the disk before it is acknowledged, readers never wait for the writer.
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("temp_store", "memory")
            .pragma("cache_size", "-8000")
            // Beside the writer instead: see checkpoint.rs.
            .pragma("wal_autocheckpoint", "0")
            // After a rush the log gives its room back.
            .pragma("journal_size_limit", "67108864")
            .statement_cache_capacity(256)
            // Each row is handed over from SQLite's thread: a page of them at once.
            .row_buffer_size(512);
        // Before anything is set, which would change the file.
        let mut first = SqliteConnection::connect_with(&SqliteConnectOptions::from_str(url)?.create_if_missing(true)).await?;
        let tables = migrations::sqlite(&mut first).await?;
        if tables == Tables::None && migrations::has_others(&mut first).await? {
            return Err(Error::Foreign);
        }
        first.close().await?;
        let mut connection = SqliteConnection::connect_with(&options).await?;
        migrations::to_run(&migrations::SQLITE, tables)?.run(&mut connection).await?;
        let checkpoint = Checkpoint::start(&options).await?;
        let file = Arc::new(options.get_filename().to_owned());
        let readers =
            SqlitePoolOptions::new().min_connections(1).max_connections(READERS).test_before_acquire(false).connect_with(options.read_only(true)).await?;
        let health = Arc::new(Health::default());
        Ok(Db(Inner::Sqlite { readers, writer: Writer::start(connection, checkpoint, health.clone()), file }, health))
    }

    async fn open_postgres(url: &str) -> Result<Db> {
        let options = PgConnectOptions::from_str(url)?.statement_cache_capacity(256);
        // The pool would try again for ten seconds and then say only that it gave up.
        let mut first = PgConnection::connect_with(&options).await?;
        let tables = migrations::postgres(&mut first).await?;
        // Behind a backup's lock it would wait, and everybody else behind it.
        sqlx::query("set lock_timeout = '5s'").execute(&mut first).await?;
        migrations::to_run(&migrations::POSTGRES, tables)?.run(&mut first).await?;
        first.close().await?;
        let health = Arc::<Health>::default();
        let told = health.clone();
        let pool = PgPoolOptions::new()
            .max_connections(24)
            .acquire_timeout(PATIENCE)
            // Each connection is asked when it comes back.
            .test_before_acquire(false)
            .after_release(move |c, _| Box::pin(comes_back(c, told.clone())))
            .connect_with(options)
            .await?;
        let senders = Senders {
            messages: Sender::start(&pool, &health),
            starts: Sender::start(&pool, &health),
            seen: Sender::start(&pool, &health),
            ways: Sender::start(&pool, &health),
        };
        Ok(Db(Inner::Postgres(pool, Arc::new(senders)), health))
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.0, Inner::Postgres(..))
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Conn> {
        Ok(Conn::new(match &self.0 {
            Inner::Sqlite { readers, .. } => Kind::SqliteReader(readers.acquire().await?),
            Inner::Postgres(pool, _) => Kind::PostgresReader(pool.acquire().await?),
        }))
    }

    /// Runs `work` in a transaction. `Ok` is returned only after the commit. `Err` of the work itself means that nothing was kept; after one of the commit
    /// nobody knows, which is why whatever people send has a key of its own and may be sent again.
    pub async fn write<T, E, F>(&self, work: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, std::result::Result<T, E>> + Send + 'static,
    {
        self.write_within(PATIENCE * 2, work).await
    }

    /// The same for what takes longer: on PostgreSQL the transaction is given up after so long.
    pub async fn write_within<T, E, F>(&self, patience: Duration, work: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, std::result::Result<T, E>> + Send + 'static,
    {
        let (work, done) = writer::work(work);
        self.carry_out(patience, work).await?;
        done.await.map_err(|_| Error::Stopped)?
    }

    async fn carry_out(&self, patience: Duration, work: Work) -> Result<()> {
        match &self.0 {
            Inner::Sqlite { writer, .. } => writer.hand_in(work).await,
            Inner::Postgres(pool, _) => {
                // On a task of its own: a caller that hangs up must not cut the work in two.
                let (pool, health) = (pool.clone(), self.1.clone());
                tokio::spawn(async move { transaction::of(&pool, &health, patience, work).await }).await.map_err(|_| Error::Stopped)?
            }
        }
    }

    /// Whether what is handed in will be written: as the last commit said, or, if that is more than a second ago, a small one now. So it is
    /// true also when nobody writes, and of a disk that has room again.
    pub async fn is_writing(&self) -> Result<()> {
        let health = &self.1;
        let _one_at_a_time = health.asking.lock().await;
        match health.known() {
            Some(true) => Ok(()),
            Some(false) => Err(Error::NotWriting),
            None => {
                let tried = match self.write(|c| Box::pin(async move { installation::touch(c).await })).await {
                    Ok(()) => self.has_room().await,
                    failed => failed,
                };
                health.note(tried.is_ok());
                tried
            }
        }
    }

    /// A page more fits where a message does not: on a disk that is almost full a small commit says nothing.
    async fn has_room(&self) -> Result<()> {
        let Inner::Sqlite { file, .. } = &self.0 else { return Ok(()) };
        let probe = file.with_added_extension("room");
        let tried = tokio::task::spawn_blocking(move || {
            let written = fs::write(&probe, [0; ROOM]);
            // What was not written need not be taken away.
            let _ = fs::remove_file(&probe);
            written
        });
        tried.await.map_err(|_| Error::Stopped)?.map_err(|_| Error::NotWriting)
    }

    /// Sends one message. All that wait at the same moment share one statement per table and one commit.
    pub async fn send(&self, new: message::New) -> Result<message::Sent> {
        match &self.0 {
            Inner::Sqlite { writer, .. } => writer.send(new).await,
            Inner::Postgres(_, senders) => senders.messages.send(new.conversation_id.0.as_u128(), new).await,
        }
    }

    /// The way of a message; `None` for what the device may not see.
    pub async fn way(&self, asked: Asked) -> Result<Option<Way>> {
        match &self.0 {
            Inner::Sqlite { .. } => way::way(&mut self.read().await?, &asked).await,
            Inner::Postgres(_, senders) => senders.ways.send(asked.conversation.0.as_u128(), asked).await,
        }
    }

    /// Sends a first message, with the contact, device and conversation it begins.
    pub async fn start(&self, start: first_message::Start) -> Result<first_message::Outcome> {
        match &self.0 {
            Inner::Sqlite { writer, .. } => writer.first_message(start).await,
            Inner::Postgres(_, senders) => senders.starts.send(u128::from(start.key_hash.first().copied().unwrap_or_default()), start).await,
        }
    }

    /// Notes what a contact has seen.
    pub async fn saw(&self, seen: Seen) -> Result<()> {
        match &self.0 {
            Inner::Sqlite { writer, .. } => writer.saw(seen).await,
            Inner::Postgres(_, senders) => senders.seen.send(seen.conversation_id.0.as_u128(), seen).await,
        }
    }

    /// Waits for what was handed in to be committed, then closes.
    pub async fn close(&self) {
        match &self.0 {
            Inner::Sqlite { readers, writer, .. } => {
                // Whoever closes last takes the whole log over and removes it, and a reader cannot.
                readers.close().await;
                writer.stop().await;
            }
            Inner::Postgres(pool, _) => pool.close().await,
        }
    }
}

/// Whether a connection goes back into the pool. One behind which nobody answers any more would keep its place for a quarter of an hour.
async fn comes_back(c: &mut PgConnection, health: Arc<Health>) -> std::result::Result<bool, sqlx::Error> {
    if health.known() != Some(true) {
        tokio::time::timeout(PATIENCE, c.ping()).await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    }
    Ok(true)
}
