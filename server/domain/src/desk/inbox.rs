//! The list: who waits, for whom, since when; and finding what was said.

use super::{Row, show::record_reading};
use crate::{
    Domain, Staff,
    calendar::{self, UnitCalendar},
    overflow::{self, Reached},
};
use model::{At, ConversationId, ConversationState, PostId, search};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
};
use store::{
    Result,
    inbox::{Place, Post},
};

/// Rows on one page.
const PAGE: usize = 50;

/// What somebody wants to see of their inbox.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub post: Option<PostId>,
    pub closed: bool,
    /// A search; the rest is of no importance then.
    pub query: String,
    /// The conversation the page before ended with.
    pub after: Option<ConversationId>,
}

/// The rows of one post in which somebody waits.
pub struct Group {
    pub post: Post,
    pub rows: Vec<Row>,
}

pub struct Inbox {
    /// All posts of the inbox, with how much there is in each.
    pub posts: Vec<Post>,
    pub groups: Vec<Group>,
    /// Conversations nobody waits in; in a search all that were found.
    pub quiet: Vec<Row>,
    /// Where the next page begins.
    pub next: Option<ConversationId>,
    /// Posts that have as many as they serve well today.
    pub reached: Vec<Reached>,
    /// The first post's, for the times on the page.
    pub calendar: Arc<UnitCalendar>,
}

impl Inbox {
    pub fn waiting(&self) -> i64 {
        self.posts.iter().map(|p| p.waiting).sum()
    }

    pub fn post(&self, id: PostId) -> Option<&Post> {
        self.posts.iter().find(|p| p.id == id)
    }

    /// Every row as it stands on the page, from the top.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|g| &g.rows).chain(&self.quiet)
    }
}

/// One page of an inbox. First those who wait, post by post and the one due first at the top; then the rest, the last spoken to first.
pub async fn inbox(domain: &Domain, staff: &Staff, asked: &Asked) -> Result<Inbox> {
    let now = domain.now();
    let mut conn = domain.db.read().await?;
    let posts = store::inbox::posts(&mut conn, staff.id, now).await?;
    let calendar = match posts.first() {
        Some(post) => calendar::of_unit(domain, &mut conn, post.unit_id).await?,
        None => Arc::new(UnitCalendar::standard()),
    };
    let reached = overflow::reached(domain, &mut conn, &posts).await?;
    if !asked.query.trim().is_empty() {
        let quiet = find(&mut conn, staff, now, &posts, &asked.query).await?;
        drop(conn);
        // What was found is shown with the words around it.
        let of_others: HashSet<PostId> = posts.iter().filter(|p| p.stands_in == 1).map(|p| p.id).collect();
        let read: Vec<ConversationId> = quiet.iter().filter(|row| of_others.contains(&row.post_id)).map(|row| row.id).collect();
        record_reading(domain, staff.id, &read, &calendar).await?;
        return Ok(Inbox { posts, groups: Vec::new(), quiet, next: None, reached, calendar });
    }
    let state = if asked.closed { ConversationState::Closed } else { ConversationState::Open };
    let start = match asked.after {
        Some(id) => start_after(&mut conn, staff, now, id).await?,
        None => Start::Waiting(None),
    };
    let limit = PAGE as i64 + 1;
    let (mut waiting, mut quiet) = (Vec::new(), Vec::new());
    if let Start::Waiting(after) = start
        && !asked.closed
    {
        waiting = store::inbox::waiting(&mut conn, staff.id, now, asked.post, after, limit).await?;
    }
    if waiting.len() <= PAGE {
        let after = if let Start::Quiet(place) = start { Some(place) } else { None };
        let asked = posts.iter().map(|p| p.id).filter(|id| asked.post.is_none_or(|post| post == *id));
        quiet = quiet_of(&mut conn, staff, now, asked, state, after, limit - waiting.len() as i64).await?;
    }
    let is_more = waiting.len() + quiet.len() > PAGE;
    waiting.truncate(PAGE);
    quiet.truncate(PAGE - waiting.len());
    let next = quiet.last().or(waiting.last()).filter(|_| is_more).map(|row| row.id);
    Ok(Inbox { groups: grouped(&posts, waiting), posts, quiet, next, reached, calendar })
}

/// The quiet conversations of several posts, in one order.
async fn quiet_of(
    conn: &mut store::Conn,
    staff: &Staff,
    now: At,
    posts: impl Iterator<Item = PostId>,
    state: ConversationState,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for post in posts {
        rows.extend(store::inbox::quiet(conn, staff.id, now, post, state, after, limit).await?);
    }
    rows.sort_by_key(|row| Reverse((row.last_message_at, row.id)));
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(rows)
}

enum Start {
    Waiting(Option<Place>),
    Quiet(Place),
}

/// A conversation that has moved on since the page before was loaded begins the next one where it stands now.
async fn start_after(conn: &mut store::Conn, staff: &Staff, now: At, id: ConversationId) -> Result<Start> {
    let Some(conversation) = store::conversation::of_staff(conn, staff.id, id, now).await? else { return Ok(Start::Waiting(None)) };
    Ok(match store::wait::open(conn, id).await? {
        Some(wait) => Start::Waiting(Some(Place { at: wait.due_at, id })),
        None => Start::Quiet(Place { at: conversation.last_message_at, id }),
    })
}

