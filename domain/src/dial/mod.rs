//! Ringing everybody once: who is rung, when, what each call came to, and what follows.
//!
//! ```text
//!  a tap ──plan──> recipients ──policy──> attempt ──outcome──> retry ──> done, or the next attempt
//! ```
//!
//! [`plan`] merges parcels by person and says who is left out and why; [`policy`] says when a person may be rung;
//! [`batch`], [`recipient`] and [`attempt`] are the state tables; [`outcome`] turns what the network said into one of
//! the trade's words, and two reports on one attempt into one; [`retry`] decides what follows; [`health`] says when a
//! displayed number is better replaced.

pub mod attempt;
pub mod batch;
pub mod health;
pub mod hours;
pub mod outcome;
pub mod plan;
pub mod policy;
pub mod recipient;
pub mod retry;
#[cfg(test)]
mod tables_tests;

/// An event that the state does not allow. The state is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not possible for a {machine} that is {state}")]
pub struct IllegalTransition {
    /// `batch`, `recipient` or `attempt`.
    pub machine: &'static str,
    /// The state as it was and still is.
    pub state: String,
    /// The event that was refused.
    pub event: String,
}
