//! Reading the day's list: a file from whatever system, without asking the courier about kind, columns or encoding.
//!
//! ```text
//!  bytes ──XLSX──> cells ─┐
//!     └──decode──> text ──┴─rows──> header ──detect_columns──> ColumnMap
//!                                     rows ──parse_row──> ImportRow, or what is wrong in which column
//! ```
//!
//! A bad row never stops the good ones: it comes back with line, column, problem and what to do. What is no row of a parcel
//! (totals, remarks, the header once more) is told as a note. Only a file that is no list at all is refused as a whole.

mod bad;
mod calendar;
mod cell;
mod choice;
mod columns;
mod decode;
mod hidden;
mod json;
mod notes;
mod numbers;
mod place;
mod remark;
mod row;
mod sheet;
mod state;
#[cfg(test)]
mod tests;

pub use bad::bad_rows;
pub use calendar::{CalendarFile, read_calendar};
pub use cell::{CellPhones, MOST_MORE, cell_phones};
pub use choice::{Choice, ColumnSource, ColumnTaken, ListColumns, shape_of};
pub use columns::{ColumnMap, Field, detect_columns};
pub use decode::decode;
pub use notes::{not_on_list, stays_withdrawn};
pub use numbers::{NumberList, read_numbers};
pub use place::Place;
pub use row::{FieldError, ImportRow, parse_row};
pub use state::Standing;

use choice::Header;
use place::{List, Row, Rows};

use crate::building::{OddPlace, told};
use crate::parcel::WaybillNo;
use crate::track::coordinates::Datum;
use crate::wire::{ImportedRow, RowProblem};

/// Why a file cannot be taken at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {hint}")]
pub struct TableError {
    /// `file`, `encoding` or `header`.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

/// A list that was read.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The good rows, in the order of the list: normalised waybill numbers, telephone numbers as they were written.
    pub rows: Vec<ImportedRow>,
    /// What is wrong with the others, by line.
    pub problems: Vec<RowProblem>,
    /// What is well to know although nothing is left out for it: a column that is missing, rows without a number, a waybill
    /// that is there twice.
    pub notes: Vec<RowProblem>,
    /// Rows below the header, empty ones not counted.
    pub total: u32,
    /// The headings, in their order.
    pub headings: Vec<String>,
    /// The column that was taken for each field.
    pub columns: Vec<ColumnTaken>,
}

/// Rows among which the header is: some systems write titles and remarks above it.
const TITLE_ROWS: usize = 20;

/// Largest file that is looked at.
pub const MOST_BYTES: usize = 200 << 20;

/// Most rows of a list, titles and header included: a list is of one day and one courier or branch.
pub const MOST_ROWS: usize = 200_000;
/// Most cells of a list, empty ones before the last used one of a row included. A small file can name many.
const MOST_CELLS: usize = 10_000_000;
/// Cells of a row that are looked at.
const MOST_COLUMNS: usize = 256;

/// Reads a list whatever it is: an XLSX workbook (its first sheet with a waybill column), a JSON list of objects, or a CSV
/// file ([`read_csv`]). The bytes decide, not a name.
///
/// # Errors
/// [`TableError`] for a file of another kind, one that is too large or damaged, and as [`read_csv`].
pub fn read_list(bytes: &[u8]) -> Result<Table, TableError> {
    read_list_with(bytes, &Choice::default())
}

/// The same, with columns that somebody named or that were confirmed before.
///
/// # Errors
/// As [`read_list`]; `columns` for a named column that the list does not have.
pub fn read_list_with(bytes: &[u8], choice: &Choice) -> Result<Table, TableError> {
    table(raw(bytes, choice)?, choice)
}

/// Refuses a list of too many bytes, before it is copied or read.
///
/// # Errors
/// [`TableError`] above [`MOST_BYTES`].
pub fn small_enough(bytes: usize) -> Result<(), TableError> {
    if bytes > MOST_BYTES {
        let problem = format!("file has {} MB, 200 are the most", bytes.div_ceil(1 << 20));
        return Err(error("file", &problem, "split the list"));
    }
    Ok(())
}

