//! What a member of staff sees in the inbox: the conversations of the posts they hold now or answer for now, and nothing else.

use crate::{
    Conn, Result,
    conn::{Either, fetch_all, fetch_one, fetch_optional, on},
    message,
};
use model::{At, ContactId, ConversationId, ConversationState, PostId, StaffId, UnitId};

/// A post in somebody's inbox, with how much there is.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Post {
    pub id: PostId,
    pub unit_id: UnitId,
    pub title: String,
    pub unit_name: String,
    /// 1 when the post is another's and one stands in for it.
    pub stands_in: i64,
    /// Conversations with an open wait.
    pub waiting: i64,
    pub open: i64,
    pub closed: i64,
}

/// One conversation in a list.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    pub id: ConversationId,
    pub contact_id: ContactId,
    pub contact_name: Option<String>,
    pub post_id: PostId,
    pub place: Option<String>,
    pub state: ConversationState,
    pub last_seq: i64,
    pub last_message_at: At,
    /// The newest message's beginning; in a search the message that was found.
    pub text: String,
    /// Messages of the contact that nobody of the post has seen.
    pub unread: i64,
    /// Replies that wait for their hour.
    pub scheduled: i64,
    /// The open wait.
    pub waiting_since: Option<At>,
    pub due_at: Option<At>,
}

/// Where the next page of a list begins: after the row with this moment and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: At,
    pub id: ConversationId,
}

/// `mine`: the posts of the member of staff `$1` at the moment `$2`.
macro_rules! mine {
    () => {
        "with held as (select post_id from holdings where staff_id = $1 and from_at <= $2 and (until_at is null or until_at > $2)),
            mine as (
                select p.id, cast(case when p.id in (select post_id from held) then 0 else 1 end as bigint) as stands_in from posts p
                where p.id in (select post_id from held) or p.answering_id in (select post_id from held)) "
    };
}

macro_rules! row {
    ($text:literal) => {
        concat!(
            "c.id, c.contact_id, k.name as contact_name, c.post_id, o.place, c.state, c.last_seq, c.last_message_at, ",
            $text,
            " as text,
            (select count(*) from messages n where n.conversation_id = c.id and n.seq > c.staff_seen_seq and n.kind = 'contact') as unread,
            (select count(*) from scheduled_replies r where r.conversation_id = c.id and r.sent_at is null and r.cancelled_at is null) as scheduled,
            w.opened_at as waiting_since, w.due_at"
        )
    };
}

/// Rows of conversations, with the rest of the statement after their tables.
macro_rules! rows {
    ($rest:literal) => {
        concat!(
            mine!(),
            "select ",
            row!("c.preview"),
            " from conversations c join contacts k on k.id = c.contact_id left join contact_points o on o.id = c.contact_point_id
                left join waits w on w.conversation_id = c.id and w.closed_at is null ",
            $rest
        )
    };
}

/// The posts of an inbox: one's own first, each by unit and title.
pub async fn posts(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<Post>> {
    fetch_all!(
        conn,
        Post,
        concat!(
            mine!(),
            "select p.id, p.unit_id, p.title, u.name as unit_name, m.stands_in,
                (select count(*) from waits w where w.post_id = p.id and w.closed_at is null) as waiting,
                (select count(*) from conversations c where c.post_id = p.id and c.state = 'open') as open,
                (select count(*) from conversations c where c.post_id = p.id and c.state = 'closed') as closed
             from mine m join posts p on p.id = m.id join units u on u.id = p.unit_id
             order by m.stands_in, u.name, p.title, p.id"
        ),
        staff,
        now
    )
}

/// Conversations somebody waits in, the one due first at the top.
pub async fn waiting(conn: &mut Conn, staff: StaffId, now: At, post: Option<PostId>, after: Option<Place>, limit: i64) -> Result<Vec<Row>> {
    let after = after.unwrap_or(Place { at: At(i64::MIN), id: ConversationId(uuid::Uuid::nil()) });
    fetch_all!(
        conn,
        Row,
        concat!(
            mine!(),
            ", page as (
                select w.conversation_id as id, w.opened_at, w.due_at from waits w
                where w.closed_at is null and w.post_id in (select id from mine) and w.post_id = coalesce($3, w.post_id)
                    and w.due_at >= $4 and (w.due_at > $4 or w.conversation_id > $5)
                order by w.due_at, w.conversation_id limit $6)
             select ",
            row!("c.preview"),
            " from page w join conversations c on c.id = w.id join contacts k on k.id = c.contact_id left join contact_points o on o.id = c.contact_point_id
             order by w.due_at, c.id"
        ),
        staff,
        now,
        post,
        after.at,
        after.id,
        limit
    )
}

