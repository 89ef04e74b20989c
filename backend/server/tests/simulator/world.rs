//! Virtual time, chance, faults and the queue of what is to happen; the clock of the server is driven from here.

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sea_orm::DbErr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Notify, mpsc, oneshot};
use waybell_domain::clock::UnixMs;
use waybell_server::clock::Driver;
use waybell_server::store::Trial;
use waybell_switch::Event;

use super::carrier::{Call, Profile};
use super::line::Leg;

/// What is to happen at a time.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A message reaches the process, or the life of it that it was sent to.
    Hear { life: u32, message: super::carrier::Message },
    /// A message reaches the carrier.
    Carry(super::carrier::Message),
    /// A timer of the process.
    Leg { life: u32, leg: String, timer: super::line::Timer },
    /// A timer of the carrier.
    Call { call: String, timer: super::carrier::Timer },
    /// An event is handed to the engine.
    Emit { life: u32, event: Box<Event> },
    /// The wall clock is stepped by so much.
    Step(i64),
    /// Somebody does something.
    Act(usize),
    /// The dialler is told what an action has changed.
    Tell { life: u32, batch: Option<waybell_domain::id::BatchId> },
    /// Power off.
    Die,
    /// Power on.
    Start,
}

/// Where the process dies, beside at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// Before the n-th command to the line takes effect, or after it.
    Command { n: usize, after: bool },
    /// At the n-th turn of the engine's future or the n-th statement, that is at any of its awaits.
    Turn(usize),
    /// Before or after the n-th commit.
    Commit { n: usize, after: bool },
}

/// Network and carrier of a history.
#[derive(Debug, Clone)]
pub(crate) struct Nature {
    pub(crate) profile: Profile,
    /// Messages arrive in order and are not lost, until the process dies, which breaks the connection.
    pub(crate) tcp: bool,
    /// Share of messages that are lost.
    pub(crate) loss: f64,
    /// Share of prompts that cannot be made.
    pub(crate) mute: f64,
    /// Share of commits that fail; half of them are stored all the same.
    pub(crate) bad_disk: f64,
    /// Channels of the first trunk.
    pub(crate) channels: usize,
    /// Trunks.
    pub(crate) trunks: usize,
}

/// Everything of a history that is not the engine's.
pub(crate) struct State {
    pub(crate) now: i64,
    /// What the wall clock is ahead, from which time on.
    pub(crate) steps: Vec<(i64, i64)>,
    pub(crate) rng: StdRng,
    pub(crate) ids: StdRng,
    queue: BTreeMap<(i64, u64), What>,
    seq: u64,
    pub(crate) nature: Nature,
    pub(crate) life: u32,
    pub(crate) alive: bool,
    pub(crate) events: Option<mpsc::Sender<Event>>,
    rest: Option<(i64, oneshot::Sender<()>)>,
    sleeps: Vec<(i64, oneshot::Sender<()>)>,
    pub(crate) legs: BTreeMap<String, Leg>,
    pub(crate) calls: BTreeMap<String, Call>,
    /// When the last message on its way arrives, to the carrier and to the process.
    pub(crate) order: [i64; 2],
    /// Attempts that were open at a death.
    pub(crate) in_flight: BTreeSet<String>,
    /// Calls of which the process has heard that they ring.
    pub(crate) known: BTreeSet<String>,
    /// Calls in which a prompt was played to its end, or a key arrived.
    pub(crate) told: BTreeSet<String>,
    pub(crate) commands: usize,
    pub(crate) turns: usize,
    pub(crate) commits: usize,
    pub(crate) deaths: Vec<Death>,
    pub(crate) dead: bool,
    pub(crate) trace: Vec<String>,
    /// Keep a trace.
    pub(crate) tracing: bool,
}

/// See [`State`].
pub(crate) struct World {
    pub(crate) state: Mutex<State>,
    pub(crate) idle: Notify,
    /// Calls placed on each trunk.
    pub(crate) in_use: Vec<Arc<AtomicUsize>>,
}

