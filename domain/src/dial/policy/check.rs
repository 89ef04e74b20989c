//! Whether a policy makes sense, before it is put in force.

use std::collections::BTreeSet;

use chrono::Datelike;

use super::{CARRIERS, CarrierLimits, MOST_NAME, Policy, QuietHours};
use crate::clock::{DAY, MINUTE, UnixMs};
use crate::phone::is_country;

/// A rule that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct PolicyError {
    /// Path of the field, as `frequency[2].max`.
    pub field: String,
    /// What is wrong with it, and what is allowed.
    pub problem: String,
}

/// How far back calls are looked at.
const HISTORY: i64 = 31 * DAY;
/// Most spans, and most frequency rules.
const RULES: usize = 20;
/// Most holidays: ten years of them.
const HOLIDAYS: usize = 500;
/// Most days of the calendar: ten years of them.
pub const MOST_DAYS: usize = 1_000;

impl Policy {
    /// Refuses what would keep everybody from being rung for ever, or ring people without end.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn check(&self) -> Result<(), PolicyError> {
        count("quiet", self.quiet.len(), RULES)?;
        count("countries", self.countries.len(), 250)?;
        if let Some(i) = self.countries.iter().position(|code| !is_country(*code)) {
            return Err(PolicyError {
                field: format!("countries[{i}]"),
                problem: "is no country code; write it without plus, as 86".into(),
            });
        }
        count("frequency", self.frequency.len(), RULES)?;
        spans("quiet", &self.quiet)?;
        count("holiday_quiet", self.holiday_quiet.as_ref().map_or(0, Vec::len), RULES)?;
        spans("holiday_quiet", self.holiday_quiet.as_deref().unwrap_or_default())?;
        self.check_calendar()?;
        if let Some(name) = &self.carrier
            && CarrierLimits::named(name).is_none()
        {
            let known: Vec<&str> = CARRIERS.iter().map(|c| c.name).collect();
            let problem = format!("is no carrier that is known; {} are", known.join(", "));
            return Err(PolicyError { field: "carrier".into(), problem });
        }
        count("holidays", self.holidays.len(), HOLIDAYS)?;
        for (i, rule) in self.frequency.iter().enumerate() {
            range(&format!("frequency[{i}].window"), rule.window, 1, HISTORY, "ms")?;
            range(&format!("frequency[{i}].max"), rule.max.into(), 1, 1_000_000, "calls")?;
        }
        if let Some(cap) = self.display_daily_cap {
            range("display_daily_cap", cap.into(), 1, 10_000_000, "calls a day")?;
        }
        if let Some(cap) = self.talk_daily_cap {
            range("talk_daily_cap", cap.into(), 1, 10_000_000, "minutes a day")?;
        }
        if let Some(cap) = self.spend_daily_cap {
            range("spend_daily_cap", cap, 1, 100_000_000_000, "fen a day")?;
        }
        range("frequency_wait", self.frequency_wait, 0, 30 * DAY, "ms")?;
        range("stale_after", self.stale_after, MINUTE, 30 * DAY, "ms")?;
        range("retry.max_attempts", self.retry.max_attempts.into(), 1, 10, "attempts")?;
        range("retry.max_uncounted", self.retry.max_uncounted.into(), 0, 100, "attempts")?;
        range("retry.back_off", self.retry.back_off, 0, DAY, "ms")?;
        range("retry.limit_gap", self.retry.limit_gap, 0, 30 * DAY, "ms")?;
        for (outcome, gap) in &self.retry.gaps {
            range(&format!("retry.gaps.{outcome:?}"), *gap, 0, 30 * DAY, "ms")?;
        }
        if self.next_open(UnixMs(0), chrono_tz::UTC) == UnixMs::NEVER {
            return Err(PolicyError {
                field: "quiet".into(),
                problem: "together with closed_weekdays and the carrier leaves no minute in which anybody may be rung".into(),
            });
        }
        Ok(())
    }
}

impl Policy {
    fn check_calendar(&self) -> Result<(), PolicyError> {
        count("calendar", self.calendar.len(), MOST_DAYS)?;
        let mut seen = BTreeSet::new();
        for (i, day) in self.calendar.iter().enumerate() {
            let wrong = |field: &str, problem: &str| {
                Err(PolicyError { field: format!("calendar[{i}].{field}"), problem: problem.into() })
            };
            if !seen.insert(day.date) {
                return wrong("date", "is in the calendar twice");
            }
            if !(2000..2100).contains(&day.date.year()) {
                return wrong("date", "is not between 2000 and 2099");
            }
            if day.name.chars().count() > MOST_NAME {
                return wrong("name", "has more than 60 characters");
            }
        }
        Ok(())
    }
}

fn spans(field: &str, spans: &[QuietHours]) -> Result<(), PolicyError> {
    let Some(i) = spans.iter().position(|span| span.from == span.to) else { return Ok(()) };
    Err(PolicyError {
        field: format!("{field}[{i}]"),
        problem: "begins and ends at the same time, which is no time at all; the whole day is 00:00 to 24:00"
            .into(),
    })
}

fn count(field: &str, n: usize, most: usize) -> Result<(), PolicyError> {
    if n <= most {
        return Ok(());
    }
    Err(PolicyError { field: field.into(), problem: format!("has {n} entries; {most} are the most") })
}

fn range(field: &str, value: i64, least: i64, most: i64, unit: &str) -> Result<(), PolicyError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(PolicyError {
        field: field.into(),
        problem: format!("is {value}; {least} to {most} {unit} are allowed"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{QuietHours, TimeOfDay};
    use super::*;

    #[test]
    fn sensible_policies_pass() {
        assert_eq!(Policy::default().check(), Ok(()));
        assert_eq!(Policy::unrestricted().check(), Ok(()));
    }

    #[test]
    fn nonsense_is_named() {
        let refused = |change: fn(&mut Policy)| {
            let mut policy = Policy::default();
            change(&mut policy);
            policy.check().unwrap_err().field
        };
        assert_eq!(refused(|p| p.frequency[1].max = 0), "frequency[1].max");
        assert_eq!(refused(|p| p.frequency[0].window = -5), "frequency[0].window");
        assert_eq!(refused(|p| p.retry.max_attempts = 0), "retry.max_attempts");
        assert_eq!(refused(|p| p.retry.max_attempts = 4_000_000), "retry.max_attempts");
        assert_eq!(refused(|p| p.stale_after = 0), "stale_after");
        assert_eq!(refused(|p| p.display_daily_cap = Some(0)), "display_daily_cap");
        assert_eq!(refused(|p| p.talk_daily_cap = Some(0)), "talk_daily_cap");
        assert_eq!(refused(|p| p.spend_daily_cap = Some(-1)), "spend_daily_cap");
        assert_eq!(refused(|p| p.retry.limit_gap = i64::MIN), "retry.limit_gap");
        let whole_day = refused(|p| {
            let at = |h| TimeOfDay::new(h, 0).unwrap();
            p.quiet = vec![QuietHours { from: at(0), to: at(12) }, QuietHours { from: at(12), to: at(24) }];
        });
        assert_eq!(whole_day, "quiet");
    }
}
