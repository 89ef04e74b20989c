//! Time as an argument.
//!
//! [`UnixMs`] is an instant by the wall clock. A wall clock can be set, so whatever must be *measured* (an age, a
//! deadline that outlives a clock change) is kept as an [`EventTime`]: the wall clock and, beside it, the identity of
//! the boot and the milliseconds since that boot.

use std::ops::{Add, Sub};

use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::lang::Lang;

/// One second in milliseconds.
pub const SECOND: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// Twenty-four hours in milliseconds. A calendar day can be 23 or 25 hours: see [`UnixMs::next_day`].
pub const DAY: i64 = 24 * HOUR;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. A number in JSON. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// Later than every real instant: "not at any time".
    pub const NEVER: Self = Self(i64::MAX);

    /// Milliseconds from `earlier` to `self`; negative if `self` is the earlier one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same instant as a UTC date and time. Instants that no calendar holds become its first or last one.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// Milliseconds since the local midnight as a clock on the wall shows it, and the local date.
    #[must_use]
    pub fn local(self, zone: Tz) -> (NaiveDate, i64) {
        let utc = self.to_utc();
        let offset = zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc();
        let wall = self.0.clamp(-8_000_000_000_000_000, 8_000_000_000_000_000) + i64::from(offset) * SECOND;
        let day = wall.div_euclid(DAY);
        let date = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap_or_default() + chrono::Duration::days(day);
        (date, wall.rem_euclid(DAY))
    }

    /// Offset of the zone from UTC at this instant, in milliseconds.
    #[must_use]
    pub fn offset(self, zone: Tz) -> i64 {
        let utc = self.to_utc().naive_utc();
        i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * SECOND
    }

    /// `HH:MM` in the zone.
    #[must_use]
    pub fn hh_mm(self, zone: Tz) -> String {
        let (_, ms) = self.local(zone);
        format!("{:02}:{:02}", ms / HOUR, ms % HOUR / MINUTE)
    }

    /// `HH:MM` in the zone, with the day in front if it is not the day of `now`: `08:30`, `明天 08:30`, `11月23日 08:30`.
    #[must_use]
    pub fn moment(self, now: Self, zone: Tz, lang: Lang) -> String {
        let (today, date) = (now.date(zone), self.date(zone));
        let time = self.hh_mm(zone);
        match ((date - today).num_days(), lang) {
            (0, _) => time,
            (1, Lang::Zh) => format!("明天 {time}"),
            (1, Lang::En) => format!("tomorrow {time}"),
            (_, Lang::Zh) => format!("{}月{}日 {time}", date.month(), date.day()),
            (_, Lang::En) => format!("{date} {time}"),
        }
    }

    /// The local date.
    #[must_use]
    pub fn date(self, zone: Tz) -> NaiveDate {
        self.local(zone).0
    }

    /// The instant, at or before `self`, at which the clock on the wall last showed midnight, by today's offset.
    #[must_use]
    pub fn start_of_day(self, zone: Tz) -> Self {
        Self(self.0 - self.local(zone).1)
    }

    /// The first instant whose local date is later than that of `self`: the next midnight, or the end of the gap
    /// where clocks skip midnight.
    #[must_use]
    pub fn next_day(self, zone: Tz) -> Self {
        let (date, _) = self.local(zone);
        let mut t = self;
        // Each step either reaches the border, or stops at a change of the zone's offset before it; a day has few.
        for _ in 0..8 {
            let (today, ms) = t.local(zone);
            if today > date {
                break;
            }
            t = t.step(zone, DAY - ms);
        }
        t
    }

    /// `self + ms`, or the first change of the zone's offset on the way if there is one. `ms` is at most some days.
    #[must_use]
    pub(crate) fn step(self, zone: Tz, ms: i64) -> Self {
        let end = self + ms;
        let offset = self.offset(zone);
        if end.offset(zone) == offset {
            return end;
        }
        let (mut low, mut high) = (self.0, end.0);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if Self(middle).offset(zone) == offset {
                low = middle;
            } else {
                high = middle;
            }
        }
        Self(high)
    }
}

