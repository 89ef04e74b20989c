//! A device of a program: a thread that speaks and hears 10 ms each 10 ms, by the steady clock.
//!
//! It stands where a telephone has microphone and loudspeaker: files in a terminal, tones in a test. It is as real to the rest of a call as
//! any device, with a clock of its own that is not the other side's.

use super::{AudioDevice, AudioError, AudioStream, DeviceEnds, TICK};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is said and heard at such a device.
pub trait Sounds: Send {
    /// The next 10 ms of the microphone; asked for while it is on.
    fn says(&mut self, out: &mut [f32; TICK]);

    /// The next 10 ms of the loudspeaker.
    ///
    /// # Errors
    /// They cannot be kept; the device is closed.
    fn hears(&mut self, heard: &[f32; TICK]) -> Result<(), AudioError>;

    /// The call is over.
    ///
    /// # Errors
    /// What was heard could not be completed.
    fn ends(&mut self) -> Result<(), AudioError> {
        Ok(())
    }
}

/// See the module.
pub struct PacedDevice<F> {
    make: F,
}

impl<F> PacedDevice<F>
where
    F: Fn() -> Result<Box<dyn Sounds>, AudioError> + Send + Sync,
{
    /// A device that makes its sounds anew for each call.
    pub fn new(make: F) -> PacedDevice<F> {
        PacedDevice { make }
    }
}

impl<F> AudioDevice for PacedDevice<F>
where
    F: Fn() -> Result<Box<dyn Sounds>, AudioError> + Send + Sync,
{
    fn open(&self, ends: DeviceEnds) -> Result<Box<dyn AudioStream>, AudioError> {
        let sounds = (self.make)()?;
        let switches = Arc::new(Switches::default());
        let running = switches.clone();
        let thread = std::thread::Builder::new()
            .name("audio".to_owned())
            .spawn(move || run(sounds, ends, &running))
            .map_err(|e| AudioError {
                what: "audio".to_owned(),
                problem: e.to_string(),
                hint: "the system has no room for another thread",
            })?;
        Ok(Box::new(Stream { switches, thread: Some(thread) }))
    }
}

#[derive(Default)]
struct Switches {
    stop: AtomicBool,
    microphone: AtomicBool,
}

struct Stream {
    switches: Arc<Switches>,
    thread: Option<JoinHandle<()>>,
}

impl AudioStream for Stream {
    fn microphone(&self, on: bool) {
        self.switches.microphone.store(on, Ordering::Relaxed);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.switches.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("an audio device has panicked");
        }
    }
}

fn run(mut sounds: Box<dyn Sounds>, mut ends: DeviceEnds, switches: &Switches) {
    let mut buffer = [0.0; TICK];
    let mut due = Instant::now();
    let ended = loop {
        if switches.stop.load(Ordering::Relaxed) {
            break sounds.ends();
        }
        if switches.microphone.load(Ordering::Relaxed) {
            sounds.says(&mut buffer);
            ends.microphone.put(&buffer);
        }
        ends.loudspeaker.take(&mut buffer);
        if let Err(error) = sounds.hears(&buffer) {
            break Err(error);
        }
        due += Duration::from_millis(10);
        let now = Instant::now();
        match due.checked_duration_since(now) {
            Some(wait) => std::thread::sleep(wait),
            // a machine that was suspended does not catch up on an hour
            None if now.duration_since(due) > Duration::from_secs(1) => due = now,
            None => {}
        }
    };
    if let Err(error) = ended {
        (ends.failed)(error);
    }
}
