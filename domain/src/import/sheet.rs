//! XLSX workbooks, read cell by cell: a sheet says how large it is, and what it says is not believed.
//!
//! A small file can unpack into gigabytes, and a sheet of two cells can span seventeen thousand million. So the parts are
//! unpacked once into nothing, up to a limit, before any is read, and cells are taken up to a limit of rows and columns.

use super::{Choice, MOST_COLUMNS, Row, TableError, error, within};
use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// Most bytes of all parts together.
const UNPACKED: u64 = 200 << 20;
/// Most parts: the usual workbook has fifteen.
const PARTS: usize = 2_000;
/// Whole numbers up to here are exact in a spreadsheet (15 digits); beyond, the last digits are lost.
const EXACT: f64 = 1e15;

/// The first sheet, visible ones first, that has a waybill column; else the error of the first.
pub(super) fn read(bytes: &[u8], choice: &Choice) -> Result<Vec<Row>, TableError> {
    unpacks(bytes)?;
    // The library is good, but the file comes from outside.
    let read = std::panic::catch_unwind(|| sheets(bytes, choice));
    read.unwrap_or_else(|_| Err(damaged("its sheets cannot be read")))
}

fn sheets(bytes: &[u8], choice: &Choice) -> Result<Vec<Row>, TableError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|e| damaged(&e.to_string()))?;
    let mut sheets: Vec<_> =
        book.sheets_metadata().iter().filter(|s| s.typ == SheetType::WorkSheet).cloned().collect();
    sheets.sort_by_key(|s| s.visible != SheetVisible::Visible);
    let mut first = None;
    for sheet in sheets {
        let rows = rows(&mut book, &sheet.name)?;
        if choice.header(&rows).is_some() {
            return Ok(rows);
        }
        if !rows.is_empty() {
            first.get_or_insert(rows);
        }
    }
    Ok(first.unwrap_or_default())
}

/// Refuses a file whose parts are too large, before they are held in memory.
fn unpacks(bytes: &[u8]) -> Result<(), TableError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(&e.to_string()))?;
    if archive.len() > PARTS {
        return Err(damaged(&format!("it has {} parts", archive.len())));
    }
    let mut left = UNPACKED;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(|e| damaged(&e.to_string()))?;
        let read = std::io::copy(&mut part.take(left + 1), &mut std::io::sink());
        let size = read.map_err(|e| damaged(&e.to_string()))?;
        let Some(rest) = left.checked_sub(size) else {
            let problem = format!("file unpacks into more than {} MB", UNPACKED >> 20);
            return Err(error("file", &problem, "keep the list's own sheet only, or save it as CSV"));
        };
        left = rest;
    }
    Ok(())
}

fn rows(book: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Vec<Row>, TableError> {
    let mut cells = book.worksheet_cells_reader(name).map_err(|e| damaged(&e.to_string()))?;
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut held = 0;
    while let Some(cell) = cells.next_cell().map_err(|e| damaged(&e.to_string()))? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        let column = column as usize;
        if text.is_empty() || column >= MOST_COLUMNS {
            continue;
        }
        let (known, before) = (rows.len(), rows.get(&row).map_or(0, Vec::len));
        held += (column + 1).saturating_sub(before);
        within(known + usize::from(before == 0), held)?;
        let cells = rows.entry(row).or_default();
        if before <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text;
    }
    Ok(rows.into_iter().map(|(row, cells)| (row.saturating_add(1), cells)).collect())
}

/// A cell as it would be typed: a telephone number that the spreadsheet took for a number is one again.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => format!("{number:.0}"),
        // the form that number fields know as rounded
        DataRef::Float(number) if number.abs() >= EXACT => format!("{number:E}").replace('E', "E+"),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(yes) => yes.to_string(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        // no field of a list is a date
        DataRef::DateTime(date) => date.as_f64().to_string(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

fn damaged(problem: &str) -> TableError {
    error(
        "file",
        &format!("file is no readable XLSX workbook: {problem}"),
        "open it in a spreadsheet and save it again as XLSX",
    )
}
