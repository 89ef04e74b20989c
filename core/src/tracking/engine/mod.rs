//! The pipeline of a shift, pure: `(state, event, now) -> (state, effects)`.
//!
//! ```text
//!  fix ─▶ duty ─▶ time ─▶ sanity ─▶ jump? ─▶ filter ─┬─▶ stays ─▶ odometer
//!           │       │        │        │              ├─▶ fences
//!           └───────┴────────┴────────┴─▶ dropped,   ├─▶ signs of spoofing (evidence only)
//!                                         with a     └─▶ simplifier ─▶ vertices
//!                                         reason
//! ```
//!
//! * **Only on duty.** Off duty every fix is dropped, and one from before the shift began is too.
//! * **Track time.** Where the phone tells the boot clock, times are counted by it from the first fix of each boot, so
//!   that a wall clock that is set neither folds nor stretches the track; the change is told. Otherwise the wall clock
//!   of the fix is the time; a clock that is off, or is set, is seen by the fixes themselves (`wall`), and costs none.
//! * **Jumps.** A fix that the filter does not expect (four standard deviations, 30 m at least) is held. If the next
//!   one is where it was expected, the held ones are dropped; three that agree with each other are believed.
//! * **Gaps.** More than two minutes without a usable fix break the run, unless the courier was staying and still is.
//!   The reason is what the phone said meanwhile, else what happened to the app, else what was dropped, else unknown.
//! * A fix costs constant work (plus the fences, 64 at most); the state is some kilobytes, constant, and serialisable:
//!   whoever stores it with the effects, in one transaction, loses nothing at a kill.

mod fence;
mod filter;
mod odometer;
mod spoof;
mod stay;
#[cfg(test)]
mod tests;
mod wall;

pub use fence::{Fence, FenceEvent, MOST_CORNERS, MOST_FENCES, Shape};
pub use odometer::Distance;
pub use stay::Stay;

use fence::Watch;
use filter::Filter;
use odometer::{Odometer, Step};
use serde::{Deserialize, Serialize};
use spoof::Spoof;
use stay::{Stays, Turn};
use wall::Odd;
use waybell_domain::clock::{DAY, EventTime, UnixMs};
use waybell_domain::track::{DropReason, Fix, GapReason, Place, Simplifier, SpoofSign, Vertex};

/// Bound of the archive, metres.
pub const BOUND_M: f64 = 10.0;
/// Less accurate fixes are of no use, metres.
const WORST_ACCURACY: f32 = 100.0;
/// Longer without a fix is a gap, ms.
pub const GAP_MS: i64 = 120_000;
/// From further ahead is the future, ms.
const AHEAD: i64 = 60_000;
/// Handed over later than this is stale, ms. Systems hold batches back for minutes to save the battery.
const STALE: i64 = 900_000;
/// The wall clock was set if it moves by more than this against the boot clock, ms.
const CLOCK_SET: i64 = 60_000;
/// Fixes in a row of an earlier time, each after the other, that say that the clock was set back.
const BACK_IN_A_ROW: u16 = 10;
/// A fix is a jump beyond so many metres and squared standard deviations.
const JUMP_M: f64 = 30.0;
const JUMP_D2: f64 = 16.0;
/// Jumps that agree with each other before they are believed.
const AGREE: usize = 3;
/// Track times are at most this far from 1970, ms; see the codec of tracks.
const FAR: i64 = 1 << 48;
/// Nobody rides faster, m/s.
const FASTEST: f64 = 70.0;

/// What happens to a shift.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The shift begins.
    DutyOn,
    /// The shift ends.
    DutyOff,
    /// The app started; if a shift was running, the app had been ended.
    Started,
    /// The phone has found a place.
    Fix(Fix),
    /// The phone says why no fixes come.
    Trouble(GapReason),
    /// The fences to watch from now on, at most [`MOST_FENCES`].
    Fences(Vec<Fence>),
}

