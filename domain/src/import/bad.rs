//! The rows of a list that cannot be taken, as a file to be corrected and imported again.

use std::collections::BTreeMap;

use super::{Choice, TableError, raw, table};
use crate::lang::Lang;
use crate::wire::RowProblem;

/// A CSV file (UTF-8 with a byte order mark) with the list's own header, and behind each bad row its line and what is wrong
/// with it. `more` are problems that were found after the list was read; `say` puts a text into the reader's language.
///
/// # Errors
/// As [`super::read_list_with`].
pub fn bad_rows(
    bytes: &[u8],
    choice: &Choice,
    more: &[RowProblem],
    lang: Lang,
    say: impl Fn(&str) -> String,
) -> Result<Vec<u8>, TableError> {
    let rows = raw(bytes, choice)?;
    let read = table(rows.clone(), choice)?;
    let mut reasons: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for problem in read.problems.iter().chain(more) {
        let told = match problem.column.as_str() {
            "" => format!("{} ({})", say(&problem.problem), say(&problem.hint)),
            column => format!("{column}: {} ({})", say(&problem.problem), say(&problem.hint)),
        };
        let of = reasons.entry(problem.line).or_default();
        if !of.contains(&told) {
            of.push(told);
        }
    }
    let width = read.headings.len();
    let mut out = String::from("\u{feff}");
    let heads = [lang.pick("行号", "line").to_owned(), lang.pick("原因", "reason").to_owned()];
    line(&mut out, read.headings.iter().chain(&heads));
    for (number, row) in &rows {
        let Some(why) = reasons.get(number) else { continue };
        let mut cells: Vec<String> = row.iter().take(width).cloned().collect();
        cells.resize(width, String::new());
        cells.extend([number.to_string(), why.join("; ")]);
        line(&mut out, cells.iter());
    }
    Ok(out.into_bytes())
}

fn line<'a>(out: &mut String, cells: impl Iterator<Item = &'a String>) {
    let quoted: Vec<String> =
        cells.map(|cell| format!("\"{}\"", harmless(cell).replace('"', "\"\""))).collect();
    out.push_str(&quoted.join(","));
    out.push_str("\r\n");
}

/// A cell that no spreadsheet takes for a formula; a number with its sign stays as it is.
fn harmless(cell: &str) -> String {
    let number = cell.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') if !number => format!("'{cell}"),
        _ => cell.to_owned(),
    }
}