/// A post's conversations in which nobody waits, the one spoken in last at the top. One post at a time, because only so they stand in order in
/// the index and the rest need not be read.
pub async fn quiet(conn: &mut Conn, staff: StaffId, now: At, post: PostId, state: ConversationState, after: Option<Place>, limit: i64) -> Result<Vec<Row>> {
    let after = after.unwrap_or(Place { at: At(i64::MAX), id: ConversationId(uuid::Uuid::max()) });
    fetch_all!(
        conn,
        Row,
        concat!(
            mine!(),
            ", page as (
                select c.id from conversations c
                where c.post_id = $3 and $3 in (select id from mine) and c.state = $4
                    and c.last_message_at <= $5 and (c.last_message_at < $5 or c.id < $6)
                    and not exists (select 1 from waits w where w.conversation_id = c.id and w.closed_at is null)
                order by c.last_message_at desc, c.id desc limit $7)
             select ",
            row!("c.preview"),
            " from page join conversations c on c.id = page.id join contacts k on k.id = c.contact_id left join contact_points o on o.id = c.contact_point_id left join waits w on w.conversation_id = c.id and w.closed_at is null
             order by c.last_message_at desc, c.id desc"
        ),
        staff,
        now,
        post,
        state,
        after.at,
        after.id,
        limit
    )
}

/// Conversations with a message in which every phrase of [`model::search::phrases`] stands, one row each with the newest such message, the
/// newest conversation first. Of a removed message nothing is found. SQLite looks at the newest 300 such messages. `posts` are those of the inbox: only their words are read.
pub async fn search(conn: &mut Conn, staff: StaffId, now: At, posts: &[PostId], phrases: &[String], limit: i64) -> Result<Vec<Row>> {
    macro_rules! found {
        ($hits:literal) => {
            concat!(
                mine!(),
                ", hits as (",
                $hits,
                "), page as (select f.id, f.seq from hits f join conversations c on c.id = f.id order by c.last_message_at desc, c.id limit $4) select ",
                row!("t.body"),
                " from page f join conversations c on c.id = f.id join messages t on t.conversation_id = c.id and t.seq = f.seq
                    join contacts k on k.id = c.contact_id left join contact_points o on o.id = c.contact_point_id
                    left join waits w on w.conversation_id = c.id and w.closed_at is null
                 order by c.last_message_at desc, c.id"
            )
        };
    }
    if phrases.is_empty() || posts.is_empty() {
        return Ok(Vec::new());
    }
    let rows = match conn.either() {
        Either::Sqlite(c) => {
            let text = found!(
                "select m.conversation_id as id, max(m.seq) as seq
                 from (select conversation_id, seq from message_search where message_search match $3 order by rowid desc limit 300) s
                    join messages m on m.conversation_id = s.conversation_id and m.seq = s.seq join conversations c on c.id = m.conversation_id
                 where m.removed_at is null and c.post_id in (select id from mine)
                 group by m.conversation_id"
            );
            sqlx::query_as(text).bind(staff).bind(now).bind(fts5_query(posts, phrases)).bind(limit).fetch_all(c).await?
        }
        Either::Postgres(c) => {
            let text = found!(
                "select m.conversation_id as id, max(m.seq) as seq from message_search s
                    join messages m on m.conversation_id = s.conversation_id and m.seq = s.seq join conversations c on c.id = m.conversation_id
                 where s.words @@ $3::tsquery and m.removed_at is null and c.post_id in (select id from mine)
                 group by m.conversation_id"
            );
            sqlx::query_as(text).bind(staff).bind(now).bind(ts_query(posts, phrases)).bind(limit).fetch_all(c).await?
        }
    };
    Ok(rows)
}

/// `("P下 P水 P道" AND "Pbuilding P3"*) OR (…)`, where P is a post's mark. The words of a phrase are letters and digits only, so there is nothing to
/// escape.
fn fts5_query(posts: &[PostId], phrases: &[String]) -> String {
    either(posts, phrases, " AND ", " OR ", |words, end| format!("\"{}\"{end}", words.join(" ")))
}

/// `('P下' <-> 'P水' <-> 'P道') & ('Pbuilding' <-> 'P3':*) | …`.
fn ts_query(posts: &[PostId], phrases: &[String]) -> String {
    either(posts, phrases, " & ", " | ", |words, end| {
        let end = if end.is_empty() { "" } else { ":*" };
        format!("({}{end})", words.iter().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(" <-> "))
    })
}

/// All phrases at one of the posts, each with its words and `*` if its last word may go on. Not after a Chinese character, which is a whole word:
/// everything that begins with a word is read to the end, however few are wanted.
fn either(posts: &[PostId], phrases: &[String], and: &str, or: &str, phrase: impl Fn(Vec<String>, &str) -> String) -> String {
    let end = |p: &String| if p.ends_with(model::search::is_ideograph) { "" } else { "*" };
    let all_at = |post: &PostId| format!("({})", phrases.iter().map(|p| phrase(message::words_at(*post, p), end(p))).collect::<Vec<_>>().join(and));
    posts.iter().map(all_at).collect::<Vec<_>>().join(or)
}

/// Conversations with a contact whose name contains `name` (in lower case).
pub async fn named(conn: &mut Conn, staff: StaffId, now: At, name: &str, limit: i64) -> Result<Vec<Row>> {
    fetch_all!(
        conn,
        Row,
        // Where something is taken out by replacing, it was in it: the databases have no other function for that in common.
        rows!(
            "where c.post_id in (select id from mine) and c.contact_name is not null and replace(lower(k.name), $3, '') <> lower(k.name)
             order by c.last_message_at desc, c.id limit $4"
        ),
        staff,
        now,
        name,
        limit
    )
}

