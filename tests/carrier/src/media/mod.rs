//! RTP of all calls on one thread: a few shared UDP sockets, packets in and out in batches every few milliseconds.
//!
//! A call is found by the socket and the source address of a packet; calls are dealt over the sockets, so several calls
//! may share an address of the far side. Received G.711 is counted, listened to for keys, and kept where the call is to
//! be matched with the prompts, which happens after its end on a worker thread ([`crate::hear`]), never here.

pub(crate) mod dtmf;
pub(crate) mod g711;
mod hub;
mod rtp;
mod session;
#[cfg(test)]
mod tests;
mod voice;

use std::net::SocketAddr;

use crate::{
    config::{Audio, DtmfKind},
    truth::TruthEvent,
};

pub(crate) use hub::{Hub, HubHandle};

/// What is sent to the caller.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Voice {
    /// Ringback tone.
    Ringback,
    /// Special information tones, as before an announcement.
    Announcement,
    /// What the callee's phone sends.
    Phone(Audio),
    /// The same, after so many milliseconds of nothing.
    After(u64, Audio),
}

/// A call's media begins.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) call: u64,
    /// Template of the events about this call.
    pub(crate) base: TruthEvent,
    /// Index of the socket whose address stands in our session.
    pub(crate) socket: usize,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) payload: u8,
    pub(crate) events: Option<u8>,
    pub(crate) sending: bool,
    pub(crate) voice: Voice,
    /// Keep the audio for the prompts.
    pub(crate) keep: bool,
    /// Report a call in which nothing arrives for so long.
    pub(crate) silence_ms: Option<u64>,
    /// Share of packets lost both ways.
    pub(crate) loss: f64,
    /// Send from another socket than the one in our session.
    pub(crate) other_source: bool,
    /// Send spoofed packets from a third socket.
    pub(crate) inject: bool,
    pub(crate) seed: u64,
}

/// What the signalling tells the media thread.
#[derive(Debug)]
pub(crate) enum MediaCommand {
    /// Media begins.
    Open(Box<Open>),
    /// The far side changed its session.
    Change { call: u64, remote: Option<SocketAddr>, payload: u8, events: Option<u8>, sending: bool },
    /// Send something else.
    Voice { call: u64, voice: Voice },
    /// From now on report silence of this length.
    Patience { call: u64, ms: Option<u64> },
    /// Press keys.
    Keys { call: u64, digits: String, kind: DtmfKind },
    /// Media ends: its figures go to the truth log.
    Close { call: u64 },
}
