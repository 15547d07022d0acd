//! What somebody shows besides their password: an authenticator app, recovery codes, passkeys.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_one, fetch_optional, on},
};
use model::{At, PasskeyId, StaffId};

/// An authenticator app.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Authenticator {
    pub staff_id: StaffId,
    pub nonce: String,
    pub created_at: At,
    pub last_step: i64,
}

pub async fn authenticator(conn: &mut Conn, staff: StaffId) -> Result<Option<Authenticator>> {
    fetch_optional!(conn, Authenticator, "select staff_id, nonce, created_at, last_step from authenticators where staff_id = $1", staff)
}

/// The app somebody uses from now on, in the place of the one they had.
pub async fn set_authenticator(conn: &mut Conn, row: &Authenticator) -> Result<()> {
    execute!(
        conn,
        "insert into authenticators (staff_id, nonce, created_at, last_step) values ($1, $2, $3, $4)
         on conflict (staff_id) do update set nonce = excluded.nonce, created_at = excluded.created_at, last_step = excluded.last_step",
        row.staff_id,
        &row.nonce,
        row.created_at,
        row.last_step
    )
    .map(|_| ())
}

/// Uses up a step and every one before it; `false` if it has been used.
pub async fn use_step(conn: &mut Conn, staff: StaffId, step: i64) -> Result<bool> {
    let used = execute!(conn, "update authenticators set last_step = $2 where staff_id = $1 and last_step < $2", staff, step)?;
    Ok(used > 0)
}

pub async fn remove_authenticator(conn: &mut Conn, staff: StaffId) -> Result<bool> {
    Ok(execute!(conn, "delete from authenticators where staff_id = $1", staff)? > 0)
}

/// New recovery codes; the old ones hold no longer.
pub async fn set_recovery_codes(conn: &mut Conn, staff: StaffId, hashes: &[Vec<u8>], now: At) -> Result<()> {
    execute!(conn, "delete from recovery_codes where staff_id = $1", staff)?;
    for hash in hashes {
        execute!(conn, "insert into recovery_codes (staff_id, code_hash, created_at) values ($1, $2, $3)", staff, hash, now)?;
    }
    Ok(())
}

/// Uses a recovery code up; `false` if there is none such.
pub async fn use_recovery_code(conn: &mut Conn, staff: StaffId, hash: &[u8], now: At) -> Result<bool> {
    let used = execute!(conn, "update recovery_codes set used_at = $3 where staff_id = $1 and code_hash = $2 and used_at is null", staff, hash, now)?;
    Ok(used > 0)
}

/// Whether somebody has this recovery code and has not used it.
pub async fn is_recovery_code(conn: &mut Conn, staff: StaffId, hash: &[u8]) -> Result<bool> {
    let text = "select staff_id from recovery_codes where staff_id = $1 and code_hash = $2 and used_at is null";
    Ok(fetch_optional!(conn, (StaffId,), text, staff, hash)?.is_some())
}

pub async fn recovery_codes_left(conn: &mut Conn, staff: StaffId) -> Result<i64> {
    let (left,) = fetch_one!(conn, (i64,), "select count(*) from recovery_codes where staff_id = $1 and used_at is null", staff)?;
    Ok(left)
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Passkey {
    pub id: PasskeyId,
    pub staff_id: StaffId,
    pub credential_id: Vec<u8>,
    pub credential: String,
    pub name: String,
    pub created_at: At,
    pub used_at: Option<At>,
}

pub async fn insert_passkey(conn: &mut Conn, row: &Passkey) -> Result<()> {
    execute!(
        conn,
        "insert into passkeys (id, staff_id, credential_id, credential, name, created_at) values ($1, $2, $3, $4, $5, $6)",
        row.id,
        row.staff_id,
        &row.credential_id,
        &row.credential,
        &row.name,
        row.created_at
    )
    .map(|_| ())
}

/// Somebody's passkeys, oldest first.
pub async fn passkeys(conn: &mut Conn, staff: StaffId) -> Result<Vec<Passkey>> {
    fetch_all!(
        conn,
        Passkey,
        "select id, staff_id, credential_id, credential, name, created_at, used_at from passkeys where staff_id = $1 order by created_at, id",
        staff
    )
}

pub async fn passkey(conn: &mut Conn, credential_id: &[u8]) -> Result<Option<Passkey>> {
    fetch_optional!(
        conn,
        Passkey,
        "select id, staff_id, credential_id, credential, name, created_at, used_at from passkeys where credential_id = $1",
        credential_id
    )
}

/// A passkey was used; what the library keeps of it may have changed.
pub async fn used_passkey(conn: &mut Conn, id: PasskeyId, credential: &str, now: At) -> Result<()> {
    execute!(conn, "update passkeys set used_at = $3, credential = $2 where id = $1", id, credential, now).map(|_| ())
}

pub async fn remove_passkey(conn: &mut Conn, staff: StaffId, id: PasskeyId) -> Result<bool> {
    Ok(execute!(conn, "delete from passkeys where id = $1 and staff_id = $2", id, staff)? > 0)
}

/// Everything somebody could show besides their password is gone; `false` if there was nothing.
pub async fn remove_all(conn: &mut Conn, staff: StaffId) -> Result<bool> {
    let app = execute!(conn, "delete from authenticators where staff_id = $1", staff)?;
    let keys = execute!(conn, "delete from passkeys where staff_id = $1", staff)?;
    execute!(conn, "delete from recovery_codes where staff_id = $1", staff)?;
    Ok(app + keys > 0)
}

/// Whether somebody has a second factor.
pub async fn is_set(conn: &mut Conn, staff: StaffId) -> Result<bool> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select (select count(*) from authenticators where staff_id = $1) + (select count(*) from passkeys where staff_id = $1)",
        staff
    )?;
    Ok(count > 0)
}

/// Nobody else changes this person's second factor until the transaction ends. SQLite has one writer anyway.
pub async fn hold(conn: &mut Conn, staff: StaffId) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select id from staff where id = $1 for update").bind(staff).execute(c).await?;
    }
    Ok(())
}

/// What a browser has been asked.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Ceremony {
    pub staff_id: Option<StaffId>,
    pub state: String,
    pub expires_at: At,
}

/// Keeps what a browser is asked; what nobody answered in time is forgotten.
pub async fn begin_ceremony(conn: &mut Conn, id: uuid::Uuid, row: &Ceremony, now: At) -> Result<()> {
    execute!(conn, "delete from ceremonies where expires_at <= $1", now)?;
    execute!(conn, "insert into ceremonies (id, staff_id, state, expires_at) values ($1, $2, $3, $4)", id, row.staff_id, &row.state, row.expires_at).map(|_| ())
}

/// Takes it away: each can be answered once.
pub async fn end_ceremony(conn: &mut Conn, id: uuid::Uuid, now: At) -> Result<Option<Ceremony>> {
    let row = fetch_optional!(conn, Ceremony, "delete from ceremonies where id = $1 returning staff_id, state, expires_at", id)?;
    Ok(row.filter(|r| r.expires_at > now))
}
