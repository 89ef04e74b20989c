//! The carrier as one state machine without I/O: bytes and time in, an ordered list of outputs out.
//!
//! One thread owns an [`Engine`] and carries its outputs out in order, so a truth line is on disk before the response
//! that it describes leaves. Time is Unix milliseconds given by the caller; randomness is seeded. Tests drive the same
//! machine with virtual time.
//!
//! A request takes this way: damage of the network (loss, delay) → parser → server transactions, matched by branch,
//! sent-by and method before any other header is read (RFC 3261 17.2.3) → dialogs or a new call → the callee's script
//! of steps. Responses to our own requests go to the client transactions.

mod call;
mod client;
mod invite;
mod request;
mod run;
mod script;
mod server;
mod talk;
#[cfg(test)]
mod tests;
mod timer;

use std::{
    collections::{BinaryHeap, HashMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
};

use crate::{
    clock::Window,
    config::{Hear, Network, Profile, Settings},
    media::MediaCommand,
    rng::Rng,
    sip::message::{Message, Start},
    truth::TruthEvent,
};
use call::Call;
use client::ClientTxn;
use server::ServerTxn;
use timer::{Entry, Timer};

/// Round-trip estimate (RFC 3261 17.1.1.1), ms.
pub(crate) const T1: u64 = 500;
/// Longest interval of repeats, ms.
pub(crate) const T2: u64 = 4_000;
/// Life of a message in the network, ms.
pub(crate) const T4: u64 = 5_000;
/// 64*T1, ms.
pub(crate) const T1X64: u64 = 64 * T1;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// Lower-case name, as in the truth log and in URIs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// False where the transport repeats lost data itself.
    pub(crate) fn is_datagram(self) -> bool {
        self == Self::Udp
    }
}

/// Where a message came from or goes to. `conn` is 0 for UDP; a closed connection is opened anew to `peer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) transport: Transport,
    pub(crate) peer: SocketAddr,
    pub(crate) conn: u64,
}

/// What the owner of the engine has to do, in order.
#[derive(Debug)]
pub(crate) enum Output {
    /// Append to the truth log.
    Truth(Box<TruthEvent>),
    /// Send a SIP message.
    Send {
        /// Where to.
        flow: Flow,
        /// The message.
        bytes: Arc<[u8]>,
    },
    /// Tell the media thread.
    Media(Box<MediaCommand>),
}

/// Own addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    pub(crate) udp: Option<SocketAddr>,
    pub(crate) tcp: Option<SocketAddr>,
    pub(crate) tls: Option<SocketAddr>,
    /// RTP sockets.
    pub(crate) rtp: Vec<SocketAddr>,
}

/// The carrier's signalling.
pub(crate) struct Engine {
    settings: Settings,
    profile: Profile,
    network: Network,
    hear: Hear,
    seed: u64,
    rng: Rng,
    window: Option<Window>,
    barred: Vec<Window>,
    addresses: Addresses,
    calls: HashMap<u64, Call>,
    /// Call-ID and local tag of every dialog, early ones included.
    dialogs: HashMap<(String, String), u64>,
    /// Call-ID, From tag and CSeq of the newest INVITE with them, for the merged-request rule.
    known: HashMap<(String, String, u32), Known>,
    server: HashMap<Arc<str>, ServerTxn>,
    client: HashMap<String, ClientTxn>,
    timers: BinaryHeap<Entry>,
    stream_due: HashMap<(bool, u64), u64>,
    recent: VecDeque<u64>,
    per_number: HashMap<String, Numbered>,
    next_id: u64,
    next_alert: u64,
    next_seq: u64,
    out: Vec<Output>,
}

/// Who holds a Call-ID, From tag and CSeq.
struct Known {
    key: Arc<str>,
    call: Option<u64>,
}

/// Calls to one number so far.
#[derive(Default)]
struct Numbered {
    calls: u32,
    recent: VecDeque<u64>,
    /// By limit of `per_number`.
    counted: Vec<VecDeque<u64>>,
}

impl Engine {
    /// An engine without calls. `config.settings` must have been checked by [`Settings::parse`] or be well-formed.
    pub(crate) fn new(config: &crate::config::Config, addresses: Addresses) -> anyhow::Result<Self> {
        let limits = &config.settings.limits;
        let window = match &limits.window {
            Some(text) => Some(Window::parse(text, limits.time_zone.as_deref())?),
            None => None,
        };
        let barred = limits.barred.iter().map(|text| Window::parse(text, limits.time_zone.as_deref()));
        let barred = barred.collect::<anyhow::Result<_>>()?;
        Ok(Self {
            settings: config.settings.clone(),
            profile: config.profile,
            network: config.network,
            hear: config.hear,
            seed: config.seed,
            rng: Rng::new(config.seed),
            window,
            barred,
            addresses,
            calls: HashMap::new(),
            dialogs: HashMap::new(),
            known: HashMap::new(),
            server: HashMap::new(),
            client: HashMap::new(),
            timers: BinaryHeap::new(),
            stream_due: HashMap::new(),
            recent: VecDeque::new(),
            per_number: HashMap::new(),
            next_id: 1,
            next_alert: 1,
            next_seq: 1,
            out: Vec::new(),
        })
    }

