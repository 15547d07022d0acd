//! Mails that came back.

use crate::{Conn, Result, conn::*};
use model::{At, OutboxId};

/// Notes that a mail came back; `false` if that is known.
pub async fn insert(conn: &mut Conn, mail: OutboxId, status: &str, now: At) -> Result<bool> {
    let text = "insert into bounces (outbox_id, bounced_at, status) values ($1, $2, $3) on conflict (outbox_id) do nothing";
    Ok(execute!(conn, text, mail, now, status)? > 0)
}

/// The newest mail to an address that was sent after `since`.
pub async fn newest_to(conn: &mut Conn, recipient: &str, since: At) -> Result<Option<OutboxId>> {
    let found = fetch_optional!(
        conn,
        (OutboxId,),
        "select id from outbox where recipient = $1 and sent_at > $2 order by sent_at desc, id desc limit 1",
        recipient,
        since
    )?;
    Ok(found.map(|(id,)| id))
}
