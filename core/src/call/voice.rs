//! The thread of a call: between the rings of the device and the packets of the network.
//!
//! ```text
//!  microphone ring ─▶ (mute) ─▶ sender ─▶ keys in its place ─▶ peer.send
//!                                 ▲ plan ◀── ladder ◀── losses that the switch reports
//!  loudspeaker ring ◀─ playout ◀── arrivals, with the moment they came
//! ```
//!
//! * One thread owns codec, sender and playout buffer, so nothing of them is locked. Orders come through a channel.
//! * It is not real time: it wakes each 4 ms, takes all that the microphone gave, and keeps 30 ms of sound before the loudspeaker. A
//!   wake-up that is late by less than that is not heard.
//! * **Listening and speaking are two switches.** Before the answer the courier hears ringing and announcements, and is not heard; on hold
//!   neither. Muted, silence is sent: the way stays open, and the other side does not take it for a loss.

use super::audio::{Loudspeaker, Microphone, TICK};
use super::codec::{CLOCK, CodecError, OpusDecoder, OpusEncoder, RATE, Settings};
use super::keys::Keys;
use super::ladder::{Ladder, Plan};
use super::peer::{Agreed, Arrived, EVENT, MediaPeer, OPUS, Packet, RED};
use super::playout::{Arrival, Counts, PlayoutBuffer, Report};
use super::sender::VoiceSender;
use bytes::Bytes;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at the rings.
const NAP: Duration = Duration::from_millis(4);
/// Sound that waits before the loudspeaker: 30 ms.
const AHEAD: usize = 3 * TICK;
/// Pieces of 10 ms that are taken of the microphone at once.
const MOST_TICKS: usize = 6;
/// Between two reports.
const SECOND: Duration = Duration::from_secs(1);

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// What arrives is heard, or not.
    Listen(bool),
    /// What the microphone gives is sent, or not.
    Speak(bool),
    /// Silence in its place.
    Mute(bool),
    /// A key, as an event.
    Press(u8),
    /// What the switch agreed to.
    Agreed(Agreed),
    /// Share of our packets that it has lost lately.
    Lost(f32),
}

/// How a call sounds so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VoiceFigures {
    /// Packets sent.
    pub sent: u64,
    /// Packets for which there was no room.
    pub unsent: u64,
    /// Keys that were heard.
    pub keys: u64,
    /// What the playout buffer did.
    pub heard: Counts,
    /// What it heard in the last second.
    pub report: Report,
    /// Samples of the microphone that were lost on this phone.
    pub microphone_lost: u64,
    /// Samples that the loudspeaker had to do without, those before the first sound included.
    pub loudspeaker_short: u64,
}

/// A running call's sound. Dropped, it ends.
pub(crate) struct Voice {
    orders: Option<Sender<Order>>,
    figures: Arc<Mutex<VoiceFigures>>,
    thread: Option<JoinHandle<()>>,
}

impl Voice {
    /// Begins: neither listening nor speaking.
    ///
    /// # Errors
    /// The codec or the thread cannot be set up.
    pub(crate) fn start(
        microphone: Microphone,
        loudspeaker: Loudspeaker,
        peer: Arc<dyn MediaPeer>,
        arrivals: rtrb::Consumer<Arrived>,
    ) -> Result<Voice, CodecError> {
        let ladder = Ladder::default();
        let plan = plan(&ladder, false);
        let settings = Settings { bitrate: plan.bitrate, expected_loss: plan.expected_loss, dtx: plan.dtx };
        let mut chance = [0; 6];
        let unset = |e: &dyn std::fmt::Display| CodecError::Use(e.to_string());
        SystemRandom::new().fill(&mut chance).map_err(|e| unset(&e))?;
        let sequence = u16::from_be_bytes([chance[0], chance[1]]);
        let timestamp = u32::from_be_bytes([chance[2], chance[3], chance[4], chance[5]]);
        let sender = VoiceSender::new(Box::new(OpusEncoder::new(settings)?), plan, OPUS, sequence, timestamp);
        let (orders, ordered) = channel();
        let figures = Arc::new(Mutex::new(VoiceFigures::default()));
        let running = Running {
            microphone,
            loudspeaker,
            peer,
            arrivals,
            sender,
            playout: PlayoutBuffer::new(Box::new(OpusDecoder::new(RATE)?)),
            ladder,
            keys: Keys::default(),
            agreed: Agreed::default(),
            listens: false,
            speaks: false,
            muted: false,
            next: sequence,
            clock: timestamp,
            half: false,
            key_heard: None,
            counted: VoiceFigures::default(),
            figures: figures.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("voice".to_owned())
            .spawn(move || running.run(&ordered))
            .map_err(|e| unset(&e))?;
        Ok(Voice { orders: Some(orders), figures, thread: Some(thread) })
    }

    /// Tells the thread something.
    pub(crate) fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }

    /// How it sounds so far; at most a second old.
    pub(crate) fn figures(&self) -> Arc<Mutex<VoiceFigures>> {
        self.figures.clone()
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of a call has panicked");
        }
    }
}

/// The ladder's plan, without copies where the switch does not understand them.
fn plan(ladder: &Ladder, red: bool) -> Plan {
    let plan = ladder.plan();
    match red || plan.copies.is_empty() {
        true => plan,
        // the coarse copies of the codec are what is left
        false => Plan { copies: &[], expected_loss: 25, ..plan },
    }
}

