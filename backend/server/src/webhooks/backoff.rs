//! When a delivery is tried again, and when its receiver is asked again. Pure: time and chance are arguments.

use waybell_domain::clock::{DAY, HOUR, MINUTE, SECOND};

/// Failures in a row after which a receiver is taken to be down.
const DOWN: u32 = 4;

/// After each failure of a delivery about a call over a virtual number: what the trade's platforms do.
const CALLS: [i64; 6] = [1, 4, 9, 106, 203, 300];

/// What a receiver did with a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 2xx.
    Taken(u16),
    /// 410: it wants no more.
    Gone,
    /// Anything else.
    Failed(Failure),
}

/// Why a delivery was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Status; `None` when there was no answer.
    pub status: Option<u16>,
    /// What to show.
    pub problem: String,
    /// Milliseconds that the receiver asked for (`Retry-After`).
    pub wait: Option<i64>,
}

impl Failure {
    /// The receiver itself is unwell, whatever it was sent.
    fn is_outage(&self) -> bool {
        self.status.is_none_or(|s| s >= 500 || matches!(s, 408 | 425 | 429))
    }
}

/// What follows for a delivery that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Tried again at this time.
    Again(i64),
    /// Given up.
    Dead,
}

/// After the `tries`th try (from 1) has failed. `since` is when the day began; `chance` is any random number.
pub(super) fn after(tries: i64, since: i64, now: i64, failure: &Failure, chance: u16) -> Next {
    if now - since >= DAY {
        return Next::Dead;
    }
    let wait = spread(doubled(SECOND, tries - 1, HOUR), chance);
    Next::Again(now + wait.max(failure.wait.unwrap_or_default().clamp(0, HOUR)))
}

/// The same for a delivery about a call: after 1, 4, 9, 106, 203 and 300 minutes, then no more.
pub(super) fn after_call(tries: i64, now: i64) -> Next {
    let wait = usize::try_from(tries - 1).ok().and_then(|n| CALLS.get(n));
    wait.map_or(Next::Dead, |minutes| Next::Again(now + minutes * MINUTE))
}

/// How a receiver fares; kept in memory only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    failures: u32,
    rests_until: i64,
}

impl Health {
    /// Takes note of an answer.
    pub(super) fn note(&mut self, answer: &Answer, now: i64, chance: u16) {
        match answer {
            Answer::Failed(failure) if failure.is_outage() => {
                self.failures = self.failures.saturating_add(1);
                if self.is_down() {
                    let wait = doubled(SECOND, i64::from(self.failures - DOWN), MINUTE);
                    self.rests_until = now + spread(wait, chance);
                }
            }
            // any other answer shows that somebody is there
            _ => *self = Health::default(),
        }
    }

    /// Several requests in a row had no use.
    pub(super) fn is_down(&self) -> bool {
        self.failures >= DOWN
    }

    /// How many requests may be under way.
    pub(super) fn allows(&self, now: i64, usual: usize) -> usize {
        match (self.is_down(), self.rests_until <= now) {
            (false, _) => usual,
            (true, true) => 1,
            (true, false) => 0,
        }
    }
}

fn doubled(first: i64, times: i64, most: i64) -> i64 {
    first.checked_shl(u32::try_from(times.clamp(0, 40)).unwrap_or(0)).unwrap_or(most).min(most)
}

/// Between 80 and 120 per cent, so that what failed together does not come again together.
fn spread(wait: i64, chance: u16) -> i64 {
    wait * (800 + i64::from(chance) % 401) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn failed(status: Option<u16>) -> Answer {
        Answer::Failed(failure(status, None))
    }

    fn failure(status: Option<u16>, wait: Option<i64>) -> Failure {
        Failure { status, problem: String::new(), wait }
    }

    #[test]
    fn a_day_of_tries_that_grow_apart() {
        let (mut now, mut tries) = (0, 0);
        let mut gaps = Vec::new();
        loop {
            tries += 1;
            match after(tries, 0, now, &failure(Some(500), None), 200) {
                Next::Again(at) => {
                    gaps.push(at - now);
                    now = at;
                }
                Next::Dead => break,
            }
        }
        assert_eq!(gaps[..4], [1_000, 2_000, 4_000, 8_000]);
        assert!(gaps.iter().all(|g| *g <= HOUR));
        assert!((DAY..DAY + HOUR).contains(&now), "{now}");
        assert!((20..60).contains(&tries), "{tries}");
    }

    #[test]
    fn calls_are_told_again_at_the_trade_s_times() {
        let again: Vec<Next> = (1..=8).map(|tries| after_call(tries, 5)).collect();
        let at = |minutes: i64| Next::Again(5 + minutes * MINUTE);
        assert_eq!(again, [at(1), at(4), at(9), at(106), at(203), at(300), Next::Dead, Next::Dead]);
    }

    #[test]
    fn what_the_receiver_asks_for_is_kept_within_reason() {
        let wait = |ms| after(1, 0, 0, &failure(Some(503), Some(ms)), 200);
        assert_eq!(wait(30_000), Next::Again(30_000));
        assert_eq!(wait(10), Next::Again(1_000));
        assert_eq!(wait(i64::MAX), Next::Again(HOUR));
        assert_eq!(wait(-5), Next::Again(1_000));
    }

    #[test]
    fn a_receiver_that_is_down_is_asked_by_one() {
        let mut health = Health::default();
        for n in 1..=3 {
            health.note(&failed(None), n, 200);
            assert_eq!(health.allows(n, 4), 4);
        }
        health.note(&failed(Some(503)), 10, 200);
        assert!(health.is_down());
        assert_eq!((health.allows(11, 4), health.allows(1_010, 4)), (0, 1));
        for _ in 0..100 {
            health.note(&failed(Some(500)), 2_000, 65_535);
        }
        assert!(health.rests_until <= 2_000 + MINUTE * 12 / 10);
        health.note(&Answer::Taken(204), 3_000, 0);
        assert_eq!(health.allows(3_000, 4), 4);
    }

    #[test]
    fn one_that_refuses_a_delivery_is_not_down() {
        let mut health = Health::default();
        for _ in 0..10 {
            health.note(&failed(Some(422)), 0, 0);
        }
        assert_eq!(health, Health::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn always_later_and_never_for_ever(tries in 1i64..i64::MAX, now in 0i64..DAY, chance: u16, wait: Option<i64>) {
            match after(tries, 0, now, &failure(None, wait), chance) {
                Next::Again(at) => prop_assert!(at > now && at <= now + HOUR * 12 / 10),
                Next::Dead => prop_assert!(false, "within the day"),
            }
        }
    }
}
