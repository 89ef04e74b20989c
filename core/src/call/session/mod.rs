//! Calls over the app: the machine, the signalling, the connection and the sound, put together.
//!
//! ```text
//!  person, platform ─▶ AppCalls ─▶ ┌───────┐ ── effects ──▶ signalling (socket)     ◀──▶ server
//!                                  │ actor │ ── effects ──▶ peer (WebRTC)           ◀──▶ switch
//!  screen ◀── CallNow (watch) ◀─── │  fsm  │ ── effects ──▶ voice thread ◀─ rings ─▶ device
//!                                  └───────┘ ◀── what each of them says, as events
//! ```
//!
//! One task owns everything of a call; what takes time (an offer, a device, closing) is done beside it and reported back with the
//! number of the call's media, so that what comes late is known as such.
//!
//! * **Words of the wire and of the machine** are not the same, and meet in `words.rs`: an `answer` of the server is the answer to an
//!   offer, while the machine's is a person's.
//! * **One offer at a time.** Another network during an offer is looked for once that one is answered; so each answer is of the offer
//!   that stands, whatever is lost and said anew.
//! * **Before the answer** the courier hears what the switch plays (ringing, announcements) and is not heard: the microphone is off.
//! * **The device** is open from the tap to the end of the call, its microphone on only while the two speak. It may take its time for each:
//!   `device.rs` waits for it, and nothing else does.

mod actor;
mod device;
mod dial;
mod media;
mod words;

use super::audio::route::{Routes, SpeakerRoute};
use super::audio::{AudioDevice, AudioError};
use super::fsm::{self, Event, State};
use super::keys;
use super::peer::{PeerMaker, WebPeers};
use super::voice::VoiceFigures;
use crate::calls::ring::Whom;
use crate::client::Client;
use crate::error::{Error, Result};
pub use dial::Placed;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use waybell_domain::id::CallId;
use waybell_domain::wire::{CallStarted, CallWay, IceServer};

/// The call as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallNow {
    /// Which; `None` before the first.
    pub call: Option<CallId>,
    /// What it is doing.
    pub state: State,
    /// The courier made it.
    pub outgoing: bool,
    /// Who rings or is rung, the number with its middle hidden.
    pub label: Option<String>,
    /// What the courier is told before taking it: `3号楼`, `2件`.
    pub words: Vec<String>,
    /// The phone is to ring.
    pub rings: bool,
    /// Somebody else called meanwhile, and was told that the courier is in a call.
    pub other: Option<CallId>,
    /// The person here is not heard.
    pub muted: bool,
    /// The socket for signalling stands: the app is rung.
    pub reachable: bool,
    /// The server's word on the end of a call, such as `no_answer`.
    pub outcome: Option<String>,
    /// What is wrong with microphone or loudspeaker.
    pub audio: Option<AudioError>,
    /// Which loudspeaker, as the platform told last.
    pub routes: Routes,
    /// When the two began to speak.
    pub up_at: Option<Instant>,
    /// When it ended.
    pub over_at: Option<Instant>,
}

impl CallNow {
    fn nothing() -> CallNow {
        CallNow {
            call: None,
            state: State::Idle,
            outgoing: false,
            label: None,
            words: Vec::new(),
            rings: false,
            other: None,
            muted: false,
            reachable: false,
            outcome: None,
            audio: None,
            routes: Routes::default(),
            up_at: None,
            over_at: None,
        }
    }
}

/// What the actor is told.
enum Order {
    Dial { call: CallId, label: String, servers: Vec<IceServer> },
    Event(Event),
    Mute(bool),
    Press(Vec<u8>),
    Route(SpeakerRoute),
    Routes(Routes),
    NetworkChanged,
}

/// Calls over the app, while this is kept: the app is rung, and can call. Dropped, the call that is up ends. Needs
/// [`Client::resume`], whose socket it signals on.
pub struct AppCalls {
    client: Client,
    orders: mpsc::UnboundedSender<Order>,
    now: watch::Receiver<CallNow>,
    figures: Figures,
    /// Calls whose device is not closed yet.
    devices: watch::Receiver<usize>,
    past: dial::Past,
}

type Figures = Arc<Mutex<Option<Arc<Mutex<VoiceFigures>>>>>;

impl Client {
    /// Takes and makes calls over the app with this device from now on, in the place of what did so before. Call it in a tokio runtime.
    #[must_use]
    pub fn app_calls(&self, device: Arc<dyn AudioDevice>) -> AppCalls {
        let peers = WebPeers::for_server(self.inner.http.base());
        self.app_calls_over(device, Arc::new(peers))
    }

