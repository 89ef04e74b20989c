//! The microphone and loudspeaker of a computer, by cpal: ALSA, CoreAudio, WASAPI, or a host of a program's own.
//!
//! ```text
//!  device ─ callback ─▶ mono, our rate ─▶ ring            ┌────────┐◀─ microphone on, off; the end
//!  device ◀ callback ◀─ all channels, its rate ◀─ ring    │ keeper │◀─ "this stream is broken"
//!                                                         └────────┘ opens, closes, opens anew
//! ```
//!
//! * One thread a call (the keeper) opens and closes streams, each at the device's own rate, channels and form of samples, in pieces
//!   of 10 ms where it can. Callbacks do nothing but arithmetic between the device's buffer and the ring.
//! * The loudspeaker runs for the whole call; the microphone's stream exists only while it is on, so that the system's sign for it
//!   tells the truth. That there is a microphone is looked at before the call begins.
//! * **A device that goes** (a headset is unplugged) is replaced by what is the system's default then, for which 5 s are allowed.
//!   Then the call is told that its sound has failed.
//! * A ring's end lives in the callback of its stream, and comes back when the stream is dropped, wherever that happens.
//!
//! No echo is cancelled: that is the platform's, where it has one (on phones: [`hosted`](super::hosted)).

use super::resample::{LoudspeakerAt, MicrophoneAt};
use super::{AudioDevice, AudioError, AudioStream, DeviceEnds, LoudspeakerEnd, MicrophoneEnd};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, StreamConfig, SupportedBufferSize, SupportedStreamConfig};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

mod samples;

/// How long another device is looked for in the place of one that is gone.
const LOOKED_FOR: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// A stream that is dropped gives its ring back within this, or its driver is stuck.
const GIVEN_BACK: Duration = Duration::from_secs(2);

/// See the module.
pub struct PlatformDevice {
    host: Arc<cpal::Host>,
}

impl PlatformDevice {
    /// What this computer has. Asks for nothing yet.
    #[must_use]
    pub fn of_system() -> PlatformDevice {
        PlatformDevice::of_host(cpal::default_host())
    }

    /// What this host has, such as one of a program's own.
    #[must_use]
    pub fn of_host(host: cpal::Host) -> PlatformDevice {
        PlatformDevice { host: Arc::new(host) }
    }

    /// Looks whether there is a microphone and a loudspeaker, without opening them.
    ///
    /// # Errors
    /// What there is none of, or may not be used.
    pub fn check(&self) -> Result<(), AudioError> {
        input(&self.host)?;
        output(&self.host).map(drop)
    }
}

impl AudioDevice for PlatformDevice {
    fn open(&self, ends: DeviceEnds) -> Result<Box<dyn AudioStream>, AudioError> {
        let (orders, todo) = channel();
        let (told, opened) = channel();
        let (host, own) = (self.host.clone(), orders.clone());
        let thread = std::thread::Builder::new()
            .name("audio".to_owned())
            .spawn(move || match Keeper::new(host, own, ends) {
                Ok(keeper) => {
                    let _ = told.send(None);
                    keeper.run(&todo);
                }
                Err(error) => drop(told.send(Some(error))),
            })
            .map_err(|e| fault("audio", &e.to_string(), "the system has no room for another thread"))?;
        let stream = Stream { orders, thread: Some(thread) };
        match opened.recv() {
            Ok(None) => Ok(Box::new(stream)),
            Ok(Some(error)) => Err(error),
            Err(_) => Err(fault("audio", "the sound driver has failed", "try again")),
        }
    }
}

/// What the keeper is told.
enum Order {
    Microphone(bool),
    /// The stream of this number is broken.
    Broken(u64),
    End,
}

struct Stream {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl AudioStream for Stream {
    fn microphone(&self, on: bool) {
        let _ = self.orders.send(Order::Microphone(on));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("an audio device has panicked");
        }
    }
}

/// One direction: its stream while there is one, and where its ring's end comes back to.
struct Side<E> {
    stream: Option<(u64, cpal::Stream)>,
    back: Receiver<E>,
    home: Sender<E>,
    /// Another device is looked for since then.
    lost: Option<Instant>,
}

