//! One row of a list.

use super::Place;
use super::cell::{CellPhones, cell_phones, is_none};
use super::columns::{ColumnMap, Field};
use super::state::{Standing, standing};
use crate::building::pair;
use crate::parcel::{TaskKind, WaybillNo};
use crate::phone::PhoneNumber;
use crate::wire::{ImportedRow, RowProblem};

/// A row that can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// Where it stands in the file.
    pub at: Place,
    /// Waybill number.
    pub waybill: WaybillNo,
    /// The number to ring; `None` if the list has none.
    pub phone: Option<PhoneNumber>,
    /// That number as it was written.
    pub phone_text: String,
    /// Further numbers of the same cell, or of further columns.
    pub other_phones: Vec<PhoneNumber>,
    /// There are more than are kept, or some that cannot be read.
    pub left_out: bool,
    /// Recipient's name; may be empty.
    pub name: String,
    /// Address as written; may be empty.
    pub address: String,
    /// Delivery or pick-up; `None` where the list does not say.
    pub kind: Option<TaskKind>,
    /// What has become of it by the list; `None` where the list does not say.
    pub stands: Option<Standing>,
}

/// What is wrong with a field of a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, {column}: {problem}", at.line)]
pub struct FieldError {
    /// Where the row stands in the file.
    pub at: Place,
    /// Column as the list heads it.
    pub column: String,
    /// Which field.
    pub field: Field,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

impl FieldError {
    pub(super) fn into_wire(self) -> RowProblem {
        self.at.problem(&self.column, self.problem, &self.hint)
    }
}

impl ImportRow {
    pub(super) fn into_wire(self) -> ImportedRow {
        ImportedRow {
            line: self.at.line,
            waybill_no: self.waybill.to_string(),
            recipient_name: self.name,
            more_phones: self.phone.map(|_| self.other_phones.iter().map(PhoneNumber::key).collect()),
            phone: self.phone_text,
            address: self.address,
            kind: self.kind,
            withdrawn: match self.stands {
                // nothing is left to do with either
                Some(Standing::Withdrawn | Standing::Finished) => Some(true),
                Some(Standing::Open) => Some(false),
                Some(Standing::Unknown) | None => None,
            },
            at: None,
        }
    }
}

/// Reads a row by its columns. `header` is used for the names in errors only.
///
/// # Errors
/// Every field that cannot be taken.
pub fn parse_row(
    map: &ColumnMap,
    header: &[String],
    at: Place,
    cells: &[String],
) -> Result<ImportRow, Vec<FieldError>> {
    let cell = |field| map.get(field).and_then(|at| cells.get(at)).map_or("", |c| c.trim());
    let whole = |field| Some(cell(field)).filter(|c| broken(c).is_none()).unwrap_or_default();
    let mut errors = Vec::new();
    let mut fail = |field: Field, text: String| {
        let column = map.get(field).and_then(|at| header.get(at)).cloned().unwrap_or_default();
        // "waybill number is empty; fill it in": what is wrong, and what to do.
        let (problem, hint) = match text.split_once("; ") {
            Some((problem, hint)) => (problem.to_owned(), hint.to_owned()),
            None => (text, "correct it in the list".to_owned()),
        };
        errors.push(FieldError { at, column, field, problem, hint });
    };
    let waybill = match broken(cell(Field::Waybill)) {
        Some(problem) => Err(problem),
        None => WaybillNo::parse(cell(Field::Waybill)).map_err(|e| e.to_string()),
    };
    let waybill = waybill.map_err(|e| fail(Field::Waybill, e)).ok();
    let stands = standing(whole(Field::State));
    let numbers = numbers(map, cells);
    let CellPhones { phone, text: phone_text, more: other_phones, left_out } =
        match broken(&numbers).map_or_else(|| cell_phones(&numbers).map_err(|e| e.to_string()), Err) {
            Ok(found) => found,
            // of a parcel that is not to be rung for, nothing but the waybill number counts
            Err(_) if matches!(stands, Some(Standing::Withdrawn | Standing::Finished)) => Default::default(),
            Err(e) => {
                fail(Field::Phone, e);
                CellPhones::default()
            }
        };
    let kind = kind(whole(Field::Kind)).unwrap_or_else(|text| {
        fail(Field::Kind, format!("{text:?} is no kind of task; write 派件 or 揽件"));
        None
    });
    match waybill {
        Some(waybill) if errors.is_empty() => Ok(ImportRow {
            at,
            waybill,
            phone,
            phone_text,
            other_phones,
            left_out,
            name: whole(Field::Name).to_owned(),
            address: whole(Field::Address).to_owned(),
            kind,
            stands,
        }),
        _ => Err(errors),
    }
}

/// Latitude and longitude as the row tells them; both empty where it tells none.
pub(super) fn coordinates<'a>(map: &ColumnMap, cells: &'a [String]) -> (&'a str, &'a str) {
    let cell = |field| map.get(field).and_then(|at| cells.get(at)).map_or("", |c| c.trim());
    let whole = |field| Some(cell(field)).filter(|c| broken(c).is_none() && !is_none(c)).unwrap_or_default();
    let (lat, lon) = (whole(Field::Latitude), whole(Field::Longitude));
    let both = whole(Field::Coordinates);
    if lat.is_empty() && lon.is_empty() && !both.is_empty() {
        // in China it is told from the numbers which is which
        return pair(both).map_or((both, both), |(lon, lat)| (lat, lon));
    }
    (lat, lon)
}

