//! Texts a post keeps ready.

use crate::{Conn, Result, conn::*};
use model::{At, PostId, QuickReplyId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct QuickReply {
    pub id: QuickReplyId,
    pub post_id: PostId,
    pub title: String,
    /// With the variables of `domain::quick_reply` still in it.
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

pub async fn find(conn: &mut Conn, id: QuickReplyId) -> Result<Option<QuickReply>> {
    fetch_optional!(conn, QuickReply, "select id, post_id, title, body, created_at from quick_replies where id = $1", id)
}

/// A post's quick replies, oldest first: people find by place what they use every day.
pub async fn of_post(conn: &mut Conn, post: PostId) -> Result<Vec<QuickReply>> {
    fetch_all!(conn, QuickReply, "select id, post_id, title, body, created_at from quick_replies where post_id = $1 order by created_at, id", post)
}

pub async fn update(conn: &mut Conn, id: QuickReplyId, title: &str, body: &str) -> Result<()> {
    execute!(conn, "update quick_replies set title = $2, body = $3 where id = $1", id, title, body).map(|_| ())
}

pub async fn delete(conn: &mut Conn, id: QuickReplyId) -> Result<()> {
    execute!(conn, "delete from quick_replies where id = $1", id).map(|_| ())
}
