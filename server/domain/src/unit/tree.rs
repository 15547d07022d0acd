//! The tree as its pages show it: kept in memory with its figures, because a city's 16,777 units are opened, searched and counted far more often
//! than they change. Whatever changes a unit forgets it, on every node; figures of a large tree may be a minute old.

use super::{LARGE, PAGE, Page};
use crate::{Admin, Domain};
use model::{At, UnitId, UnitKind, text};
use pinyin::ToPinyin;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};
use store::{
    Conn, Result,
    unit::{Flat, Manned},
};

/// Grids and classes from a unit down, and what they have: somebody with a login, a contact point in use, both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub leaves: i64,
    pub ready: i64,
    pub held: i64,
    pub coded: i64,
}

impl Coverage {
    fn add(&mut self, other: Coverage) {
        self.leaves += other.leaves;
        self.ready += other.ready;
        self.held += other.held;
        self.coded += other.coded;
    }
}

/// A unit in the tree as admins see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub id: UnitId,
    pub parent_id: Option<UnitId>,
    pub kind: UnitKind,
    pub name: String,
    pub name_en: Option<String>,
    pub code: Option<String>,
    /// Units directly below.
    pub children: i64,
    pub coverage: Coverage,
    pub posts: i64,
    /// One who holds a post at this very unit.
    pub holder: Option<String>,
    /// Somebody holds one who has not signed in yet.
    pub is_given: bool,
    /// The first letters of its name in pinyin, to be reached by typing.
    pub initials: Option<String>,
}

struct Entry {
    unit: Flat,
    parent: Option<usize>,
    /// In the order of their codes.
    children: Vec<usize>,
    coverage: Coverage,
    posts: i64,
    /// Name, English name and pinyin in lower case, to be searched.
    words: String,
    code: String,
}

/// All units that have not ended.
pub struct Index {
    entries: Vec<Entry>,
    places: HashMap<UnitId, usize>,
    at: At,
    generation: u64,
}

impl Index {
    fn new(units: Vec<Flat>, manned: &[Manned], at: At, generation: u64) -> Index {
        let places: HashMap<UnitId, usize> = units.iter().enumerate().map(|(i, unit)| (unit.id, i)).collect();
        let manned: HashMap<UnitId, &Manned> = manned.iter().map(|m| (m.unit_id, m)).collect();
        let entry = |unit: Flat| {
            let seats = manned.get(&unit.id);
            let is_leaf = matches!(unit.kind, UnitKind::Grid | UnitKind::Class);
            let (held, coded) = seats.map_or((0, 0), |m| (i64::from(m.held > 0), i64::from(m.coded > 0)));
            let own = Coverage { leaves: 1, ready: held * coded, held, coded };
            Entry {
                parent: unit.parent_id.and_then(|parent| places.get(&parent).copied()),
                children: Vec::new(),
                coverage: if is_leaf { own } else { Coverage::default() },
                posts: seats.map_or(0, |m| m.posts),
                words: words(&unit),
                code: unit.code.as_deref().unwrap_or("").to_lowercase(),
                unit,
            }
        };
        let mut entries: Vec<Entry> = units.into_iter().map(entry).collect();
        // The units come in the order in which their siblings stand.
        for i in 0..entries.len() {
            if let Some(parent) = entries[i].parent {
                entries[parent].children.push(i);
            }
        }
        let mut index = Index { entries, places, at, generation };
        let roots: Vec<usize> = (0..index.entries.len()).filter(|i| index.entries[*i].parent.is_none()).collect();
        for root in roots {
            index.sum_up(root);
        }
        index
    }

    /// Every unit gets the figures of all below it, deepest first.
    fn sum_up(&mut self, root: usize) {
        let mut order = vec![root];
        let mut next = 0;
        while let Some(at) = order.get(next).copied() {
            order.extend(&self.entries[at].children);
            next += 1;
        }
        for at in order.into_iter().skip(1).rev() {
            let coverage = self.entries[at].coverage;
            if let Some(parent) = self.entries[at].parent {
                self.entries[parent].coverage.add(coverage);
            }
        }
    }

    fn entry(&self, id: UnitId) -> Option<&Entry> {
        self.places.get(&id).map(|i| &self.entries[*i])
    }

    /// From the unit itself up to the root.
    fn path(&self, id: UnitId) -> impl Iterator<Item = &Entry> {
        std::iter::successors(self.entry(id), |entry| entry.parent.map(|parent| &self.entries[parent]))
    }

