//! A file as its sheets of numbered rows. Whatever it is, it is read with limits that hold before anything is unpacked, and what cannot be taken is
//! said in one sentence with the place where it is.

use super::merged::spread;
use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use csv::ReaderBuilder;
use encoding_rs::{Encoding, GB18030};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    io::{Cursor, Read},
};
use zip::ZipArchive;

/// Bytes of a file.
pub const FILE_LIMIT: usize = 32 * 1024 * 1024;
/// Bytes of what is packed inside, all of it and the one part that has to be held at once.
const UNPACKED_LIMIT: u64 = 256 * 1024 * 1024;
const STRINGS_LIMIT: u64 = 64 * 1024 * 1024;
/// Files packed inside.
const PARTS_LIMIT: usize = 2_000;
/// Rows of all sheets together, columns, and characters of a cell.
pub const ROW_LIMIT: usize = 100_000;
pub const COLUMN_LIMIT: usize = 60;
pub const CELL_LIMIT: usize = 1_000;
const SHEET_LIMIT: usize = 30;

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
    #[error("unpacked it is larger than {} MB", UNPACKED_LIMIT / 1024 / 1024)]
    Bomb,
    #[error("it has more than {ROW_LIMIT} rows")]
    TooManyRows,
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
        File { format: Format::Csv, sheets: vec![Sheet { name: String::new(), rows: read_csv(bytes, ROW_LIMIT)? }] }
    };
    if file.rows() == 0 { Err(ReadError::Empty) } else { Ok(file) }
}

/// The files that make a OneRoster package.
const ONE_ROSTER: [&str; 6] = ["manifest.csv", "orgs.csv", "users.csv", "classes.csv", "enrollments.csv", "academicsessions.csv"];

fn read_zip(bytes: &[u8]) -> Result<File, ReadError> {
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
    let mut sheets = Vec::new();
    for name in names.iter().filter(|name| ONE_ROSTER.contains(&base(name).as_str()) || base(name) == "roles.csv") {
        let mut text = Vec::new();
        archive.by_name(name).map_err(|_| ReadError::Damaged)?.take(UNPACKED_LIMIT / 8).read_to_end(&mut text).map_err(|_| ReadError::Damaged)?;
        let room = ROW_LIMIT.saturating_sub(sheets.iter().map(|sheet: &Sheet| sheet.rows.len()).sum());
        sheets.push(Sheet { name: base(name), rows: read_csv(&text, room)? });
    }
    Ok(File { format: Format::OneRoster, sheets })
}

/// What a ZIP would take unpacked: first as it says itself, then as it is, a piece at a time and kept nowhere.
fn measure(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), ReadError> {
    if archive.len() > PARTS_LIMIT {
        return Err(ReadError::Bomb);
    }
    let mut declared = 0_u64;
    for i in 0..archive.len() {
        let part = archive.by_index_raw(i).map_err(|_| ReadError::Damaged)?;
        if part.encrypted() {
            return Err(ReadError::OldExcel);
        }
        declared = declared.saturating_add(part.size());
    }
    if declared > UNPACKED_LIMIT {
        return Err(ReadError::Bomb);
    }
    let mut unpacked = 0;
    let mut buffer = vec![0; 64 * 1024];
    for i in 0..archive.len() {
        let mut part = archive.by_index(i).map_err(|_| ReadError::Damaged)?;
        let limit = if part.name().is_ok_and(|name| name.ends_with("sharedStrings.xml")) { STRINGS_LIMIT } else { UNPACKED_LIMIT };
        let mut own = 0_u64;
        loop {
            let count = part.read(&mut buffer).map_err(|_| ReadError::Damaged)? as u64;
            own += count;
            if own > limit || unpacked + own > UNPACKED_LIMIT {
                return Err(ReadError::Bomb);
            }
            if count == 0 {
                break;
            }
        }
        unpacked += own;
    }
    Ok(())
}

fn read_xlsx(bytes: &[u8]) -> Result<File, ReadError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| ReadError::Damaged)?;
    let visible = |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible;
    let names: Vec<String> = book.sheets_metadata().iter().filter(visible).take(SHEET_LIMIT).map(|sheet| sheet.name.clone()).collect();
    let mut sheets = Vec::new();
    let mut room = ROW_LIMIT;
    for name in names {
        let mut rows = sheet_rows(&mut book, &name, room)?;
        room -= rows.len();
        let merged = book.merge_cells_by_sheet_name(&name).unwrap_or_default();
        spread(&mut rows, merged.iter().map(|d| (d.start, d.end)));
        rows.retain(|row| !row.is_blank());
        if !rows.is_empty() {
            sheets.push(Sheet { name, rows });
        }
    }
    Ok(File { format: Format::Xlsx, sheets })
}

