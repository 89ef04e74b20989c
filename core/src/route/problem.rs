//! What is asked: places, stops and the rules between them.

use super::costs::Matrix;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use waybell_domain::clock::UnixMs;

/// From when till when a stop takes parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Not before.
    pub from: UnixMs,
    /// Not after: the latest arrival (beginning of the service).
    pub to: UnixMs,
}

/// Where in the order a stop must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The first one after the locked stops.
    First,
    /// The last one.
    Last,
    /// At this position, counted from 0 over the whole order, locked stops included.
    At(usize),
}

/// Parcels at one place, visited together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Row of the matrix. Several stops may share one.
    pub place: usize,
    /// Seconds that the stop takes whatever is delivered: parking, stairs.
    pub service_s: u32,
    /// Parcels.
    pub parcels: u32,
    /// Seconds for each parcel.
    pub parcel_s: u32,
    /// The door is open only then: who comes early waits, who comes late stands before a closed door.
    pub hard: Option<Window>,
    /// Promised or wanted then: earlier and later are possible and cost [`Weights::soft`].
    pub soft: Option<Window>,
    /// 0 for most; each step adds [`Weights::priority`] for the time until the stop is reached.
    pub priority: u8,
    /// Where in the order.
    pub pin: Option<Pin>,
}

impl Stop {
    /// A stop without rules.
    #[must_use]
    pub const fn at(place: usize) -> Self {
        Self { place, service_s: 0, parcels: 0, parcel_s: 0, hard: None, soft: None, priority: 0, pin: None }
    }

    /// Time for the stop in milliseconds.
    #[must_use]
    pub fn service_ms(&self) -> i64 {
        let parcels = u64::from(self.parcels) * u64::from(self.parcel_s);
        let seconds = parcels.saturating_add(u64::from(self.service_s));
        i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }
}

/// Where the tour ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the last stop.
    Free,
    /// At this row of the matrix: the depot or the courier's home.
    Place(usize),
}

/// What a second of this is worth, in thousandths of a second of travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Waiting before a closed door.
    pub wait: u32,
    /// Before or after a soft window.
    pub soft: u32,
    /// Until a stop is reached, for each step of its priority.
    pub priority: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { wait: 500, soft: 2_000, priority: 200 }
    }
}

/// One courier's tour.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Travel times between places.
    pub matrix: Matrix,
    /// Place of the courier.
    pub start: usize,
    /// Where the tour ends.
    pub end: End,
    /// When the courier leaves the start.
    pub depart: UnixMs,
    /// The stops; a stop's number is its index here.
    pub stops: Vec<Stop>,
    /// Pairs of stops, the first to be visited before the second: pick-up and delivery.
    pub before: Vec<(usize, usize)>,
    /// The order that the courier has now, by stop number. What is not in it is appended; empty is the order of `stops`.
    pub given: Vec<usize>,
    /// So many of `given`, from its beginning, stay as they are: the courier is on the way.
    pub locked: usize,
    /// What time is worth.
    pub weights: Weights,
}

impl Problem {
    /// Stops one after another at the places from 1 on, from place 0 with a free end, at time 0.
    #[must_use]
    pub fn new(matrix: Matrix) -> Self {
        let stops = (1..matrix.places()).map(Stop::at).collect();
        Self {
            matrix,
            start: 0,
            end: End::Free,
            depart: UnixMs(0),
            stops,
            before: Vec::new(),
            given: Vec::new(),
            locked: 0,
            weights: Weights::default(),
        }
    }
}

/// How much work a plan may be. The same seed and iterations give the same plan unless deadline or cancellation came first.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Seed of the search.
    pub seed: u64,
    /// Kicks of the iterated local search: 100,000 or more a second at 200 stops without windows.
    pub iterations: u64,
    /// When the search ends at the latest, to within a millisecond or two.
    pub deadline: Option<Instant>,
    /// The search ends soon after this becomes true.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { seed: 1, iterations: 10_000, deadline: None, cancel: None }
    }
}

/// Counts the work and looks at the clock.
pub(super) struct Watch<'a> {
    limits: &'a Limits,
    cap: u64,
    /// Kicks done.
    pub(super) done: u64,
    /// Why it ended, if something cut it short.
    pub(super) cut: Option<super::Ended>,
}

impl<'a> Watch<'a> {
    /// For that many stops. Small tours are solved long before a large budget is used, so it is capped.
    pub(super) fn new(limits: &'a Limits, stops: usize) -> Self {
        let n = stops as u64;
        let cap = limits.iterations.min(n.saturating_mul(n).saturating_mul(200));
        Self { limits, cap, done: 0, cut: None }
    }

    /// The seed.
    pub(super) const fn seed(&self) -> u64 {
        self.limits.seed
    }

    /// Whether another kick may be done; counts it. Looks at the clock at every 16th.
    #[inline]
    pub(super) fn go(&mut self) -> bool {
        if self.cut.is_some() || self.done >= self.cap {
            return false;
        }
        if self.done.is_multiple_of(16) && self.late() {
            return false;
        }
        self.done += 1;
        true
    }

    /// Looks at clock and cancellation now.
    pub(super) fn late(&mut self) -> bool {
        if self.cut.is_none() {
            if self.limits.cancel.as_ref().is_some_and(|c| c.load(Ordering::Relaxed)) {
                self.cut = Some(super::Ended::Cancelled);
            } else if self.limits.deadline.is_some_and(|d| Instant::now() >= d) {
                self.cut = Some(super::Ended::Deadline);
            }
        }
        self.cut.is_some()
    }
}
