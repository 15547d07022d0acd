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

/// A session with what has been shown in it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Live {
    #[sqlx(flatten)]
    pub session: Session,
    /// When the second factor was shown.
    pub proven_at: Option<At>,
    /// How many second factors its member of staff has, recovery codes apart.
    pub factors: i64,
}

/// A live session by its key's hash, if it began after `since` and whoever it is has not left by `now`.
pub async fn by_key(conn: &mut Conn, key_hash: &[u8], since: At, now: At) -> Result<Option<Live>> {
    fetch_optional!(
        conn,
        Live,
        "select s.id, s.staff_id, s.agent, s.created_at, s.seen_at, s.ended_at, s.proven_at,
            (select count(*) from authenticators a where a.staff_id = s.staff_id) + (select count(*) from passkeys k where k.staff_id = s.staff_id) as factors
         from sessions s join staff p on p.id = s.staff_id
         where s.key_hash = $1 and s.ended_at is null and s.created_at > $2 and p.ended_at is null
            and not exists (select 1 from leavings l where l.staff_id = p.id and l.leaves_at <= $3)",
        key_hash,
        since,
        now
    )
}

/// When a session began.
pub async fn begun_at(conn: &mut Conn, id: SessionId) -> Result<Option<At>> {
    let found = fetch_optional!(conn, (At,), "select created_at from sessions where id = $1", id)?;
    Ok(found.map(|(at,)| at))
}

/// The second factor has been shown in this session.
pub async fn prove(conn: &mut Conn, id: SessionId, now: At) -> Result<()> {
    execute!(conn, "update sessions set proven_at = $2 where id = $1", id, now).map(|_| ())
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

/// The live sessions of a member of staff that began after `since`, last used first.
pub async fn of_staff(conn: &mut Conn, staff: StaffId, since: At) -> Result<Vec<Session>> {
    fetch_all!(
        conn,
        Session,
        "select id, staff_id, agent, created_at, seen_at, ended_at from sessions
         where staff_id = $1 and ended_at is null and created_at > $2 order by seen_at desc, id desc",
        staff,
        since
    )
}

/// Nothing that was shown in somebody's sessions counts any more: they have no second factor left.
pub async fn unprove(conn: &mut Conn, staff: StaffId) -> Result<()> {
    execute!(conn, "update sessions set proven_at = null where staff_id = $1 and proven_at is not null", staff).map(|_| ())
}

/// Whether a session has not ended and its member of staff has not left, and whether what has to be shown in it has been: the second factor of
/// whoever has one, and of whoever's role asks for one.
pub async fn is_live(conn: &mut Conn, id: SessionId, since: At, now: At) -> Result<bool> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        "select count(*) from sessions s join staff p on p.id = s.staff_id
         where s.id = $1 and s.ended_at is null and s.created_at > $2 and p.ended_at is null
            and not exists (select 1 from leavings l where l.staff_id = p.id and l.leaves_at <= $3)
            and case when exists (select 1 from authenticators a where a.staff_id = p.id) or exists (select 1 from passkeys k where k.staff_id = p.id)
                then s.proven_at is not null
                else not exists (select 1 from grants g where g.staff_id = p.id and g.from_at <= $3 and (g.until_at is null or g.until_at > $3)) end",
        id,
        since,
        now
    )?;
    Ok(count > 0)
}

pub async fn touch(conn: &mut Conn, id: SessionId, now: At) -> Result<()> {
    execute!(conn, "update sessions set seen_at = $2 where id = $1 and seen_at < $2", id, now).map(|_| ())
}

/// Ends one session of this member of staff; `false` if there is no such live one.
pub async fn end(conn: &mut Conn, staff: StaffId, id: SessionId, now: At) -> Result<bool> {
    let ended = execute!(conn, "update sessions set ended_at = $3 where id = $1 and staff_id = $2 and ended_at is null", id, staff, now)?;
    Ok(ended > 0)
}

/// Ends the live session with this key, whoever's it is.
pub async fn end_by_key(conn: &mut Conn, key_hash: &[u8], now: At) -> Result<Option<SessionId>> {
    let ended = fetch_optional!(conn, (SessionId,), "update sessions set ended_at = $2 where key_hash = $1 and ended_at is null returning id", key_hash, now)?;
    Ok(ended.map(|(id,)| id))
}

/// Ends all live sessions of a member of staff but one, and gives those that ended.
pub async fn end_all(conn: &mut Conn, staff: StaffId, except: Option<SessionId>, now: At) -> Result<Vec<SessionId>> {
    // No session has the nil id.
    let except = except.map_or(uuid::Uuid::nil(), |id| id.0);
    let ended = fetch_all!(
        conn,
        (SessionId,),
        "update sessions set ended_at = $3 where staff_id = $1 and id <> $2 and ended_at is null returning id",
        staff,
        except,
        now
    )?;
    Ok(ended.into_iter().map(|(id,)| id).collect())
}
