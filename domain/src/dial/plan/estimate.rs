//! How long a batch takes and what it costs.

use serde::{Deserialize, Serialize};

use crate::clock::{MINUTE, SECOND};
use crate::money::Money;

/// What a call costs and how long it lasts, from past days or from the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RatePlan {
    /// Price of a started charging step of an answered call.
    pub step_cost: Money,
    /// Length of a charging step, seconds.
    pub step_seconds: u32,
    /// Answered calls in a thousand.
    pub answered_permille: u32,
    /// Mean length of an answered call, seconds.
    pub talk_seconds: u32,
    /// Mean time from dialling to an answer or to giving up, seconds.
    pub ring_seconds: u32,
}

impl Default for RatePlan {
    /// ¥0.10 a started minute, 72 % answered, 20 s of talk, 18 s of ringing.
    fn default() -> Self {
        Self {
            step_cost: Money::fen(10),
            step_seconds: 60,
            answered_permille: 720,
            talk_seconds: 20,
            ring_seconds: 18,
        }
    }
}

impl RatePlan {
    /// What an answered call of this length costs, in the smallest unit of the currency: started steps count whole.
    #[must_use]
    pub fn charge(&self, talked_ms: i64) -> i64 {
        let step = i64::from(self.step_seconds.max(1)) * SECOND;
        let steps = talked_ms.max(0).saturating_add(step - 1) / step;
        steps.max(1).saturating_mul(self.step_cost.minor.max(0))
    }
}

/// What the trunks carry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkRate {
    /// Calls at once.
    pub channels: u32,
    /// New calls a second.
    pub calls_per_second: f64,
}

impl Default for TrunkRate {
    /// Ten channels, two new calls a second.
    fn default() -> Self {
        Self { channels: 10, calls_per_second: 2.0 }
    }
}

/// Expected time and cost of the calls of a plan, retries not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// From the first call's start to the last one's end, ms.
    pub duration: i64,
    /// Expected cost.
    pub cost: Money,
}

impl Estimate {
    /// Whole minutes, rounded up.
    #[must_use]
    pub const fn minutes(&self) -> i64 {
        (self.duration + MINUTE - 1) / MINUTE
    }
}

/// The estimate for a number of calls.
pub(super) fn estimate(calls: u32, rates: &RatePlan, trunk: &TrunkRate) -> Estimate {
    let answered = i64::from(rates.answered_permille.min(1_000));
    let hold = i64::from(rates.ring_seconds) * SECOND + i64::from(rates.talk_seconds) * answered;
    let calls = i64::from(calls);
    let rounds =
        calls.saturating_add(i64::from(trunk.channels.max(1)) - 1) / i64::from(trunk.channels.max(1));
    let by_channels = rounds.saturating_mul(hold);
    let gap = if trunk.calls_per_second.is_finite() && trunk.calls_per_second > 0.001 {
        1_000.0 / trunk.calls_per_second
    } else {
        1_000.0
    };
    // At most 2^32 calls a thousand seconds apart: exact in a double.
    let by_rate = if calls == 0 { 0 } else { ((calls - 1) as f64 * gap) as i64 + hold };
    let steps = i64::from(rates.talk_seconds.div_ceil(rates.step_seconds.max(1)));
    let milli = calls.saturating_mul(answered).saturating_mul(steps).saturating_mul(rates.step_cost.minor);
    let cost = Money { minor: milli.saturating_add(999) / 1_000, currency: rates.step_cost.currency };
    Estimate { duration: by_channels.max(by_rate), cost }
}
