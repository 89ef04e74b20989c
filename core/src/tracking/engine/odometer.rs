//! Metres ridden and walked, with a band that holds the truth.
//!
//! A receiver at rest wanders, and summing its steps makes kilometres of nothing. So steps count only once they are
//! longer than what noise makes, and what was summed during a stay is taken back: in its place comes the way to the
//! middle of the stay and away from it. Where speed is told often enough (a receiver measures it by Doppler, apart from
//! place), speed times time is the step. What a streak of told speed went is kept even within a stay, if the place moved
//! with it: phones at rest tell speeds too. What was taken back may have been walked after all; it widens the band
//! upward.

use serde::{Deserialize, Serialize};
use waybell_domain::track::{Fix, Place};

/// Least speed that is told as movement, m/s.
const WALK: f64 = 0.5;
/// A told speed holds no longer than this, seconds.
const HOLDS: f64 = 10.0;
/// A streak of told speed is judged at its end, or after so many seconds: the place must have moved so many metres, and
/// by this share of it.
const STREAK: f64 = 60.0;
const STREAK_M: f64 = 20.0;
const STREAK_SHARE: f64 = 0.5;
/// Of what is taken back in a stay no more than this may have been walked unnoticed, metres.
const STROLL: f64 = 150.0;
/// Faster than this a courier rides, and noise is small beside the steps, m/s.
const RIDES: f64 = 2.5;
/// Share by which steps may be wrong: datum, corners that are cut.
const SCALE_LOW: f64 = 0.015;
const SCALE_HIGH: f64 = 0.04;

/// A distance and how sure it is, metres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// The best answer.
    pub metres: f64,
    /// The truth is hardly less.
    pub low: f64,
    /// The truth is hardly more.
    pub high: f64,
}

impl std::ops::AddAssign for Distance {
    fn add_assign(&mut self, other: Distance) {
        self.metres += other.metres;
        self.low += other.low;
        self.high += other.high;
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Leg {
    metres: f64,
    /// What noise adds to steps, as expected.
    noise: f64,
    /// Metres by told speed.
    doppler: f64,
}

impl Leg {
    fn add(&mut self, other: Leg) {
        self.metres += other.metres;
        self.noise += other.noise;
        self.doppler += other.doppler;
    }
}

/// Movement by told speed without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Streak {
    from: Place,
    metres: f64,
    seconds: f64,
}

/// A step of the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub place: Place,
    /// Variance along one axis, m2.
    pub place_var: f64,
    /// Metres a second, by the filter.
    pub speed: f64,
    /// Since the fix before.
    pub seconds: f64,
    /// Standard deviation of the fix along one axis, metres.
    pub deviation: f64,
    /// It lies outside of the stay, or of what may become one.
    pub outside: bool,
}

/// The odometer of a shift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Odometer {
    sure: Leg,
    /// Since the stay that was left last: taken back if it turns out that it was never left.
    since_stay: Leg,
    /// Since the anchor of what may become a stay.
    pending: Leg,
    /// Of the fixes that lie outside of it, while that is not certain.
    tail: Leg,
    /// Taken back.
    doubtful: f64,
    gaps: f64,
    /// Where the last step ended.
    here: Option<Place>,
    /// The speed told last.
    told: Option<f64>,
    streak: Option<Streak>,
    tail_from: Option<Place>,
}

impl Odometer {
    /// Takes a step.
    pub(super) fn step(&mut self, step: &Step, fix: &Fix) {
        let from = *self.here.get_or_insert(step.place);
        if !step.outside {
            let tail = std::mem::take(&mut self.tail);
            self.pending.add(tail);
            self.tail_from = None;
        } else if self.tail_from.is_none() {
            self.tail_from = Some(from);
        }
        let mut leg = Leg::default();
        let told = fix.speed.map(f64::from).filter(|s| (0.0..100.0).contains(s));
        match (self.told, told) {
            (Some(before), Some(now)) if step.seconds <= HOLDS => {
                if before.max(now) >= WALK {
                    leg.metres = (before + now) / 2.0 * step.seconds;
                }
                self.here = Some(step.place);
                leg.doppler = self.streak(from, leg.metres, step);
            }
            _ => {
                self.streak = None;
                let (x, y) = step.place.metres_from(from);
                let far = x.hypot(y);
                let sure = if step.speed > RIDES {
                    (4.0 * step.place_var.sqrt()).clamp(8.0, 40.0)
                } else {
                    (2.0 * step.deviation).clamp(10.0, 40.0)
                };
                if far >= sure {
                    leg.metres = far;
                    leg.noise = step.place_var / far;
                    self.here = Some(step.place);
                }
                // told, but too long ago to multiply: still a witness that it moved
                if told.is_some_and(|s| s >= 2.0 * WALK) {
                    leg.doppler = leg.metres;
                }
            }
        }
        self.told = told;
        if step.outside { self.tail.add(leg) } else { self.pending.add(leg) }
    }

