//! Legs of apps over WebRTC: DTLS-SRTP and Opus on one UDP socket, made to look like any other party of the relay.
//!
//! ```text
//!  app ══ DTLS-SRTP, Opus ══▶ gateway (one thread): str0m, playout, Opus ◀──▶ G.711 over loopback ──▶ rtp (the leg's thread)
//!   ▲                            │ ▲ orders: open, description, candidate, hold, close                     bridge, prompts,
//!   └── answer (a oneshot) ──────┘ └────────────── sip::agent ◀── told: connected, gone                    keys, taps: as ever
//! ```
//!
//! *One party more.* Each app leg has a pair of sockets on loopback, which the relay holds like those of a telephone, and
//! the gateway speaks RTP to it: A-law in packets of 20 ms and RFC 4733 events. So bridges, prompts, keys and recordings know
//! nothing of apps. The port range for telephones is not touched, and nobody from outside reaches these sockets.
//!
//! *The app always offers*, the switch always answers: for a call that an app makes, for one that it takes, and anew when
//! its network has changed (ICE restart, on the same leg). ICE-lite: the app does the checking, and candidates of its own
//! that come later do no harm and are not needed.
//!
//! *Signalling is somebody else's.* The switch takes and gives descriptions as text. What an app may send, malformed
//! descriptions, candidates and datagrams included, is an error or a counted drop.
//!
//! *Gone.* A leg that is not connected [`CONNECT`] after its offer, or of which nothing is heard for so long as
//! [`AppLegs::gone_after`](crate::AppLegs) says (on top of str0m's own 15 s or so), is told as gone. An app on hold, a phone in another call, has a
//! minute more.

mod codec;
mod gateway;
mod playout;
mod session;
mod towards;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::config::AppLegs;
use crate::error::SwitchError;

pub(crate) use gateway::Counts;

/// Orders that wait for the gateway's thread; more are refused.
const ORDERS: usize = 1_024;
/// Longest time from the offer to a connection.
const CONNECT: Duration = Duration::from_secs(20);
/// Longest description that is read.
const LONGEST: usize = 16_384;
/// Payload type of events between gateway and relay.
pub(crate) const EVENT_PT: u8 = 101;

/// The answer to an offer, or why there is none.
pub(crate) type Answer = oneshot::Sender<Result<String, SwitchError>>;

/// What the gateway is asked for. `leg` is the agent's key.
pub(crate) enum Order {
    /// A leg with the relay's end of it.
    Open {
        leg: u64,
        relay: SocketAddr,
        offer: String,
        answer: Answer,
    },
    /// A new offer on a leg: its network has changed.
    Again {
        leg: u64,
        offer: String,
        answer: Answer,
    },
    /// A candidate of the app that came later.
    Candidate {
        leg: u64,
        candidate: String,
    },
    /// The app is in another call, or back from it: nothing is said to it or taken from it meanwhile.
    Hold {
        leg: u64,
        held: bool,
    },
    /// The leg is over.
    Close {
        leg: u64,
    },
    Stop,
}

/// What the gateway tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) leg: u64,
    pub(crate) kind: ToldKind,
}

/// See [`Told`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToldKind {
    /// The first offer could not be answered.
    Refused,
    /// Sound flows.
    Connected,
    /// It never connected.
    NeverConnected,
    /// Nothing is heard of it any more.
    Gone,
    /// It has closed the connection.
    Closed,
}

/// The agent's side of the gateway.
pub(crate) struct Gateway {
    orders: SyncSender<Order>,
    waker: Arc<mio::Waker>,
    thread: Option<JoinHandle<()>>,
    /// Where the relay finds the gateway.
    pub(crate) inside: SocketAddr,
    /// Where apps find it.
    pub(crate) local: SocketAddr,
}

impl Gateway {
    /// Binds the sockets and starts the thread.
    ///
    /// # Errors
    /// [`SwitchError::Bind`] for an address in use, [`SwitchError::Config`] for one that no app could be told,
    /// [`SwitchError::Io`] where the system refuses.
    pub(crate) fn start(
        config: &AppLegs,
        counts: Arc<Counts>,
    ) -> Result<(Self, mpsc::Receiver<Told>), SwitchError> {
        let (tx, orders) = sync_channel(ORDERS);
        let (told, rx) = mpsc::channel(ORDERS);
        let made = gateway::Loop::new(config, orders, told, counts)?;
        let (waker, inside, local) = (made.waker(), made.inside(), made.local());
        let thread = std::thread::Builder::new()
            .name("webrtc".to_owned())
            .spawn(move || made.run())
            .map_err(|e| SwitchError::Io(e.to_string()))?;
        Ok((Self { orders: tx, waker, thread: Some(thread), inside, local }, rx))
    }

    /// Gives an order; false where it finds no room. An offer is then answered with an error by its being dropped.
    pub(crate) fn send(&self, order: Order) -> bool {
        if self.orders.try_send(order).is_err() {
            tracing::warn!("the gateway of apps does not keep up: an order was dropped");
            return false;
        }
        // The thread looks at its orders every 10 ms in any case.
        let _ = self.waker.wake();
        true
    }

    /// Ends the thread, and every connection with it.
    pub(crate) async fn stop(mut self) {
        let Some(thread) = self.thread.take() else { return };
        let (orders, waker) = (self.orders.clone(), self.waker.clone());
        let joined = tokio::task::spawn_blocking(move || {
            let _ = orders.send(Order::Stop);
            let _ = waker.wake();
            thread.join()
        });
        if !matches!(joined.await, Ok(Ok(()))) {
            tracing::error!("the gateway of apps has panicked");
        }
    }
}
