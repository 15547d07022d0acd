//! What an import changes, each thing with how it was and how it is to be; so the same, turned round, takes it back.

use super::plan::has_one_holder;
use model::{At, HoldingId, PostId, StaffId, UnitId, UnitKind};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

pub use store::import::{HoldingRow, PostRow, StaffRow, UnitRow};

/// Where in the file something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub sheet: usize,
    pub row: u32,
}

/// One thing before and after. Without a before it is added, or back; without an after it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    pub place: Option<Place>,
    pub before: Option<T>,
    pub after: Option<T>,
}

/// What becomes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Added,
    Changed,
    Moved,
    Ended,
}

impl What {
    pub const ALL: [What; 4] = [What::Added, What::Changed, What::Moved, What::Ended];

    pub fn as_str(self) -> &'static str {
        match self {
            What::Added => "added",
            What::Changed => "changed",
            What::Moved => "moved",
            What::Ended => "ended",
        }
    }
}

/// Things that are told apart by an id and may stand somewhere else.
pub trait Thing: Clone + PartialEq {
    type Id: Copy + Eq + Hash + Ord;
    fn id(&self) -> Self::Id;
    /// Whether it stands elsewhere than before.
    fn has_moved(&self, before: &Self) -> bool;
}

impl Thing for UnitRow {
    type Id = UnitId;
    fn id(&self) -> UnitId {
        self.id
    }
    fn has_moved(&self, before: &UnitRow) -> bool {
        self.parent_id != before.parent_id
    }
}

impl Thing for PostRow {
    type Id = PostId;
    fn id(&self) -> PostId {
        self.id
    }
    fn has_moved(&self, before: &PostRow) -> bool {
        self.unit_id != before.unit_id
    }
}

impl Thing for StaffRow {
    type Id = StaffId;
    fn id(&self) -> StaffId {
        self.id
    }
    fn has_moved(&self, before: &StaffRow) -> bool {
        self.unit_id != before.unit_id
    }
}

impl Thing for HoldingRow {
    type Id = HoldingId;
    fn id(&self) -> HoldingId {
        self.id
    }
    fn has_moved(&self, before: &HoldingRow) -> bool {
        self.post_id != before.post_id
    }
}

impl<T: Thing> Change<T> {
    pub fn what(&self) -> What {
        match (&self.before, &self.after) {
            (None, _) => What::Added,
            (_, None) => What::Ended,
            (Some(before), Some(after)) if after.has_moved(before) => What::Moved,
            _ => What::Changed,
        }
    }

    /// How it is to be, or was if it ends.
    pub fn shown(&self) -> Option<&T> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub units: Vec<Change<UnitRow>>,
    pub posts: Vec<Change<PostRow>>,
    pub staff: Vec<Change<StaffRow>>,
    pub holdings: Vec<Change<HoldingRow>>,
}

/// A number for each noun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub units: usize,
    pub posts: usize,
    pub staff: usize,
    pub holdings: usize,
}

impl Counts {
    pub fn sum(self) -> usize {
        self.units + self.posts + self.staff + self.holdings
    }
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.posts.is_empty() && self.staff.is_empty() && self.holdings.is_empty()
    }

    pub fn count(&self, what: What) -> Counts {
        fn of<T: Thing>(changes: &[Change<T>], what: What) -> usize {
            changes.iter().filter(|change| change.what() == what).count()
        }
        Counts { units: of(&self.units, what), posts: of(&self.posts, what), staff: of(&self.staff, what), holdings: of(&self.holdings, what) }
    }
}

/// Everything of a subtree that has not ended, as far as an import may touch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    pub top: UnitId,
    pub units: HashMap<UnitId, UnitRow>,
    pub posts: HashMap<PostId, PostRow>,
    pub staff: HashMap<StaffId, StaffRow>,
    /// Those that hold now or will.
    pub holdings: HashMap<HoldingId, HoldingRow>,
    pub outside: Outside,
}

/// What is known of everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Codes of the file that units elsewhere have.
    pub codes: HashSet<String>,
    /// Addresses of the file that people elsewhere have.
    pub emails: HashSet<String>,
    /// People who have left, by address: they come back.
    pub gone: HashMap<String, StaffRow>,
    /// Who is not ended whatever the file lacks: whoever has a grant, or belongs elsewhere too.
    pub kept: HashSet<StaffId>,
    /// Whoever has their home, a post or a grant elsewhere: nothing is changed of them but what they hold here.
    pub elsewhere: HashSet<StaffId>,
    /// Of those whom the import has ended, whoever is back by now.
    pub back: HashSet<StaffId>,
    /// Of those who would be back or hold something again, whoever somebody else has ended since.
    pub gone_since: HashSet<StaffId>,
}

impl World {
    pub fn counts(&self) -> Counts {
        Counts { units: self.units.len(), posts: self.posts.len(), staff: self.staff.len(), holdings: self.holdings.len() }
    }

