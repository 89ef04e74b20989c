//! Tables for spreadsheets: CSV in UTF-8 with a byte order mark, in which no text is taken for a formula.

/// Numbers of lines by places in a text, asked for in order. A line ends with LF, CR or both; the reader of CSV counts a line
/// that ends with both only once it has read on, which names every row after one by the line before.
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Lines { text, at: 0, line: 1 }
    }

    /// The line of the row that begins at or after this byte, behind empty lines.
    pub(crate) fn of(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(this) = self.text.get(self.at) {
            let ends = matches!(this, b'\n' | b'\r');
            if self.at >= byte && !ends {
                break;
            }
            let two = *this == b'\r' && self.text.get(self.at + 1) == Some(&b'\n');
            self.line += u64::from(ends && !two);
            self.at += 1;
        }
        self.line
    }
}

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
