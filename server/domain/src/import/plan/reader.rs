//! The sheets of a file as they are chosen to be read, and their cells by what they hold.

use crate::import::{
    change::Place,
    heads::{Choice, Field, Kind},
    read::{Row, Sheet},
};
use jiff::civil::Date;
use std::collections::HashMap;

/// A sheet with how it is to be read.
pub struct Table<'a> {
    pub sheet: usize,
    pub choice: &'a Choice,
    pub rows: &'a [Row],
}

/// The sheets of a file as they are chosen to be read, without heads and what stands above them.
pub fn tables<'a>(sheets: &'a [Sheet], choices: &'a [Choice]) -> Vec<Table<'a>> {
    let table = |(sheet, (page, choice)): (usize, (&'a Sheet, &'a Choice))| {
        let first = page.rows.partition_point(|row| row.number <= choice.head);
        Table { sheet, choice, rows: &page.rows[first..] }
    };
    sheets.iter().zip(choices).enumerate().filter(|(_, (_, choice))| choice.kind != Kind::Nothing).map(table).collect()
}

/// The cells of a table by what they hold.
pub(in crate::import) struct Reader {
    pub sheet: usize,
    pub kind: Kind,
    pub goes_by_name: bool,
    columns: HashMap<Field, usize>,
}

impl Reader {
    pub fn new(table: &Table<'_>) -> Reader {
        let may = table.choice.kind.fields();
        let columns = table.choice.columns.iter().enumerate();
        let columns = columns.filter_map(|(i, field)| Some((field.filter(|field| may.contains(field))?, i))).collect();
        Reader { sheet: table.sheet, kind: table.choice.kind, goes_by_name: table.choice.goes_by_name, columns }
    }

    pub fn has(&self, field: Field) -> bool {
        self.columns.contains_key(&field)
    }

    /// What stands there; what people write for nothing is nothing.
    pub fn raw<'r>(&self, row: &'r Row, field: Field) -> &'r str {
        let cell = self.columns.get(&field).map_or("", |column| row.cell(*column));
        if matches!(cell, "-" | "—" | "——" | "/" | "无" | "暂无" | "N/A") { "" } else { cell }
    }

    pub fn place(&self, row: &Row) -> Place {
        Place { sheet: self.sheet, row: row.number }
    }
}

/// 2026-12-31, 2026/12/31, 2026.12.31, 2026年12月31日 or 20261231.
pub(super) fn day(typed: &str) -> Option<Date> {
    let typed = typed.split([' ', 'T']).next()?;
    let parts: Vec<&str> = typed.split(['-', '/', '.', '年', '月', '日']).filter(|part| !part.is_empty()).collect();
    let (year, month, day) = match parts[..] {
        [year, month, day] => (year, month, day),
        [all] if all.len() == 8 && all.is_ascii() => (&all[..4], &all[4..6], &all[6..]),
        _ => return None,
    };
    let (year, month, day) = (year.parse().ok().filter(|year| (1900..2200).contains(year))?, month.parse().ok()?, day.parse().ok()?);
    Date::new(year, month, day).ok()
}
