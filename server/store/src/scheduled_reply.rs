//! Replies to be sent at a later moment.

use crate::{Conn, Result, conn::*};
use model::{At, ClientKey, ConversationId, PostId, ScheduledReplyId, StaffId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ScheduledReply {
    pub id: ScheduledReplyId,
    pub conversation_id: ConversationId,
    pub staff_id: StaffId,
    pub body: String,
    pub client_key: ClientKey,
    pub created_at: At,
    pub send_at: At,
    pub sent_at: Option<At>,
    pub cancelled_at: Option<At>,
    /// The post whose conversation it was when the reply was written.
    pub post_id: Option<PostId>,
}

/// Keeps a reply; one with the same client key in the same conversation stays as it is.
pub async fn insert(conn: &mut Conn, reply: &ScheduledReply) -> Result<()> {
    execute!(
        conn,
        "insert into scheduled_replies (id, conversation_id, staff_id, body, client_key, created_at, send_at, post_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (conversation_id, client_key) do nothing",
        reply.id,
        reply.conversation_id,
        reply.staff_id,
        &reply.body,
        reply.client_key,
        reply.created_at,
        reply.send_at,
        reply.post_id
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: ScheduledReplyId) -> Result<Option<ScheduledReply>> {
    fetch_optional!(
        conn,
        ScheduledReply,
        "select id, conversation_id, staff_id, body, client_key, created_at, send_at, sent_at, cancelled_at, post_id from scheduled_replies where id = $1",
        id
    )
}

/// What a conversation has still to send, with who wrote it, the next first.
pub async fn of_conversation(conn: &mut Conn, conversation: ConversationId) -> Result<Vec<(ScheduledReply, String)>> {
    #[derive(sqlx::FromRow)]
    struct Named {
        #[sqlx(flatten)]
        reply: ScheduledReply,
        name: String,
    }
    let rows = fetch_all!(
        conn,
        Named,
        "select r.id, r.conversation_id, r.staff_id, r.body, r.client_key, r.created_at, r.send_at, r.sent_at, r.cancelled_at, r.post_id, s.name
         from scheduled_replies r join staff s on s.id = r.staff_id
         where r.conversation_id = $1 and r.sent_at is null and r.cancelled_at is null
         order by r.send_at, r.id",
        conversation
    )?;
    Ok(rows.into_iter().map(|r| (r.reply, r.name)).collect())
}

/// Replies whose moment has come, the oldest first.
pub async fn due(conn: &mut Conn, now: At, limit: i64) -> Result<Vec<ScheduledReply>> {
    fetch_all!(
        conn,
        ScheduledReply,
        "select id, conversation_id, staff_id, body, client_key, created_at, send_at, sent_at, cancelled_at, post_id from scheduled_replies where send_at <= $1 and sent_at is null and cancelled_at is null order by send_at, id limit $2",
        now,
        limit
    )
}

/// True if it had been neither sent nor cancelled.
pub async fn set_sent(conn: &mut Conn, id: ScheduledReplyId, now: At) -> Result<bool> {
    let changed = execute!(conn, "update scheduled_replies set sent_at = $2 where id = $1 and sent_at is null and cancelled_at is null", id, now)?;
    Ok(changed > 0)
}

/// True if it had been neither sent nor cancelled.
pub async fn cancel(conn: &mut Conn, id: ScheduledReplyId, now: At) -> Result<bool> {
    let changed = execute!(conn, "update scheduled_replies set cancelled_at = $2 where id = $1 and sent_at is null and cancelled_at is null", id, now)?;
    Ok(changed > 0)
}
