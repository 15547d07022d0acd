//! Moments at which a post may have other holders, of which its open conversations are to be told.

use crate::{Conn, Result, conn::*};
use model::{At, ContactId, ConversationId, Language, PostId};

/// What has come to pass at a post since it was last told of: the first moment and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    pub post_id: PostId,
    pub first_at: At,
    pub last_at: At,
}

/// Notes a moment; one that has been told of is looked at once more.
pub async fn insert(conn: &mut Conn, post: PostId, due_at: At) -> Result<()> {
    execute!(conn, "insert into tellings (post_id, due_at) values ($1, $2) on conflict (post_id, due_at) do update set told_at = null", post, due_at)
        .map(|_| ())
}

/// Posts with moments that have come, the longest due first.
pub async fn due(conn: &mut Conn, now: At) -> Result<Vec<Due>> {
    fetch_all!(
        conn,
        Due,
        "select post_id, min(due_at) as first_at, max(due_at) as last_at from tellings where told_at is null and due_at <= $1
         group by post_id order by min(due_at), post_id",
        now
    )
}

pub async fn told(conn: &mut Conn, due: Due, now: At) -> Result<()> {
    execute!(conn, "update tellings set told_at = $3 where post_id = $1 and due_at <= $2 and told_at is null", due.post_id, due.last_at, now).map(|_| ())
}

/// An open conversation that is to be told, with what a mail about it has to know.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Open {
    pub id: ConversationId,
    pub contact_id: ContactId,
    pub email: Option<String>,
    pub language: Language,
    /// 1 while the contact waits for an answer.
    pub waits: i64,
    /// 1 while a mail has told them of something they have not seen.
    pub is_mailed: i64,
}

/// Open conversations of a post after one of them, in the order of their ids.
pub async fn open(conn: &mut Conn, post: PostId, after: ConversationId, limit: i64) -> Result<Vec<Open>> {
    fetch_all!(
        conn,
        Open,
        "select c.id, c.contact_id, k.email, k.language,
            (select count(*) from waits w where w.conversation_id = c.id and w.closed_at is null) as waits,
            cast(case when c.mailed_seq > c.contact_seen_seq then 1 else 0 end as bigint) as is_mailed
         from conversations c join contacts k on k.id = c.contact_id
         where c.post_id = $1 and c.state = 'open' and c.id > $2 order by c.id limit $3",
        post,
        after,
        limit
    )
}
