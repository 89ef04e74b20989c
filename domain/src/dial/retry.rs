//! What follows an attempt: another one, a text message, a question to the courier, or nothing.
//!
//! A retry is a new attempt with a minimum gap. Attempts that reached the callee's side are counted against
//! `max_attempts`; those that the network held back are not, but are bounded by `max_uncounted`, so that nothing is
//! tried for ever. `Unknown` is never retried by itself: it may have rung.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::outcome::{CallOutcome, NextStep};
use crate::clock::{HOUR, MINUTE, SECOND, UnixMs};

/// How an organisation retries. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetryPolicy {
    /// Most attempts that count, the first one included.
    pub max_attempts: u32,
    /// Most attempts in a row that do not count (over capacity, barred by the carrier).
    pub max_uncounted: u32,
    /// Gaps that differ from the glossary's, by outcome.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, i64>))]
    pub gaps: BTreeMap<CallOutcome, i64>,
    /// First pause after "no free channel" or a line fault; each further one doubles it, up to ten minutes.
    pub back_off: i64,
    /// Pause after a carrier's frequency limit that names no time.
    pub limit_gap: i64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            max_uncounted: 6,
            gaps: BTreeMap::new(),
            back_off: 15 * SECOND,
            limit_gap: HOUR,
        }
    }
}

/// The longest pause that doubling leads to, unless the far side asks for a longer one.
const LONGEST_BACK_OFF: i64 = 10 * MINUTE;

/// The attempts to one person in one batch so far, the one that has just ended included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptsSoFar {
    /// Those that count.
    pub counted: u32,
    /// Those that do not.
    pub uncounted: u32,
}

impl AttemptsSoFar {
    /// Counts outcomes.
    #[must_use]
    pub fn of(outcomes: impl IntoIterator<Item = CallOutcome>) -> Self {
        let mut so_far = Self::default();
        for outcome in outcomes {
            if outcome.counts_as_attempt() {
                so_far.counted += 1;
            } else {
                so_far.uncounted += 1;
            }
        }
        so_far
    }
}

/// An attempt that has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedAttempt {
    /// How it ended.
    pub outcome: CallOutcome,
    /// When it ended.
    pub at: UnixMs,
    /// What a Retry-After header asked for (RFC 3261, 20.33), ms.
    pub retry_after: Option<i64>,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum RetryDecision {
    /// A new attempt.
    Retry {
        /// Not before this time.
        not_before: UnixMs,
        /// With another display number than last time; without another one, give up.
        other_display_number: bool,
    },
    /// Nothing.
    Done,
    /// No attempt is left; a text message where the organisation allows it.
    Exhausted,
    /// A text message where the organisation allows it; no ring.
    TextMessage,
    /// Nothing; the task is flagged, because its number is wrong.
    FlagTask,
    /// A text message where the organisation allows it, and the courier is asked; no ring.
    AskCourier,
}

impl RetryPolicy {
    /// What follows `ended`. `allowed` maps a time to the first one not before it at which this person may be rung
    /// (usually [`super::policy::Policy::next_allowed`]).
    #[must_use]
    pub fn decide(
        &self,
        ended: EndedAttempt,
        so_far: AttemptsSoFar,
        allowed: impl FnOnce(UnixMs) -> UnixMs,
    ) -> RetryDecision {
        let counts = ended.outcome.counts_as_attempt();
        let left =
            if counts { so_far.counted < self.max_attempts } else { so_far.uncounted < self.max_uncounted };
        let (gap, other_display_number) = match ended.outcome.next() {
            NextStep::None | NextStep::Never => return RetryDecision::Done,
            NextStep::TextMessage => return RetryDecision::TextMessage,
            NextStep::FlagTask => return RetryDecision::FlagTask,
            NextStep::AskCourier => return RetryDecision::AskCourier,
            NextStep::Retry { min_gap } => (min_gap, false),
            NextStep::WhenAllowed => (self.limit_gap, false),
            NextStep::BackOff | NextStep::BoundedRetry => (self.pause(so_far.uncounted), false),
            NextStep::OtherDisplayNumber => (0, true),
        };
        if !left {
            return RetryDecision::Exhausted;
        }
        let gap = self.gaps.get(&ended.outcome).copied().unwrap_or(gap);
        let gap = gap.max(ended.retry_after.unwrap_or(0)).max(0);
        match allowed(ended.at + gap) {
            UnixMs::NEVER => RetryDecision::Exhausted,
            not_before => RetryDecision::Retry { not_before, other_display_number },
        }
    }

