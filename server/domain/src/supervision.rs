//! What a supervisor sees of the subtrees of their grants: figures, who answers where, and the conversations, to read. Lists say nothing of what
//! was written; opening a conversation is a read across units, and each one is an audit entry.

use crate::{
    Domain, Supervisor, audit,
    calendar::{self, UnitCalendar},
    conversation::PAGE as MESSAGES,
    unit::{
        self, Page,
        tree::{self, Branch},
    },
};
use model::{At, ConversationId, ConversationState, PostId, Role, StaffId, UnitId};
use std::{collections::HashMap, sync::Arc};
use store::{
    Conn, Result,
    admin::Figures,
    contact_point,
    conversation::Conversation,
    message::{Audience, Message},
    post::{Card, Line},
    supervision::Row,
    unit::Unit,
    wait::{Told, Wait},
};

/// Units or conversations on one page.
pub const PAGE: i64 = 50;

pub use store::supervision::Waiting;

/// Whether a unit lies in the subtree of one of the supervisor's grants.
async fn covers(c: &mut Conn, supervisor: StaffId, unit: UnitId, now: At) -> Result<bool> {
    store::staff::is_granted(c, supervisor, Role::Supervisor, unit, now).await
}

/// From the top of what is the supervisor's down to a unit.
async fn way(c: &mut Conn, supervisor: StaffId, id: UnitId, now: At) -> Result<Vec<Unit>> {
    let mut way = Vec::new();
    for unit in store::unit::path(c, id).await? {
        if !covers(c, supervisor, unit.id, now).await? {
            break;
        }
        way.push(unit);
    }
    way.reverse();
    Ok(way)
}

/// The numbers of everything that is the supervisor's, and where it begins.
pub struct Overview {
    pub figures: Figures,
    pub tops: Vec<Branch>,
    /// Who waits in each of them.
    pub waiting: HashMap<UnitId, Waiting>,
}

pub async fn overview(domain: &Domain, supervisor: &Supervisor) -> Result<Overview> {
    let (by, now) = (supervisor.staff.id, domain.now());
    let mut branches = HashMap::new();
    for id in &supervisor.units {
        branches.extend(tree::branch(domain, *id).await?.map(|branch| (*id, branch)));
    }
    let figures = unit::figures_of(domain, Role::Supervisor, by).await?;
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let (mut tops, mut waiting) = (Vec::<Branch>::new(), HashMap::new());
    for id in &supervisor.units {
        let is_below_another = store::unit::path(c, *id).await?.iter().skip(1).any(|u| supervisor.units.contains(&u.id));
        if !is_below_another && let Some(branch) = branches.remove(id) {
            waiting.insert(*id, store::supervision::waiting_in(c, *id, now).await?);
            tops.push(branch);
        }
    }
    Ok(Overview { figures, tops, waiting })
}

/// A unit as its supervisor sees it.
pub struct UnitView {
    pub unit: Unit,
    /// From the top of what is the supervisor's down to the unit above.
    pub above: Vec<Unit>,
    pub branch: Branch,
    pub posts: Vec<Line>,
    /// Of the waits of each post, those past their promise.
    pub late: HashMap<PostId, i64>,
    pub below: Page<Branch>,
    pub waiting: HashMap<UnitId, Waiting>,
}

pub async fn unit(domain: &Domain, supervisor: &Supervisor, id: UnitId, page: i64) -> Result<Option<UnitView>> {
    let (by, now) = (supervisor.staff.id, domain.now());
    // Before there is a connection: the tree takes one of its own.
    let Some(branch) = tree::branch(domain, id).await? else { return Ok(None) };
    let below = tree::page_below(domain, id, page).await?;
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let mut above = way(c, by, id, now).await?;
    let Some(unit) = above.pop().filter(|u| u.ended_at.is_none()) else { return Ok(None) };
    Ok(Some(UnitView {
        posts: store::post::of_unit(c, id, now).await?,
        late: store::supervision::late_at(c, id, now).await?.into_iter().collect(),
        waiting: store::supervision::waiting_below(c, id, now).await?.into_iter().map(|w| (w.unit_id, w)).collect(),
        unit,
        above,
        branch,
        below,
    }))
}

/// Which conversations of a post are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Waiting,
    Open,
    Closed,
}

/// A post as its supervisor sees it.
pub struct PostView {
    pub line: Line,
    /// From the top of what is the supervisor's down to the post's unit.
    pub above: Vec<Unit>,
    pub conversations: Page<Row>,
    pub calendar: Arc<UnitCalendar>,
}

pub async fn post(domain: &Domain, supervisor: &Supervisor, id: PostId, which: Which, page: i64) -> Result<Option<PostView>> {
    let (by, now) = (supervisor.staff.id, domain.now());
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    let Some(line) = store::post::line(c, id, now).await? else { return Ok(None) };
    let above = way(c, by, line.unit_id, now).await?;
    if above.is_empty() {
        return Ok(None);
    }
    let (limit, offset) = (PAGE + 1, page * PAGE);
    let rows = match which {
        Which::Waiting => store::supervision::waiting_at(c, id, limit, offset).await?,
        Which::Open => store::supervision::at(c, id, ConversationState::Open, limit, offset).await?,
        Which::Closed => store::supervision::at(c, id, ConversationState::Closed, limit, offset).await?,
    };
    let calendar = calendar::of_unit(domain, c, line.unit_id).await?;
    Ok(Some(PostView { line, above, conversations: Page::cut(rows, page, PAGE), calendar }))
}

/// A conversation, to read.
pub struct Reading {
    pub conversation: Conversation,
    pub post: Card,
    /// From the top of what is the supervisor's down to the post's unit.
    pub above: Vec<Unit>,
    pub place: Option<String>,
    pub messages: Vec<Message>,
    pub wait: Option<Wait>,
    pub waits: Vec<Told>,
    pub calendar: Arc<UnitCalendar>,
}

/// What the trail calls it when a supervisor reads a conversation.
pub const READ: &str = "conversation.read_as_supervisor";

/// A conversation with its last page of messages, or the page below `before`. It goes on record first; only then is anything shown. Nothing is
/// marked as seen: the post has not seen it.
pub async fn read(domain: &Domain, supervisor: &Supervisor, id: ConversationId, before: Option<i64>) -> Result<Option<Reading>> {
    let (by, now) = (supervisor.staff.id, domain.now());
    let found = store::conversation::of_supervisor(&mut domain.db.read().await?, by, id, now).await?;
    let Some(found) = found else { return Ok(None) };
    let detail = found.post_id.to_string();
    audit::record(domain, Some(by), READ, id.to_string(), detail).await?;
    let mut conn = domain.db.read().await?;
    let c = &mut conn;
    // Asked again: it may have been handed over to where the supervisor has no say.
    let Some(conversation) = store::conversation::of_supervisor(c, by, id, now).await? else { return Ok(None) };
    let Some(post) = store::post::card(c, conversation.post_id, now).await? else { return Ok(None) };
    let place = match conversation.contact_point_id {
        Some(point) => contact_point::find(c, point).await?.map(|p| p.place),
        None => None,
    };
    Ok(Some(Reading {
        above: way(c, by, post.unit_id, now).await?,
        messages: store::message::before(c, id, Audience::Staff, before.unwrap_or(i64::MAX), MESSAGES).await?,
        wait: store::wait::open(c, id).await?,
        waits: store::wait::history(c, id).await?,
        calendar: calendar::of_unit(domain, c, post.unit_id).await?,
        conversation,
        post,
        place,
    }))
}
