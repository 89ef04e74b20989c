//! When a person may be rung: hours, days and frequency, in the callee's own zone.
//!
//! [`Policy`] is data that an organisation sets and phones receive. [`Policy::may_call`] answers for one moment,
//! [`Policy::next_allowed`] gives the first later moment at which the answer is yes. Both are exact to the millisecond
//! and across changes of the zone's offset: time is stepped from border to border (end of a quiet span, midnight, end
//! of a frequency window), never past a change of the offset.

mod calendar;
mod caps;
mod carrier;
mod check;
mod frequency;
mod hours;
#[cfg(test)]
mod tests;

use chrono::{NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use calendar::{CalendarDay, DayChange, DayKind, MOST_NAME};
pub use caps::DayUse;
pub use carrier::{CARRIERS, CarrierLimits, ON_THE_WAY};
pub use check::{MOST_DAYS, PolicyError};
pub use frequency::{Anchor, FrequencyRule, PastCall};
pub use hours::{QuietHours, TimeOfDay, TimeOfDayError};

use super::retry::RetryPolicy;
use crate::clock::{DAY, HOUR, MINUTE, UnixMs};
use crate::parcel::ProofRule;
use crate::phone::PhoneNumber;
use crate::track::coordinates::Datum;

/// The rules of an organisation for ringing people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Policy {
    /// Spans of the callee's day in which nobody is rung.
    pub quiet: Vec<QuietHours>,
    /// Name of the carrier or voice service whose limits hold as well ([`CARRIERS`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Public holidays and weekends on which people work, each day once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calendar: Vec<CalendarDay>,
    /// Spans of a calendar's holiday in which nobody is rung, in place of `quiet`; `None`: nobody is rung on holidays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holiday_quiet: Option<Vec<QuietHours>>,
    /// Whole days, by the callee's calendar, on which nobody is rung.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub holidays: Vec<NaiveDate>,
    /// Days of the week, by the callee's calendar, on which nobody is rung.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub closed_weekdays: Vec<Weekday>,
    /// How often one person may be rung; every rule must agree.
    pub frequency: Vec<FrequencyRule>,
    /// Country codes that are rung, without the plus (86 is the mainland, 852 Hong Kong); an empty list means all.
    /// Calls abroad cost many times as much, and are what fraud with a stolen password is after.
    pub countries: Vec<u16>,
    /// Most calls a day that show one and the same number, so that carriers do not block it; `None` for no cap.
    pub display_daily_cap: Option<u32>,
    /// Most minutes a day that answered notices may last, all together; `None` for no cap. People left then are rung the
    /// next day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub talk_daily_cap: Option<u32>,
    /// Most that the notices of a day may cost, in the smallest unit of the currency (fen); `None` for no cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_daily_cap: Option<i64>,
    /// A frequency rule that ends within this time (ms) delays a call; one that ends later leaves it out of the plan.
    pub frequency_wait: i64,
    /// A tap that reaches the server later than this (ms) asks the courier again.
    pub stale_after: i64,
    /// What follows an attempt.
    pub retry: RetryPolicy,
    /// Try again at hours at which the number has answered before ([`crate::dial::hours`]).
    #[serde(skip_serializing_if = "is_off")]
    pub learn_hours: bool,
    /// What the coordinates of imported lists refer to.
    #[serde(skip_serializing_if = "is_gcj02")]
    pub list_datum: Datum,
    /// Which deeds at a door want a photo: the first rule that fits counts, and without one it is as the courier likes.
    pub proof: Vec<ProofRule>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_off(on: &bool) -> bool {
    !*on
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_gcj02(datum: &Datum) -> bool {
    *datum == Datum::Gcj02
}

impl Default for Policy {
    /// Quiet from 20:30 to 08:30; mainland numbers only; one call a minute, 3 in 24 hours, 10 in 30 days; 300 calls a day for a displayed
    /// number; a tap is good for 2 hours.
    fn default() -> Self {
        let rule = |window, max, counts_failed| FrequencyRule {
            window,
            max,
            anchor: Anchor::Rolling,
            counts_failed,
        };
        Self {
            quiet: vec![QuietHours::NIGHT],
            carrier: None,
            calendar: Vec::new(),
            holiday_quiet: None,
            holidays: Vec::new(),
            closed_weekdays: Vec::new(),
            frequency: vec![rule(MINUTE, 1, true), rule(24 * HOUR, 3, false), rule(30 * DAY, 10, false)],
            countries: vec![86],
            display_daily_cap: Some(300),
            talk_daily_cap: None,
            spend_daily_cap: None,
            frequency_wait: HOUR,
            stale_after: 2 * HOUR,
            retry: RetryPolicy::default(),
            learn_hours: false,
            list_datum: Datum::Gcj02,
            proof: Vec::new(),
        }
    }
}

/// Which rule keeps a call from being made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum BarReason {
    /// A quiet span.
    QuietHours {
        /// The span.
        span: QuietHours,
    },
    /// A holiday of the list.
    Holiday {
        /// The day, by the callee's calendar.
        date: NaiveDate,
    },
    /// A closed day of the week.
    Weekday {
        /// The day.
        day: Weekday,
    },
    /// A frequency rule.
    Frequency {
        /// The rule.
        rule: FrequencyRule,
    },
}

/// A call that may not be made now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("no call to this person before {}", until.to_utc())]
pub struct Barred {
    /// The first rule that objects.
    pub reason: BarReason,
    /// When every rule agrees, if nothing else is called until then; [`UnixMs::NEVER`] if that never happens.
    pub until: UnixMs,
}

/// More borders than any sensible policy has on the way to the next allowed moment.
const BORDERS: usize = 2_000;

impl Policy {
    /// A policy without any rule: everything is allowed at any time. For tests and demonstrations.
    #[must_use]
    pub fn unrestricted() -> Self {
        Self {
            quiet: Vec::new(),
            countries: Vec::new(),
            frequency: Vec::new(),
            display_daily_cap: None,
            ..Self::default()
        }
    }

    /// True if numbers of this country are rung at all.
    #[must_use]
    pub fn rings(&self, phone: &PhoneNumber) -> bool {
        self.countries.is_empty() || phone.country().is_some_and(|code| self.countries.contains(&code))
    }

    /// May a person in `zone` with this call history be rung at `now`? The order of `history` does not matter.
    ///
    /// # Errors
    /// [`Barred`] with the first rule that objects and the time at which all agree.
    pub fn may_call(&self, now: UnixMs, zone: Tz, history: &[PastCall]) -> Result<(), Barred> {
        let reason = match self.closed(now, zone) {
            Some((reason, _)) => reason,
            None => match self.too_often(now, history) {
                Some((rule, _)) => BarReason::Frequency { rule },
                None => return Ok(()),
            },
        };
        Err(Barred { reason, until: self.next_allowed(now, zone, history) })
    }

    /// The first moment not before `now` at which a person in `zone` with this history may be rung;
    /// [`UnixMs::NEVER`] if there is none.
    #[must_use]
    pub fn next_allowed(&self, now: UnixMs, zone: Tz, history: &[PastCall]) -> UnixMs {
        let mut t = now;
        for _ in 0..BORDERS {
            t = match (self.closed(t, zone), self.too_often(t, history)) {
                (None, None) => return t,
                (Some((_, until)), _) | (None, Some((_, until))) => until,
            };
            if t == UnixMs::NEVER {
                break;
            }
        }
        UnixMs::NEVER
    }

    /// The first moment not before `now` that lies in calling hours, whoever is called.
    #[must_use]
    pub fn next_open(&self, now: UnixMs, zone: Tz) -> UnixMs {
        self.next_allowed(now, zone, &[])
    }

    /// When calling hours end next, seen from a moment within them; `None` if they do not end within two days, or
    /// `now` lies outside them.
    #[must_use]
    pub fn closes_after(&self, now: UnixMs, zone: Tz) -> Option<UnixMs> {
        if self.closed(now, zone).is_some() {
            return None;
        }
        let mut t = now;
        while t.since(now) < 2 * DAY {
            let (_, ms) = t.local(zone);
            let own = self.quiet.iter().chain(self.holiday_quiet.iter().flatten()).copied();
            let starts = own.chain(self.carrier_spans()).map(|q| q.from.ms());
            let border = starts.chain([DAY]).map(|at| if at > ms { at - ms } else { at + DAY - ms }).min()?;
            t = t.step(zone, border);
            if self.closed(t, zone).is_some() {
                return Some(t);
            }
        }
        None
    }

    /// Calls that may still show a display number after it was shown `used_today` times; `None` for no cap.
    #[must_use]
    pub fn display_left(&self, used_today: u32) -> Option<u32> {
        self.display_daily_cap.map(|cap| cap.saturating_sub(used_today))
    }

    /// The rule that closes the hour or day at `t`, and a later moment up to which it does so.
    fn closed(&self, t: UnixMs, zone: Tz) -> Option<(BarReason, UnixMs)> {
        let (date, ms) = t.local(zone);
        let midnight = DAY - ms;
        if self.holidays.contains(&date) {
            return Some((BarReason::Holiday { date }, t.step(zone, midnight)));
        }
        if let Some(day) = self.weekday_closes(date) {
            return Some((BarReason::Weekday { day }, t.step(zone, midnight)));
        }
        let Some(quiet) = self.quiet_of(date) else {
            return Some((BarReason::Holiday { date }, t.step(zone, midnight)));
        };
        let span = quiet.iter().copied().chain(self.carrier_spans()).find(|q| q.contains(ms))?;
        // the next day may have other spans
        Some((BarReason::QuietHours { span }, t.step(zone, span.left(ms).min(midnight))))
    }

    /// The frequency rule that objects longest at `t`, and until when.
    fn too_often(&self, t: UnixMs, history: &[PastCall]) -> Option<(FrequencyRule, UnixMs)> {
        self.frequency_rules()
            .filter_map(|rule| rule.barred_until(t, history).map(|until| (rule, until)))
            .max_by_key(|(_, until)| *until)
    }
}
