//! Who may be heard, and how much: budgets for each source address, none of them unbounded.
//!
//! *Peers* are the addresses of trunks. They may send requests outside a call up to the configured rates; what they
//! send inside calls and what they answer is bounded by our own calls. *Strangers* are everyone else. A bounded number of
//! messages a second of each is read, because a far side may send inside a call from another address than the trunk's; what
//! then belongs to no call is dropped without a word, so a scanner learns nothing, not even that something is here.
//!
//! Each kind of budget has a table of its own, so that no flood of one kind takes the room of another. Where a table is full of
//! sources that were all heard just now (a flood with forged addresses), further ones share one budget: they are heard less,
//! and the work stays bounded. Whoever has proved who they are ([`Guard::trust`]) keeps a place of their own meanwhile.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::config::FloodLimits;

/// Messages a second that are read of each stranger.
const STRANGER_RATE: f64 = 500.0;
/// A silent source is forgotten when room is needed.
const FORGET: Duration = Duration::from_secs(10);
/// How often a full table is looked through for those.
const LOOK: Duration = Duration::from_secs(1);
/// Sources for which there is no room share a budget of so many sources.
const NEWCOMERS: f64 = 10.0;

/// What kind of budget a message uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Kinds there are.
const KINDS: usize = 5;

/// Whose budget an address uses: of IPv6 its /64, because one host has all of that to send from.
pub(crate) fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => {
            let mut segments = ip.segments();
            segments[4..].fill(0);
            IpAddr::V6(Ipv6Addr::from(segments))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, rate: f64, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.tokens = (self.tokens + gained).min(rate * 2.0);
        self.at = now;
        let any = self.tokens >= 1.0;
        if any {
            self.tokens -= 1.0;
        }
        any
    }
}

/// The budgets of one kind.
#[derive(Default)]
struct Table {
    sources: HashMap<IpAddr, Bucket>,
    /// Of all for whom there was no room.
    newcomers: Option<Bucket>,
    looked: Option<Instant>,
}

impl Table {
    fn has_room(&mut self, most: usize, now: Instant) -> bool {
        let lately = |at: Instant, time| now.saturating_duration_since(at) < time;
        if self.sources.len() >= most && !self.looked.is_some_and(|at| lately(at, LOOK)) {
            self.looked = Some(now);
            self.sources.retain(|_, b| lately(b.at, FORGET));
        }
        self.sources.len() < most
    }

    fn take(&mut self, source: IpAddr, rate: f64, most: usize, now: Instant) -> bool {
        let new = || Bucket { tokens: rate * 2.0, at: now };
        if let Some(bucket) = self.sources.get_mut(&source) {
            return bucket.take(rate, now);
        }
        if self.has_room(most, now) {
            return self.sources.entry(source).or_insert_with(new).take(rate, now);
        }
        let rate = rate * NEWCOMERS;
        self.newcomers.get_or_insert(Bucket { tokens: rate, at: now }).take(rate, now)
    }
}

/// Somebody who has proved who they are.
struct Trusted {
    until: Instant,
    stranger: Bucket,
    phone: Bucket,
}

/// The budgets.
pub(crate) struct Guard {
    limits: FloodLimits,
    phones_per_s: u32,
    most_trusted: usize,
    tables: [Table; KINDS],
    trusted: HashMap<IpAddr, Trusted>,
}

impl Guard {
    /// `phones_per_s` of each address, and room for `most_trusted` that have proved who they are.
    pub(crate) fn new(limits: FloodLimits, phones_per_s: u32, most_trusted: usize) -> Self {
        Self { limits, phones_per_s, most_trusted, tables: Default::default(), trusted: HashMap::new() }
    }

    /// Before parsing, for an address that is no peer's.
    pub(crate) fn admit_stranger(&mut self, source: IpAddr, now: Instant) -> bool {
        self.admit(source, Kind::Stranger, now)
    }