struct Running {
    microphone: Microphone,
    loudspeaker: Loudspeaker,
    peer: Arc<dyn MediaPeer>,
    arrivals: rtrb::Consumer<Arrived>,
    sender: VoiceSender,
    playout: PlayoutBuffer,
    ladder: Ladder,
    keys: Keys,
    agreed: Agreed,
    listens: bool,
    speaks: bool,
    muted: bool,
    /// Sequence number of the next packet: keys and voice share them.
    next: u16,
    /// Timestamp of the next 10 ms.
    clock: u32,
    /// Every second 10 ms a packet of a key may go.
    half: bool,
    /// Timestamp of the last key that was heard.
    key_heard: Option<u32>,
    counted: VoiceFigures,
    figures: Arc<Mutex<VoiceFigures>>,
}

impl Running {
    fn run(mut self, orders: &Receiver<Order>) {
        let began = Instant::now();
        let mut reported = Duration::ZERO;
        let mut tick = [0.0; TICK];
        loop {
            loop {
                match orders.try_recv() {
                    Ok(order) => self.obey(order, began.elapsed()),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return self.publish(),
                }
            }
            while let Ok(arrived) = self.arrivals.pop() {
                self.take(&arrived, arrived.at.saturating_duration_since(began));
            }
            // at most what the ring holds: a device without a clock does not keep us here
            for _ in 0..MOST_TICKS {
                if !self.microphone.tick(&mut tick) {
                    break;
                }
                self.say(&mut tick);
            }
            while self.loudspeaker.waiting() < AHEAD {
                match self.listens {
                    true => self.playout.pull(began.elapsed(), &mut tick),
                    false => tick.fill(0.0),
                }
                if !self.loudspeaker.give(&tick) {
                    break;
                }
            }
            let now = began.elapsed();
            if now.saturating_sub(reported) >= SECOND {
                reported = now;
                self.counted.report = self.playout.report(now);
                self.publish();
            }
            std::thread::sleep(NAP);
        }
    }

    fn obey(&mut self, order: Order, now: Duration) {
        match order {
            Order::Listen(on) => {
                if self.listens && !on {
                    self.playout.freeze();
                }
                self.listens = on;
            }
            Order::Speak(on) => self.speaks = on,
            Order::Mute(on) => self.muted = on,
            Order::Press(event) => {
                if self.agreed.keys && !self.keys.press(event) {
                    tracing::warn!("too many keys wait; one was dropped");
                }
            }
            Order::Agreed(agreed) => {
                self.agreed = agreed;
                self.sender.follow(plan(&self.ladder, agreed.red));
            }
            Order::Lost(loss) => {
                // runs are not reported: losses are taken for such of the air, one by one
                let burst = if loss > 0.0 { 1.0 / (1.0 - loss.min(0.9)) } else { 0.0 };
                let report = Report { expected: 50, loss, burst, ..Report::default() };
                self.ladder.take(now, &report);
                self.sender.follow(plan(&self.ladder, self.agreed.red));
            }
        }
    }

    fn take(&mut self, arrived: &Arrived, at: Duration) {
        let red = match arrived.kind {
            OPUS => None,
            RED => Some(OPUS),
            EVENT => {
                if self.key_heard != Some(arrived.timestamp) {
                    self.key_heard = Some(arrived.timestamp);
                    self.counted.keys += 1;
                }
                return;
            }
            _ => return,
        };
        if !self.listens {
            return;
        }
        let arrival = Arrival {
            sequence: arrived.sequence,
            timestamp: arrived.timestamp,
            red,
            payload: &arrived.payload,
        };
        if let Err(error) = self.playout.insert(at, &arrival) {
            tracing::debug!(%error, "a packet of a call holds no sound");
        }
    }

    /// 10 ms of the microphone.
    fn say(&mut self, samples: &mut [f32; TICK]) {
        if !self.speaks {
            return;
        }
        if self.muted {
            samples.fill(0.0);
        }
        let pressing = self.keys.is_busy();
        let now = self.clock;
        self.clock = self.clock.wrapping_add(CLOCK / 100);
        let sequence = self.next;
        let made = self.sender.push(samples).map(|made| {
            made.map(|out| Packet {
                kind: if out.is_red { RED } else { OPUS },
                marker: out.marker,
                sequence,
                timestamp: out.timestamp,
                payload: Bytes::copy_from_slice(out.payload),
            })
        });
        match made {
            // a key has the place of the voice
            Ok(Some(packet)) if !pressing => self.send(packet),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "10 ms of a call could not be coded"),
        }
        self.half = !self.half;
        if pressing
            && self.half
            && let Some(key) = self.keys.step(now)
        {
            let payload = Bytes::copy_from_slice(&key.payload);
            let (marker, timestamp) = (key.marker, key.timestamp);
            self.send(Packet { kind: EVENT, marker, sequence: self.next, timestamp, payload });
        }
    }

    fn send(&mut self, packet: Packet) {
        self.next = self.next.wrapping_add(1);
        match self.peer.send(packet) {
            true => self.counted.sent += 1,
            false => self.counted.unsent += 1,
        }
    }

    fn publish(&mut self) {
        self.counted.heard = self.playout.counts();
        self.counted.microphone_lost = self.microphone.lost();
        self.counted.loudspeaker_short = self.loudspeaker.short();
        *self.figures.lock() = self.counted;
    }
}
