//! What a file would change. A pure function of what is there, the rows, the mode and the moment, so that it can be shown before anything is done,
//! and done as it was shown.

mod holding;
mod mistake;
mod reader;

pub(super) use holding::is_cut_short;
pub(super) use mistake::wrong_text;
pub use mistake::{Mistake, Odd, Warning, Wrong};
pub(super) use reader::Reader;
pub use reader::{Table, tables};

use self::{
    holding::{FileHeld, FileTerm},
    reader::day,
};
use super::{
    change::{Change, Changes, Counts, Place, PostRow, StaffRow, Thing, UnitRow, World},
    heads::{Field, Kind},
    read::Row,
    units::Units,
};
use crate::{holding::start_of_day, invitation, post, profile, unit::CODE_LIMIT};
use jiff::tz::TimeZone;
use model::{At, Language, PostId, StaffId, UnitId, UnitKind, text};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    mem,
};
use uuid::Uuid;

/// Characters of a phone number.
pub const PHONE_LIMIT: usize = 30;

/// What is missing from the file stays, or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Add,
    Replace,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Add => "add",
            Mode::Replace => "replace",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Empty if anything is wrong.
    pub changes: Changes,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<Warning>,
    /// Things of the file that are as it says already.
    pub unchanged: Counts,
    /// Everything that was there.
    pub there: Counts,
}

impl Plan {
    /// How many things end, holdings also on a day to come that is sooner than they would have.
    pub fn ending(&self) -> usize {
        self.ended().sum()
    }

    fn ended(&self) -> Counts {
        let ended = self.changes.count(super::change::What::Ended);
        let sooner = self.changes.holdings.iter().filter(|change| change.after.as_ref().is_some_and(|after| is_cut_short(change.before.as_ref(), after)));
        Counts { holdings: ended.holdings + sooner.count(), ..ended }
    }

    /// Whether so much ends that the number has to be typed: more than a tenth of anything.
    pub fn ends_much(&self) -> bool {
        let (ended, there) = (self.ended(), self.there);
        [(ended.units, there.units), (ended.posts, there.posts), (ended.staff, there.staff), (ended.holdings, there.holdings)]
            .into_iter()
            .any(|(ended, there)| ended * 10 > there)
    }
}

/// The moment and the place everything is understood in.
#[derive(Clone)]
pub struct When {
    pub now: At,
    pub zone: TimeZone,
}

