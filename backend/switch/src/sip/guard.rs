//! Who may be heard, and how much: budgets for each source address, none of them unbounded.
//!
//! *Peers* are the addresses of trunks. They may send requests outside a call up to the configured rates; what they
//! send inside calls and what they answer is bounded by our own calls. *Strangers* are everyone else. A bounded number of
//! messages a second of each is read, because a far side may send inside a call from another address than the trunk's; what
//! then belongs to no call is dropped without a word, so a scanner learns nothing, not even that something is here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use crate::config::FloodLimits;

/// Messages a second that are read of each stranger.
const STRANGER_RATE: f64 = 500.0;
/// Seconds after which a silent source is forgotten when room is needed.
const FORGET_S: u64 = 10;

/// What kind of budget a message uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// INVITE outside a call, from a peer.
    Invite,
    /// Another request outside a call, from a peer.
    Request,
    /// OPTIONS of a stranger that would be answered.
    StrangerOptions,
    /// Any message of a stranger.
    Stranger,
    /// REGISTER of anybody, and INVITE of a telephone that registered.
    Phone,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The budgets.
pub(crate) struct Guard {
    limits: FloodLimits,
    phones_per_s: u32,
    buckets: HashMap<(IpAddr, Kind), Bucket>,
}

impl Guard {
    pub(crate) fn new(limits: FloodLimits, phones_per_s: u32) -> Self {
        Self { limits, phones_per_s, buckets: HashMap::new() }
    }

    /// Before parsing, for an address that is no peer's.
    pub(crate) fn admit_stranger(&mut self, source: IpAddr, now: Instant) -> bool {
        self.admit(source, Kind::Stranger, now)
    }

    /// Takes one token; false where there is none, or no room to remember one more source.
    pub(crate) fn admit(&mut self, source: IpAddr, kind: Kind, now: Instant) -> bool {
        let rate = match kind {
            Kind::Invite => f64::from(self.limits.invites_per_s),
            Kind::Request => f64::from(self.limits.requests_per_s),
            Kind::StrangerOptions => f64::from(self.limits.stranger_options_per_s),
            Kind::Stranger => STRANGER_RATE,
            Kind::Phone => f64::from(self.phones_per_s),
        };
        if rate <= 0.0 {
            return false;
        }
        let burst = rate * 2.0;
        if !self.buckets.contains_key(&(source, kind)) && self.buckets.len() >= self.limits.sources {
            self.buckets.retain(|_, b| now.saturating_duration_since(b.at).as_secs() < FORGET_S);
            if self.buckets.len() >= self.limits.sources {
                return false;
            }
        }
        let bucket = self.buckets.entry((source, kind)).or_insert(Bucket { tokens: burst, at: now });
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + gained).min(burst);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_source_over_budget_waits_and_others_do_not() {
        let mut g = Guard::new(FloodLimits { invites_per_s: 10, ..FloodLimits::default() }, 0);
        let (a, b, now) = (IpAddr::from([1, 1, 1, 1]), IpAddr::from([2, 2, 2, 2]), Instant::now());
        let passed = (0..100).filter(|_| g.admit(a, Kind::Invite, now)).count();
        assert_eq!(passed, 20);
        assert!(g.admit(b, Kind::Invite, now));
        assert!(g.admit(a, Kind::Request, now));
        assert!(!g.admit(a, Kind::Invite, now + Duration::from_millis(50)));
        assert!(g.admit(a, Kind::Invite, now + Duration::from_millis(200)));
        assert!(!g.admit(a, Kind::StrangerOptions, now), "off by default");
    }

    #[test]
    fn the_memory_is_bounded_and_frees_itself() {
        let mut g = Guard::new(FloodLimits { sources: 10, ..FloodLimits::default() }, 0);
        let now = Instant::now();
        let passed = (0..100u8).filter(|i| g.admit_stranger(IpAddr::from([10, 0, 0, *i]), now)).count();
        assert_eq!(passed, 10);
        assert!(g.admit_stranger(IpAddr::from([10, 0, 1, 1]), now + Duration::from_secs(FORGET_S)));
        assert!(g.buckets.len() <= 10);
    }
}
