//! What is well to know of a list that was taken.

use super::Table;
use super::columns::{ColumnMap, Field};
use crate::wire::RowProblem;
use std::collections::HashMap;

/// Waybills there twice that are named one by one.
const TWICE: usize = 20;

pub(super) fn notes(
    map: &ColumnMap,
    header: &[String],
    line: u32,
    table: &Table,
    finished: &[u32],
) -> Vec<RowProblem> {
    let note = |line: u32, column: &str, problem: String, hint: &str| RowProblem {
        line,
        column: column.to_owned(),
        problem,
        hint: hint.to_owned(),
    };
    let mut notes = Vec::new();
    if table.total == 0 {
        notes.push(note(line, "", "list has a header and no rows".into(), "export the list again"));
    }
    let columns: String = header.join(", ").chars().take(80).collect();
    if map.get(Field::Phone).is_none() {
        let problem = format!("no column is headed as telephone number; the columns are {columns:?}");
        notes.push(note(line, "", problem, "head it 电话 or phone, or nobody of this list can be rung"));
    }
    if map.get(Field::Address).is_none() {
        let problem = format!("no column is headed as address; the columns are {columns:?}");
        notes.push(note(line, "", problem, "head it 地址 or address, or notices name no place"));
    }
    let column = |field| map.get(field).and_then(|at| header.get(at)).map_or("", String::as_str);
    if let Some(first) = finished.first() {
        let problem = format!(
            "{} rows are delivered or on their way back by the list, the first in this line",
            finished.len()
        );
        notes.push(note(
            *first,
            column(Field::State),
            problem,
            "they are left out, and nobody is rung for them",
        ));
    }
    let rung = table.rows.iter().filter(|row| row.withdrawn != Some(true));
    let mut silent = rung.filter(|row| row.phone.is_empty());
    if let (Some(first), true) = (silent.next(), map.get(Field::Phone).is_some()) {
        let problem = format!("{} rows have no telephone number, the first in this line", silent.count() + 1);
        notes.push(note(
            first.line,
            column(Field::Phone),
            problem,
            "they are not rung; add the numbers and import again",
        ));
    }
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let twice = table.rows.iter().filter_map(|row| Some((row, seen.insert(&row.waybill_no, row.line)?)));
    for (row, before) in twice.take(TWICE) {
        let problem = format!("this waybill stands in line {before} too");
        notes.push(note(row.line, column(Field::Waybill), problem, "the later line counts"));
    }
    notes
}

/// The note about a withdrawn row whose parcel is not the courier's.
#[must_use]
pub fn not_on_list(line: u32, waybill_no: &str) -> RowProblem {
    RowProblem {
        line,
        column: "state".to_owned(),
        problem: format!("{waybill_no} is withdrawn by the list and is not on yours"),
        hint: "nothing is to be done, unless a colleague has it".to_owned(),
    }
}

/// The note about a waybill that was withdrawn before, in a list that does not say how it stands.
#[must_use]
pub fn stays_withdrawn(line: u32, waybill_no: &str) -> RowProblem {
    RowProblem {
        line,
        column: "waybill_no".to_owned(),
        problem: format!("{waybill_no} was withdrawn and stays so"),
        hint: "to have it back, import a list with a column 状态 that says 派送中".to_owned(),
    }
}
