//! Posts: the seats that answer.

use crate::{
    Conn, Result, absence,
    admin::{given, mine},
    conn::*,
    holding::is_on_duty,
    message,
};
use model::{At, ConversationId, Language, PostId, StaffId, UnitId};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Post {
    pub id: PostId,
    pub unit_id: UnitId,
    pub title: String,
    pub title_en: Option<String>,
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
    pub title_en: Option<String>,
    pub unit_name: String,
    pub unit_name_en: Option<String>,
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

impl Card {
    pub fn title_in(&self, language: Language) -> &str {
        language.name(&self.title, self.title_en.as_deref())
    }

    pub fn unit_in(&self, language: Language) -> &str {
        language.name(&self.unit_name, self.unit_name_en.as_deref())
    }

    /// Who answers: the holder, or the post's title where nobody holds it.
    pub fn name_in(&self, language: Language) -> &str {
        self.staff_name.as_deref().unwrap_or_else(|| self.title_in(language))
    }
}

pub async fn insert(conn: &mut Conn, post: &Post) -> Result<()> {
    execute!(
        conn,
        "insert into posts (id, unit_id, title, title_en, substitute_id, welcome, answering_id, created_at, ended_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        post.id,
        post.unit_id,
        &post.title,
        &post.title_en,
        post.substitute_id,
        &post.welcome,
        post.answering_id,
        post.created_at,
        post.ended_at
    )
    .map(|_| ())
}

pub async fn find(conn: &mut Conn, id: PostId) -> Result<Option<Post>> {
    fetch_optional!(conn, Post, "select id, unit_id, title, title_en, substitute_id, welcome, answering_id, created_at, ended_at from posts where id = $1", id)
}

/// The card of a post; of several holders the one on duty, then the one who has held it longest.
pub async fn card(conn: &mut Conn, id: PostId, now: At) -> Result<Option<Card>> {
    fetch_optional!(
        conn,
        Card,
        "select p.id as post_id, p.unit_id, p.title, p.title_en, u.name as unit_name, u.name_en as unit_name_en, p.welcome, p.answering_id, p.ended_at,
            s.id as staff_id, s.name as staff_name, coalesce(a.from_at, s.off_duty_since) as off_duty_since,
            case when a.id is null or s.off_duty_since <= $2 and (s.off_duty_until is null or s.off_duty_until > a.until_at) then s.off_duty_until
                else a.until_at end as off_duty_until, f.updated_at as photo_at
         from posts p join units u on u.id = p.unit_id
         left join holdings h on h.post_id = p.id and h.from_at <= $2 and (h.until_at is null or h.until_at > $2)
         left join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
         left join absences a on a.staff_id = s.id and a.from_at <= $2 and a.until_at > $2
         left join photos f on f.staff_id = s.id
         where p.id = $1
         order by case when s.id is null then 2 when a.id is not null then 1 when s.off_duty_since is not null and (s.off_duty_until is null or s.off_duty_until > $2) then 1 else 0 end,
            h.from_at, h.id, a.until_at desc
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
    /// Who stands in while its holder is away for a time.
    #[sqlx(skip)]
    pub away_id: Option<PostId>,
    pub answering_id: Option<PostId>,
    /// Holders at this moment, and how many of them are on duty.
    pub holders: i64,
    pub on_duty: i64,
}

/// All posts that have not ended, for routing.
pub async fn seats(conn: &mut Conn, now: At) -> Result<Vec<Seat>> {
    let mut seats = fetch_all!(
        conn,
        Seat,
        concat!(
            "select p.id, p.unit_id, p.substitute_id, p.answering_id, count(s.id) as holders, count(case when ",
            is_on_duty!("$1"),
            " then s.id end) as on_duty
         from posts p
         left join holdings h on h.post_id = p.id and h.from_at <= $1 and (h.until_at is null or h.until_at > $1)
         left join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
         where p.ended_at is null
         group by p.id, p.unit_id, p.substitute_id, p.answering_id
         order by p.id"
        ),
        now
    )?;
    let away: HashMap<PostId, PostId> = absence::substitutes(conn, now).await?.into_iter().collect();
    if !away.is_empty() {
        seats.iter_mut().for_each(|seat| seat.away_id = away.get(&seat.id).copied());
    }
    Ok(seats)
}

/// All posts that have not ended, with what leads from one to the next: unit and substitute.
pub async fn links(conn: &mut Conn) -> Result<Vec<(PostId, UnitId, Option<PostId>)>> {
    fetch_all!(conn, (PostId, UnitId, Option<PostId>), "select id, unit_id, substitute_id from posts where ended_at is null")
}

/// Posts that have not ended and where somebody waits.
pub async fn with_waits(conn: &mut Conn) -> Result<Vec<PostId>> {
    let rows = fetch_all!(
        conn,
        (PostId,),
        "select distinct w.post_id from waits w join posts p on p.id = w.post_id where w.closed_at is null and p.ended_at is null"
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// One at a time works out who answers, so that none decides by what another is about to change. SQLite has one writer anyway.
pub async fn hold_routing(conn: &mut Conn) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select pg_advisory_xact_lock(hashtext('linli.routing'))").execute(c).await?;
    }
    Ok(())
}

/// Every unit with the one above it, for routing.
pub async fn unit_parents(conn: &mut Conn) -> Result<Vec<(UnitId, Option<UnitId>)>> {
    fetch_all!(conn, (UnitId, Option<UnitId>), "select id, parent_id from units")
}

/// Who answers for each of these posts, a statement for all of them.
pub async fn set_answering(conn: &mut Conn, answering: &[(PostId, Option<PostId>)]) -> Result<()> {
    for some in answering.chunks(2_000) {
        let rows: Vec<(String, Option<String>)> = some.iter().map(|(id, other)| (id.to_string(), other.map(|id| id.to_string()))).collect();
        let text = match conn.either() {
            Either::Sqlite(_) => {
                "update posts set answering_id = n.other from (select unhex(value ->> 0) as id, unhex(value ->> 1) as other from json_each($1)) n where posts.id = n.id"
            }
            Either::Postgres(_) => {
                "update posts set answering_id = n.other
                 from (select (value ->> 0)::uuid as id, (value ->> 1)::uuid as other from jsonb_array_elements($1::jsonb)) n where posts.id = n.id"
            }
        };
        execute!(conn, text, serde_json::to_string(&rows)?)?;
    }
    Ok(())
}

/// Who stands in when nobody at the post is on duty.
pub async fn set_substitute(conn: &mut Conn, id: PostId, substitute: Option<PostId>) -> Result<()> {
    execute!(conn, "update posts set substitute_id = $2 where id = $1", id, substitute).map(|_| ())
}

/// A post as admins see it in its unit.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    pub id: PostId,
    pub unit_id: UnitId,
    pub unit_name: String,
    pub title: String,
    pub substitute_id: Option<PostId>,
    pub substitute_title: Option<String>,
    pub substitute_unit: Option<String>,
    /// Who answers now when it is another post.
    pub answering_title: Option<String>,
    pub answering_unit: Option<String>,
    /// How many hold it now, and one of them.
    pub holders: i64,
    pub holder: Option<String>,
    pub points: i64,
    pub waiting: i64,
}

/// The lines of posts `p`; `$2` is now.
macro_rules! lines {
    ($rest:expr) => {
        concat!(
            "select p.id, p.unit_id, u.name as unit_name, p.title, p.substitute_id, b.title as substitute_title, bu.name as substitute_unit,
                a.title as answering_title, au.name as answering_unit,
                (select count(*) from holdings h join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
                 where h.post_id = p.id and h.from_at <= $2 and (h.until_at is null or h.until_at > $2)) as holders,
                (select s.name from holdings h join staff s on s.id = h.staff_id and s.activated_at is not null and s.ended_at is null
                 where h.post_id = p.id and h.from_at <= $2 and (h.until_at is null or h.until_at > $2) order by h.from_at, h.id limit 1) as holder,
                (select count(*) from contact_points c where c.post_id = p.id and c.revoked_at is null) as points,
                (select count(*) from waits w where w.post_id = p.id and w.closed_at is null) as waiting
             from posts p join units u on u.id = p.unit_id
             left join posts b on b.id = p.substitute_id left join units bu on bu.id = b.unit_id
             left join posts a on a.id = p.answering_id and a.id <> p.id left join units au on au.id = a.unit_id ",
            $rest
        )
    };
}

/// The posts of a unit.
pub async fn of_unit(conn: &mut Conn, unit: UnitId, now: At) -> Result<Vec<Line>> {
    fetch_all!(conn, Line, lines!("where p.unit_id = $1 and p.ended_at is null order by p.created_at, p.id"), unit, now)
}

pub async fn line(conn: &mut Conn, id: PostId, now: At) -> Result<Option<Line>> {
    fetch_optional!(conn, Line, lines!("where p.id = $1"), id, now)
}

/// Posts nearby that could stand in: of the same unit, of its neighbours and of the unit above.
pub async fn nearby(conn: &mut Conn, id: PostId, now: At, limit: i64) -> Result<Vec<Line>> {
    fetch_all!(
        conn,
        Line,
        lines!(
            "join posts o on o.id = $1 join units ou on ou.id = o.unit_id
             where p.id <> $1 and p.ended_at is null and (u.id = ou.id or u.parent_id = ou.parent_id or u.id = ou.parent_id)
             order by case when u.id = ou.id then 0 when u.id = ou.parent_id then 2 else 1 end, u.code, u.name, p.created_at, p.id limit $3"
        ),
        id,
        now,
        limit
    )
}

/// An admin's posts that nobody holds or is to hold.
pub async fn vacant(conn: &mut Conn, admin: StaffId, now: At, limit: i64) -> Result<Vec<Line>> {
    fetch_all!(
        conn,
        Line,
        concat!(
            "with recursive ",
            mine!(),
            ", ",
            given!(),
            " ",
            lines!(
                "join mine on mine.id = p.unit_id left join given on given.post_id = p.id where given.post_id is null and p.ended_at is null
                 order by u.code is null, u.code, u.name, p.created_at, p.id limit $3"
            )
        ),
        admin,
        now,
        limit
    )
}

pub async fn change(conn: &mut Conn, id: PostId, title: &str, title_en: Option<&str>, welcome: Option<&str>) -> Result<()> {
    execute!(conn, "update posts set title = $2, title_en = $3, welcome = $4 where id = $1", id, title, title_en, welcome).map(|_| ())
}

/// Ends a post. Whoever it stood in for gets its own substitute instead, so that no chain breaks.
pub async fn end(conn: &mut Conn, id: PostId, now: At) -> Result<()> {
    execute!(
        conn,
        "update posts set substitute_id = (select nullif(e.substitute_id, posts.id) from posts e where e.id = $1) where substitute_id = $1 and id <> $1",
        id
    )?;
    execute!(conn, "update posts set ended_at = $2, substitute_id = null, answering_id = null where id = $1", id, now)?;
    execute!(conn, "update posts set answering_id = null where answering_id = $1", id)?;
    absence::forget_substitute(conn, id).await?;
    execute!(conn, "update holdings set until_at = $2 where post_id = $1 and (until_at is null or until_at > $2)", id, now)?;
    execute!(conn, "update contact_points set revoked_at = $2 where post_id = $1 and revoked_at is null", id, now).map(|_| ())
}

/// Open waits of a post.
pub async fn waiting(conn: &mut Conn, id: PostId) -> Result<i64> {
    let (count,) = fetch_one!(conn, (i64,), "select count(*) from waits where post_id = $1 and closed_at is null", id)?;
    Ok(count)
}

/// What somebody who ends something leaves behind: a post with open waits.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Orphan {
    pub post_id: PostId,
    pub title: String,
    pub unit_name: String,
    pub waiting: i64,
    /// When the first of them is due.
    pub due_at: At,
}