    /// Whether a unit is one of these or stands below one.
    fn is_within(&self, id: UnitId, tops: &HashSet<UnitId>) -> bool {
        self.path(id).any(|entry| tops.contains(&entry.unit.id))
    }

    /// Units in the subtrees of these, themselves included.
    pub(crate) fn count_below(&self, tops: &[UnitId]) -> usize {
        let mut order: Vec<usize> = tops.iter().filter_map(|id| self.places.get(id).copied()).collect();
        let mut next = 0;
        while let Some(at) = order.get(next).copied() {
            order.extend(&self.entries[at].children);
            next += 1;
        }
        order.len()
    }

    fn branch(&self, entry: &Entry) -> Branch {
        let unit = entry.unit.clone();
        Branch {
            id: unit.id,
            parent_id: unit.parent_id,
            kind: unit.kind,
            name: unit.name,
            name_en: unit.name_en,
            code: unit.code,
            children: entry.children.len() as i64,
            coverage: entry.coverage,
            posts: entry.posts,
            holder: None,
            is_given: false,
            initials: entry.words.rsplit_once('\n').map(|(_, last)| last.to_owned()),
        }
    }

    /// The tops of what is an admin's: the units of their grants, none of them below another.
    fn tops(&self, admin: &Admin) -> Vec<UnitId> {
        let granted: HashSet<UnitId> = admin.units.iter().copied().collect();
        let mut seen = HashSet::new();
        let is_top = |id: &UnitId| {
            let mut path = self.path(*id);
            path.next().is_some() && !path.any(|above| granted.contains(&above.unit.id))
        };
        admin.units.iter().copied().filter(is_top).filter(|id| seen.insert(*id)).collect()
    }
}

fn words(unit: &Flat) -> String {
    let mut words = unit.name.to_lowercase();
    for more in [unit.name_en.as_deref().map(str::to_lowercase), sounds(&unit.name)].into_iter().flatten() {
        words.push('\n');
        words.push_str(&more);
    }
    words
}

/// 西陵区 as `xilingqu` and `xlq`, each on a line of its own; nothing for a name without Chinese characters.
fn sounds(name: &str) -> Option<String> {
    let (mut whole, mut initials, mut is_chinese) = (String::new(), String::new(), false);
    for (character, sound) in name.chars().zip(name.to_pinyin()) {
        match sound {
            Some(sound) => {
                is_chinese = true;
                // In names of places 长 is the long one and 重 the double one, as in 长阳 and 重庆.
                let plain = match character {
                    '长' => "chang",
                    '重' => "chong",
                    _ => sound.plain(),
                };
                whole.push_str(plain);
                initials.push_str(&plain[..1]);
            }
            None => [&mut whole, &mut initials].into_iter().for_each(|text| text.extend(character.to_lowercase())),
        }
    }
    is_chinese.then(|| format!("{whole}\n{initials}"))
}

/// The tree as it was last read.
#[derive(Default)]
pub struct Kept {
    index: Mutex<Option<Arc<Index>>>,
    /// Held while it is read: those who come meanwhile take what the first one brings. Nobody waits for it who has a connection to the database.
    reading: tokio::sync::Mutex<()>,
}

/// Seconds for which the figures of a large tree are shown without a look, and for which they are shown while they are counted anew.
const FRESH_SECONDS: i64 = 10;
const STALE_SECONDS: i64 = 60;

impl Kept {
    fn get(&self) -> Option<Arc<Index>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was read, and how many seconds ago; nothing that is small, or read before something changed.
    fn usable(&self, domain: &Domain) -> Option<(Arc<Index>, i64)> {
        let index = self.get()?;
        let age = domain.now().seconds_since(index.at);
        let is_usable = index.generation == domain.settings.tree_generation() && index.entries.len() as i64 > LARGE && (0..STALE_SECONDS).contains(&age);
        is_usable.then_some((index, age))
    }
}

/// The tree as it stands. Whoever asks has no connection to the database yet: there are few of them, and this may take one.
pub(crate) async fn index(domain: &Domain) -> Result<Arc<Index>> {
    if let Some((index, age)) = domain.tree.usable(domain) {
        if age >= FRESH_SECONDS {
            tokio::spawn(refresh(domain.clone()));
        }
        return Ok(index);
    }
    let _reading = domain.tree.reading.lock().await;
    match domain.tree.usable(domain) {
        Some((index, age)) if age < FRESH_SECONDS => Ok(index),
        _ => load(domain).await,
    }
}

