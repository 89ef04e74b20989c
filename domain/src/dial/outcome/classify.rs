//! From what the network said to one word.
//!
//! Order of evidence, strongest first:
//!
//! 1. an answer;
//! 2. that we never sent anything, or that no final answer came (`Unknown`: silence proves nothing);
//! 3. our own CANCEL that the far side confirmed with 487 (RFC 3261, 9.2);
//! 4. a definite cause in a Reason header (RFC 3326), which wins over the status line;
//! 5. words in the Reason text or in the phrase that name a state of the callee or a carrier's limit;
//! 6. any other telling cause;
//! 7. the status code.

use serde::{Deserialize, Serialize};

use super::CallOutcome;
use super::cause::{Cause, of_cause, of_status};
use super::hint::hint;

/// Everything that is known when an attempt has ended. The default is "sent, and nothing came back".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallEnd {
    /// The last SIP status from the far side, if any; a provisional one (1xx) counts as no answer yet.
    pub status: Option<u16>,
    /// Q.850 cause of a Reason header in the final answer, or in the BYE.
    pub q850: Option<u8>,
    /// Text of that Reason header.
    pub reason_text: Option<String>,
    /// Reason phrase of the status line.
    pub phrase: Option<String>,
    /// An 18x was seen.
    pub rang: bool,
    /// A 2xx was seen.
    pub answered: bool,
    /// We sent CANCEL.
    pub cancelled_by_us: bool,
    /// We gave up waiting (transaction time-out, ring time-out without a final answer).
    pub our_timeout: bool,
    /// The notice was played to its end.
    pub heard_full: bool,
    /// Answered, but our side died or lost the media before the notice was over.
    pub interrupted: bool,
    /// It is certain that no request left: cancelled in time, or no route.
    pub not_sent: bool,
}

/// The outcome of an attempt. Total: any combination of fields has one.
#[must_use]
pub fn classify(end: &CallEnd) -> CallOutcome {
    let success = end.status.is_some_and(|s| (200..300).contains(&s));
    if end.answered || success {
        return if end.heard_full {
            CallOutcome::AnsweredFull
        } else if end.interrupted {
            CallOutcome::Interrupted
        } else {
            CallOutcome::AnsweredPartial
        };
    }
    if end.not_sent {
        return if end.cancelled_by_us { CallOutcome::Cancelled } else { CallOutcome::ProviderError };
    }
    let status = end.status.filter(|s| (300..700).contains(s));
    let cause = end.q850.map_or(Cause::Silent, of_cause);
    let Some(status) = status else {
        return without_final(end, cause);
    };
    // A transaction layer makes a 408 of its own when its timer fires: that is silence, not an answer.
    if end.our_timeout && status == 408 {
        return CallOutcome::Unknown;
    }
    if status == 487 {
        return match cause {
            _ if end.cancelled_by_us && !end.rang => CallOutcome::Cancelled,
            _ if end.cancelled_by_us || end.rang => CallOutcome::NoAnswer,
            Cause::Definite(o) | Cause::Likely(o) => o,
            Cause::Silent => CallOutcome::ProviderError,
        };
    }
    if let Cause::Definite(outcome) = cause {
        return outcome;
    }
    let text = end.reason_text.as_deref().and_then(hint).or_else(|| end.phrase.as_deref().and_then(hint));
    match (text, cause) {
        (Some(outcome), _) | (None, Cause::Likely(outcome) | Cause::Definite(outcome)) => outcome,
        (None, Cause::Silent) => of_status(status),
    }
}

/// No final status: a cause alone (from a gateway's report) is believed; otherwise nothing is known.
fn without_final(end: &CallEnd, cause: Cause) -> CallOutcome {
    if end.our_timeout || end.status.is_some_and(|s| s >= 100) {
        return CallOutcome::Unknown;
    }
    match cause {
        Cause::Definite(outcome) => outcome,
        Cause::Likely(outcome) => end.reason_text.as_deref().and_then(hint).unwrap_or(outcome),
        Cause::Silent => CallOutcome::Unknown,
    }
}
