//! Who holds which post, from when until when.

use crate::{Conn, Result, conn::*};
use model::{At, HoldingId, PostId, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Holding {
    pub id: HoldingId,
    pub post_id: PostId,
    pub staff_id: StaffId,
    pub from_at: At,
    pub until_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, holding: &Holding) -> Result<()> {
    execute!(
        conn,
        "insert into holdings (id, post_id, staff_id, from_at, until_at) values ($1, $2, $3, $4, $5)",
        holding.id,
        holding.post_id,
        holding.staff_id,
        holding.from_at,
        holding.until_at
    )
    .map(|_| ())
}
