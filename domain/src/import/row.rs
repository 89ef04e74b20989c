//! One row of a list.

use super::Place;
use super::columns::{ColumnMap, Field};
use super::state::{Standing, standing};
use crate::parcel::{TaskKind, WaybillNo};
use crate::phone::{PhoneError, PhoneNumber};
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
    /// Further numbers of the same cell.
    pub other_phones: Vec<PhoneNumber>,
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
            phone: self.phone_text,
            address: self.address,
            kind: self.kind,
            withdrawn: match self.stands {
                // nothing is left to do with either
                Some(Standing::Withdrawn | Standing::Finished) => Some(true),
                Some(Standing::Open) => Some(false),
                Some(Standing::Unknown) | None => None,
            },
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
    let (phone, phone_text, other_phones) =
        match broken(&numbers).map_or_else(|| phones(&numbers).map_err(|e| e.to_string()), Err) {
            Ok(found) => found,
            // of a parcel that is not to be rung for, nothing but the waybill number counts
            Err(_) if matches!(stands, Some(Standing::Withdrawn | Standing::Finished)) => Default::default(),
            Err(e) => {
                fail(Field::Phone, e);
                (None, String::new(), Vec::new())
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
            name: whole(Field::Name).to_owned(),
            address: whole(Field::Address).to_owned(),
            kind,
            stands,
        }),
        _ => Err(errors),
    }
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
    phones(&numbers(map, cells)).is_ok_and(|(phone, ..)| phone.is_some())
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

/// A cell that says that there is no number.
fn is_none(cell: &str) -> bool {
    cell.chars().all(|c| !c.is_alphanumeric() && c != '*')
        || matches!(cell, "无" | "没有" | "null" | "NULL" | "N/A" | "n/a")
}

/// The numbers of a cell: the first good one is rung, its text is kept, further ones are remembered.
type Phones = (Option<PhoneNumber>, String, Vec<PhoneNumber>);

fn phones(cell: &str) -> Result<Phones, PhoneError> {
    if is_none(cell) {
        return Ok((None, String::new(), Vec::new()));
    }
    let error = match PhoneNumber::parse(cell) {
        Ok(phone) => return Ok((Some(phone), cell.to_owned(), Vec::new())),
        Err(error) => error,
    };
    let cleaned = cleaned(cell);
    if let Ok(phone) = PhoneNumber::parse(&cleaned) {
        return Ok((Some(phone), cleaned, Vec::new()));
    }
    let mut good: Vec<(PhoneNumber, &str)> = Vec::new();
    for separators in [&['/', '、', ';', '；', '|', '\n'][..], &[',', '，', ' ', '/', '、', ';']] {
        let pieces = cleaned.split(separators).map(str::trim).filter(|p| !p.is_empty());
        good = pieces.filter_map(|p| PhoneNumber::parse(p).ok().map(|phone| (phone, p))).collect();
        if !good.is_empty() {
            break;
        }
    }
    // A mobile is rung before a fixed line.
    good.sort_by_key(|(phone, _)| phone.kind() != crate::phone::PhoneKind::Mobile);
    let mut good = good.into_iter();
    let Some((phone, text)) = good.next() else { return Err(error) };
    let mut others: Vec<PhoneNumber> = Vec::new();
    for (other, _) in good {
        if other != phone && !others.contains(&other) {
            others.push(other);
        }
    }
    Ok((Some(phone), text.to_owned(), others))
}

/// A cell without what people and programs write around numbers: `="138…"` of spreadsheets, a leading `#`, remarks in brackets
/// that hold no digit (家, 妈妈), the brackets of an extension, and the colon behind its word.
fn cleaned(cell: &str) -> String {
    let cell = cell.strip_prefix("=\"").and_then(|c| c.strip_suffix('"')).unwrap_or(cell);
    let cell = cell.trim().trim_start_matches(['#', '＃']);
    let mut out = String::with_capacity(cell.len());
    let mut rest = cell;
    while let Some(open) = rest.find(['(', '（', '[', '【']) {
        let (before, from) = rest.split_at(open);
        let Some(close) = from.find([')', '）', ']', '】']) else { break };
        let inner = from.get(from.chars().next().map_or(0, char::len_utf8)..close).unwrap_or_default();
        let after = from.get(close..).and_then(|f| f.chars().next()).map_or(close, |c| close + c.len_utf8());
        out.push_str(before);
        let word = inner.trim().to_lowercase();
        if !inner.chars().any(char::is_numeric) {
            out.push(' ');
        } else if ["分机", "转", "ext"].iter().any(|w| word.starts_with(w)) {
            out.push_str(inner);
        } else {
            out.push_str(from.get(..after).unwrap_or_default());
        }
        rest = from.get(after..).unwrap_or_default();
    }
    out.push_str(rest);
    for (written, plain) in
        [("分机号", "分机"), ("分机：", "分机"), ("分机:", "分机"), ("转：", "转"), ("转:", "转")]
    {
        out = out.replace(written, plain);
    }
    out.trim().to_owned()
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
