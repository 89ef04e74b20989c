//! Whether an account has room for another call.

use serde::{Deserialize, Serialize};

use super::{Limits, Micros, Rate};
use crate::clock::UnixMs;

/// What a call that was set up, and is not over, is reckoned with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The price of each of its legs that has one.
    pub rates: Vec<Rate>,
    /// Seconds that each is reckoned with at least.
    pub seconds: u16,
}

impl Held {
    /// What it comes to when it was set up so long ago, ms: the steps that it is reckoned with, or those that have passed since
    /// it was set up, if they are more. A call is answered after that, so it is never less than what it costs by now.
    #[must_use]
    pub fn amount(&self, since_ms: i64) -> Micros {
        let ms = since_ms.max(i64::from(self.seconds) * 1_000);
        self.rates.iter().map(|rate| rate.cost(ms)).sum()
    }

    /// The same by the times.
    #[must_use]
    pub fn at(&self, set_up: UnixMs, now: UnixMs) -> Micros {
        self.amount(now.since(set_up))
    }
}

words! {
    /// Why no call is set up.
    pub enum Stopped {
        /// Nothing is left of the balance and its credit.
        NoCredit = "no_credit", "账户余额不足，请充值", "the account has too little left for a call: top it up";
        /// The day's cap in money is reached.
        SpendToday = "spend_a_day", "今日话费已达上限", "no more calls today: the limit of what a day's calls may cost is reached";
    }
}

/// What an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Its balance.
    pub balance: Micros,
    /// What the calls of today have cost so far, 0 or more.
    pub spent: Micros,
    /// What calls that are not over are reckoned with.
    pub held: Micros,
}

impl Room {
    /// Whether a call that is reckoned with so much may be set up. One that costs nothing always may.
    ///
    /// # Errors
    /// What stops it.
    pub fn takes(&self, limits: &Limits, call: Micros) -> Result<(), Stopped> {
        if call <= Micros::ZERO {
            return Ok(());
        }
        let reckoned = self.held.plus(call);
        if limits.credit.is_some_and(|credit| self.balance.plus(credit) < reckoned) {
            return Err(Stopped::NoCredit);
        }
        if limits.daily_cap.is_some_and(|cap| self.spent.plus(reckoned) > cap) {
            return Err(Stopped::SpendToday);
        }
        Ok(())
    }
}