/// The numbers of a row as one text: those of its further columns stand behind that of the first.
fn numbers(map: &ColumnMap, cells: &[String]) -> String {
    let first = map.get(Field::Phone).and_then(|at| cells.get(at)).map_or("", |c| c.trim());
    let more: Vec<&str> = beside(map, cells).collect();
    match (is_none(first), more.is_empty()) {
        (_, true) => first.to_owned(),
        (true, false) => more.join("/"),
        (false, false) => format!("{first}/{}", more.join("/")),
    }
}

/// Whether the row has a waybill number or a telephone number that can be taken.
pub(super) fn is_parcel(map: &ColumnMap, cells: &[String]) -> bool {
    let waybill = map.get(Field::Waybill).and_then(|at| cells.get(at));
    waybill.is_some_and(|cell| WaybillNo::parse(cell).is_ok()) || has_number(map, cells)
}

/// Whether a further column of telephone numbers has one.
pub(super) fn has_beside(map: &ColumnMap, cells: &[String]) -> bool {
    beside(map, cells).next().is_some()
}

/// What stands in the further columns and is a number, or was meant to be one; a remark (放门口, 苹果15) is none.
fn beside<'a>(map: &'a ColumnMap, cells: &'a [String]) -> impl Iterator<Item = &'a str> {
    let cells = map.more_phones().iter().filter_map(|at| cells.get(*at)).map(|c| c.trim());
    let meant = |c: &&str| c.chars().filter(char::is_ascii_digit).count() >= 5 && broken(c).is_none();
    cells.filter(meant)
}

/// Whether the row holds a number that can be rung.
pub(super) fn has_number(map: &ColumnMap, cells: &[String]) -> bool {
    cell_phones(&numbers(map, cells)).is_ok_and(|found| found.phone.is_some())
}

/// What is wrong with a cell that a spreadsheet could not compute or show; a name, an address or a state is left out then.
fn broken(cell: &str) -> Option<String> {
    const ERRORS: [&str; 9] =
        ["#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"];
    let cell = cell.trim();
    if ERRORS.iter().any(|error| cell.eq_ignore_ascii_case(error)) {
        return Some(format!("cell holds {cell}, an error of the spreadsheet; put the value there"));
    }
    if cell.len() >= 3 && cell.bytes().all(|b| b == b'#') {
        let problem = "cell holds nothing but #, as a spreadsheet shows what is too wide";
        return Some(format!("{problem}; widen the column and export again"));
    }
    let formula =
        cell.strip_prefix('=').is_some_and(|f| f == "…" || f.starts_with(|c: char| c.is_ascii_alphabetic()));
    formula.then(|| {
        "cell holds a formula without its result; open the list in a spreadsheet and save it again".to_owned()
    })
}

/// Whether something that may be left out is left out for such a cell.
pub(super) fn has_broken(map: &ColumnMap, cells: &[String]) -> bool {
    let fields = [Field::Name, Field::Address, Field::Kind, Field::State];
    fields.iter().filter_map(|f| cells.get(map.get(*f)?)).any(|cell| broken(cell).is_some())
}

fn kind(cell: &str) -> Result<Option<TaskKind>, String> {
    match cell.trim().to_lowercase().as_str() {
        "" => Ok(None),
        "派件" | "派送" | "派" | "delivery" => Ok(Some(TaskKind::Delivery)),
        "揽件" | "揽收" | "取件" | "收件" | "揽" | "pickup" | "pick-up" => {
            Ok(Some(TaskKind::Pickup))
        }
        _ => Err(cell.chars().take(20).collect()),
    }
}
