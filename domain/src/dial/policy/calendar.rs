//! Days that are not like their weekday: public holidays, and weekends on which people work instead (调休).
//!
//! A calendar is data of the organisation, brought in as a file (`import::calendar`) and synced with the other rules, so
//! the phone's plan and the server's last look agree. A holiday of the calendar has calling hours of its own
//! ([`Policy::holiday_quiet`]) or none; a working day opens a closed weekday. [`Policy::holidays`] are days on which
//! nobody is rung whatever the calendar says.
//!
//! A year that no calendar covers is not an error, because nobody can know its days before they are announced (in China
//! the State Council names them in November); it is told ([`Policy::uncovered_years`]).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

use super::{Policy, QuietHours, TimeOfDay};
use crate::clock::{DAY, MINUTE};

words! {
    /// What a day of the calendar is.
    pub enum DayKind {
        /// A public holiday.
        Holiday = "holiday", "节假日", "holiday";
        /// A weekend on which people work.
        Workday = "workday", "调休上班", "working day";
    }
}

/// A day of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CalendarDay {
    /// The day, by the callee's calendar.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "2026-10-01"))]
    pub date: NaiveDate,
    /// What it is called; may be empty.
    #[serde(default)]
    pub name: String,
    /// Holiday or working day.
    pub kind: DayKind,
}

/// What a new calendar does to one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayChange {
    /// The day.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "2026-10-01"))]
    pub date: NaiveDate,
    /// Its name, the new one where there is one.
    pub name: String,
    /// What it was; absent for a usual day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<DayKind>,
    /// What it will be; absent for a usual day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DayKind>,
    /// Calling hours of that day then, as `08:30-20:30`; empty: nobody is rung.
    pub hours: Vec<String>,
}

/// The longest name, characters.
pub const MOST_NAME: usize = 60;
/// From this month on the next year's days are known.
const ANNOUNCED: u32 = 12;

impl Policy {
    /// What the calendar says of a day.
    #[must_use]
    pub fn calendar_day(&self, date: NaiveDate) -> Option<&CalendarDay> {
        self.calendar.iter().find(|day| day.date == date)
    }

    /// True on a public holiday of the calendar.
    #[must_use]
    pub fn is_holiday(&self, date: NaiveDate) -> bool {
        self.calendar_day(date).is_some_and(|day| day.kind == DayKind::Holiday)
    }

    /// True if the weekday closes the day: a working day of the calendar opens it, and a holiday has hours of its own.
    pub(super) fn weekday_closes(&self, date: NaiveDate) -> Option<Weekday> {
        let day = date.weekday();
        (self.closed_weekdays.contains(&day) && self.calendar_day(date).is_none()).then_some(day)
    }

    /// The quiet spans of a day; `None` if it is a holiday on which nobody is rung.
    pub(super) fn quiet_of(&self, date: NaiveDate) -> Option<&[QuietHours]> {
        if self.is_holiday(date) { self.holiday_quiet.as_deref() } else { Some(&self.quiet) }
    }

    /// The spans of a day in which people may be rung, by the wall clock, as `08:30-20:30`.
    #[must_use]
    pub fn hours_of(&self, date: NaiveDate) -> Vec<String> {
        let Some(quiet) = self.quiet_of(date) else { return Vec::new() };
        if self.holidays.contains(&date) || self.weekday_closes(date).is_some() {
            return Vec::new();
        }
        let time = |minute: i64| {
            let minute = u16::try_from(minute).unwrap_or(0);
            TimeOfDay::new(minute / 60, minute % 60).map(|t| t.to_string()).unwrap_or_default()
        };
        let barred: Vec<QuietHours> = quiet.iter().copied().chain(self.carrier_spans()).collect();
        let open = |minute: i64| minute < DAY / MINUTE && !barred.iter().any(|q| q.contains(minute * MINUTE));
        let mut spans = Vec::new();
        let mut from = None;
        for minute in 0..=DAY / MINUTE {
            match (from, open(minute)) {
                (None, true) => from = Some(minute),
                (Some(start), false) => {
                    spans.push(format!("{}-{}", time(start), time(minute)));
                    from = None;
                }
                _ => {}
            }
        }
        spans
    }

    /// Years that have a holiday in the calendar.
    #[must_use]
    pub fn covered_years(&self) -> BTreeSet<i32> {
        self.calendar.iter().filter(|d| d.kind == DayKind::Holiday).map(|d| d.date.year()).collect()
    }

    /// Years whose days should be known on `today` and are not in the calendar: this one, and in December the next.
    #[must_use]
    pub fn uncovered_years(&self, today: NaiveDate) -> Vec<i32> {
        let covered = self.covered_years();
        let next = (today.month() >= ANNOUNCED).then(|| today.year() + 1);
        std::iter::once(today.year()).chain(next).filter(|year| !covered.contains(year)).collect()
    }

