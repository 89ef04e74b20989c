//! XLSX workbooks, read cell by cell: a sheet says how large it is, and what it says is not believed.
//!
//! A small file can unpack into gigabytes, and a sheet of two cells can span seventeen thousand million. So the parts are
//! unpacked once into nothing, up to a limit, before any is read, and cells are taken up to a limit of rows and columns.

use super::{Choice, List, MOST_COLUMNS, Place, Row, TITLE_ROWS, TableError, error, hidden, within};
use crate::wire::RowProblem;
use calamine::{
    DataRef, Dimensions, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxCellFormulaMetadataRecord,
    XlsxFormulaMetadata,
};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// Most bytes of all parts together.
const UNPACKED: u64 = 200 << 20;
/// Most parts: the usual workbook has fifteen.
const PARTS: usize = 2_000;
/// Days that a spreadsheet counts, up to the year 9999.
const DAYS: f64 = 2_958_466.0;
/// Whole numbers up to here are exact in a spreadsheet (15 digits); beyond, the last digits are lost.
const EXACT: f64 = 1e15;

/// The first sheet, visible ones first, that has a waybill column; else the first that is not empty. What is left aside is told.
pub(super) fn read(bytes: &[u8], choice: &Choice) -> Result<List, TableError> {
    unpacks(bytes)?;
    // The library is good, but the file comes from outside.
    let read = std::panic::catch_unwind(|| sheets(bytes, choice));
    read.unwrap_or_else(|_| Err(damaged("its sheets cannot be read")))
}

fn sheets(bytes: &[u8], choice: &Choice) -> Result<List, TableError> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|e| damaged(&e.to_string()))?;
    let all = book.sheets_metadata().iter().cloned().enumerate();
    let mut sheets: Vec<_> = all.filter(|(_, s)| s.typ == SheetType::WorkSheet).collect();
    sheets.sort_by_key(|(_, s)| s.visible != SheetVisible::Visible);
    let mut first = None;
    let mut sheets = sheets.into_iter();
    while let Some((place, sheet)) = sheets.next() {
        let mut rows = rows(&mut book, &sheet.name, usize::MAX)?;
        if choice.header(&rows).is_some() {
            let hidden = hidden::rows(bytes, place);
            rows.iter_mut().for_each(|row| row.hidden = hidden.contains(&row.at.line));
            let mut notes = others(&mut book, sheets.map(|(_, s)| s), &sheet.name, choice);
            if sheet.visible != SheetVisible::Visible {
                let problem =
                    format!("the list is on the hidden sheet {:?}; no visible sheet is one", sheet.name);
                let hint = "show it in the spreadsheet and look whether it is today's";
                notes.insert(0, Place::line(1).problem("", problem, hint));
            }
            return Ok(List { rows, notes });
        }
        if !rows.is_empty() {
            first.get_or_insert(rows);
        }
    }
    Ok(List { rows: first.unwrap_or_default(), notes: Vec::new() })
}

