//! The loop of an RTP thread.
//!
//! Every 5 ms, on an absolute clock: commands, then what came, then what is due. A bridged leg is read in each sweep
//! (one `epoll_wait` without waiting, one packet a leg); one that is only listened to, in every sixteenth, all its
//! packets in one call. A leg sends in every fourth sweep; legs are spread over the sweeps, so that work and packets
//! are too. A thread that was held up runs the missed sweeps at once, at most 100 ms of them.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::UnboundedSender;

use super::batch::{Batch, PACKET};
use super::leg::{Got, RtpLeg};
use super::pool::PortPool;
use super::sender::Ended;
use super::{Command, Heard, HeardKind, Totals};

/// Nanoseconds of a sweep.
const SWEEP: u64 = 5_000_000;
/// Sweeps in a packet's time.
const SLOTS: u64 = 4;
/// Sweeps between readings of a leg that is not bridged: 80 ms, which is how late a key may be told.
const LISTEN: u64 = 16;
/// Most sweeps made good after a stall.
const CATCH_UP: u64 = 20;
/// Ready sockets read in one go.
const READY: usize = 2048;
/// Sweeps between looks for silent legs.
const SILENCE_EVERY: u64 = 200;

/// Commands to one thread: those of the agent, and legs that move in from another thread.
pub(crate) enum Order {
    Do(Command),
    /// A leg is about to move in; commands for it wait.
    Expect(u64),
    /// A leg moves out, to the thread behind this sender.
    Move {
        leg: u64,
        to: std::sync::mpsc::Sender<Order>,
    },
    Adopt(Box<RtpLeg>),
    Stop,
}

/// One thread's legs.
pub(crate) struct Sweep {
    orders: Receiver<Order>,
    heard: UnboundedSender<Heard>,
    ports: Arc<PortPool>,
    totals: Arc<Totals>,
    epoll: OwnedFd,
    ready: Vec<libc::epoll_event>,
    legs: Vec<Option<Box<RtpLeg>>>,
    free: Vec<usize>,
    by_key: HashMap<u64, usize>,
    /// Legs in `epoll`.
    watched: usize,
    expected: HashMap<u64, Vec<Command>>,
}

