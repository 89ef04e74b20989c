//! A device whose sound an app of another language pushes and pulls, 10 ms at a time.
//!
//! On a phone the platform's own classes have microphone and loudspeaker (with its echo canceller, its routes and its rules for the
//! background). They run in the app's threads, which call [`Pcm::push`] and [`Pcm::pull`]:
//!
//! * neither allocates, waits, or calls the system; each may be called from a thread of its own, and from any thread;
//! * pieces may have any length, 10 ms is best; what is pushed while the microphone is off, or after the end, is dropped;
//! * samples are mono, 16 bits, at the rates that [`PcmHost::format`] names; they are brought to ours here.
//!
//! What the core asks of the app ([`PcmHost`]) is asked from a thread that may wait.

use super::resample::{LoudspeakerAt, MicrophoneAt};
use super::route::SpeakerRoute;
use super::{AudioDevice, AudioError, AudioStream, DeviceEnds};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Rates that are taken, samples a second.
pub const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// What the app's microphone and loudspeaker work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcmFormat {
    /// Samples a second of what is pushed.
    pub microphone_hz: u32,
    /// Samples a second of what is pulled.
    pub loudspeaker_hz: u32,
}

/// What the app does for calls. Every call may take a moment, and none comes from the thread of another.
pub trait PcmHost: Send + Sync + 'static {
    /// The rates of the next call.
    fn format(&self) -> PcmFormat;

    /// Sets up microphone and loudspeaker for a call, the loudspeaker running: [`Pcm::pull`] is called from now on.
    ///
    /// # Errors
    /// They cannot be had, or the person has not allowed them.
    fn open(&self, pcm: Arc<Pcm>) -> Result<(), AudioError>;

    /// Turns the microphone on or off. Off, nothing is captured, and the platform's sign for it goes out.
    fn microphone(&self, on: bool);

    /// The call is over: both are closed when this returns.
    fn close(&self);

    /// Asks for another loudspeaker.
    ///
    /// # Errors
    /// It is not there.
    fn route(&self, to: SpeakerRoute) -> Result<(), AudioError>;
}

/// The sound of one call, for the app's threads.
pub struct Pcm {
    // Each is used by one thread of the app; closing takes them away without ever making that thread wait.
    microphone: Mutex<Option<MicrophoneAt>>,
    loudspeaker: Mutex<Option<LoudspeakerAt>>,
    on: AtomicBool,
    failed: Box<dyn Fn(AudioError) + Send + Sync>,
}

impl Pcm {
    /// What the microphone heard. `false` after the end of the call: stop then.
    pub fn push(&self, samples: &[i16]) -> bool {
        // not to be had while another thread pushes (then both would be mixed up) or the call ends
        let Some(mut microphone) = self.microphone.try_lock() else { return true };
        let Some(microphone) = microphone.as_mut() else { return false };
        if self.on.load(Ordering::Relaxed) {
            microphone.put(samples.iter().map(|s| f32::from(*s) / 32_768.0));
        }
        true
    }

    /// Fills `out` with what is to be heard; with silence where there is nothing. `false` after the end of the call: stop then.
    pub fn pull(&self, out: &mut [i16]) -> bool {
        let there = match self.loudspeaker.try_lock() {
            None => true,
            Some(mut loudspeaker) => match loudspeaker.as_mut() {
                None => false,
                Some(loudspeaker) => {
                    let mut rest = out.iter_mut();
                    loudspeaker.take(rest.len(), |sample| {
                        if let Some(out) = rest.next() {
                            *out = (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16;
                        }
                    });
                    return true;
                }
            },
        };
        out.fill(0);
        there
    }

    /// The device broke, and there is no other: the call ends.
    pub fn fail(&self, problem: &str) {
        (self.failed)(AudioError {
            what: "audio".to_owned(),
            problem: problem.chars().take(200).collect(),
            hint: "look at the phone's settings for sound",
        });
    }

    fn close(&self) {
        take_away(&self.microphone);
        take_away(&self.loudspeaker);
    }
}

/// Who pushes or pulls just now is done in microseconds. A lock that is waited for would cost them a call to the system.
fn take_away<T>(end: &Mutex<Option<T>>) {
    loop {
        if let Some(mut end) = end.try_lock() {
            let taken = end.take();
            drop((end, taken));
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// See the module.
pub struct HostedDevice {
    host: Arc<dyn PcmHost>,
}

impl HostedDevice {
    /// A device of this app.
    #[must_use]
    pub fn new(host: Arc<dyn PcmHost>) -> HostedDevice {
        HostedDevice { host }
    }
}

impl AudioDevice for HostedDevice {
    fn open(&self, ends: DeviceEnds) -> Result<Box<dyn AudioStream>, AudioError> {
        let format = self.host.format();
        for (what, rate) in [("microphone", format.microphone_hz), ("loudspeaker", format.loudspeaker_hz)] {
            if !RATES.contains(&rate) {
                return Err(AudioError {
                    what: what.to_owned(),
                    problem: format!("{rate} samples a second"),
                    hint: "use a rate between 8000 and 192000",
                });
            }
        }
        let pcm = Arc::new(Pcm {
            microphone: Mutex::new(Some(MicrophoneAt::new(ends.microphone, format.microphone_hz))),
            loudspeaker: Mutex::new(Some(LoudspeakerAt::new(ends.loudspeaker, format.loudspeaker_hz))),
            on: AtomicBool::new(false),
            failed: ends.failed,
        });
        if let Err(error) = self.host.open(pcm.clone()) {
            pcm.close();
            return Err(error);
        }
        Ok(Box::new(Stream { host: self.host.clone(), pcm }))
    }

    fn route(&self, to: SpeakerRoute) -> Result<(), AudioError> {
        self.host.route(to)
    }
}

struct Stream {
    host: Arc<dyn PcmHost>,
    pcm: Arc<Pcm>,
}

impl AudioStream for Stream {
    fn microphone(&self, on: bool) {
        // what the app still pushes after this is not heard, whatever it does
        self.pcm.on.store(on, Ordering::Relaxed);
        self.host.microphone(on);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.pcm.close();
        self.host.close();
    }
}

#[cfg(test)]
mod tests;
