//! The life of one person in a batch.
//!
//! ```text
//!               ┌──────────────Dial───────────────┐
//!               │                                 v            Finish
//!  ──> Planned ─┴─Wait──> Waiting ────Dial──> Dialling ──────────────────> Done
//!        │ │                │ │ ^                 │ └─Cancel (its attempt   │
//!        │ └──Suppress──┐   │ │ └──────Retry──────┘   has ended cancelled)  │
//!        │Cancel        v   │ └─Finish (rounds are used up)──> Done         │
//!        v         Suppressed <─Suppress              v                     │
//!      Cancelled <──────────Cancel──────────────> Cancelled                 │
//!        └──────────── AskAgain (the courier wants a ring) ────> Planned <──┘
//! ```
//!
//! A person who is being dialled can be neither suppressed nor dialled again: the open attempt ends first.

use serde::{Deserialize, Serialize};

use super::IllegalTransition;
use crate::clock::UnixMs;

/// Where a person is in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RecipientState {
    /// To be rung when the turn comes.
    Planned,
    /// To be rung, but not before a time.
    Waiting {
        /// Earliest time of the next attempt.
        until: UnixMs,
    },
    /// An attempt is open.
    Dialling,
    /// No further attempt: answered, given up, or left to a text message.
    Done,
    /// Left out, with a reason that is stored beside it.
    Suppressed,
    /// Undone before it rang.
    Cancelled,
}

/// What happens to a person in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RecipientEvent {
    /// Not before a time: quiet hours, a limit, a scheduled start.
    Wait {
        /// Earliest time of the next attempt.
        until: UnixMs,
    },
    /// An attempt's intent is durable.
    Dial,
    /// The attempt has ended and another one follows.
    Retry {
        /// Earliest time of the next attempt.
        until: UnixMs,
    },
    /// The attempt has ended and none follows, or the waiting one is given up.
    Finish,
    /// Left out at the last moment.
    Suppress,
    /// Undone. For a person being dialled: only once the attempt has ended.
    Cancel,
    /// The courier asks for one more ring.
    AskAgain,
}

impl RecipientState {
    /// The word that is stored: `planned`, `waiting`, `dialling`, `done`, `suppressed`, `cancelled`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Waiting { .. } => "waiting",
            Self::Dialling => "dialling",
            Self::Done => "done",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state from its stored word and time; `None` if they do not fit together.
    #[must_use]
    pub fn from_parts(word: &str, until: Option<UnixMs>) -> Option<Self> {
        match (word, until) {
            ("planned", _) => Some(Self::Planned),
            ("waiting", Some(until)) => Some(Self::Waiting { until }),
            ("dialling", _) => Some(Self::Dialling),
            ("done", _) => Some(Self::Done),
            ("suppressed", _) => Some(Self::Suppressed),
            ("cancelled", _) => Some(Self::Cancelled),
            _ => None,
        }
    }

    /// True once no further attempt follows by itself.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Done | Self::Suppressed | Self::Cancelled)
    }

    /// The state after `event`.
    ///
    /// # Errors
    /// [`IllegalTransition`] for a pair that is not in the table; the state stays as it is.
    pub fn on(self, event: RecipientEvent) -> Result<Self, IllegalTransition> {
        use RecipientEvent as E;
        use RecipientState as S;
        Ok(match (self, event) {
            (S::Planned | S::Waiting { .. }, E::Wait { until }) => S::Waiting { until },
            (S::Planned | S::Waiting { .. }, E::Dial) => S::Dialling,
            (S::Dialling, E::Retry { until }) => S::Waiting { until },
            (S::Dialling | S::Waiting { .. } | S::Done, E::Finish) => S::Done,
            (S::Planned | S::Waiting { .. } | S::Suppressed, E::Suppress) => S::Suppressed,
            (S::Planned | S::Waiting { .. } | S::Dialling | S::Cancelled, E::Cancel) => S::Cancelled,
            (S::Done | S::Suppressed | S::Cancelled, E::AskAgain) => S::Planned,
            (state, event) => {
                return Err(IllegalTransition {
                    machine: "recipient",
                    state: state.as_str().to_owned(),
                    event: event.as_str().to_owned(),
                });
            }
        })
    }
}

impl RecipientEvent {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Wait { .. } => "wait",
            Self::Dial => "dial",
            Self::Retry { .. } => "retry",
            Self::Finish => "finish",
            Self::Suppress => "suppress",
            Self::Cancel => "cancel",
            Self::AskAgain => "ask_again",
        }
    }
}
