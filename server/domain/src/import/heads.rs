//! Which column is which: guessed from the heads, in Chinese or English, and shown to be corrected.

use super::read::{Row, Sheet};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = model::UnknownWord;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s { $($word => Ok($name::$variant),)* _ => Err(model::UnknownWord) }
            }
        }
    };
}

words! {
    /// What a column holds.
    Field {
        UnitCode = "unit_code",
        UnitName = "unit_name",
        UnitNameEn = "unit_name_en",
        UnitKind = "unit_kind",
        ParentCode = "parent_code",
        ParentName = "parent_name",
        PostTitle = "post_title",
        PostTitleEn = "post_title_en",
        PersonName = "person_name",
        Email = "email",
        Phone = "phone",
        PersonTitle = "person_title",
        Language = "language",
        From = "from",
        Until = "until",
    }
}

words! {
    /// What the rows of a sheet are.
    Kind {
        /// Each row a unit with its post and who holds it, as far as it says.
        Roster = "roster",
        Units = "units",
        Posts = "posts",
        Staff = "staff",
        Holdings = "holdings",
        /// Not for Linli.
        Nothing = "nothing",
    }
}

impl Kind {
    /// The columns such a sheet may have; the first ones are what it cannot do without.
    pub fn fields(self) -> &'static [Field] {
        use Field::*;
        match self {
            Kind::Roster => &[
                UnitName,
                UnitCode,
                UnitNameEn,
                UnitKind,
                ParentName,
                ParentCode,
                PostTitle,
                PostTitleEn,
                PersonName,
                Email,
                Phone,
                PersonTitle,
                Language,
                From,
                Until,
            ],
            Kind::Units => &[UnitName, UnitCode, UnitNameEn, UnitKind, ParentCode, ParentName],
            Kind::Posts => &[PostTitle, UnitCode, UnitName, ParentName, PostTitleEn],
            Kind::Staff => &[PersonName, Email, Phone, PersonTitle, Language, UnitCode, UnitName, ParentName],
            Kind::Holdings => &[Email, UnitCode, UnitName, ParentName, PostTitle, From, Until],
            Kind::Nothing => &[],
        }
    }

    /// The column that is missing, if the sheet cannot be read without one.
    pub fn missing(self, columns: &[Option<Field>]) -> Option<Field> {
        use Field::{Email, PersonName, PostTitle, UnitCode, UnitName};
        let has = |field: Field| columns.contains(&Some(field));
        let unit = if has(UnitCode) || has(UnitName) { None } else { Some(UnitName) };
        let need = |field: Field| if has(field) { None } else { Some(field) };
        match self {
            Kind::Roster => unit,
            Kind::Units => need(UnitName),
            Kind::Posts => unit.or(need(PostTitle)),
            Kind::Staff => need(PersonName).or(need(Email)),
            Kind::Holdings => unit.or(need(Email)),
            Kind::Nothing => None,
        }
    }
}

/// How a sheet is to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub kind: Kind,
    /// The row with the heads; what is above it is a title.
    pub head: u32,
    /// What each column holds.
    pub columns: Vec<Option<Field>>,
    /// A unit is known by its name where it is there under another code: the codes are those of another program.
    #[serde(default, alias = "by_name")]
    pub goes_by_name: bool,
}

