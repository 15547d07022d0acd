//! A file as its sheets of numbered rows. Whatever it is, it is read with limits that hold before anything is unpacked, and what cannot be taken is
//! said in one sentence with the place where it is.

mod bomb;
mod csv;

use self::{
    bomb::{PART_LIMIT, PARTS_LIMIT, claims_many_parts, measure},
    csv::read_csv,
};
use super::{merged::spread, oneroster::Sieve};
use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx, XlsxFormulaMetadata};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    io::{Cursor, Read},
    time::{Duration, Instant},
};
use zip::ZipArchive;

/// Bytes of a file.
pub const FILE_LIMIT: usize = 32 * 1024 * 1024;
/// Bytes of the text of all cells together: a workbook may say one long text of a million cells.
const CELLS_LIMIT: usize = 64 * 1024 * 1024;
/// Rows of all sheets together, columns, and characters of a cell.
pub const ROW_LIMIT: usize = 100_000;
pub const COLUMN_LIMIT: usize = 60;
pub const CELL_LIMIT: usize = 1_000;
pub const SHEET_LIMIT: usize = 30;
/// How long a workbook may take. A register takes two seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Characters kept of a formula that has no value: enough to know it by.
const FORMULA_TOP: usize = 60;

/// Why a file cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("there is nothing in it")]
    Empty,
    #[error("it is larger than {} MB", FILE_LIMIT / 1024 / 1024)]
    TooLarge,
    /// Nothing that a spreadsheet program saves as XLSX or CSV.
    #[error("it is neither XLSX nor CSV")]
    NotATable,
    /// XLS of old, or protected by a password: both look the same from outside.
    #[error("it is an old XLS or has a password; save it as XLSX without one")]
    OldExcel,
    #[error("it is damaged and cannot be opened")]
    Damaged,
    /// Unpacked it would be far larger than any register of a district.
    #[error("unpacked it is far too large; keep only what is to be imported")]
    Bomb,
    #[error("it has more than {ROW_LIMIT} rows")]
    TooManyRows,
    #[error("it has more than {SHEET_LIMIT} sheets; keep those to be imported, or hide the others")]
    TooManySheets,
    #[error("it takes too long to read; save it once more with nothing but what is to be imported")]
    TooSlow,
    #[error("row {row} has more than {COLUMN_LIMIT} columns")]
    TooManyColumns { row: u32 },
    #[error("row {row}, column {column} has more than {CELL_LIMIT} characters; perhaps a quotation mark is not closed before it")]
    CellTooLong { row: u32, column: u32 },
    /// Some rows are in UTF-8 and some in GB18030.
    #[error("row {utf8} is in UTF-8 and row {other} in another encoding; save it in one")]
    Mixed { utf8: u32, other: u32 },
    #[error("row {row} is in an encoding that cannot be read; save it as UTF-8 or GB18030")]
    Encoding { row: u32 },
}

/// How a file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Xlsx,
    /// A ZIP of CSV files as OneRoster 1.1 and 1.2 name them.
    OneRoster,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub format: Format,
    pub sheets: Vec<Sheet>,
}

impl File {
    pub fn rows(&self) -> usize {
        self.sheets.iter().map(|sheet| sheet.rows.len()).sum()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// As it is called in the workbook; empty for a CSV file.
    pub name: String,
    /// Those with anything in them.
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// As a spreadsheet program counts them, from 1.
    pub number: u32,
    /// Trimmed.
    pub cells: Vec<String>,
}

impl Row {
    pub fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }

    fn is_blank(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }
}

/// What of a file may still be held: rows, and bytes of text.
pub(super) struct Room {
    rows: usize,
    text: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { rows: ROW_LIMIT, text: CELLS_LIMIT }
    }
}

impl Room {
    fn take_row(&mut self) -> Result<(), ReadError> {
        self.rows = self.rows.checked_sub(1).ok_or(ReadError::TooManyRows)?;
        Ok(())
    }

    /// Asked before the text is copied.
    pub(super) fn take_text(&mut self, text: &str) -> Result<(), ReadError> {
        self.text = self.text.checked_sub(text.len()).ok_or(ReadError::Bomb)?;
        Ok(())
    }
}

