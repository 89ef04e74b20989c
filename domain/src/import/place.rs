//! Where a row stands in its file, and the rows themselves.
//!
//! A row of a table is its line. A list in JSON may be one line, so an object is told by its number in the list as well, and by
//! where it begins if its line holds others.

use super::{TableError, within};
use crate::wire::RowProblem;

/// Where a row stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, or row of a sheet, from 1.
    pub line: u32,
    /// Which object of a JSON list, from 1.
    pub object: Option<u32>,
    /// Where in the line it begins, in characters from 1, if others stand in the same line.
    pub position: Option<u32>,
}

impl Place {
    /// A row of a table.
    #[must_use]
    pub fn line(line: u32) -> Place {
        Place { line, object: None, position: None }
    }

    /// What is to be said of this row.
    #[must_use]
    pub fn problem(self, column: &str, problem: impl Into<String>, hint: &str) -> RowProblem {
        RowProblem {
            line: self.line,
            object: self.object,
            position: self.position,
            column: column.to_owned(),
            problem: problem.into(),
            hint: hint.to_owned(),
        }
    }
}

impl From<u32> for Place {
    fn from(line: u32) -> Place {
        Place::line(line)
    }
}

/// A row of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub at: Place,
    /// Up to the last used one.
    pub cells: Vec<String>,
    /// Columns whose text is that of a merged cell of a row above.
    pub merged: Vec<usize>,
    /// Not shown by the spreadsheet.
    pub hidden: bool,
}

impl Row {
    pub(super) fn of(at: Place, cells: Vec<String>) -> Row {
        Row { at, cells, merged: Vec::new(), hidden: false }
    }

    pub(super) fn put(&mut self, column: usize, text: String) {
        if self.cells.len() <= column {
            self.cells.resize(column + 1, String::new());
        }
        self.cells[column] = text;
    }
}

/// The rows of a file, titles and header included, and what is to be told of the file itself.
#[derive(Debug, Default)]
pub(super) struct List {
    pub rows: Vec<Row>,
    pub notes: Vec<RowProblem>,
}

/// The rows of a file while they are read: refused at the first one, or the first cell, too many.
#[derive(Default)]
pub(super) struct Rows {
    pub rows: Vec<Row>,
    cells: usize,
}

impl Rows {
    pub(super) fn push(&mut self, at: Place, cells: Vec<String>) -> Result<(), TableError> {
        self.cells = self.cells.saturating_add(cells.len());
        within(self.rows.len() + 1, self.cells)?;
        self.rows.push(Row::of(at, cells));
        Ok(())
    }
}
