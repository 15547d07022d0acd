//! Backups: one file with everything in it, made while the server runs. A file counts once it has been restored and looked through.
//!
//! SQLite writes a consistent copy of itself (`vacuum into`). PostgreSQL's own `pg_dump` and `pg_restore` do it there; they have to be installed.

use crate::{
    Db, Error, Result,
    conn::{fetch_one, on},
    migrations::{self, Tables},
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgConnection},
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use std::{
    convert::Infallible,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    str::FromStr,
    time::Duration,
};
use tokio::{process::Command, runtime::Handle, time};
use url::Url;
use uuid::Uuid;

/// What a database holds, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Content {
    pub conversations: i64,
    pub messages: i64,
    pub audit_entries: i64,
    /// The end of the audit chain.
    #[sqlx(flatten)]
    pub audit: crate::audit::Head,
}

/// Writes a backup of the database at `url` to `file`, which must not be there yet.
pub async fn make(url: &str, file: &Path) -> Result<()> {
    if file.exists() {
        return Err(failed(format!("{} is there already", file.display())));
    }
    match kind(url)? {
        Kind::Sqlite => {
            let options = SqliteConnectOptions::from_str(url)?.read_only(true).busy_timeout(Duration::from_secs(60)).disable_statement_logging();
            let mut c = SqliteConnection::connect_with(&options).await?;
            let writing = sqlx::query("vacuum into $1").bind(text(file)?).execute(&mut c);
            tokio::select! {
                written = writing => written.map(drop)?,
                never = onto_the_disk(file) => match never {},
            }
            c.close().await?;
        }
        Kind::Postgres(url) => {
            run(tool(&url, "pg_dump")?.arg("--format=custom").arg("--file").arg(file)).await?;
        }
    }
    on_disk(file).map_err(|e| failed(format!("{}: {e}", file.display())))
}

/// Puts a backup in the place of a database that is not there yet, or has nothing in it.
pub async fn restore(file: &Path, url: &str) -> Result<()> {
    if !file.is_file() {
        return Err(failed(format!("there is no file {}", file.display())));
    }
    let (kind, from) = (kind(url)?, Origin::of(file).map_err(|e| failed(format!("{}: {e}", file.display())))?);
    match (&kind, from) {
        (Kind::Sqlite, Origin::Sqlite) | (Kind::Postgres(_), Origin::Postgres) => {}
        (_, Origin::Other) => return Err(failed(format!("{} is no backup", file.display()))),
        (_, Origin::Postgres) => return Err(failed(format!("{} was made from PostgreSQL, and goes into PostgreSQL only", file.display()))),
        (_, Origin::Sqlite) => return Err(failed(format!("{} was made from SQLite, and goes into SQLite only", file.display()))),
    }
    match kind {
        Kind::Sqlite => {
            let target = SqliteConnectOptions::from_str(url)?.get_filename().to_owned();
            for old in ["", "-wal", "-shm"].map(|end| with_end(&target, end)) {
                // Without its database a log would be taken for the restored one's, and change its pages.
                if fs::metadata(&old).is_ok_and(|m| m.len() > 0) {
                    return Err(failed(format!("{} is there already: stop the server and move it away first", old.display())));
                }
            }
            let part = with_end(&target, ".part");
            let (from, to) = (file.to_owned(), part.clone());
            let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await.map_err(|e| failed(e.to_string()))?;
            let wrong = |e: io::Error| failed(format!("{}: {e}", target.display()));
            copied.map_err(wrong)?;
            if let Err(damaged) = look_into(&part).await {
                remove_sqlite(&part);
                return Err(failed(format!("{}: {damaged}", file.display())));
            }
            remove_sqlite_logs(&part);
            fs::rename(&part, &target).and_then(|()| on_disk(&target)).map_err(wrong)
        }
        Kind::Postgres(url) => {
            if !is_empty(url.as_str()).await? {
                return Err(failed("the database is not empty: make a new one, and set LINLI_DATABASE_URL to it".to_owned()));
            }
            let name = url.path().trim_start_matches('/').to_owned();
            let mut restore = tool(&url, "pg_restore")?;
            run(restore.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--dbname", &name]).arg(file)).await.map(drop)
        }
    }
}

/// Restores a backup beside the database it was made from, looks through all of it, and takes the copy away again.
pub async fn check(file: &Path, url: &str) -> Result<Content> {
    match kind(url)? {
        Kind::Sqlite => {
            let scratch = with_end(file, ".scratch");
            remove_sqlite(&scratch);
            let found = check_in(file, &format!("sqlite:{}", scratch.display())).await;
            remove_sqlite(&scratch);
            found
        }
        Kind::Postgres(url) => {
            let name = format!("linli_check_{}", Uuid::from_u128(u128::from(std::process::id()) << 64 | u128::from(fingerprint(file))).as_simple());
            let mut scratch = url.clone();
            scratch.set_path(&name);
            let mut c = PgConnection::connect_with(&PgConnectOptions::from_str(url.as_str())?).await?;
            let made = sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&mut c).await;
            made.map_err(|e| failed(format!("a database to check the backup in could not be made; its user needs createdb ({})", said(&e))))?;
            let found = check_in(file, scratch.as_str()).await;
            sqlx::query(AssertSqlSafe(format!("drop database {name}"))).execute(&mut c).await?;
            c.close().await?;
            found
        }
    }
}