fn grouped(posts: &[Post], rows: Vec<Row>) -> Vec<Group> {
    let mut of_post: HashMap<PostId, Vec<Row>> = HashMap::new();
    for row in rows {
        of_post.entry(row.post_id).or_default().push(row);
    }
    posts.iter().filter_map(|post| Some(Group { rows: of_post.remove(&post.id)?, post: post.clone() })).collect()
}

/// Conversations by what was said in them, then by the contact's name.
async fn find(conn: &mut store::Conn, staff: &Staff, now: At, posts: &[Post], query: &str) -> Result<Vec<Row>> {
    let limit = PAGE as i64;
    let posts: Vec<PostId> = posts.iter().map(|p| p.id).collect();
    let mut rows = store::inbox::search(conn, staff.id, now, &posts, &search::phrases(query), limit).await?;
    let name = query.trim().to_lowercase();
    for row in store::inbox::named(conn, staff.id, now, &name, limit).await? {
        if rows.iter().all(|r| r.id != row.id) {
            rows.push(row);
        }
    }
    for id in numbered(conn, staff, now, &name).await? {
        if rows.iter().all(|r| r.id != id) {
            rows.extend(store::inbox::one(conn, staff.id, now, id).await?);
        }
    }
    Ok(rows)
}

/// Conversations with a contact whose list name ends in these four digits: who has no name is found as 居民 5973 or Resident 5973.
async fn numbered(conn: &mut store::Conn, staff: &Staff, now: At, typed: &str) -> Result<Vec<ConversationId>> {
    let number = typed.split_whitespace().next_back().unwrap_or(typed).trim_start_matches(|c: char| !c.is_ascii_digit());
    if number.len() != 4 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Vec::new());
    }
    let all = store::inbox::contacts(conn, staff.id, now).await?;
    Ok(all.into_iter().filter(|(_, contact)| super::short_id(*contact) == number).map(|(id, _)| id).take(PAGE).collect())
}

/// The part of a text that a search found, with what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub before: String,
    pub found: String,
    pub after: String,
}

/// Characters shown before and after what was found.
const AROUND: (usize, usize) = (12, 60);

/// Cuts a text around the first word of a search that stands in it.
pub fn hit(text: &str, query: &str) -> Option<Hit> {
    let characters: Vec<char> = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let lower: Vec<char> = characters.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let (start, length) = query.split_whitespace().find_map(|word| {
        let word: Vec<char> = word.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
        let start = lower.windows(word.len()).position(|w| w == word)?;
        Some((start, word.len()))
    })?;
    let (before, after) = AROUND;
    let (from, end) = (start.saturating_sub(before), start + length);
    let until = (end + after).min(characters.len());
    let cut = |range: &[char]| range.iter().collect::<String>();
    let dots = if from > 0 { "…" } else { "" };
    Some(Hit { before: format!("{dots}{}", cut(&characters[from..start])), found: cut(&characters[start..end]), after: cut(&characters[end..until]) })
}

/// The day of one's first post, beside the list.
pub struct Today {
    /// Working hours, empty on a day off.
    pub hours: Vec<model::calendar::Interval>,
    /// Waits closed today, and how many of them before they were due.
    pub answered: i64,
    pub on_time: i64,
}

pub async fn today(domain: &Domain, staff: &Staff, inbox: &Inbox) -> Result<Today> {
    let now = domain.now();
    let calendar = &inbox.calendar.calendar;
    let mut conn = domain.db.read().await?;
    let (answered, on_time) = store::inbox::answered_since(&mut conn, staff.id, now, start_of_day(calendar, now)).await?;
    Ok(Today { hours: calendar.hours(calendar.local(now).date()).to_vec(), answered, on_time })
}

/// Midnight before a moment, by the unit's clock.
pub(super) fn start_of_day(calendar: &model::calendar::Calendar, at: At) -> At {
    calendar.local(at).start_of_day().map_or(at, |z| At::from(z.timestamp()))
}

/// The posts of somebody's inbox, for whoever watches them.
pub async fn posts(domain: &Domain, staff: &Staff) -> Result<Vec<PostId>> {
    let mut conn = domain.db.read().await?;
    store::post::answered_by(&mut conn, staff.id, domain.now()).await
}

/// More conversations with something new in them than this are not counted.
pub const MOST_UNREAD: i64 = 99;

/// Conversations with something new in them, for the mark in the navigation; [`MOST_UNREAD`] and one for all that are more.
pub async fn unread(domain: &Domain, staff: &Staff) -> Result<i64> {
    let mut conn = domain.db.read().await?;
    store::inbox::unread(&mut conn, staff.id, domain.now(), MOST_UNREAD + 1).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_cut_around_the_first_word_found() {
        let cut = |text, query| hit(text, query).map(|h| (h.before, h.found, h.after));
        let some = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(cut("小区下水道堵了", "下水道"), some("小区", "下水道", "堵了"));
        assert_eq!(cut("The Drain is\nblocked", "zzz drain"), some("The ", "Drain", " is blocked"));
        let long = format!("{}水", "一".repeat(20));
        assert_eq!(cut(&long, "水"), some(&format!("…{}", "一".repeat(12)), "水", ""));
        assert_eq!(cut("路灯", "下水道"), None);
    }
}
