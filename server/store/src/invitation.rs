//! Invitations of staff: single-use, for a time.

use crate::{Conn, Result, conn::*};
use model::{At, InvitationId, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Invitation {
    pub id: InvitationId,
    pub staff_id: StaffId,
    pub created_at: At,
    pub expires_at: At,
    pub used_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, invitation: &Invitation) -> Result<()> {
    execute!(
        conn,
        "insert into invitations (id, staff_id, created_at, expires_at) values ($1, $2, $3, $4)",
        invitation.id,
        invitation.staff_id,
        invitation.created_at,
        invitation.expires_at
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: InvitationId) -> Result<Option<Invitation>> {
    fetch_optional!(conn, Invitation, "select id, staff_id, created_at, expires_at, used_at from invitations where id = $1", id)
}

/// The newest invitation of a member of staff.
pub async fn latest(conn: &mut Conn, staff: StaffId) -> Result<Option<Invitation>> {
    fetch_optional!(
        conn,
        Invitation,
        "select id, staff_id, created_at, expires_at, used_at from invitations where staff_id = $1 order by created_at desc, id desc limit 1",
        staff
    )
}

/// Uses an invitation up; `false` if it was used or had expired.
pub async fn consume(conn: &mut Conn, id: InvitationId, now: At) -> Result<bool> {
    let used = execute!(conn, "update invitations set used_at = $2 where id = $1 and used_at is null and expires_at > $2", id, now)?;
    Ok(used > 0)
}

/// Lets all open invitations of a member of staff expire now.
pub async fn expire_all(conn: &mut Conn, staff: StaffId, now: At) -> Result<()> {
    execute!(conn, "update invitations set expires_at = $2 where staff_id = $1 and used_at is null and expires_at > $2", staff, now).map(|_| ())
}
