//! A packed file of labels as SVG, with a table of all of them: as CSV for a printer's machine, and as XLSX for people, because a spreadsheet that opens
//! CSV takes a unit's twelve digits, or a code such as 12345E67, for a number. Packed while it is made.

use crate::{Code, PaperError, Result, label, workbook::Workbook};
use std::io::Write;
use zip::{
    CompressionMethod, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

pub struct Bundle<W: Write> {
    zip: ZipWriter<StreamWriter<W>>,
    table: csv::Writer<Vec<u8>>,
    book: Workbook,
}

const HEAD: [&str; 11] = [
    "编号 code",
    "网址 address",
    "核对字 check phrase",
    "单位 unit",
    "unit (English)",
    "单位代码 unit code",
    "岗位 post",
    "post (English)",
    "地点 place",
    "place (English)",
    "文件 file",
];

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(3))
}

impl<W: Write> Bundle<W> {
    pub fn begin(out: W) -> Result<Bundle<W>> {
        // Spreadsheets take a table for UTF-8 only with this mark in front.
        // Everything is quoted, because many of them separate by a semicolon, which may stand in a name.
        let mut table = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer("\u{feff}".as_bytes().to_vec());
        let mut book = Workbook::begin(&["联系码"])?;
        book.page()?;
        let head = HEAD.map(str::to_owned);
        record(&mut table, &head)?;
        book.row(&head)?;
        Ok(Bundle { zip: ZipWriter::new_stream(out), table, book })
    }

    pub fn add(&mut self, code: &Code) -> Result<()> {
        let file = format!("svg/{}.svg", code.code);
        self.zip.start_file(&file, options())?;
        self.zip.write_all(label::svg(code)?.as_bytes())?;
        let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = [
            code.code.to_string(),
            code.url.clone(),
            code.check_phrase.to_string(),
            code.unit.clone(),
            or_none(&code.unit_en),
            or_none(&code.unit_code),
            code.title.clone(),
            or_none(&code.title_en),
            code.place.clone(),
            or_none(&code.place_en),
            file,
        ];
        record(&mut self.table, &cells)?;
        Ok(self.book.row(&cells)?)
    }

    pub fn finish(mut self) -> Result<W> {
        let table = self.table.into_inner().map_err(|e| PaperError::Write(e.into_error()))?;
        self.zip.start_file("codes.csv", options())?;
        self.zip.write_all(&table)?;
        // Packed already.
        self.zip.start_file("codes.xlsx", options().compression_method(CompressionMethod::Stored).compression_level(None))?;
        self.zip.write_all(&self.book.finish()?)?;
        Ok(self.zip.finish()?.into_inner())
    }
}

fn record(table: &mut csv::Writer<Vec<u8>>, cells: &[String; 11]) -> Result<()> {
    table.write_record(cells.iter().map(|cell| safe(cell))).map_err(|e| PaperError::Write(e.into()))
}

/// A cell that no spreadsheet takes for a formula.
fn safe(cell: &str) -> String {
    let begins_one = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins_one { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::tests::code;
    use std::io::{Cursor, Read};

    #[test]
    fn every_code_is_a_picture_and_a_row_that_no_spreadsheet_runs() {
        let mut bundle = Bundle::begin(Vec::new()).unwrap();
        let plain = code();
        bundle.add(&plain).unwrap();
        bundle.add(&Code { code: model::PointCode::from_bits([1; 8]), unit: "=1+1".to_owned(), place: "@SUM(1);=1".to_owned(), ..code() }).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bundle.finish().unwrap())).unwrap();
        let mut text = String::new();
        archive.by_name(&format!("svg/{}.svg", plain.code)).unwrap().read_to_string(&mut text).unwrap();
        assert!(text.starts_with("<svg") && text.contains("桃花岭社区第三网格"));
        let mut table = String::new();
        archive.by_name("codes.csv").unwrap().read_to_string(&mut table).unwrap();
        assert_eq!(table.lines().count(), 3);
        assert!(table.contains(",\"'=1+1\",") && table.contains(",\"'@SUM(1);=1\","), "{table}");
    }

    #[test]
    fn a_code_that_looks_like_a_number_is_text_in_the_workbook() {
        let mut bundle = Bundle::begin(Vec::new()).unwrap();
        let like_a_number = model::PointCode::read("12345E67").unwrap();
        bundle.add(&Code { code: like_a_number, unit_code: Some("420502003006".to_owned()), unit: "=1+1".to_owned(), ..code() }).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bundle.finish().unwrap())).unwrap();
        let mut book = Vec::new();
        archive.by_name("codes.xlsx").unwrap().read_to_end(&mut book).unwrap();
        let mut sheet = String::new();
        zip::ZipArchive::new(Cursor::new(book)).unwrap().by_name("xl/worksheets/sheet1.xml").unwrap().read_to_string(&mut sheet).unwrap();
        for text in ["12345E67", "420502003006", "=1+1"] {
            assert!(sheet.contains(&format!("s=\"0\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t>")), "{text}: {sheet}");
        }
    }
}