/// A while of which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The last fix before, or the start of the shift.
    pub from: UnixMs,
    /// The first fix after, or the end of the shift.
    pub to: UnixMs,
    /// Why.
    pub reason: GapReason,
    /// Metres between the two fixes.
    pub metres: f64,
}

/// What comes of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A run of the track begins; the reason is that of the gap before.
    Run(Option<GapReason>),
    /// The next vertex of the run.
    Keep(Vertex),
    /// A fix was dropped.
    Drop {
        /// Its wall time.
        at: UnixMs,
        /// Why.
        reason: DropReason,
    },
    /// Nothing was known for a while.
    Gap(Gap),
    /// A stay is over.
    Stay(Stay),
    /// Something happened at a fence.
    Fence {
        /// When.
        at: UnixMs,
        /// Which.
        id: String,
        /// What.
        event: FenceEvent,
    },
    /// A sign of spoofing, the first of its kind in the shift.
    Sign {
        /// When.
        at: UnixMs,
        /// Which.
        sign: SpoofSign,
    },
    /// The wall clock was set by so many ms.
    ClockSet {
        /// When, in track time.
        at: UnixMs,
        /// Forward is positive.
        by_ms: i64,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Boot {
    id: String,
    /// Track time less boot time, ms.
    offset: i64,
    /// The same of the wall clock, as last seen.
    wall: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Held {
    at: i64,
    fix: Fix,
}

/// The state of a phone's tracking. [`State::default`] is off duty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// When the shift began; `None` off duty.
    began: Option<UnixMs>,
    /// The same by the boot clock: which boot, and ms since it.
    began_boot: Option<(String, i64)>,
    /// What was stored did not read back: the next fix begins a run after a gap.
    resumed: bool,
    boot: Option<Boot>,
    /// The last fix that was taken: track time and fix.
    last: Option<Held>,
    filter: Option<Filter>,
    held: Vec<Held>,
    simplifier: Option<Simplifier>,
    stays: Stays,
    odometer: Odometer,
    spoof: Spoof,
    fences: Vec<Watch>,
    /// Why no fixes come, as far as it is known.
    trouble: Option<GapReason>,
    /// Unusable fixes since the last usable one.
    poor: u32,
    /// Fixes of an earlier time in a row, which are held until there are enough.
    back: Vec<Held>,
    /// How far the phone's clock is ahead of its fixes, ms, and fixes that may say that it is another; only where no boot
    /// clock is told.
    skew: i64,
    odd: Vec<Odd>,
}

/// What the state says of now.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// When the shift began; `None` off duty.
    pub began: Option<UnixMs>,
    /// How far it has been.
    pub distance: Distance,
    /// The stay that goes on.
    pub stay: Option<Stay>,
    /// Where the run would end if it ended now.
    pub open_end: Option<Vertex>,
    /// Time and place of the last fix that was taken.
    pub last: Option<(UnixMs, Place)>,
    /// Metres a second, by the filter.
    pub speed: f64,
    /// Signs of spoofing and how often each was seen.
    pub signs: Vec<(SpoofSign, u32)>,
    /// 0 for nothing odd to 100 for made up.
    pub spoof_score: u32,
}

/// Milliseconds of a boot clock.
fn ms_of(boot_ms: u64) -> i64 {
    i64::try_from(boot_ms).unwrap_or(i64::MAX)
}

/// A track time that can be kept: the archive holds no others.
fn sound(at: i64) -> Result<i64, DropReason> {
    if at > FAR {
        Err(DropReason::Future)
    } else if at < -FAR {
        Err(DropReason::Stale)
    } else {
        Ok(at)
    }
}

