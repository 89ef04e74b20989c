//! The life of one call attempt.
//!
//! ```text
//!            Sent           Ring              Answer             End(answered)
//!  Intent ─────────> Sent ────────> Ringing ─────────> Answered ──────────────> Ended
//!    │ │              │ │              │                ^ ^ ^                     ^
//!    │ │              │ └───Answer─────│────────────────┘ │ │                     │
//!    │ └─Ring, Answer: the record of   │Cancel            │ │                     │
//!    │   the sending was lost ─────────│──────────────────┘ │                     │
//!    │Cancel          │Cancel          v                    │                     │
//!    └────────────────┴────────> Cancelling ──Answer (race)─┘                     │
//!                                      └─End(outcome), as from every open state ──┘
//! ```
//!
//! An intent may have left as an INVITE before a crash, so a cancelled intent waits like a sent one; whoever knows that
//! nothing left reports `End(Cancelled)`.
//!
//! Reports may come late, twice or out of order. One that says no more than is known leaves the state as it is; one
//! about an ended attempt is merged ([`CallOutcome::merge`]); one that contradicts the order of a call is refused.

use serde::{Deserialize, Serialize};

use super::IllegalTransition;
use super::outcome::CallOutcome;

/// Where an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AttemptState {
    /// The intent is durable; the INVITE may or may not have left.
    Intent,
    /// The INVITE has left.
    Sent,
    /// An 18x has come: somebody's telephone rings, as far as the far side says.
    Ringing,
    /// A CANCEL is due or on its way; the final answer is awaited.
    Cancelling,
    /// A 2xx has come.
    Answered,
    /// Over.
    Ended {
        /// How it ended.
        outcome: CallOutcome,
    },
}

/// What happens to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AttemptEvent {
    /// The INVITE was handed to the network, for the first time or again.
    Sent,
    /// An 18x came.
    Ring,
    /// A 2xx came.
    Answer,
    /// We want it to stop before an answer.
    Cancel,
    /// It is over.
    End {
        /// How it ended, as far as this report knows.
        outcome: CallOutcome,
    },
}

impl AttemptState {
    /// The word that is stored: `intent`, `sent`, `ringing`, `cancelling`, `answered`, `ended`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Sent => "sent",
            Self::Ringing => "ringing",
            Self::Cancelling => "cancelling",
            Self::Answered => "answered",
            Self::Ended { .. } => "ended",
        }
    }

    /// The state from its stored word and outcome; `None` if they do not fit together.
    #[must_use]
    pub fn from_parts(word: &str, outcome: Option<CallOutcome>) -> Option<Self> {
        match (word, outcome) {
            ("intent", None) => Some(Self::Intent),
            ("sent", None) => Some(Self::Sent),
            ("ringing", None) => Some(Self::Ringing),
            ("cancelling", None) => Some(Self::Cancelling),
            ("answered", None) => Some(Self::Answered),
            ("ended", Some(outcome)) => Some(Self::Ended { outcome }),
            _ => None,
        }
    }

    /// True until it has ended: while an attempt is open, nobody else may ring this person.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self, Self::Ended { .. })
    }

    /// How it ended; `None` while it is open.
    #[must_use]
    pub const fn outcome(&self) -> Option<CallOutcome> {
        match self {
            Self::Ended { outcome } => Some(*outcome),
            _ => None,
        }
    }

    /// The state after `event`.
    ///
    /// # Errors
    /// [`IllegalTransition`] for a pair that is not in the table; the state stays as it is.
    pub fn on(self, event: AttemptEvent) -> Result<Self, IllegalTransition> {
        use AttemptEvent as E;
        use AttemptState as S;
        Ok(match (self, event) {
            (S::Intent | S::Sent, E::Sent) => S::Sent,
            (S::Ringing, E::Sent | E::Ring) => S::Ringing,
            (S::Intent | S::Sent, E::Ring) => S::Ringing,
            (S::Cancelling, E::Ring | E::Cancel) => S::Cancelling,
            (S::Intent | S::Sent | S::Ringing | S::Cancelling | S::Answered, E::Answer) => S::Answered,
            (S::Intent | S::Sent | S::Ringing, E::Cancel) => S::Cancelling,
            (S::Intent | S::Sent | S::Ringing | S::Cancelling, E::End { outcome }) => S::Ended { outcome },
            (S::Answered, E::End { outcome }) if outcome.is_answered() => S::Ended { outcome },
            // The server died and nobody knows how the talk went: that it was answered is known.
            (S::Answered, E::End { outcome: CallOutcome::Unknown }) => {
                S::Ended { outcome: CallOutcome::Interrupted }
            }
            (S::Ended { outcome: known }, E::End { outcome }) => S::Ended { outcome: known.merge(outcome) },
            (state, event) => {
                return Err(IllegalTransition {
                    machine: "attempt",
                    state: state.as_str().to_owned(),
                    event: event.as_str().to_owned(),
                });
            }
        })
    }
}

impl AttemptEvent {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Ring => "ring",
            Self::Answer => "answer",
            Self::Cancel => "cancel",
            Self::End { .. } => "end",
        }
    }
}
