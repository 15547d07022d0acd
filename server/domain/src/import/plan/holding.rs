//! Who holds what by a file: which post each line means, who comes after whom, and whose login ends with what they held.

use super::{ByEmail, BySeat, Draft, Mistake, Mode, Odd, Posts, Understood, Warning, Wrong, has_one_holder, over, push};
use crate::import::{
    change::{Change, Changes, HoldingRow, Place, StaffRow, Thing},
    heads::{Field, Kind},
};
use model::{At, HoldingId, PostId, StaffId, UnitId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Who holds what, as the file has it.
pub(super) struct FileTerm {
    pub place: Place,
    pub post: PostId,
    pub email: String,
    pub from: Option<At>,
    pub until: Option<At>,
}

/// A holding that ends on a day to come because somebody else has the seat from then on.
pub(super) struct Succeeded {
    holding: HoldingId,
    staff: StaffId,
    at: At,
    /// Where the successor stands.
    place: Place,
}

/// Somebody on the one seat of a grid or class, as the file has it.
struct Seated {
    place: Place,
    email: String,
    from: At,
    until: Option<At>,
    /// They come, or stay longer than they would have.
    is_news: bool,
}

impl Seated {
    fn meets(&self, h: &HoldingRow) -> bool {
        self.from < end(h.until_at) && h.from_at < end(self.until)
    }
}

/// At a grid or class one person answers at a time.
fn two_holders(seated: &[Seated], by_email: &ByEmail, mistakes: &mut Vec<Mistake>) {
    for (i, one) in seated.iter().enumerate() {
        let clash = seated[..i].iter().find(|other| other.from < end(one.until) && one.from < end(other.until));
        if let Some(other) = clash {
            let name = by_email.get(&other.email).map_or_else(|| other.email.clone(), |(_, name)| name.clone());
            let wrong = Wrong::TwoHolders { row: other.place.row, name };
            mistakes.push(Mistake { place: one.place, field: Field::Email, value: one.email.clone(), wrong });
        }
    }
}

/// A line that says who holds something, before it is known which post is meant.
pub(super) struct FileHeld {
    pub place: Place,
    pub unit: UnitId,
    pub title: Option<String>,
    /// The title stands in the row; otherwise it is the usual one, or the only post of the unit is meant.
    pub said: bool,
    pub email: String,
    pub from: Option<At>,
    pub until: Option<At>,
    pub unit_cell: String,
    pub title_cell: String,
}

impl<'a> Draft<'a> {
    /// Which post each line of the file means, and from when.
    pub(super) fn terms(&mut self, held: Vec<FileHeld>, posts: &Posts, by_seat: &BySeat, by_email: &ByEmail) -> Vec<FileTerm> {
        let mut at_unit: HashMap<UnitId, Vec<(PostId, &str)>> = HashMap::new();
        for post in self.world.posts.values() {
            let title = posts.title_of(post.id).unwrap_or(&post.title);
            at_unit.entry(post.unit_id).or_default().push((post.id, title));
        }
        posts.changes.iter().filter(|change| change.before.is_none()).filter_map(|change| change.after.as_ref()).for_each(|post| {
            at_unit.entry(post.unit_id).or_default().push((post.id, &post.title));
        });
        let known: HashSet<&str> = self.world.staff.values().map(|person| person.email.as_str()).collect();
        let mut terms: Vec<FileTerm> = Vec::new();
        let mut said: HashMap<(PostId, String), usize> = HashMap::new();
        for line in held {
            let mistake = |field, value: &str, wrong| Mistake { place: line.place, field, value: value.chars().take(80).collect(), wrong };
            if !by_email.contains_key(&line.email) && !known.contains(line.email.as_str()) {
                self.mistakes.push(mistake(Field::Email, &line.email, Wrong::UnknownStaff));
                continue;
            }
            let unit = line.unit;
            let here = at_unit.get(&unit).map_or(&[][..], Vec::as_slice);
            let titled = if line.said { line.title.clone() } else { None };
            let by_title = line.title.as_ref().and_then(|title| here.iter().find(|(_, t)| t == title)).map(|(id, _)| *id);
            let post = match by_seat.get(&(unit, titled)).copied().or(by_title) {
                Some(post) => post,
                None if line.said => {
                    self.mistakes.push(mistake(Field::PostTitle, &line.title_cell, Wrong::UnknownPost));
                    continue;
                }
                None => match here {
                    [(only, _)] => *only,
                    [] => {
                        self.mistakes.push(mistake(Field::UnitName, &line.unit_cell, Wrong::NoPost));
                        continue;
                    }
                    _ => {
                        self.mistakes.push(mistake(Field::PostTitle, &line.title_cell, Wrong::AmbiguousPost));
                        continue;
                    }
                },
            };
            let term = FileTerm { place: line.place, post, email: line.email, from: line.from, until: line.until };
            match said.get(&(post, term.email.clone())).map(|i| &terms[*i]) {
                Some(before) if (before.from, before.until) != (term.from, term.until) => {
                    let wrong = Wrong::HoldingTwice { row: before.place.row };
                    self.mistakes.push(Mistake { place: term.place, field: Field::Email, value: term.email, wrong });
                }
                Some(_) => {}
                None => {
                    said.insert((post, term.email.clone()), terms.len());
                    terms.push(term);
                }
            }
        }
        terms
    }

    /// Ends the logins of those who are missing from a full list, with all they hold.
    pub(super) fn ended_people(&mut self, file: &Understood, succeeded: &[Succeeded], changes: &mut Changes) {
        // A list of units or posts alone says nothing of people.
        let is_of_people = [Kind::Staff, Kind::Roster, Kind::Holdings].iter().any(|kind| file.kinds.contains(kind));
        if self.mode != Mode::Replace || !is_of_people {
            return;
        }
        let left = self.left(file, changes);
        let gone: HashSet<StaffId> = left.iter().map(|person| person.id).collect();
        let of_gone = changes.holdings.iter_mut().filter(|change| change.before.as_ref().is_some_and(|h| gone.contains(&h.staff_id)));
        of_gone.for_each(|change| change.after = None);
        let theirs = self.world.holdings.values().filter(|h| gone.contains(&h.staff_id));
        let known: HashSet<HoldingId> = changes.holdings.iter().filter_map(|change| change.before.as_ref().map(Thing::id)).collect();
        let mut theirs: Vec<&HoldingRow> = theirs.filter(|h| !known.contains(&h.id)).collect();
        theirs.sort_by_key(|h| h.id);
        changes.holdings.extend(theirs.into_iter().map(over));
        changes.staff.extend(left.into_iter().map(over));
        self.leave_later(file, succeeded, &gone, changes);
    }

    /// Whoever holds nothing any more from a day to come keeps their login until an admin says when they leave: that is told.
    fn leave_later(&mut self, file: &Understood, succeeded: &[Succeeded], gone: &HashSet<StaffId>, changes: &Changes) {
        let ending: HashSet<HoldingId> = succeeded.iter().map(|s| s.holding).chain(changes.holdings.iter().filter_map(ended_id)).collect();
        let after =
            self.world.holdings.values().chain(changes.holdings.iter().filter(|change| change.before.is_none()).filter_map(|change| change.after.as_ref()));
        let busy: HashSet<StaffId> = after.filter(|h| !ending.contains(&h.id)).map(|h| h.staff_id).collect();
        let mut last: BTreeMap<StaffId, &Succeeded> = BTreeMap::new();
        for s in succeeded.iter().filter(|s| !busy.contains(&s.staff) && !gone.contains(&s.staff)) {
            let latest = last.entry(s.staff).or_insert(s);
            if latest.at < s.at {
                *latest = s;
            }
        }
        for (id, s) in last {
            let Some(person) = self.world.staff.get(&id).filter(|person| file.lacks(person) && !self.world.outside.kept.contains(&id)) else { continue };
            let last_day = s.at.plus_seconds(-1).timestamp().to_zoned(self.when.zone.clone()).date().to_string();
            self.warnings.push(Warning { place: s.place, value: person.name.clone(), odd: Odd::KeepsLogin { last_day } });
        }
    }

    pub(super) fn holdings(&mut self, file: &Understood, changes: &Changes, gone_posts: &HashSet<PostId>) -> (Vec<Change<HoldingRow>>, Vec<Succeeded>) {
        let (units, by_email) = (&file.units, &file.by_email);
        let now = self.when.now;
        let of_email: HashMap<&str, StaffId> = self.world.staff.values().map(|person| (person.email.as_str(), person.id)).collect();
        let mut there: HashMap<PostId, Vec<&HoldingRow>> = HashMap::new();
        self.world.holdings.values().for_each(|h| there.entry(h.post_id).or_default().push(h));
        there.values_mut().for_each(|holdings| holdings.sort_by_key(|h| (h.from_at, h.id)));
        let unit_of_new: HashMap<PostId, UnitId> =
            changes.posts.iter().filter_map(|change| change.after.as_ref()).map(|post| (post.id, post.unit_id)).collect();
        let world = self.world;
        let unit_of = |post: PostId| unit_of_new.get(&post).copied().or_else(|| world.posts.get(&post).map(|post| post.unit_id));
        let mut result: Vec<Change<HoldingRow>> = Vec::new();
        let mut meant: HashSet<HoldingId> = HashSet::new();
        // What the file makes of each seat for one.
        let mut seats: BTreeMap<PostId, Vec<Seated>> = BTreeMap::new();
        for term in &file.terms {
            let Some(staff_id) = by_email.get(&term.email).map(|(id, _)| *id).or_else(|| of_email.get(term.email.as_str()).copied()) else { continue };
            let before = there.get(&term.post).into_iter().flatten().find(|h| h.staff_id == staff_id).map(|h| (*h).clone());
            let after = match &before {
                Some(h) => {
                    meant.insert(h.id);
                    // Who holds it already goes on; who was to begin later begins as the file says.
                    let from_at = if h.from_at > now { term.from.unwrap_or(now) } else { h.from_at };
                    HoldingRow { from_at, until_at: term.until.or(h.until_at), ..h.clone() }
                }
                None => HoldingRow { id: HoldingId((self.new_id)()), post_id: term.post, staff_id, from_at: term.from.unwrap_or(now), until_at: term.until },
            };
            if unit_of(term.post).and_then(|unit| units.kind_of(unit)).is_some_and(has_one_holder) {
                let is_news = before.as_ref() != Some(&after);
                seats.entry(term.post).or_default().push(Seated {
                    place: term.place,
                    email: term.email.clone(),
                    from: after.from_at,
                    until: after.until_at,
                    is_news,
                });
            }
            push(&mut result, &mut self.unchanged.holdings, term.place, before, after);
        }
        seats.values().for_each(|seated| two_holders(seated, by_email, &mut self.mistakes));
        let mut succeeded = Vec::new();
        let mut others: Vec<&HoldingRow> = self.world.holdings.values().filter(|h| !meant.contains(&h.id)).collect();
        others.sort_by_key(|h| h.id);
        for h in others {
            let kind = unit_of(h.post_id).and_then(|unit| units.kind_of(unit));
            let is_missing = self.mode == Mode::Replace && kind.is_some_and(|kind| file.staffed_kinds.contains(&kind));
            let seated = seats.get(&h.post_id).map_or(&[][..], Vec::as_slice);
            // Who comes gets the seat from that day on; in a full list from whoever comes first.
            let next = seated.iter().filter(|s| is_missing || s.is_news && s.meets(h)).min_by_key(|s| s.from);
            match next.map(|next| next.from) {
                _ if gone_posts.contains(&h.post_id) => result.push(over(h)),
                // Over by then as it is.
                Some(at) if at > now && h.from_at < at && h.until_at.is_some_and(|until| until <= at) => {}
                Some(at) if at > now && h.from_at < at => {
                    succeeded.extend(next.map(|next| Succeeded { holding: h.id, staff: h.staff_id, at, place: next.place }));
                    result.push(Change { place: None, before: Some(h.clone()), after: Some(HoldingRow { until_at: Some(at), ..h.clone() }) });
                }
                Some(_) => result.push(over(h)),
                None if is_missing => result.push(over(h)),
                None => {}
            }
        }
        (result, succeeded)
    }

    /// Whose login ends: those missing from a list of all staff, else those who lose everything they hold.
    fn left(&self, file: &Understood, changes: &Changes) -> Vec<&'a StaffRow> {
        let over: HashSet<HoldingId> = changes.holdings.iter().filter_map(ended_id).collect();
        let mut losing: HashSet<StaffId> = HashSet::new();
        let mut holding: HashSet<StaffId> = changes.holdings.iter().filter_map(|change| change.after.as_ref().map(|h| h.staff_id)).collect();
        for h in self.world.holdings.values() {
            if over.contains(&h.id) {
                losing.insert(h.staff_id)
            } else {
                holding.insert(h.staff_id)
            };
        }
        let lists_staff = file.kinds.contains(&Kind::Staff);
        let has_left = |person: &&StaffRow| {
            let loses_all = lists_staff || losing.contains(&person.id) && !holding.contains(&person.id);
            loses_all && file.lacks(person) && !self.world.outside.kept.contains(&person.id)
        };
        let mut left: Vec<&StaffRow> = self.world.staff.values().filter(has_left).collect();
        left.sort_by(|a, b| a.email.cmp(&b.email));
        left
    }
}

/// Whether a holding ends sooner than it would have.
pub(in crate::import) fn is_cut_short(before: Option<&HoldingRow>, after: &HoldingRow) -> bool {
    before.is_some_and(|before| end(after.until_at) < end(before.until_at))
}

fn ended_id(change: &Change<HoldingRow>) -> Option<HoldingId> {
    change.before.as_ref().filter(|_| change.after.is_none()).map(Thing::id)
}

fn end(until: Option<At>) -> At {
    until.unwrap_or(At(i64::MAX))
}
