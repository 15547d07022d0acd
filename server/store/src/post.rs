//! Posts: the seats that answer.

use crate::{Conn, Result, conn::*};
use model::{At, PostId, StaffId, UnitId};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Post {
    pub id: PostId,
    pub unit_id: UnitId,
    pub title: String,
    pub substitute_id: Option<PostId>,
    pub welcome: Option<String>,
    /// Who answers for this post now, as `domain::routing` last worked it out.
    pub answering_id: Option<PostId>,
    pub created_at: At,
    pub ended_at: Option<At>,
}

/// A post with what its verified card shows. Without a holder the staff fields are empty.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Card {
    pub post_id: PostId,
    pub unit_id: UnitId,
    pub title: String,
    pub unit_name: String,
    pub welcome: Option<String>,
    pub answering_id: Option<PostId>,
    pub ended_at: Option<At>,
    pub staff_id: Option<StaffId>,
    pub staff_name: Option<String>,
    pub off_duty_since: Option<At>,
    pub off_duty_until: Option<At>,
    /// When the holder's photo was last changed, if there is one.
    pub photo_at: Option<At>,
}

pub async fn insert(conn: &mut Conn, post: &Post) -> Result<()> {
    execute!(
        conn,
        "insert into posts (id, unit_id, title, substitute_id, welcome, answering_id, created_at, ended_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        post.id,
        post.unit_id,
        &post.title,
        post.substitute_id,
        &post.welcome,
        post.answering_id,
        post.created_at,
        post.ended_at
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: PostId) -> Result<Option<Post>> {
    fetch_optional!(conn, Post, "select * from posts where id = $1", id)
}

/// The card of a post; of several holders the one on duty, then the one who has held it longest.
pub async fn card(conn: &mut Conn, id: PostId, now: At) -> Result<Option<Card>> {
    fetch_optional!(
        conn,
        Card,
        "select p.id as post_id, p.unit_id, p.title, u.name as unit_name, p.welcome, p.answering_id, p.ended_at,
            s.id as staff_id, s.name as staff_name, s.off_duty_since, s.off_duty_until, f.updated_at as photo_at
         from posts p join units u on u.id = p.unit_id
         left join holdings h on h.post_id = p.id and h.from_at <= $2 and (h.until_at is null or h.until_at > $2)
         left join staff s on s.id = h.staff_id and s.ended_at is null
         left join photos f on f.staff_id = s.id
         where p.id = $1
         order by case when s.id is null then 2 when s.off_duty_since is not null and (s.off_duty_until is null or s.off_duty_until > $2) then 1 else 0 end,
            h.from_at, h.id
         limit 1",
        id,
        now
    )
}

/// The posts a member of staff answers for at this moment: held by them, or routed to a post they hold.
pub async fn answered_by(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<PostId>> {
    let rows = fetch_all!(
        conn,
        (PostId,),
        "with mine as (select post_id from holdings where staff_id = $1 and from_at <= $2 and (until_at is null or until_at > $2))
         select id from posts where id in (select post_id from mine) or answering_id in (select post_id from mine) order by id",
        staff,
        now
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A post as routing sees it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Seat {
    pub id: PostId,
    pub unit_id: UnitId,
    pub substitute_id: Option<PostId>,
    pub answering_id: Option<PostId>,
    /// Holders at this moment, and how many of them are on duty.
    pub holders: i64,
    pub on_duty: i64,
}

/// All posts that have not ended, for routing.
pub async fn seats(conn: &mut Conn, now: At) -> Result<Vec<Seat>> {
    fetch_all!(
        conn,
        Seat,
        "select p.id, p.unit_id, p.substitute_id, p.answering_id, count(s.id) as holders,
            count(case when s.off_duty_since is null or (s.off_duty_until is not null and s.off_duty_until <= $1) then s.id end) as on_duty
         from posts p
         left join holdings h on h.post_id = p.id and h.from_at <= $1 and (h.until_at is null or h.until_at > $1)
         left join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
         where p.ended_at is null
         group by p.id, p.unit_id, p.substitute_id, p.answering_id
         order by p.id",
        now
    )
}

/// Every unit with the one above it, for routing.
pub async fn unit_parents(conn: &mut Conn) -> Result<Vec<(UnitId, Option<UnitId>)>> {
    fetch_all!(conn, (UnitId, Option<UnitId>), "select id, parent_id from units")
}

pub async fn set_answering(conn: &mut Conn, id: PostId, answering: Option<PostId>) -> Result<()> {
    execute!(conn, "update posts set answering_id = $2 where id = $1", id, answering).map(|_| ())
}

/// Who stands in when nobody at the post is on duty.
pub async fn set_substitute(conn: &mut Conn, id: PostId, substitute: Option<PostId>) -> Result<()> {
    execute!(conn, "update posts set substitute_id = $2 where id = $1", id, substitute).map(|_| ())
}
