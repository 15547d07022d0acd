//! The one row that tells this installation from every other.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_one, on},
};
use model::At;

/// The installation's secret, from which claim codes and links are derived. The first caller's proposal is kept.
pub async fn secret(conn: &mut Conn, proposal: Vec<u8>, now: At) -> Result<Vec<u8>> {
    execute!(conn, "insert into installation (id, secret, created_at) values (1, $1, $2) on conflict (id) do nothing", &proposal, now)?;
    let (secret,) = fetch_one!(conn, (Vec<u8>,), "select secret from installation where id = 1")?;
    Ok(secret)
}

/// Nothing has been set up yet: no unit and no staff.
pub async fn is_empty(conn: &mut Conn) -> Result<bool> {
    let (count,) = fetch_one!(conn, (i64,), "select (select count(*) from units) + (select count(*) from staff)")?;
    Ok(count == 0)
}

/// Whether anyone ever could administer this installation: somebody with a login has or had an admin's grant, even if it is over and they have left.
pub async fn has_had_admin(conn: &mut Conn) -> Result<bool> {
    let (count,) =
        fetch_one!(conn, (i64,), "select count(*) from grants g join staff s on s.id = g.staff_id where g.role = 'admin' and s.activated_at is not null")?;
    Ok(count > 0)
}

/// Changes nothing and is a real write nevertheless.
pub async fn touch(conn: &mut Conn) -> Result<()> {
    match conn.either() {
        Either::Sqlite(c) => sqlx::query(SQLITE_TOUCH).execute(c).await.map(drop)?,
        Either::Postgres(c) => sqlx::query(POSTGRES_TOUCH).execute(c).await.map(drop)?,
    }
    Ok(())
}

/// A row that gets the value it has would not be written by SQLite, but its header always is.
pub(crate) const SQLITE_TOUCH: &str = "pragma user_version = 0";
pub(crate) const POSTGRES_TOUCH: &str = "update installation set created_at = created_at";

/// Answers if the database does.
pub async fn ping(conn: &mut Conn) -> Result<()> {
    execute!(conn, "select 1").map(|_| ())
}

/// Nobody else sets the installation up until this transaction ends. SQLite has one writer anyway.
pub async fn hold(conn: &mut Conn) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select id from installation where id = 1 for update").execute(c).await?;
    }
    Ok(())
}
