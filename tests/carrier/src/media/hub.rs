//! The media thread: a timed sweep over the sockets and calls, 5 ms apart, asleep while there are no calls.

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use super::{MediaCommand, session::Session};
use crate::{
    hear::{Recording, Worker},
    truth::Truth,
    wall::Wall,
};

/// How long a call waits for packets from the address in its session before it takes another one, ms.
const LATCH_AFTER: u64 = 500;

/// Handle of the media thread.
pub(crate) struct HubHandle {
    commands: mpsc::Sender<MediaCommand>,
    thread: JoinHandle<()>,
}

impl HubHandle {
    /// A sender of commands.
    pub(crate) fn commands(&self) -> mpsc::Sender<MediaCommand> {
        self.commands.clone()
    }

    /// Ends the thread when every sender is gone, and waits for it; figures of open calls are written.
    pub(crate) fn join(self) {
        drop(self.commands);
        let _ = self.thread.join();
    }
}

/// All calls with media.
pub(crate) struct Hub {
    sockets: Vec<UdpSocket>,
    sessions: HashMap<u64, Session>,
    by_source: HashMap<(usize, SocketAddr), u64>,
    truth: Arc<Truth>,
    worker: Worker,
    silent: Box<dyn Fn(u64) + Send>,
    wall: Wall,
    packet: Vec<u8>,
}

impl Hub {
    /// Binds `count` sockets on the address's host and starts the thread. `silent` is told of calls in which nothing
    /// arrives. Returns the handle and the sockets' addresses.
    ///
    /// # Errors
    /// A socket cannot be bound or the thread cannot be started.
    pub(crate) fn start(
        host: std::net::IpAddr,
        count: usize,
        truth: Arc<Truth>,
        worker: Worker,
        wall: Wall,
        silent: Box<dyn Fn(u64) + Send>,
    ) -> std::io::Result<(HubHandle, Vec<SocketAddr>)> {
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..count.max(3) {
            let socket = UdpSocket::bind(SocketAddr::new(host, 0))?;
            socket.set_nonblocking(true)?;
            crate::net::enlarge(&socket);
            addresses.push(socket.local_addr()?);
            sockets.push(socket);
        }
        let (commands, inbox) = mpsc::channel();
        let mut hub = Self {
            sockets,
            sessions: HashMap::new(),
            by_source: HashMap::new(),
            truth,
            worker,
            silent,
            wall,
            packet: Vec::with_capacity(256),
        };
        let thread = std::thread::Builder::new().name("carrier-rtp".to_owned()).spawn(move || {
            hub.run(&inbox);
        })?;
        Ok((HubHandle { commands, thread }, addresses))
    }

    fn run(&mut self, inbox: &mpsc::Receiver<MediaCommand>) {
        loop {
            let wait = if self.sessions.is_empty() { 50 } else { 5 };
            let mut next = inbox.recv_timeout(Duration::from_millis(wait));
            // Commands that come one by one must not turn the sweep into a busy loop, so all are taken at once.
            loop {
                match next {
                    Ok(command) => self.command(command),
                    Err(mpsc::RecvTimeoutError::Timeout) => break,
                    Err(mpsc::RecvTimeoutError::Disconnected) => {
                        self.close_all();
                        return;
                    }
                }
                next = inbox.try_recv().map_err(|e| match e {
                    mpsc::TryRecvError::Empty => mpsc::RecvTimeoutError::Timeout,
                    mpsc::TryRecvError::Disconnected => mpsc::RecvTimeoutError::Disconnected,
                });
            }
            let now = self.wall.now();
            self.receive(now);
            self.send(now);
        }
    }

    fn command(&mut self, command: MediaCommand) {
        let now = self.wall.now();
        match command {
            MediaCommand::Open(open) => {
                let call = open.call;
                let mut session = Session::new(now, *open);
                // Two calls of one far address need two sockets; the one in our session is what the far side uses.
                if let Some(remote) = session.open.remote {
                    self.by_source.insert((session.open.socket, remote), call);
                }
                session.next_due = now;
                self.sessions.insert(call, session);
            }
            MediaCommand::Change { call, remote, payload, events, sending } => {
                let Some(session) = self.sessions.get_mut(&call) else { return };
                if let Some(remote) = remote.filter(|r| session.remote != Some(*r)) {
                    session.remote = Some(remote);
                    self.by_source.insert((session.open.socket, remote), call);
                }
                session.open.payload = payload;
                session.open.events = events.or(session.open.events);
                session.open.sending = sending;
            }
            MediaCommand::Voice { call, voice } => {
                if let Some(session) = self.sessions.get_mut(&call) {
                    session.source.turn(now, &voice);
                }
            }
            MediaCommand::Patience { call, ms } => {
                if let Some(session) = self.sessions.get_mut(&call) {
                    session.open.silence_ms = ms;
                    session.silence_since = now;
                }
            }
            MediaCommand::Keys { call, digits, kind } => {
                if let Some(session) = self.sessions.get_mut(&call) {
                    session.press(&digits, kind);
                }
            }
            MediaCommand::Close { call } => self.close(now, call),
        }
    }