    /// The same over connections of another kind.
    #[must_use]
    pub fn app_calls_over(&self, device: Arc<dyn AudioDevice>, peers: Arc<dyn PeerMaker>) -> AppCalls {
        let (orders, ordered) = mpsc::unbounded_channel();
        let (show, now) = watch::channel(CallNow::nothing());
        let figures = Figures::default();
        let devices = device::Devices::start(device);
        let used = devices.used();
        let past = dial::Past::default();
        let parts = media::Parts { devices, peers, figures: figures.clone(), past: past.clone() };
        tokio::spawn(actor::run(self.inner.clone(), parts, ordered, show));
        AppCalls { client: self.clone(), orders, now, figures, devices: used, past }
    }
}

impl AppCalls {
    /// The call as it is, and as it becomes.
    #[must_use]
    pub fn now(&self) -> watch::Receiver<CallNow> {
        self.now.clone()
    }

    /// Calls a customer over the app. See [`AppCalls::place`].
    ///
    /// # Errors
    /// Those of [`AppCalls::place`].
    pub async fn call(&self, whom: &Whom) -> Result<CallStarted> {
        Ok(self.place(whom, Some(CallWay::App)).await?.started)
    }

    /// Takes the call that rings.
    pub fn answer(&self) {
        self.tell(Order::Event(Event::Answer));
    }

    /// Does not want the call that rings.
    pub fn decline(&self) {
        self.tell(Order::Event(Event::Decline));
    }

    /// Ends the call, or declines it.
    pub fn hang_up(&self) {
        self.tell(Order::Event(Event::HangUp));
    }

    /// Holds the call: neither side hears the other.
    pub fn hold(&self) {
        self.tell(Order::Event(Event::Hold));
    }

    /// Takes it up again.
    pub fn resume(&self) {
        self.tell(Order::Event(Event::Resume));
    }

    /// Is not heard, or is again; the customer still is.
    pub fn mute(&self, muted: bool) {
        self.tell(Order::Mute(muted));
    }

    /// Presses keys, one after the other: `0` to `9`, `*`, `#`, `A` to `D`.
    ///
    /// # Errors
    /// `BadInput` for anything else; nothing is pressed.
    pub fn press(&self, text: &str) -> Result<()> {
        let events: Option<Vec<u8>> = text.chars().map(keys::event).collect();
        let events = events
            .ok_or_else(|| Error::bad("keys", "has what no telephone has", "press 0 to 9, *, #, A to D"))?;
        self.tell(Order::Press(events));
        Ok(())
    }

    /// Asks for another loudspeaker. [`CallNow::routes`] shows it once the platform says so; [`CallNow::audio`] why it is not to be had.
    pub fn set_route(&self, to: SpeakerRoute) {
        self.tell(Order::Route(to));
    }

    /// The platform has these loudspeakers, and uses this one.
    pub fn routes_are(&self, routes: Routes) {
        self.tell(Order::Routes(routes));
    }

    /// The phone has another network.
    pub fn network_changed(&self) {
        self.tell(Order::NetworkChanged);
    }

    /// A cellular call took the microphone, or rings and will.
    pub fn cellular_began(&self) {
        self.tell(Order::Event(Event::CellularBegan));
    }

    /// The cellular call is over; `resume`: the platform gives the microphone back by itself.
    pub fn cellular_ended(&self, resume: bool) {
        self.tell(Order::Event(Event::CellularEnded { resume }));
    }

    /// How the call sounds, at most a second old; of the last call once it is over. `None` before the first.
    #[must_use]
    pub fn figures(&self) -> Option<VoiceFigures> {
        self.figures.lock().as_ref().map(|f| *f.lock())
    }

    /// Waits until the server has what was said to it and the device is closed (what it wrote is complete), for `limit` at most: before
    /// a program ends.
    pub async fn settle(&self, limit: Duration) {
        let mut devices = self.devices.clone();
        let both = async {
            self.client.inner.signalling.settled().await;
            let _ = devices.wait_for(|n| *n == 0).await;
        };
        if tokio::time::timeout(limit, both).await.is_err() {
            tracing::debug!(
                "the server does not acknowledge the end of a call, or the device does not close"
            );
        }
    }

    fn tell(&self, order: Order) {
        // an actor that is gone has shown how the call ended
        let _ = self.orders.send(order);
    }
}

/// The machine's name of a call.
fn machine_id(call: CallId) -> fsm::CallId {
    fsm::CallId(call.as_uuid())
}