/// Notes about further sheets that are lists. One that cannot be read is none.
fn others(
    book: &mut Xlsx<Cursor<&[u8]>>,
    sheets: impl Iterator<Item = calamine::Sheet>,
    taken: &str,
    choice: &Choice,
) -> Vec<RowProblem> {
    let is_list = |sheet: &calamine::Sheet| {
        let rows = rows(book, &sheet.name, TITLE_ROWS + 2).unwrap_or_default();
        choice.header(&rows).is_some_and(|header| rows.len() > header.at + header.depth)
    };
    let (seen, hidden): (Vec<_>, Vec<_>) =
        sheets.filter(is_list).partition(|sheet| sheet.visible == SheetVisible::Visible);
    let names = |sheets: Vec<calamine::Sheet>| {
        let names: Vec<String> = sheets.into_iter().map(|sheet| sheet.name).collect();
        Some(names.join(", ").chars().take(80).collect::<String>()).filter(|names| !names.is_empty())
    };
    let at = |problem: String, hint: &str| Place::line(1).problem("", problem, hint);
    let seen = names(seen).map(|names| {
        let problem = format!("the sheets {names:?} are lists too, and only {taken:?} is read");
        at(problem, "put their rows into one sheet, or import each as a file")
    });
    let hidden = names(hidden).map(|names| {
        let problem = format!("the hidden sheets {names:?} are lists too, and only {taken:?} is read");
        at(problem, "show them in the spreadsheet if they are today's; otherwise nothing is to be done")
    });
    seen.into_iter().chain(hidden).collect()
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

/// The rows of a sheet, at most so many.
fn rows(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, most: usize) -> Result<Vec<Row>, TableError> {
    let mut cells = book.worksheet_cells_reader(name).map_err(|e| damaged(&e.to_string()))?;
    let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
    let mut held = 0;
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(|e| damaged(&e.to_string()))? {
        let (row, column) = cell.pos;
        let text = text(cell);
        let column = column as usize;
        if text.is_empty() || column >= MOST_COLUMNS {
            continue;
        }
        if rows.len() >= most && !rows.contains_key(&row) {
            break;
        }
        let (known, before) = (rows.len(), rows.get(&row).map_or(0, |r| r.cells.len()));
        held += (column + 1).saturating_sub(before);
        within(known + usize::from(before == 0), held)?;
        let kept = rows.entry(row).or_insert_with(|| Row::of(Place::line(row.saturating_add(1)), Vec::new()));
        kept.put(column, text);
    }
    drop(cells);
    fill(&mut rows, &book.merge_cells_by_sheet_name(name).map_err(|e| damaged(&e.to_string()))?)?;
    Ok(rows.into_values().collect())
}

/// Gives the text of a merged cell to the rows that it reaches down to, and that hold something else. A cell that is merged to
/// the right stays one: a title is no row of headings.
fn fill(rows: &mut BTreeMap<u32, Row>, merged: &[Dimensions]) -> Result<(), TableError> {
    let mut filled = 0;
    for region in merged {
        let (top, column) = (region.start.0, region.start.1 as usize);
        if region.end.0 <= top || column >= MOST_COLUMNS {
            continue;
        }
        let Some(text) = rows.get(&top).and_then(|row| row.cells.get(column)).cloned() else { continue };
        if text.is_empty() {
            continue;
        }
        for (_, row) in rows.range_mut(top + 1..=region.end.0) {
            filled += column + 1;
            within(0, filled)?;
            if row.cells.get(column).is_none_or(String::is_empty) {
                row.put(column, text.clone());
                row.merged.push(column);
            }
        }
    }
    Ok(())
}

/// A cell as a person sees it: a telephone number that the spreadsheet took for a number is one again, a day is no serial number.
/// A formula that was never computed stands as it is written.
fn text(cell: XlsxCellFormulaMetadataRecord<'_>) -> String {
    match cell.value {
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => shown(number),
        DataRef::Bool(yes) => yes.to_string(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text,
        DataRef::DateTime(date) => day(&date),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => match cell.formula {
            Some(XlsxFormulaMetadata::Normal { formula } | XlsxFormulaMetadata::Shared { formula, .. }) => {
                format!("={formula}")
            }
            Some(_) => "=…".to_owned(),
            None => String::new(),
        },
    }
}

/// A number with the 15 digits that a spreadsheet has of it, which rounds away what computing left behind them.
fn shown(number: f64) -> String {
    let seen = format!("{number:.14e}").parse().unwrap_or(number);
    if seen.abs() >= EXACT {
        // the form that number fields know as rounded
        return format!("{seen:E}").replace('E', "E+");
    }
    seen.to_string()
}

/// A day, a time of day or both, as `2026-09-01 14:30`; a span of time as `26:30:00`.
fn day(date: &ExcelDateTime) -> String {
    let serial = date.as_f64();
    if !(0.0..DAYS).contains(&serial) {
        // no day: a number in a column of days
        return shown(serial);
    }
    if date.is_duration() {
        let seconds = (serial * 86_400.0).round() as u64;
        return format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    }
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    let seconds = if second == 0 { String::new() } else { format!(":{second:02}") };
    let time = format!("{hour:02}:{minute:02}{seconds}");
    match (serial < 1.0, (hour, minute, second)) {
        (true, _) => time,
        (false, (0, 0, 0)) => format!("{year}-{month:02}-{day:02}"),
        (false, _) => format!("{year}-{month:02}-{day:02} {time}"),
    }
}

fn damaged(problem: &str) -> TableError {
    error(
        "file",
        &format!("file is no readable XLSX workbook: {problem}"),
        "open it in a spreadsheet and save it again as XLSX",
    )
}