    /// Goes on with the streak; the metres that it has proved.
    fn streak(&mut self, from: Place, metres: f64, step: &Step) -> f64 {
        let mut proved = 0.0;
        if metres > 0.0 {
            let streak = self.streak.get_or_insert(Streak { from, metres: 0.0, seconds: 0.0 });
            streak.metres += metres;
            streak.seconds += step.seconds;
        }
        if let Some(streak) = self.streak.take_if(|s| metres <= 0.0 || s.seconds >= STREAK) {
            let moved = streak.from.metres_to(step.place);
            if moved >= STREAK_M + 2.0 * step.deviation && moved >= STREAK_SHARE * streak.metres {
                proved = streak.metres;
            }
        }
        proved
    }

    /// What might have become a stay was passed by.
    pub(super) fn passed(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.since_stay.add(pending);
        self.pending = std::mem::take(&mut self.tail);
        self.tail_from = None;
    }

    /// It was a stay, `way` metres from where it was entered to its middle. If it is the one that was left before, what
    /// was summed since is taken back too.
    pub(super) fn stayed(&mut self, way: f64, same: bool) {
        self.still(way);
        let mut since = std::mem::take(&mut self.since_stay);
        if same {
            let kept = since.metres.min(since.doppler);
            self.doubtful += (since.metres - kept).min(2.0 * STROLL);
            since.metres = kept;
        }
        self.sure.add(since);
    }

    /// The stay was left. `middle` is where it was.
    pub(super) fn left(&mut self, middle: Place) {
        let way = self.tail_from.take().map_or(0.0, |from| from.metres_to(middle));
        let before = std::mem::take(&mut self.since_stay);
        self.sure.add(before);
        // the way out belongs to what may be taken back
        self.still(way);
        self.pending = std::mem::take(&mut self.tail);
    }

    /// Takes back what was summed at rest.
    fn still(&mut self, way: f64) {
        let mut pending = std::mem::take(&mut self.pending);
        let kept = pending.metres.min(pending.doppler).max(way);
        self.doubtful += (pending.metres - kept).clamp(0.0, STROLL);
        (pending.metres, pending.noise) = (kept, 0.0);
        self.since_stay.add(pending);
    }

    /// Nothing is known between two places, so many metres apart: at least that far it was.
    pub(super) fn gap(&mut self, metres: f64, counts: bool) {
        let (pending, tail) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.tail));
        self.since_stay.add(pending);
        self.since_stay.add(tail);
        let since = std::mem::take(&mut self.since_stay);
        self.sure.add(since);
        self.tail_from = None;
        (self.here, self.told, self.streak) = (None, None, None);
        if counts {
            self.gaps += metres;
        }
    }

    /// So far. During a stay what wandered since it began is not counted, nor what wandered away from one to which it
    /// may come back, but for what the told speed has proved.
    pub(super) fn distance(&self, staying: bool, may_return: bool) -> Distance {
        let mut sure = self.sure;
        let mut doubtful = self.doubtful;
        let mut open = self.pending;
        open.add(self.tail);
        for (mut leg, doubted) in [(self.since_stay, may_return), (open, staying || may_return)] {
            if doubted {
                let kept = leg.metres.min(leg.doppler);
                doubtful += (leg.metres - kept).min(STROLL);
                (leg.metres, leg.noise) = (kept, 0.0);
            }
            sure.add(leg);
        }
        let metres = sure.metres + self.gaps;
        Distance {
            metres,
            low: (sure.metres * (1.0 - SCALE_LOW) - 2.0 * sure.noise + self.gaps).max(0.0),
            high: sure.metres * (1.0 + SCALE_HIGH) + doubtful + self.gaps * 1.5 + 10.0,
        }
    }
}
