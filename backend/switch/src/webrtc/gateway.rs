//! The thread of all app legs: one socket towards apps, one towards the relay, orders and time.
//!
//! Datagrams go to their leg by their source address; a stranger's only where it is a STUN request that a leg's credentials
//! fit, and is counted and dropped elsewhere. Each pass reads so much of each socket and no more, so that a flood takes
//! packets of apps with it but no time of theirs.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Protocol as Ip, Socket, Type};
use str0m::Input;
use str0m::net::{Protocol, Receive};
use tokio::sync::mpsc;

use super::session::Session;
use super::{Order, Told, ToldKind};
use crate::config::AppLegs;
use crate::error::SwitchError;

/// A packet's time.
const FRAME: Duration = Duration::from_millis(20);
/// Longest sleep: orders are looked at so often, should a wake-up be lost.
const NAP: Duration = Duration::from_millis(10);
/// Frames that are made good after a stall.
const CATCH_UP: u32 = 5;
/// Bytes of kernel buffer: with the usual ones packets are lost.
const BUFFER: usize = 4 << 20;
/// Datagrams read of a socket in a pass.
const PASS: usize = 512;
/// Longest datagram.
const LONGEST: usize = 2_048;

const PUBLIC: Token = Token(0);
const INSIDE: Token = Token(1);
const ORDERS: Token = Token(2);

/// Counters of the gateway.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Datagrams of strangers, dropped.
    pub(crate) strangers: AtomicU64,
    /// Datagrams, candidates and descriptions that could not be used.
    pub(crate) malformed: AtomicU64,
}

/// See the module.
pub(crate) struct Loop {
    poll: Poll,
    waker: Arc<Waker>,
    public: UdpSocket,
    inside: UdpSocket,
    /// The address that apps are told.
    seen: SocketAddr,
    local: SocketAddr,
    inner: SocketAddr,
    gone_after: Duration,
    orders: Receiver<Order>,
    told: mpsc::Sender<Told>,
    waiting: VecDeque<Told>,
    sessions: HashMap<u64, Box<Session>>,
    by_address: HashMap<SocketAddr, u64>,
    by_relay: HashMap<SocketAddr, u64>,
    counts: Arc<Counts>,
}

/// Work on what an app sent. A panic of a library that met what nobody thought of is one app's failure, and never the thread's.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    if done.is_none() {
        tracing::error!("an app's leg has failed and is closed");
    }
    done
}

fn socket(addr: SocketAddr) -> Result<UdpSocket, SwitchError> {
    let bind = || -> std::io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Ip::UDP))?;
        socket.set_nonblocking(true)?;
        // The system may give less than is asked for.
        socket.set_recv_buffer_size(BUFFER)?;
        socket.set_send_buffer_size(BUFFER)?;
        socket.bind(&addr.into())?;
        Ok(socket)
    };
    let socket = bind().map_err(|e| SwitchError::Bind { addr, reason: e.to_string() })?;
    Ok(UdpSocket::from_std(socket.into()))
}

