//! Phones that tell no boot clock: the wall clock is all there is, and it may be off or be set.
//!
//! A fix has its own time, the satellites' or the phone's. What the phone's clock shows when it hands a fix over, less that
//! time, is the fix's age, if the two clocks agree. Where they do not, every fix looks old, or of the future: then fixes are
//! held until those of another moment are of the same "age" (within [`BATCH`], as phones hand over in batches). That is the
//! clock and not the fixes, and all of them are taken. A remembered place does not grow younger, and one batch that comes
//! late is of one moment: both are dropped as soon as a fix fits.
//!
//! A clock that is set back takes the times of fixes along, where they are the phone's: ten in a row, each after the other,
//! and they are taken too, from the first.

use super::{AHEAD, BACK_IN_A_ROW, CLOCK_SET, Effect, Event, Held, STALE, State, step};
use serde::{Deserialize, Serialize};
use waybell_domain::clock::{EventTime, UnixMs};
use waybell_domain::track::{DropReason, Fix, GapReason};

/// A batch is handed over after so long at most, ms.
const BATCH: i64 = 180_000;
/// Most fixes that are held.
const MOST: usize = 128;

/// A fix of an odd age, and what the phone's clock showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Odd {
    now: i64,
    fix: Fix,
}

impl Odd {
    fn age(&self) -> i64 {
        self.now.saturating_sub(self.fix.wall.0)
    }
}

fn reason(age: i64) -> DropReason {
    if age < 0 { DropReason::Future } else { DropReason::Stale }
}

impl State {
    /// Puts the phone's clock right where only that tells the time; `None` where the fix is held or dropped.
    pub(super) fn by_wall(
        &mut self,
        fix: &Fix,
        now: &EventTime,
        effects: &mut Vec<Effect>,
    ) -> Option<EventTime> {
        let by_boot = now.boot_id.is_some() && now.boot_ms.is_some() && fix.boot_ms.is_some();
        if by_boot || self.began.is_none() {
            return Some(now.clone());
        }
        let age = now.wall.since(fix.wall).saturating_sub(self.skew);
        if (-AHEAD..=STALE).contains(&age) {
            self.drop_odd(effects);
            return Some(EventTime { wall: now.wall - self.skew, ..now.clone() });
        }
        // the least age of an earlier moment is that of a fix which was handed over at once
        let earlier = self.odd.iter().filter(|o| o.now < now.wall.0).map(Odd::age).min();
        let later = self.odd.last().is_none_or(|o| o.fix.wall < fix.wall);
        let odd = Odd { now: now.wall.0, fix: fix.clone() };
        let agrees = earlier.is_some_and(|e| e.saturating_sub(odd.age()).saturating_abs() <= BATCH);
        if !later {
            effects.push(Effect::Drop { at: fix.wall, reason: reason(age) });
            return None;
        }
        if earlier.is_some() && !agrees {
            self.drop_odd(effects);
        }
        self.odd.push(odd);
        if agrees {
            self.clock_is_off(now, effects);
        } else if self.odd.len() > MOST {
            let first = self.odd.remove(0);
            effects.push(Effect::Drop {
                at: first.fix.wall,
                reason: reason(first.age().saturating_sub(self.skew)),
            });
        }
        None
    }

    /// Those that are held are of a clock that is off: they are taken.
    fn clock_is_off(&mut self, now: &EventTime, effects: &mut Vec<Effect>) {
        let odd = std::mem::take(&mut self.odd);
        let Some(skew) = odd.iter().map(Odd::age).min() else { return };
        let by_ms = skew.saturating_sub(self.skew);
        if self.last.is_none() && self.simplifier.is_none() {
            // the shift began by the clock that is off
            self.began = self.began.map(|began| began - by_ms);
        } else if let Some(first) = odd.first() {
            effects.push(Effect::ClockSet { at: first.fix.wall, by_ms });
        }
        self.skew = skew;
        for Odd { now: wall, fix } in odd {
            step(self, Event::Fix(fix), &EventTime { wall: UnixMs(wall), ..now.clone() }, effects);
        }
    }

    pub(super) fn drop_odd(&mut self, effects: &mut Vec<Effect>) {
        let skew = self.skew;
        for odd in std::mem::take(&mut self.odd) {
            let reason = reason(odd.age().saturating_sub(skew));
            effects.push(Effect::Drop { at: odd.fix.wall, reason });
        }
    }

    /// A fix of an earlier time than the last one, without a boot clock: held, until there are enough in a row to say that
    /// the clock was set back. True if it is dealt with.
    pub(super) fn hold_back(
        &mut self,
        at: i64,
        fix: &Fix,
        now: &EventTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let by_boot = now.boot_id.is_some() && now.boot_ms.is_some() && fix.boot_ms.is_some();
        let newest = self.held.last().or(self.last.as_ref()).map(|l| l.at);
        let Some(newest) = newest.filter(|newest| !by_boot && newest.saturating_sub(at) >= CLOCK_SET) else {
            return false;
        };
        if self.back.last().is_some_and(|b| b.at >= at) {
            self.drop_back(effects);
        }
        self.back.push(Held { at, fix: fix.clone() });
        if self.back.len() < usize::from(BACK_IN_A_ROW) {
            return true;
        }
        let back = std::mem::take(&mut self.back);
        let first = back.first().map_or(at, |b| b.at);
        self.refuse(effects);
        effects.push(Effect::ClockSet { at: UnixMs(first), by_ms: first - newest });
        self.break_run(first, None, GapReason::ClockChanged, effects);
        self.began = self.began.map(|began| UnixMs(began.0.min(first)));
        for held in back {
            self.expect(held.at, held.fix, now, effects);
        }
        true
    }

    pub(super) fn drop_back(&mut self, effects: &mut Vec<Effect>) {
        for held in std::mem::take(&mut self.back) {
            effects.push(Effect::Drop { at: held.fix.wall, reason: DropReason::TimeBack });
        }
    }
}
