//! Microphone and loudspeaker of the app that embeds the core: what is asked of it, and the two functions that its audio threads
//! call (`include/waybell_audio.h`).

use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use waybell_core::call::audio::AudioError;
use waybell_core::call::audio::hosted::{Pcm, PcmFormat, PcmHost};
use waybell_core::call::audio::route as core;

/// Rates of the app's microphone and loudspeaker, samples a second: 8000 to 192000, best 16000 or 48000.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct AudioFormat {
    /// Of what is pushed.
    pub microphone_hz: u32,
    /// Of what is pulled.
    pub loudspeaker_hz: u32,
}

/// A loudspeaker of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum SpeakerRoute {
    /// The small one, held to the ear.
    Earpiece,
    /// The loud one (免提).
    Speaker,
    /// A headset or car over Bluetooth.
    Bluetooth,
    /// A headset on a cable.
    Wired,
}

/// Why the app's sound cannot be had.
#[derive(Clone, Debug, thiserror::Error, uniffi::Error)]
pub enum AudioHostError {
    /// It cannot.
    #[error("{problem}")]
    Failed {
        /// Why, for the person.
        problem: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for AudioHostError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        AudioHostError::Failed { problem: error.reason }
    }
}

/// The app's sound. Called one after the other from a thread of the library, which may be kept waiting: the call goes on meanwhile.
#[uniffi::export(with_foreign)]
pub trait AudioHost: Send + Sync {
    /// The rates of the next call; asked right before `open`.
    fn format(&self) -> Result<AudioFormat, AudioHostError>;

    /// Sets up microphone and loudspeaker for a call. From now on the loudspeaker's thread pulls from this stream; the microphone is off.
    fn open(&self, stream: u64) -> Result<(), AudioHostError>;

    /// Turns the microphone on or off. Off, nothing is captured, and the platform's sign for it goes out; what is pushed all the same
    /// is dropped.
    fn microphone(&self, on: bool) -> Result<(), AudioHostError>;

    /// The call is over: its threads are ended when this returns. Pushing and pulling already answer 1.
    fn end(&self) -> Result<(), AudioHostError>;

    /// Asks for another loudspeaker; `AppCalls.routesAre` then tells what is used.
    fn route(&self, to: SpeakerRoute) -> Result<(), AudioHostError>;
}

impl From<SpeakerRoute> for core::SpeakerRoute {
    fn from(route: SpeakerRoute) -> Self {
        match route {
            SpeakerRoute::Earpiece => core::SpeakerRoute::Earpiece,
            SpeakerRoute::Speaker => core::SpeakerRoute::Speaker,
            SpeakerRoute::Bluetooth => core::SpeakerRoute::Bluetooth,
            SpeakerRoute::Wired => core::SpeakerRoute::Wired,
        }
    }
}

impl From<core::SpeakerRoute> for SpeakerRoute {
    fn from(route: core::SpeakerRoute) -> Self {
        match route {
            core::SpeakerRoute::Earpiece => SpeakerRoute::Earpiece,
            core::SpeakerRoute::Speaker => SpeakerRoute::Speaker,
            core::SpeakerRoute::Bluetooth => SpeakerRoute::Bluetooth,
            core::SpeakerRoute::Wired => SpeakerRoute::Wired,
        }
    }
}

fn failed(error: &AudioHostError) -> AudioError {
    AudioError {
        what: "audio".to_owned(),
        problem: error.to_string().chars().take(200).collect(),
        hint: "look at the phone's settings for sound",
    }
}

/// The app's sound as the core's device has it.
pub(crate) struct Hosted {
    host: Arc<dyn AudioHost>,
    /// The stream of the call that is up, or was last.
    stream: AtomicU64,
}

impl Hosted {
    pub(crate) fn new(host: Arc<dyn AudioHost>) -> Hosted {
        Hosted { host, stream: AtomicU64::new(0) }
    }

    fn stream(&self) -> u64 {
        self.stream.load(Ordering::Relaxed)
    }

    /// The app's sound broke: the call that has it ends.
    pub(crate) fn fail(&self, problem: &str) {
        if let Some(pcm) = find(self.stream()) {
            pcm.fail(problem);
        }
    }
}

