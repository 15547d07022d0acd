//! Sheets to be filled in, as they are printed in `paper`, and read back here.

pub use paper::workbook::{Page, letters, write};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::read::{Format, read};

    #[test]
    fn what_is_written_is_read_back_as_text() {
        let rows = vec![vec!["代码".to_owned(), "名称".to_owned()], vec!["0042".to_owned(), "=1+1 & <b>".to_owned()]];
        let file = read(&write(&[Page { name: "单位 & 网格".to_owned(), rows: rows.clone() }]).unwrap()).unwrap();
        assert_eq!(file.format, Format::Xlsx);
        assert_eq!(file.sheets[0].name, "单位 & 网格");
        assert_eq!(file.sheets[0].rows.iter().map(|row| row.cells.clone()).collect::<Vec<_>>(), rows);
    }
}
