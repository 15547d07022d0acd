//! Texts a post keeps ready.

use crate::{Conn, Result, conn::*};
use model::{At, PostId, QuickReplyId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct QuickReply {
    pub id: QuickReplyId,
    pub post_id: PostId,
    pub title: String,
    pub body: String,
    pub created_at: At,
}

pub async fn insert(conn: &mut Conn, reply: &QuickReply) -> Result<()> {
    execute!(
        conn,
        "insert into quick_replies (id, post_id, title, body, created_at) values ($1, $2, $3, $4, $5)",
        reply.id,
        reply.post_id,
        &reply.title,
        &reply.body,
        reply.created_at
    )
    .map(|_| ())
}