/// Carries an event out.
pub fn step(state: &mut State, event: Event, now: &EventTime, effects: &mut Vec<Effect>) {
    match event {
        Event::DutyOn if state.began.is_none() => {
            let fences = std::mem::take(&mut state.fences).into_iter().map(|w| Watch::new(w.fence)).collect();
            let began_boot = now.boot_id.clone().zip(now.boot_ms.map(ms_of));
            *state = State { began: Some(now.wall), began_boot, fences, ..State::default() };
        }
        Event::DutyOn => {}
        Event::DutyOff => state.finish(now, effects),
        Event::Started => {
            let same = matches!((&state.boot, &now.boot_id), (Some(b), Some(id)) if b.id == *id);
            let known = state.boot.is_some() && now.boot_id.is_some();
            let reason = if known && !same { GapReason::Rebooted } else { GapReason::AppKilled };
            state.trouble.get_or_insert(reason);
        }
        Event::Trouble(reason) => state.trouble = Some(reason),
        Event::Fences(fences) => state.watch(fences),
        Event::Fix(fix) => state.fix(fix, now, effects),
    }
}

impl State {
    /// The state of a shift of which nothing is known but that it runs, and that something was known until `known`. Its
    /// next fix begins a run after a gap.
    pub(super) fn resume(known: UnixMs) -> State {
        State { began: Some(known), resumed: true, ..State::default() }
    }

