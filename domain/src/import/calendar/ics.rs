//! iCalendar (RFC 5545), as far as calendars of public holidays use it.
//!
//! Read are the events' `DTSTART`, `DTEND` or `DURATION` in days, `SUMMARY`, `STATUS` and a yearly or daily `RRULE` with an
//! end. Calendars say in three ways which events are days off: Apple's by `X-APPLE-SPECIAL-DAY`, Google's by a description
//! that calls the others observances, and many others by 休 and 班 in the summary. Where the first is used, events without it
//! are none.

use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::super::{TableError, error};
use super::{Taker, date_of, kind_of};
use crate::dial::policy::DayKind;

/// Most lines of a file.
const MOST_LINES: usize = 200_000;
/// Most repetitions of an event.
const MOST_TIMES: u32 = 100;

/// A property and the line where it stands.
struct Property {
    line: u32,
    /// Parameters, upper case.
    parameters: String,
    value: String,
}

#[derive(Default)]
struct Event {
    line: u32,
    start: Option<Property>,
    end: Option<Property>,
    duration: Option<Property>,
    rule: Option<Property>,
    summary: String,
    description: String,
    special: String,
    cancelled: bool,
}

pub(super) fn read(text: &str, zone: Tz, taker: &mut Taker) -> Result<(), TableError> {
    let mut events = Vec::new();
    let mut event: Option<Event> = None;
    // what lies in an event (an alarm) has properties of its own
    let mut depth = 0u32;
    let lines = unfold(text)?;
    for (line, content) in &lines {
        let Some((name, value)) = split(content) else {
            let seen: String = content.chars().take(40).collect();
            taker.wrong(
                *line,
                "line",
                format!("{seen:?} is no line of an ICS file"),
                "export the calendar again",
            );
            continue;
        };
        let (name, parameters) = name.split_once(';').unwrap_or((name, ""));
        let name = name.to_uppercase();
        match (name.as_str(), value.trim().to_uppercase().as_str()) {
            ("BEGIN", "VEVENT") if event.is_none() => {
                event = Some(Event { line: *line, ..Event::default() });
                depth = 0;
            }
            ("BEGIN", _) if event.is_some() => depth += 1,
            ("END", "VEVENT") if depth == 0 => events.extend(event.take()),
            ("END", _) if event.is_some() => depth = depth.saturating_sub(1),
            _ => {
                if let (Some(event), 0) = (event.as_mut(), depth) {
                    event.put(*line, &name, parameters, value);
                }
            }
        }
    }
    if let Some(event) = event {
        taker.wrong(event.line, "VEVENT", "event has no end".into(), "export the calendar again");
    }
    let marked = events.iter().any(|e| !e.special.is_empty());
    for event in &events {
        event.take(zone, marked, taker);
    }
    Ok(())
}

/// The lines with their numbers from 1; a line that begins with a blank goes on with the one before (RFC 5545, 3.1).
fn unfold(text: &str) -> Result<Vec<(u32, String)>, TableError> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if at >= MOST_LINES {
            return Err(error("file", "file has more than 200000 lines", "send the calendar of a few years"));
        }
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, before))) => before.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push((u32::try_from(at + 1).unwrap_or(u32::MAX), line.to_owned())),
        }
    }
    Ok(lines)
}

/// Name with parameters, and value: the colon is the first one outside quotes.
fn split(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let at = line.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == ':' && !quoted).then_some(at)
    })?;
    Some((&line[..at], &line[at + 1..]))
}

/// RFC 5545, 3.3.11.
fn plain(value: &str) -> String {
    let mut out = String::new();
    let mut escaped = false;
    for c in value.chars() {
        match (escaped, c) {
            (false, '\\') => escaped = true,
            (true, 'n' | 'N') => {
                out.push(' ');
                escaped = false;
            }
            (_, c) => {
                out.push(c);
                escaped = false;
            }
        }
    }
    out.trim().to_owned()
}

impl Event {
    fn put(&mut self, line: u32, name: &str, parameters: &str, value: &str) {
        let property =
            || Some(Property { line, parameters: parameters.to_uppercase(), value: value.trim().to_owned() });
        match name {
            "DTSTART" => self.start = property(),
            "DTEND" => self.end = property(),
            "DURATION" => self.duration = property(),
            "RRULE" => self.rule = property(),
            "SUMMARY" => self.summary = plain(value),
            "DESCRIPTION" => self.description = plain(value),
            "X-APPLE-SPECIAL-DAY" => self.special = value.trim().to_owned(),
            "STATUS" => self.cancelled = value.trim().eq_ignore_ascii_case("cancelled"),
            _ => {}
        }
    }