/// Cell after cell, so that no more than the limit is ever held.
fn sheet_rows<R: Read + std::io::Seek>(book: &mut Xlsx<R>, name: &str, room: usize) -> Result<Vec<Row>, ReadError> {
    let mut rows: Vec<Row> = Vec::new();
    let mut reader = book.worksheet_cells_reader(name).map_err(|_| ReadError::Damaged)?;
    while let Some(cell) = reader.next_cell().map_err(|_| ReadError::Damaged)? {
        let (row, column) = cell.get_position();
        let text = cell_text(cell.get_value());
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
            if rows.len() >= room {
                return Err(ReadError::TooManyRows);
            }
            rows.push(Row { number, cells: Vec::new() });
        }
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

fn read_csv(bytes: &[u8], room: usize) -> Result<Vec<Row>, ReadError> {
    let text = decoded(bytes)?;
    // HTML and XML pretend to be tables, and a picture has zeros in it.
    let start = text.trim_start();
    if start.starts_with('<') || start.starts_with("%PDF") || text.contains('\0') {
        return Err(ReadError::NotATable);
    }
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(&text)).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    // Lines inside cells are no rows of a spreadsheet.
    let mut inner_lines = 0;
    while reader.read_record(&mut record).map_err(|_| ReadError::NotATable)? {
        let line = record.position().map_or(0, csv::Position::line);
        let number = u32::try_from(line.saturating_sub(inner_lines)).unwrap_or(u32::MAX);
        let mut cells = Vec::with_capacity(record.len().min(COLUMN_LIMIT));
        for (column, cell) in record.iter().enumerate() {
            let long = cell.len() > CELL_LIMIT && cell.chars().count() > CELL_LIMIT;
            if long {
                return Err(ReadError::CellTooLong { row: number, column: column as u32 + 1 });
            }
            if column >= COLUMN_LIMIT && !cell.trim().is_empty() {
                return Err(ReadError::TooManyColumns { row: number });
            }
            inner_lines += cell.bytes().filter(|b| *b == b'\n').count() as u64;
            cells.push(kept_as_text(cell.trim()).to_owned());
        }
        cells.truncate(COLUMN_LIMIT);
        let row = Row { number, cells };
        if row.is_blank() {
            continue;
        }
        if rows.len() >= room {
            return Err(ReadError::TooManyRows);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// `="420502"` is how spreadsheets keep the zeros in front of a code; it is the code.
fn kept_as_text(cell: &str) -> &str {
    let inner = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|text| text.chars().all(|c| c.is_alphanumeric() || "-_.@+ ".contains(c))).unwrap_or(cell)
}

/// The text of a CSV file: what its first bytes say, else UTF-8, else GB18030.
fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let rest = &bytes[length..];
        let text = encoding.decode_without_bom_handling_and_without_replacement(rest);
        return text.ok_or_else(|| mixed(rest).unwrap_or(ReadError::Encoding { row: first_bad_line(rest) }));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    if bytes.contains(&0) {
        return Err(ReadError::NotATable);
    }
    if let Some(e) = mixed(bytes) {
        return Err(e);
    }
    let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(|| ReadError::Encoding { row: first_bad_line(bytes) })
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    (1..).zip(bytes.split(|b| *b == b'\n'))
}

fn first_bad_line(bytes: &[u8]) -> u32 {
    let is_bad = |line: &[u8]| std::str::from_utf8(line).is_err() && GB18030.decode_without_bom_handling_and_without_replacement(line).is_none();
    let is_not_utf8 = |line: &[u8]| std::str::from_utf8(line).is_err();
    let find = |is: &dyn Fn(&[u8]) -> bool| lines(bytes).find(|(_, line)| is(line)).map(|(number, _)| number);
    find(&is_bad).or_else(|| find(&is_not_utf8)).unwrap_or(1)
}

/// Two files pasted together: a line that can only be UTF-8, and one that cannot be. GB18030 takes nearly every byte, so it would read the first
/// kind as nonsense without a word.
fn mixed(bytes: &[u8]) -> Option<ReadError> {
    let is_surely_utf8 = |line: &[u8]| std::str::from_utf8(line).is_ok_and(|text| text.chars().filter(|c| ('\u{4E00}'..='\u{9FFF}').contains(c)).count() > 1);
    let utf8 = lines(bytes).find(|(_, line)| is_surely_utf8(line))?.0;
    let other = lines(bytes).find(|(_, line)| std::str::from_utf8(line).is_err())?.0;
    Some(ReadError::Mixed { utf8, other })
}

/// The one of comma, tab and semicolon that stands most often outside quotation marks in the first lines.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(b',', 0), (b'\t', 0), (b';', 0)];
    let mut is_quoted = false;
    for b in text.bytes().take(16 * 1024) {
        match b {
            b'"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b => counts.iter_mut().filter(|(d, _)| *d == b).for_each(|(_, count)| *count += 1),
        }
    }
    // The first of several that stand equally often.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(d, _)| d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::workbook;
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
    fn rows_are_numbered_as_a_spreadsheet_does_with_lines_inside_cells() {
        let file = read("a,b\n\"one\ntwo\",x\nlast,y\n".as_bytes()).unwrap();
        assert_eq!(file.sheets[0].rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3]);
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
        assert_eq!(read(&packed("xl/sharedStrings.xml", 65 << 20)), Err(ReadError::Bomb));
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
            let mut writer = csv::WriterBuilder::new().flexible(true).delimiter(if tab { b'\t' } else { b',' }).quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let bytes = if gb { GB18030.encode(&text).0.into_owned() } else { text.into_bytes() };
            let file = read(&bytes).unwrap();
            prop_assert_eq!(file.sheets[0].rows.iter().map(|row| row.cells.clone()).collect::<Vec<_>>(), rows);
        }
    }
}
