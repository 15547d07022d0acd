//! The units of a file: which of those there each row means, where it is to stand, and what it is then.

use super::{
    change::{Change, Place, UnitRow, World},
    heads::{Field, Kind},
    plan::{Draft, Reader, Wrong, push},
    read::Row,
};
use crate::unit::{CODE_LIMIT, NAME_EN_LIMIT, NAME_LIMIT, kinds_below};
use model::{UnitId, UnitKind};
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
};

/// Deeper than any tree of offices; whoever is not at the top after so many steps goes round in a ring.
const DEPTH: usize = 64;
/// Units of one name among which a parent is looked for.
const ALIKE: usize = 500;

/// A row that describes a unit.
struct Raw<'a> {
    reader: usize,
    row: &'a Row,
    place: Place,
    code: Option<String>,
    name: String,
    name_en: Option<String>,
    kind: Option<UnitKind>,
    parent_code: String,
    parent_name: String,
}

impl Raw<'_> {
    fn has_parent(&self) -> bool {
        !self.parent_code.is_empty() || !self.parent_name.is_empty()
    }
}

/// The tree as it is to be.
pub(super) struct Units {
    top: UnitId,
    /// Every unit, those that stay as they are too.
    all: HashMap<UnitId, UnitRow>,
    drafts: Vec<(Place, Option<UnitRow>, UnitRow)>,
    by_place: HashMap<Place, UnitId>,
    by_code: HashMap<String, UnitId>,
    by_name: HashMap<String, Vec<UnitId>>,
    /// By name and the name of the unit above: very many classes are called 一班.
    by_names: HashMap<(String, String), Vec<UnitId>>,
    /// Those that other rows speak of.
    named: RefCell<HashSet<UnitId>>,
    is_broken: bool,
}

impl Units {
    pub fn read<'a>(draft: &mut Draft<'a>, readers: &[(Reader, &'a [Row])]) -> Units {
        let mut raws: Vec<Raw<'a>> = Vec::new();
        let mut same_row: Vec<(Place, usize)> = Vec::new();
        let mut keys: HashMap<(String, String, String, String), usize> = HashMap::new();
        let before = draft.mistakes.len();
        for (i, (reader, rows)) in readers.iter().enumerate() {
            if !matches!(reader.kind, Kind::Units | Kind::Roster) {
                continue;
            }
            for row in *rows {
                let Some(raw) = raw(draft, i, reader, row) else { continue };
                let key = match &raw.code {
                    Some(code) => (code.clone(), String::new(), String::new(), String::new()),
                    None => (String::new(), raw.parent_code.clone(), raw.parent_name.clone(), raw.name.clone()),
                };
                match keys.get(&key) {
                    None => {
                        keys.insert(key, raws.len());
                        same_row.push((raw.place, raws.len()));
                        raws.push(raw);
                    }
                    Some(first) => {
                        let known = &mut raws[*first];
                        let agrees = known.name == raw.name && (raw.kind.is_none() || known.kind.is_none() || known.kind == raw.kind);
                        if reader.kind == Kind::Roster && agrees {
                            known.name_en = known.name_en.take().or(raw.name_en);
                            known.kind = known.kind.or(raw.kind);
                            same_row.push((raw.place, *first));
                        } else if raw.code.is_some() {
                            draft.wrong(reader, row, Field::UnitCode, Wrong::DuplicateCode { row: known.place.row });
                        } else {
                            draft.wrong(reader, row, Field::UnitName, Wrong::DuplicateUnit { row: known.place.row });
                        }
                    }
                }
            }
        }
        let mut resolving = Resolving::new(draft, readers, raws);
        resolving.all();
        resolving.finish(same_row, before)
    }

    pub fn kind_of(&self, unit: UnitId) -> Option<UnitKind> {
        self.all.get(&unit).map(|unit| unit.kind)
    }

    /// The unit a row speaks of.
    pub fn find<'a>(&self, draft: &mut Draft<'a>, reader: &Reader, row: &'a Row) -> Option<UnitId> {
        if let Some(id) = self.by_place.get(&reader.place(row)) {
            return Some(*id);
        }
        // The row itself has been complained of, or the one that would have made the unit.
        if self.is_broken {
            return None;
        }
        let (code, name) = (draft.cell(reader, row, Field::UnitCode), draft.cell(reader, row, Field::UnitName));
        let (field, found) = if !code.is_empty() {
            (Field::UnitCode, self.by_code.get(code).copied().ok_or(Wrong::UnknownUnit))
        } else if !name.is_empty() {
            (Field::UnitName, self.by_name(name, reader.raw(row, Field::ParentName)))
        } else {
            (if reader.has(Field::UnitCode) { Field::UnitCode } else { Field::UnitName }, Err(Wrong::Empty))
        };
        match found {
            Ok(id) => {
                self.named.borrow_mut().insert(id);
                Some(id)
            }
            Err(wrong) => {
                draft.wrong(reader, row, field, wrong);
                None
            }
        }
    }