/// All conversations of one's posts with their contacts.
pub async fn contacts(conn: &mut Conn, staff: StaffId, now: At) -> Result<Vec<(ConversationId, ContactId)>> {
    fetch_all!(
        conn,
        (ConversationId, ContactId),
        concat!(mine!(), "select c.id, c.contact_id from conversations c where c.post_id in (select id from mine) order by c.last_message_at desc"),
        staff,
        now
    )
}

/// One conversation as a list shows it.
pub async fn one(conn: &mut Conn, staff: StaffId, now: At, id: ConversationId) -> Result<Option<Row>> {
    fetch_optional!(conn, Row, rows!("where c.id = $3 and c.post_id in (select id from mine)"), staff, now, id)
}

/// Other conversations of a contact that the member of staff may see too.
pub async fn of_contact(conn: &mut Conn, staff: StaffId, now: At, contact: ContactId, but: ConversationId) -> Result<Vec<Row>> {
    fetch_all!(
        conn,
        Row,
        rows!(
            "where c.contact_id = $3 and c.id <> $4 and c.post_id in (select id from mine)
             order by c.last_message_at desc limit 20"
        ),
        staff,
        now,
        contact,
        but
    )
}

/// Open conversations with something in them that nobody of the post has seen; at most so many are counted.
pub async fn unread(conn: &mut Conn, staff: StaffId, now: At, most: i64) -> Result<i64> {
    let (count,) = fetch_one!(
        conn,
        (i64,),
        concat!(
            mine!(),
            "select count(*) from (
                select 1 from conversations c
                where c.post_id in (select id from mine) and c.state = 'open' and c.last_seq > c.staff_seen_seq
                    and exists (select 1 from messages m where m.conversation_id = c.id and m.seq > c.staff_seen_seq and m.kind = 'contact')
                limit $3) found"
        ),
        staff,
        now,
        most
    )?;
    Ok(count)
}

/// Waits of one's posts closed since a moment, and how many of them in time.
pub async fn answered_since(conn: &mut Conn, staff: StaffId, now: At, since: At) -> Result<(i64, i64)> {
    fetch_one!(
        conn,
        (i64, i64),
        concat!(
            mine!(),
            "select count(*), count(case when w.closed_at <= w.due_at then 1 end) from waits w
             where w.closed_at >= $3 and w.post_id in (select id from mine)"
        ),
        staff,
        now,
        since
    )
}

/// A post a conversation may be handed to.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Target {
    pub id: PostId,
    pub title: String,
    pub unit_name: String,
    /// One of those who hold it now.
    pub staff_name: Option<String>,
}

/// Where a conversation of a post may go: its substitute, the posts of its unit, of the units below, beside and above it; only where somebody
/// answers.
pub async fn targets(conn: &mut Conn, post: PostId, now: At) -> Result<Vec<Target>> {
    fetch_all!(
        conn,
        Target,
        "with recursive here as (select p.id, p.unit_id, p.substitute_id, u.parent_id from posts p join units u on u.id = p.unit_id where p.id = $1),
            up as (
                select u.id, u.parent_id from units u join here on u.id = here.unit_id
                union all select u.id, u.parent_id from units u join up on u.id = up.parent_id)
         select p.id, p.title, u.name as unit_name,
            (select s.name from holdings h join staff s on s.id = h.staff_id
             where h.post_id = p.id and h.from_at <= $2 and (h.until_at is null or h.until_at > $2) and s.ended_at is null
             order by h.from_at, h.id limit 1) as staff_name
         from posts p join units u on u.id = p.unit_id cross join here
         where p.id <> here.id and p.ended_at is null and p.answering_id is not null
            and (p.id = here.substitute_id or u.id in (select id from up) or u.parent_id = here.unit_id or u.parent_id = here.parent_id)
         order by case when p.id = here.substitute_id then 0 when u.id = here.unit_id then 1 when u.parent_id = here.unit_id then 2
                when u.parent_id = here.parent_id then 3 else 4 end, u.name, p.title, p.id
         limit 500",
        post,
        now
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_becomes_the_query_each_database_reads() {
        let phrases = model::search::phrases("下水道 Building-3");
        let posts = [PostId(uuid::Uuid::nil()), PostId(uuid::Uuid::max())];
        let (n, m) = ("\u{e000}0000000000", "\u{e000}ffffffffff");
        let fts5 = format!(r#"("{n}下 {n}水 {n}道" AND "{n}building {n}3"*) OR ("{m}下 {m}水 {m}道" AND "{m}building {m}3"*)"#);
        assert_eq!(fts5_query(&posts, &phrases), fts5);
        let ts = format!("(('{n}下' <-> '{n}水' <-> '{n}道') & ('{n}building' <-> '{n}3':*))");
        assert_eq!(ts_query(&posts[..1], &phrases), ts);
    }
}
