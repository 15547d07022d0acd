//! A text as rows: its encoding, what separates its cells, and where each row stands.

use super::{CELL_LIMIT, COLUMN_LIMIT, ReadError, Room, Row};
use csv::ReaderBuilder;
use encoding_rs::{Encoding, GB18030};
use std::borrow::Cow;

/// The rows of a text that somebody wants kept, as far as there is room.
pub(super) fn read_csv(bytes: &[u8], room: &mut Room, keeps: &mut dyn FnMut(&Row) -> bool) -> Result<Vec<Row>, ReadError> {
    let text = decoded(bytes)?;
    // HTML and XML pretend to be tables, and a picture has zeros in it.
    let start = text.trim_start();
    if start.starts_with('<') || start.starts_with("%PDF") || text.contains('\0') {
        return Err(ReadError::NotATable);
    }
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(&text)).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut number = 0_u32;
    while reader.read_record(&mut record).map_err(|_| ReadError::NotATable)? {
        let start = record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(usize::MAX));
        number = number.saturating_add(1).saturating_add(blank_lines(text.as_bytes(), start));
        let mut cells = Vec::with_capacity(record.len().min(COLUMN_LIMIT));
        for (column, cell) in record.iter().enumerate() {
            let long = cell.len() > CELL_LIMIT && cell.chars().count() > CELL_LIMIT;
            if long {
                return Err(ReadError::CellTooLong { row: number, column: column as u32 + 1 });
            }
            if column >= COLUMN_LIMIT && !cell.trim().is_empty() {
                return Err(ReadError::TooManyColumns { row: number });
            }
            if column < COLUMN_LIMIT {
                cells.push(kept_as_text(cell.trim()).to_owned());
            }
        }
        let row = Row { number, cells };
        if row.is_blank() || !keeps(&row) {
            continue;
        }
        room.take_row()?;
        row.cells.iter().try_for_each(|cell| room.take_text(cell))?;
        rows.push(row);
    }
    Ok(rows)
}

/// Empty lines from here on: a spreadsheet counts them, the reader of records passes over them.
fn blank_lines(text: &[u8], start: usize) -> u32 {
    let mut rest = text.get(start..).unwrap_or_default();
    // The second half of the line break that the record before has ended with.
    if start > 0 && text.get(start - 1) == Some(&b'\r') {
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    let mut count = 0;
    while let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).or_else(|| rest.strip_prefix(b"\r")) {
        (rest, count) = (after, count + 1);
    }
    count
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
pub(super) fn mixed(bytes: &[u8]) -> Option<ReadError> {
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
