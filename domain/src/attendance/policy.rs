//! What an organisation sets for the field.

use super::shift::ShiftRule;
use crate::dial::policy::{CalendarDay, DayKind};
use crate::policy::{BadValue, check_ranges};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Rules for tracks and attendance. A field that is left out has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct FieldPolicy {
    /// Days that tracks are kept.
    pub track_days: u16,
    /// Seconds between two positions of a courier on duty.
    pub live_seconds: u16,
    /// Shifts: for a day the first one that fits branch and weekday. A day that none fits is a day of rest.
    pub shifts: Vec<ShiftRule>,
    /// Days on which nobody works.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub holidays: Vec<NaiveDate>,
    /// Days on which people work whatever the weekday: the branch's first shift holds. Holidays and working days of the
    /// organisation's calendar hold beside both lists; what is listed here comes first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub workdays: Vec<NaiveDate>,
}

impl Default for FieldPolicy {
    /// Tracks for half a year, a position every 15 s; 08:30 to 18:00 on all days but Sunday.
    fn default() -> Self {
        FieldPolicy {
            track_days: 183,
            live_seconds: 15,
            shifts: vec![ShiftRule::default()],
            holidays: Vec::new(),
            workdays: Vec::new(),
        }
    }
}

impl FieldPolicy {
    /// Puts the days of the organisation's calendar beside the own ones; what the rules say of a day comes first.
    #[must_use]
    pub fn with_calendar(mut self, days: &[CalendarDay]) -> Self {
        for day in days {
            if self.holidays.contains(&day.date) || self.workdays.contains(&day.date) {
                continue;
            }
            match day.kind {
                DayKind::Holiday => self.holidays.push(day.date),
                DayKind::Workday => self.workdays.push(day.date),
            }
        }
        self
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field whose value cannot work.
    pub fn check(&self) -> Result<(), BadValue> {
        check_ranges(&[
            ("track_days", i64::from(self.track_days), 1, 3_660),
            ("live_seconds", i64::from(self.live_seconds), 5, 3_600),
        ])?;
        if self.shifts.len() > 100 || self.holidays.len() > 1_000 {
            return Err(BadValue::new("shifts", "has more than 100, or holidays more than 1000"));
        }
        if self.workdays.len() > 1_000 {
            return Err(BadValue::new("workdays", "has more than 1000 days"));
        }
        for (n, shift) in self.shifts.iter().enumerate() {
            if let Err((field, problem)) = shift.check() {
                return Err(BadValue::new(format!("shifts[{n}].{field}"), problem));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        let of = |text: &str| serde_json::from_str::<FieldPolicy>(text).unwrap().check();
        assert_eq!(of("{}"), Ok(()));
        let field = |text: &str| of(text).unwrap_err().field;
        assert_eq!(field(r#"{"track_days":0}"#), "track_days");
        assert_eq!(field(r#"{"live_seconds":4}"#), "live_seconds");
        assert_eq!(field(r#"{"shifts":[{},{"start":"08:00","end":"08:00"}]}"#), "shifts[1].end");
        assert_eq!(field(r#"{"shifts":[{"open_before_min":2000}]}"#), "shifts[0].open_before_min");
    }
}