/// The rows of a list, header and titles included; of a workbook those of the sheet that is one.
fn raw(bytes: &[u8], choice: &Choice) -> Result<List, TableError> {
    small_enough(bytes.len())?;
    if bytes.starts_with(b"PK\x03\x04") {
        return sheet::read(bytes, choice);
    }
    let text = decode(bytes)?;
    let rows = match text.trim_start().chars().next() {
        Some('[' | '{') => json::rows(&text, false)?,
        Some('<') => {
            return Err(error(
                "file",
                "file is a web page, whatever its name says",
                "save it as XLSX or CSV",
            ));
        }
        _ => csv_rows(&text)?,
    };
    Ok(List { rows, notes: Vec::new() })
}

/// Reads a CSV file: UTF-8, UTF-16 or GB18030; separated by comma, semicolon or tab; quoted or not; with the header in
/// one of the first rows.
///
/// # Errors
/// [`TableError`] if the file is empty, its encoding is unknown, or no row names a waybill column.
pub fn read_csv(bytes: &[u8]) -> Result<Table, TableError> {
    let rows = csv_rows(&decode(bytes)?)?;
    table(List { rows, notes: Vec::new() }, &Choice::default())
}

impl Table {
    /// How its columns were read, to be remembered for lists of its shape.
    #[must_use]
    pub fn confirmed(&self) -> ListColumns {
        let mut columns: std::collections::BTreeMap<Field, String> =
            Field::ALL.iter().map(|field| (*field, String::new())).collect();
        columns.extend(self.columns.iter().map(|c| (c.field, c.column.clone())));
        ListColumns { shape: shape_of(&self.headings), headings: self.headings.clone(), columns }
    }
}

/// Refuses a list of too many rows or cells.
fn within(rows: usize, cells: usize) -> Result<(), TableError> {
    if rows > MOST_ROWS {
        let problem = format!("list has more than {MOST_ROWS} rows");
        return Err(error("file", &problem, "split the list"));
    }
    if cells > MOST_CELLS {
        let problem = format!("list has more than {MOST_CELLS} cells");
        return Err(error("file", &problem, "remove the columns that are not needed, or split the list"));
    }
    Ok(())
}

fn csv_rows(text: &str) -> Result<Vec<Row>, TableError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(text))
        .from_reader(text.as_bytes());
    let mut rows = Rows::default();
    let mut lines = crate::sheet::Lines::new(text.as_bytes());
    for record in reader.records() {
        // The text is UTF-8 and rows may differ in length: nothing is left that the reader could refuse.
        let Ok(record) = record else { continue };
        let line = record.position().map_or(0, |p| lines.of(p.byte()));
        let used = record.iter().take(MOST_COLUMNS).enumerate().filter(|(_, c)| !c.trim().is_empty());
        if let Some((last, _)) = used.last() {
            let cells = record.iter().take(last + 1).map(|c| c.trim().to_owned()).collect();
            rows.push(Place::line(u32::try_from(line).unwrap_or(u32::MAX)), cells)?;
        }
    }
    Ok(rows.rows)
}

