//! What a call attempt came to, in the trade's words.
//!
//! [`classify`] maps what the network said to one [`CallOutcome`]; it is total: every SIP status and every Q.850 cause
//! has a word. [`CallOutcome::merge`] makes one of two reports about the same attempt, whichever comes first.
//! [`CallOutcome::next`] says what may follow.

mod cause;
mod classify;
mod hint;
#[cfg(test)]
mod tests;

pub use classify::{CallEnd, classify};

use crate::clock::MINUTE;
use crate::parcel::CallMark;

words! {
    /// How a call attempt ended.
    pub enum CallOutcome {
        /// Answered, and the notice was heard to its end.
        AnsweredFull = "answered_full", "已接听·听完", "answered, heard in full";
        /// Answered, and hung up before the notice ended.
        AnsweredPartial = "answered_partial", "已接听·提前挂机", "answered, hung up early";
        /// Answered, and then our side died.
        Interrupted = "interrupted", "通话中断", "interrupted";
        /// The callee was talking to somebody else (many switches also say so for a refusal).
        Busy = "busy", "占线", "busy";
        /// It rang, and nobody answered.
        NoAnswer = "no_answer", "未接听", "no answer";
        /// The callee, or the callee's telephone, refused.
        Rejected = "rejected", "拒接", "rejected";
        /// There is no such number.
        InvalidNumber = "invalid_number", "空号", "no such number";
        /// The telephone could not be reached.
        OutOfCoverage = "out_of_coverage", "不在服务区", "out of coverage";
        /// The telephone is switched off.
        PoweredOff = "powered_off", "关机", "switched off";
        /// The number is suspended by its carrier.
        Suspended = "suspended", "停机", "suspended";
        /// The carrier's frequency limit for this callee.
        RateLimited = "rate_limited", "频控", "frequency limit";
        /// The carrier lets no such call through at this time of day.
        TimeBarred = "time_barred", "时段限呼", "not at this time of day";
        /// No free channel on the way.
        CapacityExceeded = "capacity_exceeded", "超并发", "no free channel";
        /// The carrier does not accept the displayed number.
        CallerBarred = "caller_barred", "主叫受限", "caller id not accepted";
        /// Something on the way failed.
        ProviderError = "provider_error", "线路故障", "line fault";
        /// Stopped by us before it rang.
        Cancelled = "cancelled", "已取消", "cancelled";
        /// It cannot be known whether the telephone rang.
        Unknown = "unknown", "待确认", "not known";
    }
}

/// What may follow an outcome. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing: the notice was given, or nobody wants it any more.
    None,
    /// Ring again after at least this gap; counts as an attempt.
    Retry {
        /// Least time between the end of this attempt and the next one.
        min_gap: i64,
    },
    /// Do not ring again; send the text message where the organisation allows it.
    TextMessage,
    /// Never ring this number; the task is flagged so that the courier checks the number.
    FlagTask,
    /// Never ring again in this batch.
    Never,
    /// Ring when limits allow; this attempt does not count, but such attempts are bounded.
    WhenAllowed,
    /// Ring after a pause that grows; this attempt does not count, but such attempts are bounded.
    BackOff,
    /// Ring with another display number, if there is one.
    OtherDisplayNumber,
    /// Ring again a bounded number of times.
    BoundedRetry,
    /// Text message, and ask the courier. Never ring blindly.
    AskCourier,
}

impl CallOutcome {
    /// What may follow, as the glossary's table has it.
    #[must_use]
    pub const fn next(self) -> NextStep {
        match self {
            Self::AnsweredFull | Self::AnsweredPartial | Self::Cancelled => NextStep::None,
            Self::Busy => NextStep::Retry { min_gap: 5 * MINUTE },
            Self::NoAnswer => NextStep::Retry { min_gap: 30 * MINUTE },
            Self::OutOfCoverage | Self::PoweredOff => NextStep::Retry { min_gap: 60 * MINUTE },
            Self::Interrupted | Self::Rejected => NextStep::TextMessage,
            Self::InvalidNumber => NextStep::FlagTask,
            Self::Suspended => NextStep::Never,
            Self::RateLimited | Self::TimeBarred => NextStep::WhenAllowed,
            Self::CapacityExceeded => NextStep::BackOff,
            Self::CallerBarred => NextStep::OtherDisplayNumber,
            Self::ProviderError => NextStep::BoundedRetry,
            Self::Unknown => NextStep::AskCourier,
        }
    }

    /// The mark that a task with this as its only attempt gets.
    #[must_use]
    pub const fn mark(self) -> CallMark {
        match self {
            Self::AnsweredFull | Self::AnsweredPartial | Self::Interrupted => CallMark::Answered,
            Self::Busy
            | Self::NoAnswer
            | Self::Rejected
            | Self::InvalidNumber
            | Self::OutOfCoverage
            | Self::PoweredOff
            | Self::Suspended
            | Self::ProviderError => CallMark::Unanswered,
            Self::RateLimited
            | Self::TimeBarred
            | Self::CapacityExceeded
            | Self::CallerBarred
            | Self::Cancelled => CallMark::NotCalled,
            Self::Unknown => CallMark::ToConfirm,
        }
    }

    /// True if somebody picked up.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::AnsweredFull | Self::AnsweredPartial | Self::Interrupted)
    }

    /// True if the attempt counts towards the number of attempts that an organisation allows. Attempts that the
    /// network did not let through to the callee do not.
    #[must_use]
    pub const fn counts_as_attempt(self) -> bool {
        !matches!(self, Self::RateLimited | Self::TimeBarred | Self::CapacityExceeded | Self::Cancelled)
    }

    /// One outcome of two reports on the same attempt. Commutative, associative and idempotent, with `Unknown` as the
    /// neutral element, so that late, duplicate and reordered reports all end in the same state.
    ///
    /// Of two definite reports the one that proves more wins: an answer over a refusal, what the callee's side said
    /// over what the way there said.
    #[must_use]
    pub const fn merge(self, other: Self) -> Self {
        if self.rank() >= other.rank() { self } else { other }
    }

    /// How much a report proves; no two outcomes share a rank.
    const fn rank(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Cancelled => 1,
            Self::ProviderError => 2,
            Self::CapacityExceeded => 3,
            Self::CallerBarred => 4,
            Self::TimeBarred => 5,
            Self::RateLimited => 6,
            Self::OutOfCoverage => 7,
            Self::PoweredOff => 8,
            Self::Suspended => 9,
            Self::InvalidNumber => 10,
            Self::NoAnswer => 11,
            Self::Busy => 12,
            Self::Rejected => 13,
            Self::Interrupted => 14,
            Self::AnsweredPartial => 15,
            Self::AnsweredFull => 16,
        }
    }
}
