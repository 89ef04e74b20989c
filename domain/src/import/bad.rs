//! The rows of a list that cannot be taken, as a file to be corrected and imported again.

use std::collections::BTreeMap;

use super::{Choice, TableError, error, raw, table};
use crate::lang::Lang;
use crate::sheet::{csv, plain};

/// A CSV file (UTF-8 with a byte order mark) with the list's own header, and behind each bad row its line and what is wrong
/// with it. `say` puts a text into the reader's language.
///
/// # Errors
/// As [`super::read_list_with`].
pub fn bad_rows(
    bytes: &[u8],
    choice: &Choice,
    lang: Lang,
    say: impl Fn(&str) -> String,
) -> Result<Vec<u8>, TableError> {
    let list = raw(bytes, choice)?;
    let rows = list.rows.clone();
    let read = table(list, choice)?;
    let mut reasons: BTreeMap<(u32, Option<u32>), Vec<String>> = BTreeMap::new();
    for problem in &read.problems {
        let told = match problem.column.as_str() {
            "" => format!("{} ({})", say(&problem.problem), say(&problem.hint)),
            column => format!("{column}: {} ({})", say(&problem.problem), say(&problem.hint)),
        };
        let of = reasons.entry(problem.row()).or_default();
        if !of.contains(&told) {
            of.push(told);
        }
    }
    let width = read.headings.len();
    let told = |cells: &[String], more: [String; 2]| -> Vec<String> {
        let own = cells.iter().map(String::as_str).chain(std::iter::repeat("")).take(width);
        own.map(harmless).chain(more).collect()
    };
    let header = told(&read.headings, [lang.pick("行号", "line").into(), lang.pick("原因", "reason").into()]);
    let bad = rows.iter().filter_map(|row| {
        let why = reasons.get(&(row.at.line, row.at.object))?.join("; ");
        let place = match row.at.object {
            Some(n) => format!("{} {n}", lang.pick("对象", "object")),
            None => row.at.line.to_string(),
        };
        Some(told(&row.cells, [place, plain(&why)]))
    });
    // its rows are all of one length, which is all that could be refused
    csv(std::iter::once(header).chain(bad))
        .map_err(|e| error("file", &e.to_string(), "export the list again"))
}

/// A cell as it may be shown. A telephone number keeps its sign, which it is read with when the list is imported again.
fn harmless(cell: &str) -> String {
    let number = cell.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    if number { cell.to_owned() } else { plain(cell) }
}
