//! What can say where a building is.

use crate::speech::Failure;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::time::{Duration, Instant};
use waybell_domain::address::split;
use waybell_domain::building::in_china;
use waybell_domain::track::Place;
use waybell_domain::track::coordinates::{Datum, Degrees, convert};

/// Longest pause of an engine that fails.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A building that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// WGS-84.
    pub at: Place,
    /// Radius that holds a door of it with about 68 %, metres.
    pub within_m: u32,
}

/// A service. [`Failure`] says what a failure means: `Text` that it refuses this question and takes others, `Barred` that
/// somebody has to mend something first, `Spent` that today's quota is used up, anything else that it may be asked again.
#[async_trait]
pub(crate) trait Geocoder: Send + Sync {
    /// Its name, shown beside its places.
    fn name(&self) -> &'static str;

    /// Looks a building up. `None` where it knows none, or nothing nearer than a road or a district. May be dropped at any
    /// moment.
    async fn find(&self, question: &str) -> Result<Option<Found>, Failure>;
}

/// A place of a service, if it can be one.
pub(super) fn found(lat: f64, lon: f64, datum: Datum, within_m: u32) -> Option<Found> {
    let at = convert(Degrees { lat, lon }, datum, Datum::Wgs84);
    let at = Some(at).filter(|at| in_china(*at)).and_then(|at| Place::of_degrees(at.lat, at.lon))?;
    Some(Found { at, within_m })
}

/// Whether an answer is of another city or district than was asked for: many places have one name.
pub(super) fn elsewhere(question: &str, told: &str) -> bool {
    let parts = split(question);
    let missed = |asked: Option<String>| {
        let short: String = asked.unwrap_or_default().chars().take(2).collect();
        !told.contains(&short)
    };
    !told.trim().is_empty() && (missed(parts.city) || missed(parts.district))
}

/// When an engine may be asked next.
pub(super) struct Pace {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: Option<Instant>,
    /// Failures without an answer between them.
    failures: u32,
}

impl Pace {
    pub(super) fn new(per_second: f64) -> Pace {
        Pace { every: Duration::from_secs_f64(1.0 / per_second.max(0.01)), state: Mutex::default() }
    }

    /// How long to wait; none: the turn is taken.
    pub(super) fn turn(&self, now: Instant) -> Option<Duration> {
        let mut state = self.state.lock();
        match state.next.filter(|next| *next > now) {
            Some(next) => Some(next - now),
            None => {
                state.next = Some(now + self.every);
                None
            }
        }
    }

    /// It has answered.
    pub(super) fn worked(&self) {
        self.state.lock().failures = 0;
    }

    /// It has not: pauses, longer each time, `least` at least.
    pub(super) fn failed(&self, now: Instant, least: Duration) {
        let mut state = self.state.lock();
        let pause = Duration::from_secs(2).saturating_mul(1 << state.failures.min(11));
        state.failures = state.failures.saturating_add(1);
        state.next = Some(now + pause.max(least).min(LONGEST));
    }
}