/// The post, if anybody waits there.
pub async fn orphan(conn: &mut Conn, id: PostId) -> Result<Option<Orphan>> {
    fetch_optional!(
        conn,
        Orphan,
        "select p.id as post_id, p.title, u.name as unit_name, count(*) as waiting, min(w.due_at) as due_at
         from waits w join posts p on p.id = w.post_id join units u on u.id = p.unit_id
         where w.post_id = $1 and w.closed_at is null group by p.id, p.title, u.name",
        id
    )
}

/// The open conversations of a post.
pub async fn open_conversations(conn: &mut Conn, id: PostId) -> Result<Vec<ConversationId>> {
    let rows = fetch_all!(conn, (ConversationId,), "select id from conversations where post_id = $1 and state = 'open' order by id", id)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Gives all conversations of a post, with their open waits, to another. Due times stay. Conversations first, as sending holds them first.
pub async fn move_conversations(conn: &mut Conn, from: PostId, to: PostId) -> Result<()> {
    let all = fetch_all!(conn, (ConversationId,), "select id from conversations where post_id = $1", from)?;
    for (id,) in all {
        message::move_words(conn, id, from, to).await?;
    }
    execute!(conn, "update conversations set post_id = $2 where post_id = $1", from, to)?;
    execute!(conn, "update waits set post_id = $2 where post_id = $1 and closed_at is null", from, to).map(|_| ())
}

/// Waits for everything that holds a post, and keeps it to this transaction. SQLite writes one transaction at a time anyway.
pub async fn lock(conn: &mut Conn, id: PostId) -> Result<()> {
    if let Either::Postgres(c) = conn.either() {
        sqlx::query("select 1 from posts where id = $1 for no key update").bind(id).execute(c).await?;
    }
    Ok(())
}