/// Removes the scratch databases of checks that were broken off: those nobody is connected to.
pub async fn clear_away(url: &str) -> Result<()> {
    let Kind::Postgres(url) = kind(url)? else { return Ok(()) };
    let mut c = PgConnection::connect_with(&PgConnectOptions::from_str(url.as_str())?).await?;
    let abandoned = "select datname from pg_database d where datname like 'linli\\_check\\_%' and pg_get_userbyid(datdba) = current_user
        and not exists (select 1 from pg_stat_activity a where a.datname = d.datname)";
    for name in sqlx::query_scalar::<_, String>(abandoned).fetch_all(&mut c).await? {
        sqlx::query(AssertSqlSafe(format!("drop database if exists \"{name}\""))).execute(&mut c).await?;
    }
    c.close().await.map_err(Error::from)
}

/// Two checks of one program do not share a scratch database.
fn fingerprint(file: &Path) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    file.hash(&mut hasher);
    hasher.finish()
}

async fn check_in(file: &Path, scratch: &str) -> Result<Content> {
    restore(file, scratch).await?;
    let scratch = scratch.to_owned();
    // On a thread of its own: what migrates a database cannot be sent from one thread to another.
    let looking = tokio::task::spawn_blocking(move || {
        Handle::current().block_on(async {
            let db = Db::open(&scratch).await?;
            let looked = look_through(&db).await;
            db.close().await;
            looked
        })
    });
    looking.await.map_err(|e| failed(e.to_string()))?
}

async fn look_through(db: &Db) -> Result<Content> {
    content(&mut db.read().await?).await
}

/// Every page of a SQLite file, and every row that points to another.
async fn look_into(file: &Path) -> Result<()> {
    let mut c = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file).disable_statement_logging()).await?;
    let said: String = sqlx::query_scalar("select group_concat(integrity_check, '; ') from pragma_integrity_check").fetch_one(&mut c).await?;
    let loose: i64 = sqlx::query_scalar("select count(*) from pragma_foreign_key_check").fetch_one(&mut c).await?;
    let tables = migrations::sqlite(&mut c).await?;
    c.close().await?;
    match tables {
        _ if said != "ok" || loose > 0 => Err(failed(format!("the backup is damaged: {said}, {loose} rows point nowhere"))),
        Tables::None => Err(failed("there are no records of Linli's in it".to_owned())),
        Tables::Ahead => Err(Error::Ahead),
        Tables::Current | Tables::Behind(_) | Tables::Beside => Ok(()),
    }
}

/// What the database holds now.
pub async fn content(conn: &mut crate::Conn) -> Result<Content> {
    fetch_one!(
        conn,
        Content,
        "select (select count(*) from conversations) as conversations, (select count(*) from messages) as messages,
            (select count(*) from audit_entries) as audit_entries, h.seq, h.hash from audit_head h"
    )
}

enum Kind {
    Sqlite,
    Postgres(Url),
}