impl PcmHost for Hosted {
    fn format(&self) -> PcmFormat {
        // rates of 0 are refused, and say so
        let format = self.host.format().unwrap_or_else(|error| {
            warn(&error);
            AudioFormat { microphone_hz: 0, loudspeaker_hz: 0 }
        });
        PcmFormat { microphone_hz: format.microphone_hz, loudspeaker_hz: format.loudspeaker_hz }
    }

    fn open(&self, pcm: Arc<Pcm>) -> Result<(), AudioError> {
        let stream = enter(pcm);
        self.stream.store(stream, Ordering::Relaxed);
        self.host.open(stream).map_err(|error| {
            leave(stream);
            failed(&error)
        })
    }

    fn microphone(&self, on: bool) {
        if let Err(error) = self.host.microphone(on) {
            warn(&error);
            // without a microphone there is no call; without its end there still is
            if on {
                self.fail(&error.to_string());
            }
        }
    }

    fn close(&self) {
        leave(self.stream());
        if let Err(error) = self.host.end() {
            warn(&error);
        }
    }

    fn route(&self, to: core::SpeakerRoute) -> Result<(), AudioError> {
        self.host.route(to.into()).map_err(|error| failed(&error))
    }
}

fn warn(error: &AudioHostError) {
    tracing::warn!(%error, "the app's sound");
}

/// Streams at once, over all clients of the process: one call has one, and one may be closing.
const PLACES: usize = 8;

type Place = RwLock<Option<(u64, Arc<Pcm>)>>;

static STREAMS: [Place; PLACES] = [const { RwLock::new(None) }; PLACES];
static LAST: AtomicU64 = AtomicU64::new(0);

fn place(stream: u64) -> &'static Place {
    &STREAMS[(stream % PLACES as u64) as usize]
}

/// Puts a stream in the place of the one that had its place eight calls ago; its number.
fn enter(pcm: Arc<Pcm>) -> u64 {
    let stream = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    put(stream, Some((stream, pcm)));
    stream
}

fn leave(stream: u64) {
    if find(stream).is_some() {
        put(stream, None);
    }
}

/// An audio thread holds its place for microseconds. A lock that is waited for would cost it a call to the system.
fn put(stream: u64, pcm: Option<(u64, Arc<Pcm>)>) {
    loop {
        if let Some(mut place) = place(stream).try_write() {
            let former = std::mem::replace(&mut *place, pcm);
            drop(place);
            return drop(former);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn find(stream: u64) -> Option<Arc<Pcm>> {
    let place = place(stream).read();
    place.as_ref().filter(|(number, _)| *number == stream).map(|(_, pcm)| pcm.clone())
}

const GO_ON: i32 = 0;
const OVER: i32 = 1;
const NULL: i32 = -1;

/// See `waybell_audio.h`.
///
/// # Safety
/// `samples` points to `count` samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn waybell_audio_push(stream: u64, samples: *const i16, count: u32) -> i32 {
    if samples.is_null() {
        return NULL;
    }
    // SAFETY: the caller's promise.
    let samples = unsafe { std::slice::from_raw_parts(samples, count as usize) };
    // not to be had in the moment in which a call begins or ends
    let Some(place) = place(stream).try_read() else { return GO_ON };
    match &*place {
        Some((number, pcm)) if *number == stream && pcm.push(samples) => GO_ON,
        _ => OVER,
    }
}

/// See `waybell_audio.h`.
///
/// # Safety
/// `samples` points to room for `count` samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn waybell_audio_pull(stream: u64, samples: *mut i16, count: u32) -> i32 {
    if samples.is_null() {
        return NULL;
    }
    // SAFETY: the caller's promise; what an app's language hands over holds values already.
    let samples = unsafe { std::slice::from_raw_parts_mut(samples, count as usize) };
    let Some(place) = place(stream).try_read() else {
        samples.fill(0);
        return GO_ON;
    };
    match &*place {
        Some((number, pcm)) if *number == stream => {
            if pcm.pull(samples) {
                GO_ON
            } else {
                OVER
            }
        }
        _ => {
            samples.fill(0);
            OVER
        }
    }
}