/// Reads whatever it is.
pub fn read(bytes: &[u8]) -> Result<File, ReadError> {
    if bytes.len() > FILE_LIMIT {
        return Err(ReadError::TooLarge);
    }
    let file = if bytes.starts_with(b"PK\x03\x04") {
        read_zip(bytes)?
    } else if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(ReadError::OldExcel);
    } else {
        File { format: Format::Csv, sheets: vec![Sheet { name: String::new(), rows: read_csv(bytes, &mut Room::default(), &mut |_| true)? }] }
    };
    if file.rows() == 0 { Err(ReadError::Empty) } else { Ok(file) }
}

/// The files that make a OneRoster package.
const ONE_ROSTER: [&str; 6] = ["manifest.csv", "orgs.csv", "users.csv", "classes.csv", "enrollments.csv", "academicsessions.csv"];

fn read_zip(bytes: &[u8]) -> Result<File, ReadError> {
    // Before room is made for as many.
    if bytes.windows(4).filter(|four| four == b"PK\x01\x02").count() > PARTS_LIMIT || claims_many_parts(bytes) {
        return Err(ReadError::Bomb);
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| ReadError::Damaged)?;
    measure(&mut archive)?;
    let names: Vec<String> = archive.file_names().map(|name| name.map(Cow::into_owned)).collect::<Result<_, _>>().map_err(|_| ReadError::Damaged)?;
    if names.iter().any(|name| name == "[Content_Types].xml") {
        return read_xlsx(bytes);
    }
    let base = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
    if !names.iter().any(|name| ONE_ROSTER.contains(&base(name).as_str())) {
        return Err(ReadError::NotATable);
    }
    let mut parts: Vec<(String, &String)> = names.iter().map(|name| (base(name), name)).collect();
    parts.retain(|(base, _)| ONE_ROSTER.contains(&base.as_str()) || base == "roles.csv");
    // Roles say who of the users is staff.
    parts.sort_by_key(|(base, _)| base != "roles.csv");
    let (mut sheets, mut sieve, mut room) = (Vec::new(), Sieve::default(), Room::default());
    for (base, name) in parts {
        let mut text = Vec::new();
        archive.by_name(name).map_err(|_| ReadError::Damaged)?.take(PART_LIMIT + 1).read_to_end(&mut text).map_err(|_| ReadError::Damaged)?;
        if text.len() as u64 > PART_LIMIT {
            return Err(ReadError::Bomb);
        }
        sieve.begin(&base);
        let rows = read_csv(&text, &mut room, &mut |row| sieve.keeps(row))?;
        sheets.push(Sheet { name: base, rows });
    }
    Ok(File { format: Format::OneRoster, sheets })
}

fn read_xlsx(bytes: &[u8]) -> Result<File, ReadError> {
    let until = Instant::now() + PATIENCE;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| ReadError::Damaged)?;
    let visible = |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible;
    let names: Vec<String> = book.sheets_metadata().iter().filter(visible).take(SHEET_LIMIT + 1).map(|sheet| sheet.name.clone()).collect();
    // One that is not looked at would count as one that lacks everything.
    if names.len() > SHEET_LIMIT {
        return Err(ReadError::TooManySheets);
    }
    let mut sheets = Vec::new();
    let mut room = Room::default();
    for name in names {
        if Instant::now() > until {
            return Err(ReadError::TooSlow);
        }
        let mut rows = sheet_rows(&mut book, &name, &mut room, until)?;
        let merged = book.merge_cells_by_sheet_name(&name).unwrap_or_default();
        if merged.len() > ROW_LIMIT {
            return Err(ReadError::TooManyRows);
        }
        spread(&mut rows, merged.iter().map(|d| (d.start, d.end)), &mut room)?;
        rows.retain(|row| !row.is_blank());
        if !rows.is_empty() {
            sheets.push(Sheet { name, rows });
        }
    }
    Ok(File { format: Format::Xlsx, sheets })
}

