//! Times of day in a zone, for calling windows.

use anyhow::{Context as _, bail};
use chrono::{TimeZone as _, Timelike as _};

/// A span of the day in a time zone; one that ends before it begins goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    from_minute: u32,
    to_minute: u32,
    zone: chrono_tz::Tz,
}

impl Window {
    /// Reads `HH:MM-HH:MM`; the zone is an IANA name, Asia/Shanghai where missing.
    pub(crate) fn parse(text: &str, zone: Option<&str>) -> anyhow::Result<Self> {
        let (from, to) =
            text.split_once('-').with_context(|| format!("window {text:?} is not HH:MM-HH:MM"))?;
        Self::new(from, to, zone)
    }

    /// A window from two times `HH:MM`.
    pub(crate) fn new(from: &str, to: &str, zone: Option<&str>) -> anyhow::Result<Self> {
        let name = zone.unwrap_or("Asia/Shanghai");
        let zone = name.parse().map_err(|_| anyhow::anyhow!("unknown time zone {name:?}"))?;
        Ok(Self { from_minute: minute(from)?, to_minute: minute(to)?, zone })
    }

    /// True when the Unix time (ms) lies in the window; its end is outside.
    pub(crate) fn contains(&self, at_ms: u64) -> bool {
        let Ok(ms) = i64::try_from(at_ms) else { return false };
        let Some(time) = self.zone.timestamp_millis_opt(ms).single() else { return false };
        let now = time.hour() * 60 + time.minute();
        if self.from_minute == self.to_minute {
            true
        } else if self.from_minute < self.to_minute {
            (self.from_minute..self.to_minute).contains(&now)
        } else {
            now >= self.from_minute || now < self.to_minute
        }
    }
}

fn minute(text: &str) -> anyhow::Result<u32> {
    let parsed =
        text.trim().split_once(':').and_then(|(h, m)| Some((h.parse::<u32>().ok()?, m.parse::<u32>().ok()?)));
    match parsed {
        Some((h, m)) if h <= 24 && m < 60 && h * 60 + m <= 24 * 60 => Ok(h * 60 + m),
        _ => bail!("time of day {text:?} is not HH:MM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_SHANGHAI: u64 = 1_700_020_800_000; // 2023-11-15 04:00 UTC

    #[test]
    fn window_uses_the_zone_of_the_callee() {
        let day = Window::parse("08:30-20:30", None).unwrap();
        assert!(day.contains(NOON_SHANGHAI));
        assert!(!day.contains(NOON_SHANGHAI + 9 * 3_600_000));
        assert!(!Window::parse("08:30-20:30", Some("UTC")).unwrap().contains(NOON_SHANGHAI));
    }

    #[test]
    fn window_over_midnight_and_all_day() {
        let night = Window::parse("20:30-08:30", Some("UTC")).unwrap();
        assert!(night.contains(NOON_SHANGHAI));
        assert!(!night.contains(NOON_SHANGHAI + 8 * 3_600_000));
        assert!(Window::parse("00:00-24:00", Some("UTC")).unwrap().contains(NOON_SHANGHAI));
        assert!(Window::parse("8-9", None).is_err());
    }
}
