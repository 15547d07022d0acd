//! New holders of a post of whom its open conversations are to be told.

use crate::{Conn, Result, conn::*};
use model::{At, ContactId, ConversationId, HoldingId, Language, PostId, StaffId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Telling {
    pub holding_id: HoldingId,
    pub post_id: PostId,
    pub staff_id: StaffId,
    pub due_at: At,
}

/// The same holding is told of once.
pub async fn insert(conn: &mut Conn, telling: &Telling) -> Result<()> {
    execute!(
        conn,
        "insert into tellings (holding_id, post_id, staff_id, due_at) values ($1, $2, $3, $4) on conflict (holding_id) do nothing",
        telling.holding_id,
        telling.post_id,
        telling.staff_id,
        telling.due_at
    )
    .map(|_| ())
}

/// Holdings that have begun and that nobody has been told of yet.
pub async fn due(conn: &mut Conn, now: At) -> Result<Vec<Telling>> {
    fetch_all!(
        conn,
        Telling,
        "select holding_id, post_id, staff_id, due_at from tellings where told_at is null and due_at <= $1 order by due_at, holding_id",
        now
    )
}

pub async fn told(conn: &mut Conn, holding: HoldingId, now: At) -> Result<()> {
    execute!(conn, "update tellings set told_at = $2 where holding_id = $1 and told_at is null", holding, now).map(|_| ())
}

/// A holding that is taken back before it begins is not told of.
pub async fn delete(conn: &mut Conn, holding: HoldingId) -> Result<()> {
    execute!(conn, "delete from tellings where holding_id = $1 and told_at is null", holding).map(|_| ())
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
