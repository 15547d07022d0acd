//! Fresh databases for tests: always SQLite in a folder of its own, and PostgreSQL where `LINLI_TEST_POSTGRES_URL` names a superuser's.

use crate::{
    Conn, Db, Result,
    conn::{Either, execute, fetch_all, fetch_one, on},
    conversation,
};
use model::{At, DeviceId, Language, PostId};
use sqlx::{Connection, PgConnection};
use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;

/// A database of one test, gone when dropped: hundreds of them at once would fill a small disk.
pub struct TestDb {
    pub db: Db,
    pub url: String,
    _folder: Option<TempDir>,
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if self._folder.is_some() {
            return;
        }
        let Ok(server) = env::var(SERVER) else { return };
        let Some(name) = self.url.rsplit('/').next().and_then(|last| last.split('?').next()).map(str::to_owned) else { return };
        // Drop cannot wait, and the test's own runtime may be going.
        let gone = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| runtime.block_on(drop_postgres(&server, &name)))
        });
        drop(gone.join());
    }
}

const SERVER: &str = "LINLI_TEST_POSTGRES_URL";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// One of each kind.
///
/// # Panics
/// When a database cannot be made: there is nothing to test then.
#[allow(clippy::unwrap_used)]
pub async fn databases() -> Vec<TestDb> {
    let mut all = vec![sqlite().await];
    match env::var(SERVER) {
        Ok(server) => all.push(postgres(&server).await),
        Err(_) => eprintln!("LINLI_TEST_POSTGRES_URL is not set: on SQLite only. scripts/with-services.sh runs a command beside PostgreSQL."),
    }
    all
}

#[allow(clippy::unwrap_used)]
pub async fn sqlite() -> TestDb {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("linli.db").display());
    TestDb { db: Db::open(&url).await.unwrap(), url, _folder: Some(folder) }
}

#[allow(clippy::unwrap_used)]
async fn postgres(server: &str) -> TestDb {
    let url = new_postgres(server).await;
    TestDb { db: Db::open(&url).await.unwrap(), url, _folder: None }
}

/// Where a database of the same kind may be made that is not there yet.
#[allow(clippy::unwrap_used)]
pub async fn empty_beside(other: &TestDb) -> String {
    match &other._folder {
        Some(folder) => format!("sqlite:{}", folder.path().join(format!("other-{}.db", COUNT.fetch_add(1, Ordering::Relaxed))).display()),
        None => new_postgres(&other.url).await,
    }
}

#[allow(clippy::unwrap_used)]
async fn new_postgres(server: &str) -> String {
    let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await.unwrap();
    let (base, rest) = server.rsplit_once('/').unwrap();
    let options = rest.split_once('?').map(|(_, o)| format!("?{o}")).unwrap_or_default();
    format!("{base}/{name}{options}")
}

/// Also where the program under test is still connected.
async fn drop_postgres(server: &str, name: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(server).await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("drop database if exists {name} with (force)"))).execute(&mut connection).await?;
    connection.close().await
}

/// Whatever somebody could do who writes to the database past the program; on SQLite each statement by itself.
pub async fn tamper(conn: &mut Conn, statements: &[&str]) -> Result<()> {
    for text in statements {
        let text = sqlx::AssertSqlSafe((*text).to_owned());
        on!(conn, c => async { sqlx::raw_sql(text).execute(c).await.map(drop) })?;
    }
    Ok(())
}

/// How many wait for a lock on PostgreSQL.
pub async fn waiting_for_locks(conn: &mut Conn) -> Result<i64> {
    let (count,) = fetch_one!(conn, (i64,), "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")?;
    Ok(count)
}

/// Cuts every other connection to a PostgreSQL database, as a restart of the server does; how many there were.
pub async fn cut_others(conn: &mut Conn) -> Result<i64> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )?;
    Ok(count)
}

/// The kinds of mails that the version with migration 0005 takes as due.
pub async fn due_as_before(conn: &mut Conn, now: At) -> Result<Vec<String>> {
    let rows = fetch_all!(
        conn,
        (String,),
        "select kind from outbox where sent_at is null and cancelled_at is null and failed_at is null and due_at <= $1 order by due_at, id",
        now
    )?;
    Ok(rows.into_iter().map(|(kind,)| kind).collect())
}

/// How PostgreSQL finds a device's conversation with a post where there are thirty thousand of others.
pub async fn plan_in_a_crowd(conn: &mut Conn, post: PostId) -> Result<String> {
    execute!(conn, "insert into contacts (id, language, created_at) select gen_random_uuid(), $1, n from generate_series(1, 30000) n", Language::Chinese)?;
    execute!(
        conn,
        "insert into devices (id, contact_id, key_hash, created_at) select gen_random_uuid(), id, decode(md5(id::text), 'hex'), created_at from contacts"
    )?;
    execute!(
        conn,
        "insert into conversations (id, contact_id, post_id, claim_hash, state, claim_version, last_seq, last_message_at, preview, contact_seen_seq,
            staff_seen_seq, opened_at)
         select gen_random_uuid(), id, $1, decode(md5(id::text), 'hex'), 'open', 1, 0, created_at, '', 0, 0, created_at from contacts",
        post
    )?;
    execute!(conn, "analyze")?;
    let (device,) = fetch_one!(conn, (DeviceId,), "select id from devices limit 1")?;
    let text = format!("explain {}", conversation::OF_DEVICE_WITH_POST);
    let rows: Vec<(String,)> = match conn.either() {
        Either::Sqlite(_) => Vec::new(),
        Either::Postgres(c) => sqlx::query_as(sqlx::AssertSqlSafe(text)).bind(device).bind(post).fetch_all(c).await?,
    };
    Ok(rows.into_iter().map(|(line,)| line + "\n").collect())
}

/// What the audit trail says was done, from its beginning.
pub async fn actions(conn: &mut Conn) -> Result<Vec<String>> {
    let rows = fetch_all!(conn, (String,), "select action from audit_entries order by seq")?;
    Ok(rows.into_iter().map(|(action,)| action).collect())
}

/// Messages of a post that have a word.
pub async fn found_at(conn: &mut Conn, post: model::PostId, word: &str) -> Result<i64> {
    let words = crate::message::words_at(post, &model::search::terms(word));
    let (count,) = match conn.either() {
        crate::conn::Either::Sqlite(c) => {
            let phrase = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ");
            sqlx::query_as::<_, (i64,)>("select count(*) from message_search where message_search match $1").bind(phrase).fetch_one(c).await?
        }
        crate::conn::Either::Postgres(c) => {
            let phrase = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" & ");
            sqlx::query_as::<_, (i64,)>("select count(*) from message_search where words @@ $1::tsquery").bind(phrase).fetch_one(c).await?
        }
    };
    Ok(count)
}
