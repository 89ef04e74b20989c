//! What is well to know of a list that was taken.

use super::Table;
use super::columns::{ColumnMap, Field};
use crate::wire::RowProblem;
use std::collections::{BTreeMap, HashMap};

/// Waybills there twice that are named one by one.
const TWICE: usize = 20;

/// What rows of a list say of their parcels that is to be told.
#[derive(Default)]
pub(super) struct Odd {
    /// Lines of parcels that are delivered or on their way back.
    pub finished: Vec<u32>,
    /// Lines of cells with more than one good telephone number.
    pub several: Vec<u32>,
    /// Words that are not known, each with its first line and how many rows have it.
    words: BTreeMap<String, (u32, u32)>,
}

impl Odd {
    /// A row whose state is in a word that is not known.
    pub(super) fn unknown(&mut self, map: &ColumnMap, line: u32, cells: &[String]) {
        let cell = map.get(Field::State).and_then(|at| cells.get(at)).map_or("", String::as_str);
        let word: String = cell.trim().chars().take(20).collect();
        if self.words.len() < TWICE || self.words.contains_key(&word) {
            self.words.entry(word).or_insert((line, 0)).1 += 1;
        }
    }
}

pub(super) fn notes(
    map: &ColumnMap,
    header: &[String],
    line: u32,
    table: &Table,
    odd: &Odd,
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
    // a list that only takes parcels off needs neither
    let takes_off = table.total > 0 && table.rows.iter().all(|row| row.withdrawn == Some(true));
    if !takes_off && map.get(Field::Phone).is_none() {
        let problem = format!("no column is headed as telephone number; the columns are {columns:?}");
        notes.push(note(line, "", problem, "head it 电话 or phone, or nobody of this list can be rung"));
    }
    if !takes_off && map.get(Field::Address).is_none() {
        let problem = format!("no column is headed as address; the columns are {columns:?}");
        notes.push(note(line, "", problem, "head it 地址 or address, or notices name no place"));
    }
    let column = |field| map.get(field).and_then(|at| header.get(at)).map_or("", String::as_str);
    for (word, (first, rows)) in &odd.words {
        let problem = format!("{word:?} of {rows} rows is no known state, the first in this line");
        let hint = "the parcels are taken as to be delivered; take out what is not";
        notes.push(note(*first, column(Field::State), problem, hint));
    }
    if let Some(first) = odd.finished.first() {
        let problem = format!(
            "{} rows are delivered or on their way back by the list, the first in this line",
            odd.finished.len()
        );
        notes.push(note(
            *first,
            column(Field::State),
            problem,
            "they are taken off the list, and nobody is rung for them",
        ));
    }
    if let Some(first) = odd.several.first() {
        let problem =
            format!("{} rows have several telephone numbers, the first in this line", odd.several.len());
        let hint = "the first mobile of each is rung, and the others are not kept; write another one first to have it rung";
        notes.push(note(*first, column(Field::Phone), problem, hint));
    }
    let rung = table.rows.iter().filter(|row| row.withdrawn != Some(true));
    let mut silent = rung.filter(|row| row.phone.is_empty());
    if let (Some(first), true) = (silent.next(), map.get(Field::Phone).is_some()) {
        let problem = format!("{} rows have no telephone number, the first in this line", silent.count() + 1);
        notes.push(note(
            first.line,
            column(Field::Phone),
            problem,
            "they are not rung unless an earlier list had their numbers; add the numbers and import again",
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
