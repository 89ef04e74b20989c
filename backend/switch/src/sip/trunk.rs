//! Trunks: which ways there are, whether they are up, and how much may be sent on each.
//!
//! Shared by the handle (routes, permits, drafts) and the agent (health, addresses). Time is an argument except in
//! [`Trunks::permit_ready`], which waits.
//!
//! A *permit* stands for one token of the trunk's calls-a-second bucket and one of its channels. The bucket holds at
//! most 100 ms of sends, so however many permits are asked for at once, the calls leave evenly enough for a carrier
//! that counts over a second.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::Rng;
use tokio::sync::Notify;

use crate::config::TrunkConfig;

/// Most trunks that [`Trunks::routes`] names.
const MAX_ROUTES: usize = 10;

/// Permission to place one call; given to [`Switch::place`](crate::Switch::place). Dropped unused, its channel and its
/// share of the calls a second are free again.
pub struct Permit {
    trunk: Arc<Trunk>,
    spent: bool,
    legs: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("trunk", &self.trunk.config.name).finish()
    }
}

impl Permit {
    /// Name of the trunk.
    #[must_use]
    pub fn trunk(&self) -> &str {
        &self.trunk.config.name
    }

    /// Something is sent on it.
    pub(crate) fn spend(mut self) -> Self {
        self.spent = true;
        self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.legs.fetch_sub(1, Ordering::AcqRel);
        let mut pace = self.trunk.pace.lock();
        pace.in_use = pace.in_use.saturating_sub(1);
        if !self.spent {
            pace.tokens = (pace.tokens + 1.0).min(Pace::burst(self.trunk.config.cps));
        }
        drop(pace);
        self.trunk.freed.notify_waiters();
    }
}

/// One trunk.
pub(crate) struct Trunk {
    pub(crate) config: TrunkConfig,
    pace: Mutex<Pace>,
    freed: Notify,
    peers: Mutex<Vec<Peer>>,
    registrar: AtomicU16,
}

/// A far side's address as it was configured and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// `host[:port]` as configured.
    pub(crate) name: String,
    /// What it resolved to, best first; empty until it did.
    pub(crate) addrs: Vec<SocketAddr>,
    /// Whether calls may go there.
    pub(crate) life: Life,
    /// Has answered OPTIONS in this process: only then its silence means something while it answers calls.
    pub(crate) answers_options: bool,
}

/// What is known of a peer; of a trunk, that of the best of its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    /// Answers OPTIONS or calls, or is not asked.
    Up,
    /// Nothing was heard of it yet, and it was not silent for long: one call at a time may try.
    Unproven,
    /// Silent, out of service, or not to be connected to.
    Down,
}

/// How a trunk stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkState {
    /// As configured.
    pub name: String,
    /// Whether calls go out over it.
    pub life: Life,
    /// Peers whose name does not resolve to an address.
    pub unresolved: Vec<String>,
    /// Where it must register and is not registered: the registrar's last answer, 0 for none.
    pub unregistered: Option<u16>,
}

struct Pace {
    tokens: f64,
    filled: Option<Instant>,
    in_use: u32,
}

impl Pace {
    /// Most tokens: 100 ms worth, at least one.
    fn burst(cps: u32) -> f64 {
        (f64::from(cps) / 10.0).max(1.0)
    }

    fn fill(&mut self, cps: u32, now: Instant) {
        let burst = Self::burst(cps);
        match self.filled {
            None => self.tokens = burst,
            Some(at) => {
                let gained = now.saturating_duration_since(at).as_secs_f64() * f64::from(cps);
                self.tokens = (self.tokens + gained).min(burst);
            }
        }
        self.filled = Some(now);
    }

    fn take(&mut self, config: &TrunkConfig, urgent: bool, now: Instant) -> bool {
        if !self.wait(config, urgent, now).is_some_and(|wait| wait.is_zero()) {
            return false;
        }
        self.tokens -= 1.0;
        self.in_use += 1;
        true
    }

