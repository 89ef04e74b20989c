//! Tables for spreadsheets: CSV in UTF-8 with a byte order mark, in which no text is taken for a formula.

/// A text that no spreadsheet takes for a formula (OWASP, CSV injection).
#[must_use]
pub fn plain(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}")
        }
        _ => text.to_owned(),
    }
}

/// A file of rows of one length, the header first. Cells are written as they are: see [`plain`].
///
/// # Errors
/// A row is longer or shorter than the header.
pub fn csv(rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    for row in rows {
        out.write_record(row)?;
    }
    out.into_inner().map_err(|e| std::io::Error::other(e.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula() {
        assert_eq!(plain("=1+1"), "'=1+1");
        assert_eq!(plain("＝HYPERLINK(\"x\")"), "'＝HYPERLINK(\"x\")");
        assert_eq!(plain("李伟"), "李伟");
    }

    #[test]
    fn what_is_written_is_read() {
        let rows =
            [["a", "b"], ["x,y", "he said \"no\"\nand went"]].map(|row| row.map(str::to_owned).to_vec());
        let file = csv(rows.clone()).unwrap();
        let text = std::str::from_utf8(&file).unwrap().strip_prefix('\u{feff}').unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let back: Vec<Vec<String>> =
            reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(back, rows);
        assert!(csv([vec!["a".to_owned()], vec!["b".to_owned(); 2]]).is_err());
    }
}