impl Sweep {
    pub(crate) fn new(
        orders: Receiver<Order>,
        heard: UnboundedSender<Heard>,
        ports: Arc<PortPool>,
        totals: Arc<Totals>,
    ) -> io::Result<Self> {
        Ok(Self {
            orders,
            heard,
            ports,
            totals,
            epoll: new_epoll()?,
            ready: vec![libc::epoll_event { events: 0, u64: 0 }; READY],
            legs: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            watched: 0,
            expected: HashMap::new(),
        })
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut at = monotonic();
        let mut count = 0u64;
        let mut buffer = vec![0u8; PACKET];
        let mut batch = Batch::new();
        loop {
            at += SWEEP;
            let time = monotonic();
            if time > at + SWEEP * CATCH_UP {
                at = time;
            }
            sleep_until(at);
            if !self.obey() {
                break;
            }
            self.read(&mut buffer);
            self.listen(count % LISTEN, &mut batch);
            self.send(count % SLOTS);
            if count.is_multiple_of(SILENCE_EVERY) {
                self.look_for_silence();
            }
            count += 1;
        }
        let keys: Vec<u64> = self.by_key.keys().copied().collect();
        for key in keys {
            self.close(key);
        }
    }

    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Do(command)) => self.command(command),
                Ok(Order::Expect(leg)) => {
                    self.expected.entry(leg).or_default();
                }
                Ok(Order::Move { leg, to }) => {
                    if let Some(moved) = self.take(leg) {
                        // A thread that is gone has taken the switch with it.
                        let _ = to.send(Order::Adopt(moved));
                    }
                }
                Ok(Order::Adopt(leg)) => {
                    let key = leg.key;
                    self.insert(leg);
                    for command in self.expected.remove(&key).unwrap_or_default() {
                        self.command(command);
                    }
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn command(&mut self, command: Command) {
        let key = match &command {
            Command::Open { leg, .. }
            | Command::Stream { leg, .. }
            | Command::Start { leg }
            | Command::Play { leg, .. }
            | Command::StopPlay { leg }
            | Command::Digits { leg, .. }
            | Command::Unbridge { leg }
            | Command::Tap { leg, .. }
            | Command::Quiet { leg }
            | Command::Close { leg } => *leg,
            Command::Bridge { a, b } => {
                // Either may still be on its way here.
                if self.expected.contains_key(a) { *a } else { *b }
            }
        };
        if let Some(waiting) = self.expected.get_mut(&key) {
            waiting.push(command);
            return;
        }
        match command {
            Command::Open { leg, port, pair, counters, timeout } => {
                let chance = rand::random();
                let made = RtpLeg::new(leg, port, pair, counters, self.totals.clone(), timeout, chance);
                self.insert(Box::new(made));
            }
            Command::Bridge { a, b } => self.bridge(a, b),
            Command::Unbridge { leg } => self.unbridge(leg),
            Command::Close { leg } => self.close(leg),
            Command::Stream { leg, stream } => self.on(leg, |l| {
                l.agree(*stream, monotonic());
                None
            }),
            Command::Start { leg } => self.on(leg, |l| {
                l.start();
                None
            }),
            Command::Quiet { leg } => {
                self.unbridge(leg);
                self.on(leg, |l| {
                    l.quiet();
                    l.sender.stop()
                });
            }
            Command::Tap { leg, tap } => self.on(leg, |l| {
                l.tap = tap;
                None
            }),
            Command::Play { leg, play } => self.on(leg, |l| l.sender.play(play)),
            Command::StopPlay { leg } => self.on(leg, |l| l.sender.stop()),
            Command::Digits { leg, digits } => self.on(leg, |l| {
                let events = l.stream.as_ref().is_some_and(|s| s.event_pt.is_some());
                l.sender.press(&digits, events);
                None
            }),
        }
    }

    fn on(&mut self, key: u64, work: impl FnOnce(&mut RtpLeg) -> Option<Ended>) {
        let Some(leg) = self.by_key.get(&key).and_then(|i| self.legs[*i].as_mut()) else { return };
        if let Some(ended) = work(leg) {
            tell(&self.heard, key, ended);
        }
    }

    fn insert(&mut self, leg: Box<RtpLeg>) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.legs.push(None);
            self.legs.len() - 1
        });
        self.by_key.insert(leg.key, index);
        self.legs[index] = Some(leg);
    }

    fn take(&mut self, key: u64) -> Option<Box<RtpLeg>> {
        let index = self.by_key.remove(&key)?;
        let mut leg = self.legs[index].take()?;
        self.watched -= usize::from(unwatch(&self.epoll, &mut leg));
        self.free.push(index);
        Some(leg)
    }

    fn close(&mut self, key: u64) {
        self.unbridge(key);
        let Some(mut leg) = self.take(key) else { return };
        leg.close(ntp());
        let port = leg.port;
        // The sockets must be closed before another leg may bind the port.
        drop(leg);
        self.ports.release(port);
    }

    fn bridge(&mut self, a: u64, b: u64) {
        let (Some(&x), Some(&y)) = (self.by_key.get(&a), self.by_key.get(&b)) else { return };
        for (mine, other, key) in [(x, y, a), (y, x, b)] {
            if let Some(leg) = self.legs[mine].as_mut() {
                leg.partner = Some(other);
                self.watched += usize::from(watch(&self.epoll, leg, mine as u64));
            }
            self.on(key, |l| l.sender.stop());
        }
    }

    fn unbridge(&mut self, key: u64) {
        let Some(&index) = self.by_key.get(&key) else { return };
        let Some(leg) = self.legs[index].as_mut() else { return };
        let partner = leg.partner.take();
        self.watched -= usize::from(unwatch(&self.epoll, leg));
        if let Some(other) = partner.and_then(|p| self.legs[p].as_mut()) {
            other.partner = None;
            self.watched -= usize::from(unwatch(&self.epoll, other));
        }
    }

    fn read(&mut self, buffer: &mut [u8]) {
        if self.watched == 0 {
            return;
        }
        // Level-triggered: what does not fit, and what more a leg has, is found by the next sweep.
        let mut ready = std::mem::take(&mut self.ready);
        let n = poll(&self.epoll, &mut ready);
        let time = monotonic();
        for event in &ready[..n] {
            let index = event.u64 as usize;
            self.read_one(index, buffer, time);
        }
        self.ready = ready;
    }

    fn read_one(&mut self, index: usize, buffer: &mut [u8], time: u64) {
        let Some(mut leg) = self.legs.get_mut(index).and_then(Option::take) else { return };
        let got = leg.receive(buffer, time);
        self.take_in(&mut leg, got, buffer, time);
        self.legs[index] = Some(leg);
    }

    /// Reads the legs of this sweep that are not bridged.
    fn listen(&mut self, slot: u64, batch: &mut Batch) {
        let time = monotonic();
        for index in (slot as usize..self.legs.len()).step_by(LISTEN as usize) {
            if self.legs[index].as_ref().is_none_or(|l| l.watched) {
                continue;
            }
            let Some(mut leg) = self.legs[index].take() else { continue };
            leg.receive_many(batch);
            for i in 0..batch.len() {
                let (packet, data) = batch.packet(i);
                let got = leg.received(data, packet, time);
                self.take_in(&mut leg, got, data, time);
            }
            self.legs[index] = Some(leg);
        }
    }

    /// What a packet brings: a key, or sound for the leg's partner.
    fn take_in(&mut self, leg: &mut RtpLeg, got: Got, buffer: &mut [u8], time: u64) {
        match got {
            Got::Nothing | Got::Dropped => {}
            Got::Speech(header) => {
                if let Some(digit) = leg.listen(&header, buffer, time) {
                    self.key_came(leg, digit, false);
                }
                let codec = leg.codec_of(header.pt);
                // before it is sent on, which may change it in place
                if let (Some(tap), Some(codec)) = (&leg.tap, codec) {
                    tap.push(codec, header.ts, time, &buffer[header.start..header.end]);
                }
                if let Some(other) = leg.partner.and_then(|p| self.legs[p].as_mut()) {
                    other.relay(&header, buffer, codec);
                }
            }
            Got::Event(header, new) => {
                if let Some(digit) = new {
                    self.key_came(leg, digit, true);
                }
                if let Some(other) = leg.partner.and_then(|p| self.legs[p].as_mut()) {
                    other.relay(&header, buffer, None);
                }
            }
        }
    }

    fn key_came(&self, leg: &mut RtpLeg, digit: char, event: bool) {
        let _ = self.heard.send(Heard { leg: leg.key, kind: RtpLeg::digit(digit, event) });
        if let Some(ended) = leg.sender.heard_key() {
            tell(&self.heard, leg.key, ended);
        }
    }

    fn send(&mut self, slot: u64) {
        let clock = ntp();
        for index in (slot as usize..self.legs.len()).step_by(SLOTS as usize) {
            if let Some(leg) = self.legs[index].as_mut()
                && let Some(ended) = leg.tick(clock)
            {
                tell(&self.heard, leg.key, ended);
            }
        }
    }

    fn look_for_silence(&mut self) {
        let time = monotonic();
        for leg in self.legs.iter_mut().flatten() {
            if leg.is_silent(time) {
                let _ = self.heard.send(Heard { leg: leg.key, kind: HeardKind::Silent });
            }
        }
    }
}

