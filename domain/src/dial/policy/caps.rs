//! Caps of a day: how long an organisation's notices may talk, and what they may cost.

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::clock::{MINUTE, SECOND};
use crate::dial::plan::RatePlan;

/// What notices of one day have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUse {
    /// Time that answered calls lasted, ms.
    pub talked: i64,
    /// What they cost, in the smallest unit of the currency.
    pub cost: i64,
}

impl DayUse {
    /// A call that lasted so long is over, ms.
    pub fn add(&mut self, talked: i64, rates: &RatePlan) {
        self.talked = self.talked.saturating_add(talked.max(0));
        self.cost = self.cost.saturating_add(rates.charge(talked));
    }
}

impl Policy {
    /// True if the day's notices are capped by length or cost.
    #[must_use]
    pub fn caps_a_day(&self) -> bool {
        self.talk_daily_cap.is_some() || self.spend_daily_cap.is_some()
    }

    /// Calls that may be begun after this use, with so many on the line; `None` for no cap. A call that is not over counts
    /// as one of usual length, so a cap is passed by no more than what those on the line take longer than that.
    #[must_use]
    pub fn calls_left(&self, used: DayUse, on_line: u32, rates: &RatePlan) -> Option<u32> {
        let usual = i64::from(rates.talk_seconds.max(1)) * SECOND;
        let left = |cap: i64, used: i64, each: i64| {
            let calls = cap.saturating_sub(used).max(0) / each.max(1) - i64::from(on_line);
            u32::try_from(calls.max(0)).unwrap_or(u32::MAX)
        };
        let talk = self.talk_daily_cap.map(|min| left(i64::from(min) * MINUTE, used.talked, usual));
        let cost = self.spend_daily_cap.map(|cap| match rates.charge(usual) {
            // what costs nothing is under every cap
            0 => u32::MAX,
            each => left(cap, used.cost, each),
        });
        talk.into_iter().chain(cost).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(talk: Option<u32>, spend: Option<i64>) -> Policy {
        Policy { talk_daily_cap: talk, spend_daily_cap: spend, ..Policy::unrestricted() }
    }

    /// ¥0.10 a started minute, 20 s of talk.
    #[test]
    fn the_nearer_cap_counts_and_calls_on_the_line_are_reserved() {
        let rates = RatePlan::default();
        let mut used = DayUse::default();
        assert_eq!(policy(None, None).calls_left(used, 9, &rates), None);
        assert_eq!(policy(Some(2), None).calls_left(used, 0, &rates), Some(6));
        assert_eq!(policy(Some(2), Some(35)).calls_left(used, 0, &rates), Some(3));
        assert_eq!(policy(Some(2), Some(35)).calls_left(used, 2, &rates), Some(1));
        assert_eq!(policy(Some(2), Some(35)).calls_left(used, 4, &rates), Some(0));
        used.add(61 * SECOND, &rates);
        assert_eq!((used.talked, used.cost), (61 * SECOND, 20));
        assert_eq!(policy(Some(2), None).calls_left(used, 0, &rates), Some(2));
        assert_eq!(policy(None, Some(35)).calls_left(used, 0, &rates), Some(1));
        used.add(-5, &rates);
        used.add(i64::MAX, &rates);
        assert_eq!(policy(Some(2), Some(35)).calls_left(used, 0, &rates), Some(0));
        let free = RatePlan { step_cost: crate::money::Money::fen(0), ..rates };
        assert_eq!(policy(None, Some(1)).calls_left(DayUse::default(), 7, &free), Some(u32::MAX));
    }
}
