//! Calls that a courier makes to a customer, both legs over the telephone network (双呼, callback).
//!
//! ```text
//!  POST /calls ──refusal()──▶ OutgoingCall: the courier's own telephone rings ──key 1──▶ the customer's rings ──▶ they speak
//! ```
//!
//! The courier's telephone comes first: a customer is never rung for a courier who does not take the call. Both see a number
//! of the company, and neither the other's. What may be rung at all, and how often, is [`OutgoingPolicy`]; opt-outs, the
//! blocklist and frequency rules are about notices and bar no courier's own call.

mod call;
mod policy;
#[cfg(test)]
mod tests;

pub use call::{OutgoingCall, OutgoingDeed, OutgoingEvent, OutgoingOutcome, OutgoingPhase, Spoken};
pub use policy::{CallRefusal, OutgoingPolicy, ShownFirst};

use crate::inbound::{OpenParcel, whisper};
use crate::phone::PhoneNumber;

/// What the courier hears before the customer is rung: what it is about, and the last digits of the number, so that a call
/// that was asked for by mistake is noticed. Pieces, so that each is made once and kept; none of them names a person.
#[must_use]
pub fn briefing(parcels: &[OpenParcel], customer: &PhoneNumber, accept_key: bool) -> Vec<String> {
    let mut said = if parcels.is_empty() { vec!["呼叫客户".to_owned()] } else { whisper(parcels) };
    said.push("尾号".to_owned());
    said.extend(customer.last4().chars().filter_map(digit).map(str::to_owned));
    if accept_key {
        said.push("按1呼叫客户".to_owned());
    }
    said
}

/// A digit as telephone numbers are read out.
fn digit(c: char) -> Option<&'static str> {
    let words = ["零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"];
    words.get(c.to_digit(10)? as usize).copied()
}
