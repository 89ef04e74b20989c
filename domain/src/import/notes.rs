//! What is well to know of a list that was taken.

use super::columns::{ColumnMap, Field};
use super::remark::Remark;
use super::{Place, Table};
use crate::building::OddPlace;
use crate::wire::RowProblem;
use std::collections::{BTreeMap, HashMap};

/// Waybills there twice that are named one by one.
const TWICE: usize = 20;

/// What rows of a list say of their parcels that is to be told.
#[derive(Default)]
pub(super) struct Odd {
    /// Where each good row stands.
    pub places: Vec<Place>,
    /// Parcels that are delivered or on their way back.
    pub finished: Vec<Place>,
    /// Rows with more than one good telephone number.
    pub several: Vec<Place>,
    /// Rows with numbers that are not kept.
    pub left_out: Vec<Place>,
    /// Rows whose waybill number is that of a merged cell above.
    pub joined: Vec<Place>,
    /// Rows whose telephone number is that of a merged cell above.
    pub shared: Vec<Place>,
    /// Further columns of telephone numbers have some.
    pub beside: bool,
    /// Good rows that the spreadsheet does not show.
    pub hidden: Vec<Place>,
    /// Rows whose coordinates are no place in China; stood in each other's place; do not read.
    abroad: Vec<Place>,
    swapped: Vec<Place>,
    nowhere: Vec<Place>,
    /// Rows in which a spreadsheet's error was left out.
    pub broken: Vec<Place>,
    /// Rows that are no parcels.
    remarks: Vec<(Place, Remark)>,
    /// Headers that stand there once more.
    headers: Vec<Place>,
    /// Words that are not known, each with its first place and how many rows have it.
    words: BTreeMap<String, (Place, u32)>,
    /// Rows of further such words, and rows that are no parcels beyond those that are told one by one.
    more_words: Vec<Place>,
    more_remarks: Vec<Place>,
}

impl Odd {
    /// A row whose coordinates are odd.
    pub(super) fn coordinates(&mut self, at: Place, odd: Option<OddPlace>) {
        match odd {
            Some(OddPlace::Abroad) => self.abroad.push(at),
            Some(OddPlace::Swapped) => self.swapped.push(at),
            Some(OddPlace::Unreadable | OddPlace::Missing) => self.nowhere.push(at),
            None => {}
        }
    }

    /// A row whose state is in a word that is not known.
    pub(super) fn unknown(&mut self, map: &ColumnMap, at: Place, cells: &[String]) {
        let cell = map.get(Field::State).and_then(|at| cells.get(at)).map_or("", String::as_str);
        let word: String = cell.trim().chars().take(20).collect();
        if self.words.len() < TWICE || self.words.contains_key(&word) {
            self.words.entry(word).or_insert((at, 0)).1 += 1;
        } else {
            self.more_words.push(at);
        }
    }

    /// A row that is no parcel.
    pub(super) fn remark(&mut self, at: Place, remark: Remark) {
        match remark {
            Remark::Header => self.headers.push(at),
            _ if self.remarks.len() < TWICE => self.remarks.push((at, remark)),
            _ => self.more_remarks.push(at),
        }
    }
}