/// Heads people use, without spaces and in lower case. `Name` and `Title` alone mean what the sheet is about.
const HEADS: [(Field, &[&str]); 15] = [
    (
        Field::UnitCode,
        &["单位代码", "单位编码", "网格代码", "网格编码", "网格编号", "机构代码", "代码", "编码", "编号", "区划代码", "班级代码", "unitcode", "code", "unitid"],
    ),
    (
        Field::UnitName,
        &[
            "单位名称",
            "单位",
            "网格名称",
            "网格",
            "所属网格",
            "负责网格",
            "社区名称",
            "机构名称",
            "班级名称",
            "班级",
            "学校名称",
            "unitname",
            "unit",
            "gridname",
            "grid",
        ],
    ),
    (Field::UnitNameEn, &["英文名称", "单位英文名称", "单位英文名", "英文名", "englishname", "nameinenglish", "unitenglishname", "unitnameen", "nameen"]),
    (Field::UnitKind, &["类别", "单位类别", "单位类型", "类型", "层级", "级别", "kind", "unitkind", "type", "level"]),
    (
        Field::ParentCode,
        &["上级代码", "上级编码", "上级单位代码", "父级代码", "所属社区代码", "社区代码", "社区编码", "parentcode", "parentid", "parentunitcode"],
    ),
    (
        Field::ParentName,
        &[
            "上级名称",
            "上级单位",
            "上级",
            "上级单位名称",
            "所属社区",
            "所属单位",
            "所属街道",
            "所在社区",
            "社区",
            "村社区",
            "所属学校",
            "所属年级",
            "parent",
            "parentname",
            "parentunit",
            "community",
        ],
    ),
    (Field::PostTitle, &["岗位", "岗位名称", "岗位名", "post", "posttitle", "postname", "position"]),
    (Field::PostTitleEn, &["岗位英文名称", "岗位英文名", "posttitleen", "englishtitle", "titleinenglish", "postenglishtitle"]),
    (
        Field::PersonName,
        &[
            "姓名",
            "网格员姓名",
            "网格员",
            "人员姓名",
            "工作人员",
            "工作人员姓名",
            "班主任",
            "班主任姓名",
            "责任人",
            "联系人",
            "staff",
            "staffname",
            "fullname",
            "personname",
            "person",
            "holder",
            "worker",
        ],
    ),
    (Field::Email, &["邮箱", "电邮", "电子邮箱", "邮件", "电子邮件", "邮箱地址", "网格员邮箱", "email", "e-mail", "mail", "emailaddress", "staffemail"]),
    (Field::Phone, &["电话", "手机", "手机号", "手机号码", "联系电话", "联系方式", "电话号码", "网格员电话", "phone", "mobile", "telephone", "phonenumber"]),
    (Field::PersonTitle, &["职务", "职称", "职位", "身份", "jobtitle", "stafftitle", "persontitle", "role"]),
    (Field::Language, &["语言", "界面语言", "language", "lang"]),
    (Field::From, &["开始日期", "任职日期", "任职开始", "起始日期", "开始", "从", "到岗日期", "from", "start", "startdate", "since"]),
    (Field::Until, &["结束日期", "任职结束", "终止日期", "截止日期", "结束", "到", "离岗日期", "until", "to", "end", "enddate"]),
];

/// `上级代码（必填）*` as 上级代码.
fn plain(head: &str) -> String {
    let cut = head.split(['（', '(', '[', '【', '\n']).next().unwrap_or(head);
    cut.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn field_of(head: &str) -> Option<Field> {
    let head = plain(head);
    HEADS.iter().find(|(_, names)| names.iter().any(|name| plain(name) == head)).map(|(field, _)| *field)
}

/// The heads that mean the unit in one sheet and the person in another.
fn is_plain_name(head: &str) -> bool {
    matches!(plain(head).as_str(), "名称" | "name" | "名字")
}

fn is_plain_title(head: &str) -> bool {
    matches!(plain(head).as_str(), "title" | "头衔")
}

/// Rows at the top among which the heads are looked for: below a title, a date, an empty line.
const TOP: usize = 10;

/// How a sheet seems to be meant.
pub fn guess(sheet: &Sheet) -> Choice {
    let count = |row: &Row| row.cells.iter().filter(|cell| field_of(cell).is_some() || is_plain_name(cell) || is_plain_title(cell)).count();
    let best = sheet.rows.iter().take(TOP).map(|row| (count(row), row)).rev().max_by_key(|(count, _)| *count);
    let Some((_, head)) = best else { return Choice { kind: Kind::Nothing, head: 1, columns: Vec::new(), goes_by_name: false } };
    let columns = columns(&head.cells, width(sheet));
    let kind = kind_of(&sheet.name, &columns);
    Choice { kind, head: head.number, columns, goes_by_name: false }
}

/// The same with another row as the heads.
pub fn guess_from(sheet: &Sheet, head: u32) -> Choice {
    let Some(row) = sheet.rows.iter().find(|row| row.number == head) else { return guess(sheet) };
    let columns = columns(&row.cells, width(sheet));
    Choice { kind: kind_of(&sheet.name, &columns), head, columns, goes_by_name: false }
}

pub fn width(sheet: &Sheet) -> usize {
    sheet.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0)
}

fn columns(heads: &[String], width: usize) -> Vec<Option<Field>> {
    let mut columns: Vec<Option<Field>> = vec![None; width];
    let take = |columns: &mut Vec<Option<Field>>, i: usize, field: Option<Field>| {
        // Of two columns with the same head the first is meant.
        if field.is_some() && !columns.contains(&field) {
            columns[i] = field;
        }
    };
    for (i, head) in heads.iter().enumerate() {
        take(&mut columns, i, field_of(head));
    }
    let has_person = columns.contains(&Some(Field::Email)) || columns.contains(&Some(Field::Phone));
    let name = if has_person && !columns.contains(&Some(Field::PersonName)) { Field::PersonName } else { Field::UnitName };
    let title = if has_person { Field::PersonTitle } else { Field::PostTitle };
    for (i, head) in heads.iter().enumerate() {
        take(&mut columns, i, is_plain_name(head).then_some(name));
        take(&mut columns, i, is_plain_title(head).then_some(title));
    }
    columns
}

