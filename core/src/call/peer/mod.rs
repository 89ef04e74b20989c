//! The way of the sound: one connection between this app and the switch, behind a trait.
//!
//! A session needs little of WebRTC, and that little is here: an offer, its answer, another offer when the network has changed,
//! packets in and packets out. [`WebPeers`] makes connections with a library that is young and changes;
//! everything else of the app knows only this.
//!
//! * The app makes every offer, the switch every answer. Nothing is gathered first: the switch has one public address and learns
//!   the app's from its checks, so an offer leaves at once, and the phone's own addresses are told to nobody.
//! * Packets come in through a ring, with the moment of their arrival: what reads them may be late without their seeming late.
//! * Sending never waits. What finds no room is lost, as on any network.

mod web;

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use waybell_domain::wire::IceServer;

pub use web::WebPeers;

/// Payload type of Opus, as it is offered.
pub const OPUS: u8 = 111;
/// Payload type of redundant packets (RFC 2198).
pub const RED: u8 = 63;
/// Payload type of keys (RFC 4733) at 48 kHz.
pub const EVENT: u8 = 110;

/// A media packet that came.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// When.
    pub at: Instant,
    /// What is in it: [`OPUS`], [`RED`] or [`EVENT`].
    pub kind: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, 48 kHz.
    pub timestamp: u32,
    /// The payload.
    pub payload: Bytes,
}

/// A media packet to send.
#[derive(Clone, Debug)]
pub struct Packet {
    /// What is in it: [`OPUS`], [`RED`] or [`EVENT`].
    pub kind: u8,
    /// The first after a silence, or of a key.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, 48 kHz.
    pub timestamp: u32,
    /// The payload.
    pub payload: Bytes,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// Sound can flow, for the first time or again.
    Connected,
    /// Nothing has come for some seconds.
    Disconnected,
}

/// What the switch agreed to beside Opus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Redundant packets.
    pub red: bool,
    /// Keys.
    pub keys: bool,
}

/// What the connection knows of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeerStats {
    /// Share of our packets that the switch has lost lately, 0 to 1; `None` until it has said so.
    pub loss: Option<f32>,
    /// There and back.
    pub round_trip: Option<Duration>,
}

/// Why a connection cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The library's word.
    #[error("{what}: {problem}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// What it said.
        problem: String,
    },
    /// The answer has no Opus in it.
    #[error("read the answer: it has no Opus")]
    NoOpus,
}

/// A connection to the switch.
#[async_trait]
pub trait MediaPeer: Send + Sync {
    /// An offer; `restart`: over whatever networks there are now (ICE restart). Takes milliseconds.
    ///
    /// # Errors
    /// `Failed`; the connection stays as it is.
    async fn offer(&self, restart: bool) -> Result<String, PeerError>;

    /// The answer to the last offer.
    ///
    /// # Errors
    /// `Failed` and `NoOpus`.
    async fn answered(&self, sdp: &str) -> Result<Agreed, PeerError>;

    /// Sends a packet; `false` where there is no room for it.
    fn send(&self, packet: Packet) -> bool;

    /// What is known of the way.
    async fn stats(&self) -> PeerStats;

    /// Ends it, telling the other side where that is possible. Takes 100 ms at most.
    async fn close(&self);
}

/// Makes connections.
#[async_trait]
pub trait PeerMaker: Send + Sync {
    /// A connection that has offered nothing yet. `servers` help through NATs; one that cannot be used is left out.
    ///
    /// # Errors
    /// `Failed`.
    async fn make(
        &self,
        servers: &[IceServer],
        events: UnboundedSender<PeerEvent>,
        heard: rtrb::Producer<Arrived>,
    ) -> Result<Arc<dyn MediaPeer>, PeerError>;
}
