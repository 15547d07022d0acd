//! OneRoster 1.1 and 1.2, the files of the education branch: organisations become bureaus and schools, classes stand below their school, teachers become
//! staff, and who is enrolled as a class's first teacher holds its post for the term. Students and guardians are not read.

use super::{
    heads::{Choice, Field, Kind},
    read::{File, Row, Sheet},
};
use std::collections::{HashMap, HashSet};

/// The package as sheets of our own; every row keeps the number it has in its file.
pub fn convert(file: &File) -> (Vec<Sheet>, Vec<Choice>) {
    let part = |name: &str| file.sheets.iter().find(|sheet| sheet.name == name).map_or_else(Part::default, Part::new);
    let (orgs, users, roles) = (part("orgs.csv"), part("users.csv"), part("roles.csv"));
    let (classes, enrollments, sessions) = (part("classes.csv"), part("enrollments.csv"), part("academicsessions.csv"));
    let teaching = teaching(&enrollments);
    let pages = [
        org_page(&orgs),
        class_page(&classes),
        seat_page(&classes, &teaching),
        staff_page(&users, &roles),
        held_page(&enrollments, &users, &classes, &sessions, &teaching),
    ];
    pages.into_iter().filter(|page| !page.rows.is_empty()).map(Page::done).unzip()
}

#[derive(Default)]
struct Part<'a> {
    heads: HashMap<String, usize>,
    rows: &'a [Row],
}