/// The same with a certain unit in it, if there is one: another node may have made it a moment ago.
async fn index_with(domain: &Domain, id: UnitId) -> Result<Arc<Index>> {
    let index = index(domain).await?;
    if index.places.contains_key(&id) {
        return Ok(index);
    }
    let found = store::unit::find(&mut domain.db.read().await?, id).await?;
    if found.is_none_or(|unit| unit.ended_at.is_some()) {
        return Ok(index);
    }
    let _reading = domain.tree.reading.lock().await;
    match domain.tree.usable(domain) {
        Some((index, _)) if index.places.contains_key(&id) => Ok(index),
        _ => load(domain).await,
    }
}

async fn refresh(domain: Domain) {
    // Whoever is at it already brings it for all.
    let Ok(_reading) = domain.tree.reading.try_lock() else { return };
    if let Err(e) = load(&domain).await {
        tracing::error!(error = %e, "the tree could not be counted anew");
    }
}

async fn load(domain: &Domain) -> Result<Arc<Index>> {
    let (generation, now) = (domain.settings.tree_generation(), domain.now());
    let (units, manned) = {
        let mut conn = domain.db.read().await?;
        (store::unit::all(&mut conn).await?, store::unit::manned(&mut conn, now).await?)
    };
    let made = move || Arc::new(Index::new(units, &manned, now, generation));
    let index = tokio::task::spawn_blocking(made).await.map_err(|_| store::Error::Stopped)?;
    *domain.tree.index.lock().unwrap_or_else(PoisonError::into_inner) = Some(index.clone());
    Ok(index)
}

/// A unit in the tree with what is shown below it.
#[derive(Clone, Debug)]
pub struct Node {
    pub branch: Branch,
    /// Shown, if this one is open.
    pub below: Option<Level>,
}

/// One page of the units directly below one.
#[derive(Clone, Debug)]
pub struct Level {
    pub nodes: Vec<Node>,
    pub page: i64,
    pub has_more: bool,
}

/// The tree with the way to one unit open.
pub struct Tree {
    pub nodes: Vec<Node>,
    /// The unit opened last.
    pub open: Option<UnitId>,
    /// The units above it, from the top: ids and names.
    pub above: Vec<(UnitId, String)>,
    /// Everything that is the admin's.
    pub coverage: Coverage,
}

/// The tree from the admin's units down to the children of `open`, of which one page is shown.
pub async fn open(domain: &Domain, admin: &Admin, open: Option<UnitId>, page: i64) -> Result<Tree> {
    let index = match open {
        Some(id) => index_with(domain, id).await?,
        None => index(domain).await?,
    };
    let tops = index.tops(admin);
    let set: HashSet<UnitId> = tops.iter().copied().collect();
    let open = open.filter(|id| index.is_within(*id, &set)).or_else(|| first_fork(&index, &tops));
    // From the top down.
    let mut way: Vec<UnitId> = open.map(|id| index.path(id).map(|e| e.unit.id).collect()).unwrap_or_default();
    way.truncate(way.iter().position(|id| set.contains(id)).map_or(0, |top| top + 1));
    way.reverse();
    let mut coverage = Coverage::default();
    let mut nodes = Vec::new();
    for entry in tops.iter().filter_map(|top| index.entry(*top)) {
        coverage.add(entry.coverage);
        nodes.push(node(&index, entry, &way, page));
    }
    let above = way.iter().filter_map(|id| index.entry(*id)).map(|e| (e.unit.id, e.unit.name.clone())).collect();
    let mut tree = Tree { nodes, open, above, coverage };
    name_holders(domain, &mut domain.db.read().await?, &mut tree.nodes).await?;
    Ok(tree)
}

/// A unit, open if it is the first on the way.
fn node(index: &Index, entry: &Entry, way: &[UnitId], page: i64) -> Node {
    let below = match way {
        [first, rest @ ..] if *first == entry.unit.id => Some(level(index, entry, rest, page)),
        _ => None,
    };
    Node { branch: index.branch(entry), below }
}