impl World {
    pub(crate) fn new(seed: u64, now: i64, tracing: bool) -> Arc<World> {
        let mut rng = StdRng::seed_from_u64(seed);
        let tcp = rng.random_bool(0.25);
        let loss = [0.0, 0.0, 0.02, 0.1, 0.3][rng.random_range(0..5)];
        let nature = Nature {
            profile: Profile::ALL[rng.random_range(0..Profile::ALL.len())],
            tcp,
            loss: if tcp { 0.0 } else { loss },
            mute: [0.0, 0.0, 0.0, 0.2, 1.0][rng.random_range(0..5)],
            bad_disk: [0.0, 0.0, 0.02, 0.2][rng.random_range(0..4)],
            channels: [1, 3, 100, 100][rng.random_range(0..4)],
            trunks: rng.random_range(1..=3),
        };
        let in_use = (0..nature.trunks).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let ids = StdRng::seed_from_u64(seed ^ 0x5157);
        let state = State {
            now,
            steps: vec![(i64::MIN, 0)],
            rng,
            ids,
            queue: BTreeMap::new(),
            seq: 0,
            nature,
            life: 0,
            alive: false,
            events: None,
            rest: None,
            sleeps: Vec::new(),
            legs: BTreeMap::new(),
            calls: BTreeMap::new(),
            order: [0; 2],
            in_flight: BTreeSet::new(),
            known: BTreeSet::new(),
            told: BTreeSet::new(),
            commands: 0,
            turns: 0,
            commits: 0,
            deaths: Vec::new(),
            dead: false,
            trace: Vec::new(),
            tracing,
        };
        Arc::new(World { state: Mutex::new(state), idle: Notify::new(), in_use })
    }

    /// The engine waits for its next round and nothing else of it runs.
    pub(crate) fn resting(&self) -> bool {
        self.state.lock().rest.as_ref().is_some_and(|(_, tx)| !tx.is_closed())
    }

    /// Free channels of a trunk.
    pub(crate) fn free(&self, trunk: usize) -> usize {
        let limit = if trunk == 0 { self.state.lock().nature.channels } else { 100 };
        limit.saturating_sub(self.in_use[trunk].load(Ordering::Relaxed))
    }

    /// Advances to the next thing that happens, at most to `end`. Waits that ended are over afterwards.
    pub(crate) fn next(&self, end: i64) -> Option<What> {
        let mut s = self.state.lock();
        s.sleeps.retain(|(_, tx)| !tx.is_closed());
        if s.rest.as_ref().is_some_and(|(_, tx)| tx.is_closed()) {
            s.rest = None;
        }
        let queued = s.queue.keys().next().copied();
        let sleep = s.sleeps.iter().map(|(at, _)| *at).min();
        let rest = s.rest.as_ref().map(|(at, _)| *at);
        let wait = match (sleep, rest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        match (queued, wait) {
            (Some(key), wait) if wait.is_none_or(|w| key.0 <= w) && key.0 <= end => {
                s.now = s.now.max(key.0);
                s.queue.remove(&key)
            }
            (_, Some(at)) if at <= end => {
                s.now = s.now.max(at);
                let now = s.now;
                if rest.is_some_and(|r| r <= now) {
                    s.rest = None;
                }
                s.sleeps.retain(|(until, _)| *until > now);
                // the waits end by being dropped
                Some(What::Tell { life: 0, batch: None })
            }
            _ => None,
        }
    }

    /// Whether anything but the engine's own waits is to come.
    pub(crate) fn quiet(&self) -> bool {
        self.state.lock().queue.is_empty()
    }
}

impl State {
    /// Lets something happen in `ms`.
    pub(crate) fn after(&mut self, ms: i64, what: What) {
        self.seq += 1;
        let key = (self.now + ms.max(0), self.seq);
        self.queue.insert(key, what);
    }