    /// The world after some changes.
    pub fn after(&self, changes: &Changes) -> World {
        let mut world = self.clone();
        apply(&mut world.units, &changes.units);
        apply(&mut world.posts, &changes.posts);
        apply(&mut world.staff, &changes.staff);
        apply(&mut world.holdings, &changes.holdings);
        for gone in changes.staff.iter().filter(|change| change.after.is_none()).filter_map(|change| change.before.clone()) {
            world.outside.gone.insert(gone.email.clone(), gone);
        }
        for back in changes.staff.iter().filter(|change| change.before.is_none()).filter_map(|change| change.after.as_ref()) {
            world.outside.gone.remove(&back.email);
        }
        world
    }
}

fn apply<T: Thing>(things: &mut HashMap<T::Id, T>, changes: &[Change<T>]) {
    for change in changes {
        match &change.after {
            Some(after) => drop(things.insert(after.id(), after.clone())),
            None => drop(change.before.as_ref().and_then(|before| things.remove(&before.id()))),
        }
    }
}

/// Why changes cannot be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Something stands below or in what would go.
    InUse(String),
    /// Another unit has the code now.
    CodeTaken(String),
    /// The unit above is not there any more.
    Orphan(String),
}

/// What takes changes back, and how many people are left as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undo {
    pub changes: Changes,
    /// They are back by now.
    pub back: usize,
    /// Somebody else has ended them since.
    pub gone: usize,
}

/// What takes changes back in the world as it is now. What somebody has changed since is left as they made it.
/// `since` is when they were made.
pub fn turned_round(world: &World, done: &Changes, since: At, now: At) -> Result<Undo, Stuck> {
    let units = turned(&world.units, &done.units, |before, after, current| UnitRow {
        parent_id: back(&before.parent_id, &after.parent_id, &current.parent_id),
        kind: back(&before.kind, &after.kind, &current.kind),
        name: back(&before.name, &after.name, &current.name),
        name_en: back(&before.name_en, &after.name_en, &current.name_en),
        code: back(&before.code, &after.code, &current.code),
        id: current.id,
    });
    let posts = turned(&world.posts, &done.posts, |before, after, current| PostRow {
        unit_id: back(&before.unit_id, &after.unit_id, &current.unit_id),
        title: back(&before.title, &after.title, &current.title),
        title_en: back(&before.title_en, &after.title_en, &current.title_en),
        id: current.id,
    });
    let is_back = |id: &StaffId| world.outside.back.contains(id);
    let left: HashSet<StaffId> = ended(&done.staff).into_iter().filter(is_back).collect();
    let is_gone = |id: &StaffId| world.outside.gone_since.contains(id);
    let mut gone: HashSet<StaffId> = ended(&done.staff).into_iter().filter(is_gone).collect();
    let mut staff = turned(&world.staff, &done.staff, |before, after, current| StaffRow {
        email: back(&before.email, &after.email, &current.email),
        name: back(&before.name, &after.name, &current.name),
        title: back(&before.title, &after.title, &current.title),
        phone: back(&before.phone, &after.phone, &current.phone),
        language: back(&before.language, &after.language, &current.language),
        unit_id: back(&before.unit_id, &after.unit_id, &current.unit_id),
        ..current.clone()
    });
    let holdings = turned(&world.holdings, &done.holdings, |before, after, current| HoldingRow {
        from_at: back(&before.from_at, &after.from_at, &current.from_at),
        until_at: back(&before.until_at, &after.until_at, &current.until_at),
        ..current.clone()
    });
    let mut changes = Changes { units, posts, staff: Vec::new(), holdings };
    // What has run out meanwhile stays over.
    changes.holdings.retain(|change| change.after.as_ref().is_none_or(|after| after.until_at.is_none_or(|until| until > now)));
    // Whoever is back has been given what they hold now by somebody else.
    changes.holdings.retain(|change| change.before.is_some() || change.after.as_ref().is_none_or(|after| !left.contains(&after.staff_id)));
    // Whoever has left since holds nothing again.
    let back_to = |change: &Change<HoldingRow>| change.after.as_ref().filter(|_| change.before.is_none()).map(|h| h.staff_id);
    gone.extend(changes.holdings.iter().filter_map(back_to).filter(is_gone));
    changes.holdings.retain(|change| back_to(change).is_none_or(|id| !gone.contains(&id)));
    let ended_posts: HashSet<PostId> = ended(&changes.posts);
    let known: HashSet<HoldingId> = ended(&changes.holdings);
    let later = world.holdings.values().filter(|h| ended_posts.contains(&h.post_id) && !known.contains(&h.id));
    changes.holdings.extend(later.map(|h| Change { place: None, before: Some(h.clone()), after: None }));
    let seated = seated_since(world, &changes, since);
    changes.holdings.retain(|change| change.after.as_ref().is_none_or(|after| !seated.contains(&after.id)));
    // Who has been given something else since keeps their login.
    let over: HashSet<HoldingId> = ended(&changes.holdings);
    let busy: HashSet<StaffId> = world.holdings.values().filter(|h| !over.contains(&h.id)).map(|h| h.staff_id).collect();
    staff.retain(|change| {
        let id = change.before.as_ref().filter(|_| change.after.is_none()).map(|s| s.id);
        let is_free = id.is_none_or(|id| !busy.contains(&id) && !world.outside.kept.contains(&id));
        is_free && change.shown().is_none_or(|person| !left.contains(&person.id) && !gone.contains(&person.id) && !world.outside.elsewhere.contains(&person.id))
    });
    changes.staff = staff;
    stuck(world, &changes).map_or(Ok(Undo { changes, back: left.len(), gone: gone.len() }), Err)
}

