//! OneRoster 1.1 and 1.2, the files of the education branch: organisations become bureaus and schools, homeroom classes stand below their school, teachers
//! become staff, and who is enrolled as a class's first teacher holds its post for the term. Students and guardians are not read, and lessons (scheduled
//! classes) are no units: a parent knows the class, not the timetable.

use super::{
    change::Place,
    heads::{Choice, Field, Kind},
    plan::{Odd, Warning},
    read::{File, Row, Sheet},
};
use jiff::civil::Date;
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

/// Lets through what is used, row by row while a part is read: a district has thirty students to each teacher.
#[derive(Default)]
pub struct Sieve {
    part: String,
    heads: Option<HashMap<String, usize>>,
    /// Who is staff by the file of roles, if there is one.
    staff: Option<HashSet<String>>,
}

impl Sieve {
    pub fn begin(&mut self, part: &str) {
        (self.part, self.heads) = (part.to_owned(), None);
        if part == "roles.csv" {
            self.staff = Some(HashSet::new());
        }
    }

    pub fn keeps(&mut self, row: &Row) -> bool {
        let Some(heads) = &self.heads else {
            self.heads = Some(heads_of(row));
            return true;
        };
        let get = |head: &str| heads.get(head).map_or("", |column| row.cell(*column));
        match self.part.as_str() {
            "roles.csv" => {
                let is_kept = is_staff_role(get("role"));
                if let Some(staff) = self.staff.as_mut().filter(|_| is_kept) {
                    staff.insert(get("usersourcedid").to_owned());
                }
                is_kept
            }
            "users.csv" => is_staff_role(get("role")) || self.staff.as_ref().is_some_and(|staff| staff.contains(get("sourcedid"))),
            "enrollments.csv" => get("role").eq_ignore_ascii_case("teacher"),
            _ => true,
        }
    }
}

fn is_staff_role(role: &str) -> bool {
    let role = role.to_lowercase();
    ["teacher", "aide", "administrator", "principal", "counselor", "proctor", "sitesupport"].iter().any(|known| role.contains(known))
}

fn heads_of(row: &Row) -> HashMap<String, usize> {
    row.cells.iter().enumerate().map(|(i, name)| (name.trim().to_lowercase(), i)).collect()
}

/// The package as sheets of our own, and what was left out of it; every row keeps the number it has in its file.
pub struct Package {
    pub sheets: Vec<Sheet>,
    pub choices: Vec<Choice>,
    pub left_out: Vec<Warning>,
}

/// `today` says whose enrolment is over.
pub fn convert(file: &File, today: Date) -> Package {
    let part = |name: &str| file.sheets.iter().find(|sheet| sheet.name == name).map_or_else(Part::default, Part::new);
    let (orgs, users, roles) = (part("orgs.csv"), part("users.csv"), part("roles.csv"));
    let (classes, enrollments, sessions) = (part("classes.csv"), part("enrollments.csv"), part("academicsessions.csv"));
    let codes = codes(&orgs);
    let (classes, scheduled) = homerooms(classes);
    let (users, unreachable) = reachable(users, &roles);
    let terms = Terms::new(&classes, &sessions);
    let leads = leads(&enrollments, &users, &classes, &terms, today);
    let pages = [
        org_page(&orgs, &codes),
        class_page(&classes, &codes),
        seat_page(&classes, &leads),
        staff_page(&users),
        held_page(&enrollments, &users, &terms, &leads),
    ];
    let pages: Vec<Page> = pages.into_iter().filter(|page| !page.rows.is_empty()).collect();
    let place = |name: &str, row: &Row| Place { sheet: pages.iter().position(|page| page.name == name).unwrap_or(0), row: row.number };
    let mut left_out = Vec::new();
    if let Some(first) = scheduled.first() {
        left_out.push(Warning { place: place("classes.csv", first), value: String::new(), odd: Odd::Scheduled { count: scheduled.len() } });
    }
    let without_address: HashSet<&str> = unreachable.iter().map(|(user, _)| users.get(user, "sourcedid")).collect();
    left_out.extend(unreachable.iter().map(|(row, name)| Warning { place: place("users.csv", row), value: name.clone(), odd: Odd::NoEmail }));
    let is_without = |line: &&Row| without_address.contains(enrollments.get(line, "usersourcedid"));
    let led_by_nobody: HashSet<&str> = enrollments.teachers().filter(is_without).map(|line| enrollments.get(line, "classsourcedid")).collect();
    let taught: HashSet<&str> = enrollments.teachers().map(|line| enrollments.get(line, "classsourcedid")).collect();
    for class in classes.live() {
        let id = classes.get(class, "sourcedid");
        let odd = match leads.get(id) {
            Some(lead) => lead.is_guess.then(|| Odd::ChosenTeacher { name: name(&users, lead.user) }),
            None if led_by_nobody.contains(id) => Some(Odd::NoTeacher),
            None => taught.contains(id).then_some(Odd::UnknownTeacher),
        };
        left_out.extend(odd.map(|odd| Warning { place: place("classes.csv", class), value: classes.get(class, "title").to_owned(), odd }));
    }
    let (sheets, choices) = pages.into_iter().map(Page::done).unzip();
    Package { sheets, choices, left_out }
}