    fn close(&mut self, now: u64, call: u64) {
        self.receive(now);
        let Some(mut session) = self.sessions.remove(&call) else { return };
        self.by_source.retain(|_, c| *c != call);
        let mut event = session.open.base.clone();
        event.at_ms = now;
        event.media = Some(session.close());
        if session.open.keep {
            let recording = Recording {
                payload: session.open.payload,
                codes: std::mem::take(&mut session.recording),
                event,
            };
            self.worker.submit(recording);
        } else {
            self.truth.write(&event);
        }
    }

    fn close_all(&mut self) {
        let now = self.wall.now();
        let calls: Vec<u64> = self.sessions.keys().copied().collect();
        for call in calls {
            self.close(now, call);
        }
    }

    fn receive(&mut self, now: u64) {
        let mut buffer = [0u8; 2_048];
        for index in 0..self.sockets.len() {
            // Bounded, so that a flood cannot keep the sweep from sending.
            for _ in 0..20_000 {
                let Ok((length, source)) = self.sockets[index].recv_from(&mut buffer) else { break };
                self.packet_in(now, index, source, &buffer[..length]);
            }
        }
    }

    fn packet_in(&mut self, now: u64, index: usize, source: SocketAddr, bytes: &[u8]) {
        let call = match self.by_source.get(&(index, source)) {
            Some(call) => *call,
            None => match self.latch(now, index, source) {
                Some(call) => call,
                None => return,
            },
        };
        let count = self.sockets.len();
        let Some(session) = self.sessions.get_mut(&call) else { return };
        if session.open.inject && index == (session.open.socket + 2) % count {
            session.figures.misled += 1;
            return;
        }
        if let Some(key) = session.arrived(now, bytes) {
            let mut event = session.open.base.clone();
            event.event = "digits_heard".to_owned();
            event.at_ms = now;
            event.digits = Some(key.to_string());
            event.method = Some("rfc4733".to_owned());
            self.truth.write(&event);
        }
    }

    /// A packet from a source that no session named: the same far address on another socket, else the only call on
    /// this socket from that host that has not received anything for a while (a last packet of an ended call must not
    /// be taken for the first of a new one).
    fn latch(&mut self, now: u64, index: usize, source: SocketAddr) -> Option<u64> {
        let mut same = self.by_source.iter().filter(|((_, s), _)| *s == source).map(|(_, c)| *c);
        let call = match (same.next(), same.next()) {
            (Some(call), None) => call,
            (Some(_), Some(_)) => return None,
            (None, _) => {
                let mut fresh = self.sessions.iter().filter(|(_, s)| {
                    s.open.socket == index
                        && s.figures.packets == 0
                        && now >= s.silence_since + LATCH_AFTER
                        && s.open.remote.is_none_or(|r| r.ip() == source.ip())
                });
                match (fresh.next(), fresh.next()) {
                    (Some((call, _)), None) => *call,
                    _ => return None,
                }
            }
        };
        self.by_source.insert((index, source), call);
        Some(call)
    }

    fn send(&mut self, now: u64) {
        let count = self.sockets.len();
        for (call, session) in &mut self.sessions {
            if let Some(limit) = session.open.silence_ms
                && !session.told_silence
                && now >= session.silence_since + limit
            {
                session.told_silence = true;
                (self.silent)(*call);
            }
            while session.next_due <= now {
                let some = session.next_packet(now, &mut self.packet);
                let Some(remote) = session.remote else { continue };
                let offset = usize::from(session.open.other_source);
                if some {
                    let socket = &self.sockets[(session.open.socket + offset) % count];
                    if socket.send_to(&self.packet, remote).is_ok() {
                        session.figures.sent += 1;
                    }
                }
                if session.open.inject {
                    session.spoofed(&mut self.packet);
                    let _ = self.sockets[(session.open.socket + 2) % count].send_to(&self.packet, remote);
                }
            }
        }
    }
}
