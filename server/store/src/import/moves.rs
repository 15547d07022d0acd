//! The conversations of posts that end: they go to whoever answers then, and come back.

use super::{ROWS, id_batches, write::Packed};
use crate::{Conn, Result, conn::*};
use model::{ConversationId, PostId};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Waits for everything that holds the posts that end, and keeps them to this transaction: no conversation begins there any more.
pub async fn hold_ending(conn: &mut Conn, packed: &Packed) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        for batch in &packed.posts_ended {
            sqlx::query(concat!("select 1 from posts where id in ", postgres_ids!(), " order by id for no key update")).bind(batch).execute(&mut *c).await?;
        }
    }
    Ok(())
}

/// The conversations of the posts that end.
pub async fn left_behind(conn: &mut Conn, packed: &Packed) -> Result<Vec<(ConversationId, PostId)>> {
    let mut found = Vec::new();
    for batch in &packed.posts_ended {
        let text = match conn.either() {
            Either::Sqlite(_) => concat!("select id, post_id from conversations where post_id in ", sqlite_ids!(), " order by id"),
            Either::Postgres(_) => concat!("select id, post_id from conversations where post_id in ", postgres_ids!(), " order by id"),
        };
        found.extend(fetch_all!(conn, (ConversationId, PostId), text, batch)?);
    }
    Ok(found)
}

/// Of these posts those that have open conversations.
pub async fn with_open(conn: &mut Conn, posts: &[PostId]) -> Result<Vec<PostId>> {
    let mut found = Vec::new();
    for batch in id_batches(posts.iter().map(|id| id.to_string())) {
        macro_rules! open {
            ($ids:expr) => {
                concat!(
                    "select id from posts p where ended_at is null and exists (select 1 from conversations c where c.post_id = p.id and c.state = 'open') and id in ",
                    $ids
                )
            };
        }
        let text = match conn.either() {
            Either::Sqlite(_) => open!("(select unhex(value) from json_each($1))"),
            Either::Postgres(_) => open!("(select value::uuid from jsonb_array_elements_text($1::jsonb))"),
        };
        found.extend(fetch_all!(conn, (PostId,), text, batch)?.into_iter().map(|(id,)| id));
    }
    Ok(found)
}

/// A conversation that goes from one post to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub id: ConversationId,
    pub from: PostId,
    pub to: PostId,
}

/// Conversations with their open waits go to other posts, as far as they are where they come from; gives those. Their words in the index follow by
/// [`move_words`], outside of the one long transaction. Conversations first, as sending holds them first.
pub async fn move_conversations(conn: &mut Conn, moves: &[Move]) -> Result<Vec<Move>> {
    let mut moved = Vec::new();
    for some in moves.chunks(ROWS) {
        let [conversations, waits] = match conn.either() {
            Either::Sqlite(_) => [
                "update conversations set post_id = n.goes from (select unhex(value ->> 0) as id, unhex(value ->> 1) as comes, unhex(value ->> 2) as goes from json_each($1)) n
                 where conversations.id = n.id and conversations.post_id = n.comes returning id",
                "update waits set post_id = n.goes from (select unhex(value ->> 0) as id, unhex(value ->> 2) as goes from json_each($1)) n
                 where waits.conversation_id = n.id and waits.closed_at is null",
            ],
            Either::Postgres(_) => [
                "update conversations set post_id = n.goes
                 from (select (value ->> 0)::uuid as id, (value ->> 1)::uuid as comes, (value ->> 2)::uuid as goes from jsonb_array_elements($1::jsonb)) n
                 where conversations.id = n.id and conversations.post_id = n.comes returning conversations.id",
                "update waits set post_id = n.goes from (select (value ->> 0)::uuid as id, (value ->> 2)::uuid as goes from jsonb_array_elements($1::jsonb)) n
                 where waits.conversation_id = n.id and waits.closed_at is null",
            ],
        };
        let gone: HashSet<ConversationId> = fetch_all!(conn, (ConversationId,), conversations, move_rows(some.iter())?)?.into_iter().map(|(id,)| id).collect();
        execute!(conn, waits, move_rows(some.iter().filter(|m| gone.contains(&m.id)))?)?;
        moved.extend(some.iter().filter(|m| gone.contains(&m.id)));
    }
    Ok(moved)
}

fn move_rows<'a>(moves: impl Iterator<Item = &'a Move>) -> Result<String> {
    Ok(serde_json::to_string(&moves.map(|m| (m.id.to_string(), m.from.to_string(), m.to.to_string())).collect::<Vec<_>>())?)
}

/// The words of a conversation that was at a post are found where it is now.
pub async fn move_words(conn: &mut Conn, id: ConversationId, from: PostId, to: PostId) -> Result<()> {
    crate::message::move_words(conn, id, from, to).await
}