fn table(list: List, choice: &Choice) -> Result<Table, TableError> {
    let rows = &list.rows;
    if rows.is_empty() {
        return Err(error("file", "file has no rows", "export the list again"));
    }
    let Some(Header { at, depth, headings, map, columns }) = choice.header(rows) else {
        if let Some(refused) = choice.not_found(rows) {
            return Err(refused);
        }
        let seen = rows.first().map(|row| row.cells.join(", ")).unwrap_or_default();
        let seen: String = seen.chars().take(80).collect();
        let problem = format!("no column is headed as waybill number; the first row is {seen:?}");
        return Err(error(
            "header",
            &problem,
            "head the column 运单号 or waybill_no, or name it: waybill_no=HEADING, or waybill_no=#1 for the first",
        ));
    };
    within(rows.len(), 0)?;
    let head_line = rows[at].at;
    let mut table = Table { headings, columns, notes: list.notes, ..Table::default() };
    let mut odd = notes::Odd::default();
    // a list without a header, whose columns were named by their places
    let headless = is_data(&map, &table.headings);
    if headless {
        table.headings = (1..=table.headings.len()).map(|n| format!("#{n}")).collect();
        table
            .columns
            .iter_mut()
            .for_each(|c| c.column = map.get(c.field).map_or_else(String::new, |at| format!("#{}", at + 1)));
    }
    let header = table.headings.clone();
    let is_merged = |row: &Row, field| map.get(field).is_some_and(|at| row.merged.contains(&at));
    let first = if headless { at } else { at + depth };
    for (n, row) in rows.iter().enumerate().skip(first) {
        if is_merged(row, Field::Waybill) && n > first {
            odd.joined.push(row.at);
            continue;
        }
        if let Some(remark) = remark::of(&map, &rows[at..first], &row.cells) {
            odd.remark(row.at, remark);
            continue;
        }
        table.total += 1;
        match parse_row(&map, &header, row.at, &row.cells) {
            Ok(taken) => {
                if !taken.other_phones.is_empty() {
                    odd.several.push(row.at);
                }
                if taken.left_out {
                    odd.left_out.push(row.at);
                }
                if is_merged(row, Field::Phone) && taken.phone.is_some() {
                    odd.shared.push(row.at);
                }
                odd.beside |= row::has_beside(&map, &row.cells);
                if row.hidden {
                    odd.hidden.push(row.at);
                }
                if row::has_broken(&map, &row.cells) {
                    odd.broken.push(row.at);
                }
                match taken.stands {
                    Some(Standing::Finished) => odd.finished.push(row.at),
                    Some(Standing::Unknown) => odd.unknown(&map, row.at, &row.cells),
                    _ => {}
                }
                odd.places.push(row.at);
                let (lat, lon) = row::coordinates(&map, &row.cells);
                // two numbers in one cell may stand either way round
                let (at, oddity) = told(lat, lon, choice.datum.unwrap_or(Datum::Gcj02));
                let paired = map.get(Field::Latitude).is_none();
                odd.coordinates(row.at, oddity.filter(|o| !(paired && *o == OddPlace::Swapped)));
                table.rows.push(ImportedRow { at, ..taken.into_wire() });
            }
            Err(errors) => table.problems.extend(errors.into_iter().map(FieldError::into_wire)),
        }
    }
    let notes = notes::notes(&map, &header, head_line, &table, &odd);
    table.notes.extend(notes);
    Ok(table)
}

/// Whether what was taken for the header is a parcel: its waybill is one.
fn is_data(map: &ColumnMap, header: &[String]) -> bool {
    let Some(cell) = map.get(Field::Waybill).and_then(|at| header.get(at)) else { return false };
    cell.chars().filter(char::is_ascii_digit).count() >= 6 && WaybillNo::parse(cell).is_ok()
}

fn error(field: &str, problem: &str, hint: &str) -> TableError {
    TableError { field: field.to_owned(), problem: problem.to_owned(), hint: hint.to_owned() }
}

/// The separator that occurs most in the first lines, outside quotes.
fn separator(text: &str) -> u8 {
    let mut counts = [(b',', 0usize), (b'\t', 0), (b';', 0)];
    let mut quoted = false;
    for byte in text.bytes().take(4_000) {
        if byte == b'"' {
            quoted = !quoted;
        }
        if let Some((_, n)) = counts.iter_mut().find(|(c, _)| *c == byte && !quoted) {
            *n += 1;
        }
    }
    // The first of equals: the comma.
    counts.iter().rev().max_by_key(|(_, n)| *n).map_or(b',', |(c, _)| *c)
}