/// Codes and addresses in the file, to ask who has them elsewhere.
pub fn named(tables: &[Table<'_>]) -> (Vec<String>, Vec<String>) {
    let (mut codes, mut emails) = (BTreeSet::new(), BTreeSet::new());
    for table in tables {
        let reader = Reader::new(table);
        for row in table.rows {
            // As they are understood below, or an invisible mark would hide whose they are.
            codes.extend(text::optional_line(reader.raw(row, Field::UnitCode), CODE_LIMIT).ok().flatten());
            emails.extend(text::email(reader.raw(row, Field::Email)).ok());
        }
    }
    (codes.into_iter().collect(), emails.into_iter().collect())
}

/// Works out what the tables would change.
pub fn plan(world: &World, tables: &[Table<'_>], mode: Mode, when: &When, new_id: &mut dyn FnMut() -> Uuid) -> Plan {
    let mut draft = Draft { world, mode, when, new_id, mistakes: Vec::new(), warnings: Vec::new(), unchanged: Counts::default() };
    let changes = draft.all(tables);
    let Draft { mut mistakes, mut warnings, unchanged, .. } = draft;
    mistakes.sort_by_key(|mistake| mistake.place);
    warnings.sort_by_key(|warning| warning.place);
    let changes = if mistakes.is_empty() { changes } else { Changes::default() };
    Plan { changes, mistakes, warnings, unchanged, there: world.counts() }
}

pub(super) struct Draft<'a> {
    pub world: &'a World,
    mode: Mode,
    when: &'a When,
    pub new_id: &'a mut dyn FnMut() -> Uuid,
    pub mistakes: Vec<Mistake>,
    warnings: Vec<Warning>,
    pub unchanged: Counts,
}

/// A post of the file.
struct FileSeat {
    place: Place,
    unit: UnitId,
    /// Empty where the one post of the unit is meant, whatever it is called.
    title: Option<String>,
    title_en: Option<String>,
}

/// A person of the file.
struct Person {
    place: Place,
    name: String,
    title: Option<String>,
    phone: Option<String>,
    language: Option<Language>,
    unit: Option<UnitId>,
    /// Said in so many words, so that it counts also for somebody who is there already.
    is_home: bool,
}

impl<'a> Draft<'a> {
    fn all(&mut self, tables: &[Table<'a>]) -> Changes {
        let readers: Vec<(Reader, &'a [Row])> = tables.iter().map(|table| (Reader::new(table), table.rows)).collect();
        for table in tables {
            if let Some(field) = table.choice.kind.missing(&table.choice.columns) {
                let place = Place { sheet: table.sheet, row: table.choice.head };
                self.mistakes.push(Mistake { place, field, value: String::new(), wrong: Wrong::NoColumn });
            }
        }
        if !self.mistakes.is_empty() {
            return Changes::default();
        }
        let units = Units::read(self, &readers);
        let mut seats: BTreeMap<(UnitId, Option<String>), FileSeat> = BTreeMap::new();
        let mut people: BTreeMap<String, Person> = BTreeMap::new();
        let mut held = Vec::new();
        for (reader, rows) in &readers {
            for row in *rows {
                self.row(reader, row, &units, &mut seats, &mut people, &mut held);
            }
        }
        let staffed_kinds: HashSet<UnitKind> = held.iter().filter_map(|h| units.kind_of(h.unit)).collect();
        let (posts, by_seat) = self.posts(&units, seats);
        let (staff, by_email) = self.staff(people);
        let terms = self.terms(held, &posts, &by_seat, &by_email);
        let kinds: HashSet<Kind> = readers.iter().map(|(reader, _)| reader.kind).collect();
        let holders = terms.iter().map(|term| term.email.clone()).collect();
        self.finish(Understood { units, posts, staff, terms, by_email, holders, staffed_kinds, kinds })
    }

    /// A cell that must not be a formula.
    pub fn cell(&mut self, reader: &Reader, row: &'a Row, field: Field) -> &'a str {
        let text = reader.raw(row, field);
        let has_failed = text.starts_with('#') && (text.ends_with('!') || text.ends_with('?') || text == "#N/A");
        let wrong = match () {
            () if text.starts_with('=') => Wrong::Formula,
            () if has_failed => Wrong::Failed,
            () => return text,
        };
        self.wrong(reader, row, field, wrong);
        ""
    }

    pub fn wrong(&mut self, reader: &Reader, row: &'a Row, field: Field, wrong: Wrong) {
        // One complaint a cell.
        let place = reader.place(row);
        if !self.mistakes.iter().rev().take(20).any(|mistake| mistake.place == place && mistake.field == field) {
            self.mistakes.push(Mistake { place, field, value: reader.raw(row, field).chars().take(80).collect(), wrong });
        }
    }

    /// A line that may be empty; what is wrong with it is noted.
    pub fn line(&mut self, reader: &Reader, row: &'a Row, field: Field, limit: usize) -> Option<String> {
        let text = self.cell(reader, row, field);
        match text::optional_line(text, limit) {
            Ok(line) => line,
            Err(e) => {
                self.wrong(reader, row, field, wrong_text(e));
                None
            }
        }
    }

    fn row(
        &mut self,
        reader: &Reader,
        row: &'a Row,
        units: &Units,
        seats: &mut BTreeMap<(UnitId, Option<String>), FileSeat>,
        people: &mut BTreeMap<String, Person>,
        held: &mut Vec<FileHeld>,
    ) {
        let place = reader.place(row);
        let is_roster = reader.kind == Kind::Roster;
        let has_person = !reader.raw(row, Field::PersonName).is_empty() || !reader.raw(row, Field::Email).is_empty();
        let unit = match reader.kind {
            Kind::Units | Kind::Nothing => return,
            Kind::Staff if reader.raw(row, Field::UnitCode).is_empty() && reader.raw(row, Field::UnitName).is_empty() => None,
            _ => units.find(self, reader, row),
        };
        if let (Kind::Posts | Kind::Roster, Some(unit)) = (reader.kind, unit) {
            self.seat(reader, row, units, unit, has_person, seats);
        }
        // Also where the unit is not to be found: everything that is wrong with a row is told at once.
        let email = if reader.kind == Kind::Staff || (is_roster && has_person) {
            self.person(reader, row, unit, people)
        } else if reader.kind == Kind::Holdings {
            self.email(reader, row)
        } else {
            None
        };
        let has_holding = reader.kind == Kind::Holdings || (is_roster && has_person);
        let dates = if has_holding { self.dates(reader, row) } else { None };
        let (Some(email), Some(unit), Some((from, until))) = (email, unit, dates) else { return };
        // Of a unit that could not be made, nothing more can be said.
        if units.kind_of(unit).is_none() {
            return;
        }
        let title = self
            .line(reader, row, Field::PostTitle, post::TITLE_LIMIT)
            .or_else(|| is_roster.then(|| usual_title(units.kind_of(unit)?)).flatten().map(|(title, _)| title.to_owned()));
        let said = !reader.raw(row, Field::PostTitle).is_empty();
        let cells = (reader.raw(row, Field::UnitName).to_owned(), reader.raw(row, Field::PostTitle).to_owned());
        held.push(FileHeld { place, unit, title, said, email, from, until, unit_cell: cells.0, title_cell: cells.1 });
    }

    fn email(&mut self, reader: &Reader, row: &'a Row) -> Option<String> {
        let typed = self.cell(reader, row, Field::Email);
        match text::email(typed) {
            Ok(email) if self.world.outside.emails.contains(&email) => self.wrong(reader, row, Field::Email, Wrong::EmailElsewhere),
            Ok(email) => return Some(email),
            Err(e) => self.wrong(reader, row, Field::Email, wrong_text(e)),
        }
        None
    }

    fn seat(&mut self, reader: &Reader, row: &'a Row, units: &Units, unit: UnitId, has_person: bool, seats: &mut BTreeMap<(UnitId, Option<String>), FileSeat>) {
        let title = self.line(reader, row, Field::PostTitle, post::TITLE_LIMIT);
        let title_en = self.line(reader, row, Field::PostTitleEn, post::TITLE_EN_LIMIT);
        let Some(kind) = units.kind_of(unit) else { return };
        let usual = usual_title(kind);
        match (&title, usual) {
            (None, None) if reader.kind == Kind::Posts || has_person => return self.wrong(reader, row, Field::PostTitle, Wrong::Empty),
            (None, None) => return,
            _ => {}
        }
        let key = (unit, title.clone());
        let seat = FileSeat { place: reader.place(row), unit, title_en: title_en.clone(), title };
        let known = seats.entry(key).or_insert(seat);
        // Several rows of a roster may speak of one post.
        known.title_en = known.title_en.take().or(title_en);
    }

    fn person(&mut self, reader: &Reader, row: &'a Row, home: Option<UnitId>, people: &mut BTreeMap<String, Person>) -> Option<String> {
        let name = self.line(reader, row, Field::PersonName, invitation::NAME_LIMIT);
        let email = self.email(reader, row);
        let title = self.line(reader, row, Field::PersonTitle, profile::TITLE_LIMIT);
        let phone = self.line(reader, row, Field::Phone, PHONE_LIMIT);
        let language = self.language(reader, row);
        let Some(name) = name else {
            if reader.raw(row, Field::PersonName).is_empty() {
                self.wrong(reader, row, Field::PersonName, Wrong::Empty);
            }
            return None;
        };
        let email = email?;
        if let Some(known) = people.get_mut(&email) {
            if known.name != name {
                let wrong = Wrong::DuplicateEmail { row: known.place.row, name: known.name.clone() };
                self.wrong(reader, row, Field::Email, wrong);
                return None;
            }
            known.title = known.title.take().or(title);
            known.phone = known.phone.take().or(phone);
            known.language = known.language.or(language);
            if reader.kind == Kind::Staff && home.is_some() {
                (known.unit, known.is_home) = (home, true);
            }
            return Some(email);
        }
        let is_home = reader.kind == Kind::Staff && home.is_some();
        people.insert(email.clone(), Person { place: reader.place(row), name, title, phone, language, unit: home, is_home });
        Some(email)
    }

    fn language(&mut self, reader: &Reader, row: &'a Row) -> Option<Language> {
        let typed = self.cell(reader, row, Field::Language);
        match typed.to_lowercase().as_str() {
            "" => None,
            "zh" | "zh-cn" | "cn" | "chinese" | "中文" | "汉语" | "简体中文" => Some(Language::Chinese),
            "en" | "english" | "英文" | "英语" => Some(Language::English),
            _ => {
                self.wrong(reader, row, Field::Language, Wrong::UnknownLanguage);
                None
            }
        }
    }

    /// The first moment and the one after the last; `None` if the row is wrong or over.
    fn dates(&mut self, reader: &Reader, row: &'a Row) -> Option<(Option<At>, Option<At>)> {
        let (from, until) = (self.date(reader, row, Field::From, 0), self.date(reader, row, Field::Until, 1));
        let (from, until) = (from?, until?);
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            self.wrong(reader, row, Field::Until, Wrong::EndsBefore);
            return None;
        }
        if until.is_some_and(|until| until <= self.when.now) {
            self.warnings.push(Warning { place: reader.place(row), value: reader.raw(row, Field::Until).to_owned(), odd: Odd::Past });
            return None;
        }
        // What has begun counts from when it began: nothing is written into the past.
        Some((from.filter(|from| *from > self.when.now), until))
    }

    fn date(&mut self, reader: &Reader, row: &'a Row, field: Field, days_later: i64) -> Option<Option<At>> {
        let typed = self.cell(reader, row, field);
        if typed.is_empty() {
            return Some(None);
        }
        match day(typed).and_then(|date| start_of_day(&self.when.zone, date, days_later)) {
            Some(at) => Some(Some(at)),
            None => {
                self.wrong(reader, row, field, Wrong::NotADate);
                None
            }
        }
    }

    /// The posts as they are to be, and which of them each unit and title means.
    fn posts(&mut self, units: &Units, seats: BTreeMap<(UnitId, Option<String>), FileSeat>) -> (Posts, BySeat) {
        let mut there: HashMap<UnitId, Vec<&PostRow>> = HashMap::new();
        self.world.posts.values().for_each(|post| there.entry(post.unit_id).or_default().push(post));
        there.values_mut().for_each(|posts| posts.sort_by_key(|post| post.id));
        let mut of_unit: BTreeMap<UnitId, Vec<FileSeat>> = BTreeMap::new();
        seats.into_iter().for_each(|((unit, _), seat)| of_unit.entry(unit).or_default().push(seat));
        let (mut posts, mut by_seat) = (Posts::default(), BySeat::new());
        for (unit, mut seats) in of_unit {
            let old = there.get(&unit).map_or(&[][..], Vec::as_slice);
            let is_only = seats.len() == 1 && old.len() == 1;
            // Those with a title first, so that one without finds what it can only mean.
            seats.sort_by_key(|seat| (seat.title.is_none(), seat.place));
            for seat in seats {
                let kind = units.kind_of(seat.unit);
                let usual = kind.and_then(usual_title);
                let (title, title_en) = match &seat.title {
                    Some(title) => (Some(title.clone()), seat.title_en.clone()),
                    None => (None, None),
                };
                let same = old.iter().find(|post| title.as_ref().is_some_and(|title| post.title == *title));
                // A grid or class has one seat: with another title it is the same one.
                let renamed = old.first().filter(|_| is_only && (title.is_none() || kind.is_some_and(has_one_holder)));
                let usual_there = old.iter().find(|post| title.is_none() && usual.is_some_and(|(title, _)| post.title == title));
                let id = match same.or(renamed).or(usual_there) {
                    Some(post) => {
                        let after = PostRow {
                            title: title.clone().unwrap_or_else(|| post.title.clone()),
                            title_en: title_en.or_else(|| post.title_en.clone()),
                            ..(*post).clone()
                        };
                        posts.set(seat.place, Some((*post).clone()), after);
                        post.id
                    }
                    None => {
                        let (own, own_en) = (title.clone(), title_en);
                        let title = own.or_else(|| usual.map(|(title, _)| title.to_owned())).unwrap_or_default();
                        let twin = posts.new_at(unit, &title);
                        twin.unwrap_or_else(|| {
                            let id = PostId((self.new_id)());
                            let english = own_en.or_else(|| usual.filter(|(usual, _)| *usual == title).map(|(_, english)| english.to_owned()));
                            posts.set(seat.place, None, PostRow { id, unit_id: unit, title, title_en: english });
                            id
                        })
                    }
                };
                by_seat.insert((unit, seat.title.clone()), id);
                if let (None, Some((usual, _))) = (&seat.title, usual) {
                    by_seat.entry((unit, Some(usual.to_owned()))).or_insert(id);
                }
            }
        }
        (posts, by_seat)
    }

    /// The people as they are to be.
    fn staff(&mut self, people: BTreeMap<String, Person>) -> (Vec<Change<StaffRow>>, ByEmail) {
        let there: HashMap<&str, &StaffRow> = self.world.staff.values().map(|person| (person.email.as_str(), person)).collect();
        let mut alike: HashMap<(String, String), (Option<u32>, String)> = HashMap::new();
        for person in self.world.staff.values() {
            if let Some(phone) = person.phone.as_deref().map(digits).filter(|phone| !phone.is_empty()) {
                alike.insert((person.name.clone(), phone), (None, person.email.clone()));
            }
        }
        let mut in_order: Vec<(String, Person)> = people.into_iter().collect();
        in_order.sort_by_key(|(_, person)| person.place);
        let (mut changes, mut by_email) = (Vec::new(), ByEmail::new());
        for (email, person) in in_order {
            if let Some(phone) = person.phone.as_deref().map(digits).filter(|phone| !phone.is_empty()) {
                let key = (person.name.clone(), phone);
                if let Some((row, other)) = alike.get(&key).filter(|(_, other)| *other != email) {
                    let odd = Odd::SamePerson { row: *row, email: other.clone() };
                    self.warnings.push(Warning { place: person.place, value: person.name.clone(), odd });
                }
                alike.insert(key, (Some(person.place.row), email.clone()));
            }
            let before = there.get(email.as_str()).map(|person| (*person).clone());
            if let Some(odd) = before.as_ref().and_then(|known| self.touchy(known, &person)) {
                self.warnings.push(Warning { place: person.place, value: person.name.clone(), odd });
            }
            let after = match (&before, self.world.outside.gone.get(&email)) {
                (Some(known), _) if self.world.outside.elsewhere.contains(&known.id) => known.clone(),
                (Some(known), _) => StaffRow {
                    name: person.name,
                    title: person.title.or_else(|| known.title.clone()),
                    phone: person.phone.or_else(|| known.phone.clone()),
                    // Who has signed in has chosen a language.
                    language: person.language.filter(|_| !known.is_activated).unwrap_or(known.language),
                    unit_id: person.unit.filter(|_| person.is_home).or(known.unit_id),
                    ..known.clone()
                },
                (None, gone) => StaffRow {
                    id: gone.map_or_else(|| StaffId((self.new_id)()), |gone| gone.id),
                    email: email.clone(),
                    name: person.name,
                    title: person.title,
                    phone: person.phone,
                    language: person.language.unwrap_or(Language::Chinese),
                    unit_id: Some(person.unit.unwrap_or(self.world.top)),
                    is_activated: false,
                },
            };
            by_email.insert(email, (after.id, after.name.clone()));
            push(&mut changes, &mut self.unchanged.staff, person.place, before, after);
        }
        (changes, by_email)
    }

    /// What somebody who is there already would not expect to be changed by a file.
    fn touchy(&self, known: &StaffRow, person: &Person) -> Option<Odd> {
        if self.world.outside.elsewhere.contains(&known.id) {
            let is_other = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
            let differs = known.name != person.name || is_other(&person.title, &known.title) || is_other(&person.phone, &known.phone);
            let moves = person.is_home && person.unit.is_some() && person.unit != known.unit_id;
            return (differs || moves).then(|| Odd::Elsewhere { name: known.name.clone() });
        }
        (known.is_activated && known.name != person.name).then(|| Odd::Renamed { before: known.name.clone() })
    }

    /// Everything together, with what ends.
    fn finish(&mut self, mut file: Understood) -> Changes {
        let (staff, posts) = (mem::take(&mut file.staff), mem::take(&mut file.posts));
        let mut changes = Changes { units: file.units.changes(&mut self.unchanged.units), staff, ..Changes::default() };
        let gone_units = self.ended_units(&file, &mut changes);
        let gone_posts = self.ended_posts(&file, posts, &gone_units, &mut changes);
        let (holdings, succeeded) = self.holdings(&file, &changes, &gone_posts);
        changes.holdings = holdings;
        self.ended_people(&file, &succeeded, &mut changes);
        changes
    }

    /// Ends the units that a full list lacks.
    fn ended_units(&self, file: &Understood, changes: &mut Changes) -> HashSet<UnitId> {
        let gone = if self.mode == Mode::Replace { file.units.missing() } else { HashSet::new() };
        let mut ended: Vec<&UnitRow> = self.world.units.values().filter(|unit| gone.contains(&unit.id)).collect();
        ended.sort_by_key(|unit| (&unit.code, &unit.name, unit.id));
        changes.units.extend(ended.into_iter().map(over));
        gone
    }

    /// The posts of the file, and the end of those that a full list lacks or whose unit ends.
    fn ended_posts(&mut self, file: &Understood, posts: Posts, gone_units: &HashSet<UnitId>, changes: &mut Changes) -> HashSet<PostId> {
        let said = || posts.changes.iter().chain(&posts.same).filter_map(Change::shown);
        let seated_kinds: HashSet<UnitKind> = said().filter_map(|post| file.units.kind_of(post.unit_id)).collect();
        let meant: HashSet<PostId> = said().map(Thing::id).chain(file.terms.iter().map(|term| term.post)).collect();
        let is_gone = |post: &&PostRow| {
            let listed = file.units.kind_of(post.unit_id).is_some_and(|kind| seated_kinds.contains(&kind));
            gone_units.contains(&post.unit_id) || self.mode == Mode::Replace && listed && !meant.contains(&post.id)
        };
        let mut ended: Vec<&PostRow> = self.world.posts.values().filter(is_gone).collect();
        ended.sort_by_key(|post| post.id);
        let gone = ended.iter().map(|post| post.id).collect();
        self.unchanged.posts += posts.same.len();
        changes.posts = posts.changes;
        changes.posts.extend(ended.into_iter().map(over));
        gone
    }
}

/// A file as it is understood: the tree it makes, what it says of posts, people and holdings, and what it is a full list of.
struct Understood {
    units: Units,
    posts: Posts,
    staff: Vec<Change<StaffRow>>,
    terms: Vec<FileTerm>,
    by_email: ByEmail,
    /// Addresses of all who hold something by it.
    holders: HashSet<String>,
    /// Kinds of units whose holders it lists.
    staffed_kinds: HashSet<UnitKind>,
    /// Of its sheets.
    kinds: HashSet<Kind>,
}

impl Understood {
    /// Whether somebody is nowhere in it.
    fn lacks(&self, person: &StaffRow) -> bool {
        !self.by_email.contains_key(&person.email) && !self.holders.contains(&person.email)
    }
}

type BySeat = HashMap<(UnitId, Option<String>), PostId>;
type ByEmail = HashMap<String, (StaffId, String)>;

#[derive(Default)]
struct Posts {
    changes: Vec<Change<PostRow>>,
    same: Vec<Change<PostRow>>,
    new: HashMap<(UnitId, String), PostId>,
    titles: HashMap<PostId, String>,
}

impl Posts {
    fn set(&mut self, place: Place, before: Option<PostRow>, after: PostRow) {
        if before.is_none() {
            self.new.insert((after.unit_id, after.title.clone()), after.id);
        }
        self.titles.insert(after.id, after.title.clone());
        let is_same = before.as_ref() == Some(&after);
        let change = Change { place: Some(place), before, after: Some(after) };
        if is_same { self.same.push(change) } else { self.changes.push(change) }
    }

    fn new_at(&self, unit: UnitId, title: &str) -> Option<PostId> {
        self.new.get(&(unit, title.to_owned())).copied()
    }

    fn title_of(&self, id: PostId) -> Option<&str> {
        self.titles.get(&id).map(String::as_str)
    }
}

fn over<T: Clone>(thing: &T) -> Change<T> {
    Change { place: None, before: Some(thing.clone()), after: None }
}

pub(super) fn push<T: PartialEq>(changes: &mut Vec<Change<T>>, unchanged: &mut usize, place: Place, before: Option<T>, after: T) {
    if before.as_ref() == Some(&after) {
        *unchanged += 1;
    } else {
        changes.push(Change { place: Some(place), before, after: Some(after) });
    }
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

/// The seat of one person: what the whole place is called after. Elsewhere several may hold a post together.
pub(super) fn has_one_holder(kind: UnitKind) -> bool {
    matches!(kind, UnitKind::Grid | UnitKind::Class)
}

/// What the one post of a grid or class is called, where the file does not say.
fn usual_title(kind: UnitKind) -> Option<(&'static str, &'static str)> {
    match kind {
        UnitKind::Grid => Some(("网格员", "Grid worker")),
        UnitKind::Class => Some(("班主任", "Class teacher")),
        _ => None,
    }
}
