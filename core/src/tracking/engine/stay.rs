//! Stays: where a courier stood for three minutes or more. Constant work and memory a fix.
//!
//! ```text
//!  candidate (anchor, since) ──180 s within 60 m──▶ stay ──2 of 3 fixes outside──▶ left ──▶ told
//!        ▲        │2 of 3 fixes outside                                             │
//!        └────────┘ new anchor                       back within 30 min, never over 200 m away: the same stay goes on
//! ```
//!
//! Outside means further away than 60 m and the fix's own accuracy (50 m of it at most). A stay that was left is told
//! only when it is certain that it was: drift indoors leaves and comes back.

use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::track::Place;

const RADIUS: f64 = 60.0;
/// Milliseconds that make a stay.
const LEAST: i64 = 180_000;
/// A stay left for no longer than this, ms, and no further than this, metres, was never left.
const BACK_WITHIN: i64 = 1_800_000;
const NEVER_OVER: f64 = 200.0;
/// Fixes that weigh in the middle of a stay.
const WEIGHS: f64 = 200.0;

/// A stay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stay {
    /// Its first fix.
    pub from: UnixMs,
    /// Its last fix.
    pub to: UnixMs,
    /// The middle of its fixes.
    pub place: Place,
    /// Most of its fixes are within so many metres.
    pub radius: f64,
    /// How many fixes.
    pub fixes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Here {
    /// First fix; anchor while it is a candidate.
    anchor: Place,
    stay: Stay,
    /// Mean square of the distances from the middle.
    spread: f64,
    confirmed: bool,
}

/// What came of a fix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Turn {
    /// Nothing new.
    None,
    /// A candidate was passed by.
    Passed,
    /// A candidate became a stay, so far from where it was entered; it may be the one left before.
    Stayed { way: f64, same: bool },
    /// A stay was left.
    Left { middle: Place },
}

/// Finds stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stays {
    here: Option<Here>,
    /// Which of the last three fixes were outside, the newest lowest.
    outside: u8,
    first_out: Option<(UnixMs, Place)>,
    /// The stay left last, while one may yet come back to it, and how far away one got.
    left: Option<(Stay, f64)>,
}

impl Stays {
    /// Whether a fix lies outside of the stay or candidate.
    pub(super) fn is_outside(&self, place: Place, accuracy: f64) -> bool {
        self.here.is_some_and(|h| {
            let middle = if h.confirmed { h.stay.place } else { h.anchor };
            place.metres_to(middle) > RADIUS + accuracy.min(50.0)
        })
    }

    pub(super) fn is_staying(&self) -> bool {
        self.here.is_some_and(|h| h.confirmed)
    }

    /// A stay was left, and it is not certain yet that it was.
    pub(super) fn may_return(&self) -> bool {
        self.left.is_some_and(|(stay, _)| stay.fixes > 0)
    }

    /// The stay that goes on.
    pub(super) fn current(&self) -> Option<Stay> {
        self.here.filter(|h| h.confirmed).map(|h| h.stay)
    }

    /// Takes a place; `told` gets a stay that is certainly over.
    pub(super) fn take(
        &mut self,
        at: UnixMs,
        place: Place,
        outside: bool,
        told: &mut impl FnMut(Stay),
    ) -> Turn {
        if let Some((stay, far)) = &mut self.left {
            *far = far.max(place.metres_to(stay.place));
            if *far > NEVER_OVER || at.since(stay.to) > BACK_WITHIN {
                tell(*stay, told);
                self.left = None;
            }
        }
        let Some(here) = &mut self.here else {
            let here = Here::begin(at, place);
            // where it begins counts as left: drift in the first minutes comes back too
            self.left = Some((Stay { fixes: 0, ..here.stay }, 0.0));
            self.here = Some(here);
            return Turn::None;
        };
        self.outside = (self.outside << 1 | u8::from(outside)) & 7;
        if outside {
            self.first_out.get_or_insert((at, place));
            if self.outside.count_ones() < 2 {
                return Turn::None;
            }
            let (since, anchor) = self.first_out.take().unwrap_or((at, place));
            self.outside = 0;
            let was = *here;
            *here = Here::begin(since, anchor);
            if !was.confirmed {
                return Turn::Passed;
            }
            if let Some((stay, _)) = self.left.replace((was.stay, 0.0)) {
                tell(stay, told);
            }
            return Turn::Left { middle: was.stay.place };
        }
        if self.outside == 0 {
            self.first_out = None;
        }
        here.take(at, place);
        if here.confirmed || at.since(here.stay.from) < LEAST {
            return Turn::None;
        }
        here.confirmed = true;
        let way = here.anchor.metres_to(here.stay.place);
        let same = self.left.take_if(|(stay, _)| stay.place.metres_to(here.stay.place) <= RADIUS);
        if let Some((stay, _)) = same {
            here.stay.from = stay.from;
            here.stay.fixes = here.stay.fixes.saturating_add(stay.fixes);
        } else if let Some((stay, _)) = self.left.take() {
            tell(stay, told);
        }
        Turn::Stayed { way, same: same.is_some() }
    }

    /// Ends everything: a gap, or the end of the shift.
    pub(super) fn end(&mut self, told: &mut impl FnMut(Stay)) {
        if let Some((stay, _)) = self.left.take() {
            tell(stay, told);
        }
        if let Some(stay) = self.current() {
            told(stay);
        }
        *self = Stays::default();
    }
}

/// Tells a stay, unless it is only the place where the shift or run began.
fn tell(stay: Stay, told: &mut impl FnMut(Stay)) {
    if stay.fixes > 0 {
        told(stay);
    }
}

impl Here {
    fn begin(at: UnixMs, place: Place) -> Here {
        let stay = Stay { from: at, to: at, place, radius: 0.0, fixes: 1 };
        Here { anchor: place, stay, spread: 0.0, confirmed: false }
    }

    fn take(&mut self, at: UnixMs, place: Place) {
        let stay = &mut self.stay;
        stay.to = at;
        stay.fixes = stay.fixes.saturating_add(1);
        let part = 1.0 / f64::from(stay.fixes).min(WEIGHS);
        let (x, y) = place.metres_from(stay.place);
        stay.place = stay.place.moved(x * part, y * part);
        self.spread += (x * x + y * y - self.spread) * part;
        stay.radius = self.spread.sqrt() * 1.5;
    }
}
