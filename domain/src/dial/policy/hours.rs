//! Times of day and quiet spans.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::{DAY, MINUTE};

/// A time of day by the clock on the wall, 00:00 to 24:00, to the minute. `"HH:MM"` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, example = "20:30"))]
pub struct TimeOfDay(u16);

/// A text that is no time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day: expected 00:00 to 24:00")]
pub struct TimeOfDayError;

impl TimeOfDay {
    /// A time of day; 24:00 is the end of the day.
    ///
    /// # Errors
    /// [`TimeOfDayError`] above 24:00 and for minutes above 59.
    pub const fn new(hour: u16, minute: u16) -> Result<Self, TimeOfDayError> {
        if minute > 59 || hour > 24 || hour * 60 + minute > 1_440 {
            return Err(TimeOfDayError);
        }
        Ok(Self(hour * 60 + minute))
    }

    /// Milliseconds since midnight.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0 as i64 * MINUTE
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;
    fn from_str(text: &str) -> Result<Self, TimeOfDayError> {
        let (hour, minute) = text.split_once(':').ok_or(TimeOfDayError)?;
        let number = |s: &str, most: usize| {
            let plain = (1..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| s.parse::<u16>().ok()).flatten().ok_or(TimeOfDayError)
        };
        if minute.len() != 2 {
            return Err(TimeOfDayError);
        }
        Self::new(number(hour, 2)?, number(minute, 2)?)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A span of the day, `from` included, `to` excluded. It crosses midnight if `to` is earlier than `from`; it is empty
/// if they are equal; 00:00 to 24:00 is the whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuietHours {
    /// First quiet minute.
    pub from: TimeOfDay,
    /// First minute that is not quiet any more.
    pub to: TimeOfDay,
}

impl QuietHours {
    /// 20:30 to 08:30.
    pub const NIGHT: Self = Self { from: TimeOfDay(20 * 60 + 30), to: TimeOfDay(8 * 60 + 30) };
    /// 12:00 to 14:00, which some carriers bar as well.
    pub const NOON: Self = Self { from: TimeOfDay(12 * 60), to: TimeOfDay(14 * 60) };

    /// True if `ms` after local midnight lies in the span.
    #[must_use]
    pub const fn contains(self, ms: i64) -> bool {
        let (from, to) = (self.from.ms(), self.to.ms());
        if from <= to { from <= ms && ms < to } else { ms >= from || ms < to }
    }

    /// Milliseconds by the wall clock from `ms`, which lies in the span, to the span's end.
    pub(super) const fn left(self, ms: i64) -> i64 {
        let to = self.to.ms();
        if to > ms { to - ms } else { to + DAY - ms }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}
