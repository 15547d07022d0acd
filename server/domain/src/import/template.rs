//! Sheets to begin with: the heads as they are understood.

use super::{heads::Kind, workbook};
use model::Language;

/// The heads of the sheet of one kind, and nothing below them: what stood there as an example would be brought in with the rest.
pub fn page(kind: Kind, language: Language) -> Vec<Vec<String>> {
    let heads: &[&str] = match (kind, language) {
        (Kind::Roster | Kind::Nothing, Language::Chinese) => &["网格代码", "网格名称", "所属社区", "岗位", "网格员姓名", "邮箱", "联系电话", "开始日期"],
        (Kind::Roster | Kind::Nothing, Language::English) => &["Unit code", "Unit name", "Parent unit", "Post title", "Full name", "E-mail", "Phone", "From"],
        (Kind::Units, Language::Chinese) => &["代码", "单位名称", "英文名称", "类别", "上级代码"],
        (Kind::Units, Language::English) => &["Code", "Unit name", "English name", "Kind", "Parent code"],
        (Kind::Posts, Language::Chinese) => &["单位代码", "岗位名称", "岗位英文名称"],
        (Kind::Posts, Language::English) => &["Unit code", "Post title", "Post English title"],
        (Kind::Staff, Language::Chinese) => &["姓名", "邮箱", "联系电话", "职务", "语言", "单位代码"],
        (Kind::Staff, Language::English) => &["Full name", "E-mail", "Phone", "Job title", "Language", "Unit code"],
        (Kind::Holdings, Language::Chinese) => &["单位代码", "岗位名称", "邮箱", "开始日期", "结束日期"],
        (Kind::Holdings, Language::English) => &["Unit code", "Post title", "E-mail", "From", "Until"],
    };
    vec![heads.iter().map(|head| (*head).to_owned()).collect()]
}

/// What a sheet is called, so that it is known again by its name.
pub fn name(kind: Kind, language: Language) -> &'static str {
    match (kind, language) {
        (Kind::Roster | Kind::Nothing, Language::Chinese) => "花名册",
        (Kind::Roster | Kind::Nothing, Language::English) => "Roster",
        (Kind::Units, Language::Chinese) => "单位",
        (Kind::Units, Language::English) => "Units",
        (Kind::Posts, Language::Chinese) => "岗位",
        (Kind::Posts, Language::English) => "Posts",
        (Kind::Staff, Language::Chinese) => "人员",
        (Kind::Staff, Language::English) => "Staff",
        (Kind::Holdings, Language::Chinese) => "任职",
        (Kind::Holdings, Language::English) => "Holdings",
    }
}

/// A workbook of these kinds of sheets.
pub fn xlsx(kinds: &[Kind], language: Language) -> Option<Vec<u8>> {
    let pages: Vec<workbook::Page> = kinds.iter().map(|kind| workbook::Page { name: name(*kind, language).to_owned(), rows: page(*kind, language) }).collect();
    workbook::write(&pages).ok()
}

/// The same as a CSV file that every spreadsheet program opens rightly.
pub fn csv(kind: Kind, language: Language) -> Vec<u8> {
    to_csv(&page(kind, language))
}

/// Rows as CSV in UTF-8 with its mark, safe to open: what a spreadsheet would take for a formula gets an apostrophe in front.
pub fn to_csv(rows: &[Vec<String>]) -> Vec<u8> {
    let mut text = String::from("\u{FEFF}");
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| format!("\"{}\"", safe(cell).replace('"', "\"\""))).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn safe(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{heads::guess, read::read};

    #[test]
    fn what_is_offered_as_a_template_is_understood_as_it_is_meant() {
        for language in [Language::Chinese, Language::English] {
            let kinds = [Kind::Roster, Kind::Units, Kind::Posts, Kind::Staff, Kind::Holdings];
            let file = read(&xlsx(&kinds, language).unwrap()).unwrap();
            for (sheet, kind) in file.sheets.iter().zip(kinds) {
                let guessed = guess(sheet);
                assert_eq!((guessed.kind, guessed.head), (kind, 1), "{}", sheet.name);
                assert!(guessed.columns.iter().all(|field| field.is_some_and(|field| kind.fields().contains(&field))), "{}: {:?}", sheet.name, guessed.columns);
                let alone = read(&csv(kind, language)).unwrap();
                assert_eq!(guess(&alone.sheets[0]).kind, kind, "{} as CSV", sheet.name);
            }
        }
    }

    #[test]
    fn nothing_in_an_export_is_a_formula() {
        let rows = [["=1+1", "+86 138", "-3"], ["@SUM(A1)", "\tx", "a \"b\", c"]].map(|row| row.map(str::to_owned).to_vec());
        let text = String::from_utf8(to_csv(&rows)).unwrap();
        assert_eq!(text, "\u{FEFF}\"'=1+1\",\"'+86 138\",\"'-3\"\r\n\"'@SUM(A1)\",\"'\tx\",\"a \"\"b\"\", c\"\r\n");
    }
}