    fn take(&self, zone: Tz, marked: bool, taker: &mut Taker) {
        if self.cancelled {
            return;
        }
        let Some(kind) = self.kind(marked) else {
            let name: String = self.summary.chars().take(40).collect();
            return taker.note(
                self.line,
                "SUMMARY",
                format!("{name:?} is no day off and was passed over"),
                "",
            );
        };
        let Some(start) = &self.start else {
            return taker.wrong(self.line, "DTSTART", "event has no day".into(), "give it a DTSTART");
        };
        let Some((from, _)) = moment(start, zone) else { return no_date(start, "DTSTART", taker) };
        let to = match (&self.end, &self.duration) {
            (Some(end), _) => match moment(end, zone) {
                // the end is not included
                Some((to, true)) if to > from => to - Duration::days(1),
                Some((to, _)) => to,
                None => return no_date(end, "DTEND", taker),
            },
            (None, Some(length)) => match days(&length.value) {
                Some(days) => from + Duration::days((days - 1).max(0)),
                None => {
                    let text: String = length.value.chars().take(40).collect();
                    let problem = format!("{text:?} is no number of days");
                    return taker.wrong(length.line, "DURATION", problem, "write it as P1D");
                }
            },
            (None, None) => from,
        };
        let Some(starts) = self.starts(from, taker) else { return };
        let length = to - from;
        for from in starts {
            taker.days(start.line, "DTSTART", from, from + length, &self.summary, kind);
        }
    }

    /// Day off or working day; `None` for an event that is neither.
    fn kind(&self, marked: bool) -> Option<DayKind> {
        if marked {
            return kind_of(&self.special);
        }
        let description = self.description.to_lowercase();
        if ["observance", "纪念日", "节气", "非公共假期"].iter().any(|word| description.starts_with(word))
        {
            return None;
        }
        let summary = self.summary.to_lowercase();
        let works = ["补班", "上班", "（班）", "(班)", " 班", "working day", "workday", "work day", "[班]"];
        let works = works.iter().any(|word| summary.contains(word)) || summary.ends_with('班');
        Some(if works { DayKind::Workday } else { DayKind::Holiday })
    }

    /// The days on which it begins.
    fn starts(&self, from: NaiveDate, taker: &mut Taker) -> Option<Vec<NaiveDate>> {
        let Some(rule) = &self.rule else { return Some(vec![from]) };
        let value = rule.value.to_uppercase();
        let part = |name: &str| value.split(';').find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
        let known = value.split(';').all(|p| {
            ["FREQ", "COUNT", "UNTIL", "INTERVAL", "WKST"].contains(&p.split('=').next().unwrap_or_default())
        });
        let times = part("COUNT").map(|n| n.parse::<u32>().ok().filter(|n| (1..=MOST_TIMES).contains(n)));
        let until = part("UNTIL").map(date_of);
        let step =
            part("INTERVAL").map_or(Some(1), |n| n.parse::<i32>().ok().filter(|n| (1..=50).contains(n)));
        let next = |date: NaiveDate, n: i32| match part("FREQ") {
            Some("YEARLY") => date.with_year(date.year() + n),
            Some("DAILY") => Some(date + Duration::days(n.into())),
            _ => None,
        };
        let readable = known
            && next(from, 0).is_some()
            && !matches!(times, Some(None))
            && !matches!(until, Some(None))
            && (times.is_some() || until.is_some());
        let Some(step) = step.filter(|_| readable) else {
            let problem = "rule of repetition has no end, or is no yearly or daily one".to_owned();
            taker.wrong(rule.line, "RRULE", problem, "export the calendar with single days");
            return None;
        };
        let (times, until) =
            (times.flatten().unwrap_or(MOST_TIMES), until.flatten().unwrap_or(NaiveDate::MAX));
        let all = (0..times).filter_map(|n| next(from, i32::try_from(n).ok()? * step));
        Some(all.take_while(|date| *date <= until).collect())
    }
}

fn no_date(property: &Property, name: &str, taker: &mut Taker) {
    let text: String = property.value.chars().take(40).collect();
    taker.wrong(property.line, name, format!("{text:?} is no date"), "write it as 20261001");
}

/// The day of a date or time, and whether an end there excludes the day: at midnight it does.
fn moment(property: &Property, zone: Tz) -> Option<(NaiveDate, bool)> {
    let value = property.value.as_str();
    let Some((_, time)) = value.split_once('T') else { return Some((date_of(value)?, true)) };
    if property.parameters.contains("VALUE=DATE;") || property.parameters.ends_with("VALUE=DATE") {
        return None;
    }
    let parse = |text: &str| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok();
    let local = match value.strip_suffix(['Z', 'z']) {
        Some(utc) => Utc.from_utc_datetime(&parse(utc)?).with_timezone(&zone).naive_local(),
        None if time.is_empty() => return None,
        None => parse(value)?,
    };
    Some((local.date(), local.time() == chrono::NaiveTime::MIN))
}

/// Whole days of a duration: `P3D`, `P1W`, `PT24H`; part of a day counts as one.
fn days(text: &str) -> Option<i64> {
    let rest = text.trim().strip_prefix('P').or(text.trim().strip_prefix("+P"))?;
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    let number =
        |text: &str, unit: char| text.strip_suffix(unit).and_then(|n| n.parse::<u16>().ok()).map(i64::from);
    let whole = match days {
        "" => 0,
        _ => number(days, 'D').or_else(|| number(days, 'W').map(|weeks| weeks * 7))?,
    };
    let hours = match time {
        "" if days.is_empty() => return None,
        "" => 0,
        _ => time.split_once('H').and_then(|(hours, _)| hours.parse::<u16>().ok()).map_or(1, i64::from),
    };
    Some(whole + (hours + 23) / 24)
}
