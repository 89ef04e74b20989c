//! Who is rung for a customer who rings a published number, and how such a call goes on.
//!
//! ```text
//!  facts ──decide──> candidates in order, each with its reason ──> InboundCall (rings one after the other) ──> outcome
//!                └─> explain: one line a rule, kept with the call and read by supervisors
//! ```
//!
//! The order (DESIGN 4): blocklist, callback affinity, a courier who has parcels for this caller, the courier on duty for
//! the area, the substitute, the branch's ring group, voicemail. [`decide()`] is a function of its arguments, so the same
//! facts give the same order on every server and in every test. Nobody is named twice; the first rule that names somebody
//! keeps them.
//!
//! **Affinity.** Whoever rang or notified this caller last gets the call back. Contacts that lie less than
//! [`InboundPolicy::tie_ms`] before the newest one tie with it (two couriers rang within minutes: which one does the
//! caller mean?); then who still has a parcel for the caller comes first, then the later contact. Contacts older than
//! [`InboundPolicy::affinity_ms`] say nothing any more.
//!
//! **Who cannot be rung** (left the company, no own telephone, off duty or riding by their own word) is passed over, with a
//! line that says so. The first courier that any rule named owns the voicemail all the same: it is they whom the caller
//! meant.

mod call;
mod decide;
mod policy;
#[cfg(test)]
mod tests;

pub use call::{CallEvent, CallPhase, Deed, InboundCall, InboundOutcome, Try, TryResult};
pub use decide::{
    Availability, Block, Candidate, Contact, Decision, Duty, ExplainLine, Facts, OnCall, OpenParcel, Person,
    Rule, Verdict, decide,
};
pub use policy::{InboundPolicy, Taping};

use std::collections::BTreeMap;

/// What the courier hears before the caller: `["3号楼", "2件", "5号楼", "1件"]`, by building, most parcels first; two
/// buildings at most, and the number of all parcels where there are more. Pieces, so that each is made once and kept.
#[must_use]
pub fn whisper(parcels: &[OpenParcel]) -> Vec<String> {
    let mut by_place: BTreeMap<&str, usize> = BTreeMap::new();
    for parcel in parcels {
        *by_place.entry(parcel.place.as_str()).or_default() += 1;
    }
    if by_place.is_empty() {
        return vec!["客户来电".to_owned()];
    }
    let mut places: Vec<(&str, usize)> = by_place.into_iter().collect();
    // stable: places that tie stay in the order of their names
    places.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let mut said = Vec::new();
    for (place, n) in places.iter().take(2) {
        if !place.is_empty() {
            said.push((*place).to_owned());
        }
        said.push(format!("{n}件"));
    }
    if places.len() > 2 {
        said.push(format!("共{}件", parcels.len()));
    }
    said
}