/// Cell after cell, so that no more than the limit is ever held.
fn sheet_rows<R: Read + std::io::Seek>(book: &mut Xlsx<R>, name: &str, room: &mut Room, until: Instant) -> Result<Vec<Row>, ReadError> {
    let mut rows: Vec<Row> = Vec::new();
    let mut reader = book.worksheet_cells_reader(name).map_err(|_| ReadError::Damaged)?;
    let mut cells = 0_usize;
    while let Some(cell) = reader.next_cell_with_formula_metadata().map_err(|_| ReadError::Damaged)? {
        if cells.is_multiple_of(1_000) && Instant::now() > until {
            return Err(ReadError::TooSlow);
        }
        cells += 1;
        let (row, column) = cell.pos;
        let text = match (&cell.value, &cell.formula) {
            (DataRef::Empty, Some(formula)) => Cow::Owned(formula_text(formula)),
            (value, _) => cell_text(value),
        };
        if text.is_empty() {
            continue;
        }
        let (number, column) = (row + 1, column as usize);
        if column >= COLUMN_LIMIT {
            return Err(ReadError::TooManyColumns { row: number });
        }
        if text.chars().count() > CELL_LIMIT {
            return Err(ReadError::CellTooLong { row: number, column: column as u32 + 1 });
        }
        if rows.last().is_none_or(|last| last.number != number) {
            room.take_row()?;
            rows.push(Row { number, cells: Vec::new() });
        }
        room.take_text(&text)?;
        if let Some(last) = rows.last_mut() {
            if last.cells.len() <= column {
                last.cells.resize(column + 1, String::new());
            }
            last.cells[column] = text.into_owned();
        }
    }
    // A damaged or hostile sheet may have its rows in any order.
    rows.sort_by_key(|row| row.number);
    Ok(rows)
}

/// A formula that no spreadsheet program has worked out yet, as somebody would type it: only its own program knows what it comes to, and nothing is
/// not what it means.
fn formula_text(formula: &XlsxFormulaMetadata) -> String {
    let text = match formula {
        XlsxFormulaMetadata::Normal { formula } | XlsxFormulaMetadata::Shared { formula, .. } => formula.as_str(),
        // The same as in a cell before, moved along.
        _ => "…",
    };
    format!("={}", text.trim().chars().take(FORMULA_TOP).collect::<String>())
}

