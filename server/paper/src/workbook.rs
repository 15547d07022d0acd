//! The smallest XLSX there is: text cells on named pages, the first row fixed and bold. All cells are text, so codes keep their zeros and nothing is a
//! formula. Everything read here was made by this program, so this is all a template or a table needs. Rows are packed as they come.

use model::text::escaped;
use std::io::{Cursor, Write};
use zip::{ZipWriter, result::ZipError, write::SimpleFileOptions};

pub struct Page {
    pub name: String,
    pub rows: Vec<Vec<String>>,
}

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>"#;
const ROOT: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId0" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/>"#;
const BOOK: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>"#;
/// 0 is text (format 49), 1 the same in bold. Columns are text too, so that what is typed below stays as typed.
const STYLES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>"#;
const SHEET: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols><col min="1" max="60" width="20" style="0" customWidth="1"/></cols><sheetData>"#;

/// The workbook's bytes.
pub fn write(pages: &[Page]) -> Result<Vec<u8>, ZipError> {
    let mut book = Workbook::begin(&pages.iter().map(|page| page.name.as_str()).collect::<Vec<_>>())?;
    for page in pages {
        book.page()?;
        for row in &page.rows {
            book.row(row)?;
        }
    }
    book.finish()
}

/// A workbook that is being written: each of the pages it was begun with, row by row.
pub struct Workbook {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    /// Pages begun, and rows of the last.
    pages: usize,
    rows: usize,
}

impl Workbook {
    pub fn begin(names: &[&str]) -> Result<Workbook, ZipError> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let numbered = || (1..).zip(names);
        let sheets: String = numbered()
            .map(|(n, _)| {
                format!(
                    r#"<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>"#
                )
            })
            .collect();
        part(&mut zip, "[Content_Types].xml", &format!("{TYPES}{sheets}</Types>"))?;
        part(&mut zip, "_rels/.rels", ROOT)?;
        let relations: String = numbered()
            .map(|(n, _)| format!(r#"<Relationship Id="rId{n}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{n}.xml"/>"#))
            .collect();
        part(&mut zip, "xl/_rels/workbook.xml.rels", &format!("{RELATIONS}{relations}</Relationships>"))?;
        let named: String = numbered().map(|(n, name)| format!(r#"<sheet name="{}" sheetId="{n}" r:id="rId{n}"/>"#, escaped(name))).collect();
        part(&mut zip, "xl/workbook.xml", &format!("{BOOK}{named}</sheets></workbook>"))?;
        part(&mut zip, "xl/styles.xml", STYLES)?;
        Ok(Workbook { zip, pages: 0, rows: 0 })
    }

    /// The next page.
    pub fn page(&mut self) -> Result<(), ZipError> {
        self.end_page()?;
        (self.pages, self.rows) = (self.pages + 1, 0);
        self.zip.start_file(format!("xl/worksheets/sheet{}.xml", self.pages), SimpleFileOptions::default())?;
        Ok(self.zip.write_all(SHEET.as_bytes())?)
    }

    pub fn row(&mut self, cells: &[String]) -> Result<(), ZipError> {
        self.zip.write_all(row_xml(self.rows, cells).as_bytes())?;
        self.rows += 1;
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), ZipError> {
        if self.pages > 0 {
            self.zip.write_all(b"</sheetData></worksheet>")?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Vec<u8>, ZipError> {
        self.end_page()?;
        Ok(self.zip.finish()?.into_inner())
    }
}

fn part(zip: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, text: &str) -> Result<(), ZipError> {
    zip.start_file(name, SimpleFileOptions::default())?;
    Ok(zip.write_all(text.as_bytes())?)
}

fn row_xml(i: usize, row: &[String]) -> String {
    let style = usize::from(i == 0);
    let cells: String = row
        .iter()
        .enumerate()
        .filter(|(_, text)| !text.is_empty())
        .map(|(column, text)| {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            format!(r#"<c r="{}{}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{}</t></is></c>"#, letters(column), i + 1, escaped(&text))
        })
        .collect();
    format!(r#"<row r="{}">{cells}</row>"#, i + 1)
}

/// A column's letters: A to Z, then AA.
pub fn letters(column: usize) -> String {
    let last = char::from(b'A' + (column % 26) as u8);
    if column < 26 { last.to_string() } else { format!("{}{last}", letters(column / 26 - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters_as_in_a_spreadsheet() {
        assert_eq!([0, 25, 26, 51, 52, 701].map(letters), ["A", "Z", "AA", "AZ", "BA", "ZZ"]);
    }
}
