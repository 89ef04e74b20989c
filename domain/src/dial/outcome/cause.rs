//! The two code tables: Q.850 causes (ITU-T Q.850, table 1) and SIP statuses (RFC 3261, 21, and its extensions).

use super::CallOutcome;

/// What a Q.850 cause proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It names one state of the callee or of the way, whatever else the answer says.
    Definite(CallOutcome),
    /// It names a state, but carriers also use it for neighbouring ones, which the text tells apart.
    Likely(CallOutcome),
    /// It says nothing ("normal", "unspecified", "interworking"): look at the status.
    Silent,
}

/// The meaning of a Q.850 cause; total over all values of a byte.
pub(super) const fn of_cause(cause: u8) -> Cause {
    use CallOutcome::*;
    match cause {
        // 16 normal clearing, 31 normal unspecified, 127 interworking; 0 and 128 and above are not causes.
        0 | 16 | 31 | 127..=255 => Cause::Silent,
        // Unallocated; invalid format; number changed.
        1 | 22 | 28 => Cause::Definite(InvalidNumber),
        // Misdialled trunk prefix; special information tone, which announces an intercepted number.
        4 | 5 => Cause::Likely(InvalidNumber),
        17 => Cause::Definite(Busy),
        // No user responding: also sent for a telephone that is off or suspended.
        18 => Cause::Likely(NoAnswer),
        19 => Cause::Definite(NoAnswer),
        // Subscriber absent; destination out of order.
        20 | 27 => Cause::Likely(OutOfCoverage),
        // Call rejected: also sent for a limit or a barred caller.
        21 => Cause::Likely(Rejected),
        // No circuit; switching equipment congestion.
        34 | 42 => Cause::Definite(CapacityExceeded),
        // Requested circuit not available; precedence blocked; resource unavailable.
        44 | 46 | 47 => Cause::Likely(CapacityExceeded),
        // Facility not subscribed; outgoing calls barred.
        50 | 52 | 53 => Cause::Likely(CallerBarred),
        // Incoming calls barred; not a member of the closed user group.
        54 | 55 | 87 => Cause::Likely(Rejected),
        // Everything else is a fault on the way: routing, network, protocol, interworking, timers.
        2
        | 3
        | 6..=15
        | 23..=26
        | 29
        | 30
        | 32
        | 33
        | 35..=41
        | 43
        | 45
        | 48
        | 49
        | 51
        | 56..=86
        | 88..=126 => Cause::Likely(ProviderError),
    }
}

/// The meaning of a final status that comes without a telling cause or text; total over all values.
pub(super) const fn of_status(status: u16) -> CallOutcome {
    use CallOutcome::*;
    match status {
        // Forbidden without a word why; declined; unwanted (RFC 8197); blocked on the callee's behalf (RFC 8688).
        403 | 603 | 607 | 608 => Rejected,
        // Not found; gone; address incomplete; ambiguous; does not exist anywhere.
        404 | 410 | 484 | 485 | 604 => InvalidNumber,
        // Request time-out and temporarily unavailable, as said by the far side.
        408 | 480 => NoAnswer,
        // Used by carriers for their limits, whatever its name in RFC 3892.
        429 => RateLimited,
        // Anonymity refused (RFC 5079); identity wanted or not believed (RFC 8224); 476 of Chinese platforms.
        428 | 433 | 436..=438 | 476 => CallerBarred,
        486 | 600 => Busy,
        487 => NoAnswer,
        503 => CapacityExceeded,
        606 => ProviderError,
        601..=699 => Rejected,
        // Redirection that we do not follow; requests that the far side cannot serve; its failures.
        300..=599 => ProviderError,
        // Provisional, success and nonsense are no refusals.
        _ => Unknown,
    }
}
