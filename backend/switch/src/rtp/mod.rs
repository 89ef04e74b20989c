//! RTP (RFC 3550): the sound of all legs, on threads of its own.
//!
//! Each thread is pinned to a core and sweeps its legs every 5 ms on an absolute clock: what came since the last
//! sweep is read (one packet a leg a sweep, which is also the flood limit), relayed or looked at for keys, and what is
//! due every 20 ms is sent. Nothing is allocated for a packet, no lock is taken, and no packet passes through tokio.

pub(crate) mod batch;
pub(crate) mod dtmf;
pub(crate) mod engine;
pub(crate) mod inband;
pub(crate) mod leg;
pub(crate) mod packet;
pub(crate) mod pool;
pub(crate) mod rtcp;
pub(crate) mod sender;
pub(crate) mod socket;
pub(crate) mod sweep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use engine::Engine;
pub(crate) use sweep::monotonic;

use crate::call::Play;
use crate::event::{DigitSource, RtpStats};
use crate::media::Codec;
use crate::record::Tap;
use socket::PortPair;

/// Packets of all legs since the start.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
}

/// Packets of one leg, written by its thread, read by the agent.
#[derive(Debug, Default)]
pub(crate) struct LegCounters {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// In RTP clock units.
    pub(crate) jitter: AtomicU32,
    /// Of the play under way.
    pub(crate) played_ms: AtomicU32,
}

impl LegCounters {
    /// A copy.
    pub(crate) fn stats(&self) -> RtpStats {
        RtpStats {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            jitter_ms: self.jitter.load(Ordering::Relaxed) / 8,
        }
    }
}

/// What was agreed about a leg's stream.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// Where the far side says that it listens.
    pub(crate) remote: SocketAddr,
    pub(crate) rtcp: SocketAddr,
    /// Where the far side signals from, where its sound may come from there too (it is behind a NAT that rewrites no
    /// descriptions).
    pub(crate) signalled: Option<std::net::IpAddr>,
    /// What we send, and with which payload type.
    pub(crate) codec: Codec,
    pub(crate) pt: u8,
    /// What may come.
    pub(crate) receive_types: Vec<(u8, Codec)>,
    /// Payload type for events that we send; `None`: not agreed.
    pub(crate) event_pt: Option<u8>,
    /// Payload type of events that come.
    pub(crate) local_event_pt: Option<u8>,
    pub(crate) send: bool,
    pub(crate) receive: bool,
}

/// What a leg's thread is told. `leg` is the agent's key.
pub(crate) enum Command {
    /// A leg with its sockets; silent until `Start`.
    Open {
        leg: u64,
        port: u16,
        pair: PortPair,
        counters: Arc<LegCounters>,
        timeout: Option<Duration>,
    },
    /// What was agreed, or agreed anew.
    Stream {
        leg: u64,
        stream: Box<Stream>,
    },
    /// The call is confirmed: send.
    Start {
        leg: u64,
    },
    Play {
        leg: u64,
        play: Play,
    },
    StopPlay {
        leg: u64,
    },
    Digits {
        leg: u64,
        digits: String,
    },
    Bridge {
        a: u64,
        b: u64,
    },
    Unbridge {
        leg: u64,
    },
    /// What the leg says is recorded, in place of an earlier tap; `None` ends it.
    Tap {
        leg: u64,
        tap: Option<Tap>,
    },
    /// The call is being ended: send no more.
    Quiet {
        leg: u64,
    },
    /// Close the sockets and give the port back.
    Close {
        leg: u64,
    },
}

/// What a thread tells the agent. The channel is unbounded, because a thread may not wait; what it holds is bounded by
/// the legs: a key needs 40 ms, a play ends once for each command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub(crate) leg: u64,
    pub(crate) kind: HeardKind,
}

/// See [`Heard`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HeardKind {
    Digit {
        digit: char,
        source: DigitSource,
    },
    PlayEnded {
        token: u64,
        completed: bool,
        played_ms: u32,
    },
    /// Nothing came for the leg's time-out, after something had.
    Silent,
}
