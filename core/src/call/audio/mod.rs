//! Microphone and loudspeaker as a port, and the two rings between a device and the thread of a call.
//!
//! ```text
//!  device ─ MicrophoneEnd::put ─▶ ring, 60 ms ─▶ Microphone::tick ─▶ voice thread
//!  device ◀ LoudspeakerEnd::take ◀ ring, 60 ms ◀ Loudspeaker::give ◀ voice thread
//! ```
//!
//! * A device's callback calls [`MicrophoneEnd::put`] and [`LoudspeakerEnd::take`] and nothing else of ours: neither allocates, locks or
//!   calls the system (`tests/voice` counts allocations). A full ring loses the newest samples, an empty one gives silence; both are counted.
//! * The device's clock leads: the voice thread takes what the microphone gave, and fills what the loudspeaker has taken.
//!   That the other side's clock is another one is the playout buffer's business.
//! * All sound is mono `f32` at [`RATE`].
//! * [`paced`] is a device of a program instead of a microphone; [`wav`] is one of files; [`hosted`] one whose sound an app of another
//!   language pushes and pulls; `platform` (with the feature `platform-audio`) that of a computer. [`resample`] joins their rates
//!   to ours.
//! * [`route`]: which loudspeaker, where there are several.

pub mod hosted;
pub mod paced;
#[cfg(feature = "platform-audio")]
pub mod platform;
pub mod resample;
pub mod route;
pub mod wav;

use super::codec::RATE;
use route::SpeakerRoute;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Samples of 10 ms, in which sound is handled.
pub const TICK: usize = RATE as usize / 100;
/// Samples that a ring holds: 60 ms.
const RING: usize = 6 * TICK;

/// Why a device cannot be used, or no longer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what}: {problem}; {hint}")]
pub struct AudioError {
    /// The device or file.
    pub what: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
}

/// Microphone and loudspeaker of a platform.
pub trait AudioDevice: Send + Sync {
    /// Opens both for one call. May take a moment. The device works, with its microphone off, until what is returned is dropped.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&self, ends: DeviceEnds) -> Result<Box<dyn AudioStream>, AudioError>;

    /// Asks for another loudspeaker. May take a moment. What then is used is told by the platform, not by this.
    ///
    /// # Errors
    /// There is no choice, or not this one.
    fn route(&self, to: SpeakerRoute) -> Result<(), AudioError> {
        Err(AudioError {
            what: to.as_str().to_owned(),
            problem: "this device has one loudspeaker".to_owned(),
            hint: "choose it in the system's settings",
        })
    }
}

/// An open device; dropped, it is closed, and whatever it wrote is complete.
pub trait AudioStream: Send {
    /// Turns the microphone on or off. While it is off nothing is captured, and a platform shows that.
    fn microphone(&self, on: bool);
}

/// What an open device works with.
pub struct DeviceEnds {
    /// Where sound of the microphone goes.
    pub microphone: MicrophoneEnd,
    /// Where sound for the loudspeaker comes from.
    pub loudspeaker: LoudspeakerEnd,
    /// To be called once, when the device breaks while it is open.
    pub failed: Box<dyn Fn(AudioError) + Send + Sync>,
}

/// What went wrong at a device's rings.
#[derive(Debug, Default)]
struct Counters {
    overflow: AtomicU64,
    underflow: AtomicU64,
}

/// The device's end of the microphone.
pub struct MicrophoneEnd {
    ring: rtrb::Producer<f32>,
    counters: Arc<Counters>,
}

impl MicrophoneEnd {
    /// Gives samples. What finds no room is lost.
    pub fn put(&mut self, samples: &[f32]) {
        let room = samples.len().min(self.ring.slots());
        if let Ok(mut chunk) = self.ring.write_chunk(room) {
            let (first, second) = chunk.as_mut_slices();
            let cut = first.len();
            first.copy_from_slice(&samples[..cut]);
            second.copy_from_slice(&samples[cut..room]);
            chunk.commit_all();
        }
        if room < samples.len() {
            self.counters.overflow.fetch_add((samples.len() - room) as u64, Ordering::Relaxed);
        }
    }
}

/// The device's end of the loudspeaker.
pub struct LoudspeakerEnd {
    ring: rtrb::Consumer<f32>,
    counters: Arc<Counters>,
}

