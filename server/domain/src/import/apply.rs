//! Writing what was shown, in one transaction. Everything that can be made ready before is; while it lasts, nobody else writes on SQLite.

use super::{
    change::{Change, Changes, HoldingRow, UnitRow},
    shown::Shown,
    work::{Progress, packed},
};
use crate::{
    Domain, audit, conversation, holding,
    live::Topic,
    routing, session,
    trial::{self, NewUnit},
};
use model::{At, ClientKey, ConversationId, Event, ImportId, MessageId, PostId, StaffId, UnitId};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};
use store::{
    Conn,
    import::{Import, Packed, Steps, Touched},
};

/// How long PostgreSQL may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// Somebody changed what is there meanwhile.
    #[error("changed")]
    Changed,
    /// Somebody is waiting whom nobody would answer.
    #[error("ownerless")]
    Ownerless,
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What ending posts has done besides, to be taken back too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Extra {
    touched: Touched,
    /// Conversations with the post they were of, and the one they went to.
    moved: Vec<(ConversationId, PostId, PostId)>,
}

pub(super) async fn apply(domain: &Domain, import: &Import, shown: Shown, by: Option<StaffId>) -> Result<(), Refused> {
    let (id, unit, version, planned) = (import.id, import.unit_id, shown.version, At(shown.at));
    let now = domain.now();
    let made = tokio::task::spawn_blocking(move || {
        let mut changes = shown.plan.changes;
        begin_now(&mut changes.holdings, planned, now);
        let ready = Ready::new(&changes, &Extra::default());
        let undo = packed(&changes)?;
        Ok::<_, store::Error>((changes, ready, undo))
    });
    let (changes, ready, undo) = made.await.map_err(|_| store::Error::Stopped)??;
    let rows = ready.rows;
    domain.imports.set_total(id, rows);
    let detail = detail(unit, &changes);
    let districts = new_districts(&changes);
    let inner = domain.clone();
    let done = domain
        .db
        .write_within(PATIENCE, move |c| {
            Box::pin(async move {
                let began = Instant::now();
                let written = write(&inner, c, id, &ready, version, now).await?;
                let mut on_trial = Vec::new();
                for district in districts {
                    if trial::begin_new(c, district, now).await? {
                        on_trial.push(district.id);
                    }
                }
                let extra = serde_json::to_string(&written.extra).map_err(store::Error::from)?;
                audit::append(c, now, by, "import.apply", &id.to_string(), &detail).await?;
                for unit in on_trial {
                    audit::append(c, now, by, "trial.begin", &unit.to_string(), "").await?;
                }
                store::import::applied(c, id, &undo, &extra, now).await?;
                Ok::<_, Refused>((written, began.elapsed()))
            })
        })
        .await?;
    let (written, took) = done;
    tracing::info!(rows, milliseconds = took.as_millis() as u64, "an import was applied; so long nobody else could write");
    domain.imports.set_took(took);
    domain.trial.forget();
    after(domain, &changes, written);
    Ok(())
}

pub(super) async fn undo(domain: &Domain, import: &Import, changes: Changes, extra: &str, version: i64, by: Option<StaffId>) -> Result<(), Refused> {
    let (id, unit, now) = (import.id, import.unit_id, domain.now());
    let extra: Extra = serde_json::from_str(extra).map_err(store::Error::from)?;
    let ready = Ready::new(&changes, &extra);
    domain.imports.set_total(id, ready.rows);
    let detail = detail(unit, &changes);
    let inner = domain.clone();
    let written = domain
        .db
        .write_within(PATIENCE, move |c| {
            Box::pin(async move {
                let mut written = write(&inner, c, id, &ready, version, now).await?;
                written.conversations.extend(give_back(&inner, c, extra.moved, now).await?);
                audit::append(c, now, by, "import.undo", &id.to_string(), &detail).await?;
                store::import::undone(c, id, now).await?;
                Ok::<_, Refused>(written)
            })
        })
        .await?;
    after(domain, &changes, written);
    Ok(())
}

