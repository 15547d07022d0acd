//! People who leave on a day to come, and what that changes.

use crate::{Conn, Result, conn::*, holding::Holding};
use model::{At, HoldingId, PostId, StaffId};

pub async fn set(conn: &mut Conn, staff: StaffId, leaves_at: At, by: StaffId, now: At) -> Result<()> {
    execute!(
        conn,
        "insert into leavings (staff_id, leaves_at, created_by, created_at) values ($1, $2, $3, $4)
         on conflict (staff_id) do update set leaves_at = excluded.leaves_at, created_by = excluded.created_by, created_at = excluded.created_at",
        staff,
        leaves_at,
        by,
        now
    )
    .map(|_| ())
}

pub async fn of_staff(conn: &mut Conn, staff: StaffId) -> Result<Option<At>> {
    let row = fetch_optional!(conn, (At,), "select leaves_at from leavings where staff_id = $1", staff)?;
    Ok(row.map(|(at,)| at))
}

/// Not before a moment.
pub async fn put_off(conn: &mut Conn, staff: StaffId, until: At) -> Result<()> {
    execute!(conn, "update leavings set leaves_at = $2 where staff_id = $1 and leaves_at < $2", staff, until).map(|_| ())
}

/// Forgets that somebody was to leave, with what that had changed.
pub async fn delete(conn: &mut Conn, staff: StaffId) -> Result<bool> {
    execute!(conn, "delete from leaving_holdings where staff_id = $1", staff)?;
    Ok(execute!(conn, "delete from leavings where staff_id = $1", staff)? > 0)
}

/// Whose day has come, and who has a login still.
pub async fn due(conn: &mut Conn, now: At) -> Result<Vec<StaffId>> {
    let rows = fetch_all!(
        conn,
        (StaffId,),
        "select l.staff_id from leavings l join staff s on s.id = l.staff_id where l.leaves_at <= $1 and s.ended_at is null order by l.leaves_at, l.staff_id",
        now
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A holding as it was before somebody's leaving was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Before {
    pub holding_id: HoldingId,
    /// 1 if there was none.
    pub is_new: i64,
    pub post_id: PostId,
    pub holder_id: StaffId,
    pub from_at: At,
    pub until_at: Option<At>,
}

impl Before {
    pub fn holding(self) -> Holding {
        Holding { id: self.holding_id, post_id: self.post_id, staff_id: self.holder_id, from_at: self.from_at, until_at: self.until_at }
    }
}

/// Remembers what a holding was before the leaving of `staff`, which makes it (`is_new`) or changes it.
pub async fn remember(conn: &mut Conn, staff: StaffId, before: &Holding, is_new: bool) -> Result<()> {
    execute!(
        conn,
        "insert into leaving_holdings (staff_id, holding_id, is_new, post_id, holder_id, from_at, until_at) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (staff_id, holding_id) do nothing",
        staff,
        before.id,
        i64::from(is_new),
        before.post_id,
        before.staff_id,
        before.from_at,
        before.until_at
    )
    .map(|_| ())
}

/// What the leaving of `staff` made and changed.
pub async fn remembered(conn: &mut Conn, staff: StaffId) -> Result<Vec<Before>> {
    fetch_all!(
        conn,
        Before,
        "select holding_id, is_new, post_id, holder_id, from_at, until_at from leaving_holdings where staff_id = $1 order by is_new desc, from_at, holding_id",
        staff
    )
}

/// A holding that is no more: no leaving brings it back.
pub async fn forget(conn: &mut Conn, holding: HoldingId) -> Result<()> {
    execute!(conn, "delete from leaving_holdings where holding_id = $1", holding).map(|_| ())
}