    /// What is known now.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            began: self.began,
            distance: self.odometer.distance(self.stays.is_staying(), self.stays.may_return()),
            stay: self.stays.current(),
            open_end: self.simplifier.as_ref().and_then(Simplifier::open_end),
            last: self.last.as_ref().map(|l| (UnixMs(l.at), l.fix.place)),
            speed: self.filter.map_or(0.0, |f| f.velocity.0.hypot(f.velocity.1)),
            signs: self.spoof.signs(),
            spoof_score: self.spoof.score(),
        }
    }

    /// The gap that is open at this moment, if nothing has come for too long and the courier is not staying somewhere.
    #[must_use]
    pub fn open_gap(&self, now: &EventTime) -> Option<Gap> {
        let from = self.last_at()?;
        let to = self.track_now(now);
        let quiet = to.since(from) > GAP_MS && !(self.stays.is_staying() && self.trouble.is_none());
        quiet.then(|| Gap { from, to, reason: self.reason(), metres: 0.0 })
    }

    fn last_at(&self) -> Option<UnixMs> {
        self.began.map(|began| self.last.as_ref().map_or(began, |l| UnixMs(l.at)))
    }

    /// The last boot that fixes came of, and track time less the time since it, ms.
    pub(super) fn boot_clock(&self) -> Option<(&str, i64)> {
        self.boot.as_ref().map(|b| (b.id.as_str(), b.offset))
    }

    /// How far the phone's clock is ahead of track time, ms, where no boot clock is told.
    pub(super) fn skew(&self) -> i64 {
        self.skew
    }

    /// The last fix that was taken, and its track time.
    pub(super) fn newest(&self) -> Option<(UnixMs, &Fix)> {
        self.last.as_ref().map(|l| (UnixMs(l.at), &l.fix))
    }

    /// Track time now.
    pub(super) fn track_now(&self, now: &EventTime) -> UnixMs {
        match (&self.boot, &now.boot_id, now.boot_ms) {
            (Some(boot), Some(id), Some(ms)) if boot.id == *id => {
                UnixMs(boot.offset.saturating_add(ms as i64))
            }
            _ => now.wall - self.skew,
        }
    }

    fn reason(&self) -> GapReason {
        self.trouble.unwrap_or(if self.poor > 0 { GapReason::PoorFixes } else { GapReason::Unknown })
    }

    fn watch(&mut self, fences: Vec<Fence>) {
        let mut before = std::mem::take(&mut self.fences);
        for fence in fences.into_iter().filter(Fence::is_finite).take(MOST_FENCES) {
            // one that is the same goes on with what is known of it
            let known = before.iter().position(|w| w.fence == fence).map(|n| before.swap_remove(n));
            self.fences.push(known.unwrap_or_else(|| Watch::new(fence)));
        }
    }

    fn finish(&mut self, now: &EventTime, effects: &mut Vec<Effect>) {
        let Some(began) = self.began else { return };
        self.refuse(effects);
        self.drop_odd(effects);
        self.drop_back(effects);
        let gap = self.open_gap(now);
        self.end_run(effects);
        self.stays.end(&mut |stay| effects.push(Effect::Stay(stay)));
        effects.extend(gap.filter(|g| g.from >= began).map(Effect::Gap));
        self.began = None;
        self.trouble = None;
    }

    fn end_run(&mut self, effects: &mut Vec<Effect>) {
        if let Some(mut simplifier) = self.simplifier.take() {
            simplifier.end(&mut |v| effects.push(Effect::Keep(v)));
        }
    }

    fn fix(&mut self, fix: Fix, now: &EventTime, effects: &mut Vec<Effect>) {
        let wall = fix.wall;
        let dropped = match self.is_unusable(&fix) {
            Some(reason) => Some(reason),
            None => {
                let Some(now) = self.by_wall(&fix, now, effects) else { return };
                match self.judge(&fix, &now, effects) {
                    Ok(None) => return,
                    Ok(Some(at)) => self.expect(at, fix, &now, effects),
                    Err(reason) => Some(reason),
                }
            }
        };
        if let Some(reason) = dropped {
            if matches!(reason, DropReason::Inaccurate | DropReason::Impossible | DropReason::Jump) {
                self.poor = self.poor.saturating_add(1);
            }
            effects.push(Effect::Drop { at: wall, reason });
        }
    }

    /// What no time can mend.
    fn is_unusable(&self, fix: &Fix) -> Option<DropReason> {
        if self.began.is_none() {
            return Some(DropReason::OffDuty);
        }
        let place = fix.place;
        let off = place.lat_e7.unsigned_abs() > 900_000_000 || place.lon_e7.unsigned_abs() > 1_800_000_000;
        if off || (place.lat_e7 == 0 && place.lon_e7 == 0) {
            return Some(DropReason::Impossible);
        }
        if fix.accuracy.is_some_and(|a| a > WORST_ACCURACY || !a.is_finite()) {
            return Some(DropReason::Inaccurate);
        }
        None
    }

    /// Time: the track time of a fix that may be used; `None` for one that is held.
    fn judge(
        &mut self,
        fix: &Fix,
        now: &EventTime,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<i64>, DropReason> {
        let by_boot = matches!((&now.boot_id, now.boot_ms, fix.boot_ms), (Some(_), Some(_), Some(_)));
        let age = match (by_boot, now.boot_ms, fix.boot_ms) {
            (true, Some(at), Some(then)) => ms_of(at).saturating_sub(ms_of(then)),
            _ => now.wall.since(fix.wall),
        };
        if age < -AHEAD {
            return Err(DropReason::Future);
        }
        if age > STALE {
            return Err(DropReason::Stale);
        }
        let at = self.time(fix, now, effects)?;
        let newest = self.held.last().or(self.last.as_ref()).map(|l| l.at);
        // a wall clock that was set back to before the shift says nothing of when the shift began
        let known = newest.or(self.began.map(|b| b.0));
        let set_back = !by_boot && known.is_some_and(|known| known.saturating_sub(now.wall.0) >= CLOCK_SET);
        if self.began.is_none_or(|began| at < began.0) && !set_back {
            return Err(DropReason::OffDuty);
        }
        match newest {
            Some(newest) if at == newest => Err(DropReason::Duplicate),
            Some(newest) if at < newest => match self.hold_back(at, fix, now, effects) {
                true => Ok(None),
                false => Err(DropReason::TimeBack),
            },
            _ => {
                self.drop_back(effects);
                if set_back {
                    self.began = Some(UnixMs(at));
                }
                Ok(Some(at))
            }
        }
    }

    /// Track time of a fix. Where it is the first of a boot, the boot is anchored: at the fix's own time, which is the
    /// satellites', or at the phone's if the two are more than a day apart (a receiver whose week counter rolled over).
    /// The shift began by the same clock, however wrong the phone's own was then.
    fn time(&mut self, fix: &Fix, now: &EventTime, effects: &mut Vec<Effect>) -> Result<i64, DropReason> {
        let (Some(id), Some(ms)) = (&now.boot_id, fix.boot_ms) else { return sound(fix.wall.0) };
        let ms = ms_of(ms);
        // by the phone's wall clock and not by that of the satellites: it is the one that is set
        let wall = now.wall.0.saturating_sub(now.boot_ms.map_or(ms, ms_of));
        match &mut self.boot {
            Some(boot) if boot.id == *id => {
                let by_ms = wall.saturating_sub(boot.wall);
                if by_ms.abs() > CLOCK_SET {
                    boot.wall = wall;
                    effects.push(Effect::ClockSet { at: UnixMs(boot.offset.saturating_add(ms)), by_ms });
                }
                sound(boot.offset.saturating_add(ms))
            }
            boot => {
                let near = fix.wall.0.saturating_sub(now.wall.0).saturating_abs() <= DAY;
                let first = sound(if near { fix.wall.0 } else { wall.saturating_add(ms) })?;
                let offset = first.saturating_sub(ms);
                let began = match &self.began_boot {
                    Some((began_in, then)) if began_in == id => Some(offset.saturating_add(*then)),
                    // of a later boot than the start of the shift, or of one that is not known any more: surely after it
                    Some(_) => self.began.map(|b| b.0.min(first)),
                    None if self.resumed => self.began.map(|b| b.0.min(first)),
                    None => self.began.map(|b| b.0),
                };
                self.began = began.map(UnixMs);
                *boot = Some(Boot { id: id.clone(), offset, wall });
                Ok(first)
            }
        }
    }

    /// Takes the fix, or holds it as a possible jump; a reason to drop it never comes at once.
    fn expect(
        &mut self,
        at: i64,
        fix: Fix,
        now: &EventTime,
        effects: &mut Vec<Effect>,
    ) -> Option<DropReason> {
        let Some(filter) = self.filter else {
            self.take(at, fix, now, effects);
            return None;
        };
        let (metres, square) = filter.ahead(at).surprise(&fix);
        if metres <= JUMP_M || square <= JUMP_D2 {
            // uncertain enough by now to be expected, but nearer to those that are held: they were right
            let with_held = self.held.last().is_some_and(|h| fix.place.metres_to(h.fix.place) < metres);
            if with_held && metres > JUMP_M {
                self.held.push(Held { at, fix });
                self.believe(now, effects);
            } else {
                self.refuse(effects);
                self.take(at, fix, now, effects);
            }
            return None;
        }
        let agrees = self.held.last().is_none_or(|h| {
            let seconds = at.saturating_sub(h.at) as f64 * 1e-3;
            let slack = [&h.fix, &fix].map(filter::deviation).iter().sum::<f64>() * 2.0;
            fix.place.metres_to(h.fix.place) <= slack + FASTEST * seconds
        });
        if !agrees {
            self.refuse(effects);
        }
        self.held.push(Held { at, fix });
        if self.held.len() >= AGREE {
            self.believe(now, effects);
        }
        None
    }

    /// Drops the held fixes.
    fn refuse(&mut self, effects: &mut Vec<Effect>) {
        for held in std::mem::take(&mut self.held) {
            self.poor = self.poor.saturating_add(1);
            effects.push(Effect::Drop { at: held.fix.wall, reason: DropReason::Jump });
        }
    }

    /// The held fixes agree: it is there, however it got there.
    fn believe(&mut self, now: &EventTime, effects: &mut Vec<Effect>) {
        let held = std::mem::take(&mut self.held);
        if let (Some(last), Some(first)) = (&self.last, held.first()) {
            let metres = first.fix.place.metres_to(last.fix.place);
            let seconds = first.at.saturating_sub(last.at).max(1) as f64 * 1e-3;
            if metres > 500.0 && metres / seconds > FASTEST {
                let at = UnixMs(first.at);
                if self.spoof.see(SpoofSign::Teleport) {
                    effects.push(Effect::Sign { at, sign: SpoofSign::Teleport });
                }
                self.break_run(first.at, None, GapReason::PoorFixes, effects);
            }
        }
        self.filter = None;
        for held in held {
            self.take(held.at, held.fix, now, effects);
        }
    }

    /// Ends the run before a fix at `at`. `metres` is how far away that is, if that way counts.
    fn break_run(&mut self, at: i64, metres: Option<f64>, reason: GapReason, effects: &mut Vec<Effect>) {
        let Some(from) = self.last_at() else { return };
        self.end_run(effects);
        if let Some(stay) = self.stays.current() {
            self.odometer.left(stay.place);
        }
        self.stays.end(&mut |stay| effects.push(Effect::Stay(stay)));
        self.odometer.gap(metres.unwrap_or(0.0), metres.is_some());
        self.filter = None;
        self.last = None;
        effects.push(Effect::Gap(Gap { from, to: UnixMs(at), reason, metres: metres.unwrap_or(0.0) }));
        effects.push(Effect::Run(Some(reason)));
        self.simplifier = Some(Simplifier::new(BOUND_M));
    }

    fn take(&mut self, at: i64, fix: Fix, now: &EventTime, effects: &mut Vec<Effect>) {
        let accuracy = fix.accuracy.map_or(10.0, f64::from);
        // a run that has just been broken has no fix yet
        let broken = self.last.is_none() && self.simplifier.is_some();
        if let Some(from) = self.last_at()
            && !broken
            && (self.resumed
                || at.saturating_sub(from.0) > GAP_MS
                    && !(self.stays.is_staying()
                        && self.trouble.is_none()
                        && !self.stays.is_outside(fix.place, accuracy)))
        {
            let metres = self.last.as_ref().map(|l| l.fix.place.metres_to(fix.place));
            let reason = self.reason();
            self.break_run(at, Some(metres.unwrap_or(0.0)), reason, effects);
        }
        (self.trouble, self.poor, self.resumed) = (None, 0, false);
        let mut filter = self.filter.map(|f| f.ahead(at)).unwrap_or_else(|| Filter::begin(at, &fix));
        let seconds = self.last.as_ref().map_or(0.0, |l| at.saturating_sub(l.at) as f64 * 1e-3);
        filter.take(&fix);
        self.filter = Some(filter);
        let time = UnixMs(at);
        let outside = self.stays.is_outside(filter.place, accuracy);
        let moved = Step {
            place: filter.place,
            place_var: filter.place_var,
            speed: filter.velocity.0.hypot(filter.velocity.1),
            seconds,
            deviation: filter::deviation(&fix),
            outside,
        };
        self.odometer.step(&moved, &fix);
        let turn = self.stays.take(time, filter.place, outside, &mut |stay| effects.push(Effect::Stay(stay)));
        match turn {
            Turn::None => {}
            Turn::Passed => self.odometer.passed(),
            Turn::Stayed { way, same } => self.odometer.stayed(way, same),
            Turn::Left { middle } => self.odometer.left(middle),
        }
        for watch in &mut self.fences {
            watch.take(time, &fix, &mut |id, event| {
                effects.push(Effect::Fence { at: time, id: id.to_owned(), event });
            });
        }
        self.spoof.look(at, &fix, now, &mut |sign| effects.push(Effect::Sign { at: time, sign }));
        if self.simplifier.is_none() {
            effects.push(Effect::Run(None));
        }
        let simplifier = self.simplifier.get_or_insert_with(|| Simplifier::new(BOUND_M));
        simplifier.push(time, fix.place, &mut |v| effects.push(Effect::Keep(v)));
        self.last = Some(Held { at, fix });
    }
}