impl LoudspeakerEnd {
    /// Fills `out`; with silence where there is nothing.
    pub fn take(&mut self, out: &mut [f32]) {
        let there = out.len().min(self.ring.slots());
        if let Ok(chunk) = self.ring.read_chunk(there) {
            let (first, second) = chunk.as_slices();
            out[..first.len()].copy_from_slice(first);
            out[first.len()..there].copy_from_slice(second);
            chunk.commit_all();
        }
        out[there..].fill(0.0);
        if there < out.len() {
            self.counters.underflow.fetch_add((out.len() - there) as u64, Ordering::Relaxed);
        }
    }
}

/// The call's end of the microphone.
pub struct Microphone {
    ring: rtrb::Consumer<f32>,
    counters: Arc<Counters>,
}

impl Microphone {
    /// The next 10 ms, if they are there.
    pub fn tick(&mut self, out: &mut [f32; TICK]) -> bool {
        if self.ring.slots() < TICK {
            return false;
        }
        let Ok(chunk) = self.ring.read_chunk(TICK) else { return false };
        let (first, second) = chunk.as_slices();
        out[..first.len()].copy_from_slice(first);
        out[first.len()..].copy_from_slice(second);
        chunk.commit_all();
        true
    }

    /// Samples that were lost because nobody took them in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.counters.overflow.load(Ordering::Relaxed)
    }
}

/// The call's end of the loudspeaker.
pub struct Loudspeaker {
    ring: rtrb::Producer<f32>,
    counters: Arc<Counters>,
}

impl Loudspeaker {
    /// Samples that wait to be heard.
    #[must_use]
    pub fn waiting(&self) -> usize {
        RING - self.ring.slots()
    }

    /// Gives 10 ms; `false` where there is no room.
    pub fn give(&mut self, samples: &[f32; TICK]) -> bool {
        let Ok(mut chunk) = self.ring.write_chunk(TICK) else { return false };
        let (first, second) = chunk.as_mut_slices();
        let cut = first.len();
        first.copy_from_slice(&samples[..cut]);
        second.copy_from_slice(&samples[cut..]);
        chunk.commit_all();
        true
    }

    /// Samples of silence that were heard because nothing was there in time, those before the first sound included.
    #[must_use]
    pub fn short(&self) -> u64 {
        self.counters.underflow.load(Ordering::Relaxed)
    }
}

/// The rings of one call: its ends of them, and the device's. All memory is taken here.
#[must_use]
pub fn rings() -> ((Microphone, Loudspeaker), (MicrophoneEnd, LoudspeakerEnd)) {
    let counters = Arc::new(Counters::default());
    let (to_call, from_device) = rtrb::RingBuffer::new(RING);
    let (to_device, from_call) = rtrb::RingBuffer::new(RING);
    let ours = (
        Microphone { ring: from_device, counters: counters.clone() },
        Loudspeaker { ring: to_device, counters: counters.clone() },
    );
    let theirs = (
        MicrophoneEnd { ring: to_call, counters: counters.clone() },
        LoudspeakerEnd { ring: from_call, counters },
    );
    (ours, theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_in_order_and_what_finds_no_room_is_counted() {
        let ((mut microphone, mut loudspeaker), (mut put, mut take)) = rings();
        let mut tick = [0.0; TICK];
        assert!(!microphone.tick(&mut tick));
        let mut next = 0.0;
        let mut expected = 0.0;
        // pieces that do not fit the ring's length, as devices give them
        for piece in [7, 441, 160, 3, 333, 512, 96].into_iter().cycle().take(200) {
            let samples: Vec<f32> = (0..piece).map(|i| next + i as f32).collect();
            next += piece as f32;
            put.put(&samples);
            while microphone.tick(&mut tick) {
                for sample in tick {
                    assert_eq!(sample, expected);
                    expected += 1.0;
                }
            }
        }
        assert_eq!(microphone.lost(), 0);
        put.put(&[0.0; RING + 5]);
        assert!(microphone.lost() >= 5);

        assert!(loudspeaker.give(&[0.5; TICK]));
        assert_eq!(loudspeaker.waiting(), TICK);
        let mut out = [9.0; TICK + 10];
        take.take(&mut out);
        assert!(out[..TICK].iter().all(|s| *s == 0.5) && out[TICK..].iter().all(|s| *s == 0.0));
        assert_eq!(loudspeaker.short(), 10);
        let given = (0..10).filter(|_| loudspeaker.give(&[0.1; TICK])).count();
        assert_eq!(given, RING / TICK, "and no more than there is room for");
    }
}
