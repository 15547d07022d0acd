//! Signed-in sessions of staff. The key itself lives in the cookie only.

use crate::{Conn, Result, conn::*};
use model::{At, SessionId, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    pub id: SessionId,
    pub staff_id: StaffId,
    /// The browser's name, for the list of sessions.
    pub agent: String,
    pub created_at: At,
    pub seen_at: At,
    pub ended_at: Option<At>,
}

/// A live session by its key's hash.
pub async fn by_key(conn: &mut Conn, key_hash: &[u8]) -> Result<Option<Session>> {
    fetch_optional!(
        conn,
        Session,
        "select s.id, s.staff_id, s.agent, s.created_at, s.seen_at, s.ended_at from sessions s join staff p on p.id = s.staff_id
         where s.key_hash = $1 and s.ended_at is null and p.ended_at is null",
        key_hash
    )
}

pub async fn insert(conn: &mut Conn, session: &Session, key_hash: &[u8]) -> Result<()> {
    execute!(
        conn,
        "insert into sessions (id, staff_id, key_hash, agent, created_at, seen_at) values ($1, $2, $3, $4, $5, $6)",
        session.id,
        session.staff_id,
        key_hash,
        &session.agent,
        session.created_at,
        session.seen_at
    )
    .map(|_| ())
}