/// The code each organisation goes by: the one its own authority gave it, if it is the only one with it, else that of the package.
fn codes<'a>(orgs: &Part<'a>) -> HashMap<&'a str, &'a str> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    orgs.live().for_each(|org| *seen.entry(orgs.get(org, "identifier")).or_default() += 1);
    let code = |org| {
        let (id, given) = (orgs.get(org, "sourcedid"), orgs.get(org, "identifier"));
        (id, if !given.is_empty() && seen.get(given) == Some(&1) { given } else { id })
    };
    orgs.live().map(code).collect()
}

/// Classes that somebody leads; of lessons it is only said that they are left out.
fn homerooms(mut classes: Part<'_>) -> (Part<'_>, Vec<&Row>) {
    let is_lesson = |row: &&Row| classes.get(row, "classtype").eq_ignore_ascii_case("scheduled");
    let (lessons, homerooms) = classes.live().partition(is_lesson);
    classes.rows = homerooms;
    (classes, lessons)
}

/// Staff who can be invited, and those who have no address, with their names.
fn reachable<'a>(mut users: Part<'a>, roles: &Part<'a>) -> (Part<'a>, Vec<(&'a Row, String)>) {
    // 1.1 has the role in the user's row, 1.2 in a file of its own.
    let by_file: HashSet<&str> = roles.live().filter(|line| is_staff_role(roles.get(line, "role"))).map(|line| roles.get(line, "usersourcedid")).collect();
    let is_staff = |user: &&'a Row| {
        let is_off = users.get(user, "enableduser").eq_ignore_ascii_case("false");
        !is_off && (is_staff_role(users.get(user, "role")) || by_file.contains(users.get(user, "sourcedid")))
    };
    let (with, without): (Vec<&Row>, Vec<&Row>) = users.live().filter(is_staff).partition(|user| !users.get(user, "email").is_empty());
    let unreachable = without.into_iter().map(|user| (user, name(&users, user))).collect();
    users.rows = with;
    (users, unreachable)
}

#[derive(Default)]
struct Part<'a> {
    heads: HashMap<String, usize>,
    rows: Vec<&'a Row>,
}