/// What a backup was made from, by how it begins.
enum Origin {
    Sqlite,
    Postgres,
    Other,
}

impl Origin {
    fn of(file: &Path) -> io::Result<Origin> {
        let mut begins = Vec::new();
        File::open(file)?.take(16).read_to_end(&mut begins)?;
        Ok(match begins.as_slice() {
            b"SQLite format 3\0" => Origin::Sqlite,
            other if other.starts_with(b"PGDMP") => Origin::Postgres,
            _ => Origin::Other,
        })
    }
}

fn kind(url: &str) -> Result<Kind> {
    if url.starts_with("sqlite:") {
        return Ok(Kind::Sqlite);
    }
    match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => Ok(Kind::Postgres(url)),
        _ => Err(Error::Url),
    }
}

/// The database's words, without where in its own source they stand.
fn said(e: &sqlx::Error) -> String {
    e.as_database_error().map_or_else(|| e.to_string(), |e| e.message().to_owned())
}

fn failed(why: String) -> Error {
    Error::Backup(why)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| failed(format!("{} is not a name this program can use", path.display())))
}

/// Puts a file that grows onto the disk piece by piece: else whoever commits something waits in the end until all of it is there.
async fn onto_the_disk(file: &Path) -> Infallible {
    loop {
        time::sleep(Duration::from_millis(50)).await;
        let file = file.to_owned();
        // What fails here fails once more at the end, and is told then.
        let _ = tokio::task::spawn_blocking(move || File::open(file)?.sync_data()).await;
    }
}

/// Bytes copied between two looks at the disk.
const PIECE: u64 = 8 << 20;

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // Not `fs::copy`, which would give the copy the backup's permissions.
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    while io::copy(&mut (&mut from).take(PIECE), &mut to)? > 0 {
        to.sync_data()?;
    }
    to.sync_all()
}

/// A file and its name are there after a power cut.
fn on_disk(file: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    let folder = file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn with_end(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn remove_sqlite(file: &Path) {
    for end in ["", ".part"] {
        // Most are not there.
        let _ = fs::remove_file(with_end(file, end));
        remove_sqlite_logs(&with_end(file, end));
    }
}

fn remove_sqlite_logs(file: &Path) {
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(with_end(file, end));
    }
}

async fn is_empty(url: &str) -> Result<bool> {
    let mut c = PgConnection::connect_with(&PgConnectOptions::from_str(url)?).await?;
    let (count,): (i64,) = sqlx::query_as("select count(*) from pg_tables where schemaname = 'public'").fetch_one(&mut c).await?;
    c.close().await?;
    Ok(count == 0)
}

/// One of PostgreSQL's programs, told where to connect. The password goes by the environment: arguments can be read by everybody on the machine.
fn tool(url: &Url, name: &str) -> Result<Command> {
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    let mut command = Command::new(find(name));
    command.stdin(Stdio::null()).env("PGDATABASE", decoded(url.path().trim_start_matches('/')));
    if let Some(host) = url.host_str() {
        command.env("PGHOST", decoded(host));
    }
    if let Some(port) = url.port() {
        command.env("PGPORT", port.to_string());
    }
    if !url.username().is_empty() {
        command.env("PGUSER", decoded(url.username()));
    }
    if let Some(password) = url.password() {
        command.env("PGPASSWORD", decoded(password));
    }
    for (key, value) in url.query_pairs() {
        match &*key {
            "sslmode" => command.env("PGSSLMODE", &*value),
            "host" => command.env("PGHOST", &*value),
            "port" => command.env("PGPORT", &*value),
            _ => &mut command,
        };
    }
    Ok(command)
}

/// In the path, or where Debian keeps PostgreSQL's own: the newest, which reads older ones too.
fn find(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|v| Some((v.file_name().to_str()?.parse().ok()?, v.path().join("bin").join(name))))
        .filter(|(_, program)| program.exists())
        .collect();
    found.sort();
    found.pop().map_or_else(|| name.into(), |(_, program)| program)
}

async fn run(command: &mut Command) -> Result<Output> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.output().await.map_err(|e| failed(format!("{name}: {e}; PostgreSQL's client programs have to be installed")))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(failed(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