impl<E> Side<E> {
    fn new(end: E) -> Side<E> {
        let (home, back) = channel();
        let _ = home.send(end);
        Side { stream: None, back, home, lost: None }
    }

    /// The end, which no stream has.
    fn end(&self, what: &str) -> Result<E, AudioError> {
        let stuck = || fault(what, "the sound driver does not let go of it", "start the program again");
        self.back.recv_timeout(GIVEN_BACK).map_err(|_| stuck())
    }

    fn has(&self, number: u64) -> bool {
        self.stream.as_ref().is_some_and(|(n, _)| *n == number)
    }
}

struct Keeper {
    host: Arc<cpal::Host>,
    orders: Sender<Order>,
    failed: Box<dyn Fn(AudioError) + Send + Sync>,
    microphone: Side<MicrophoneEnd>,
    loudspeaker: Side<LoudspeakerEnd>,
    /// The microphone is to be on.
    speaks: bool,
    streams: u64,
}

impl Keeper {
    fn new(host: Arc<cpal::Host>, orders: Sender<Order>, ends: DeviceEnds) -> Result<Keeper, AudioError> {
        let (microphone, loudspeaker) = (Side::new(ends.microphone), Side::new(ends.loudspeaker));
        let failed = ends.failed;
        let mut keeper = Keeper { host, orders, failed, microphone, loudspeaker, speaks: false, streams: 0 };
        input(&keeper.host)?;
        keeper.open_loudspeaker()?;
        Ok(keeper)
    }