impl<'a> Part<'a> {
    fn new(sheet: &'a Sheet) -> Part<'a> {
        let Some((head, rows)) = sheet.rows.split_first() else { return Part::default() };
        Part { heads: heads_of(head), rows: rows.iter().collect() }
    }

    fn get(&self, row: &'a Row, head: &str) -> &'a str {
        self.heads.get(head).map_or("", |column| row.cell(*column))
    }

    /// Rows that hold: a bulk file has no status, a delta says what goes.
    fn live(&self) -> impl Iterator<Item = &'a Row> + '_ {
        self.rows.iter().copied().filter(|row| !self.get(row, "status").eq_ignore_ascii_case("tobedeleted"))
    }

    /// Of enrolments those of teachers.
    fn teachers(&self) -> impl Iterator<Item = &'a Row> + '_ {
        self.live().filter(|line| self.get(line, "role").eq_ignore_ascii_case("teacher"))
    }
}

struct Page {
    name: &'static str,
    kind: Kind,
    columns: &'static [Field],
    rows: Vec<Row>,
}

impl Page {
    fn done(self) -> (Sheet, Choice) {
        let choice = Choice { kind: self.kind, head: 1, columns: self.columns.iter().copied().map(Some).collect(), goes_by_name: true };
        (Sheet { name: self.name.to_owned(), rows: self.rows }, choice)
    }
}

fn row<const N: usize>(from: &Row, cells: [&str; N]) -> Row {
    Row { number: from.number, cells: cells.map(str::to_owned).to_vec() }
}

fn org_page(orgs: &Part<'_>, codes: &HashMap<&str, &str>) -> Page {
    let kind = |typed: &str| match typed.to_lowercase().as_str() {
        "school" => "school",
        "district" | "local" | "department" | "state" | "national" => "bureau",
        _ => "",
    };
    let code = |id| codes.get(id).copied().unwrap_or(id);
    let cells = |org| row(org, [code(orgs.get(org, "sourcedid")), orgs.get(org, "name"), kind(orgs.get(org, "type")), code(orgs.get(org, "parentsourcedid"))]);
    let columns = &[Field::UnitCode, Field::UnitName, Field::UnitKind, Field::ParentCode];
    Page { name: "orgs.csv", kind: Kind::Units, columns, rows: orgs.live().map(cells).collect() }
}

fn class_page(classes: &Part<'_>, codes: &HashMap<&str, &str>) -> Page {
    let school = |class| {
        let id = classes.get(class, "schoolsourcedid");
        codes.get(id).copied().unwrap_or(id)
    };
    let cells = |class| row(class, [classes.get(class, "sourcedid"), classes.get(class, "title"), "class", school(class)]);
    let columns = &[Field::UnitCode, Field::UnitName, Field::UnitKind, Field::ParentCode];
    Page { name: "classes.csv", kind: Kind::Units, columns, rows: classes.live().map(cells).collect() }
}

/// When classes begin and end by their terms.
struct Terms<'a> {
    of_class: HashMap<&'a str, &'a str>,
    days: HashMap<&'a str, (&'a str, &'a str)>,
}

impl<'a> Terms<'a> {
    fn new(classes: &Part<'a>, sessions: &Part<'a>) -> Terms<'a> {
        let of_class = classes.live().map(|class| (classes.get(class, "sourcedid"), classes.get(class, "termsourcedids"))).collect();
        let days = |session| (sessions.get(session, "sourcedid"), (sessions.get(session, "startdate"), sessions.get(session, "enddate")));
        Terms { of_class, days: sessions.live().map(days).collect() }
    }

    /// The first day of an enrolment and the one after the last, its own or those of the class's terms.
    fn of(&self, enrollments: &Part<'a>, line: &'a Row) -> (&'a str, &'a str) {
        let class = enrollments.get(line, "classsourcedid");
        let of_terms = || self.of_class.get(class).into_iter().flat_map(|terms| terms.split(',')).filter_map(|term| self.days.get(term.trim()));
        // ISO dates stand in the order of time.
        let first = of_terms().map(|(start, _)| *start).filter(|day| !day.is_empty()).min().unwrap_or("");
        let end = of_terms().map(|(_, end)| *end).filter(|day| !day.is_empty()).max().unwrap_or("");
        let or = |own: &'a str, term: &'a str| if own.is_empty() { term } else { own };
        (or(enrollments.get(line, "begindate"), first), or(enrollments.get(line, "enddate"), end))
    }
}

/// Who leads a class: the enrolment, and whose it is.
struct Lead<'a> {
    line: &'a Row,
    user: &'a Row,
    /// Several could be meant.
    is_guess: bool,
}

/// A teacher's enrolment in a class.
struct Candidate<'a> {
    line: &'a Row,
    user: &'a Row,
    goes_on: bool,
    is_primary: bool,
    begin: &'a str,
}