    fn rate(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Invite => f64::from(self.limits.invites_per_s),
            Kind::Request => f64::from(self.limits.requests_per_s),
            Kind::StrangerOptions => f64::from(self.limits.stranger_options_per_s),
            Kind::Stranger => STRANGER_RATE,
            Kind::Phone => f64::from(self.phones_per_s),
        }
    }

    /// Takes one token; false where there is none.
    pub(crate) fn admit(&mut self, source: IpAddr, kind: Kind, now: Instant) -> bool {
        let rate = self.rate(kind);
        if rate <= 0.0 {
            return false;
        }
        let source = network(source);
        if let Some(trusted) = self.trusted.get_mut(&source).filter(|t| t.until > now) {
            match kind {
                Kind::Stranger => return trusted.stranger.take(rate, now),
                Kind::Phone => return trusted.phone.take(rate, now),
                Kind::Invite | Kind::Request | Kind::StrangerOptions => {}
            }
        }
        self.tables[kind as usize].take(source, rate, self.limits.sources, now)
    }

    /// A telephone at this address has proved who it is, and is heard in a flood as well until then.
    pub(crate) fn trust(&mut self, source: IpAddr, until: Instant, now: Instant) {
        let source = network(source);
        if let Some(trusted) = self.trusted.get_mut(&source) {
            trusted.until = trusted.until.max(until);
            return;
        }
        if self.trusted.len() >= self.most_trusted {
            self.trusted.retain(|_, t| t.until > now);
            if self.trusted.len() >= self.most_trusted {
                return;
            }
        }
        let full = |rate: f64| Bucket { tokens: rate * 2.0, at: now };
        let (stranger, phone) = (full(STRANGER_RATE), full(f64::from(self.phones_per_s)));
        self.trusted.insert(source, Trusted { until, stranger, phone });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(limits: FloodLimits) -> Guard {
        Guard::new(limits, 20, 100)
    }

    #[test]
    fn a_source_over_budget_waits_and_others_do_not() {
        let mut g = guard(FloodLimits { invites_per_s: 10, ..FloodLimits::default() });
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
        let mut g = guard(FloodLimits { sources: 10, ..FloodLimits::default() });
        let now = Instant::now();
        for n in 0..100_000u32 {
            g.admit_stranger(IpAddr::from(n.to_be_bytes()), now);
        }
        let kept = |g: &Guard| g.tables[Kind::Stranger as usize].sources.len();
        assert_eq!(kept(&g), 10);
        assert!(g.admit_stranger(IpAddr::from([10, 0, 1, 1]), now + FORGET));
        assert_eq!(kept(&g), 1);
    }

    #[test]
    fn a_flood_with_forged_addresses_locks_nobody_out_for_good_and_is_bounded() {
        let mut g = guard(FloodLimits { sources: 10, ..FloodLimits::default() });
        let (early, late) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut now = Instant::now();
        assert!(g.admit_stranger(early, now));
        let (mut heard, mut early_heard, mut late_heard) = (0, 0, 0);
        for n in 0..100_000u32 {
            now += Duration::from_micros(50 + u64::from(n * 7_919 % 101)); // 10 s in all, 10,000 a second
            if n > 20_000 && n % 101 == 0 {
                late_heard += usize::from(g.admit_stranger(late, now));
            }
            heard += usize::from(g.admit_stranger(IpAddr::from((0x0b00_0000 + n).to_be_bytes()), now));
            if n % 997 == 0 {
                early_heard += usize::from(g.admit_stranger(early, now));
            }
        }
        assert_eq!(early_heard, 101, "who was there keeps the place");
        assert!((100..700).contains(&late_heard), "who comes late is heard now and then: {late_heard}");
        let rate = STRANGER_RATE * NEWCOMERS;
        assert!(heard as f64 <= 10.0 * rate * 1.1 + 10.0, "{heard}");
    }

    #[test]
    fn who_has_proved_themselves_is_heard_in_a_flood_of_any_kind() {
        let mut g = guard(FloodLimits { sources: 10, ..FloodLimits::default() });
        let (phone, mut now) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        g.trust(phone, now + Duration::from_secs(120), now);
        for n in 0..50_000u32 {
            let forged = IpAddr::from((0x0b00_0000 + n).to_be_bytes());
            g.admit_stranger(forged, now);
            g.admit(forged, Kind::Phone, now);
            if n % 1_000 == 0 {
                now += Duration::from_secs(1);
                assert!(g.admit_stranger(phone, now) && g.admit(phone, Kind::Phone, now), "{n}");
            }
        }
        let passed = (0..1_000).filter(|_| g.admit(phone, Kind::Phone, now)).count();
        assert!(passed <= 40, "and has no more than others: {passed}");
        let after = now + Duration::from_secs(121);
        for n in 0..200u8 {
            g.trust(IpAddr::from([10, 0, 0, n]), after + Duration::from_secs(9), after);
        }
        assert_eq!(g.trusted.len(), 100, "bounded");
    }

    #[test]
    fn one_host_has_one_budget_however_many_addresses_it_has() {
        let mut g = guard(FloodLimits { requests_per_s: 10, ..FloodLimits::default() });
        let now = Instant::now();
        let of = |n: u16, host: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, n, host, 2, 3, host));
        let passed = (0..100).filter(|n| g.admit(of(1, *n), Kind::Request, now)).count();
        assert_eq!(passed, 20);
        assert!(g.admit(of(2, 1), Kind::Request, now));
        let mapped = IpAddr::from(std::net::Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped());
        assert_eq!(network(mapped), IpAddr::from([192, 0, 2, 7]));
    }
}
