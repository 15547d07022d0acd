//! How much there is at a post, and what began elsewhere because of that.

use crate::{
    Conn, Result,
    conn::{Either, execute, fetch_all, fetch_one, fetch_optional, on},
    holding::is_on_duty,
};
use model::{At, ConversationId, PostId, UnitId};
use serde::Serialize;
use std::collections::HashMap;

/// What a post has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Conversations that began since the beginning of the day.
    pub new: i64,
    pub open: i64,
}

/// How much of it is served well; none where nothing is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub new_contacts_per_day: Option<i64>,
    pub open_conversations: Option<i64>,
    /// The first moment of the day.
    pub since: At,
}

impl Room {
    pub fn is_limited(&self) -> bool {
        self.new_contacts_per_day.is_some() || self.open_conversations.is_some()
    }

    /// Whether one more would be too many.
    pub fn is_full(&self, load: Load) -> bool {
        self.new_contacts_per_day.is_some_and(|most| load.new >= most) || self.open_conversations.is_some_and(|most| load.open >= most)
    }
}

/// What there is at each of these posts. Reads the conversations spoken in today and the open ones, by the index that lists them.
pub async fn loads(conn: &mut Conn, posts: &[(PostId, At)]) -> Result<HashMap<PostId, Load>> {
    #[derive(Serialize)]
    struct Row {
        post_id: String,
        since: i64,
    }
    if posts.is_empty() {
        return Ok(HashMap::new());
    }
    let batch = serde_json::to_string(&posts.iter().map(|(post, since)| Row { post_id: post.to_string(), since: since.0 }).collect::<Vec<_>>())?;
    macro_rules! select {
        ($from:literal) => {
            concat!(
                "with asked as (",
                $from,
                ") select a.post_id,
                    (select count(*) from conversations c
                     where c.post_id = a.post_id and c.state in ('open', 'closed') and c.last_message_at >= a.since and c.opened_at >= a.since) as new,
                    (select count(*) from conversations c where c.post_id = a.post_id and c.state = 'open') as open
                 from asked a"
            )
        };
    }
    let rows: Vec<(PostId, i64, i64)> = match conn.either() {
        Either::Sqlite(c) => {
            let text = select!("select unhex(value ->> 'post_id') as post_id, value ->> 'since' as since from json_each($1)");
            sqlx::query_as(text).bind(batch).fetch_all(c).await?
        }
        Either::Postgres(c) => {
            let text = select!("select post_id, since from jsonb_to_recordset($1::jsonb) as n (post_id uuid, since bigint)");
            sqlx::query_as(text).bind(batch).fetch_all(c).await?
        }
    };
    Ok(rows.into_iter().map(|(post, new, open)| (post, Load { new, open })).collect())
}

/// Notes for which post conversations were meant that begin at another.
pub(crate) async fn insert(conn: &mut Conn, begun: &[(ConversationId, PostId, At)]) -> Result<()> {
    #[derive(Serialize)]
    struct Row {
        id: String,
        post_id: String,
        at: i64,
    }
    if begun.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row> = begun.iter().map(|(id, post, at)| Row { id: id.to_string(), post_id: post.to_string(), at: at.0 }).collect();
    let batch = serde_json::to_string(&rows)?;
    let text = match conn.either() {
        Either::Sqlite(_) => {
            "insert into overflows (conversation_id, post_id, at) select unhex(value ->> 'id'), unhex(value ->> 'post_id'), value ->> 'at' from json_each($1)"
        }
        Either::Postgres(_) => {
            "insert into overflows (conversation_id, post_id, at)
             select id, post_id, at from jsonb_to_recordset($1::jsonb) as n (id uuid, post_id uuid, at bigint)"
        }
    };
    execute!(conn, text, &batch).map(|_| ())
}

/// For which post a conversation was meant that began at another.
pub async fn meant_for(conn: &mut Conn, conversation: ConversationId) -> Result<Option<PostId>> {
    let row = fetch_optional!(conn, (PostId,), "select post_id from overflows where conversation_id = $1", conversation)?;
    Ok(row.map(|(id,)| id))
}

/// Conversations meant for a post that began at another since a moment.
pub async fn since(conn: &mut Conn, post: PostId, since: At) -> Result<i64> {
    let (count,) = fetch_one!(conn, (i64,), "select count(*) from overflows where post_id = $1 and at >= $2", post, since)?;
    Ok(count)
}

/// A post further up that may take what is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Above {
    pub id: PostId,
    pub unit_id: UnitId,
}

/// Posts of the units above a post that somebody holds who is on duty, the nearest first.
pub async fn above(conn: &mut Conn, post: PostId, now: At) -> Result<Vec<Above>> {
    fetch_all!(
        conn,
        Above,
        concat!(
            "with recursive up as (
            select u.parent_id as id, 1 as depth from posts p join units u on u.id = p.unit_id where p.id = $1
            union all select u.parent_id, up.depth + 1 from units u join up on u.id = up.id)
         select p.id, p.unit_id from up join posts p on p.unit_id = up.id
         where p.ended_at is null and p.answering_id = p.id and exists (
            select 1 from holdings h join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
            where h.post_id = p.id and h.from_at <= $2 and (h.until_at is null or h.until_at > $2)
                and ",
            is_on_duty!("$2"),
            ") order by up.depth, p.id limit 20"
        ),
        post,
        now
    )
}
