//! Mails that came back.

use crate::{Conn, Result, conn::*};
use model::{At, OutboxId};

/// Notes that a mail came back; `false` if that is known.
pub async fn insert(conn: &mut Conn, mail: OutboxId, status: &str, now: At) -> Result<bool> {
    let text = "insert into bounces (outbox_id, bounced_at, status) values ($1, $2, $3) on conflict (outbox_id) do nothing";
    Ok(execute!(conn, text, mail, now, status)? > 0)
}
