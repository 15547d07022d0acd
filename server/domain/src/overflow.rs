//! A post serves only so many well. Where a unit says how many new contacts a day, or how many open conversations, a conversation too many begins
//! at the nearest post above that has room and somebody on duty: that post answers for it, and its wait is that post's. Nobody is refused; where
//! nobody above has room, the post behind the sticker takes it after all.

use crate::{Domain, post, setting};
use model::{At, PostId, UnitId};
use store::{Conn, Result, overflow::Room};

/// How much a post of a unit serves well, with the beginning of its day; `None` where nothing is said.
pub(crate) async fn room(domain: &Domain, c: &mut Conn, unit: UnitId) -> Result<Option<Room>> {
    let settings = setting::of(domain, c, unit).await?;
    let (new_contacts_per_day, open_conversations) = (settings.new_contacts_per_day, settings.open_conversations);
    if new_contacts_per_day.is_none() && open_conversations.is_none() {
        return Ok(None);
    }
    Ok(Some(Room { new_contacts_per_day, open_conversations, since: start_of_day(&settings.calendar.calendar, domain.now()) }))
}

fn start_of_day(calendar: &model::calendar::Calendar, now: At) -> At {
    calendar.local(now).start_of_day().map_or(now, |at| At::from(at.timestamp()))
}

/// Whether one more conversation would be too many for a post.
async fn is_full(domain: &Domain, c: &mut Conn, post: PostId, unit: UnitId) -> Result<bool> {
    let Some(room) = room(domain, c, unit).await? else { return Ok(false) };
    let loads = store::overflow::loads(c, &[(post, room.since)]).await?;
    Ok(room.is_full(loads.get(&post).copied().unwrap_or_default()))
}

/// Where a conversation goes that would be too many for a post: posts above with somebody on duty and room for it, the nearest first.
pub(crate) async fn places(domain: &Domain, c: &mut Conn, post: PostId) -> Result<Vec<(PostId, UnitId)>> {
    let mut places = Vec::new();
    for above in store::overflow::above(c, post, domain.now()).await? {
        if !is_full(domain, c, above.id, above.unit_id).await? {
            places.push((above.id, above.unit_id));
        }
    }
    Ok(places)
}

/// Who takes a new conversation at this moment instead of a post that has as many as it serves well; `None` while it has room, or where nobody
/// else has.
pub(crate) async fn instead(domain: &Domain, c: &mut Conn, answering: &post::Answering) -> Result<Option<post::Answering>> {
    if !is_full(domain, c, answering.post.post_id, answering.post.unit_id).await? {
        return Ok(None);
    }
    match places(domain, c, answering.post.post_id).await?.first() {
        Some((other, _)) => post::answering(domain, c, *other).await,
        None => Ok(None),
    }
}

/// What a worker is told of one of their posts on a day on which it has enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub post: PostId,
    pub unit_name: String,
    pub title: String,
    /// How many new contacts a day there are at most, if that is what is reached; else it is the open conversations.
    pub per_day: Option<i64>,
    pub open: Option<i64>,
    /// Who takes the others today, if anybody does: unit and name.
    pub by: Option<(String, String)>,
    /// How many that were today.
    pub elsewhere: i64,
}

/// The posts among these that have as many as they serve well.
pub(crate) async fn reached(domain: &Domain, c: &mut Conn, posts: &[store::inbox::Post]) -> Result<Vec<Reached>> {
    let mut reached = Vec::new();
    for p in posts.iter().filter(|p| p.stands_in == 0) {
        let Some(room) = room(domain, c, p.unit_id).await? else { continue };
        let load = store::overflow::loads(c, &[(p.id, room.since)]).await?.get(&p.id).copied().unwrap_or_default();
        if !room.is_full(load) {
            continue;
        }
        let by = match places(domain, c, p.id).await?.first() {
            Some((other, _)) => store::post::card(c, *other, domain.now()).await?,
            None => None,
        };
        let per_day = room.new_contacts_per_day.filter(|most| load.new >= *most);
        reached.push(Reached {
            post: p.id,
            unit_name: p.unit_name.clone(),
            title: p.title.clone(),
            per_day,
            open: room.open_conversations.filter(|most| per_day.is_none() && load.open >= *most),
            by: by.and_then(|card| Some((card.unit_name, card.staff_name?))),
            elsewhere: store::overflow::since(c, p.id, room.since).await?,
        });
    }
    Ok(reached)
}
