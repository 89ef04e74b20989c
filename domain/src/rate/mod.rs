//! What calls cost: prices, the charge of a leg, who pays it, and whether an account has room for another call.
//!
//! ```text
//!  Rates (a version, in force from a day on) ──┐
//!                                              ├─▶ Rates::charge(leg) ─▶ Charge: amount, and the rule that made it
//!  an answered leg: trunk, number, how long ───┘                             │
//!  ChargePolicy: whose calls who pays ──────────────────────────────────────▶ an entry of the payer's account
//!  Room: balance, caps, what calls that run hold ─▶ may another call be set up?
//! ```
//!
//! **Amounts are whole millionths of a yuan** ([`Micros`]), ten thousand to a fen, so that ¥0.0065 for six seconds is exact. There
//! is no floating point anywhere, and nothing is rounded but time: up to whole steps, from the answer on.
//!
//! **The most special price wins**: the longest prefix before a kind of line, a kind before everything; among these one for the
//! leg's own trunk before one for any. A leg for which there is no price costs nothing and says so ([`Rated::Unrated`]); it
//! is never left out.
//!
//! **Room.** A call that is set up holds what its first minute costs ([`ChargePolicy::hold_s`]), and once it lasts longer, what it
//! has come to so far ([`Held`]). Calls that are set up at the same moment see each other's holds, so all that an account can be overrun by is what
//! calls that run take beyond that: they are never cut.

mod amount;
mod charge;
mod plan;
mod policy;
mod room;
#[cfg(test)]
mod tests;

pub use amount::{AmountError, Micros};
pub use charge::{Charge, ChargedLeg, Rated};
pub use plan::{Destination, DestinationError, MOST_RATES, Rate, Rates};
pub use policy::{AccountKind, ChargePolicy, Limits, PaidBy, Payers};
pub use room::{Held, Room, Stopped};

words! {
    /// What a leg that is charged was part of.
    pub enum ChargedCall {
        /// A notice of the dialler, and the courier who was put through in it.
        Notice = "notice", "语音通知", "notice";
        /// A customer rang a published number.
        Incoming = "incoming", "来电", "call that came in";
        /// A courier rang a customer.
        Outgoing = "outgoing", "外呼", "call by a courier";
        /// A call over a virtual number.
        Bound = "bound", "虚拟号通话", "call over a virtual number";
    }
}

words! {
    /// What an entry of an account is.
    pub enum EntryKind {
        /// A leg of a call.
        Leg = "leg", "通话费", "call";
        /// Money that was paid in.
        TopUp = "top_up", "充值", "top-up";
        /// What an administrator put right, either way.
        Adjustment = "adjustment", "调整", "adjustment";
        /// The balance at the beginning.
        Opening = "opening", "期初余额", "opening balance";
    }
}
