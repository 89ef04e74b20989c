//! A calendar as a table: a row a day, or a row a span of days.
//!
//! Columns are found by their headings; a CSV file without a heading holds date, name and kind in this order.

use chrono::NaiveDate;

use super::super::place::Row;
use super::super::{TableError, csv_rows, error, json};
use super::{Taker, date_of, kind_of};
use crate::dial::policy::DayKind;

/// Where the columns are.
struct Columns {
    date: usize,
    end: Option<usize>,
    name: Option<usize>,
    kind: Option<usize>,
}

const DATE: &[&str] = &["date", "day", "日期", "放假日期", "start", "from", "开始", "开始日期"];
const END: &[&str] = &["end", "to", "until", "结束", "结束日期"];
const NAME: &[&str] = &["name", "title", "summary", "名称", "节日", "节日名称", "节假日", "假日", "备注"];
const KIND: &[&str] =
    &["kind", "type", "类型", "性质", "状态", "isoffday", "holiday", "是否放假", "是否休息", "放假"];

pub(super) fn read(text: &str, taker: &mut Taker) -> Result<(), TableError> {
    let mut rows = match text.trim_start().chars().next() {
        Some('[' | '{') => json::rows(text, true)?,
        Some('<') => {
            return Err(error(
                "file",
                "file is a web page, whatever its name says",
                "send an ICS file, or rows of date, name and kind",
            ));
        }
        _ => csv_rows(text)?,
    };
    let Some(first) = rows.first().map(|row| row.cells.clone()) else {
        return Err(error("file", "file has no rows", "send an ICS file, or rows of date, name and kind"));
    };
    let columns = match columns(&first) {
        Some(columns) => {
            rows.remove(0);
            columns
        }
        None if first.first().is_some_and(|cell| date_of(cell).is_some()) => {
            Columns { date: 0, end: None, name: Some(1), kind: Some(2) }
        }
        None => {
            let seen: String = first.join(", ").chars().take(80).collect();
            let problem = format!("no column is headed as date; the first row is {seen:?}");
            return Err(error("header", &problem, "head the columns date, name and kind"));
        }
    };
    for row in &rows {
        take(&columns, row, taker);
    }
    Ok(())
}

fn columns(header: &[String]) -> Option<Columns> {
    let plain: Vec<String> =
        header.iter().map(|h| h.trim().to_lowercase().replace(['_', ' ', '-'], "")).collect();
    let find = |names: &[&str]| names.iter().find_map(|n| plain.iter().position(|h| h == n));
    Some(Columns { date: find(DATE)?, end: find(END), name: find(NAME), kind: find(KIND) })
}

fn take(columns: &Columns, Row { at: place, cells, .. }: &Row, taker: &mut Taker) {
    let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map_or("", |c| c.trim());
    let mut date = |at: usize, field: &str| -> Option<NaiveDate> {
        let text = cell(Some(at));
        let found = date_of(text);
        if found.is_none() {
            let text: String = text.chars().take(40).collect();
            taker.wrong(*place, field, format!("{text:?} is no date"), "write it as 2026-10-01");
        }
        found
    };
    let Some(from) = date(columns.date, "date") else { return };
    let to = match columns.end {
        Some(at) if !cell(Some(at)).is_empty() => match date(at, "end") {
            Some(to) => to,
            None => return,
        },
        _ => from,
    };
    let kind = match columns.kind {
        // a table of holidays alone needs no column for it
        None => DayKind::Holiday,
        Some(at) => match kind_of(cell(Some(at))) {
            Some(kind) => kind,
            None => {
                let text: String = cell(Some(at)).chars().take(40).collect();
                let problem = format!("{text:?} is no kind of day");
                return taker.wrong(*place, "kind", problem, "write holiday (休) or workday (班)");
            }
        },
    };
    taker.days(*place, "date", from, to, cell(columns.name), kind);
}