    /// How long until there are tokens; `None` where only a freed channel helps. Only calls that cannot wait use the
    /// reserve, and only they may be ahead of the pace by another 100 ms worth, which those that can wait make up for:
    /// these may have taken every token for the moment.
    fn wait(&mut self, config: &TrunkConfig, urgent: bool, now: Instant) -> Option<Duration> {
        self.fill(config.cps, now);
        let keep = if urgent { 0 } else { config.reserve };
        if self.in_use >= config.channels.saturating_sub(keep) || config.cps == 0 {
            return None;
        }
        let ahead = if urgent { Self::burst(config.cps) } else { 0.0 };
        let missing = 1.0 - ahead - self.tokens;
        Some(Duration::from_secs_f64((missing / f64::from(config.cps)).max(0.0)))
    }
}

impl Trunk {
    fn new(config: TrunkConfig) -> Self {
        let peers = config
            .peers
            .iter()
            .map(|name| Peer {
                name: name.clone(),
                addrs: Vec::new(),
                life: if config.options_interval.is_none() { Life::Up } else { Life::Unproven },
                answers_options: false,
            })
            .collect();
        Self {
            config,
            pace: Mutex::new(Pace { tokens: 0.0, filled: None, in_use: 0 }),
            freed: Notify::new(),
            peers: Mutex::new(peers),
            registrar: AtomicU16::new(0),
        }
    }

    /// The best life of any peer.
    pub(crate) fn life(&self) -> Life {
        let peers = self.peers.lock();
        peers.iter().filter(|p| !p.addrs.is_empty()).map(|p| p.life).min().unwrap_or(Life::Down)
    }

    /// Whether any peer is up.
    pub(crate) fn is_up(&self) -> bool {
        self.life() == Life::Up
    }

    /// The peer to use: the first that is up, else the first that may be, else the first that has an address.
    pub(crate) fn peer(&self) -> Option<(String, SocketAddr)> {
        let peers = self.peers.lock();
        let best = peers.iter().filter(|p| !p.addrs.is_empty()).min_by_key(|p| p.life)?;
        Some((best.name.clone(), *best.addrs.first()?))
    }

    /// A call was answered in some way by this address: its peer lives. True where the trunk as a whole changed.
    pub(crate) fn heard(&self, from: SocketAddr) -> bool {
        let before = self.life();
        for p in self.peers.lock().iter_mut() {
            if p.life != Life::Up && p.addrs.iter().any(|a| a.ip() == from.ip()) {
                p.life = Life::Up;
            }
        }
        self.life() != before
    }

    /// How it stands now.
    pub(crate) fn state(&self) -> TrunkState {
        let unresolved = self.peers().into_iter().filter(|p| p.addrs.is_empty()).map(|p| p.name).collect();
        let registrar = self.registrar.load(Ordering::Acquire);
        let unregistered =
            (self.config.register.is_some() && !(200..300).contains(&registrar)).then_some(registrar);
        TrunkState { name: self.config.name.clone(), life: self.life(), unresolved, unregistered }
    }

    /// What the registrar answered last, 0 for silence.
    pub(crate) fn registrar_said(&self, status: u16) {
        self.registrar.store(status, Ordering::Release);
    }

    /// A copy of what is known of the peers.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        self.peers.lock().clone()
    }

    /// Stores what a peer's name resolved to. An empty answer keeps the old addresses.
    pub(crate) fn resolved(&self, name: &str, addrs: &[SocketAddr]) {
        if let Some(p) = self.peers.lock().iter_mut().find(|p| p.name == name)
            && !addrs.is_empty()
        {
            p.addrs = addrs.to_vec();
        }
    }

    /// Stores whether a peer answers OPTIONS; true where the trunk as a whole changed. `certain`: the peer says itself
    /// that it is out of service, or cannot be connected to; mere silence of one that answers calls, and has never
    /// answered OPTIONS, says nothing.
    pub(crate) fn set_up(&self, name: &str, up: bool, certain: bool) -> bool {
        let before = self.life();
        if let Some(p) = self.peers.lock().iter_mut().find(|p| p.name == name) {
            p.answers_options |= up;
            if up {
                p.life = Life::Up;
            } else if certain || p.answers_options || p.life != Life::Up {
                p.life = Life::Down;
            }
        }
        self.life() != before
    }

    /// Whether `source` belongs to one of the peers (any port: far sides send from where they like).
    pub(crate) fn owns(&self, source: SocketAddr) -> bool {
        self.peers.lock().iter().any(|p| p.addrs.iter().any(|a| a.ip() == source.ip()))
    }
}