    fn pause(&self, uncounted: u32) -> i64 {
        let doublings = uncounted.saturating_sub(1).min(20);
        self.back_off.max(SECOND).saturating_mul(1 << doublings).min(LONGEST_BACK_OFF.max(self.back_off))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(outcome: CallOutcome, counted: u32, uncounted: u32) -> RetryDecision {
        let ended = EndedAttempt { outcome, at: UnixMs(1_000_000), retry_after: None };
        RetryPolicy::default().decide(ended, AttemptsSoFar { counted, uncounted }, |t| t)
    }

    fn retry(gap: i64) -> RetryDecision {
        RetryDecision::Retry { not_before: UnixMs(1_000_000) + gap, other_display_number: false }
    }

    #[test]
    fn the_table() {
        use CallOutcome::*;
        assert_eq!(after(AnsweredFull, 1, 0), RetryDecision::Done);
        assert_eq!(after(Busy, 1, 0), retry(5 * MINUTE));
        assert_eq!(after(NoAnswer, 2, 0), retry(30 * MINUTE));
        assert_eq!(after(NoAnswer, 3, 0), RetryDecision::Exhausted);
        assert_eq!(after(Rejected, 1, 0), RetryDecision::TextMessage);
        assert_eq!(after(Interrupted, 1, 0), RetryDecision::TextMessage);
        assert_eq!(after(InvalidNumber, 1, 0), RetryDecision::FlagTask);
        assert_eq!(after(Suspended, 1, 0), RetryDecision::Done);
        assert_eq!(after(Unknown, 1, 0), RetryDecision::AskCourier);
        assert_eq!(after(RateLimited, 0, 1), retry(HOUR));
        assert_eq!(after(CapacityExceeded, 0, 1), retry(15 * SECOND));
        assert_eq!(after(CapacityExceeded, 2, 3), retry(60 * SECOND));
        assert_eq!(after(CapacityExceeded, 0, 6), RetryDecision::Exhausted);
        assert_eq!(after(ProviderError, 3, 0), RetryDecision::Exhausted);
        assert_eq!(
            after(CallerBarred, 0, 1),
            RetryDecision::Retry { not_before: UnixMs(1_000_000), other_display_number: true }
        );
    }

    #[test]
    fn what_the_far_side_asks_for_and_what_the_hours_allow() {
        let policy = RetryPolicy::default();
        let ended = EndedAttempt {
            outcome: CallOutcome::CapacityExceeded,
            at: UnixMs(0),
            retry_after: Some(120_000),
        };
        let so_far = AttemptsSoFar { counted: 0, uncounted: 1 };
        let decision = policy.decide(ended, so_far, |t| t + 7);
        assert_eq!(
            decision,
            RetryDecision::Retry { not_before: UnixMs(120_007), other_display_number: false }
        );
        assert_eq!(policy.decide(ended, so_far, |_| UnixMs::NEVER), RetryDecision::Exhausted);
    }

    #[test]
    fn record() {
        let policy = RetryPolicy { gaps: [(CallOutcome::Busy, 600_000)].into(), ..RetryPolicy::default() };
        insta::assert_json_snapshot!(policy, @r#"
        {
          "max_attempts": 3,
          "max_uncounted": 6,
          "gaps": {
            "busy": 600000
          },
          "back_off": 15000,
          "limit_gap": 3600000
        }
        "#);
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<RetryPolicy>(&json).unwrap(), policy);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// Whatever the network answers, attempts to one person come to an end, and none is before its gap.
        #[test]
        fn ends(outcomes in proptest::collection::vec(0usize..CallOutcome::ALL.len(), 1..40)) {
            let policy = RetryPolicy::default();
            let mut seen = Vec::new();
            let mut now = UnixMs(0);
            for i in outcomes {
                let outcome = CallOutcome::ALL[i];
                seen.push(outcome);
                let so_far = AttemptsSoFar::of(seen.iter().copied());
                let ended = EndedAttempt { outcome, at: now, retry_after: None };
                let RetryDecision::Retry { not_before, .. } = policy.decide(ended, so_far, |t| t) else { return Ok(()) };
                if let NextStep::Retry { min_gap } = outcome.next() {
                    prop_assert!(not_before.since(now) >= min_gap);
                }
                now = not_before;
            }
            prop_assert!(seen.len() as u32 <= policy.max_attempts + policy.max_uncounted);
        }
    }
}
