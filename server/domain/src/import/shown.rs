//! What an import would change, as it is kept for the page: the plan, and the names that its rows speak of.

use super::{
    change::{Change, Thing, What, World},
    plan::Plan,
    work,
};
use crate::Domain;
use model::{At, PostId, StaffId, UnitId};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use store::import::{HoldingRow, Import, PostRow, StaffRow, UnitRow};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub plan: Plan,
    /// The moment it was worked out for.
    pub at: i64,
    /// The newest audit entry then.
    pub version: i64,
    /// Things that do not change, but are named by those that do.
    pub units: HashMap<UnitId, String>,
    pub posts: HashMap<PostId, PostRow>,
    pub staff: HashMap<StaffId, String>,
}

/// The kinds of things, in the order they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    Unit,
    Post,
    Staff,
    Holding,
}

impl Noun {
    pub const ALL: [Noun; 4] = [Noun::Unit, Noun::Post, Noun::Staff, Noun::Holding];

    pub fn as_str(self) -> &'static str {
        match self {
            Noun::Unit => "unit",
            Noun::Post => "post",
            Noun::Staff => "staff",
            Noun::Holding => "holding",
        }
    }
}

/// One line of the comparison.
pub enum Line<'a> {
    Unit(&'a Change<UnitRow>),
    Post(&'a Change<PostRow>),
    Staff(&'a Change<StaffRow>),
    Holding(&'a Change<HoldingRow>),
}

impl Line<'_> {
    pub fn what(&self) -> What {
        match self {
            Line::Unit(change) => change.what(),
            Line::Post(change) => change.what(),
            Line::Staff(change) => change.what(),
            Line::Holding(change) => change.what(),
        }
    }
}

impl Shown {
    pub fn new(plan: Plan, world: &World, now: At, version: i64) -> Shown {
        let mut shown = Shown { at: now.0, version, ..Shown::default() };
        let (mut posts, mut staff, mut units) = (HashSet::new(), HashSet::new(), HashSet::new());
        for h in plan.changes.holdings.iter().filter_map(|change| change.shown()) {
            posts.insert(h.post_id);
            staff.insert(h.staff_id);
        }
        shown.posts = posts.into_iter().filter_map(|id| Some((id, world.posts.get(&id)?.clone()))).collect();
        shown.staff = staff.into_iter().filter_map(|id| Some((id, world.staff.get(&id)?.name.clone()))).collect();
        units.extend(shown.posts.values().map(|post| post.unit_id));
        units.extend(plan.changes.posts.iter().filter_map(|change| change.shown().map(|post| post.unit_id)));
        for change in &plan.changes.units {
            units.extend([&change.before, &change.after].into_iter().flatten().filter_map(|unit| unit.parent_id));
        }
        for change in plan.changes.staff.iter().filter(|change| change.what() == What::Moved) {
            units.extend([&change.before, &change.after].into_iter().flatten().filter_map(|person| person.unit_id));
        }
        shown.units = units.into_iter().filter_map(|id| Some((id, world.units.get(&id)?.name.clone()))).collect();
        // The names they get stand beside those they have.
        let new = plan.changes.units.iter().filter_map(|change| change.after.as_ref());
        new.for_each(|unit| drop(shown.units.insert(unit.id, unit.name.clone())));
        let new = plan.changes.posts.iter().filter_map(|change| change.after.as_ref());
        new.for_each(|post| drop(shown.posts.insert(post.id, post.clone())));
        let new = plan.changes.staff.iter().filter_map(|change| change.after.as_ref());
        new.for_each(|person| drop(shown.staff.insert(person.id, person.name.clone())));
        shown.plan = plan;
        shown
    }

    pub fn unit(&self, id: Option<UnitId>) -> &str {
        id.and_then(|id| self.units.get(&id)).map_or("", String::as_str)
    }

    /// A post as people call it: its unit and its title.
    pub fn post(&self, id: PostId) -> String {
        self.posts.get(&id).map_or(String::new(), |post| format!("{} {}", self.unit(Some(post.unit_id)), post.title))
    }

    pub fn person(&self, id: StaffId) -> &str {
        self.staff.get(&id).map_or("", String::as_str)
    }

    /// The lines of one noun, of one kind of change if one is given.
    pub fn lines(&self, noun: Noun, what: Option<What>) -> Vec<Line<'_>> {
        fn some<'a, T: Thing>(changes: &'a [Change<T>], what: Option<What>, line: impl Fn(&'a Change<T>) -> Line<'a>) -> Vec<Line<'a>> {
            changes.iter().filter(|change| what.is_none_or(|what| change.what() == what)).map(line).collect()
        }
        let changes = &self.plan.changes;
        match noun {
            Noun::Unit => some(&changes.units, what, Line::Unit),
            Noun::Post => some(&changes.posts, what, Line::Post),
            Noun::Staff => some(&changes.staff, what, Line::Staff),
            Noun::Holding => some(&changes.holdings, what, Line::Holding),
        }
    }
}

/// What was kept of an import, the last few from memory.
pub async fn load(domain: &Domain, import: &Import) -> store::Result<Option<Arc<Shown>>> {
    let Some(mark) = import.mark.clone() else { return Ok(None) };
    let key = (import.id, mark);
    if let Some(known) = domain.imports.shown.get(&key) {
        return Ok(Some(known));
    }
    let Some(packed) = store::import::plan(&mut domain.db.read().await?, import.id).await? else { return Ok(None) };
    let shown: Arc<Shown> = Arc::new(work::unpacked(domain, packed).await?);
    domain.imports.shown.insert(key, shown.clone());
    Ok(Some(shown))
}