/// One page of what is below a unit: the page asked for at the end of the way, the one on which the way goes on before that.
fn level(index: &Index, entry: &Entry, way: &[UnitId], page: i64) -> Level {
    let size = PAGE as usize;
    let on_the_way = way.first().and_then(|next| entry.children.iter().position(|child| index.entries[*child].unit.id == *next));
    let shown = on_the_way.map_or(page, |place| (place / size) as i64);
    let from = usize::try_from(shown).unwrap_or(0).saturating_mul(size);
    let nodes = entry.children.iter().skip(from).take(size).map(|child| node(index, &index.entries[*child], way, page)).collect();
    Level { nodes, page: shown, has_more: entry.children.len() > from.saturating_add(size) }
}

/// Where a tree with one top first branches: a single unit with a single one below it says nothing.
fn first_fork(index: &Index, tops: &[UnitId]) -> Option<UnitId> {
    let [top] = tops else { return None };
    let mut at = index.entry(*top)?;
    while let [only] = at.children[..] {
        if index.entries[only].children.is_empty() {
            break;
        }
        at = &index.entries[only];
    }
    Some(at.unit.id)
}

/// Who answers at each unit shown that has nothing below it.
async fn name_holders(domain: &Domain, c: &mut Conn, nodes: &mut [Node]) -> Result<()> {
    fn shown<'n>(nodes: &'n mut [Node], all: &mut Vec<&'n mut Branch>) {
        for Node { branch, below } in nodes {
            if branch.children == 0 && branch.posts > 0 {
                all.push(branch);
            }
            if let Some(level) = below {
                shown(&mut level.nodes, all);
            }
        }
    }
    let mut branches = Vec::new();
    shown(nodes, &mut branches);
    name(domain, c, branches).await
}

async fn name(domain: &Domain, c: &mut Conn, branches: Vec<&mut Branch>) -> Result<()> {
    if branches.is_empty() {
        return Ok(());
    }
    let ids: Vec<UnitId> = branches.iter().map(|b| b.id).collect();
    let holders: HashMap<UnitId, Option<String>> = store::unit::holders(c, &ids, domain.now()).await?.into_iter().collect();
    for branch in branches {
        branch.is_given = holders.contains_key(&branch.id);
        branch.holder = holders.get(&branch.id).cloned().flatten();
    }
    Ok(())
}

/// One page of what is directly below a unit of the admin's.
pub async fn below(domain: &Domain, admin: &Admin, id: UnitId, page: i64) -> Result<Option<Level>> {
    let index = index_with(domain, id).await?;
    let Some(entry) = index.entry(id).filter(|_| index.is_within(id, &admin.units.iter().copied().collect())) else { return Ok(None) };
    let mut level = level(&index, entry, &[], page);
    name_holders(domain, &mut domain.db.read().await?, &mut level.nodes).await?;
    Ok(Some(level))
}

/// A unit in the tree, for whoever may see it.
pub(crate) async fn branch(domain: &Domain, id: UnitId) -> Result<Option<Branch>> {
    let index = index_with(domain, id).await?;
    let Some(mut branch) = index.entry(id).map(|entry| index.branch(entry)) else { return Ok(None) };
    name(domain, &mut domain.db.read().await?, vec![&mut branch]).await?;
    Ok(Some(branch))
}

/// One page of what is directly below a unit, for whoever may see it.
pub(crate) async fn page_below(domain: &Domain, id: UnitId, page: i64) -> Result<Page<Branch>> {
    let index = index_with(domain, id).await?;
    let Some(entry) = index.entry(id) else { return Ok(Page { lines: Vec::new(), page, has_more: false }) };
    let mut level = level(&index, entry, &[], page);
    name_holders(domain, &mut domain.db.read().await?, &mut level.nodes).await?;
    Ok(Page { lines: level.nodes.into_iter().map(|node| node.branch).collect(), page, has_more: level.has_more })
}

/// A unit in a list, with the names above it.
pub struct Found {
    pub branch: Branch,
    pub above: Vec<String>,
}

