//! Connection, device and voice thread of the one call that has them.

use super::super::audio::{AudioError, DeviceEnds, Loudspeaker, Microphone, rings};
use super::super::peer::{Agreed, Arrived, MediaPeer, PeerError, PeerEvent, PeerMaker};
use super::super::voice::{Order as VoiceOrder, Voice};
use super::Figures;
use super::device::Devices;
use super::dial::Past;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use waybell_domain::wire::IceServer;

/// Packets that may wait for the voice thread: two seconds of them.
const ARRIVALS: usize = 128;

/// What calls are made of.
pub(super) struct Parts {
    pub devices: Devices,
    pub peers: Arc<dyn PeerMaker>,
    pub figures: Figures,
    pub past: Past,
}

/// What is reported back. `media`: of which call's media.
pub(super) enum Report {
    /// A connection was made, with its first offer; or not.
    Made { media: u64, made: Result<Made, PeerError> },
    /// Another offer for the same connection.
    Offered { media: u64, sdp: Result<String, PeerError> },
    /// What the connection says of itself.
    Peer { media: u64, event: PeerEvent },
    /// The device broke.
    Audio { media: u64, error: AudioError },
    /// Share of our packets that were lost.
    Lost { media: u64, loss: f32 },
    /// Another loudspeaker was asked for in vain.
    Unrouted(AudioError),
}

/// A connection with its first offer.
pub(super) struct Made {
    pub peer: Arc<dyn MediaPeer>,
    pub sdp: String,
    pub arrivals: rtrb::Consumer<Arrived>,
}

/// The media of one call.
pub(super) struct Media {
    number: u64,
    reports: UnboundedSender<Report>,
    peer: Option<Arc<dyn MediaPeer>>,
    /// Where the device is, from the moment it is to be opened.
    device: Option<Devices>,
    /// The call's ends of the rings, until the voice thread has them.
    ends: Option<(Microphone, Loudspeaker)>,
    voice: Option<Voice>,
    listens: bool,
    speaks: bool,
    muted: bool,
}

impl Media {
    pub(super) fn new(number: u64, reports: UnboundedSender<Report>) -> Media {
        Media {
            number,
            reports,
            peer: None,
            device: None,
            ends: None,
            voice: None,
            listens: false,
            speaks: false,
            muted: false,
        }
    }

    /// Has the device opened, beside everything else. What is wrong with it is reported.
    pub(super) fn open(&mut self, devices: &Devices) {
        let (ours, (microphone, loudspeaker)) = rings();
        let (number, told) = (self.number, self.reports.clone());
        let failed = Box::new(move |error| {
            let _ = told.send(Report::Audio { media: number, error });
        });
        devices.open(number, DeviceEnds { microphone, loudspeaker, failed }, self.reports.clone());
        self.ends = Some(ours);
        self.device = Some(devices.clone());
    }

    /// Has the device closed, beside everything else.
    pub(super) fn release(&mut self) {
        self.ends = None;
        if let Some(devices) = self.device.take() {
            devices.close(self.number);
        }
    }

    /// Makes a connection and its first offer, beside everything else.
    pub(super) fn make(&self, peers: Arc<dyn PeerMaker>, servers: Vec<IceServer>) {
        let (media, reports) = (self.number, self.reports.clone());
        tokio::spawn(async move {
            let made = make(peers, &servers, media, reports.clone()).await;
            let _ = reports.send(Report::Made { media, made });
        });
    }

    /// The connection is there: the voice begins.
    pub(super) fn begin(
        &mut self,
        peer: Arc<dyn MediaPeer>,
        arrivals: rtrb::Consumer<Arrived>,
        figures: &Figures,
    ) {
        self.peer = Some(peer.clone());
        let Some((microphone, loudspeaker)) = self.ends.take() else { return };
        match Voice::start(microphone, loudspeaker, peer, arrivals) {
            Ok(voice) => {
                voice.order(VoiceOrder::Listen(self.listens));
                voice.order(VoiceOrder::Speak(self.speaks));
                voice.order(VoiceOrder::Mute(self.muted));
                *figures.lock() = Some(voice.figures());
                self.voice = Some(voice);
            }
            Err(error) => {
                let error =
                    AudioError { what: "codec".to_owned(), problem: error.to_string(), hint: "try again" };
                let _ = self.reports.send(Report::Audio { media: self.number, error });
            }
        }
    }

    /// Asks for another offer, over whatever networks there are.
    pub(super) fn offer_again(&self) {
        let Some(peer) = self.peer.clone() else { return };
        let (media, reports) = (self.number, self.reports.clone());
        tokio::spawn(async move {
            let sdp = peer.offer(true).await;
            let _ = reports.send(Report::Offered { media, sdp });
        });
    }

    /// Takes the answer to the offer.
    pub(super) async fn answered(&mut self, sdp: &str) -> Result<Agreed, PeerError> {
        let Some(peer) = self.peer.clone() else { return Ok(Agreed::default()) };
        let agreed = peer.answered(sdp).await?;
        self.tell(VoiceOrder::Agreed(agreed));
        Ok(agreed)
    }

    /// Asks what the switch has lost, beside everything else.
    pub(super) fn look(&self) {
        let Some(peer) = self.peer.clone() else { return };
        let (media, reports) = (self.number, self.reports.clone());
        tokio::spawn(async move {
            if let Some(loss) = peer.stats().await.loss {
                let _ = reports.send(Report::Lost { media, loss });
            }
        });
    }

    pub(super) fn listen(&mut self, on: bool) {
        self.listens = on;
        self.tell(VoiceOrder::Listen(on));
    }

    pub(super) fn speak(&mut self, on: bool) {
        self.speaks = on;
        self.tell(VoiceOrder::Speak(on));
        if let Some(devices) = &self.device {
            devices.microphone(self.number, on);
        }
    }

    pub(super) fn mute(&mut self, muted: bool) {
        self.muted = muted;
        self.tell(VoiceOrder::Mute(muted));
    }

    pub(super) fn tell(&self, order: VoiceOrder) {
        if let Some(voice) = &self.voice {
            voice.order(order);
        }
    }

    /// Ends voice and connection. The device stays.
    pub(super) async fn stop(&mut self) {
        if let Some(voice) = self.voice.take() {
            let _ = tokio::task::spawn_blocking(move || drop(voice)).await;
        }
        if let Some(peer) = self.peer.take() {
            close(peer);
        }
    }
}

/// Closes a connection beside everything else.
pub(super) fn close(peer: Arc<dyn MediaPeer>) {
    tokio::spawn(async move { peer.close().await });
}

async fn make(
    peers: Arc<dyn PeerMaker>,
    servers: &[IceServer],
    media: u64,
    reports: UnboundedSender<Report>,
) -> Result<Made, PeerError> {
    let (heard, arrivals) = rtrb::RingBuffer::new(ARRIVALS);
    let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
    let peer = peers.make(servers, events, heard).await?;
    // ends with the connection, which has the other end
    tokio::spawn(async move {
        while let Some(event) = told.recv().await {
            let _ = reports.send(Report::Peer { media, event });
        }
    });
    match peer.offer(false).await {
        Ok(sdp) => Ok(Made { peer, sdp, arrivals }),
        Err(error) => {
            close(peer);
            Err(error)
        }
    }
}
