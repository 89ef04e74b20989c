//! Reading a calendar of public holidays and working weekends: an ICS file, or a table in CSV or JSON.
//!
//! The bytes decide which it is. A calendar is taken whole or not at all: a holiday that is left out would ring people on
//! it. So every line that cannot be read is a problem, with its line and field, and the caller takes nothing while there
//! are problems. What such files hold besides (solar terms, anniversaries) is passed over and told as notes.

mod ics;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::{Place, TableError, decode, error};
use crate::dial::policy::{CalendarDay, DayKind, MOST_NAME};
use crate::wire::RowProblem;

/// A calendar that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarFile {
    /// Its days, by date, each once.
    pub days: Vec<CalendarDay>,
    /// What cannot be read; nothing may be taken while there is any.
    pub problems: Vec<RowProblem>,
    /// What was passed over.
    pub notes: Vec<RowProblem>,
}

/// Largest file that is looked at.
const MOST_BYTES: usize = 4 << 20;
/// Most days of one entry: a holiday of more is a mistake of a date.
const LONGEST: i64 = 31;
/// Most problems, and most notes, that are told.
const TOLD: usize = 200;

/// Reads a calendar. `zone` is used for times that the file gives in UTC.
///
/// # Errors
/// [`TableError`] for a file that is none: too large, of an unknown encoding, without a date column, without a day.
pub fn read_calendar(bytes: &[u8], zone: Tz) -> Result<CalendarFile, TableError> {
    if bytes.len() > MOST_BYTES {
        return Err(error("file", "file has more than 4 MB", "send the calendar of a few years"));
    }
    let text = decode(bytes)?;
    let mut taker = Taker::default();
    let begin = text.trim_start().get(..15).is_some_and(|head| head.eq_ignore_ascii_case("BEGIN:VCALENDAR"));
    if begin {
        ics::read(&text, zone, &mut taker)?;
    } else {
        table::read(&text, &mut taker)?;
    }
    let file = taker.finish();
    if file.days.is_empty() && file.problems.is_empty() {
        return Err(error(
            "file",
            "file names no holiday and no working day",
            "send an ICS file, or rows of date, name and kind",
        ));
    }
    Ok(file)
}

/// Collects the days of a file.
#[derive(Default)]
struct Taker {
    days: BTreeMap<NaiveDate, (Place, CalendarDay)>,
    problems: Vec<RowProblem>,
    notes: Vec<RowProblem>,
}

impl Taker {
    fn wrong(&mut self, at: impl Into<Place>, column: &str, problem: String, hint: &str) {
        put(&mut self.problems, at.into(), column, problem, hint);
    }

    fn note(&mut self, at: impl Into<Place>, column: &str, problem: String, hint: &str) {
        put(&mut self.notes, at.into(), column, problem, hint);
    }

    /// Takes the days from `from` to `to`, both included.
    fn days(
        &mut self,
        at: impl Into<Place>,
        column: &str,
        from: NaiveDate,
        to: NaiveDate,
        name: &str,
        kind: DayKind,
    ) {
        let at = at.into();
        if to < from {
            return self.wrong(at, column, format!("{to} is before {from}"), "correct the dates");
        }
        if (to - from).num_days() >= LONGEST {
            let problem = format!("{from} to {to} is more than {LONGEST} days");
            return self.wrong(at, column, problem, "correct the dates");
        }
        let name: String = name.trim().chars().take(MOST_NAME).collect();
        for date in from.iter_days().take_while(|date| *date <= to) {
            if !(2000..2100).contains(&date.year()) {
                let problem = format!("{date} is not between 2000 and 2099");
                return self.wrong(at, column, problem, "correct the dates");
            }
            let day = CalendarDay { date, name: name.clone(), kind };
            match self.days.get(&date) {
                Some((before, other)) if other.kind != kind => {
                    let before = *before;
                    let problem = match before.object {
                        Some(n) => format!("{date} is a holiday and a working day, see object {n}"),
                        None => format!("{date} is a holiday and a working day, see line {}", before.line),
                    };
                    self.wrong(at, column, problem, "keep one of the two");
                }
                Some((_, other)) if !other.name.is_empty() => {}
                _ => drop(self.days.insert(date, (at, day))),
            }
        }
    }

    fn finish(self) -> CalendarFile {
        CalendarFile {
            days: self.days.into_values().map(|(_, day)| day).collect(),
            problems: self.problems,
            notes: self.notes,
        }
    }
}

fn put(list: &mut Vec<RowProblem>, at: Place, column: &str, problem: String, hint: &str) {
    if list.len() < TOLD {
        list.push(at.problem(column, problem, hint));
    }
}

/// A word for what a day is, as calendars and tables write it; `None` for one that says neither.
fn kind_of(word: &str) -> Option<DayKind> {
    let word: String = word.trim().to_lowercase().chars().map(crate::search::half_width).collect();
    match word.as_str() {
        "holiday" | "off" | "true" | "1" | "yes" | "休" | "休息" | "休假" | "假" | "放假" | "假日"
        | "假期" | "节日" | "节假日" | "法定节假日" | "公休" | "是" | "work-holiday" => {
            Some(DayKind::Holiday)
        }
        "workday" | "working day" | "work" | "working" | "false" | "0" | "no" | "班" | "上班" | "补班"
        | "调休" | "调休上班" | "调休补班" | "工作日" | "否" | "alternate-workday" => {
            Some(DayKind::Workday)
        }
        _ => None,
    }
}

/// A day as people and programs write it: 2026-10-01, 2026/10/1, 2026.10.1, 20261001, 2026年10月1日; a time behind it is
/// passed over.
fn date_of(text: &str) -> Option<NaiveDate> {
    let text: String = text.trim().chars().map(crate::search::half_width).collect();
    let day = text.split(['T', ' ']).next().unwrap_or_default();
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        return NaiveDate::parse_from_str(day, "%Y%m%d").ok();
    }
    let day = day.strip_suffix('日').unwrap_or(day);
    let parts: Vec<&str> = day.split(['-', '/', '.', '年', '月']).collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let digits = |part: &str| part.len() <= 2 && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let good = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) && digits(month) && digits(day);
    if !good {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}
