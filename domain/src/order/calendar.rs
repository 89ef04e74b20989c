//! Business hours: which time of which day counts.
//!
//! Time is stepped from border to border of the clock on the wall (a span's end, midnight, a change of the zone's offset), so
//! that it is exact on days of 23 and 25 hours.

use crate::clock::{DAY, UnixMs};
use crate::dial::policy::{CalendarDay, DayKind, TimeOfDay};
use chrono::{Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A span of the day that counts, `from` included, `to` excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenSpan {
    /// First minute.
    pub from: TimeOfDay,
    /// First minute after it; later than `from`.
    pub to: TimeOfDay,
}

/// When orders are worked on. A holiday of the organisation's calendar counts nothing, and a working day of it counts
/// whatever its weekday.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct BusinessHours {
    /// Spans of a day.
    pub open: Vec<OpenSpan>,
    /// Days of the week that do not count.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub closed_weekdays: Vec<Weekday>,
}

const fn time(hour: u16, minute: u16) -> TimeOfDay {
    match TimeOfDay::new(hour, minute) {
        Ok(time) => time,
        Err(_) => panic!("no time of day"),
    }
}

impl Default for BusinessHours {
    /// 08:30 to 20:30 on all days: parcels are delivered on Sundays as well.
    fn default() -> Self {
        let open = vec![OpenSpan { from: const { time(8, 30) }, to: const { time(20, 30) } }];
        BusinessHours { open, closed_weekdays: Vec::new() }
    }
}

/// Business hours over a calendar in a zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    spans: Vec<(i64, i64)>,
    closed: Vec<Weekday>,
    days: BTreeMap<NaiveDate, DayKind>,
    zone: Tz,
}

/// Borders passed before time is taken to be closed for ever: five years of a day of three spans.
const MOST_STEPS: usize = 20_000;

impl Calendar {
    /// The hours over the days of an organisation's calendar.
    #[must_use]
    pub fn new(hours: &BusinessHours, days: &[CalendarDay], zone: Tz) -> Self {
        let mut spans: Vec<(i64, i64)> = hours.open.iter().map(|s| (s.from.ms(), s.to.ms())).collect();
        spans.retain(|(from, to)| from < to);
        spans.sort_unstable();
        let days = days.iter().map(|d| (d.date, d.kind)).collect();
        Self { spans, closed: hours.closed_weekdays.clone(), days, zone }
    }

    /// Every minute counts.
    #[must_use]
    pub fn always(zone: Tz) -> Self {
        Self { spans: vec![(0, DAY)], closed: Vec::new(), days: BTreeMap::new(), zone }
    }

    /// The zone of the clock on the wall.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    fn counts(&self, date: NaiveDate) -> bool {
        match self.days.get(&date) {
            Some(DayKind::Holiday) => false,
            Some(DayKind::Workday) => true,
            None => !self.closed.contains(&date.weekday()),
        }
    }

    /// Whether this instant counts, and the next one, later than it, at which that may change.
    fn piece(&self, at: UnixMs) -> (bool, UnixMs) {
        let (date, ms) = at.local(self.zone);
        let counts = self.counts(date);
        let open = counts && self.spans.iter().any(|(from, to)| (*from..*to).contains(&ms));
        let borders = self.spans.iter().flat_map(|(from, to)| [*from, *to]);
        let border = borders.filter(|b| counts && *b > ms).min().unwrap_or(DAY);
        let next = at.step(self.zone, border - ms);
        (open, if next > at { next } else { at + 1 })
    }

    /// True if this instant counts.
    #[must_use]
    pub fn is_open(&self, at: UnixMs) -> bool {
        self.piece(at).0
    }

    /// The time that counts between two instants, ms.
    #[must_use]
    pub fn open_ms(&self, from: UnixMs, to: UnixMs) -> i64 {
        let (mut at, mut sum) = (from, 0);
        for _ in 0..MOST_STEPS {
            if at >= to {
                break;
            }
            let (open, next) = self.piece(at);
            let next = next.min(to);
            sum += if open { next.since(at) } else { 0 };
            at = next;
        }
        sum
    }

    /// The first instant at which so many ms that count have passed since `from`; `None` where the hours are closed for years.
    #[must_use]
    pub fn after(&self, from: UnixMs, ms: i64) -> Option<UnixMs> {
        let (mut at, mut left) = (from, ms);
        for _ in 0..MOST_STEPS {
            if left <= 0 {
                return Some(at);
            }
            let (open, next) = self.piece(at);
            if open {
                if next.since(at) >= left {
                    return Some(at + left);
                }
                left -= next.since(at);
            }
            at = next;
        }
        None
    }
}
