//! When people are to be at work.

use crate::clock::{MINUTE, UnixMs};
use crate::dial::policy::TimeOfDay;
use crate::id::BranchId;
use chrono::{Datelike, Days, NaiveDate, TimeZone, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A shift. Minutes are counted from its beginning or end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ShiftRule {
    /// Name on screens.
    pub name: String,
    /// For this branch only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// On these days of the week; on all where the list is empty.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub weekdays: Vec<Weekday>,
    /// It begins.
    pub start: TimeOfDay,
    /// It ends; on the next day, if that is not later than the beginning.
    pub end: TimeOfDay,
    /// Minutes late that do not count.
    pub late_min: u16,
    /// Minutes late that count as seriously late.
    pub serious_late_min: u16,
    /// Minutes early that do not count.
    pub early_min: u16,
    /// Punches count from so many minutes before.
    pub open_before_min: u16,
    /// And until so many minutes after.
    pub open_after_min: u16,
}

const fn time(hour: u16, minute: u16) -> TimeOfDay {
    match TimeOfDay::new(hour, minute) {
        Ok(time) => time,
        Err(_) => panic!("no time of day"),
    }
}

impl Default for ShiftRule {
    fn default() -> Self {
        ShiftRule {
            name: String::new(),
            branch: None,
            weekdays: vec![
                Weekday::Mon,
                Weekday::Tue,
                Weekday::Wed,
                Weekday::Thu,
                Weekday::Fri,
                Weekday::Sat,
            ],
            start: const { time(8, 30) },
            end: const { time(18, 0) },
            late_min: 5,
            serious_late_min: 30,
            early_min: 0,
            open_before_min: 180,
            open_after_min: 360,
        }
    }
}

/// A while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Span {
    /// Its beginning.
    pub from: UnixMs,
    /// The first instant after it.
    pub to: UnixMs,
}

impl Span {
    /// Its length, ms; 0 if it ends before it begins.
    #[must_use]
    pub fn ms(self) -> i64 {
        self.to.since(self.from).max(0)
    }
}

/// A day of somebody: when they are to be at work, and which punches belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The shift; `None` on a day of rest.
    pub shift: Option<(Span, ShiftRule)>,
    /// Punches of this while are of this day.
    pub window: Span,
    /// When the person is on leave.
    pub leaves: Vec<Span>,
}

impl Plan {
    /// The same day of somebody who is on leave then; leaves of other days change nothing.
    #[must_use]
    pub fn on_leave(mut self, leaves: impl IntoIterator<Item = Span>) -> Plan {
        self.leaves.extend(leaves);
        self
    }

    /// True if a punch of then is of this day.
    #[must_use]
    pub fn holds(&self, at: UnixMs) -> bool {
        (self.window.from..self.window.to).contains(&at)
    }
}

impl ShiftRule {
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.start == self.end {
            return Err(("end", "is the beginning".into()));
        }
        for (field, value) in [
            ("late_min", self.late_min),
            ("serious_late_min", self.serious_late_min),
            ("early_min", self.early_min),
            ("open_before_min", self.open_before_min),
            ("open_after_min", self.open_after_min),
        ] {
            if value > 720 {
                return Err((field, "must be 0 to 720".into()));
            }
        }
        Ok(())
    }

    fn fits(&self, date: NaiveDate, branch: Option<BranchId>) -> bool {
        self.is_of(branch) && (self.weekdays.is_empty() || self.weekdays.contains(&date.weekday()))
    }

    fn is_of(&self, branch: Option<BranchId>) -> bool {
        self.branch.is_none() || self.branch == branch
    }

    fn span(&self, date: NaiveDate, zone: Tz) -> Span {
        let end = if self.end > self.start { date } else { date.succ_opt().unwrap_or(date) };
        Span { from: at(date, self.start.ms(), zone), to: at(end, self.end.ms(), zone) }
    }

    fn window(&self, span: Span) -> Span {
        Span {
            from: span.from - i64::from(self.open_before_min) * MINUTE,
            to: span.to + i64::from(self.open_after_min) * MINUTE,
        }
    }
}

/// The instant at which the clock on the wall shows `ms` after midnight; where that hour is skipped, the one an hour later.
pub(super) fn at(date: NaiveDate, ms: i64, zone: Tz) -> UnixMs {
    let wall = date.and_time(chrono::NaiveTime::MIN) + chrono::Duration::milliseconds(ms);
    let later = wall + chrono::Duration::hours(1);
    let found = zone.from_local_datetime(&wall).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&later).earliest());
    UnixMs(found.map_or(wall.and_utc().timestamp_millis(), |t| t.timestamp_millis()))
}

/// The rule of a day; none on holidays and where no rule fits. On a working day of the calendar the branch's first shift
/// holds, whatever its weekdays.
fn rule(rules: &super::FieldPolicy, date: NaiveDate, branch: Option<BranchId>) -> Option<&ShiftRule> {
    if rules.holidays.contains(&date) {
        return None;
    }
    let fits = rules.shifts.iter().find(|r| r.fits(date, branch));
    let works =
        || rules.workdays.contains(&date).then(|| rules.shifts.iter().find(|r| r.is_of(branch))).flatten();
    fits.or_else(works)
}

/// The plan of a day. Every instant is of one day at most: where two windows meet, the later shift has it, and a day of
/// rest has what the shifts around it leave.
#[must_use]
pub fn plan(rules: &super::FieldPolicy, date: NaiveDate, branch: Option<BranchId>, zone: Tz) -> Plan {
    let of = |date: NaiveDate| {
        let rule = rule(rules, date, branch)?;
        let span = rule.span(date, zone);
        Some((span, rule.window(span), rule.clone()))
    };
    let next = date.succ_opt().unwrap_or(date);
    // a night shift that is open for long reaches over a day of rest; none reaches over two
    let before = [1, 2].into_iter().find_map(|n| of(date.checked_sub_days(Days::new(n))?));
    let after = [1, 2].into_iter().find_map(|n| of(date.checked_add_days(Days::new(n))?));
    match of(date) {
        Some((span, mut window, rule)) => {
            if let Some((following, its, _)) = &after {
                window.to = window.to.min(border(span, *following, *its));
            }
            if let Some((earlier, _, _)) = &before {
                window.from = border(*earlier, span, window);
            }
            Plan { shift: Some((span, rule)), window, leaves: Vec::new() }
        }
        None => {
            let (mut from, mut to) = (at(date, 0, zone), at(next, 0, zone));
            if let Some((_, earlier, _)) = &before {
                from = from.max(earlier.to);
            }
            if let Some((_, following, _)) = &after {
                to = to.min(following.from);
            }
            Plan { shift: None, window: Span { from, to: to.max(from) }, leaves: Vec::new() }
        }
    }
}

/// The date under which a punch is listed: the day whose it is, and where it is of none, before and after hours, the date
/// on the wall. So none is ever out of sight.
#[must_use]
pub fn day_of(rules: &super::FieldPolicy, at: UnixMs, branch: Option<BranchId>, zone: Tz) -> NaiveDate {
    let wall = at.date(zone);
    // a shift begins within its day, opens 12 hours before and closes at most 12 hours after a whole day
    let mut near =
        [0, -1, -2, 1].into_iter().filter_map(|n| wall.checked_add_signed(chrono::Duration::days(n)));
    near.find(|d| plan(rules, *d, branch, zone).holds(at)).unwrap_or(wall)
}

/// From when on punches are of the later of two shifts: once its window opens, but not while the earlier one lasts, unless
/// both last.
fn border(earlier: Span, later: Span, window: Span) -> UnixMs {
    window.from.max(earlier.to.min(later.from))
}
