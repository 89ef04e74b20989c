//! A building's place out of where couriers were when they delivered there.
//!
//! Single fixes lie: a phone between high walls is 50 m off, a courier signs in the lift, at the gate, or for the whole
//! round at the depot. What counts is where most visits agree. Visits are the voices, one a person and day: three parcels
//! signed in one minute are not three witnesses.
//!
//! The visit around which the tightest ring holds more than half of all is the start; with less than half of them wrong
//! there is a true one in that ring, so wrong ones cannot move it far however wrong they are. Visits far outside the ring are left
//! out, and the geometric median of the rest, weighted by accuracy, is the place.
//!
//! How sure that is: what the fixes' own accuracy does not explain of their spread is the size of the place (an estate whose
//! doors nobody names is 300 m wide), and does not shrink with numbers; the rest does.

use crate::id::UserId;
use crate::track::Place;
use std::collections::BTreeMap;

/// Metres; less accurate fixes teach nothing.
pub const MOST_ACCURACY: u16 = 60;
/// Seconds; older fixes teach nothing.
pub const MOST_AGE_S: u16 = 120;
/// Metres; deeds of one person within it are at one spot.
pub const NEAR: f64 = 40.0;
/// Metres; what is further from the agreed place is another one, whatever its accuracy.
pub const FURTHEST_APART: f64 = 400.0;
/// So many surroundings at one spot are none of them.
const DEPOT: usize = 8;
/// Metres a second that somebody goes on foot.
const WALK: f64 = 0.7;
/// Nobody knows a door better than this, metres: fixes at one place err alike.
const FLOOR: f64 = 5.0;
/// A fix is not trusted beyond this, metres, however good it says it is.
const BEST: f64 = 8.0;
/// Fewer visits than this cannot vouch for each other, and are no better than [`UNSURE`] metres.
const FEW: usize = 3;
const UNSURE: f64 = 30.0;
/// Visits within it of the start always agree, metres.
const ALIKE: f64 = 30.0;

/// Where somebody was when they delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where.
    pub at: Place,
    /// Radius that holds the true place with 68 %, metres.
    pub accuracy: u16,
    /// How old the fix was, seconds.
    pub age_s: u16,
    /// Who.
    pub by: UserId,
    /// On which day, counted from any day on.
    pub day: i64,
}

impl Seen {
    /// Metres, with the way that may have been gone since.
    fn reach(&self) -> f64 {
        (f64::from(self.accuracy) + WALK * f64::from(self.age_s)).max(BEST)
    }

    /// Whether it can teach anything.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.accuracy > 0 && self.accuracy <= MOST_ACCURACY && self.age_s <= MOST_AGE_S
    }
}

/// What deliveries teach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Where.
    pub at: Place,
    /// Radius that holds a door of the building with about 68 %, metres.
    pub within: u32,
    /// Visits that agree.
    pub visits: u32,
}

/// The place on which most visits agree. The order of `seen` does not matter. `None` where nothing good was seen.
#[must_use]
pub fn learn(seen: &[Seen]) -> Option<Learned> {
    let visits = visits(seen);
    let origin = visits.first()?.at;
    let points: Vec<(f64, f64)> = visits.iter().map(|v| v.at.metres_from(origin)).collect();
    let (start, ring) = start(&points)?;
    let reach = (2.5 * ring).clamp(ALIKE, FURTHEST_APART);
    let kept: Vec<(usize, (f64, f64))> =
        points.iter().copied().enumerate().filter(|(_, p)| apart(*p, start) <= reach).collect();
    let weighted: Vec<((f64, f64), f64)> = kept.iter().map(|(n, p)| (*p, 1.0 / visits[*n].reach())).collect();
    let centre = median(&weighted, start);
    let mut off: Vec<f64> = kept.iter().map(|(_, p)| apart(*p, centre)).collect();
    off.sort_by(f64::total_cmp);
    let n = kept.len() as f64;
    let spread = off[(off.len() * 2 / 3).min(off.len() - 1)];
    let error = kept.iter().map(|(i, _)| visits[*i].reach()).sum::<f64>() / n;
    let size = if kept.len() < FEW { spread } else { (spread * spread - error * error).max(0.0).sqrt() };
    let within = (size * size + error * error / n + FLOOR * FLOOR).sqrt();
    let within = if kept.len() < FEW { within.max(UNSURE) } else { within };
    let at = origin.moved(centre.0, centre.1);
    Some(Learned { at, within: within.round() as u32, visits: u32::try_from(kept.len()).unwrap_or(u32::MAX) })
}

/// The best fix of each person and day, in an order of their own.
fn visits(seen: &[Seen]) -> Vec<Seen> {
    let mut best: BTreeMap<(UserId, i64), Seen> = BTreeMap::new();
    for one in seen.iter().filter(|s| s.is_good()) {
        let known = best.entry((one.by, one.day)).or_insert(*one);
        let rank = |s: &Seen| (s.accuracy + s.age_s, s.at.lat_e7, s.at.lon_e7);
        if rank(one) < rank(known) {
            *known = *one;
        }
    }
    best.into_values().collect()
}

/// The point around which the smallest ring holds more than half of all, and that ring's radius.
fn start(points: &[(f64, f64)]) -> Option<((f64, f64), f64)> {
    let rings = points.iter().map(|centre| {
        let mut off: Vec<f64> = points.iter().map(|p| apart(*p, *centre)).collect();
        off.sort_by(f64::total_cmp);
        (*centre, off[points.len() / 2])
    });
    rings.min_by(|a, b| a.1.total_cmp(&b.1))
}

/// The point whose weighted sum of distances is smallest (Weiszfeld's iteration).
fn median(points: &[((f64, f64), f64)], start: (f64, f64)) -> (f64, f64) {
    const STEPS: usize = 60;
    let mut at = start;
    for _ in 0..STEPS {
        let mut sum = (0.0, 0.0, 0.0);
        for (p, weight) in points {
            let pull = weight / apart(*p, at).max(0.1);
            sum = (sum.0 + p.0 * pull, sum.1 + p.1 * pull, sum.2 + pull);
        }
        let next = (sum.0 / sum.2, sum.1 / sum.2);
        let moved = apart(next, at);
        at = next;
        if moved < 0.01 {
            break;
        }
    }
    at
}

fn apart(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// Whether somebody who delivers to all these surroundings ([`super::surroundings`]) within [`NEAR`] of one spot signs where
/// the parcels are, and not where they go.
#[must_use]
pub fn is_depot<'a>(surroundings: impl IntoIterator<Item = &'a str>) -> bool {
    surroundings.into_iter().collect::<std::collections::BTreeSet<_>>().len() >= DEPOT
}