    /// By name, and what it stands below: a name or a path.
    fn by_name(&self, name: &str, parent: &str) -> Result<UnitId, Wrong> {
        let path = path(parent);
        let alike = match path.last() {
            None => self.by_name.get(name),
            Some(parent) => self.by_names.get(&(name.to_owned(), (*parent).to_owned())),
        };
        let above = |id: &UnitId| self.all.get(&self.all.get(id)?.parent_id?).map(|parent| (parent.id, parent.name.as_str()));
        let mut fitting = alike.into_iter().flatten().filter(|unit| stands_below(**unit, &path, above));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(*only),
            (Some(_), Some(_)) => Err(Wrong::AmbiguousUnit),
            (None, _) => Err(Wrong::UnknownUnit),
        }
    }

    pub fn changes(&self, unchanged: &mut usize) -> Vec<Change<UnitRow>> {
        let mut changes = Vec::new();
        for (place, before, after) in &self.drafts {
            push(&mut changes, unchanged, *place, before.clone(), after.clone());
        }
        changes
    }

    /// Units that a full list of their kinds lacks, with all that stands below them; never one that something in the file stands below.
    pub fn missing(&self) -> HashSet<UnitId> {
        let kinds: HashSet<UnitKind> = self.drafts.iter().map(|(_, _, after)| after.kind).collect();
        let mut kept: HashSet<UnitId> = HashSet::from([self.top]);
        let named = self.named.borrow();
        for start in self.drafts.iter().map(|(_, _, after)| after.id).chain(named.iter().copied()) {
            let mut at = Some(start);
            while let Some(id) = at.filter(|id| kept.insert(*id)) {
                at = self.all.get(&id).and_then(|unit| unit.parent_id);
            }
        }
        let mut gone: HashSet<UnitId> = self.all.values().filter(|unit| kinds.contains(&unit.kind) && !kept.contains(&unit.id)).map(|unit| unit.id).collect();
        let mut below: HashMap<UnitId, Vec<UnitId>> = HashMap::new();
        self.all.values().for_each(|unit| below.entry(unit.parent_id.unwrap_or(unit.id)).or_default().push(unit.id));
        let mut open: Vec<UnitId> = gone.iter().copied().collect();
        while let Some(id) = open.pop() {
            open.extend(below.get(&id).into_iter().flatten().filter(|child| gone.insert(**child)));
        }
        gone
    }
}