impl Loop {
    pub(crate) fn new(
        config: &AppLegs,
        orders: Receiver<Order>,
        told: mpsc::Sender<Told>,
        counts: Arc<Counts>,
    ) -> Result<Self, SwitchError> {
        let io = |e: std::io::Error| SwitchError::Io(e.to_string());
        let mut public = socket(config.listen)?;
        let mut inside = socket(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
        let (local, inner) = (public.local_addr().map_err(io)?, inside.local_addr().map_err(io)?);
        let seen = SocketAddr::new(config.public_address.unwrap_or(local.ip()), local.port());
        if seen.ip().is_unspecified() {
            let why = "needs the address that apps see, or a listener on one";
            return Err(SwitchError::Config("apps.public_address".to_owned(), why.to_owned()));
        }
        let poll = Poll::new().map_err(io)?;
        poll.registry().register(&mut public, PUBLIC, Interest::READABLE).map_err(io)?;
        poll.registry().register(&mut inside, INSIDE, Interest::READABLE).map_err(io)?;
        let waker = Arc::new(Waker::new(poll.registry(), ORDERS).map_err(io)?);
        Ok(Self {
            poll,
            waker,
            public,
            inside,
            seen,
            local,
            inner,
            gone_after: config.gone_after,
            orders,
            told,
            waiting: VecDeque::new(),
            sessions: HashMap::new(),
            by_address: HashMap::new(),
            by_relay: HashMap::new(),
            counts,
        })
    }

    pub(crate) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    pub(crate) fn inside(&self) -> SocketAddr {
        self.inner
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(16);
        let mut buffer = vec![0u8; LONGEST];
        let mut more = false;
        loop {
            let wait = if more { Duration::ZERO } else { self.wait() };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "the gateway of apps cannot wait for its sockets");
                std::thread::sleep(NAP);
            }
            if !self.obey() {
                break;
            }
            // Sockets tell of new datagrams once: what is left is read in the next pass.
            more = self.read_inside(&mut buffer) | self.read_public(&mut buffer);
            self.pass_time();
            self.tell();
        }
        let keys: Vec<u64> = self.sessions.keys().copied().collect();
        for leg in keys {
            self.close(leg);
        }
    }

    /// How long nothing is due.
    fn wait(&self) -> Duration {
        let now = Instant::now();
        let due = self.sessions.values().map(|s| s.due.min(s.tick)).min();
        due.map_or(NAP, |at| at.saturating_duration_since(now).min(NAP))
    }

    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Open { leg, relay, offer, answer }) => {
                    let made = guarded(|| Session::open(relay, self.seen, &offer, Instant::now()));
                    let made = made.unwrap_or_else(|| {
                        Err(SwitchError::Description("its formats contradict each other".to_owned()))
                    });
                    let reply = match made {
                        Ok((session, text)) => {
                            self.by_relay.insert(relay, leg);
                            self.sessions.insert(leg, Box::new(session));
                            self.with(leg, |s, send, inside| s.drive(send, inside));
                            Ok(text)
                        }
                        Err(error) => {
                            self.counts.malformed.fetch_add(1, Ordering::Relaxed);
                            self.waiting.push_back(Told { leg, kind: ToldKind::Refused });
                            Err(error)
                        }
                    };
                    // Whoever asked may have gone; the leg ends by its own time then.
                    let _ = answer.send(reply);
                }
                Ok(Order::Again { leg, offer, answer }) => {
                    let mut reply = Err(SwitchError::NoLeg);
                    self.with(leg, |s, send, inside| {
                        reply = s.describe(&offer);
                        s.drive(send, inside);
                    });
                    let _ = answer.send(reply);
                }
                Ok(Order::Candidate { leg, candidate }) => {
                    let mut done = Ok(());
                    self.with(leg, |s, send, inside| {
                        done = s.candidate(&candidate);
                        s.drive(send, inside);
                    });
                    if done.is_err() {
                        self.counts.malformed.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Ok(Order::Hold { leg, held }) => self.with(leg, |s, _, _| s.hold(held)),
                Ok(Order::Close { leg }) => self.close(leg),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    /// Works on a session. One whose work panics, in a codec that met what nobody thought of, is closed alone.
    fn with(
        &mut self,
        leg: u64,
        work: impl FnOnce(&mut Session, &mut dyn FnMut(&[u8], SocketAddr), &mut dyn FnMut(&[u8], SocketAddr)),
    ) {
        let Some(session) = self.sessions.get_mut(&leg) else { return };
        let (public, inside) = (&self.public, &self.inside);
        // What the network does not take is lost, as on any other network.
        let mut send = |data: &[u8], to: SocketAddr| drop(public.send_to(data, to));
        let mut pass = |data: &[u8], to: SocketAddr| drop(inside.send_to(data, to));
        let before = session.connected;
        if guarded(|| work(session, &mut send, &mut pass)).is_none() {
            self.waiting.push_back(Told { leg, kind: ToldKind::Closed });
            self.forget(leg);
        } else if !before && session.connected {
            self.waiting.push_back(Told { leg, kind: ToldKind::Connected });
        }
    }

    fn forget(&mut self, leg: u64) -> Option<Box<Session>> {
        let session = self.sessions.remove(&leg)?;
        self.by_relay.remove(&session.relay);
        self.by_address.retain(|_, l| *l != leg);
        Some(session)
    }

    fn close(&mut self, leg: u64) {
        if let Some(mut session) = self.forget(leg) {
            let public = &self.public;
            guarded(|| session.close(&mut |data, to| drop(public.send_to(data, to))));
        }
    }

    /// Sound of the relay. True where there may be more.
    fn read_inside(&mut self, buffer: &mut [u8]) -> bool {
        for _ in 0..PASS {
            let Ok((n, from)) = self.inside.recv_from(buffer) else { return false };
            let Some(leg) = self.by_relay.get(&from).copied() else { continue };
            let now = Instant::now();
            self.with(leg, |s, send, inside| {
                s.say(&buffer[..n], now);
                s.drive(send, inside);
            });
        }
        true
    }

    /// Datagrams of apps. True where there may be more.
    fn read_public(&mut self, buffer: &mut [u8]) -> bool {
        for _ in 0..PASS {
            match self.public.recv_from(buffer) {
                Ok((n, from)) => self.datagram(&buffer[..n], from),
                // An ICMP error of an earlier send.
                Err(e) if e.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn datagram(&mut self, data: &[u8], from: SocketAddr) {
        let now = Instant::now();
        let known = self.by_address.get(&from).copied();
        let is_stun = data.first().is_some_and(|b| *b < 2);
        if known.is_none() && !is_stun {
            self.counts.strangers.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Ok(receive) = Receive::new(Protocol::Udp, from, self.seen, data) else {
            self.counts.malformed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let input = Input::Receive(now, receive);
        let accepts = |s: &Session| guarded(|| s.accepts(&input)).unwrap_or(false);
        let fits = |leg: &u64| self.sessions.get(leg).is_some_and(|s| accepts(s));
        let leg =
            known.filter(fits).or_else(|| self.sessions.iter().find(|(_, s)| accepts(s)).map(|(l, _)| *l));
        let Some(leg) = leg else {
            self.counts.strangers.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if known != Some(leg) {
            self.by_address.insert(from, leg);
            if let Some(old) = self.sessions.get_mut(&leg).and_then(|s| s.note(from)) {
                self.by_address.remove(&old);
            }
        }
        self.with(leg, |s, send, inside| s.input(input, send, inside));
    }

    /// Frames and timers that are due, and legs that are over.
    fn pass_time(&mut self) {
        let now = Instant::now();
        let due: Vec<u64> =
            self.sessions.iter().filter(|(_, s)| s.due.min(s.tick) <= now).map(|(l, _)| *l).collect();
        for leg in due {
            self.with(leg, |s, send, inside| {
                if now.saturating_duration_since(s.tick) > FRAME * CATCH_UP {
                    s.tick = now;
                }
                while s.tick <= now {
                    s.tick += FRAME;
                    s.frame(inside);
                }
                if s.due <= now {
                    s.input(Input::Timeout(now), send, inside);
                }
            });
        }
        let gone_after = self.gone_after;
        let over: Vec<Told> = self
            .sessions
            .iter()
            .filter_map(|(leg, s)| Some(Told { leg: *leg, kind: s.is_over(now, gone_after)? }))
            .collect();
        for told in over {
            self.close(told.leg);
            self.waiting.push_back(told);
        }
    }

    /// Tells the agent; what it has no room for waits here, two words a leg at most.
    fn tell(&mut self) {
        while let Some(told) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(told)) = self.told.try_send(told) {
                self.waiting.push_front(told);
                return;
            }
        }
    }
}