fn tell(heard: &UnboundedSender<Heard>, leg: u64, e: Ended) {
    let kind = HeardKind::PlayEnded { token: e.token, completed: e.completed, played_ms: e.played_ms };
    // The agent is gone only when the switch is.
    let _ = heard.send(Heard { leg, kind });
}

/// Wall clock in NTP's format.
fn ntp() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(2_208_988_800);
    (seconds << 32) | ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000)
}

#[allow(
    unsafe_code,
    reason = "the standard library has no absolute sleep, and its Instant cannot be given to one"
)]
pub(crate) fn monotonic() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `t` is a valid timespec to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

#[allow(unsafe_code, reason = "a sleep on an absolute clock does not drift")]
fn sleep_until(at: u64) {
    let t = libc::timespec {
        tv_sec: (at / 1_000_000_000) as libc::time_t,
        tv_nsec: (at % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: `t` is valid for reading; no remainder is asked for. Waking early by a signal only makes a sweep early.
    unsafe {
        libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const t, std::ptr::null_mut());
    }
}

#[allow(unsafe_code, reason = "epoll is not in the standard library")]
fn new_epoll() -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers; a descriptor that it returns is ours alone.
    unsafe {
        let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

#[allow(unsafe_code, reason = "epoll is not in the standard library")]
fn watch(epoll: &OwnedFd, leg: &mut RtpLeg, token: u64) -> bool {
    if leg.watched {
        return false;
    }
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
    // SAFETY: both descriptors are open while borrowed; `event` is valid for reading.
    let done = unsafe {
        libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, leg.rtp.as_raw_fd(), &raw mut event)
    };
    if done != 0 {
        // It is read every 80 ms then, as an unbridged one is.
        tracing::warn!(error = %io::Error::last_os_error(), "a bridged leg's sound will come late");
        return false;
    }
    leg.watched = true;
    true
}

#[allow(unsafe_code, reason = "epoll is not in the standard library")]
fn unwatch(epoll: &OwnedFd, leg: &mut RtpLeg) -> bool {
    if !std::mem::take(&mut leg.watched) {
        return false;
    }
    // SAFETY: both descriptors are open while borrowed; the event is ignored for a removal.
    unsafe {
        libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_DEL, leg.rtp.as_raw_fd(), std::ptr::null_mut());
    }
    true
}

#[allow(unsafe_code, reason = "epoll is not in the standard library")]
fn poll(epoll: &OwnedFd, ready: &mut [libc::epoll_event]) -> usize {
    // SAFETY: `ready` has room for as many events as are asked for; the time-out of 0 never waits.
    let n = unsafe { libc::epoll_wait(epoll.as_raw_fd(), ready.as_mut_ptr(), ready.len() as libc::c_int, 0) };
    usize::try_from(n).unwrap_or(0)
}