/// Those that come on board with this file, each after the one it stands below.
fn new_districts(changes: &Changes) -> Vec<NewUnit> {
    let fresh = changes.units.iter().filter(|change| change.before.is_none()).filter_map(|change| change.after.clone());
    let districts = parents_first(fresh.filter(|unit| unit.kind.is_district_level()).collect());
    districts.into_iter().map(|UnitRow { id, parent_id, kind, .. }| NewUnit { id, parent_id, kind }).collect()
}

/// Numbers only: no name of anybody.
fn detail(unit: UnitId, changes: &Changes) -> String {
    use super::change::What::{Added, Changed, Ended, Moved};
    let count = |what| changes.count(what).sum();
    format!("{unit} +{} ~{} >{} -{}", count(Added), count(Changed), count(Moved), count(Ended))
}

/// Who was to begin at once begins now.
fn begin_now(holdings: &mut [Change<HoldingRow>], planned: At, now: At) {
    let fresh = holdings.iter_mut().filter_map(|change| change.after.as_mut());
    fresh.filter(|h| h.from_at == planned).for_each(|h| h.from_at = now);
}

/// The statements, and what they must not break.
struct Ready {
    packed: Packed,
    ended_posts: Vec<PostId>,
    rows: usize,
}

impl Ready {
    fn new(changes: &Changes, extra: &Extra) -> Ready {
        let steps = steps(changes, extra);
        let ended_posts = steps.posts_ended.clone();
        let rows = changes.units.len() + changes.posts.len() + changes.staff.len() + changes.holdings.len();
        Ready { packed: steps.packed(), ended_posts, rows }
    }
}

fn steps(changes: &Changes, extra: &Extra) -> Steps {
    fn split<T: Clone, I>(changes: &[Change<T>], id: impl Fn(&T) -> I) -> (Vec<T>, Vec<I>) {
        let set = changes.iter().filter_map(|change| change.after.clone()).collect();
        let ended = changes.iter().filter(|change| change.after.is_none()).filter_map(|change| change.before.as_ref().map(&id)).collect();
        (set, ended)
    }
    let (units, units_ended) = split(&changes.units, |unit| unit.id);
    let (staff, staff_ended) = split(&changes.staff, |person| person.id);
    let (posts, posts_ended) = split(&changes.posts, |post| post.id);
    let (holdings, holdings_ended) = split(&changes.holdings, |h| h.id);
    let freed = changes.units.iter().filter_map(|change| {
        let (before, after) = (change.before.as_ref()?, change.after.as_ref()?);
        (before.code.is_some() && before.code != after.code).then_some(before.id)
    });
    Steps {
        freed: freed.collect(),
        units: parents_first(units),
        units_ended,
        staff,
        staff_ended,
        posts,
        posts_ended,
        holdings,
        holdings_ended,
        points_back: extra.touched.points.clone(),
        substitutes: extra.touched.substitutes.clone(),
    }
}

/// A unit is written after the one it stands below.
fn parents_first(units: Vec<UnitRow>) -> Vec<UnitRow> {
    let parents: HashMap<UnitId, Option<UnitId>> = units.iter().map(|unit| (unit.id, unit.parent_id)).collect();
    let depth = |unit: &UnitRow| {
        let mut at = unit.parent_id;
        let mut depth = 0;
        while let Some(parent) = at.and_then(|id| parents.get(&id)).filter(|_| depth < 64) {
            at = *parent;
            depth += 1;
        }
        depth
    };
    let mut in_order: Vec<(usize, UnitRow)> = units.into_iter().map(|unit| (depth(&unit), unit)).collect();
    in_order.sort_by_key(|(depth, _)| *depth);
    in_order.into_iter().map(|(_, unit)| unit).collect()
}

/// What the transaction did that is to be told after it.
struct Written {
    extra: Extra,
    routes: Vec<routing::Change>,
    conversations: Vec<ConversationId>,
}

