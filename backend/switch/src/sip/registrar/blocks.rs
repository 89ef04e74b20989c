//! Wrong passwords: whoever sends them is answered later and later.
//!
//! Counted is the pair of address and user name, and the address as a whole, so that one telephone with a wrong password does
//! not lock out its neighbours behind the same NAT, and guessing through many names is stopped all the same. A pair that was
//! right within the last hour is heard while its address as a whole is not: a colleague's old password, or a guest who guesses,
//! does not silence the telephones of a counter. Of IPv6 an address is its /64. Only an answer to a nonce that was made for
//! the address counts: with a forged address nobody can have somebody else blocked.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::sip::guard::network;

/// Wrong answers of one pair that cost nothing yet.
const FREE: u32 = 3;
/// The same of one address, over all names.
const FREE_OF_ADDRESS: u32 = 20;
/// An address is forgiven one wrong answer in this time.
const FORGIVEN: Duration = Duration::from_secs(60);
/// Longest silence.
const LONGEST: Duration = Duration::from_secs(600);
/// Most that are remembered.
const MAX: usize = 20_000;
/// A pair that was right is known for so long, and so many of them.
const KNOWN: Duration = Duration::from_secs(3600);
const MAX_KNOWN: usize = 40_000;

type Key = (IpAddr, Option<u64>);

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    at: Instant,
    until: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    wrong: HashMap<Key, Wrong>,
    /// Pairs that were right, and when last.
    known: HashMap<Key, Instant>,
}

fn pair(source: IpAddr, user: &str) -> Key {
    let mut hash = DefaultHasher::new();
    user.hash(&mut hash);
    (network(source), Some(hash.finish()))
}

impl Blocks {
    /// Whether nothing is to be answered now. `user` is who they say they are, empty where they say nothing.
    pub(crate) fn is_blocked(&self, source: IpAddr, user: &str, now: Instant) -> bool {
        let blocked = |key: &Key| self.wrong.get(key).is_some_and(|w| w.until > now);
        let pair = pair(source, user);
        let known = || self.known.get(&pair).is_some_and(|at| now.saturating_duration_since(*at) < KNOWN);
        blocked(&pair) || (blocked(&(network(source), None)) && !known())
    }

    /// A wrong password. False where no more can be remembered: then it must not be answered.
    pub(crate) fn wrong(&mut self, source: IpAddr, user: &str, now: Instant) -> bool {
        if self.wrong.len() + 2 > MAX {
            self.forget_old(now);
            if self.wrong.len() + 2 > MAX {
                return false;
            }
        }
        for (key, free) in [(pair(source, user), FREE), ((network(source), None), FREE_OF_ADDRESS)] {
            let wrong = self.wrong.entry(key).or_insert(Wrong { count: 0, at: now, until: now });
            if key.1.is_none() {
                let forgiven = now.saturating_duration_since(wrong.at).as_secs() / FORGIVEN.as_secs();
                wrong.count = wrong.count.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
            }
            wrong.count = wrong.count.saturating_add(1);
            wrong.at = now;
            if wrong.count > free {
                let wait = Duration::from_secs(1 << (wrong.count - free).min(10));
                wrong.until = now + wait.min(LONGEST);
            }
        }
        true
    }

    /// The right password: this pair begins anew, and is known.
    pub(crate) fn right(&mut self, source: IpAddr, user: &str, now: Instant) {
        let pair = pair(source, user);
        self.wrong.remove(&pair);
        if self.known.len() < MAX_KNOWN || self.known.contains_key(&pair) {
            self.known.insert(pair, now);
        }
    }

    /// Forgets whoever has been good for long enough.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        self.wrong.retain(|_, w| now.saturating_duration_since(w.at) < LONGEST * 2);
        self.known.retain(|_, at| now.saturating_duration_since(*at) < KNOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn guessing_becomes_slower_and_neighbours_do_not_suffer() {
        let (mut b, mut now) = (Blocks::default(), Instant::now());
        let mut tries = 0;
        let end = now + Duration::from_secs(86_400);
        while now < end {
            if b.is_blocked(A, "one", now) {
                now += Duration::from_secs(1);
                continue;
            }
            assert!(b.wrong(A, "one", now));
            tries += 1;
            assert!(!b.is_blocked(A, "two", now) && !b.is_blocked(B, "one", now));
        }
        assert!(tries < 160, "{tries} guesses in a day");
        b.right(A, "one", now);
        assert!(!b.is_blocked(A, "one", now));
    }

    #[test]
    fn guessing_through_many_names_blocks_the_address() {
        let (mut b, now) = (Blocks::default(), Instant::now());
        let mut guessed = 0;
        while guessed < 1_000 && !b.is_blocked(A, &format!("n{guessed}"), now) {
            b.wrong(A, &format!("n{guessed}"), now);
            guessed += 1;
        }
        assert_eq!(guessed, 21);
        assert!(b.is_blocked(A, "whoever", now + Duration::from_secs(1)));
        assert!(!b.is_blocked(A, "whoever", now + Duration::from_secs(2)));
    }

    #[test]
    fn who_was_right_lately_is_heard_behind_a_nat_where_somebody_guesses() {
        let (mut b, now) = (Blocks::default(), Instant::now());
        b.right(A, "colleague", now);
        for n in 0..40 {
            b.wrong(A, &format!("n{n}"), now);
        }
        assert!(b.is_blocked(A, "whoever", now) && b.is_blocked(A, "", now));
        assert!(!b.is_blocked(A, "colleague", now));
        (0..5).for_each(|_| assert!(b.wrong(A, "colleague", now)));
        assert!(b.is_blocked(A, "colleague", now), "guessing that name is slow all the same");
        b.right(A, "colleague", now);
        let later = now + KNOWN;
        (0..40).for_each(|n| assert!(b.wrong(A, &format!("n{n}"), later)));
        assert!(b.is_blocked(A, "colleague", later), "known for an hour");
    }

    #[test]
    fn a_host_with_many_addresses_is_one() {
        let (mut b, now) = (Blocks::default(), Instant::now());
        let of = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, host, 0, 0, host]);
        (0..40).for_each(|n| assert!(b.wrong(of(n), &format!("n{n}"), now)));
        assert!(b.is_blocked(of(999), "whoever", now));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (mut b, now) = (Blocks::default(), Instant::now());
        let remembered = (0..60_000u32).filter(|n| b.wrong(IpAddr::from(n.to_be_bytes()), "u", now)).count();
        assert_eq!(remembered, MAX / 2);
        assert!(b.wrong.len() <= MAX);
        assert!(b.wrong(A, "u", now + LONGEST * 2), "later there is room again");
    }
}
