//! Columns that somebody named, and those that were confirmed for such a list before.
//!
//! A column is named by its heading, or by its place (`#3` is the third). What somebody names for one list is remembered
//! by the shape of its header: the headings in their order, without signs and case. A list of the same shape is read in
//! the same way the next time; a list with one more column is another shape, and is guessed again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::columns::{ColumnMap, Field, detect_columns, detect_more, plain};
use super::{Row, TITLE_ROWS, TableError, error};
use crate::evidence::hex;

words! {
    /// How the column of a field was found.
    pub enum ColumnSource {
        /// By its heading.
        Guessed = "guessed", "按标题猜测", "guessed by its heading";
        /// As it was confirmed for such a list before.
        Remembered = "remembered", "按上次确认", "as confirmed before";
        /// Named for this list.
        Named = "named", "本次指定", "named";
    }
}

/// Which columns of lists with one shape of header hold what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListColumns {
    /// Names the shape.
    pub shape: String,
    /// The headings, in their order.
    pub headings: Vec<String>,
    /// The column of each field: a heading, or `#3` for the third; empty where the list has none.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, String>))]
    pub columns: BTreeMap<Field, String>,
}

/// The column that was taken for a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ColumnTaken {
    /// The field.
    pub field: Field,
    /// The column's heading, or `#3` for the third where it has none.
    pub column: String,
    /// How it was found.
    pub source: ColumnSource,
}

/// What is known of a list's columns before it is read.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Named for this list; empty: it has no such column.
    pub named: BTreeMap<Field, String>,
    /// Confirmed before, by shape.
    pub remembered: Vec<ListColumns>,
}

/// Names a header whatever signs and case its headings are written with.
#[must_use]
pub fn shape_of(headings: &[String]) -> String {
    let mut hash = Sha256::new();
    for heading in headings {
        hash.update(plain(heading));
        hash.update([0]);
    }
    hex(&hash.finalize()[..8])
}

/// The header of a list, and its columns.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub at: usize,
    pub map: ColumnMap,
    pub columns: Vec<ColumnTaken>,
}

impl Choice {
    /// Where the header is: the first of the upper rows that has the named columns, or whose shape is known, or that names
    /// a waybill column.
    pub(super) fn header(&self, rows: &[Row]) -> Option<Header> {
        rows.iter().take(TITLE_ROWS).enumerate().find_map(|(at, (_, cells))| {
            let (map, columns) = self.columns(cells)?;
            map.get(Field::Waybill).is_some().then_some(Header { at, map, columns })
        })
    }

    fn columns(&self, cells: &[String]) -> Option<(ColumnMap, Vec<ColumnTaken>)> {
        let shape = shape_of(cells);
        let before = self.remembered.iter().find(|known| known.shape == shape);
        let (mut map, mut not, mut sources) = (ColumnMap::default(), Vec::new(), BTreeMap::new());
        let before = before.into_iter().flat_map(|known| &known.columns);
        for (source, (field, column)) in (self.named.iter().map(|n| (ColumnSource::Named, n)))
            .chain(before.map(|known| (ColumnSource::Remembered, known)))
        {
            if sources.contains_key(field) {
                continue;
            }
            if column.trim().is_empty() {
                not.push(*field);
            } else {
                match place(column, cells) {
                    Some(at) => map.put(*field, at),
                    None if source == ColumnSource::Named => return None,
                    None => continue,
                }
            }
            sources.insert(*field, source);
        }
        if sources.is_empty() {
            map = detect_columns(cells);
        } else {
            detect_more(cells, &mut map, &not);
        }
        let taken = |(field, at): (Field, usize)| ColumnTaken {
            field,
            column: name(at, cells),
            source: sources.get(&field).copied().unwrap_or(ColumnSource::Guessed),
        };
        let mut columns: Vec<ColumnTaken> = map.iter().map(taken).collect();
        columns.sort_by_key(|c| c.field);
        Some((map, columns))
    }

    /// The error of a list that has not the columns that were named; `None` where none was.
    pub(super) fn not_found(&self, rows: &[Row]) -> Option<TableError> {
        let rows = || rows.iter().take(TITLE_ROWS);
        let wanted = self.named.values().filter(|column| !column.trim().is_empty());
        let missing = wanted.into_iter().find(|c| !rows().any(|(_, cells)| place(c, cells).is_some()))?;
        // the first of the rows that come closest: those after it are people
        let found = |cells: &[String]| self.named.values().filter(|c| place(c, cells).is_some()).count();
        let mut seen: Option<((usize, usize), &Vec<String>)> = None;
        for (_, cells) in rows() {
            let close = (found(cells), cells.len());
            if seen.is_none_or(|(best, _)| close > best) {
                seen = Some((close, cells));
            }
        }
        let seen = seen.map(|(_, cells)| cells);
        let seen: String = seen.map(|cells| cells.join(", ")).unwrap_or_default().chars().take(80).collect();
        let problem = format!("no column is headed {missing:?}; the columns are {seen:?}");
        Some(error("columns", &problem, "name a column by its heading, or by its place as #3"))
    }
}

/// The place of a column, from 0.
fn place(column: &str, cells: &[String]) -> Option<usize> {
    let column = column.trim();
    let by_heading = cells.iter().position(|c| c.trim() == column);
    let alike = || cells.iter().position(|c| !plain(c).is_empty() && plain(c) == plain(column));
    let by_place = || {
        let n: usize = column.strip_prefix('#')?.parse().ok()?;
        (1..=cells.len()).contains(&n).then(|| n - 1)
    };
    by_heading.or_else(by_place).or_else(alike)
}

/// The heading of a column; its place where the heading does not name it alone.
fn name(at: usize, cells: &[String]) -> String {
    match cells.get(at) {
        Some(heading) if place(heading, cells) == Some(at) => heading.trim().to_owned(),
        _ => format!("#{}", at + 1),
    }
}
