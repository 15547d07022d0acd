//! Writing what was shown, in one transaction. Everything that can be made ready before is; while it lasts, nobody else writes on SQLite.

use super::{
    Settings, Trouble,
    change::{Change, Changes, HoldingRow, PostRow, Undo, UnitRow},
    moves, settings_of,
    shown::Shown,
    work::{Progress, packed},
};
use crate::{
    Domain, audit, holding, routing,
    routing::{Ended, Gaps, Orphan},
    session,
    trial::{self, NewUnit},
};
use model::{At, ImportId, PostId, SessionId, StaffId, UnitId};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};
use store::{
    Conn,
    import::{Applied, Import, Move, Packed, Steps, Touched},
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
    Ownerless(Vec<Orphan>),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Refused {
    /// Somebody else was at it at the same moment: looked at once more, it may well do.
    pub fn gave_way(&self) -> bool {
        matches!(self, Refused::Changed) || matches!(self, Refused::Store(e) if e.gave_way())
    }
}

/// What ending posts has done besides, to be taken back too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Extra {
    touched: Touched,
    /// Conversations with the post they were of, and the one they went to.
    moved: Vec<Move>,
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
    let choices = serde_json::to_string(&Settings::emptied(settings_of(import)?)).map_err(store::Error::from)?;
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
                let (written, touched, moved) = write(&inner, c, id, &ready, &[], version, now).await?;
                let mut on_trial = Vec::new();
                for district in districts {
                    if trial::begin_new(c, district, now).await? {
                        on_trial.push(district.id);
                    }
                }
                let moves = moves_json(&written.moves)?;
                let extra = serde_json::to_string(&Extra { touched, moved }).map_err(store::Error::from)?;
                unchanged(c, version).await?;
                audit::append(c, now, by, "import.apply", &id.to_string(), &detail).await?;
                for unit in on_trial {
                    audit::append(c, now, by, "trial.begin", &unit.to_string(), "").await?;
                }
                if !store::import::applied(c, id, &Applied { choices, undo, extra, moves }, now).await? {
                    return Err(Refused::Changed);
                }
                Ok::<_, Refused>((written, began.elapsed()))
            })
        })
        .await?;
    let (written, took) = done;
    tracing::info!(rows, milliseconds = took.as_millis() as u64, "an import was applied; so long nobody else could write");
    domain.imports.set_took(took);
    domain.trial.forget();
    after(domain, &changes, written, now).await;
    Ok(())
}

/// `left` people are not what they were: they are back by now, and stay as they are.
pub(super) async fn undo(domain: &Domain, import: &Import, undo: Undo, extra: &str, version: i64, by: Option<StaffId>) -> Result<(), Refused> {
    let (id, unit, now) = (import.id, import.unit_id, domain.now());
    let extra: Extra = serde_json::from_str(extra).map_err(store::Error::from)?;
    let Undo { changes, left } = undo;
    let ready = Ready::new(&changes, &extra);
    domain.imports.set_total(id, ready.rows);
    let detail = detail(unit, &changes);
    let trouble = (left > 0).then(|| serde_json::to_string(&Trouble::LeftAlone(left))).transpose().map_err(store::Error::from)?;
    let inner = domain.clone();
    let written = domain
        .db
        .write_within(PATIENCE, move |c| {
            Box::pin(async move {
                let (written, ..) = write(&inner, c, id, &ready, &extra.moved, version, now).await?;
                let moves = moves_json(&written.moves)?;
                unchanged(c, version).await?;
                audit::append(c, now, by, "import.undo", &id.to_string(), &detail).await?;
                if !store::import::undone(c, id, moves.as_deref(), trouble.as_deref(), now).await? {
                    return Err(Refused::Changed);
                }
                Ok::<_, Refused>(written)
            })
        })
        .await?;
    after(domain, &changes, written, now).await;
    Ok(())
}

/// Those that come on board with this file, each after the one it stands below.
fn new_districts(changes: &Changes) -> Vec<NewUnit> {
    let fresh = changes.units.iter().filter(|change| change.before.is_none()).filter_map(|change| change.after.clone());
    let districts = parents_first(fresh.filter(|unit| unit.kind.is_district_level()).collect());
    districts.into_iter().map(|UnitRow { id, parent_id, kind, .. }| NewUnit { id, parent_id, kind }).collect()
}

fn moves_json(moves: &[Move]) -> store::Result<Option<String>> {
    Ok((!moves.is_empty()).then(|| serde_json::to_string(moves)).transpose()?)
}