    fn run(mut self, todo: &Receiver<Order>) {
        loop {
            let looks = self.microphone.lost.is_some() || self.loudspeaker.lost.is_some();
            let order = match looks {
                false => todo.recv().map_err(|_| RecvTimeoutError::Disconnected),
                true => todo.recv_timeout(LOOK),
            };
            match order {
                Ok(Order::Microphone(on)) => self.speak(on),
                Ok(Order::Broken(number)) => self.broken(number),
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if !self.look() {
                return;
            }
        }
    }

    fn speak(&mut self, on: bool) {
        if on == self.speaks {
            return;
        }
        self.speaks = on;
        self.microphone.stream = None;
        // opened by the look that follows
        self.microphone.lost = on.then(Instant::now);
    }

    fn broken(&mut self, number: u64) {
        let now = Instant::now();
        if self.microphone.has(number) {
            tracing::warn!("the microphone is gone");
            (self.microphone.stream, self.microphone.lost) = (None, Some(now));
        }
        if self.loudspeaker.has(number) {
            tracing::warn!("the loudspeaker is gone");
            (self.loudspeaker.stream, self.loudspeaker.lost) = (None, Some(now));
        }
    }

    /// Opens what should be open and is not; `false` once that has been tried for too long.
    fn look(&mut self) -> bool {
        if let Some(since) = self.microphone.lost {
            match self.open_microphone() {
                Ok(()) => self.microphone.lost = None,
                Err(error) if since.elapsed() >= LOOKED_FOR => return self.give_up(error),
                Err(error) => tracing::debug!(%error, "no microphone yet"),
            }
        }
        if let Some(since) = self.loudspeaker.lost {
            match self.open_loudspeaker() {
                Ok(()) => self.loudspeaker.lost = None,
                Err(error) if since.elapsed() >= LOOKED_FOR => return self.give_up(error),
                Err(error) => tracing::debug!(%error, "no loudspeaker yet"),
            }
        }
        true
    }

    fn give_up(&self, error: AudioError) -> bool {
        (self.failed)(error);
        false
    }

    fn open_microphone(&mut self) -> Result<(), AudioError> {
        let (device, found) = input(&self.host)?;
        self.streams += 1;
        let (number, orders) = (self.streams, self.orders.clone());
        let stream = fitting(&found, |config| {
            let end = MicrophoneAt::new(self.microphone.end("microphone")?, found.sample_rate());
            let mut lent =
                Lent { end: Some(end), home: self.microphone.home.clone(), back: MicrophoneAt::into_end };
            let channels = usize::from(config.channels.max(1));
            let format = found.sample_format();
            let put = move |data: &cpal::Data, _: &cpal::InputCallbackInfo| {
                if let Some(end) = &mut lent.end {
                    samples::put(data, format, channels, end);
                }
            };
            device
                .build_input_stream_raw(
                    config,
                    format,
                    put,
                    trouble(number, orders.clone()),
                    Some(GIVEN_BACK),
                )
                .map_err(|e| refused("microphone", &e))
        })?;
        stream.play().map_err(|e| refused("microphone", &e))?;
        self.microphone.stream = Some((number, stream));
        Ok(())
    }

    fn open_loudspeaker(&mut self) -> Result<(), AudioError> {
        let (device, found) = output(&self.host)?;
        self.streams += 1;
        let (number, orders) = (self.streams, self.orders.clone());
        let stream = fitting(&found, |config| {
            let end = LoudspeakerAt::new(self.loudspeaker.end("loudspeaker")?, found.sample_rate());
            let mut lent =
                Lent { end: Some(end), home: self.loudspeaker.home.clone(), back: LoudspeakerAt::into_end };
            let channels = usize::from(config.channels.max(1));
            let format = found.sample_format();
            let take = move |data: &mut cpal::Data, _: &cpal::OutputCallbackInfo| {
                if let Some(end) = &mut lent.end {
                    samples::take(data, format, channels, end);
                }
            };
            device
                .build_output_stream_raw(
                    config,
                    format,
                    take,
                    trouble(number, orders.clone()),
                    Some(GIVEN_BACK),
                )
                .map_err(|e| refused("loudspeaker", &e))
        })?;
        stream.play().map_err(|e| refused("loudspeaker", &e))?;
        self.loudspeaker.stream = Some((number, stream));
        Ok(())
    }
}

/// The system's microphone.
fn input(host: &cpal::Host) -> Result<(cpal::Device, SupportedStreamConfig), AudioError> {
    let device = host.default_input_device().ok_or_else(|| nothing("microphone"))?;
    let config = device.default_input_config().map_err(|e| refused("microphone", &e))?;
    Ok((device, config))
}

/// The system's loudspeaker.
fn output(host: &cpal::Host) -> Result<(cpal::Device, SupportedStreamConfig), AudioError> {
    let device = host.default_output_device().ok_or_else(|| nothing("loudspeaker"))?;
    let config = device.default_output_config().map_err(|e| refused("loudspeaker", &e))?;
    Ok((device, config))
}

fn nothing(what: &str) -> AudioError {
    fault(what, "there is none", "plug one in, or give files for the sound")
}

/// A stream with pieces of 10 ms, or whatever the device wants.
fn fitting(
    found: &SupportedStreamConfig,
    mut build: impl FnMut(StreamConfig) -> Result<cpal::Stream, AudioError>,
) -> Result<cpal::Stream, AudioError> {
    let wanted = found.sample_rate() / 100;
    let wanted = match found.buffer_size() {
        SupportedBufferSize::Range { min, max } => wanted.max(*min).min(*max),
        SupportedBufferSize::Unknown => wanted,
    };
    let config = |buffer_size| StreamConfig {
        channels: found.channels(),
        sample_rate: found.sample_rate(),
        buffer_size,
    };
    build(config(BufferSize::Fixed(wanted))).or_else(|_| build(config(BufferSize::Default)))
}

/// What a stream does with its errors: those after which it gives no sound are told.
fn trouble(number: u64, orders: Sender<Order>) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| match error.kind() {
        // it goes on
        ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied | ErrorKind::DeviceBusy => {}
        _ => drop(orders.send(Order::Broken(number))),
    }
}

/// A ring's end in a callback; back home when that is dropped.
struct Lent<A, E> {
    end: Option<A>,
    home: Sender<E>,
    back: fn(A) -> E,
}

impl<A, E> Drop for Lent<A, E> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = self.home.send((self.back)(end));
        }
    }
}

fn fault(what: &str, problem: &str, hint: &'static str) -> AudioError {
    AudioError { what: what.to_owned(), problem: problem.to_owned(), hint }
}

fn refused(what: &str, error: &cpal::Error) -> AudioError {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            fault(what, "this program may not use it", "allow it in the system's settings")
        }
        ErrorKind::DeviceBusy => fault(what, "another program uses it", "end that program"),
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => nothing(what),
        _ => fault(what, &error.to_string(), "look at the system's settings for sound"),
    }
}
