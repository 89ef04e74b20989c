//! Columns that somebody named, and those that were confirmed for such a list before.
//!
//! A column is named by its heading, or by its place (`#3` is the third). What somebody names for one list is remembered
//! by the shape of its header: the headings in their order, without signs and case. A list of the same shape is read in
//! the same way the next time; a list with one more column is another shape, and is guessed again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::columns::{ColumnMap, Field, detect_columns, detect_more, is_foreign, is_name, plain};
use super::place::Row;
use super::row::is_parcel;
use super::{TITLE_ROWS, TableError, error};
use crate::evidence::hex;
use crate::track::coordinates::Datum;

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
    /// What the list's coordinates refer to; GCJ-02 where nobody says, as systems in China write it.
    pub datum: Option<Datum>,
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
    /// Its first row.
    pub at: usize,
    /// Its rows: one, or two where groups of columns are headed above them.
    pub depth: usize,
    pub headings: Vec<String>,
    pub map: ColumnMap,
    pub columns: Vec<ColumnTaken>,
}

impl Header {
    /// How sure it is that this is the header: its shape was confirmed, the fields that it has, and whether the waybill's is
    /// one of the field's names. A title may hold such a name (快递运单派送表) and nothing else.
    fn likely(&self) -> (bool, usize, bool) {
        let known = self.columns.iter().any(|c| c.source == ColumnSource::Remembered);
        let waybill = self.map.get(Field::Waybill).and_then(|at| self.headings.get(at));
        (known, self.map.iter().count(), waybill.is_some_and(|heading| is_name(&plain(heading))))
    }
}

impl Choice {
    /// Where the header is: that of the upper rows, or of two that follow each other, which most likely is one. It has the
    /// named columns, or its shape is known, or it names a waybill column.
    pub(super) fn header(&self, rows: &[Row]) -> Option<Header> {
        let mut best: Option<Header> = None;
        for (at, row) in rows.iter().take(TITLE_ROWS).enumerate() {
            // a parcel below what may be the header: another header belongs to another list
            let is_parcel = |b: &Header| at >= b.at + b.depth && is_parcel(&b.map, &row.cells);
            if best.as_ref().is_some_and(is_parcel) {
                break;
            }
            let one = self.header_of(at, 1, row.cells.clone());
            let two = rows.get(at + 1).and_then(|below| Some((below, both(&row.cells, &below.cells)?)));
            let two = two.and_then(|(below, cells)| {
                let two = self.header_of(at, 2, cells)?;
                // two rows are one header where that changes what is read
                let below = self.header_of(at + 1, 1, below.cells.clone());
                let says_more = |other: &Option<Header>| {
                    other.as_ref().is_none_or(|o| two.map != o.map && two.likely() >= o.likely())
                };
                (says_more(&one) && says_more(&below)).then_some(two)
            });
            for found in [one, two].into_iter().flatten() {
                let better = |b: &Header| {
                    // of equals the first, and the one that has looked at both rows
                    found.likely() > b.likely()
                        || found.likely() == b.likely() && found.depth > b.depth && found.at <= b.at
                };
                if best.as_ref().is_none_or(better) {
                    best = Some(found);
                }
            }
        }
        best
    }

    fn header_of(&self, at: usize, depth: usize, headings: Vec<String>) -> Option<Header> {
        let (map, columns) = self.columns(&headings)?;
        map.get(Field::Waybill).is_some().then_some(Header { at, depth, headings, map, columns })
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
        if map.get(Field::Phone).is_some() && !sources.contains_key(&Field::Phone) {
            map.find_more_phones(cells);
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
        let missing = wanted.into_iter().find(|c| !rows().any(|row| place(c, &row.cells).is_some()))?;
        // the first of the rows that come closest: those after it are people
        let found = |cells: &[String]| self.named.values().filter(|c| place(c, cells).is_some()).count();
        let mut seen: Option<((usize, usize), &Vec<String>)> = None;
        for Row { cells, .. } in rows() {
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

/// The headings of two rows, if the upper one heads groups of columns of the lower one: 收件信息 over 姓名, 电话 and 地址. A
/// heading keeps its group's where it is not clear without, and where the group is of somebody else.
fn both(upper: &[String], lower: &[String]) -> Option<Vec<String>> {
    let used = |cells: &[String]| cells.iter().filter(|c| !c.trim().is_empty()).cloned().collect::<Vec<_>>();
    let data =
        |cell: &String| cell.chars().filter(char::is_ascii_digit).count() >= 6 || cell.chars().count() > 30;
    let (groups, names) = (used(upper), used(lower));
    if groups.len() < 2 || groups.iter().chain(&names).any(data) {
        return None;
    }
    if !names.iter().any(|name| is_name(&plain(name))) {
        return None;
    }
    let cell = |cells: &[String], at: usize| cells.get(at).map_or("", |c| c.trim()).to_owned();
    let mut group = String::new();
    let mut headings = Vec::new();
    for at in 0..upper.len().max(lower.len()) {
        let (own, name) = (cell(upper, at), cell(lower, at));
        if !own.is_empty() || name.is_empty() {
            group.clone_from(&own);
        }
        let times = names.iter().filter(|n| plain(n) == plain(&name)).count();
        headings.push(if name.is_empty() || plain(&own) == plain(&name) {
            own
        } else if group.is_empty() || times < 2 && !is_foreign(&plain(&group)) {
            name
        } else {
            // 收件人信息 电话 is 收件人 电话
            let whose = ["信息", "资料", "详情"].iter().find_map(|word| group.strip_suffix(word));
            format!("{} {name}", whose.filter(|w| !w.is_empty()).unwrap_or(&group))
        });
    }
    Some(headings)
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
