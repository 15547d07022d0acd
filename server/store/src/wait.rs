//! Waits: opened by the first unanswered contact message, closed by the first public human reply.

use crate::{Conn, Result, conn::*};
use model::{At, ConversationId, PostId, WaitId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Wait {
    pub id: WaitId,
    pub conversation_id: ConversationId,
    pub post_id: PostId,
    pub opened_seq: i64,
    pub opened_at: At,
    pub due_at: At,
    pub closed_seq: Option<i64>,
    pub closed_at: Option<At>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("select id, conversation_id, post_id, opened_seq, opened_at, due_at, closed_seq, closed_at from waits ", $rest)
    };
}

pub async fn open(conn: &mut Conn, conversation: ConversationId) -> Result<Option<Wait>> {
    fetch_optional!(conn, Wait, select!("where conversation_id = $1 and closed_at is null"), conversation)
}

/// Opens a wait for a message of the contact's that has been there for some time, if none is open.
pub async fn open_late(conn: &mut Conn, id: WaitId, conversation: ConversationId, opened_seq: i64, opened_at: At, due_at: At) -> Result<()> {
    execute!(
        conn,
        "insert into waits (id, conversation_id, post_id, opened_seq, opened_at, due_at)
         select $1, c.id, c.post_id, $3, $4, $5 from conversations c where c.id = $2
         on conflict (conversation_id) where closed_at is null do nothing",
        id,
        conversation,
        opened_seq,
        opened_at,
        due_at
    )
    .map(|_| ())
}

/// The newest wait of a conversation, open or closed.
pub async fn last(conn: &mut Conn, conversation: ConversationId) -> Result<Option<Wait>> {
    fetch_optional!(conn, Wait, select!("where conversation_id = $1 order by opened_seq desc limit 1"), conversation)
}

/// The automatic replies since a conversation's open wait began; none without one.
pub async fn auto_replies(conn: &mut Conn, conversation: ConversationId) -> Result<Vec<String>> {
    let rows = fetch_all!(
        conn,
        (String,),
        "select m.body from waits w join messages m on m.conversation_id = w.conversation_id and m.seq > w.opened_seq and m.kind = 'auto'
         where w.conversation_id = $1 and w.closed_at is null",
        conversation
    )?;
    Ok(rows.into_iter().map(|(body,)| body).collect())
}

/// All waits of a conversation, oldest first.
pub async fn of_conversation(conn: &mut Conn, conversation: ConversationId) -> Result<Vec<Wait>> {
    fetch_all!(conn, Wait, select!("where conversation_id = $1 order by opened_seq"), conversation)
}

/// A wait with the words that opened it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Told {
    pub opened_at: At,
    pub due_at: At,
    pub closed_at: Option<At>,
    /// Empty when the message has been removed.
    pub text: String,
}

/// The last ten waits of a conversation, newest first, each with the message that opened it.
pub async fn history(conn: &mut Conn, conversation: ConversationId) -> Result<Vec<Told>> {
    fetch_all!(
        conn,
        Told,
        "select w.opened_at, w.due_at, w.closed_at, case when m.removed_at is null then m.body else '' end as text
         from waits w join messages m on m.conversation_id = w.conversation_id and m.seq = w.opened_seq
         where w.conversation_id = $1 order by w.opened_seq desc limit 10",
        conversation
    )
}

/// The last waits of a post that were answered, newest first: what "usually answers within" is worked out from.
pub async fn answered_by_post(conn: &mut Conn, post: PostId, limit: i64) -> Result<Vec<Wait>> {
    fetch_all!(conn, Wait, select!("where post_id = $1 and closed_at is not null order by opened_at desc limit $2"), post, limit)
}

/// Waits open at a moment, opened in a span and closed in a span: the three terms of the backlog identity.
pub async fn counts(conn: &mut Conn, from: At, until: At) -> Result<(i64, i64, i64, i64)> {
    fetch_one!(
        conn,
        (i64, i64, i64, i64),
        "select
            count(case when opened_at < $1 and (closed_at is null or closed_at >= $1) then 1 end),
            count(case when opened_at >= $1 and opened_at < $2 then 1 end),
            count(case when closed_at >= $1 and closed_at < $2 then 1 end),
            count(case when opened_at < $2 and (closed_at is null or closed_at >= $2) then 1 end)
         from waits",
        from,
        until
    )
}