/// All trunks of a switch.
pub(crate) struct Trunks {
    list: Vec<Arc<Trunk>>,
    by_name: HashMap<String, Arc<Trunk>>,
    legs: Arc<AtomicUsize>,
    max_legs: usize,
    stopped: AtomicBool,
}

impl Trunks {
    pub(crate) fn new(configs: Vec<TrunkConfig>, max_legs: usize) -> Self {
        let list: Vec<_> = configs.into_iter().map(|c| Arc::new(Trunk::new(c))).collect();
        let by_name = list.iter().map(|t| (t.config.name.clone(), t.clone())).collect();
        Self { list, by_name, legs: Arc::default(), max_legs, stopped: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Trunk>> {
        self.by_name.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Trunk>> {
        self.list.iter()
    }

    /// The trunk that a message from `source` belongs to. Peers that share an address: the one whose port matches.
    pub(crate) fn owner(&self, source: SocketAddr) -> Option<&Arc<Trunk>> {
        let exact = |t: &&Arc<Trunk>| t.peers.lock().iter().any(|p| p.addrs.contains(&source));
        self.list.iter().find(exact).or_else(|| self.list.iter().find(|t| t.owns(source)))
    }

    /// Whether this very address, port included, is a peer's.
    pub(crate) fn has_peer(&self, source: SocketAddr) -> bool {
        self.list.iter().any(|t| t.peers.lock().iter().any(|p| p.addrs.contains(&source)))
    }

    /// No more permits.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn try_permits(&self, name: &str, max: usize, now: Instant) -> Vec<Permit> {
        self.by_name.get(name).map_or_else(Vec::new, |trunk| self.permits(trunk, max, false, now))
    }

    pub(crate) fn try_urgent_permit(&self, name: &str, now: Instant) -> Option<Permit> {
        self.permits(self.by_name.get(name)?, 1, true, now).pop()
    }

    fn permits(&self, trunk: &Arc<Trunk>, max: usize, urgent: bool, now: Instant) -> Vec<Permit> {
        let mut out = Vec::new();
        if self.is_stopped() {
            return out;
        }
        let life = trunk.life();
        let mut pace = trunk.pace.lock();
        let max = match life {
            Life::Up => max,
            Life::Unproven if pace.in_use == 0 => max.min(1),
            Life::Unproven | Life::Down => 0,
        };
        while out.len() < max {
            let room = self
                .legs
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < self.max_legs).then_some(n + 1));
            if room.is_err() {
                break;
            }
            if !pace.take(&trunk.config, urgent, now) {
                self.legs.fetch_sub(1, Ordering::AcqRel);
                break;
            }
            out.push(Permit { trunk: trunk.clone(), spent: false, legs: self.legs.clone() });
        }
        out
    }

