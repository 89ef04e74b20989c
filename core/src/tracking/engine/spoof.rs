//! What looks made up. Evidence with a score, for a person to judge: nothing is dropped and nobody is refused by it.

use serde::{Deserialize, Serialize};
use waybell_domain::clock::EventTime;
use waybell_domain::track::{Fix, Place, SpoofSign};

/// Steps in a row, equal to two units of 1e-7 degrees and at least `LEAST_STEP` of them long, that no receiver makes.
const EQUAL_STEPS: u16 = 10;
const LEAST_STEP: i64 = 300;
/// Fixes in a row that move while nothing else of them changes.
const FROZEN: u16 = 30;
/// Fixes in a row whose told speed is not that of the movement.
const MISMATCHED: u16 = 5;
/// A fresh fix whose wall time is this far from the phone's, ms.
const CLOCKS_APART: i64 = 600_000;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Before {
    at: i64,
    place: Place,
    step: (i64, i64, i64),
    accuracy: Option<f32>,
    altitude: Option<f32>,
}

/// The evidence of a shift.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Spoof {
    before: Option<Before>,
    equal: u16,
    frozen: u16,
    mismatched: u16,
    /// How often each sign was seen, in the order of the words.
    seen: [u32; 6],
}

fn weight(sign: SpoofSign) -> u32 {
    match sign {
        SpoofSign::MockFlag => 60,
        SpoofSign::NoJitter => 45,
        SpoofSign::Teleport | SpoofSign::FrozenFields => 25,
        SpoofSign::SpeedMismatch => 20,
        SpoofSign::TimeMismatch => 15,
    }
}

impl Spoof {
    /// Counts a sign; true if it is the first of its kind.
    pub(super) fn see(&mut self, sign: SpoofSign) -> bool {
        let at = SpoofSign::ALL.iter().position(|s| *s == sign).unwrap_or(0);
        let count = self.seen.get_mut(at);
        count.is_some_and(|n| {
            *n = n.saturating_add(1);
            *n == 1
        })
    }

    /// Each sign that was seen, and how often.
    pub(super) fn signs(&self) -> Vec<(SpoofSign, u32)> {
        SpoofSign::ALL.iter().copied().zip(self.seen).filter(|(_, n)| *n > 0).collect()
    }

    /// 0 for nothing odd to 100 for made up.
    pub(super) fn score(&self) -> u32 {
        self.signs().iter().map(|(s, _)| weight(*s)).sum::<u32>().min(100)
    }

    /// Looks at a fix that was taken.
    pub(super) fn look(&mut self, at: i64, fix: &Fix, now: &EventTime, tell: &mut impl FnMut(SpoofSign)) {
        let mut found = Vec::new();
        if fix.mock {
            found.push(SpoofSign::MockFlag);
        }
        let fresh = matches!((fix.boot_ms, now.boot_ms), (Some(f), Some(n)) if n.abs_diff(f) < 60_000);
        if fresh && fix.wall.since(now.wall).abs() > CLOCKS_APART {
            found.push(SpoofSign::TimeMismatch);
        }
        let mut step = (0, 0, 0);
        if let Some(before) = self.before {
            let delta = |a: i32, b: i32| i64::from(a) - i64::from(b);
            step = (
                delta(fix.place.lat_e7, before.place.lat_e7),
                delta(fix.place.lon_e7, before.place.lon_e7),
                at.saturating_sub(before.at),
            );
            let equal = (step.0 - before.step.0).abs() <= 2
                && (step.1 - before.step.1).abs() <= 2
                && step.2 == before.step.2
                && step.0.abs().max(step.1.abs()) >= LEAST_STEP;
            count(&mut self.equal, equal, EQUAL_STEPS, SpoofSign::NoJitter, &mut found);
            let (x, y) = fix.place.metres_from(before.place);
            let metres = x.hypot(y);
            let still = fix.accuracy.is_some()
                && fix.altitude.is_some()
                && (fix.accuracy, fix.altitude) == (before.accuracy, before.altitude);
            count(&mut self.frozen, still && metres > 5.0, FROZEN, SpoofSign::FrozenFields, &mut found);
            let seconds = (step.2 as f64 * 1e-3).max(0.001);
            let odd = fix.speed.map(f64::from).is_some_and(|told| {
                let went = metres / seconds;
                (1.0..=30.0).contains(&seconds) && (told - went).abs() > 8.0 + 0.5 * told.max(went)
            });
            count(&mut self.mismatched, odd, MISMATCHED, SpoofSign::SpeedMismatch, &mut found);
        }
        self.before =
            Some(Before { at, place: fix.place, step, accuracy: fix.accuracy, altitude: fix.altitude });
        for sign in found {
            if self.see(sign) {
                tell(sign);
            }
        }
    }
}

/// Counts what comes in a row; the sign is found each time that the row is full.
fn count(row: &mut u16, goes_on: bool, full: u16, sign: SpoofSign, found: &mut Vec<SpoofSign>) {
    *row = if goes_on { *row + 1 } else { 0 };
    if *row >= full {
        *row = 0;
        found.push(sign);
    }
}
