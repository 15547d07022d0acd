//! Writing what was shown, in one transaction. Everything that can be made ready before is; while it lasts, nobody else writes on SQLite.

use super::{
    Settings, Trouble,
    change::{Change, Changes, HoldingRow, PostRow, Undo, UnitRow},
    moves,
    plan::is_cut_short,
    settings_of,
    shown::Shown,
    work::{Progress, packed},
};
use crate::{
    Domain,
    audit::{self, Deed},
    holding, routing,
    routing::{Ended, Gaps, Orphan},
    session,
    trial::{self, NewUnit},
    unit,
};
use model::{At, ImportId, PostId, StaffId, UnitId};
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
    /// Whoever asked for it is no admin of the unit any more.
    #[error("no grant")]
    NoGrant,
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
    let record = Record::new(domain, unit, &changes).await?;
    let order = Order { id, unit, by, version, now };
    let inner = domain.clone();
    let done = domain
        .db
        .write_within(PATIENCE, move |c| {
            Box::pin(async move {
                let began = Instant::now();
                let written = write(&inner, c, &order, &ready, &[]).await?;
                let mut on_trial = Vec::new();
                for district in districts {
                    if trial::begin_new(c, district, now).await? {
                        on_trial.push(district.id);
                    }
                }
                let moves = moves_json(&written.moves)?;
                let extra = serde_json::to_string(&written.extra).map_err(store::Error::from)?;
                refuse_if_changed(c, version).await?;
                audit::append(c, now, by, "import.apply", &id.to_string(), &detail).await?;
                audit::append_all(c, now, by, record.deeds(&written.extra.touched)).await?;
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

/// Takes an import back, except for people who are not what it has left them as.
pub(super) async fn undo(domain: &Domain, import: &Import, undo: Undo, extra: &str, version: i64, by: Option<StaffId>) -> Result<(), Refused> {
    let (id, unit, now) = (import.id, import.unit_id, domain.now());
    let extra: Extra = serde_json::from_str(extra).map_err(store::Error::from)?;
    let Undo { changes, back, gone } = undo;
    let ready = Ready::new(&changes, &extra);
    domain.imports.set_total(id, ready.rows);
    let detail = detail(unit, &changes);
    let trouble = (back + gone > 0).then(|| serde_json::to_string(&Trouble::LeftAlone { back, gone })).transpose().map_err(store::Error::from)?;
    let home: Vec<Move> = extra.moved.iter().map(|m| Move { id: m.id, from: m.to, to: m.from }).collect();
    let record = Record::new(domain, unit, &changes).await?;
    let order = Order { id, unit, by, version, now };
    let inner = domain.clone();
    let written = domain
        .db
        .write_within(PATIENCE, move |c| {
            Box::pin(async move {
                let written = write(&inner, c, &order, &ready, &home).await?;
                let moves = moves_json(&written.moves)?;
                refuse_if_changed(c, version).await?;
                audit::append(c, now, by, "import.undo", &id.to_string(), &detail).await?;
                audit::append_all(c, now, by, record.deeds(&written.extra.touched)).await?;
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
async fn refuse_if_changed(c: &mut Conn, version: i64) -> Result<(), Refused> {
    store::audit::hold(c).await?;
    if store::import::has_changed(c, version).await? { Err(Refused::Changed) } else { Ok(()) }
}

/// Numbers only: no name of anybody.
fn detail(unit: UnitId, changes: &Changes) -> String {
    use super::change::What::{Added, Changed, Ended, Moved};
    let count = |what| changes.count(what).sum();
    format!("{unit} +{} ~{} >{} -{}", count(Added), count(Changed), count(Moved), count(Ended))
}

/// What the trail says of an import besides its numbers: who has got or lost a post, and whose login has ended or is back, each as the pages say it.
struct Record {
    /// Where it belongs if somebody has no home.
    top: UnitId,
    homes: HashMap<StaffId, UnitId>,
    left: Vec<StaffId>,
    holdings: Vec<Deed>,
}

impl Record {
    async fn new(domain: &Domain, top: UnitId, changes: &Changes) -> store::Result<Record> {
        let fresh = changes.posts.iter().filter_map(|change| change.shown()).map(|post| (post.id, post.unit_id));
        let mut units: HashMap<PostId, UnitId> = fresh.collect();
        let others: HashSet<PostId> =
            changes.holdings.iter().filter_map(|change| Some(change.shown()?.post_id)).filter(|post| !units.contains_key(post)).collect();
        units.extend(store::import::units_of(&mut domain.db.read().await?, &Vec::from_iter(others)).await?);
        let deed = |change: &Change<HoldingRow>| {
            let h = change.shown()?;
            let action = match (&change.before, &change.after) {
                (None, _) => "holding.add",
                (Some(_), Some(after)) if !is_cut_short(change.before.as_ref(), after) => "holding.change",
                _ => "holding.end",
            };
            let unit = units.get(&h.post_id).copied().unwrap_or(top);
            Some(Deed { unit, action, target: h.id.to_string(), detail: format!("{} {}", h.post_id, h.staff_id) })
        };
        let people = || changes.staff.iter().filter_map(|change| Some((change.shown()?, change.after.is_none())));
        Ok(Record {
            top,
            homes: people().filter_map(|(person, _)| Some((person.id, person.unit_id?))).collect(),
            left: people().filter(|(_, has_left)| *has_left).map(|(person, _)| person.id).collect(),
            holdings: changes.holdings.iter().filter_map(deed).collect(),
        })
    }

    fn deeds(self, touched: &Touched) -> Vec<Deed> {
        let home = |id: &StaffId| self.homes.get(id).copied().unwrap_or(self.top);
        let back = touched.back.iter().map(|id| Deed { unit: home(id), action: "staff.come_back", target: id.to_string(), detail: String::new() });
        let refused = touched.proposals.iter().map(|(id, role, unit)| Deed {
            unit: *unit,
            action: "grant.refuse",
            target: id.to_string(),
            detail: format!("{role} {unit}"),
        });
        let sessions =
            touched.sessions.iter().map(|(id, staff)| Deed { unit: home(staff), action: "session.end", target: id.to_string(), detail: String::new() });
        let left = self.left.iter().map(|id| Deed { unit: home(id), action: "staff.end", target: id.to_string(), detail: String::new() });
        let of_people: Vec<Deed> = back.chain(refused).chain(sessions).chain(left).collect();
        self.holdings.into_iter().chain(of_people).collect()
    }
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
    // Whoever has been given their login again by somebody else begins anew.
    let back: HashSet<StaffId> = changes.staff.iter().filter(|change| change.before.is_none()).filter_map(|change| Some(change.after.as_ref()?.id)).collect();
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
        absences_back: extra.touched.ended_absences.iter().filter(|absence| back.contains(&absence.staff_id)).cloned().collect(),
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

/// Which import is written, where, for whom, and what it was compared with.
struct Order {
    id: ImportId,
    unit: UnitId,
    /// Nobody for the command line.
    by: Option<StaffId>,
    version: i64,
    now: At,
}

/// What the transaction did.
struct Written {
    routes: Vec<routing::Change>,
    /// Conversations that are at another post now.
    moves: Vec<Move>,
    /// What it takes to take it back.
    extra: Extra,
}

/// Writes everything; `home` are conversations that go where they came from, if that is what is done.
async fn write(domain: &Domain, c: &mut Conn, order: &Order, ready: &Ready, home: &[Move]) -> Result<Written, Refused> {
    let now = order.now;
    // Whoever changes who answers takes this first and the audit trail last, here as everywhere: so no two wait for each other.
    store::post::hold_routing(c).await?;
    if store::import::has_changed(c, order.version).await? {
        return Err(Refused::Changed);
    }
    // It was asked for a while ago.
    if let Some(by) = order.by
        && !unit::covers(c, by, order.unit, now).await?
    {
        return Err(Refused::NoGrant);
    }
    // What would be so without this is not refused because of this.
    let before = routing::gaps(c, now).await?;
    store::import::hold_ending(c, &ready.packed).await?;
    let touched = store::import::write(c, &ready.packed, now, &|rows| domain.imports.advance(order.id, rows)).await?;
    let routes = routing::settle(c, now).await?;
    let returned = store::import::move_conversations(c, home).await?;
    let left = store::import::left_behind(c, &ready.packed).await?;
    let heirs = heirs(c, ready, &touched, left.iter().map(|(_, post)| *post).collect(), now).await?;
    let inherited: Vec<Move> = left.iter().filter_map(|(id, from)| Some(Move { id: *id, from: *from, to: *heirs.get(from)? })).collect();
    let moved = store::import::move_conversations(c, &inherited).await?;
    let unclaimed = left.iter().map(|(_, post)| *post).filter(|post| !heirs.contains_key(post)).collect();
    let orphans = orphans(c, &before, unclaimed, returned.iter().map(|m| m.to).collect(), now).await?;
    if !orphans.is_empty() {
        return Err(Refused::Ownerless(orphans));
    }
    let moves = returned.into_iter().chain(moved.iter().copied()).collect();
    Ok(Written { routes, moves, extra: Extra { touched, moved } })
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
    session::wake(domain, written.extra.touched.sessions.into_iter().map(|(id, _)| id));
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
