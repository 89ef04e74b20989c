//! How often one person may be rung.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMs;
use crate::dial::outcome::CallOutcome;

/// Where a frequency window starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Anchor {
    /// Fixed windows, each started by the first call outside the one before.
    FirstCall,
    /// The time just before the moment that is asked about.
    Rolling,
}

/// At most `max` calls to one person in a window of `window` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FrequencyRule {
    /// Length of the window, ms.
    pub window: i64,
    /// Most calls in a window.
    pub max: u32,
    /// Where the window starts.
    pub anchor: Anchor,
    /// Whether calls that never reached the telephone count as well.
    pub counts_failed: bool,
}

/// A call that was made to the person, by whichever batch and courier of the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PastCall {
    /// When its intent was recorded.
    pub at: UnixMs,
    /// True if it is known that it never reached the telephone.
    #[serde(default)]
    pub failed: bool,
}

impl PastCall {
    /// A call made at `at`; an open one (`None`) counts as having reached the telephone.
    #[must_use]
    pub fn new(at: UnixMs, outcome: Option<CallOutcome>) -> Self {
        Self { at, failed: outcome.is_some_and(|o| !o.counts_as_attempt()) }
    }
}

impl FrequencyRule {
    /// Until when the rule objects to a call at `now`; `None` if it does not. A call in the future (a clock was set
    /// back) counts as if it were made now.
    #[must_use]
    pub fn barred_until(&self, now: UnixMs, history: &[PastCall]) -> Option<UnixMs> {
        if self.max == 0 {
            return Some(UnixMs::NEVER);
        }
        let max = self.max as usize;
        let mut calls: Vec<UnixMs> =
            history.iter().filter(|c| self.counts_failed || !c.failed).map(|c| c.at).collect();
        calls.sort_unstable();
        match self.anchor {
            Anchor::Rolling => {
                // The call whose leaving of the window makes room for one more.
                let end = calls.len().checked_sub(max).map(|i| calls[i] + self.window)?;
                (end > now).then_some(end)
            }
            Anchor::FirstCall => {
                let mut window: Option<(UnixMs, usize)> = None;
                for at in calls {
                    window = match window {
                        Some((start, n)) if at < start + self.window => Some((start, n + 1)),
                        _ => Some((at, 1)),
                    };
                }
                let (start, n) = window?;
                let end = start + self.window;
                (n >= max && end > now).then_some(end)
            }
        }
    }
}