/// For each class who leads it: of those whose time is not over the one marked primary, and of several whoever began last.
fn leads<'a>(enrollments: &Part<'a>, users: &Part<'a>, classes: &Part<'a>, terms: &Terms<'a>, today: Date) -> HashMap<&'a str, Lead<'a>> {
    let known: HashMap<&str, &Row> = users.live().map(|user| (users.get(user, "sourcedid"), user)).collect();
    let rooms: HashSet<&str> = classes.live().map(|class| classes.get(class, "sourcedid")).collect();
    let mut of_class: HashMap<&str, Vec<Candidate<'_>>> = HashMap::new();
    for line in enrollments.teachers() {
        let class = enrollments.get(line, "classsourcedid");
        let Some(user) = known.get(enrollments.get(line, "usersourcedid")).filter(|_| rooms.contains(class)) else { continue };
        let (begin, end) = terms.of(enrollments, line);
        let goes_on = end.parse::<Date>().map_or(true, |end| end > today);
        let is_primary = enrollments.get(line, "primary").eq_ignore_ascii_case("true");
        of_class.entry(class).or_default().push(Candidate { line, user, goes_on, is_primary, begin });
    }
    let chosen = |candidates: Vec<Candidate<'a>>| {
        let best = candidates.iter().max_by_key(|c| (c.goes_on, c.is_primary, c.begin, Reverse(c.line.number)))?;
        let is_guess = !best.is_primary && candidates.iter().filter(|c| c.goes_on == best.goes_on).count() > 1;
        Some(Lead { line: best.line, user: best.user, is_guess })
    };
    of_class.into_iter().filter_map(|(class, candidates)| Some((class, chosen(candidates)?))).collect()
}

/// The post of every class's teacher.
fn seat_page(classes: &Part<'_>, leads: &HashMap<&str, Lead<'_>>) -> Page {
    let with_teacher = classes.live().filter(|class| leads.contains_key(classes.get(class, "sourcedid")));
    let rows = with_teacher.map(|class| row(class, [classes.get(class, "sourcedid"), "班主任", "Class teacher"])).collect();
    Page { name: "classes.csv", kind: Kind::Posts, columns: &[Field::UnitCode, Field::PostTitle, Field::PostTitleEn], rows }
}

fn staff_page(users: &Part<'_>) -> Page {
    let phone = |user| Some(users.get(user, "phone")).filter(|phone| !phone.is_empty()).unwrap_or_else(|| users.get(user, "sms"));
    let cells = |user| row(user, [&name(users, user), users.get(user, "email"), phone(user)]);
    let columns = &[Field::PersonName, Field::Email, Field::Phone];
    Page { name: "users.csv", kind: Kind::Staff, columns, rows: users.live().map(cells).collect() }
}

/// 王 and 芳 are 王芳, Fang and Wang are Fang Wang.
fn name(users: &Part<'_>, user: &Row) -> String {
    let cell = |head: &str| users.heads.get(head).map_or("", |column| user.cell(*column)).trim().to_owned();
    let (family, given) = (cell("familyname"), cell("givenname"));
    let is_chinese = family.chars().chain(given.chars()).any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    if is_chinese { format!("{family}{given}") } else { format!("{given} {family}").trim().to_owned() }
}

fn held_page<'a>(enrollments: &Part<'a>, users: &Part<'a>, terms: &Terms<'a>, leads: &HashMap<&str, Lead<'a>>) -> Page {
    let mut leads: Vec<&Lead<'_>> = leads.values().collect();
    leads.sort_by_key(|lead| lead.line.number);
    let cells = |lead: &Lead<'a>| {
        let (from, end) = terms.of(enrollments, lead.line);
        let class = enrollments.get(lead.line, "classsourcedid");
        row(lead.line, [class, "班主任", users.get(lead.user, "email"), from, &last_day(end)])
    };
    let columns = &[Field::UnitCode, Field::PostTitle, Field::Email, Field::From, Field::Until];
    Page { name: "enrollments.csv", kind: Kind::Holdings, columns, rows: leads.into_iter().map(cells).collect() }
}

/// OneRoster names the first day on which something is over; in a register the last one stands on which it holds.
fn last_day(end: &str) -> String {
    end.parse::<Date>().and_then(Date::yesterday).map_or_else(|_| end.to_owned(), |day| day.to_string())
}
