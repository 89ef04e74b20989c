//! The mark on a task: what the calls about it have come to so far.

use crate::dial::outcome::CallOutcome;

words! {
    /// The roll-up that a courier sees on each task.
    #[derive(Default)]
    pub enum CallMark {
        /// No telephone has been reached for it yet.
        #[default]
        NotCalled = "not_called", "未呼叫", "not called";
        /// A call is under way.
        Called = "called", "已呼叫", "called";
        /// Somebody answered.
        Answered = "answered", "已接听", "answered";
        /// Called in vain.
        Unanswered = "unanswered", "未接听", "not answered";
        /// It cannot be known whether the telephone rang; the courier is asked.
        ToConfirm = "to_confirm", "待确认", "to be confirmed";
    }
}

/// As much of an attempt as the mark needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptGlance {
    /// The number of the attempt, from 1.
    pub number: u32,
    /// How it ended; `None` while it is open (its intent counts: the call may already be on its way).
    pub outcome: Option<CallOutcome>,
}

impl CallMark {
    /// The mark that a task gets from its attempts, in whatever order they are given.
    ///
    /// An answer stays an answer whatever is tried later. Otherwise the newest attempt that says anything decides: one
    /// that never reached a telephone (over capacity, not allowed, cancelled in time) says nothing.
    #[must_use]
    pub fn roll_up(attempts: impl IntoIterator<Item = AttemptGlance>) -> Self {
        let mut newest: Option<(u32, Self)> = None;
        for attempt in attempts {
            let mark = attempt.outcome.map_or(Self::Called, CallOutcome::mark);
            if mark == Self::Answered {
                return Self::Answered;
            }
            if mark != Self::NotCalled && newest.is_none_or(|(number, _)| attempt.number >= number) {
                newest = Some((attempt.number, mark));
            }
        }
        newest.map_or(Self::NotCalled, |(_, mark)| mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roll(list: &[(u32, Option<CallOutcome>)]) -> CallMark {
        CallMark::roll_up(list.iter().map(|&(number, outcome)| AttemptGlance { number, outcome }))
    }

    #[test]
    fn rolls_up() {
        use CallOutcome::*;
        assert_eq!(roll(&[]), CallMark::NotCalled);
        assert_eq!(roll(&[(1, None)]), CallMark::Called);
        assert_eq!(roll(&[(1, Some(NoAnswer))]), CallMark::Unanswered);
        assert_eq!(roll(&[(1, Some(NoAnswer)), (2, None)]), CallMark::Called);
        assert_eq!(roll(&[(2, Some(Busy)), (1, Some(Unknown))]), CallMark::Unanswered);
        assert_eq!(roll(&[(1, Some(Unknown)), (2, Some(CapacityExceeded))]), CallMark::ToConfirm);
        assert_eq!(roll(&[(1, Some(AnsweredPartial)), (2, Some(Unknown))]), CallMark::Answered);
        assert_eq!(roll(&[(1, Some(Interrupted))]), CallMark::Answered);
        assert_eq!(roll(&[(1, Some(Cancelled))]), CallMark::NotCalled);
    }
}
