//! Health of a displayed number: whether people have begun to refuse it.
//!
//! A number that telephones mark as a nuisance, or that a carrier has come to dislike, is seen in what its calls come to:
//! fewer are answered than with the house's other numbers in the same days, or more are hung up at once, or the carrier
//! turns them away. Nobody tells us so; it is a comparison of shares, and few calls prove nothing. A share is therefore
//! judged by its Wilson score interval (E. B. Wilson, 1927; 95 %): a number is suspect only where the two intervals are
//! apart by more than a margin.

use serde::{Deserialize, Serialize};

words! {
    /// What is to be thought of a displayed number.
    #[derive(Default)]
    pub enum NumberHealth {
        /// As good as the others.
        Good = "good", "正常", "good";
        /// Too few calls to say.
        #[default]
        Unknown = "unknown", "数据不足", "too few calls to say";
        /// Answered much less than the others: likely marked as a nuisance.
        Unanswered = "unanswered", "接听率异常（疑似被标记）", "answered far less than the others, likely marked";
        /// Hung up at once much more than the others.
        HungUp = "hung_up", "秒挂率异常（疑似被标记）", "hung up at once far more than the others, likely marked";
        /// The carrier turns its calls away.
        Refused = "refused", "运营商拦截", "turned away by the carrier";
    }
}

impl NumberHealth {
    /// Another number is to be shown in its place where there is one.
    #[must_use]
    pub const fn is_suspect(self) -> bool {
        matches!(self, Self::Unanswered | Self::HungUp | Self::Refused)
    }
}

/// What the calls that showed a number came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reception {
    /// Calls that people could have answered: answered, no answer, busy, rejected.
    pub offered: u32,
    /// Those that were answered.
    pub answered: u32,
    /// Those that were answered and hung up within [`AT_ONCE`].
    pub hung_up: u32,
    /// Calls, beside those, that the carrier refused because of the number.
    pub refused: u32,
}

/// Hung up at once: sooner than anybody has heard what it is about, ms.
pub const AT_ONCE: i64 = 4_000;

/// Fewer calls than this say nothing about a number.
const LEAST: u32 = 50;
/// Fewer calls than this are no comparison.
const LEAST_OTHERS: u32 = 100;
/// Fewer refusals than this may be chance.
const LEAST_REFUSED: u32 = 5;
/// A suspect number is answered less than this share of how often the others are.
const MARGIN: f64 = 0.75;

impl Reception {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Reception) -> Reception {
        Reception {
            offered: self.offered.saturating_add(other.offered),
            answered: self.answered.saturating_add(other.answered),
            hung_up: self.hung_up.saturating_add(other.hung_up),
            refused: self.refused.saturating_add(other.refused),
        }
    }

    /// The health of a number with these calls, beside those of the house's other numbers in the same days.
    #[must_use]
    pub fn health(self, others: Reception) -> NumberHealth {
        if self.refused >= LEAST_REFUSED
            && interval(self.refused, self.offered.saturating_add(self.refused)).0 > 0.5
        {
            return NumberHealth::Refused;
        }
        if self.offered < LEAST || others.offered < LEAST_OTHERS {
            return NumberHealth::Unknown;
        }
        if interval(self.answered, self.offered).1 < MARGIN * interval(others.answered, others.offered).0 {
            return NumberHealth::Unanswered;
        }
        if self.answered >= LEAST
            && others.answered >= LEAST
            && interval(self.hung_up, self.answered).0 > interval(others.hung_up, others.answered).1 / MARGIN
        {
            return NumberHealth::HungUp;
        }
        NumberHealth::Good
    }
}

/// Between what the share lies with 95 %: Wilson's score interval.
fn interval(some: u32, all: u32) -> (f64, f64) {
    const Z: f64 = 1.96;
    if all == 0 {
        return (0.0, 1.0);
    }
    let n = f64::from(all);
    let share = f64::from(some.min(all)) / n;
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    (((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calls(offered: u32, answered: u32, hung_up: u32) -> Reception {
        Reception { offered, answered, hung_up, refused: 0 }
    }

    #[test]
    fn intervals_as_published() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29
        for (some, all, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (a, b) = interval(some, all);
            assert!((a - low).abs() < 2e-4 && (b - high).abs() < 2e-4, "{some} of {all}: {a} {b}");
        }
    }

    #[test]
    fn records() {
        NumberHealth::check_words();
    }

    #[test]
    fn few_calls_prove_nothing_and_many_do() {
        let others = calls(1_000, 600, 50);
        assert_eq!(calls(49, 0, 0).health(others), NumberHealth::Unknown);
        assert_eq!(calls(200, 20, 0).health(calls(99, 90, 0)), NumberHealth::Unknown);
        assert_eq!(calls(200, 40, 2).health(others), NumberHealth::Unanswered);
        assert_eq!(calls(200, 115, 8).health(others), NumberHealth::Good);
        // a tenth less is no proof
        assert_eq!(calls(200, 100, 8).health(others), NumberHealth::Good);
        assert_eq!(calls(200, 120, 60).health(others), NumberHealth::HungUp);
        // a house where nobody ever answers has no number that is worse
        assert_eq!(calls(200, 0, 0).health(calls(1_000, 0, 0)), NumberHealth::Good);
    }

    #[test]
    fn a_carrier_that_turns_calls_away_is_seen_soon() {
        let refused = |refused, offered| Reception { refused, ..calls(offered, offered / 2, 0) };
        assert_eq!(refused(4, 0).health(Reception::default()), NumberHealth::Unknown);
        assert_eq!(refused(5, 0).health(Reception::default()), NumberHealth::Refused);
        assert_eq!(refused(5, 100).health(calls(500, 250, 0)), NumberHealth::Good, "some callees' networks");
        assert!(NumberHealth::Refused.is_suspect() && !NumberHealth::Unknown.is_suspect());
    }

    proptest! {
        /// An interval holds its share; more answers never make a number worse.
        #[test]
        fn sound(all in 1u32..5_000, some in 0u32..5_000, more in 0u32..100, others in 0u32..5_000, theirs in 0u32..5_000) {
            let some = some.min(all);
            let (low, high) = interval(some, all);
            let share = f64::from(some) / f64::from(all);
            prop_assert!(low <= share + 1e-9 && share <= high + 1e-9);
            let others = calls(others, theirs.min(others), 0);
            let better = calls(all, (some + more).min(all), 0);
            if calls(all, some, 0).health(others) == NumberHealth::Good {
                prop_assert_eq!(better.health(others), NumberHealth::Good);
            }
        }
    }
}
