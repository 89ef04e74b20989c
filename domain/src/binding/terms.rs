//! When a binding is in force.

use super::{BindRefusal, BindingState};
use crate::clock::{DAY, MINUTE, SECOND, UnixMs};

/// How long calls go through after the expiry, where the pool does not say otherwise.
pub const GRACE: i64 = 30 * MINUTE;
/// An expiry lies more than so far ahead, and at most so far.
const LEAST: i64 = MINUTE;
const MOST: i64 = 366 * DAY;

/// A binding's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it expires.
    pub expires_at: UnixMs,
    /// How long calls go through after that, milliseconds.
    pub grace_ms: i64,
    /// When it was unbound.
    pub unbound_at: Option<UnixMs>,
}

impl Span {
    /// Until when it holds its claims.
    #[must_use]
    pub fn until(&self) -> UnixMs {
        let end = UnixMs(self.expires_at.0.saturating_add(self.grace_ms.max(0)));
        self.unbound_at.map_or(end, |at| at.min(end))
    }
}

/// Where it stands.
#[must_use]
pub fn state(span: &Span, now: UnixMs) -> BindingState {
    if now >= span.until() {
        BindingState::Ended
    } else if now >= span.expires_at {
        BindingState::Grace
    } else {
        BindingState::Active
    }
}

/// The expiry that is asked for: a moment, or so many seconds from now; one of the two.
///
/// # Errors
/// [`BindRefusal::Expiry`] for neither, for both, and for one that is not more than a minute and at most 366 days ahead.
pub fn expiry(
    expiration: Option<UnixMs>,
    ttl_seconds: Option<i64>,
    now: UnixMs,
) -> Result<UnixMs, BindRefusal> {
    let at = match (expiration, ttl_seconds) {
        (Some(at), None) => at,
        (None, Some(ttl)) => UnixMs(now.0.saturating_add(ttl.saturating_mul(SECOND))),
        _ => return Err(BindRefusal::Expiry),
    };
    let ahead = at.since(now);
    if ahead > LEAST && ahead <= MOST { Ok(at) } else { Err(BindRefusal::Expiry) }
}