pub(super) fn notes(
    map: &ColumnMap,
    header: &[String],
    head: Place,
    table: &Table,
    odd: &Odd,
) -> Vec<RowProblem> {
    let mut notes = Vec::new();
    if table.total == 0 {
        notes.push(head.problem("", "list has a header and no rows", "export the list again"));
    }
    let columns: String = header.join(", ").chars().take(80).collect();
    // a list that only takes parcels off needs neither
    let takes_off = table.total > 0 && table.rows.iter().all(|row| row.withdrawn == Some(true));
    if !takes_off && map.get(Field::Phone).is_none() {
        let problem = format!("no column is headed as telephone number; the columns are {columns:?}");
        let hint = "head it 电话 or phone, or nobody of this list can be rung";
        notes.push(head.problem("", problem, hint));
    }
    if !takes_off && map.get(Field::Address).is_none() {
        let problem = format!("no column is headed as address; the columns are {columns:?}");
        notes.push(head.problem("", problem, "head it 地址 or address, or notices name no place"));
    }
    let column = |field| map.get(field).and_then(|at| header.get(at)).map_or("", String::as_str);
    let more: Vec<&str> =
        map.more_phones().iter().filter_map(|at| header.get(*at)).map(String::as_str).collect();
    if odd.beside {
        let more: String = more.join(", ").chars().take(80).collect();
        let problem = format!("numbers stand in the columns {more:?} too");
        let hint = "they count where the first column has none, or no mobile; name the telephone column to have it alone";
        notes.push(head.problem(column(Field::Phone), problem, hint));
    }
    for (at, remark) in &odd.remarks {
        let problem = match remark {
            Remark::Total(text) => format!("{text:?} is a total and no parcel"),
            Remark::Foot(text) => format!("{text:?} is a remark about the list and no parcel"),
            Remark::Header => continue,
        };
        notes.push(at.problem("", problem, "the row is left aside"));
    }
    for (word, (first, rows)) in &odd.words {
        let problem = format!("{word:?} of {rows} rows is no known state, the first in this line");
        let hint = "the parcels are taken as to be delivered; take out what is not";
        notes.push(first.problem(column(Field::State), problem, hint));
    }
    let rung = table.rows.iter().zip(&odd.places).filter(|(row, _)| row.withdrawn != Some(true));
    let silent: Vec<Place> = match map.get(Field::Phone) {
        Some(_) => rung.filter(|(row, _)| row.phone.is_empty()).map(|(_, at)| *at).collect(),
        None => Vec::new(),
    };
    for (places, field, problem, hint) in [
        (
            &odd.more_remarks,
            None,
            "{} more rows are totals or remarks and no parcels, the first in this line",
            "the rows are left aside",
        ),
        (
            &odd.more_words,
            Some(Field::State),
            "{} more rows have other states that are not known, the first in this line",
            "the parcels are taken as to be delivered; take out what is not",
        ),
        (
            &odd.headers,
            None,
            "the header stands {} times more, first in this line",
            "the rows below it are read as those above",
        ),
        (
            &odd.hidden,
            None,
            "{} rows are hidden in the workbook, the first in this line",
            "they are taken like the others; remove them from the list if nobody is to be rung for them",
        ),
        (
            &odd.joined,
            Some(Field::Waybill),
            "{} rows stand under a merged waybill number, the first in this line",
            "they are one parcel with the row above; a parcel of its own needs a waybill number of its own",
        ),
        (
            &odd.shared,
            Some(Field::Phone),
            "{} rows have the telephone number of a merged cell, the first in this line",
            "who has several parcels is rung once; write the number into each row if it is not theirs",
        ),
        (
            &odd.broken,
            None,
            "{} rows hold an error of the spreadsheet in a cell, the first in this line",
            "that cell is taken as empty; mend it and import again",
        ),
        (
            &odd.abroad,
            None,
            "{} rows have coordinates that are no place in China, the first in this line",
            "the coordinates are left out, and the rows are taken; look whether the right columns are headed 纬度 and 经度",
        ),
        (
            &odd.swapped,
            None,
            "{} rows have latitude and longitude in each other's place, the first in this line",
            "they were taken the right way round",
        ),
        (
            &odd.nowhere,
            None,
            "{} rows have coordinates that cannot be read, the first in this line",
            "the coordinates are left out, and the rows are taken; write degrees such as 31.2304",
        ),
        (
            &odd.finished,
            Some(Field::State),
            "{} rows are delivered or on their way back by the list, the first in this line",
            "they are taken off the list, and nobody is rung for them",
        ),
        (
            &odd.several,
            Some(Field::Phone),
            "{} rows have several telephone numbers, the first in this line",
            "the first mobile of each is rung, and who rings from another is known while the parcel is on its way; write another one first to have it rung",
        ),
        (
            &odd.left_out,
            Some(Field::Phone),
            "{} rows have telephone numbers that are left out, the first in this line",
            "three of a row are kept, and a number that is hidden or too short is none; write the right ones first",
        ),
        (
            &silent,
            Some(Field::Phone),
            "{} rows have no telephone number, the first in this line",
            "they are not rung unless an earlier list had their numbers; add the numbers and import again",
        ),
    ] {
        if let Some(first) = places.first() {
            let problem = problem.replace("{}", &places.len().to_string());
            notes.push(first.problem(field.map_or("", &column), problem, hint));
        }
    }
    let mut seen: HashMap<&str, Place> = HashMap::new();
    let rows = table.rows.iter().zip(&odd.places);
    let twice = rows.filter_map(|(row, at)| Some((at, seen.insert(&row.waybill_no, *at)?)));
    for (at, before) in twice.take(TWICE) {
        let (problem, hint) = match before.object {
            Some(n) => (format!("this waybill stands in object {n} too"), "the later one counts"),
            None => (format!("this waybill stands in line {} too", before.line), "the later line counts"),
        };
        notes.push(at.problem(column(Field::Waybill), problem, hint));
    }
    notes
}

/// The note about a withdrawn row whose parcel is not the courier's.
#[must_use]
pub fn not_on_list(line: u32, waybill_no: &str) -> RowProblem {
    let problem = format!("{waybill_no} is withdrawn by the list and is not on yours");
    Place::line(line).problem("state", problem, "nothing is to be done, unless a colleague has it")
}

/// The note about a waybill that was withdrawn before, in a list that does not say how it stands.
#[must_use]
pub fn stays_withdrawn(line: u32, waybill_no: &str) -> RowProblem {
    let problem = format!("{waybill_no} was withdrawn and stays so");
    let hint = "to have it back, import a list with a column 状态 that says 派送中";
    Place::line(line).problem("waybill_no", problem, hint)
}