impl From<i64> for UnixMs {
    fn from(ms: i64) -> Self {
        Self(ms)
    }
}

impl From<UnixMs> for i64 {
    fn from(t: UnixMs) -> Self {
        t.0
    }
}

impl From<DateTime<Utc>> for UnixMs {
    fn from(t: DateTime<Utc>) -> Self {
        Self(t.timestamp_millis())
    }
}

impl Add<i64> for UnixMs {
    type Output = Self;
    fn add(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Sub<i64> for UnixMs {
    type Output = Self;
    fn sub(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

/// When something happened, by the wall clock and by the clock that nobody can set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTime {
    /// The wall clock of the device or server.
    pub wall: UnixMs,
    /// What the operating system calls this boot; `None` where it cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Milliseconds since that boot, sleep included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_ms: Option<u64>,
}

/// How old an event is, and by which clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// Milliseconds, never negative.
    pub ms: i64,
    /// True if measured by the boot clock, so that no change of the wall clock has touched it.
    pub by_boot_clock: bool,
}

impl EventTime {
    /// An event of which only the wall clock is known.
    #[must_use]
    pub const fn wall_only(wall: UnixMs) -> Self {
        Self { wall, boot_id: None, boot_ms: None }
    }

    /// The age at `now`: by the boot clock if both are of one boot, otherwise by the wall clock. A wall clock that was
    /// set back gives 0.
    #[must_use]
    pub fn age(&self, now: &Self) -> Age {
        if let (Some(boot), Some(then), Some(at)) = (&self.boot_id, self.boot_ms, now.boot_ms)
            && now.boot_id.as_ref() == Some(boot)
        {
            let ms = i64::try_from(at.saturating_sub(then)).unwrap_or(i64::MAX);
            return Age { ms, by_boot_clock: true };
        }
        Age { ms: now.wall.since(self.wall).max(0), by_boot_clock: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_and_day_borders() {
        let zone = chrono_tz::Asia::Shanghai;
        let t = UnixMs(1_700_000_000_000); // 2023-11-14T22:13:20Z
        assert_eq!(t.hh_mm(zone), "06:13");
        assert_eq!(t.local(zone).0.to_string(), "2023-11-15");
        assert_eq!(t.next_day(zone).hh_mm(zone), "00:00");
        assert_eq!(t.next_day(zone).local(zone).0.to_string(), "2023-11-16");
        assert_eq!(UnixMs(i64::MIN).hh_mm(zone).len(), 5);
        assert_eq!(UnixMs::NEVER.hh_mm(zone).len(), 5);
    }

    #[test]
    fn a_day_of_23_hours() {
        let zone = chrono_tz::Europe::London;
        let midnight = UnixMs(1_711_843_200_000); // 2024-03-31T00:00Z, clocks go forward at 01:00
        assert_eq!(midnight.next_day(zone).since(midnight), 23 * HOUR);
        // Midnight itself is skipped in Beirut on that day.
        let zone = chrono_tz::Asia::Beirut;
        let evening = UnixMs(1_711_836_000_000 - HOUR);
        let day = evening.next_day(zone);
        assert_eq!((day.since(evening), day.hh_mm(zone).as_str()), (HOUR, "01:00"));
    }

    #[test]
    fn age_ignores_a_clock_that_was_set() {
        let at = |wall, boot: &str, ms| EventTime {
            wall: UnixMs(wall),
            boot_id: Some(boot.into()),
            boot_ms: Some(ms),
        };
        let tap = at(10_000, "a", 500);
        assert_eq!(tap.age(&at(3_610_000, "a", 1_500)), Age { ms: 1_000, by_boot_clock: true });
        assert_eq!(tap.age(&at(12_000, "b", 0)), Age { ms: 2_000, by_boot_clock: false });
        assert_eq!(tap.age(&EventTime::wall_only(UnixMs(0))), Age { ms: 0, by_boot_clock: false });
    }
}