    pub(crate) fn note(&mut self, text: impl FnOnce() -> String) {
        if !self.tracing {
            return;
        }
        let line = format!("{:>9} {}", self.now % 100_000_000, text());
        self.trace.push(line);
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.rng.random_bool(p)
    }

    /// Time on the way, ms.
    pub(crate) fn way(&mut self) -> i64 {
        if self.rng.random_bool(0.04) {
            self.rng.random_range(300..3_000)
        } else {
            self.rng.random_range(2..60)
        }
    }

    /// When something sent now arrives: to the carrier (0) or to the process (1).
    pub(crate) fn arrival(&mut self, direction: usize) -> i64 {
        let at = self.now + self.way();
        if !self.nature.tcp {
            return at - self.now;
        }
        self.order[direction] = self.order[direction].max(at);
        self.order[direction] - self.now
    }

    /// What the wall clock is ahead of the steady one.
    fn ahead(&self) -> i64 {
        self.steps.last().map_or(0, |s| s.1)
    }

    /// The wall clock is stepped.
    pub(crate) fn step(&mut self, by: i64) {
        self.note(|| format!("-- the wall clock is stepped by {by}"));
        let (now, ahead) = (self.now, self.ahead() + by);
        self.steps.push((now, ahead));
    }

    /// What the wall clock may have shown at a steady time: two things where it was stepped in that very moment.
    pub(crate) fn walls(&self, at: i64) -> Vec<UnixMs> {
        let last = self.steps.iter().rposition(|s| s.0 < at).unwrap_or(0);
        self.steps[last..].iter().take_while(|s| s.0 <= at).map(|s| UnixMs(at + s.1)).collect()
    }

    /// One more await of the process.
    pub(crate) fn turn(&mut self, place: &str) {
        self.turns += 1;
        let n = self.turns;
        if let Some(i) = self.deaths.iter().position(|d| *d == Death::Turn(n)) {
            self.deaths.remove(i);
            self.die(place);
        }
    }

    /// The process ends here; what it still wants to do has no effect.
    pub(crate) fn die(&mut self, why: &str) {
        if self.dead || !self.alive {
            return;
        }
        self.dead = true;
        self.note(|| format!("-- dies {why}"));
    }

    /// The power has gone: memory is lost.
    pub(crate) fn forget(&mut self) {
        self.alive = false;
        self.dead = false;
        self.events = None;
        self.rest = None;
        self.sleeps.clear();
        self.legs.clear();
        self.order = [0; 2];
    }
}

impl Driver for World {
    fn now(&self) -> UnixMs {
        UnixMs(self.state.lock().now)
    }

    fn wall(&self) -> UnixMs {
        let s = self.state.lock();
        UnixMs(s.now + s.ahead())
    }

    fn wait(&self, until: UnixMs, resting: bool, done: oneshot::Sender<()>) {
        let mut s = self.state.lock();
        if resting {
            s.rest = Some((until.0, done));
            drop(s);
            self.idle.notify_one();
        } else {
            s.sleeps.push((until.0, done));
        }
    }

    fn chance(&self) -> [u8; 10] {
        self.state.lock().ids.random()
    }
}

impl Trial for World {
    fn commit(&self, done: bool) -> Result<(), DbErr> {
        let mut s = self.state.lock();
        if s.dead {
            return Err(DbErr::Custom("dead".into()));
        }
        if !done {
            s.commits += 1;
        }
        let n = s.commits;
        if let Some(i) = s.deaths.iter().position(|d| *d == Death::Commit { n, after: done }) {
            s.deaths.remove(i);
            s.die(if done { "after a commit" } else { "before a commit" });
            return Err(DbErr::Custom("dead".into()));
        }
        let p = s.nature.bad_disk / 2.0;
        if s.chance(p) {
            s.note(|| format!("commit {n} fails, {}", if done { "but is stored" } else { "nothing stored" }));
            return Err(DbErr::Custom("disk".into()));
        }
        Ok(())
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}
