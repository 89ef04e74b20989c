//! Local RTP ports: even numbers from a range, bound when they are reserved so that a stored INVITE can rely on them.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use parking_lot::Mutex;

use super::socket::{self, PortPair};
use crate::error::SwitchError;

/// The ports of one switch. Shared by all threads.
pub(crate) struct PortPool {
    ip: IpAddr,
    first: u16,
    pairs: usize,
    state: Mutex<State>,
}

struct State {
    next: usize,
    used: Vec<bool>,
    reserved: HashMap<u16, PortPair>,
    /// Ports of stored calls that may be taken up: kept from new ones.
    held: HashSet<u16>,
}

impl PortPool {
    /// Ports of `range` on `ip`; the range may be uneven, only whole pairs are used.
    pub(crate) fn new(ip: IpAddr, range: &RangeInclusive<u16>, start: usize) -> Self {
        let first = range.start().saturating_add(range.start() % 2);
        let pairs = usize::from(range.end().saturating_sub(first).saturating_add(1)) / 2;
        let state = State {
            next: start % pairs.max(1),
            used: vec![false; pairs],
            reserved: HashMap::new(),
            held: HashSet::new(),
        };
        Self { ip, first, pairs, state: Mutex::new(state) }
    }

    /// Takes and binds a free pair; the least recently freed first, so that late packets of an old call die out.
    pub(crate) fn reserve(&self) -> Result<u16, SwitchError> {
        let mut state = self.state.lock();
        for _ in 0..self.pairs {
            let index = state.next;
            state.next = (state.next + 1) % self.pairs;
            if state.used[index] {
                continue;
            }
            let port = self.first + (index * 2) as u16;
            // A port taken by another program is passed over; the next round tries it again.
            if let Ok(pair) = socket::bind_pair(SocketAddr::new(self.ip, port)) {
                state.used[index] = true;
                state.reserved.insert(port, pair);
                return Ok(port);
            }
        }
        Err(SwitchError::NoRtpPort)
    }

    /// The sockets of a reserved port; after a restart, binds the port of a stored record.
    pub(crate) fn take(&self, port: u16) -> Result<PortPair, SwitchError> {
        let mut state = self.state.lock();
        if let Some(pair) = state.reserved.remove(&port) {
            return Ok(pair);
        }
        let bind = |port| {
            let addr = SocketAddr::new(self.ip, port);
            socket::bind_pair(addr).map_err(|e| SwitchError::Bind { addr, reason: e.to_string() })
        };
        let held = state.held.remove(&port);
        match self.index(port) {
            Some(index) if state.used[index] && !held => Err(SwitchError::NoRtpPort),
            Some(index) => {
                let pair = bind(port);
                state.used[index] = pair.is_ok();
                pair
            }
            // The range was changed between two starts: the port still belongs to the stored call.
            None => bind(port),
        }
    }

    /// Keeps the port of a stored call from new ones, until it is taken or [`PortPool::release_held`].
    pub(crate) fn hold(&self, port: u16) {
        let mut state = self.state.lock();
        if let Some(index) = self.index(port).filter(|i| !state.used[*i]) {
            state.used[index] = true;
            state.held.insert(port);
        }
    }

    /// Gives back what was held and not taken.
    pub(crate) fn release_held(&self) {
        let mut state = self.state.lock();
        for port in std::mem::take(&mut state.held) {
            if let Some(index) = self.index(port) {
                state.used[index] = false;
            }
        }
    }

    /// Gives a port back; its sockets must be closed or are closed here.
    pub(crate) fn release(&self, port: u16) {
        let mut state = self.state.lock();
        state.reserved.remove(&port);
        if let Some(index) = self.index(port) {
            state.used[index] = false;
        }
    }

    fn index(&self, port: u16) -> Option<usize> {
        let offset = usize::from(port.checked_sub(self.first)?);
        (offset % 2 == 0 && offset / 2 < self.pairs).then_some(offset / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(range: RangeInclusive<u16>) -> PortPool {
        PortPool::new(IpAddr::from([127, 0, 0, 1]), &range, 0)
    }

    #[test]
    fn pairs_are_even_whole_and_given_back() {
        let p = pool(19_101..=19_106);
        let (a, b) = (p.reserve().expect("a"), p.reserve().expect("b"));
        assert_eq!((a, b), (19_102, 19_104));
        assert_eq!(p.reserve(), Err(SwitchError::NoRtpPort));
        let pair = p.take(a).expect("pair");
        assert_eq!(pair.rtp.local_addr().expect("addr").port(), a);
        assert_eq!(pair.rtcp.local_addr().expect("addr").port(), a + 1);
        drop(pair);
        p.release(a);
        assert_eq!(p.reserve(), Ok(a));
    }

    #[test]
    fn a_stored_port_is_taken_once_and_also_from_outside_the_range() {
        let p = pool(19_110..=19_119);
        let pair = p.take(19_112).expect("pair");
        assert!(matches!(p.take(19_112), Err(SwitchError::NoRtpPort)));
        drop(pair);
        let old = p.take(19_130).expect("of an older range");
        assert!(matches!(p.take(19_130), Err(SwitchError::Bind { .. })));
        drop(old);
        p.release(19_130);
    }

    #[test]
    fn a_held_port_is_for_the_stored_call() {
        let p = pool(19_150..=19_153);
        p.hold(19_150);
        assert_eq!(p.reserve(), Ok(19_152));
        assert_eq!(p.reserve(), Err(SwitchError::NoRtpPort));
        let pair = p.take(19_150).expect("the stored call's");
        p.release_held();
        assert_eq!(p.reserve(), Err(SwitchError::NoRtpPort));
        drop(pair);
        p.release(19_150);
        p.hold(19_150);
        p.release_held();
        assert_eq!(p.reserve(), Ok(19_150));
    }

    #[test]
    fn a_port_that_another_program_has_is_passed_over() {
        let taken = std::net::UdpSocket::bind("127.0.0.1:19141").expect("bind");
        let p = pool(19_140..=19_143);
        assert_eq!(p.reserve(), Ok(19_142));
        drop(taken);
        assert_eq!(p.reserve(), Ok(19_140));
    }
}