async fn write(domain: &Domain, c: &mut Conn, id: ImportId, ready: &Ready, version: i64, now: At) -> Result<Written, Refused> {
    store::post::hold_routing(c).await?;
    if store::import::has_changed(c, version).await? {
        return Err(Refused::Changed);
    }
    let ownerless = store::import::ownerless(c).await?;
    let talking: HashSet<PostId> = store::import::with_conversations(c, &ready.ended_posts).await?.into_iter().collect();
    let mut moved = Vec::new();
    if !talking.is_empty() {
        let gone: HashSet<PostId> = ready.ended_posts.iter().copied().collect();
        let heirs = routing::heirs(c, &gone, now).await?;
        moved = hand_over(domain, c, &talking, &heirs, now).await?;
    }
    let touched = store::import::write(c, &ready.packed, now, &|rows| domain.imports.advance(id, rows)).await?;
    let routes = routing::settle(c, now).await?;
    if store::import::ownerless(c).await? > ownerless {
        return Err(Refused::Ownerless);
    }
    let conversations = moved.iter().map(|(id, ..)| *id).collect();
    Ok(Written { extra: Extra { touched, moved }, routes, conversations })
}

/// Conversations of posts that end go to whoever answers then, and their contacts are told.
async fn hand_over(
    domain: &Domain,
    c: &mut Conn,
    talking: &HashSet<PostId>,
    heirs: &HashMap<PostId, Option<PostId>>,
    now: At,
) -> Result<Vec<(ConversationId, PostId, PostId)>, Refused> {
    let mut moved = Vec::new();
    for from in talking {
        match heirs.get(from).copied().flatten() {
            Some(to) => {
                moved.extend(store::import::conversations(c, *from).await?.into_iter().map(|id| (id, *from, to)));
                crate::post::hand_all_over(domain, c, *from, to, now).await?;
            }
            None if store::post::waiting(c, *from).await? > 0 => return Err(Refused::Ownerless),
            None => {}
        }
    }
    Ok(moved)
}

/// And come back with their post.
async fn give_back(domain: &Domain, c: &mut Conn, moved: Vec<(ConversationId, PostId, PostId)>, now: At) -> Result<Vec<ConversationId>, Refused> {
    let mut back = Vec::new();
    let mut cards = HashMap::new();
    for (id, from, to) in moved {
        if !store::import::give_conversation_back(c, id, to, from).await? {
            continue;
        }
        back.push(id);
        let person = match cards.get(&from) {
            Some(person) => Option::clone(person),
            None => {
                let person = store::post::card(c, from, now).await?.as_ref().and_then(conversation::person);
                cards.insert(from, person.clone());
                person
            }
        };
        let is_open = store::conversation::find(c, id).await?.is_some_and(|conversation| conversation.state == model::ConversationState::Open);
        if let Some(person) = person.filter(|_| is_open) {
            conversation::tell(c, (MessageId(domain.id()), ClientKey(domain.id())), id, &Event::HandedOver { to: person }, now).await?;
        }
    }
    Ok(back)
}

/// After the commit: caches are dropped, and whom it concerns is woken.
fn after(domain: &Domain, changes: &Changes, written: Written) {
    domain.settings.clear();
    domain.figures.clear();
    routing::wake(domain, &written.routes);
    domain.hub.wake_all(written.conversations.into_iter().map(Topic::Conversation));
    session::wake(domain, written.extra.touched.sessions);
    // Whoever is new has not signed in, so only what others held concerns anybody who is looking.
    let held = changes.holdings.iter().filter_map(|change| change.before.as_ref());
    holding::wake(domain, held.map(|h| (h.post_id, h.staff_id)));
}

impl super::Work {
    fn set_total(&self, id: ImportId, rows: usize) {
        self.set(id, Progress { done: 0, total: rows as i64 });
    }

    fn advance(&self, id: ImportId, rows: usize) {
        let before = self.progress(id).unwrap_or_default();
        self.set(id, Progress { done: before.total.min(before.done + rows as i64), ..before });
    }
}