    /// What has to be done since the last call, in order.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// When [`Self::run_timers`] has to be called next, Unix ms.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.timers.peek().map(|e| e.due)
    }

    /// Calls that are being set up or talk.
    pub(crate) fn live(&self) -> usize {
        self.calls.len()
    }

    /// A message came in.
    pub(crate) fn receive(&mut self, now: u64, flow: Flow, bytes: &[u8]) {
        let times = self.copies(flow.transport);
        for _ in 0..times {
            let due = self.due(now, flow, true);
            if due <= now {
                self.deliver(now, flow, bytes);
            } else {
                self.timer(due, Timer::Deliver { flow, bytes: bytes.into() });
            }
        }
    }

    /// A connection closed; its calls live on.
    pub(crate) fn closed(&mut self, conn: u64) {
        self.stream_due.remove(&(true, conn));
        self.stream_due.remove(&(false, conn));
    }

    /// Nothing was heard in a call for as long as its callee has patience.
    pub(crate) fn silent(&mut self, now: u64, call: u64) {
        self.hang_up(now, call, "silence");
    }

    /// Does everything that is due.
    pub(crate) fn run_timers(&mut self, now: u64) {
        while self.timers.peek().is_some_and(|e| e.due <= now) {
            let Some(entry) = self.timers.pop() else { break };
            match entry.timer {
                Timer::Deliver { flow, bytes } => self.deliver(now, flow, &bytes),
                Timer::Emit { flow, bytes } => self.out.push(Output::Send { flow, bytes }),
                Timer::Late { flow, bytes } => self.push_send(now, flow, bytes),
                Timer::ServerResend { key, stamp } => self.server_resend(now, &key, stamp),
                Timer::ServerExpire { key, stamp } => self.server_expire(&key, stamp),
                Timer::ClientResend { branch } => self.client_resend(now, &branch),
                Timer::ClientExpire { branch } => self.client_expire(now, &branch),
                Timer::Step { call, stamp } => self.step_due(now, call, stamp),
                Timer::AnswerResend { call, fork, cseq } => self.answer_resend(now, call, fork, cseq),
                Timer::Reliable { call, rseq } => self.reliable_resend(now, call, rseq),
                Timer::Session { call, stamp } => self.session_due(now, call, stamp),
                Timer::MaxTalk { call } => self.hang_up(now, call, "max_talk"),
                Timer::ForkCheck { call } => self.fork_check(now, call),
            }
        }
    }

    fn timer(&mut self, due: u64, timer: Timer) {
        self.next_seq += 1;
        self.timers.push(Entry { due, seq: self.next_seq, timer });
    }

    /// A new number, unique in this engine.
    fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A tag or branch tail: unique, and the same for the same seed.
    fn token(&mut self) -> String {
        let id = self.fresh();
        format!("{id:x}{:012x}", self.rng.next() & 0xffff_ffff_ffff)
    }

    fn truth(&mut self, event: TruthEvent) {
        self.out.push(Output::Truth(Box::new(event)));
    }

    fn media(&mut self, command: MediaCommand) {
        self.out.push(Output::Media(Box::new(command)));
    }

    /// How often a message arrives.
    fn copies(&mut self, transport: Transport) -> u32 {
        if !transport.is_datagram() {
            return 1;
        }
        if self.rng.chance(self.network.loss) {
            return 0;
        }
        if self.rng.chance(self.network.duplicate) { 2 } else { 1 }
    }

    /// When a message arrives; a stream keeps its order.
    fn due(&mut self, now: u64, flow: Flow, inbound: bool) -> u64 {
        let (low, high) = self.network.delay_ms;
        if high == 0 {
            return now;
        }
        let mut due = now + self.rng.between(low, high);
        if !flow.transport.is_datagram() {
            let last = self.stream_due.entry((inbound, flow.conn)).or_default();
            due = due.max(*last);
            *last = due;
        }
        due
    }

    /// Sends through the damaged network.
    fn push_send(&mut self, now: u64, flow: Flow, bytes: Arc<[u8]>) {
        for _ in 0..self.copies(flow.transport) {
            let due = self.due(now, flow, false);
            if due <= now {
                self.out.push(Output::Send { flow, bytes: bytes.clone() });
            } else {
                self.timer(due, Timer::Emit { flow, bytes: bytes.clone() });
            }
        }
    }

    fn deliver(&mut self, now: u64, flow: Flow, bytes: &[u8]) {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | b' ' | 0)) {
            return;
        }
        match Message::parse(bytes) {
            Ok(message) => match message.start {
                Start::Request { .. } => self.on_request(now, message, flow),
                Start::Response { status, .. } => self.on_response(now, &message, status),
            },
            Err(error) => self.truth(TruthEvent {
                at_ms: now,
                event: "malformed".to_owned(),
                transport: Some(flow.transport.name().to_owned()),
                reason: Some(format!("{error:?}")),
                ..TruthEvent::default()
            }),
        }
    }

    /// Own address on a transport.
    fn local(&self, transport: Transport) -> SocketAddr {
        let a = &self.addresses;
        let found = match transport {
            Transport::Udp => a.udp,
            Transport::Tcp => a.tcp,
            Transport::Tls => a.tls,
        };
        found.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 5060)))
    }

    /// Own Contact header value on a transport.
    fn contact(&self, transport: Transport) -> String {
        let at = self.local(transport);
        match transport {
            Transport::Udp => format!("<sip:carrier@{at}>"),
            other => format!("<sip:carrier@{at};transport={}>", other.name()),
        }
    }
}