/// By the sheet's own name where it says it, else by what its columns are.
fn kind_of(name: &str, columns: &[Option<Field>]) -> Kind {
    use Field::{Email, ParentCode, ParentName, PersonName, PostTitle, UnitCode, UnitKind, UnitName};
    let has = |field: Field| columns.contains(&Some(field));
    let named = match plain(name).as_str() {
        "单位" | "units" | "机构" => Some(Kind::Units),
        "岗位" | "posts" => Some(Kind::Posts),
        "人员" | "工作人员" | "staff" | "people" => Some(Kind::Staff),
        "任职" | "holdings" => Some(Kind::Holdings),
        "花名册" | "roster" => Some(Kind::Roster),
        "说明" | "readme" | "填写说明" => Some(Kind::Nothing),
        _ => None,
    };
    if let Some(kind) = named.filter(|kind| kind.missing(columns).is_none()) {
        return kind;
    }
    let has_person = has(Email) || has(PersonName);
    let has_unit = has(UnitName) || has(UnitCode);
    let describes_unit = has(UnitName) && (has(ParentName) || has(ParentCode) || has(UnitKind));
    match (has_unit, has_person) {
        (false, false) => Kind::Nothing,
        (false, true) => Kind::Staff,
        (true, false) if has(PostTitle) && !describes_unit => Kind::Posts,
        (true, false) if has(PostTitle) => Kind::Roster,
        (true, false) => Kind::Units,
        (true, true) if !has(PersonName) => Kind::Holdings,
        (true, true) if describes_unit || has(PostTitle) || has(UnitName) => Kind::Roster,
        (true, true) => Kind::Staff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(name: &str, rows: &[&[&str]]) -> Sheet {
        let rows = (1..).zip(rows).map(|(number, cells)| Row { number, cells: cells.iter().map(|c| (*c).to_owned()).collect() }).collect();
        Sheet { name: name.to_owned(), rows }
    }

    #[test]
    fn a_districts_own_roster_is_understood_below_its_title() {
        let roster = sheet(
            "Sheet1",
            &[&["西陵区网格员花名册"], &["网格名称", "所属社区", "网格员姓名", "邮箱（必填）", "联系电话"], &["第一网格", "桃花岭社区", "王芳", "a@b.cn", "1"]],
        );
        let choice = guess(&roster);
        assert_eq!(choice.head, 2);
        assert_eq!(choice.kind, Kind::Roster);
        let fields: Vec<Field> = choice.columns.into_iter().flatten().collect();
        assert_eq!(fields, [Field::UnitName, Field::ParentName, Field::PersonName, Field::Email, Field::Phone]);
    }

    #[test]
    fn a_name_is_the_units_or_the_persons_by_what_stands_beside_it() {
        let kind = |heads: &[&str]| guess(&sheet("", &[heads]));
        let units = kind(&["code", "parent_code", "kind", "name"]);
        assert_eq!((units.kind, units.columns[3]), (Kind::Units, Some(Field::UnitName)));
        let staff = kind(&["Name", "E-mail", "Phone", "Title", "Language"]);
        assert_eq!((staff.kind, staff.columns[0], staff.columns[3]), (Kind::Staff, Some(Field::PersonName), Some(Field::PersonTitle)));
        assert_eq!(kind(&["Unit code", "Title", "English title"]).kind, Kind::Posts);
        assert_eq!(kind(&["单位代码", "岗位", "邮箱", "开始日期", "结束日期"]).kind, Kind::Holdings);
        assert_eq!(kind(&["备注", "颜色"]).kind, Kind::Nothing);
    }

    #[test]
    fn a_sheet_that_is_named_after_what_it_holds_is_believed_if_it_can_be() {
        assert_eq!(guess(&sheet("人员", &[&["姓名", "邮箱", "单位代码"]])).kind, Kind::Staff);
        assert_eq!(guess(&sheet("人员", &[&["单位代码", "单位名称", "类别"]])).kind, Kind::Units);
        assert_eq!(guess(&sheet("填写说明", &[&["单位代码", "单位名称"]])).kind, Kind::Nothing);
    }

    #[test]
    fn every_head_is_known_once() {
        let mut all: Vec<String> = HEADS.iter().flat_map(|(_, names)| names.iter().map(|name| plain(name))).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(count - all.len(), 1, "email and e-mail are the same");
    }

    #[test]
    fn a_sheet_says_what_it_cannot_do_without() {
        assert_eq!(Kind::Units.missing(&[Some(Field::UnitCode)]), Some(Field::UnitName));
        assert_eq!(Kind::Staff.missing(&[Some(Field::PersonName)]), Some(Field::Email));
        assert_eq!(Kind::Roster.missing(&[None, Some(Field::UnitName)]), None);
        Kind::ALL.iter().for_each(|kind| assert_eq!(kind.missing(&kind.fields().iter().copied().map(Some).collect::<Vec<_>>()), None));
    }
}