    pub(crate) async fn urgent_permit(&self, name: &str, patience: Duration) -> Option<Permit> {
        let trunk = self.by_name.get(name)?;
        let until = Instant::now() + patience;
        loop {
            let now = Instant::now();
            if let Some(permit) = self.try_urgent_permit(name, now) {
                return Some(permit);
            }
            let wait = trunk.pace.lock().wait(&trunk.config, true, now)?;
            // there are tokens, and what is missing is something else: room in the switch as a whole, a far side that lives
            if wait.is_zero() || now + wait > until {
                return None;
            }
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
    }

    pub(crate) async fn permit_ready(&self, name: &str) {
        let Some(trunk) = self.by_name.get(name) else { return };
        loop {
            let freed = trunk.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let full =
                self.is_stopped() || !trunk.is_up() || self.legs.load(Ordering::Acquire) >= self.max_legs;
            let wait = trunk.pace.lock().wait(&trunk.config, false, Instant::now());
            match wait {
                Some(wait) if !full && wait.is_zero() => return,
                // A stopped switch or one that is full as a whole is looked at again now and then: its channels may
                // be freed on another trunk.
                _ if full => {
                    let _ = tokio::time::timeout(Duration::from_millis(100), freed).await;
                }
                Some(wait) => {
                    let _ = tokio::time::timeout(wait.max(Duration::from_millis(1)), freed).await;
                }
                None => freed.await,
            }
        }
    }

    /// See [`Switch::routes`](crate::Switch::routes).
    pub(crate) fn routes(&self, exclude: &[String], rng: &mut impl Rng) -> Vec<String> {
        let mut keyed: Vec<(Life, bool, u16, f64, &str)> = self
            .list
            .iter()
            .filter(|t| !exclude.contains(&t.config.name))
            .map(|t| (t, t.life()))
            .filter(|(_, life)| *life != Life::Down)
            .map(|(t, life)| {
                // Weighted order without replacement: the smallest exponential variate of rate `share` comes first.
                let share = f64::from(t.config.share);
                let draw = -(1.0 - rng.random::<f64>()).ln() / share.max(f64::MIN_POSITIVE);
                (life, t.config.share == 0, t.config.priority, draw, t.config.name.as_str())
            })
            .collect();
        keyed.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)).then(a.3.total_cmp(&b.3)));
        keyed.into_iter().take(MAX_ROUTES).map(|k| k.4.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn trunks(configs: Vec<TrunkConfig>) -> Trunks {
        let t = Trunks::new(configs, 1000);
        for trunk in t.iter() {
            for p in trunk.peers() {
                trunk.resolved(&p.name, &["127.0.0.1:5060".parse().expect("addr")]);
                trunk.set_up(&p.name, true, false);
            }
        }
        t
    }

    fn config(name: &str) -> TrunkConfig {
        TrunkConfig::new(name, vec![format!("{name}.test")])
    }

    #[test]
    fn permits_are_bounded_by_a_tenth_of_a_second_and_by_channels() {
        let mut c = config("a");
        c.cps = 100;
        c.channels = 15;
        let t = trunks(vec![c]);
        let now = Instant::now();
        let first = t.try_permits("a", 1000, now);
        assert_eq!(first.len(), 10);
        assert!(t.try_permits("a", 1, now).is_empty());
        let second = t.try_permits("a", 1000, now + Duration::from_secs(1));
        assert_eq!(second.len(), 5, "channels");
        drop(first);
        assert_eq!(t.try_permits("a", 1000, now + Duration::from_secs(2)).len(), 10);
        assert!(t.try_permits("nobody", 1, now).is_empty());
        t.stop();
        assert!(t.try_permits("a", 1000, now + Duration::from_secs(3)).is_empty());
    }

    #[test]
    fn calls_that_can_wait_leave_the_reserve() {
        let mut c = config("a");
        (c.cps, c.channels, c.reserve) = (1_000, 10, 3);
        let t = trunks(vec![c]);
        let now = Instant::now();
        let notices = t.try_permits("a", 100, now);
        assert_eq!(notices.len(), 7);
        assert!(t.try_permits("a", 1, now + Duration::from_secs(1)).is_empty());
        let urgent = || t.try_urgent_permit("a", now + Duration::from_secs(1));
        let couriers: Vec<Permit> = std::iter::from_fn(urgent).take(9).collect();
        assert_eq!(couriers.len(), 3, "who is on the line already");
        drop(notices);
        assert_eq!(t.try_permits("a", 100, now + Duration::from_secs(2)).len(), 4);
        assert!(t.try_urgent_permit("nobody", now).is_none());
    }

    #[test]
    fn calls_that_cannot_wait_go_ahead_of_the_pace_and_the_others_make_up_for_it() {
        let mut c = config("a");
        (c.cps, c.channels) = (20, 1_000);
        let t = trunks(vec![c]);
        let now = Instant::now();
        // every token there is, held for a while by who does not know yet whether it will send
        let held = t.try_permits("a", 100, now);
        assert_eq!(held.len(), 2);
        let urgent = |at: Instant| t.try_urgent_permit("a", at).map(|p| drop(p.spend())).is_some();
        assert_eq!([urgent(now), urgent(now), urgent(now)], [true, true, false]);
        for permit in held {
            drop(permit.spend());
        }
        let spend = |at: Instant| t.try_permits("a", 9, at).into_iter().map(|p| drop(p.spend())).count();
        assert_eq!(spend(now + Duration::from_millis(149)), 0);
        assert_eq!(spend(now + Duration::from_millis(151)), 1);
        // four at once and one since: no more than the pace over a longer time
        let later: usize = (4..=40).map(|n| spend(now + Duration::from_millis(n * 50 + 1))).sum();
        assert_eq!(later, 37);
    }

    #[test]
    fn a_slow_trunk_still_gives_one() {
        let mut c = config("a");
        c.cps = 1;
        let t = trunks(vec![c]);
        let now = Instant::now();
        let spend = |at: Instant| t.try_permits("a", 9, at).into_iter().map(|p| drop(p.spend())).count();
        assert_eq!(spend(now), 1);
        assert_eq!(spend(now + Duration::from_millis(900)), 0);
        assert_eq!(spend(now + Duration::from_millis(1001)), 1);
    }

    #[test]
    fn routes_go_by_health_then_priority_then_share() {
        let mut list = Vec::new();
        for (name, priority, share) in [("low", 20, 1), ("a", 10, 3), ("b", 10, 1), ("down", 1, 1)] {
            let mut c = config(name);
            c.priority = priority;
            c.share = share;
            list.push(c);
        }
        let t = trunks(list);
        t.get("down").expect("trunk").set_up("down.test", false, true);
        let mut rng = StdRng::seed_from_u64(1);
        let mut a_first = 0;
        for _ in 0..1000 {
            let r = t.routes(&[], &mut rng);
            assert_eq!((r.len(), r[2].as_str()), (3, "low"), "one that is down is left out");
            a_first += usize::from(r[0] == "a");
        }
        assert!((680..820).contains(&a_first), "{a_first} of 1000 for a share of 3 to 1");
        assert_eq!(t.routes(&["a".into(), "down".into()], &mut rng), ["b", "low"]);
    }

    #[test]
    fn an_unused_permit_costs_nothing() {
        let mut c = config("a");
        c.cps = 10;
        let t = trunks(vec![c]);
        let now = Instant::now();
        drop(t.try_permits("a", 9, now));
        let again = t.try_permits("a", 9, now);
        assert_eq!(again.len(), 1);
        for permit in again {
            drop(permit.spend());
        }
        assert!(t.try_permits("a", 9, now).is_empty());
    }

    #[test]
    fn a_peer_nobody_has_heard_of_takes_one_call_at_a_time_until_it_answers() {
        let t = Trunks::new(vec![config("a")], 1000);
        let trunk = t.get("a").expect("trunk");
        let addr: SocketAddr = "127.0.0.1:5060".parse().expect("addr");
        trunk.resolved("a.test", &[addr]);
        let (now, mut rng) = (Instant::now(), StdRng::seed_from_u64(1));
        assert_eq!(t.routes(&[], &mut rng), ["a"]);
        let pilot = t.try_permits("a", 5, now);
        assert_eq!((pilot.len(), t.try_permits("a", 5, now).len()), (1, 0));
        assert!(trunk.heard(addr), "the pilot's call was answered");
        assert_eq!(t.try_permits("a", 3, now).len(), 3);
        assert!(!trunk.set_up("a.test", false, false), "it ignores OPTIONS, which says nothing");
        assert!(trunk.set_up("a.test", false, true), "it says that it is out of service");
        assert!(t.try_permits("a", 3, now).is_empty() && t.routes(&[], &mut rng).is_empty());
        assert!(trunk.set_up("a.test", true, false));
        assert!(trunk.set_up("a.test", false, false), "it answered OPTIONS before: its silence is one");
    }

    #[test]
    fn at_most_ten_routes() {
        let t = trunks((0..14).map(|i| config(&format!("t{i}"))).collect());
        assert_eq!(t.routes(&[], &mut StdRng::seed_from_u64(1)).len(), 10);
    }
}