fn raw<'a>(draft: &mut Draft<'a>, number: usize, reader: &Reader, row: &'a Row) -> Option<Raw<'a>> {
    let cell = draft.cell(reader, row, Field::UnitName);
    // A roster may name a unit by its code alone.
    if cell.is_empty() && reader.kind == Kind::Roster && (!reader.raw(row, Field::UnitCode).is_empty() || !reader.has(Field::UnitName)) {
        return None;
    }
    if cell.is_empty() {
        draft.wrong(reader, row, Field::UnitName, Wrong::Empty);
        return None;
    }
    let name = draft.line(reader, row, Field::UnitName, NAME_LIMIT);
    // Whatever is wrong, the row is looked through to its end, and the rows below it find it: everything is told at once, and nothing twice.
    let name_en = draft.line(reader, row, Field::UnitNameEn, NAME_EN_LIMIT);
    let code = draft.line(reader, row, Field::UnitCode, CODE_LIMIT);
    let typed = draft.cell(reader, row, Field::UnitKind);
    let kind = kind_named(typed);
    if kind.is_none() && !typed.is_empty() {
        draft.wrong(reader, row, Field::UnitKind, Wrong::UnknownKind);
    }
    if code.as_ref().is_some_and(|code| draft.world.outside.codes.contains(code)) {
        draft.wrong(reader, row, Field::UnitCode, Wrong::CodeElsewhere);
    }
    let parent_code = draft.cell(reader, row, Field::ParentCode).to_owned();
    let parent_name = draft.cell(reader, row, Field::ParentName).to_owned();
    Some(Raw { reader: number, row, place: reader.place(row), code, name: name?, name_en, kind, parent_code, parent_name })
}

/// A unit above as people write it where several have its name: 云集街道/桃花岭社区, the nearest one last.
fn path(typed: &str) -> Vec<&str> {
    typed.split(['/', '›', '>', '＞']).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Whether the units above one are called so. `above` gives the next one with its name.
fn stands_below<'n>(unit: UnitId, path: &[&str], above: impl Fn(&UnitId) -> Option<(UnitId, &'n str)>) -> bool {
    let mut at = unit;
    path.iter().rev().all(|name| match above(&at) {
        Some((parent, called)) => {
            at = parent;
            called == *name
        }
        None => false,
    })
}

/// A kind as people write it.
pub fn kind_named(typed: &str) -> Option<UnitKind> {
    let typed = typed.trim().to_lowercase();
    Some(match typed.as_str() {
        "市" | "地级市" | "city" => UnitKind::City,
        "区" | "县" | "区县" | "区、县" | "县级市" | "district" | "county" => UnitKind::District,
        "街道" | "镇" | "乡" | "乡镇" | "街道办" | "街道办事处" | "street" | "town" | "township" => UnitKind::Street,
        "社区" | "村" | "村社区" | "行政村" | "居委会" | "村委会" | "community" | "village" => UnitKind::Community,
        "网格" | "grid" => UnitKind::Grid,
        "教育局" | "局" | "bureau" => UnitKind::Bureau,
        "学校" | "school" => UnitKind::School,
        "年级" | "grade" => UnitKind::Grade,
        "班" | "班级" | "class" => UnitKind::Class,
        other => return other.parse().ok(),
    })
}

/// The kind that follows from where a unit stands, and if several could, from how its name ends.
fn kind_below(parent: UnitKind, name: &str) -> Option<UnitKind> {
    let may = kinds_below(parent);
    if let [only] = may {
        return Some(*only);
    }
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let by_name = match () {
        () if ends(&["网格"]) => UnitKind::Grid,
        () if ends(&["社区", "村", "居委会", "村委会", "居民委员会", "村民委员会"]) => UnitKind::Community,
        () if ends(&["街道", "镇", "乡", "街道办事处"]) => UnitKind::Street,
        () if ends(&["教育局"]) => UnitKind::Bureau,
        () if ends(&["小学", "中学", "学校", "幼儿园", "高中"]) => UnitKind::School,
        () if ends(&["年级"]) => UnitKind::Grade,
        () if ends(&["班"]) => UnitKind::Class,
        () if ends(&["区", "县"]) => UnitKind::District,
        () => return None,
    };
    may.contains(&by_name).then_some(by_name)
}

#[derive(Clone, Copy)]
enum State {
    Open,
    Doing,
    Done(Option<UnitId>),
}