impl<'a> Part<'a> {
    fn new(sheet: &'a Sheet) -> Part<'a> {
        let Some((head, rows)) = sheet.rows.split_first() else { return Part::default() };
        let heads = head.cells.iter().enumerate().map(|(i, name)| (name.trim().to_lowercase(), i)).collect();
        Part { heads, rows }
    }

    fn get(&self, row: &'a Row, head: &str) -> &'a str {
        self.heads.get(head).map_or("", |column| row.cell(*column))
    }

    /// Rows that hold: a bulk file has no status, a delta says what goes.
    fn live(&self) -> impl Iterator<Item = &'a Row> + '_ {
        self.rows.iter().filter(|row| !self.get(row, "status").eq_ignore_ascii_case("tobedeleted"))
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
        let choice = Choice { kind: self.kind, head: 1, columns: self.columns.iter().copied().map(Some).collect() };
        (Sheet { name: self.name.to_owned(), rows: self.rows }, choice)
    }
}

fn row<const N: usize>(from: &Row, cells: [&str; N]) -> Row {
    Row { number: from.number, cells: cells.map(str::to_owned).to_vec() }
}

fn org_page(orgs: &Part<'_>) -> Page {
    let kind = |typed: &str| match typed.to_lowercase().as_str() {
        "school" => "school",
        "district" | "local" | "department" | "state" | "national" => "bureau",
        _ => "",
    };
    let cells = |org| row(org, [orgs.get(org, "sourcedid"), orgs.get(org, "name"), kind(orgs.get(org, "type")), orgs.get(org, "parentsourcedid")]);
    let columns = &[Field::UnitCode, Field::UnitName, Field::UnitKind, Field::ParentCode];
    Page { name: "orgs.csv", kind: Kind::Units, columns, rows: orgs.live().map(cells).collect() }
}

fn class_page(classes: &Part<'_>) -> Page {
    let cells = |class| row(class, [classes.get(class, "sourcedid"), classes.get(class, "title"), "class", classes.get(class, "schoolsourcedid")]);
    let columns = &[Field::UnitCode, Field::UnitName, Field::UnitKind, Field::ParentCode];
    Page { name: "classes.csv", kind: Kind::Units, columns, rows: classes.live().map(cells).collect() }
}

/// The post of every class's teacher.
fn seat_page(classes: &Part<'_>, teaching: &HashMap<String, String>) -> Page {
    let with_teacher = classes.live().filter(|class| teaching.contains_key(classes.get(class, "sourcedid")));
    let rows = with_teacher.map(|class| row(class, [classes.get(class, "sourcedid"), "班主任", "Class teacher"])).collect();
    Page { name: "classes.csv", kind: Kind::Posts, columns: &[Field::UnitCode, Field::PostTitle, Field::PostTitleEn], rows }
}

/// The enrolment that makes somebody the teacher of a class: the one marked primary, or the only one.
fn teaching(enrollments: &Part<'_>) -> HashMap<String, String> {
    let mut of_class: HashMap<&str, Vec<(&str, bool)>> = HashMap::new();
    for line in enrollments.live().filter(|line| enrollments.get(line, "role").eq_ignore_ascii_case("teacher")) {
        let is_primary = enrollments.get(line, "primary").eq_ignore_ascii_case("true");
        of_class.entry(enrollments.get(line, "classsourcedid")).or_default().push((enrollments.get(line, "sourcedid"), is_primary));
    }
    let chosen = |lines: Vec<(&str, bool)>| match lines[..] {
        [(only, _)] => Some(only.to_owned()),
        _ => lines.iter().find(|(_, is_primary)| *is_primary).map(|(id, _)| (*id).to_owned()),
    };
    of_class.into_iter().filter_map(|(class, lines)| Some((class.to_owned(), chosen(lines)?))).collect()
}

/// 1.1 has the role in the user's row, 1.2 in a file of its own.
fn staff_page(users: &Part<'_>, roles: &Part<'_>) -> Page {
    let is_staff_role = |role: &str| {
        let role = role.to_lowercase();
        ["teacher", "aide", "administrator", "principal", "counselor", "proctor", "sitesupport"].iter().any(|known| role.contains(known))
    };
    let by_file: HashSet<&str> = roles.live().filter(|line| is_staff_role(roles.get(line, "role"))).map(|line| roles.get(line, "usersourcedid")).collect();
    let is_staff = |user: &&Row| {
        let is_off = users.get(user, "enableduser").eq_ignore_ascii_case("false");
        !is_off && (is_staff_role(users.get(user, "role")) || by_file.contains(users.get(user, "sourcedid")))
    };
    let phone = |user| Some(users.get(user, "phone")).filter(|phone| !phone.is_empty()).unwrap_or_else(|| users.get(user, "sms"));
    let cells = |user| row(user, [&name(users, user), users.get(user, "email"), phone(user)]);
    Page {
        name: "users.csv",
        kind: Kind::Staff,
        columns: &[Field::PersonName, Field::Email, Field::Phone],
        rows: users.live().filter(is_staff).map(cells).collect(),
    }
}

/// 王 and 芳 are 王芳, Fang and Wang are Fang Wang.
fn name(users: &Part<'_>, user: &Row) -> String {
    let cell = |head: &str| users.heads.get(head).map_or("", |column| user.cell(*column)).trim().to_owned();
    let (family, given) = (cell("familyname"), cell("givenname"));
    let is_chinese = family.chars().chain(given.chars()).any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    if is_chinese { format!("{family}{given}") } else { format!("{given} {family}").trim().to_owned() }
}

fn held_page(enrollments: &Part<'_>, users: &Part<'_>, classes: &Part<'_>, sessions: &Part<'_>, teaching: &HashMap<String, String>) -> Page {
    let emails: HashMap<&str, &str> = users.live().map(|user| (users.get(user, "sourcedid"), users.get(user, "email"))).collect();
    let terms: HashMap<&str, &str> = classes.live().map(|class| (classes.get(class, "sourcedid"), classes.get(class, "termsourcedids"))).collect();
    let days: HashMap<&str, (&str, &str)> =
        sessions.live().map(|session| (sessions.get(session, "sourcedid"), (sessions.get(session, "startdate"), sessions.get(session, "enddate")))).collect();
    let chosen: HashSet<&str> = teaching.values().map(String::as_str).collect();
    let cells = |line| {
        let class = enrollments.get(line, "classsourcedid");
        let of_terms = || terms.get(class).into_iter().flat_map(|terms| terms.split(',')).filter_map(|term| days.get(term.trim()));
        // ISO dates stand in the order of time.
        let first = of_terms().map(|(start, _)| *start).filter(|day| !day.is_empty()).min().unwrap_or("");
        let last = of_terms().map(|(_, end)| *end).filter(|day| !day.is_empty()).max().unwrap_or("");
        let or = |own: &'_ str, term: &str| if own.is_empty() { term.to_owned() } else { own.to_owned() };
        let (from, until) = (or(enrollments.get(line, "begindate"), first), or(enrollments.get(line, "enddate"), last));
        let email = emails.get(enrollments.get(line, "usersourcedid")).copied().unwrap_or("");
        row(line, [class, "班主任", email, &from, &until])
    };
    let rows = enrollments.live().filter(|line| chosen.contains(enrollments.get(line, "sourcedid"))).map(cells).collect();
    Page { name: "enrollments.csv", kind: Kind::Holdings, columns: &[Field::UnitCode, Field::PostTitle, Field::Email, Field::From, Field::Until], rows }
}