/// Asked once more when nobody else can append to the trail any more: what was changed beside this and before it, is there by now.
async fn unchanged(c: &mut Conn, version: i64) -> Result<(), Refused> {
    store::audit::hold(c).await?;
    if store::import::has_changed(c, version).await? { Err(Refused::Changed) } else { Ok(()) }
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

/// The statements, and what they end.
struct Ready {
    packed: Packed,
    ended_posts: Vec<PostRow>,
    rows: usize,
}

impl Ready {
    fn new(changes: &Changes, extra: &Extra) -> Ready {
        let ended_posts = changes.posts.iter().filter(|change| change.after.is_none()).filter_map(|change| change.before.clone()).collect();
        let rows = changes.units.len() + changes.posts.len() + changes.staff.len() + changes.holdings.len();
        Ready { packed: steps(changes, extra).packed(), ended_posts, rows }
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
        absences: extra.touched.absences.clone(),
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
    routes: Vec<routing::Change>,
    sessions: Vec<SessionId>,
    /// Conversations that are at another post now.
    moves: Vec<Move>,
}

/// Writes everything; `back` are conversations that go where they came from, if that is what is done. Gives also what was touched besides, and
/// which conversations of ended posts went to whom.
async fn write(
    domain: &Domain,
    c: &mut Conn,
    id: ImportId,
    ready: &Ready,
    back: &[Move],
    version: i64,
    now: At,
) -> Result<(Written, Touched, Vec<Move>), Refused> {
    // Whoever changes who answers takes this first and the audit trail last, here as everywhere: so no two wait for each other.
    store::post::hold_routing(c).await?;
    if store::import::has_changed(c, version).await? {
        return Err(Refused::Changed);
    }
    // What would be so without this is not refused because of this.
    let before = routing::gaps(c, now).await?;
    store::import::hold_ending(c, &ready.packed).await?;
    let mut touched = store::import::write(c, &ready.packed, now, &|rows| domain.imports.advance(id, rows)).await?;
    let sessions = std::mem::take(&mut touched.sessions);
    let routes = routing::settle(c, now).await?;
    let back: Vec<Move> = back.iter().map(|m| Move { id: m.id, from: m.to, to: m.from }).collect();
    let back = store::import::move_conversations(c, &back).await?;
    let left = store::import::left_behind(c, &ready.packed).await?;
    let heirs = heirs(c, ready, &touched, left.iter().map(|(_, post)| *post).collect(), now).await?;
    let moves: Vec<Move> = left.iter().filter_map(|(id, from)| Some(Move { id: *id, from: *from, to: *heirs.get(from)? })).collect();
    let moved = store::import::move_conversations(c, &moves).await?;
    let unclaimed = left.iter().map(|(_, post)| *post).filter(|post| !heirs.contains_key(post)).collect();
    let orphans = orphans(c, &before, unclaimed, back.iter().map(|m| m.to).collect(), now).await?;
    if !orphans.is_empty() {
        return Err(Refused::Ownerless(orphans));
    }
    let moves = back.into_iter().chain(moved.iter().copied()).collect();
    Ok((Written { routes, sessions, moves }, touched, moved))
}

/// Who answers instead of ended posts that have conversations.
async fn heirs(c: &mut Conn, ready: &Ready, touched: &Touched, posts: HashSet<PostId>, now: At) -> store::Result<HashMap<PostId, PostId>> {
    if posts.is_empty() {
        return Ok(HashMap::new());
    }
    let stood_in: HashMap<PostId, PostId> = touched.substitutes.iter().map(|s| (s.id, s.before)).collect();
    let ended = |post: &PostRow| Ended { id: post.id, unit_id: post.unit_id, substitute_id: stood_in.get(&post.id).copied() };
    // All of them, because one may have stood in for another.
    let ended: Vec<Ended> = ready.ended_posts.iter().map(ended).collect();
    let mut heirs = routing::heirs(c, &ended, now).await?;
    heirs.retain(|post, _| posts.contains(post));
    Ok(heirs)
}

/// Posts at which somebody waits and nobody would answer, now or later: those that lose whoever answered, those that have ended without
/// an heir, and those that are back.
async fn orphans(c: &mut Conn, before: &Gaps, unclaimed: BTreeSet<PostId>, back: BTreeSet<PostId>, now: At) -> store::Result<Vec<Orphan>> {
    let mut orphans = routing::orphans(c, before, now).await?;
    for post in unclaimed {
        orphans.extend(store::post::orphan(c, post).await?);
    }
    for post in back {
        if store::post::find(c, post).await?.is_some_and(|post| post.answering_id.is_none()) {
            orphans.extend(store::post::orphan(c, post).await?);
        }
    }
    orphans.sort_by_key(|orphan| (orphan.due_at, orphan.post_id));
    orphans.dedup_by_key(|orphan| orphan.post_id);
    Ok(orphans)
}

/// After the commit: caches are dropped, and whom it concerns is woken and told.
async fn after(domain: &Domain, changes: &Changes, written: Written, now: At) {
    domain.settings.clear();
    domain.figures.clear();
    routing::wake(domain, &written.routes);
    session::wake(domain, written.sessions);
    // Whoever is new has not signed in, so only what others held concerns anybody who is looking.
    let held = changes.holdings.iter().filter_map(|change| change.before.as_ref());
    holding::wake(domain, held.map(|h| (h.post_id, h.staff_id)));
    if let Err(e) = moves::expect(domain, &changes.holdings, now).await {
        tracing::error!(error = %e, "residents could not be told of the holders that an import has brought");
    }
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