    /// Puts days into the calendar, in their order; of a day that is there twice the later one counts. With `replace`,
    /// the years of `days` are emptied first. Returns what changes, by date.
    pub fn put_days(&mut self, days: &[CalendarDay], replace: bool) -> Vec<DayChange> {
        let years: BTreeSet<i32> = days.iter().map(|d| d.date.year()).collect();
        let old: BTreeMap<NaiveDate, CalendarDay> =
            self.calendar.drain(..).map(|day| (day.date, day)).collect();
        let mut new: BTreeMap<NaiveDate, CalendarDay> = old.clone();
        if replace {
            new.retain(|date, _| !years.contains(&date.year()));
        }
        new.extend(days.iter().map(|day| (day.date, day.clone())));
        self.calendar = new.values().cloned().collect();
        let dates: BTreeSet<NaiveDate> = old.keys().chain(new.keys()).copied().collect();
        let changed = dates.into_iter().filter(|date| old.get(date) != new.get(date));
        changed
            .map(|date| DayChange {
                date,
                name: new.get(&date).or(old.get(&date)).map(|d| d.name.clone()).unwrap_or_default(),
                before: old.get(&date).map(|d| d.kind),
                after: new.get(&date).map(|d| d.kind),
                hours: self.hours_of(date),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use chrono::TimeZone;
    use chrono_tz::Tz;

    const ZONE: Tz = Tz::Asia__Shanghai;

    fn at(text: &str) -> UnixMs {
        let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        UnixMs(ZONE.from_local_datetime(&local).unwrap().timestamp_millis())
    }

    fn day(date: &str, kind: DayKind) -> CalendarDay {
        CalendarDay { date: date.parse().unwrap(), name: "国庆节".into(), kind }
    }

    fn span(from: u16, to: u16) -> QuietHours {
        QuietHours { from: TimeOfDay::new(from, 0).unwrap(), to: TimeOfDay::new(to, 0).unwrap() }
    }

    /// Sundays closed; Thursday and Friday are holidays, Sunday the 4th is worked, and Sunday the 11th is a holiday.
    fn golden_week() -> Policy {
        let mut policy = Policy { closed_weekdays: vec![Weekday::Sun], ..Policy::default() };
        let days = [
            day("2026-10-02", DayKind::Holiday),
            day("2026-10-01", DayKind::Holiday),
            day("2026-10-04", DayKind::Workday),
            day("2026-10-11", DayKind::Holiday),
        ];
        policy.put_days(&days, false);
        policy
    }

    #[test]
    fn records() {
        DayKind::check_words();
    }

    #[test]
    fn nobody_is_rung_on_a_holiday_unless_it_has_hours_of_its_own() {
        let mut policy = golden_week();
        assert_eq!(policy.next_open(at("2026-09-30 21:00"), ZONE), at("2026-10-03 08:30"));
        assert_eq!(policy.closes_after(at("2026-09-30 10:00"), ZONE), Some(at("2026-09-30 20:30")));
        policy.holiday_quiet = Some(vec![span(18, 10)]);
        assert_eq!(policy.next_open(at("2026-09-30 21:00"), ZONE), at("2026-10-01 10:00"));
        assert_eq!(policy.closes_after(at("2026-10-01 10:00"), ZONE), Some(at("2026-10-01 18:00")));
        assert_eq!(policy.next_open(at("2026-10-02 18:00"), ZONE), at("2026-10-03 08:30"));
        assert_eq!(policy.hours_of("2026-10-01".parse().unwrap()), ["10:00-18:00"]);
        // a holiday's own hours hold on a weekday that is closed otherwise
        assert_eq!(policy.hours_of("2026-10-11".parse().unwrap()), ["10:00-18:00"]);
        policy.holidays = vec!["2026-10-01".parse().unwrap()];
        assert_eq!(policy.next_open(at("2026-10-01 00:00"), ZONE), at("2026-10-02 10:00"));
        assert!(policy.hours_of("2026-10-01".parse().unwrap()).is_empty());
    }

    #[test]
    fn a_night_that_ends_in_a_holiday_ends_by_the_holiday_s_hours() {
        let mut policy = golden_week();
        policy.holiday_quiet = Some(vec![span(20, 7)]);
        assert_eq!(policy.next_open(at("2026-09-30 21:00"), ZONE), at("2026-10-01 07:00"));
        policy.holiday_quiet = Some(Vec::new());
        assert_eq!(policy.next_open(at("2026-09-30 21:00"), ZONE), at("2026-10-01 00:00"));
        assert_eq!(policy.closes_after(at("2026-10-02 12:00"), ZONE), Some(at("2026-10-03 00:00")));
    }

    #[test]
    fn a_working_sunday_is_open() {
        let policy = golden_week();
        assert_eq!(policy.next_open(at("2026-10-04 07:00"), ZONE), at("2026-10-04 08:30"));
        assert_eq!(policy.next_open(at("2026-10-18 10:00"), ZONE), at("2026-10-19 08:30"));
        assert_eq!(policy.hours_of("2026-10-04".parse().unwrap()), ["08:30-20:30"]);
        assert!(policy.hours_of("2026-10-18".parse().unwrap()).is_empty());
    }

    #[test]
    fn years_without_a_calendar_are_told() {
        let policy = golden_week();
        assert_eq!(policy.uncovered_years("2026-11-30".parse().unwrap()), Vec::<i32>::new());
        assert_eq!(policy.uncovered_years("2026-12-01".parse().unwrap()), [2027]);
        assert_eq!(Policy::default().uncovered_years("2026-12-31".parse().unwrap()), [2026, 2027]);
    }

    #[test]
    fn what_a_new_calendar_changes() {
        let mut policy = golden_week();
        let days = [day("2026-10-01", DayKind::Holiday), day("2026-10-03", DayKind::Holiday)];
        let told = policy.clone().put_days(&days, false);
        assert_eq!(told.len(), 1, "the 1st is as it was: {told:?}");
        assert_eq!((told[0].before, told[0].after), (None, Some(DayKind::Holiday)));
        let told = policy.put_days(&days, true);
        let gone: Vec<String> =
            told.iter().filter(|c| c.after.is_none()).map(|c| c.date.to_string()).collect();
        assert_eq!(gone, ["2026-10-02", "2026-10-04", "2026-10-11"]);
        assert_eq!(policy.calendar.len(), 2);
        // another year's days stay
        policy.put_days(&[day("2027-01-01", DayKind::Holiday)], true);
        assert_eq!(policy.calendar.len(), 3);
    }
}