/// Holdings that would come back to a seat for one that somebody else has been given since.
fn seated_since(world: &World, changes: &Changes, since: At) -> HashSet<HoldingId> {
    let mut kinds: HashMap<UnitId, UnitKind> = world.units.values().map(|unit| (unit.id, unit.kind)).collect();
    kinds.extend(changes.units.iter().filter_map(|change| change.after.as_ref()).map(|unit| (unit.id, unit.kind)));
    let mut units: HashMap<PostId, UnitId> = world.posts.values().map(|post| (post.id, post.unit_id)).collect();
    units.extend(changes.posts.iter().filter_map(|change| change.after.as_ref()).map(|post| (post.id, post.unit_id)));
    let is_for_one = |post: &PostId| units.get(post).and_then(|unit| kinds.get(unit)).is_some_and(|kind| has_one_holder(*kind));
    let touched: HashSet<HoldingId> = changes.holdings.iter().filter_map(|change| change.shown().map(Thing::id)).collect();
    let mut others: HashMap<PostId, Vec<&HoldingRow>> = HashMap::new();
    for h in world.holdings.values().filter(|h| h.from_at >= since && !touched.contains(&h.id)) {
        others.entry(h.post_id).or_default().push(h);
    }
    let end = |h: &HoldingRow| h.until_at.unwrap_or(At(i64::MAX));
    let meets = |one: &HoldingRow, other: &HoldingRow| one.from_at < end(other) && other.from_at < end(one);
    let come = changes.holdings.iter().filter_map(|change| change.after.as_ref());
    come.filter(|h| is_for_one(&h.post_id) && others.get(&h.post_id).into_iter().flatten().any(|other| meets(h, other))).map(|h| h.id).collect()
}

/// The value before, unless it is no longer the one that was set.
fn back<V: Clone + PartialEq>(before: &V, after: &V, current: &V) -> V {
    if current == after { before.clone() } else { current.clone() }
}

fn turned<T: Thing>(things: &HashMap<T::Id, T>, done: &[Change<T>], field_by_field: impl Fn(&T, &T, &T) -> T) -> Vec<Change<T>> {
    let turn = |change: &Change<T>| {
        let id = change.shown()?.id();
        let (before, after) = match (&change.before, &change.after, things.get(&id)) {
            (None, Some(_), Some(current)) => (Some(current.clone()), None),
            (Some(before), None, None) => (None, Some(before.clone())),
            (Some(before), Some(after), Some(current)) => (Some(current.clone()), Some(field_by_field(before, after, current))),
            _ => return None,
        };
        (before != after).then_some(Change { place: change.place, before, after })
    };
    done.iter().rev().filter_map(turn).collect()
}

fn ended<T: Thing>(changes: &[Change<T>]) -> HashSet<T::Id> {
    changes.iter().filter(|change| change.after.is_none()).filter_map(|change| change.before.as_ref().map(Thing::id)).collect()
}

fn stuck(world: &World, changes: &Changes) -> Option<Stuck> {
    let (units, posts) = (ended(&changes.units), ended(&changes.posts));
    let name = |id: UnitId| world.units.get(&id).map_or(String::new(), |unit| unit.name.clone());
    let next = world.after(changes);
    let orphan = next.units.values().find(|unit| unit.id != next.top && unit.parent_id.is_none_or(|parent| !next.units.contains_key(&parent)));
    if let Some(unit) = orphan {
        let parent = unit.parent_id.filter(|parent| units.contains(parent));
        return Some(parent.map_or_else(|| Stuck::Orphan(unit.name.clone()), |parent| Stuck::InUse(name(parent))));
    }
    if let Some(post) = next.posts.values().find(|post| !next.units.contains_key(&post.unit_id) && !posts.contains(&post.id)) {
        return Some(Stuck::InUse(name(post.unit_id)));
    }
    let mut codes = HashSet::new();
    let twice = next.units.values().filter_map(|unit| unit.code.as_ref()).find(|code| !codes.insert(*code) || next.outside.codes.contains(*code));
    twice.map(|code| Stuck::CodeTaken(code.clone()))
}