/// A cell as people see it: a code that Excel took for a number without its point, a date as 2026-12-31.
fn cell_text<'a>(value: &'a DataRef<'_>) -> Cow<'a, str> {
    match value {
        DataRef::String(text) => Cow::Borrowed(text.trim()),
        DataRef::SharedString(text) => Cow::Borrowed(text.trim()),
        DataRef::Int(n) => Cow::Owned(n.to_string()),
        DataRef::Float(n) if n.fract() == 0.0 && n.abs() < 1e15 => Cow::Owned(format!("{n:.0}")),
        DataRef::Float(n) => Cow::Owned(n.to_string()),
        DataRef::Bool(is) => Cow::Owned(is.to_string()),
        DataRef::DateTime(at) => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            Cow::Owned(format!("{year:04}-{month:02}-{day:02}"))
        }
        DataRef::DateTimeIso(text) => Cow::Borrowed(text.split('T').next().unwrap_or(text)),
        DataRef::DurationIso(text) => Cow::Borrowed(text),
        // `#REF!` is nobody's name: said where it stands.
        DataRef::Error(e) => Cow::Owned(e.to_string()),
        DataRef::Empty => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use super::{csv::mixed, *};
    use crate::import::workbook;
    use encoding_rs::GB18030;
    use proptest::prelude::*;
    use std::io::Write;

    fn cells(file: &File) -> Vec<Vec<&str>> {
        file.sheets[0].rows.iter().map(|row| row.cells.iter().map(String::as_str).collect()).collect()
    }

    const TABLE: &str = "代码,名称\n420502,西陵区\n\n420503,\"伍家岗区,城区\"\n";

    #[test]
    fn a_table_is_the_same_however_it_was_saved() {
        let gb = GB18030.encode(TABLE).0.into_owned();
        let bom = format!("\u{FEFF}{TABLE}").into_bytes();
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(TABLE.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let tabs = "代码\t名称\n420502\t西陵区\n\n420503\t伍家岗区,城区\n".as_bytes().to_vec();
        let semicolons = "代码;名称\r\n420502;西陵区\r\n\r\n420503;伍家岗区,城区\r\n".as_bytes().to_vec();
        let rows = [["代码", "名称"], ["420502", "西陵区"], ["420503", "伍家岗区,城区"]].map(|row| row.map(str::to_owned).to_vec()).to_vec();
        let xlsx = workbook::write(&[workbook::Page { name: "单位".to_owned(), rows }]).unwrap();
        for (what, bytes) in
            [("utf-8", TABLE.into()), ("gb18030", gb), ("bom", bom), ("utf-16", utf16), ("tabs", tabs), ("semicolons", semicolons), ("xlsx", xlsx)]
        {
            let file = read(&bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(cells(&file), [["代码", "名称"], ["420502", "西陵区"], ["420503", "伍家岗区,城区"]], "{what}");
            let last = file.sheets[0].rows.last().unwrap().number;
            assert_eq!(last, if what == "xlsx" { 3 } else { 4 }, "{what}");
        }
    }

    #[test]
    fn rows_are_numbered_as_a_spreadsheet_does_with_lines_inside_cells_and_empty_ones() {
        let numbers = |text: &str| read(text.as_bytes()).unwrap().sheets[0].rows.iter().map(|row| row.number).collect::<Vec<_>>();
        assert_eq!(numbers("a,b\n\"one\ntwo\",x\nlast,y\n"), [1, 2, 3]);
        for end in ["\n", "\r\n", "\r"] {
            let lines = ["", "a,b", "\"one\ntwo\",x", "", "", "last,y", ""];
            assert_eq!(numbers(&lines.join(end)), [2, 3, 6], "{end:?}");
        }
    }

    #[test]
    fn a_code_kept_as_text_by_a_spreadsheet_is_the_code_and_a_formula_stays_one() {
        let file = read("=\"042\",=HYPERLINK(\"http://x\")\n".as_bytes()).unwrap();
        assert_eq!(file.sheets[0].rows[0].cells, ["042", "=HYPERLINK(\"http://x\")"]);
    }

    #[test]
    fn two_encodings_in_one_file_are_named_with_their_rows() {
        let mut bytes = "代码,名称\n1,西陵区\n".as_bytes().to_vec();
        bytes.extend(GB18030.encode("2,伍家岗区\n").0.iter());
        assert_eq!(read(&bytes), Err(ReadError::Mixed { utf8: 1, other: 3 }));
        // 联通 in GB18030 is by chance valid UTF-8.
        let luck = GB18030.encode("代码,名称\n1,联通\n").0.into_owned();
        assert!(read(&luck).is_ok());
    }

    #[test]
    fn what_is_no_table_is_said_and_not_guessed_at() {
        assert_eq!(read(b""), Err(ReadError::Empty));
        assert_eq!(read(b"\n\n , ,\n"), Err(ReadError::Empty));
        assert_eq!(read(&[0xD0, 0xCF, 0x11, 0xE0, 0, 0]), Err(ReadError::OldExcel));
        assert_eq!(read(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff"), Err(ReadError::NotATable));
        assert_eq!(read(b"<html><table></table></html>"), Err(ReadError::NotATable));
        assert_eq!(read(b"PK\x03\x04 and then nothing"), Err(ReadError::Damaged));
        assert_eq!(read(&vec![b'a'; FILE_LIMIT + 1]), Err(ReadError::TooLarge));
    }

    #[test]
    fn ten_million_rows_a_megabyte_in_a_cell_and_a_thousand_columns_are_refused_where_they_are() {
        assert_eq!(read("1\n".repeat(10_000_000).as_bytes()), Err(ReadError::TooManyRows));
        let cell = format!("代码,名称\n1,{}\n", "长".repeat(350_000));
        assert_eq!(read(cell.as_bytes()), Err(ReadError::CellTooLong { row: 2, column: 2 }));
        assert_eq!(read(format!("a\n{}\n", "x,".repeat(1_000)).as_bytes()), Err(ReadError::TooManyColumns { row: 2 }));
        let open = format!("a,b\n1,\"{}", "2,3\n".repeat(1_000));
        assert_eq!(read(open.as_bytes()), Err(ReadError::CellTooLong { row: 2, column: 2 }));
    }

    /// A ZIP whose one part unpacks to `size` zeros.
    fn packed(name: &str, size: usize) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        let piece = vec![b' '; 1 << 20];
        (0..size >> 20).for_each(|_| zip.write_all(&piece).unwrap());
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_zip_bomb_is_refused_whether_or_not_it_says_its_size() {
        let mut bomb = packed("[Content_Types].xml", 300 << 20);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(read(&bomb), Err(ReadError::Bomb));
        // The same, claiming in every place where a size is written that it is a kilobyte.
        let size = (300_u32 << 20).to_le_bytes();
        while let Some(at) = bomb.windows(4).position(|w| w == size) {
            bomb[at..at + 4].copy_from_slice(&1024_u32.to_le_bytes());
        }
        assert!(matches!(read(&bomb), Err(ReadError::Bomb | ReadError::Damaged)));
        assert_eq!(read(&packed("xl/sharedStrings.xml", 33 << 20)), Err(ReadError::Bomb));
    }

    /// A workbook with these parts besides what makes it one.
    fn book(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let whole = workbook::write(&[workbook::Page { name: "单位".to_owned(), rows: vec![vec!["代码".to_owned(), "名称".to_owned()]] }]).unwrap();
        let mut archive = ZipArchive::new(Cursor::new(&whole[..])).unwrap();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for i in 0..archive.len() {
            let mut part = archive.by_index(i).unwrap();
            let name = part.name().unwrap().into_owned();
            if !parts.iter().any(|(other, _)| *other == name) {
                let mut text = Vec::new();
                part.read_to_end(&mut text).unwrap();
                zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
                zip.write_all(&text).unwrap();
            }
        }
        for (name, text) in parts {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn a_workbook_that_says_it_shares_more_texts_than_it_has_is_refused_before_room_is_made_for_them() {
        for count in ["99999999999", "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000099999999999", " + 999999999999"] {
            for before in ["", &format!("<!--{}-->", " ".repeat(70_000))] {
                let text = format!("<?xml version=\"1.0\"?>{before}<sst count='1' uniqueCount = '{count}'><si><t>x</t></si></sst>");
                assert_eq!(read(&book(&[("xl/sharedStrings.xml", text.as_bytes())])), Err(ReadError::Damaged));
                let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
                assert_eq!(read(&book(&[("xl/SharedStrings.xml", &utf16)])), Err(ReadError::Damaged));
            }
        }
        let honest = b"<sst count='1' uniqueCount='1'><si><t>x</t></si></sst>";
        assert!(read(&book(&[("xl/sharedStrings.xml", honest)])).is_ok());
    }

    #[test]
    fn a_zip_that_says_it_has_more_parts_than_it_has_is_refused_before_room_is_made_for_them() {
        let whole = book(&[]);
        let at = whole.windows(4).rposition(|four| four == b"PK\x05\x06").unwrap();
        let (parts, start) = (100_000_000_000_u64, 1_000_000_000_000_u64);
        let mut bytes = whole[..at].to_vec();
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        [parts, parts, parts * 46, start].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend((at as u64).to_le_bytes());
        bytes.extend([1, 0, 0, 0]);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend([0xFF; 12]);
        bytes.extend([0, 0]);
        assert_eq!(read(&bytes), Err(ReadError::Bomb));
    }

    #[test]
    fn one_cell_that_is_as_large_as_a_register_is_refused_before_it_is_held() {
        let sheet = |text: &str| format!("<worksheet><sheetData><row r='1'><c r='A1' t='inlineStr'><is><t>{text}</t></is></c></row></sheetData></worksheet>");
        let long = sheet(&"x".repeat(2 << 20));
        assert_eq!(read(&book(&[("xl/worksheets/sheet1.xml", long.as_bytes())])), Err(ReadError::Bomb));
        let short = sheet(&"x".repeat(1_001));
        assert_eq!(read(&book(&[("xl/worksheets/sheet1.xml", short.as_bytes())])), Err(ReadError::CellTooLong { row: 1, column: 1 }));
    }

    #[test]
    fn a_workbook_with_more_sheets_than_are_read_is_refused_and_not_half_read() {
        let page = |n: usize| workbook::Page { name: format!("表{n}"), rows: vec![vec!["代码".to_owned()]] };
        let pages = |count: usize| workbook::write(&(0..count).map(page).collect::<Vec<_>>()).unwrap();
        assert_eq!(read(&pages(SHEET_LIMIT)).unwrap().sheets.len(), SHEET_LIMIT);
        assert_eq!(read(&pages(SHEET_LIMIT + 1)), Err(ReadError::TooManySheets));
    }

    #[test]
    fn cells_merged_over_and_over_cost_no_more_than_the_rows_there_are() {
        let row = |n: usize| format!("<row r='{n}'><c r='A{n}'><v>{n}</v></c></row>");
        let rows: String = (1..=2_000).map(row).collect();
        let merged = "<mergeCell ref='A1:A1048576'/><mergeCell ref='XFD1:XFD1048576'/>".repeat(40_000);
        let text = format!("<worksheet><sheetData>{rows}</sheetData><mergeCells>{merged}</mergeCells></worksheet>");
        let file = read(&book(&[("xl/worksheets/sheet1.xml", text.as_bytes())])).unwrap();
        assert!(file.sheets[0].rows.iter().all(|row| row.cells == ["1"]));
    }

    /// Three kilobytes as UTF-8.
    fn long() -> String {
        "长".repeat(CELL_LIMIT)
    }

    #[test]
    fn one_long_text_that_very_many_cells_share_is_refused_before_each_of_them_has_it() {
        let texts = format!("<sst count='1' uniqueCount='1'><si><t>{}</t></si></sst>", long());
        let cells = |row: usize| workbook_columns().map(|letter| format!("<c r='{letter}{row}' t='s'><v>0</v></c>")).collect::<String>();
        let sheet = |rows: usize| {
            let rows: String = (1..=rows).map(|n| format!("<row r='{n}'>{}</row>", cells(n))).collect();
            format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")
        };
        let file = |rows| book(&[("xl/sharedStrings.xml", texts.as_bytes()), ("xl/worksheets/sheet1.xml", sheet(rows).as_bytes())]);
        // 26 columns of three kilobytes: 800 rows are 60 MB, 1,000 are 75 MB.
        assert_eq!(read(&file(800)).map(|file| file.rows()), Ok(800));
        assert_eq!(read(&file(1_000)), Err(ReadError::Bomb));
    }

    fn workbook_columns() -> impl Iterator<Item = char> {
        'A'..='Z'
    }

    #[test]
    fn one_long_text_merged_over_very_many_rows_is_refused_before_each_of_them_has_it() {
        let sheet = |rows: usize| {
            let first = format!("<row r='1'><c r='A1' t='inlineStr'><is><t>{}</t></is></c></row>", long());
            let others: String = (2..=rows).map(|n| format!("<row r='{n}'><c r='B{n}'><v>{n}</v></c></row>")).collect();
            format!("<worksheet><sheetData>{first}{others}</sheetData><mergeCells><mergeCell ref='A1:A{rows}'/></mergeCells></worksheet>")
        };
        let file = |rows| book(&[("xl/worksheets/sheet1.xml", sheet(rows).as_bytes())]);
        assert_eq!(read(&file(20_000)).map(|file| file.rows()), Ok(20_000));
        assert_eq!(read(&file(24_000)), Err(ReadError::Bomb));
    }

    #[test]
    fn a_formula_that_was_never_worked_out_is_not_an_empty_cell() {
        let row = "<c r='A1'><f>B1&amp;C1</f></c><c r='B1'><f t='shared' ref='B1:B2' si='0'>C1</f><v></v></c><c r='C1'><f t='shared' si='0'/></c>\
                   <c r='D1' t='str'><f>IF(1,\"\",\"\")</f><v></v></c><c r='E1' t='str'><f>A1</f><v>王芳</v></c><c r='F1'/>";
        let text = format!("<worksheet><sheetData><row r='1'>{row}</row></sheetData></worksheet>");
        let file = read(&book(&[("xl/worksheets/sheet1.xml", text.as_bytes())])).unwrap();
        assert_eq!(cells(&file), [["=B1&C1", "=C1", "=…", "", "王芳"]]);
    }

    proptest! {
        /// Whatever is thrown at it, an answer comes and no panic.
        #[test]
        fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = read(&bytes);
            let mut zip = b"PK\x03\x04".to_vec();
            zip.extend(&bytes);
            let _ = read(&zip);
        }

        /// What is written as GB18030 or UTF-8 is read back, whichever delimiter.
        #[test]
        fn cells_come_back_as_they_were(rows in prop::collection::vec(prop::collection::vec("[一-龥A-Za-z0-9,;]{1,8}", 2..5), 2..8), gb in any::<bool>(), tab in any::<bool>()) {
            let mut writer = ::csv::WriterBuilder::new().flexible(true).delimiter(if tab { b'\t' } else { b',' }).quote_style(::csv::QuoteStyle::Always).from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let bytes = if gb { GB18030.encode(&text).0.into_owned() } else { text.clone().into_bytes() };
            // 联通 and its like are, in GB18030, UTF-8 by chance: nobody could tell.
            prop_assume!(!gb || text.is_ascii() || std::str::from_utf8(&bytes).is_err() && mixed(&bytes).is_none());
            let file = read(&bytes).unwrap();
            prop_assert_eq!(file.sheets[0].rows.iter().map(|row| row.cells.clone()).collect::<Vec<_>>(), rows);
        }
    }
}
