//! Two agents in one thread with a clock and a network of their own: hours of calls in a moment, and every message may
//! be lost, doubled or late.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::call::Draft;
use crate::config::{Listen, SwitchConfig, Transport, TrunkConfig};
use crate::event::{Event, EventKind};
use crate::rtp::pool::PortPool;
use crate::sip::agent::{Command, Core, Io, Shared};
use crate::sip::wire::{Flow, Heard, Sent, Target};

/// What one agent has sent and told.
#[derive(Default)]
struct SimIo {
    sent: Vec<(SocketAddr, Vec<u8>)>,
    events: Vec<Event>,
    seed: u64,
}

impl Io for SimIo {
    fn send(&mut self, target: Target, bytes: Vec<u8>) -> Sent {
        self.sent.push((target.dest, bytes));
        Sent::Yes(None)
    }

    fn media(&mut self, command: rtp::Command) {
        drop(command);
    }

    fn app(&mut self, _: crate::webrtc::Order) -> bool {
        false
    }

    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    fn backlog(&self) -> usize {
        0
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed >> 16
    }
}

struct Side {
    core: Core,
    io: SimIo,
    shared: Arc<Shared>,
    addr: SocketAddr,
}

/// Two sides and the messages between them.
struct World {
    sides: [Side; 2],
    now: Instant,
    wire: BTreeMap<(Instant, u64), (usize, SocketAddr, Vec<u8>)>,
    serial: u64,
    rng: StdRng,
    /// Lost, doubled: in a hundred. Most delay, ms.
    loss: u32,
    twice: u32,
    delay: u64,
    /// Methods and statuses that were delivered, for looking at.
    log: Vec<(usize, String)>,
}

impl World {
    fn new(seed: u64, change: impl Fn(&mut TrunkConfig)) -> Self {
        let now = Instant::now();
        let addrs: [SocketAddr; 2] =
            ["127.0.0.1:5061".parse().expect("a"), "127.0.0.1:5062".parse().expect("b")];
        let side = |mine: usize| {
            let mut trunk = TrunkConfig::new("t", vec![addrs[1 - mine].to_string()]);
            trunk.caller_ids = vec!["100".into()];
            trunk.options_interval = None;
            trunk.session_expires = None;
            change(&mut trunk);
            let config = SwitchConfig {
                listen: vec![Listen::udp(addrs[mine])],
                trunks: vec![trunk],
                ..SwitchConfig::default()
            };
            let base = 30_000 + (std::process::id() % 100) as u16 * 200 + mine as u16 * 100;
            let ports = Arc::new(PortPool::new(addrs[mine].ip(), &(base..=base + 99), seed as usize));
            let shared = Arc::new(Shared::new(
                config,
                vec![(Transport::Udp, addrs[mine])],
                ports,
                Arc::default(),
                None,
            ));
            for t in shared.trunks.iter() {
                t.resolved(&addrs[1 - mine].to_string(), &[addrs[1 - mine]]);
            }
            let io = SimIo { seed: seed * 2 + mine as u64, ..SimIo::default() };
            Side { core: Core::new(shared.clone(), now), io, shared, addr: addrs[mine] }
        };
        Self {
            sides: [side(0), side(1)],
            now,
            wire: BTreeMap::new(),
            serial: 0,
            rng: StdRng::seed_from_u64(seed),
            loss: 0,
            twice: 0,
            delay: 0,
            log: Vec::new(),
        }
    }

    fn collect(&mut self) {
        for i in 0..2 {
            for (dest, bytes) in std::mem::take(&mut self.sides[i].io.sent) {
                let Some(to) = self.sides.iter().position(|s| s.addr == dest) else { continue };
                let copies = 1 + u32::from(self.rng.random_range(0..100) < self.twice);
                for _ in 0..copies {
                    if self.rng.random_range(0..100) < self.loss {
                        continue;
                    }
                    let late = Duration::from_millis(1 + self.rng.random_range(0..=self.delay));
                    self.serial += 1;
                    self.wire.insert((self.now + late, self.serial), (to, self.sides[i].addr, bytes.clone()));
                }
            }
        }
    }

