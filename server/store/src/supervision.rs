//! What a supervisor sees of the subtrees of their grants, besides what an admin sees of theirs.

use crate::{Conn, Result, conn::*};
use model::{At, ContactId, ConversationId, ConversationState, PostId, UnitId};

/// Who waits in the subtree of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Waiting {
    pub unit_id: UnitId,
    pub waiting: i64,
    pub late: i64,
}

/// Who waits in the subtree of each unit directly below one; units where nobody waits are left out.
pub async fn waiting_below(conn: &mut Conn, parent: UnitId, now: At) -> Result<Vec<Waiting>> {
    fetch_all!(
        conn,
        Waiting,
        "with recursive down as (
            select id, id as top from units where parent_id = $1 and ended_at is null
            union all select u.id, d.top from units u join down d on u.parent_id = d.id where u.ended_at is null)
         select d.top as unit_id, count(*) as waiting, count(case when w.due_at < $2 then 1 end) as late
         from down d join posts p on p.unit_id = d.id join waits w on w.post_id = p.id and w.closed_at is null
         group by d.top",
        parent,
        now
    )
}

/// Who waits in the subtree of one unit.
pub async fn waiting_in(conn: &mut Conn, unit: UnitId, now: At) -> Result<Waiting> {
    let (waiting, late) = fetch_one!(
        conn,
        (i64, i64),
        "with recursive down as (
            select id from units where id = $1
            union all select u.id from units u join down d on u.parent_id = d.id where u.ended_at is null)
         select count(*), count(case when w.due_at < $2 then 1 end)
         from down d join posts p on p.unit_id = d.id join waits w on w.post_id = p.id and w.closed_at is null",
        unit,
        now
    )?;
    Ok(Waiting { unit_id: unit, waiting, late })
}

/// Open waits of the posts of one unit that are past their promise.
pub async fn late_at(conn: &mut Conn, unit: UnitId, now: At) -> Result<Vec<(PostId, i64)>> {
    fetch_all!(
        conn,
        (PostId, i64),
        "select w.post_id, count(*) from waits w join posts p on p.id = w.post_id
         where p.unit_id = $1 and w.closed_at is null and w.due_at < $2 group by w.post_id",
        unit,
        now
    )
}

/// A conversation in a supervisor's list: nothing of what was said in it, and no name.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    pub id: ConversationId,
    pub contact_id: ContactId,
    pub place: Option<String>,
    pub state: ConversationState,
    pub opened_at: At,
    pub last_message_at: At,
    pub last_seq: i64,
    pub waiting_since: Option<At>,
    pub due_at: Option<At>,
}

macro_rules! row {
    () => {
        "c.id, c.contact_id, o.place, c.state, c.opened_at, c.last_message_at, c.last_seq, w.opened_at as waiting_since, w.due_at"
    };
}

/// Those who wait at a post, the one due first at the top.
pub async fn waiting_at(conn: &mut Conn, post: PostId, limit: i64, offset: i64) -> Result<Vec<Row>> {
    fetch_all!(
        conn,
        Row,
        concat!(
            "select ",
            row!(),
            " from waits w join conversations c on c.id = w.conversation_id left join contact_points o on o.id = c.contact_point_id
              where w.post_id = $1 and w.closed_at is null order by w.due_at, w.conversation_id limit $2 offset $3"
        ),
        post,
        limit,
        offset
    )
}

/// A post's conversations in a state, the one spoken in last at the top.
pub async fn at(conn: &mut Conn, post: PostId, state: ConversationState, limit: i64, offset: i64) -> Result<Vec<Row>> {
    fetch_all!(
        conn,
        Row,
        concat!(
            "with page as (
                select id from conversations where post_id = $1 and state = $2 order by last_message_at desc, id desc limit $3 offset $4)
             select ",
            row!(),
            " from page join conversations c on c.id = page.id left join contact_points o on o.id = c.contact_point_id
                left join waits w on w.conversation_id = c.id and w.closed_at is null
              order by c.last_message_at desc, c.id desc"
        ),
        post,
        state,
        limit,
        offset
    )
}
