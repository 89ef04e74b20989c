//! How many characters the vendors are asked for in a day: they charge by the character, and a mistake in a wording must not
//! cost a month's money.
//!
//! Counted before each question, for all paid engines together, by the calendar day of the vendors' country (UTC+8). The count
//! is kept beside what the engines made, so that a restart does not forget it. Once it is used up the paid engines are not asked
//! until the next day, and whoever stands behind them speaks.

use super::engine::Failure;
use chrono::{DateTime, Days, FixedOffset, NaiveDate, Utc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Hours that the vendors' day is ahead of UTC.
const AHEAD: i32 = 8;

/// See the module.
pub(super) struct Budget {
    /// Characters a day; 0 for no limit.
    limit: u64,
    file: Option<PathBuf>,
    used: Mutex<Used>,
    /// One writes the file at a time, and the newest count.
    writing: Mutex<()>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    day: NaiveDate,
    characters: u64,
    /// That nothing is left has been told.
    #[serde(skip)]
    told: bool,
}

impl Budget {
    /// One whose count is kept in this file. A file that cannot be read is begun anew.
    pub(super) fn of(limit: u64, file: Option<PathBuf>) -> Budget {
        let kept = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let used = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Budget { limit, file, used: Mutex::new(used), writing: Mutex::default() }
    }

    /// Takes so many characters from today's.
    ///
    /// # Errors
    /// They are not left.
    pub(super) fn take(&self, characters: usize, now: DateTime<Utc>) -> Result<(), Failure> {
        let (day, wanted) = (day(now), u64::try_from(characters).unwrap_or(u64::MAX));
        {
            let mut used = self.used.lock();
            if used.day != day {
                *used = Used { day, ..Used::default() };
            }
            let after = used.characters.saturating_add(wanted);
            if self.limit > 0 && after > self.limit {
                if !std::mem::replace(&mut used.told, true) {
                    let limit = self.limit;
                    tracing::warn!(
                        limit,
                        "the characters of a day are used up: paid voices rest until tomorrow"
                    );
                }
                let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
                let problem = format!(
                    "is not asked before {next}: the {} characters of today are used (`characters_a_day`)",
                    self.limit
                );
                return Err(Failure::spent(problem));
            }
            used.characters = after;
        }
        if let Some(file) = &self.file {
            let _turn = self.writing.lock();
            let kept = *self.used.lock();
            let written = serde_json::to_vec(&kept).map_err(std::io::Error::other).and_then(|bytes| {
                if let Some(folder) = file.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                let beside = file.with_extension("new");
                std::fs::write(&beside, bytes)?;
                std::fs::rename(&beside, file)
            });
            if let Err(error) = written {
                tracing::warn!(%error, "the count of characters cannot be kept");
            }
        }
        Ok(())
    }

    /// Characters used today, and how many a day has; 0 for no limit.
    pub(super) fn told(&self, now: DateTime<Utc>) -> (u64, u64) {
        let used = *self.used.lock();
        (if used.day == day(now) { used.characters } else { 0 }, self.limit)
    }
}

fn day(now: DateTime<Utc>) -> NaiveDate {
    match FixedOffset::east_opt(AHEAD * 3_600) {
        Some(zone) => now.with_timezone(&zone).date_naive(),
        None => now.date_naive(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_has_its_characters_and_a_restart_forgets_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cache/characters.json");
        let budget = Budget::of(100, Some(file.clone()));
        let (evening, midnight) = (at("2026-11-21T15:59:59Z"), at("2026-11-21T16:00:00Z"));
        assert_eq!(budget.told(evening), (0, 100));
        budget.take(60, evening).unwrap();
        assert!(budget.take(41, evening).unwrap_err().problem.contains("2026-11-22"));
        budget.take(30, evening).unwrap();

        let again = Budget::of(100, Some(file.clone()));
        assert_eq!(again.told(evening), (90, 100));
        assert!(again.take(11, evening).is_err());
        again.take(10, evening).unwrap();
        // the day of the vendors' country begins at 16:00 UTC
        again.take(100, midnight).unwrap();
        assert!(again.take(1, midnight).is_err());

        std::fs::write(&file, "not what we wrote").unwrap();
        let anew = Budget::of(0, Some(file));
        anew.take(1_000_000, midnight).unwrap();
        assert_eq!(anew.told(midnight), (1_000_000, 0), "no limit is counted too");
    }
}