    /// One message or timer; false where nothing is left before `until`.
    fn step(&mut self, until: Instant) -> bool {
        self.collect();
        let message = self.wire.first_key_value().map(|(k, _)| k.0);
        let timer = self.sides.iter().filter_map(|s| s.core.next()).min();
        let Some(at) = message.into_iter().chain(timer).min().filter(|t| *t <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(at);
        if message == Some(at)
            && let Some((_, (to, from, bytes))) = self.wire.pop_first()
        {
            let message = Message::parse(&bytes).expect("our own message");
            let text = String::from_utf8_lossy(&bytes);
            self.log.push((to, text.split("\r\n").next().unwrap_or("").to_owned()));
            let source = Target { transport: Transport::Udp, dest: from, flow: Flow::Listener(0) };
            let heard = Heard::Message { message: Box::new(message), source, known: true };
            let side = &mut self.sides[to];
            side.core.on_heard(&mut side.io, heard, self.now);
        } else {
            for side in &mut self.sides {
                side.core.on_time(&mut side.io, self.now);
            }
        }
        true
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// Runs until `side` has told what is asked for, at most two minutes.
    fn until<T>(&mut self, side: usize, mut pick: impl FnMut(&Event) -> Option<T>) -> Option<T> {
        let until = self.now + Duration::from_secs(120);
        let mut seen = 0;
        loop {
            while let Some(event) = self.sides[side].io.events.get(seen) {
                seen += 1;
                if let Some(found) = pick(event) {
                    return Some(found);
                }
            }
            if !self.step(until) {
                return None;
            }
        }
    }

    fn command(&mut self, side: usize, command: Command) {
        let s = &mut self.sides[side];
        s.core.on_command(&mut s.io, command, self.now);
    }

    fn call(&mut self, attempt: &str) -> LegId {
        let shared = &self.sides[0].shared;
        let draft =
            Draft { attempt, route_no: 0, trunk: "t", caller: "100", callee: "200", headers: Vec::new() };
        let record = shared.draft(&draft).expect("draft");
        let permit = shared.trunks.try_permits("t", 1, self.now).pop().expect("permit");
        let leg = record.leg();
        self.command(0, Command::Place { record: Box::new(record), permit: Some(permit) });
        leg
    }

    fn incoming(&mut self) -> Option<LegId> {
        self.until(1, |e| matches!(e.kind, EventKind::Incoming(_)).then(|| e.leg.clone()))
    }

    /// A confirmed call on both sides.
    fn connected(&mut self) -> (LegId, LegId) {
        let ours = self.call("a1");
        let theirs = self.incoming().expect("incoming");
        self.command(1, Command::Answer { leg: theirs.clone() });
        self.until(0, |e| matches!(e.kind, EventKind::Answered { .. }).then_some(())).expect("answer");
        self.command(0, Command::Confirm { leg: ours.clone() });
        self.until(1, |e| matches!(e.kind, EventKind::Answered { .. }).then_some(())).expect("ACK");
        (ours, theirs)
    }

    fn ends(&self, side: usize) -> Vec<LegEnd> {
        let events = &self.sides[side].io.events;
        events
            .iter()
            .filter_map(|e| if let EventKind::Ended { end } = &e.kind { Some(end.clone()) } else { None })
            .collect()
    }

    fn leg(&mut self, side: usize, work: impl FnOnce(&mut Core, &mut dyn Io, &mut Leg)) {
        let s = &mut self.sides[side];
        s.core.now = self.now;
        let key = *s.core.legs.keys().next().expect("a leg");
        s.core.with_leg(&mut s.io, key, work);
    }

    fn delivered(&self, to: usize, start: &str) -> usize {
        self.log.iter().filter(|(t, l)| *t == to && l.starts_with(start)).count()
    }

    /// Nothing is kept of calls that are long over.
    fn assert_empty(&self) {
        for (i, s) in self.sides.iter().enumerate() {
            assert_eq!((s.core.legs.len(), s.core.by_id.len(), s.core.dialogs.len()), (0, 0, 0), "side {i}");
            assert_eq!((s.core.transactions(), s.core.pairs.len()), (0, 0), "side {i}");
            assert_eq!(s.core.next(), None, "side {i}: a timer is left");
        }
    }
}

#[test]
fn calls_over_a_bad_network_end_once_on_both_sides_and_leave_nothing() {
    let (mut connected, mut answered_by_both) = (0, 0);
    for seed in 0..400u64 {
        let mut w = World::new(seed, |_| {});
        (w.loss, w.twice, w.delay) = ((seed % 4) as u32 * 10, (seed % 3) as u32 * 15, (seed % 5) * 150);
        let ours = w.call(&format!("attempt {seed}"));
        let fate = w.rng.random_range(0..6);
        if let Some(theirs) = w.incoming() {
            if fate != 5 {
                w.command(1, Command::Ring { leg: theirs.clone() });
            }
            let pause = w.rng.random_range(0..3) * 400;
            w.run(Duration::from_millis(pause));
            match fate {
                0 => {
                    w.command(1, Command::Reject { leg: theirs.clone(), status: 486, reason: String::new() })
                }
                1 => w.command(0, Command::Cancel { leg: ours.clone() }),
                2 => {
                    // They cross.
                    w.command(0, Command::Cancel { leg: ours.clone() });
                    w.command(1, Command::Answer { leg: theirs.clone() });
                }
                _ => {
                    w.command(1, Command::Answer { leg: theirs.clone() });
                    let there = w.until(0, |e| match e.kind {
                        EventKind::Answered { .. } => Some(true),
                        EventKind::Ended { .. } => Some(false),
                        _ => None,
                    });
                    if there == Some(true) {
                        w.command(0, Command::Confirm { leg: ours.clone() });
                        connected += 1;
                        w.run(Duration::from_secs(3));
                        let (side, leg) = if fate == 3 { (0, ours.clone()) } else { (1, theirs.clone()) };
                        w.command(side, Command::HangUp { leg, cause: None });
                        if fate == 4 {
                            w.command(0, Command::HangUp { leg: ours.clone(), cause: None });
                        }
                    }
                }
            }
        }
        w.run(Duration::from_secs(400));
        let (a, b) = (w.ends(0), w.ends(1));
        assert_eq!(a.len(), 1, "seed {seed}: {a:?}");
        assert!(b.len() <= 1, "seed {seed}: {b:?}");
        let told = w.sides[1].io.events.iter().filter(|e| matches!(e.kind, EventKind::Incoming(_))).count();
        assert_eq!(told, b.len(), "seed {seed}: every call that came in ended, and none came twice");
        if let Some(b) = b.first() {
            // What we believe of a refusal is what they said.
            if a[0].how == EndHow::Refused {
                assert!(!b.answered && b.status == a[0].status, "seed {seed}: {a:?} {b:?}");
            }
            answered_by_both += u32::from(a[0].answered && b.answered);
        }
        w.assert_empty();
    }
    assert!(connected > 120 && answered_by_both > 120, "{connected} {answered_by_both}");
}

/// The heart of the matter: whenever the calling process dies, and whatever the network does to the messages, the
/// restarted one probes, and nobody is rung a second time.
#[test]
fn a_process_that_dies_at_any_moment_and_probes_rings_nobody_twice() {
    let (mut rang_on, mut gone, mut answered) = (0, 0, 0);
    for seed in 0..400u64 {
        let mut w = World::new(seed, |_| {});
        (w.loss, w.twice, w.delay) = ((seed % 3) as u32 * 12, (seed % 3) as u32 * 15, (seed % 4) * 120);
        let shared = w.sides[0].shared.clone();
        let draft = Draft {
            attempt: "x",
            route_no: 0,
            trunk: "t",
            caller: "100",
            callee: "200",
            headers: Vec::new(),
        };
        let record = shared.draft(&draft).expect("draft");
        let permit = shared.trunks.try_permits("t", 1, w.now).pop().expect("permit");
        // One in eight dies after the record was stored and before anything was sent.
        if seed % 8 == 0 {
            drop(permit);
        } else {
            w.command(0, Command::Place { record: Box::new(record.clone()), permit: Some(permit) });
        }
        let until = w.now + Duration::from_millis(w.rng.random_range(0..9000));
        let fate = w.rng.random_range(0..4);
        let mut incoming: Option<LegId> = None;
        let mut act_at = None;
        let mut killed = false;
        let mut confirmed = false;
        let last = w.now + Duration::from_secs(300);
        loop {
            let stop = if killed { last } else { until };
            let stop = act_at.map_or(stop, |at: Instant| stop.min(at));
            let moved = w.step(stop);
            if incoming.is_none() {
                let found = w.sides[1].io.events.iter().find(|e| matches!(e.kind, EventKind::Incoming(_)));
                if let Some(id) = found.map(|e| e.leg.clone()) {
                    w.command(1, Command::Ring { leg: id.clone() });
                    act_at = Some(w.now + Duration::from_millis(4000));
                    incoming = Some(id);
                }
            }
            if act_at.is_some_and(|at| w.now >= at)
                && let Some(leg) = incoming.clone()
            {
                act_at = None;
                match fate {
                    0 => w.command(1, Command::Reject { leg, status: 486, reason: String::new() }),
                    1 => {}
                    _ => w.command(1, Command::Answer { leg }),
                }
            }
            if !confirmed && w.sides[0].io.events.iter().any(|e| matches!(e.kind, EventKind::Answered { .. }))
            {
                confirmed = true;
                w.command(0, Command::Confirm { leg: record.leg() });
            }
            if !moved && !killed && w.now >= until {
                killed = true;
                confirmed = false;
                w.sides[0].core = Core::new(shared.clone(), w.now);
                w.sides[0].io.events.clear();
                shared.ports.release(record.rtp_port);
                let down = w.rng.random_range(0..6000);
                w.run(Duration::from_millis(down));
                w.command(0, Command::Probe { record: Box::new(record.clone()), permit: None });
            }
            if killed && w.now >= last {
                break;
            }
        }
        let told = w.sides[1].io.events.iter().filter(|e| matches!(e.kind, EventKind::Incoming(_))).count();
        assert!(told <= 1, "seed {seed}: rung {told} times");
        // What is still up is hung up; then everything is over, told once, and forgotten.
        w.command(0, Command::HangUp { leg: record.leg(), cause: None });
        w.run(Duration::from_secs(400));
        let ends = w.ends(0);
        assert_eq!(ends.len(), 1, "seed {seed}: {ends:?}");
        rang_on += u32::from(ends[0].rang);
        gone += u32::from(ends[0].how == EndHow::ProbeGone);
        answered += u32::from(ends[0].answered);
        if ends[0].answered {
            assert_eq!(told, 1, "seed {seed}");
        }
    }
    assert!(rang_on > 50 && gone > 50 && answered > 40, "{rang_on} {gone} {answered}");
}

#[test]
fn the_session_is_refreshed_by_update_or_re_invite_before_half_of_it_is_over() {
    for updates in [true, false] {
        let mut w = World::new(1, |t| t.session_expires = Some(Duration::from_secs(90)));
        w.connected();
        w.leg(0, |_, _, leg| leg.session.peer_updates = updates);
        w.log.clear();
        w.run(Duration::from_secs(44));
        assert_eq!(w.delivered(1, "UPDATE") + w.delivered(1, "INVITE"), 0);
        w.run(Duration::from_secs(2));
        // Each 2xx says again what it allows.
        let method = if updates { "UPDATE" } else { "INVITE" };
        assert_eq!(w.delivered(1, method), 1);
        w.run(Duration::from_secs(600));
        assert!(w.ends(0).is_empty() && w.ends(1).is_empty(), "refreshed for ten minutes");
        assert!(w.delivered(1, "UPDATE") + w.delivered(1, "INVITE") >= 13);
        if !updates {
            assert!(w.delivered(1, "ACK") >= 1);
        }
    }
}

#[test]
fn a_session_that_nobody_refreshes_ends_on_both_sides() {
    let mut w = World::new(1, |t| t.session_expires = Some(Duration::from_secs(90)));
    w.connected();
    w.loss = 100;
    w.run(Duration::from_secs(200));
    for side in 0..2 {
        let ends = w.ends(side);
        assert_eq!(ends.len(), 1);
        assert_eq!(ends[0].how, EndHow::SessionExpired, "side {side}");
    }
    w.assert_empty();
}

#[test]
fn re_invites_that_cross_get_491_and_both_come_through_later() {
    let mut w = World::new(3, |t| t.session_expires = Some(Duration::from_secs(1800)));
    w.connected();
    w.log.clear();
    for side in 0..2 {
        w.leg(side, |core, io, leg| {
            leg.session.peer_updates = false;
            leg.refresh(core, io);
        });
    }
    w.run(Duration::from_millis(100));
    for side in 0..2 {
        assert_eq!((w.delivered(side, "INVITE"), w.delivered(side, "SIP/2.0 491")), (1, 1), "side {side}");
        assert_eq!(w.delivered(side, "ACK"), 1);
    }
    // The side that did not make the Call-ID is first (0 to 2 s, the other 2.1 to 4 s); with its refresh the session
    // is fresh, and the other has nothing left to ask for.
    w.run(Duration::from_secs(5));
    assert_eq!((w.delivered(0, "INVITE"), w.delivered(1, "SIP/2.0 200")), (2, 1));
    assert_eq!((w.delivered(1, "INVITE"), w.delivered(0, "SIP/2.0 200")), (1, 0));
    w.run(Duration::from_secs(7200));
    assert!(w.ends(0).is_empty() && w.ends(1).is_empty(), "refreshed for two hours");
}

#[test]
fn a_re_invite_that_meets_theirs_unanswered_waits_its_turn() {
    let mut w = World::new(4, |t| t.session_expires = Some(Duration::from_secs(1800)));
    w.connected();
    w.log.clear();
    // Ours goes while theirs has been answered and not yet acknowledged.
    w.leg(1, |core, io, leg| {
        leg.session.peer_updates = false;
        leg.refresh(core, io);
    });
    w.run(Duration::from_millis(1));
    w.leg(0, |core, io, leg| {
        leg.session.peer_updates = false;
        leg.refresh(core, io);
    });
    w.run(Duration::from_millis(100));
    assert_eq!(w.delivered(1, "INVITE"), 0, "not while theirs is under way");
    assert_eq!((w.delivered(0, "SIP/2.0 491"), w.delivered(1, "SIP/2.0 491")), (0, 0));
}

#[test]
fn an_answer_that_is_never_confirmed_is_ended() {
    let mut w = World::new(1, |_| {});
    w.call("a1");
    let theirs = w.incoming().expect("incoming");
    w.command(1, Command::Answer { leg: theirs });
    w.until(0, |e| matches!(e.kind, EventKind::Answered { .. }).then_some(())).expect("answer");
    w.loss = 100;
    w.run(Duration::from_secs(100));
    for side in 0..2 {
        assert_eq!(w.ends(side)[0].how, EndHow::NoAck, "side {side}");
    }
    assert!(w.ends(0)[0].answered);
    w.run(Duration::from_secs(100));
    w.assert_empty();
}

#[test]
fn an_incoming_call_hung_up_before_its_ack_gets_its_bye_after_it() {
    let mut w = World::new(1, |_| {});
    w.call("a1");
    let theirs = w.incoming().expect("incoming");
    w.command(1, Command::Answer { leg: theirs.clone() });
    w.command(1, Command::HangUp { leg: theirs, cause: None });
    w.until(0, |e| matches!(e.kind, EventKind::Answered { .. }).then_some(())).expect("answer");
    w.run(Duration::from_millis(300));
    assert_eq!(w.delivered(0, "BYE"), 0);
    let ours = w.sides[0].io.events[0].leg.clone();
    w.command(0, Command::Confirm { leg: ours });
    w.run(Duration::from_millis(300));
    assert_eq!((w.ends(0)[0].how, w.ends(1)[0].how), (EndHow::RemoteBye, EndHow::LocalBye));
    w.run(Duration::from_secs(100));
    w.assert_empty();
}

#[test]
fn ringing_for_ever_is_cancelled_at_the_limit() {
    let mut w = World::new(1, |t| t.ring_limit = Duration::from_secs(60));
    w.call("a1");
    let theirs = w.incoming().expect("incoming");
    w.command(1, Command::Ring { leg: theirs });
    w.run(Duration::from_secs(59));
    assert!(w.ends(0).is_empty());
    w.run(Duration::from_secs(5));
    let end = &w.ends(0)[0];
    assert_eq!((end.status, end.rang), (Some(487), true));
    assert_eq!(end.how, EndHow::Cancelled);
    w.run(Duration::from_secs(100));
    w.assert_empty();
}

#[test]
fn a_far_side_that_answers_100_and_no_more_is_given_up_after_the_cancel() {
    let mut w = World::new(1, |t| t.ring_limit = Duration::from_secs(20));
    w.call("a1");
    w.incoming().expect("incoming");
    w.run(Duration::from_millis(50));
    w.loss = 100;
    w.run(Duration::from_secs(60));
    let end = &w.ends(0)[0];
    assert_eq!((end.how, end.status, end.rang, end.sent), (EndHow::TimedOut, None, false, true));
    // the other side keeps its caller ringing for three minutes
    w.run(Duration::from_secs(200));
    w.assert_empty();
}
