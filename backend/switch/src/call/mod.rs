//! Calls as the user of the library sees them: what is drafted, what is played.

use std::sync::Arc;
use std::time::Duration;

use crate::media::Prompt;

/// A call to be placed. Two drafts of the same attempt, route number, trunk, numbers and headers differ only in the
/// RTP port.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Seed of the Call-ID, From tag and branch: the attempt's id. Never reuse it for another attempt.
    pub attempt: &'a str,
    /// Which route of the attempt this is, from 0; part of the seed.
    pub route_no: u32,
    /// The trunk to use.
    pub trunk: &'a str,
    /// Number to show; must be in the trunk's `caller_ids`.
    pub caller: &'a str,
    /// Number to call.
    pub callee: &'a str,
    /// Further headers, name and value.
    pub headers: Vec<(String, String)>,
}

/// Sound to be played to a leg. It replaces what is being played there.
#[derive(Debug, Clone)]
pub struct Play {
    /// Comes back in [`EventKind::PlayEnded`](crate::EventKind::PlayEnded).
    pub token: u64,
    /// One after another, without a gap.
    pub prompts: Vec<Arc<Prompt>>,
    /// How often in all; 0 counts as 1.
    pub times: u32,
    /// Silence between two rounds.
    pub gap: Duration,
    /// A key press ends it (`completed` is false then).
    pub stop_on_digit: bool,
}

impl Play {
    /// Plays `prompts` once, through key presses.
    #[must_use]
    pub fn once(token: u64, prompts: Vec<Arc<Prompt>>) -> Self {
        Self { token, prompts, times: 1, gap: Duration::ZERO, stop_on_digit: false }
    }
}

/// Q.850 cause number for the Reason header of a BYE or CANCEL (RFC 3326), 1 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Q850(pub u8);

impl Q850 {
    /// Normal call clearing.
    pub const NORMAL: Self = Self(16);
    /// No answer from the user (he was alerted).
    pub const NO_ANSWER: Self = Self(19);
}
