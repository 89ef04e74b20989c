//! Wrong passwords: whoever sends them is answered later and later.
//!
//! Counted is the pair of address and user name, and the address as a whole, so that one telephone with a wrong password does
//! not lock out its neighbours behind the same NAT, and guessing through many names is stopped all the same. Only an answer to
//! a nonce that was made for the address counts: with a forged address nobody can have somebody else blocked.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::{Duration, Instant};

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

type Key = (IpAddr, Option<u64>);

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    at: Instant,
    until: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Blocks(HashMap<Key, Wrong>);

fn pair(source: IpAddr, user: &str) -> Key {
    let mut hash = DefaultHasher::new();
    user.hash(&mut hash);
    (source, Some(hash.finish()))
}

impl Blocks {
    /// Whether nothing is to be answered now.
    pub(crate) fn is_blocked(&self, source: IpAddr, user: &str, now: Instant) -> bool {
        [pair(source, user), (source, None)].iter().any(|k| self.0.get(k).is_some_and(|w| w.until > now))
    }

    /// A wrong password. False where no more can be remembered: then it must not be answered.
    pub(crate) fn wrong(&mut self, source: IpAddr, user: &str, now: Instant) -> bool {
        if self.0.len() + 2 > MAX {
            self.forget_old(now);
            if self.0.len() + 2 > MAX {
                return false;
            }
        }
        for (key, free) in [(pair(source, user), FREE), ((source, None), FREE_OF_ADDRESS)] {
            let wrong = self.0.entry(key).or_insert(Wrong { count: 0, at: now, until: now });
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

    /// The right password: this pair begins anew.
    pub(crate) fn right(&mut self, source: IpAddr, user: &str) {
        self.0.remove(&pair(source, user));
    }

    /// Forgets whoever has been good for long enough.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, w| now.saturating_duration_since(w.at) < LONGEST * 2);
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
        b.right(A, "one");
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
    fn the_memory_is_bounded() {
        let (mut b, now) = (Blocks::default(), Instant::now());
        let remembered = (0..60_000u32).filter(|n| b.wrong(IpAddr::from(n.to_be_bytes()), "u", now)).count();
        assert_eq!(remembered, MAX / 2);
        assert!(b.0.len() <= MAX);
        assert!(b.wrong(A, "u", now + LONGEST * 2), "later there is room again");
    }
}