/// Finding out which unit each row means. A row without a code is known by its name below its parent, so parents come first.
struct Resolving<'d, 'a, 'r> {
    draft: &'d mut Draft<'a>,
    readers: &'r [(Reader, &'a [Row])],
    raws: Vec<Raw<'a>>,
    states: Vec<State>,
    parents: Vec<Option<UnitId>>,
    code_of: HashMap<String, usize>,
    name_of: HashMap<String, Vec<usize>>,
    there_by_code: HashMap<&'a str, UnitId>,
    there_by_name: HashMap<&'a str, Vec<UnitId>>,
    there_below: HashMap<(UnitId, &'a str), Vec<UnitId>>,
    /// Units a parent's name can mean.
    meant: HashMap<String, Result<Vec<UnitId>, Option<Wrong>>>,
    names: HashMap<UnitId, String>,
    above: HashMap<UnitId, UnitId>,
    /// What rows without a code have made.
    fresh_below: HashMap<(UnitId, String), UnitId>,
    /// Rows that stand below themselves.
    looped: HashSet<usize>,
}

impl<'d, 'a, 'r> Resolving<'d, 'a, 'r> {
    fn new(draft: &'d mut Draft<'a>, readers: &'r [(Reader, &'a [Row])], raws: Vec<Raw<'a>>) -> Self {
        let world: &'a World = draft.world;
        let mut there: Vec<&'a UnitRow> = world.units.values().collect();
        there.sort_by_key(|unit| unit.id);
        let (mut there_by_name, mut there_below) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        let there_by_code: HashMap<&'a str, UnitId> = there.iter().filter_map(|unit| Some((unit.code.as_deref()?, unit.id))).collect();
        // A unit that gets another name is not known by the one it had: the same file must mean the same the second time.
        let new_name = |raw: &Raw<'a>| Some((*there_by_code.get(raw.code.as_deref()?)?, raw.name.clone()));
        let new_names: HashMap<UnitId, String> = raws.iter().filter_map(new_name).collect();
        let keeps_its_name = |unit: &UnitRow| new_names.get(&unit.id).is_none_or(|name| *name == unit.name);
        for unit in there.iter().filter(|unit| keeps_its_name(unit)) {
            there_by_name.entry(unit.name.as_str()).or_default().push(unit.id);
            if let Some(parent) = unit.parent_id {
                there_below.entry((parent, unit.name.as_str())).or_default().push(unit.id);
            }
        }
        let code_of = raws.iter().enumerate().filter_map(|(i, raw)| Some((raw.code.clone()?, i))).collect();
        let mut name_of: HashMap<String, Vec<usize>> = HashMap::new();
        raws.iter().enumerate().for_each(|(i, raw)| name_of.entry(raw.name.clone()).or_default().push(i));
        Resolving {
            states: vec![State::Open; raws.len()],
            parents: vec![None; raws.len()],
            there_by_code,
            names: there.iter().map(|unit| (unit.id, unit.name.clone())).collect(),
            above: there.iter().filter_map(|unit| Some((unit.id, unit.parent_id?))).collect(),
            meant: HashMap::new(),
            fresh_below: HashMap::new(),
            looped: HashSet::new(),
            draft,
            readers,
            raws,
            code_of,
            name_of,
            there_by_name,
            there_below,
        }
    }

    fn all(&mut self) {
        for i in 0..self.raws.len() {
            self.resolve(i, 0);
        }
        for i in 0..self.raws.len() {
            if let State::Done(Some(id)) = self.states[i]
                && self.parents[i].is_none()
                && id != self.draft.world.top
            {
                self.parents[i] = self.parent(i, 0);
            }
        }
    }

    fn complain(&mut self, i: usize, field: Field, wrong: Wrong) {
        let raw = &self.raws[i];
        self.draft.wrong(&self.readers[raw.reader].0, raw.row, field, wrong);
    }

    fn goes_by_name(&self, i: usize) -> bool {
        self.readers[self.raws[i].reader].0.goes_by_name
    }

    fn is_top(&self, i: usize) -> bool {
        let raw = &self.raws[i];
        let Some(top) = self.draft.world.units.get(&self.draft.world.top) else { return false };
        if raw.code.is_some() && raw.code == top.code {
            return true;
        }
        let is_free = |code: &str| top.code.is_none() && !self.there_by_code.contains_key(code);
        !raw.has_parent() && raw.name == top.name && (self.goes_by_name(i) || raw.code.as_deref().is_none_or(is_free))
    }

    /// The unit a row means, made if there is none.
    fn resolve(&mut self, i: usize, depth: usize) -> Option<UnitId> {
        match self.states[i] {
            State::Done(id) => return id,
            State::Doing => return self.goes_round(i),
            State::Open => {}
        }
        self.states[i] = State::Doing;
        let id = if depth > DEPTH { self.goes_round(i) } else { self.meaning(i, depth) };
        if let Some(id) = id {
            let raw = &self.raws[i];
            self.names.insert(id, raw.name.clone());
        }
        self.states[i] = State::Done(id);
        id
    }

    fn goes_round(&mut self, i: usize) -> Option<UnitId> {
        self.looped.insert(i);
        self.complain(i, self.parent_field(i), Wrong::Loop);
        None
    }

    fn parent_field(&self, i: usize) -> Field {
        if self.raws[i].parent_code.is_empty() { Field::ParentName } else { Field::ParentCode }
    }

    fn meaning(&mut self, i: usize, depth: usize) -> Option<UnitId> {
        if self.is_top(i) {
            return Some(self.draft.world.top);
        }
        if let Some(id) = self.raws[i].code.as_deref().and_then(|code| self.there_by_code.get(code)) {
            return Some(*id);
        }
        let parent = self.parent(i, depth)?;
        self.parents[i] = Some(parent);
        let raw = &self.raws[i];
        let alike = self.there_below.get(&(parent, raw.name.as_str())).map_or(&[][..], Vec::as_slice);
        let world = self.draft.world;
        // One with another code is another one.
        let is_free = |id: &&UnitId| raw.code.is_none() || self.goes_by_name(i) || world.units.get(*id).is_some_and(|unit| unit.code.is_none());
        let same = alike.iter().find(is_free).copied();
        let key = (parent, raw.name.clone());
        let has_code = raw.code.is_some();
        let fresh = self.fresh_below.get(&key).copied().filter(|_| !has_code);
        let id = same.or(fresh).unwrap_or_else(|| UnitId((self.draft.new_id)()));
        if same.is_none() && !has_code {
            self.fresh_below.insert(key, id);
        }
        self.above.insert(id, parent);
        Some(id)
    }

    /// The unit above, as the row says it; below the top where it says nothing.
    fn parent(&mut self, i: usize, depth: usize) -> Option<UnitId> {
        let raw = &self.raws[i];
        if !raw.has_parent() {
            let there = self.raws[i].code.as_deref().and_then(|code| self.there_by_code.get(code)).and_then(|id| self.above.get(id));
            return Some(there.copied().unwrap_or(self.draft.world.top));
        }
        let found = if raw.parent_code.is_empty() { self.parent_by_name(i, depth) } else { self.parent_by_code(i, depth) };
        match found {
            Ok(id) => {
                if let State::Done(Some(own)) = self.states[i] {
                    self.above.insert(own, id);
                }
                Some(id)
            }
            // What is wrong with the row of the parent is said there.
            Err(None) => None,
            Err(Some(Wrong::Loop)) => self.goes_round(i),
            Err(Some(wrong)) => {
                self.complain(i, self.parent_field(i), wrong);
                None
            }
        }
    }

    fn parent_by_code(&mut self, i: usize, depth: usize) -> Result<UnitId, Option<Wrong>> {
        let code = self.raws[i].parent_code.clone();
        match self.code_of.get(&code).copied() {
            Some(j) if j == i || matches!(self.states[j], State::Doing) => Err(Some(Wrong::Loop)),
            Some(j) => self.resolve(j, depth + 1).ok_or_else(|| self.looped.contains(&j).then_some(Wrong::Loop)),
            None => self.there_by_code.get(code.as_str()).copied().ok_or(Some(Wrong::UnknownParent)),
        }
    }

    /// By name, or by a path such as 云集街道/桃花岭社区 where several have it.
    fn parent_by_name(&mut self, i: usize, depth: usize) -> Result<UnitId, Option<Wrong>> {
        let typed = self.raws[i].parent_name.clone();
        let own = matches!(self.states[i], State::Done(_)).then(|| self.states[i]);
        let path = path(&typed);
        let Some((name, before)) = path.split_last() else { return Err(Some(Wrong::UnknownParent)) };
        let alike = if self.raws[i].name == *name { self.alike(name, Some(i), depth)? } else { self.alike_kept(name, depth)? };
        let above = |id: &UnitId| self.above.get(id).and_then(|parent| Some((*parent, self.names.get(parent)?.as_str())));
        let is_own = |id: &UnitId| matches!(own, Some(State::Done(Some(own))) if own == *id);
        let mut fitting = alike.iter().filter(|id| !is_own(id) && stands_below(**id, before, above));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(*only),
            (Some(_), Some(_)) => Err(Some(Wrong::AmbiguousParent)),
            (None, _) => Err(Some(Wrong::UnknownParent)),
        }
    }

    fn alike_kept(&mut self, name: &str, depth: usize) -> Result<Vec<UnitId>, Option<Wrong>> {
        if let Some(known) = self.meant.get(name) {
            return known.clone();
        }
        // Whoever asks again while the answer is being looked for stands below itself.
        self.meant.insert(name.to_owned(), Err(Some(Wrong::Loop)));
        let alike = self.alike(name, None, depth);
        self.meant.insert(name.to_owned(), alike.clone());
        alike
    }

    /// The units with a name that may have others below them.
    fn alike(&mut self, name: &str, except: Option<usize>, depth: usize) -> Result<Vec<UnitId>, Option<Wrong>> {
        let drafts = self.name_of.get(name).cloned().unwrap_or_default();
        let there = self.there_by_name.get(name).cloned().unwrap_or_default();
        if drafts.len() + there.len() > ALIKE {
            return Err(Some(Wrong::AmbiguousParent));
        }
        let world = self.draft.world;
        let mut is_wrong = false;
        let mut alike: Vec<UnitId> = there.into_iter().filter(|id| world.units.get(id).is_some_and(|unit| !kinds_below(unit.kind).is_empty())).collect();
        for j in drafts.into_iter().filter(|j| Some(*j) != except) {
            // What the top is does not follow from what its row says.
            if self.raws[j].kind.is_some_and(|kind| kinds_below(kind).is_empty()) && !self.is_top(j) {
                continue;
            }
            if matches!(self.states[j], State::Doing) {
                return Err(Some(Wrong::Loop));
            }
            match self.resolve(j, depth + 1) {
                Some(id) => alike.push(id),
                None if self.looped.contains(&j) => return Err(Some(Wrong::Loop)),
                None => is_wrong = true,
            }
        }
        alike.sort();
        alike.dedup();
        if alike.is_empty() && is_wrong { Err(None) } else { Ok(alike) }
    }

    /// The tree, if every row has found its place.
    fn finish(mut self, same_row: Vec<(Place, usize)>, mistakes_before: usize) -> Units {
        let world = self.draft.world;
        let mut meant: BTreeMap<UnitId, usize> = BTreeMap::new();
        let mut drafts: Vec<(usize, UnitId)> = Vec::new();
        for i in 0..self.raws.len() {
            let State::Done(Some(id)) = self.states[i] else { continue };
            match meant.get(&id).copied() {
                Some(first) if self.readers[self.raws[i].reader].0.kind == Kind::Roster && self.raws[first].name == self.raws[i].name => {}
                Some(first) => {
                    let row = self.raws[first].place.row;
                    self.complain(i, Field::UnitName, Wrong::DuplicateUnit { row });
                }
                None => {
                    meant.insert(id, i);
                    drafts.push((i, id));
                }
            }
        }
        let mut parents: HashMap<UnitId, UnitId> = world.units.values().filter_map(|unit| Some((unit.id, unit.parent_id?))).collect();
        parents.remove(&world.top);
        for (i, id) in drafts.iter().filter(|(_, id)| *id != world.top) {
            parents.extend(self.parents[*i].map(|parent| (*id, parent)));
        }
        self.same_names(&drafts, &parents);
        for (i, id) in &drafts {
            if *id != world.top && self.parents[*i].is_some() && !reaches(&parents, *id, world.top) {
                self.complain(*i, self.parent_field(*i), Wrong::Loop);
            }
        }
        let is_broken = self.draft.mistakes.len() > mistakes_before;
        let mut all = world.units.clone();
        let mut rows = Vec::new();
        if !is_broken {
            rows = self.rows(&drafts, &parents, &mut all);
        }
        let ids: HashMap<usize, UnitId> =
            self.states.iter().enumerate().filter_map(|(i, state)| if let State::Done(Some(id)) = state { Some((i, *id)) } else { None }).collect();
        let by_place = same_row.into_iter().filter_map(|(place, i)| Some((place, *ids.get(&i)?))).collect();
        let (mut by_code, mut by_name, mut by_names) = (HashMap::new(), HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for unit in all.values() {
            by_code.extend(unit.code.clone().map(|code| (code, unit.id)));
            by_name.entry(unit.name.clone()).or_default().push(unit.id);
            if let Some(parent) = unit.parent_id.and_then(|parent| all.get(&parent)) {
                by_names.entry((unit.name.clone(), parent.name.clone())).or_default().push(unit.id);
            }
        }
        let is_broken = is_broken || self.draft.mistakes.len() > mistakes_before;
        Units { top: world.top, all, drafts: rows, by_place, by_code, by_name, by_names, named: RefCell::default(), is_broken }
    }

    /// A row without a code means the one unit of its name at its place. If another one has that too, nobody could tell them apart the next time.
    fn same_names(&mut self, drafts: &[(usize, UnitId)], parents: &HashMap<UnitId, UnitId>) {
        let rows: HashMap<UnitId, usize> = drafts.iter().map(|(i, id)| (*id, *i)).collect();
        let mut at: HashMap<(UnitId, &str), Vec<UnitId>> = HashMap::new();
        let world = self.draft.world;
        for (id, name) in world.units.values().filter(|unit| !rows.contains_key(&unit.id)).map(|unit| (unit.id, unit.name.as_str())) {
            at.entry((parents.get(&id).copied().unwrap_or(id), name)).or_default().push(id);
        }
        for (i, id) in drafts {
            at.entry((parents.get(id).copied().unwrap_or(*id), self.raws[*i].name.as_str())).or_default().push(*id);
        }
        let mut twice = Vec::new();
        for (i, id) in drafts.iter().filter(|(i, id)| self.raws[*i].code.is_none() && *id != world.top) {
            let others = at.get(&(parents.get(id).copied().unwrap_or(*id), self.raws[*i].name.as_str()));
            if let Some(other) = others.into_iter().flatten().find(|other| *other != id) {
                twice.push((*i, rows.get(other).map(|row| self.raws[*row].place.row)));
            }
        }
        for (i, row) in twice {
            self.complain(i, Field::UnitName, row.map_or(Wrong::AmbiguousUnit, |row| Wrong::DuplicateUnit { row }));
        }
    }

    /// Each unit as it is to be, parents before children, so that a kind can follow from the one above.
    fn rows(
        &mut self,
        drafts: &[(usize, UnitId)],
        parents: &HashMap<UnitId, UnitId>,
        all: &mut HashMap<UnitId, UnitRow>,
    ) -> Vec<(Place, Option<UnitRow>, UnitRow)> {
        let world = self.draft.world;
        let mut in_order: Vec<(usize, usize, UnitId)> = drafts.iter().map(|(i, id)| (depth(parents, *id), *i, *id)).collect();
        in_order.sort();
        let mut changed_kinds = HashMap::new();
        let mut rows = Vec::new();
        for (_, i, id) in in_order {
            let before = world.units.get(&id).cloned();
            let is_top = id == world.top;
            let parent_id = if is_top { before.as_ref().and_then(|unit| unit.parent_id) } else { parents.get(&id).copied() };
            let above = if is_top { None } else { parent_id.and_then(|parent| all.get(&parent)).map(|parent| parent.kind) };
            let (name, name_en, code, said) = {
                let raw = &self.raws[i];
                (raw.name.clone(), raw.name_en.clone(), raw.code.clone(), raw.kind)
            };
            // What the top may be is for whoever administers the unit above it to say, and what a unit is here no other program says.
            let goes_by_name = self.goes_by_name(i);
            let said = said.filter(|_| (!is_top || parent_id.is_none()) && (!goes_by_name || before.is_none()));
            let Some(kind) = said.or(before.as_ref().map(|unit| unit.kind)).or_else(|| kind_below(above?, &name)) else {
                self.complain(i, Field::UnitKind, Wrong::NoKind);
                continue;
            };
            if let Some(parent) = above.filter(|parent| !kinds_below(*parent).contains(&kind)) {
                let has_kind = self.readers[self.raws[i].reader].0.has(Field::UnitKind);
                let field = if has_kind { Field::UnitKind } else { self.parent_field(i) };
                self.complain(i, field, Wrong::KindBelow { kind, parent });
            }
            // Whoever is admin there was given it by the rules of what it was before.
            if let Some(before) = before.as_ref().map(|unit| unit.kind).filter(|before| before.is_district_level() != kind.is_district_level()) {
                self.complain(i, Field::UnitKind, Wrong::DistrictLevel { before, kind });
            }
            let known = before.as_ref();
            let after = UnitRow {
                id,
                parent_id,
                kind,
                name,
                name_en: name_en.or_else(|| known.and_then(|unit| unit.name_en.clone())),
                code: if goes_by_name { known.and_then(|unit| unit.code.clone()).or(code) } else { code.or_else(|| known.and_then(|unit| unit.code.clone())) },
            };
            if known.is_some_and(|unit| unit.kind != kind) {
                changed_kinds.insert(id, i);
            }
            all.insert(id, after.clone());
            rows.push((self.raws[i].place, before, after));
        }
        let meant: HashSet<UnitId> = drafts.iter().map(|(_, id)| *id).collect();
        let mut children: Vec<&UnitRow> = world.units.values().filter(|unit| !meant.contains(&unit.id)).collect();
        children.sort_by_key(|unit| unit.id);
        for child in children {
            let Some((parent, i)) = child.parent_id.and_then(|parent| Some((parent, *changed_kinds.get(&parent)?))) else { continue };
            let kind = all.get(&parent).map(|unit| unit.kind);
            if let Some(kind) = kind.filter(|kind| !kinds_below(*kind).contains(&child.kind)) {
                self.complain(i, Field::UnitKind, Wrong::KindAbove { kind, child: child.kind });
            }
        }
        rows.sort_by_key(|(place, ..)| *place);
        rows
    }
}

fn reaches(parents: &HashMap<UnitId, UnitId>, from: UnitId, top: UnitId) -> bool {
    let mut at = from;
    for _ in 0..DEPTH {
        if at == top {
            return true;
        }
        let Some(parent) = parents.get(&at) else { return false };
        at = *parent;
    }
    false
}

fn depth(parents: &HashMap<UnitId, UnitId>, from: UnitId) -> usize {
    let mut at = from;
    (0..DEPTH).take_while(|_| parents.get(&at).map(|parent| at = *parent).is_some()).count()
}
