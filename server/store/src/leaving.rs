//! People who leave on a day to come.

use crate::{Conn, Result, conn::*};
use model::{At, StaffId};

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

pub async fn delete(conn: &mut Conn, staff: StaffId) -> Result<bool> {
    Ok(execute!(conn, "delete from leavings where staff_id = $1", staff)? > 0)
}

/// Whose day has come.
pub async fn due(conn: &mut Conn, now: At) -> Result<Vec<StaffId>> {
    let rows = fetch_all!(conn, (StaffId,), "select staff_id from leavings where leaves_at <= $1 order by leaves_at, staff_id", now)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