/// The admin's units by a part of the name, the English name or its pinyin, or by the beginning of the code; those that begin with it first.
pub async fn search(domain: &Domain, admin: &Admin, typed: &str, page: i64) -> Result<Page<Found>> {
    let index = index(domain).await?;
    let typed = text::digits(typed.trim()).to_lowercase();
    let tops: HashSet<UnitId> = admin.units.iter().copied().collect();
    let fits = |entry: &Entry| {
        let is_in = entry.words.contains(&typed) || entry.code.starts_with(&typed);
        let begins = || entry.code.starts_with(&typed) || entry.words.lines().any(|words| words.starts_with(&typed));
        (is_in && index.is_within(entry.unit.id, &tops)).then(|| !begins())
    };
    let mut all: Vec<(bool, usize)> = index.entries.iter().enumerate().filter_map(|(i, entry)| Some((fits(entry)?, i))).collect();
    // Higher units first: whoever types a district's name wants the district, not its grids.
    all.sort_by_cached_key(|(is_inside, i)| (*is_inside, index.path(index.entries[*i].unit.id).count(), *i));
    let ids = all.into_iter().skip(offset(page)).take(PAGE as usize + 1).map(|(_, i)| index.entries[i].unit.id).collect();
    found(domain, &mut domain.db.read().await?, &index, &tops, ids, page).await
}

fn offset(page: i64) -> usize {
    usize::try_from(page.saturating_mul(PAGE)).unwrap_or(0)
}

/// The admin's units that lack something.
pub async fn lacking(domain: &Domain, admin: &Admin, lack: super::Lack, page: i64) -> Result<Page<Found>> {
    let index = index(domain).await?;
    let mut conn = domain.db.read().await?;
    let ids = store::unit::lacking(&mut conn, admin.staff.id, domain.now(), lack, PAGE + 1, page.saturating_mul(PAGE)).await?;
    let tops = admin.units.iter().copied().collect();
    found(domain, &mut conn, &index, &tops, ids, page).await
}

async fn found(domain: &Domain, c: &mut Conn, index: &Index, tops: &HashSet<UnitId>, ids: Vec<UnitId>, page: i64) -> Result<Page<Found>> {
    let above = |id: UnitId| {
        let mut names: Vec<String> = index.path(id).skip(1).take_while(|e| index.is_within(e.unit.id, tops)).map(|e| e.unit.name.clone()).collect();
        names.reverse();
        names
    };
    let line = |id: UnitId| Some(Found { branch: index.branch(index.entry(id)?), above: above(id) });
    let mut page = Page::cut(ids.into_iter().filter_map(line).collect(), page, PAGE);
    name(domain, c, page.lines.iter_mut().map(|line| &mut line.branch).filter(|b| b.children == 0 && b.posts > 0).collect()).await?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn unit(n: usize) -> UnitId {
        UnitId(Uuid::from_u128(n as u128 + 1))
    }

    fn flat(n: usize, parent: Option<usize>, kind: UnitKind) -> Flat {
        Flat { id: unit(n), parent_id: parent.map(unit), kind, name: format!("单位{n}"), name_en: None, code: None }
    }

    proptest! {
        /// Whatever the shape: the figures of a unit are those of the leaves below it, counted one by one.
        #[test]
        fn figures_are_sums_over_what_is_below(shape in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0i64..3, 0i64..3), 1..60)) {
            let parents: Vec<Option<usize>> = shape.iter().enumerate().map(|(i, (parent, ..))| (i > 0).then(|| parent.index(i))).collect();
            let kind = |is_leaf: bool| if is_leaf { UnitKind::Grid } else { UnitKind::Community };
            let units = shape.iter().enumerate().map(|(i, (_, is_leaf, ..))| flat(i, parents[i], kind(*is_leaf))).collect();
            let manned: Vec<Manned> = shape.iter().enumerate()
                .map(|(i, (_, _, held, coded))| Manned { unit_id: unit(i), posts: 3, held: *held, coded: *coded }).collect();
            let index = Index::new(units, &manned, At(0), 0);
            for top in 0..shape.len() {
                let is_below = |i: usize| std::iter::successors(Some(i), |i| parents[*i]).any(|i| i == top);
                let mut expected = Coverage::default();
                for (i, (_, is_leaf, held, coded)) in shape.iter().enumerate() {
                    if *is_leaf && is_below(i) {
                        let (held, coded) = (i64::from(*held > 0), i64::from(*coded > 0));
                        expected.add(Coverage { leaves: 1, ready: held * coded, held, coded });
                    }
                }
                prop_assert_eq!(index.entry(unit(top)).unwrap().coverage, expected);
                prop_assert_eq!(index.count_below(&[unit(top)]), (0..shape.len()).filter(|i| is_below(*i)).count());
            }
        }
    }
}
