//! Microphones and loudspeakers of a computer that is not there: a host of cpal whose devices come, go and differ.
//!
//! Each open stream is a thread that calls back by the steady clock. A microphone gives a tone, a loudspeaker keeps what it is given.

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    Data, DeviceDescription, DeviceDescriptionBuilder, DeviceId, Error, ErrorKind, FrameCount,
    InputCallbackInfo, InputStreamTimestamp, OutputCallbackInfo, OutputStreamTimestamp, SampleFormat,
    StreamConfig, StreamInstant, SupportedBufferSize, SupportedStreamConfig, SupportedStreamConfigRange,
};
use std::f32::consts::TAU;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a device is like.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Samples a second.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// Form of its samples: F32, I16, I32 or U16.
    pub format: SampleFormat,
    /// Frames of a piece that it insists on; absent: whatever is asked for.
    pub piece: Option<u32>,
    /// The tone that its microphone hears, hertz.
    pub hertz: u32,
}

/// A device.
#[derive(Debug)]
pub struct Hardware {
    kind: Kind,
    gone: AtomicBool,
    /// Streams that are open.
    open: AtomicU64,
    /// Allocations in callbacks but for the first ten.
    asked: AtomicU64,
    /// What its loudspeaker was given: its first channel.
    heard: Mutex<Vec<f32>>,
}

impl Hardware {
    /// A device of this kind.
    #[must_use]
    pub fn new(kind: Kind) -> Arc<Hardware> {
        let (open, asked) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Hardware { kind, gone: AtomicBool::new(false), open, asked, heard: Mutex::default() })
    }

    /// Somebody pulls it out.
    pub fn unplug(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Streams that are open.
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// How often its callbacks asked for memory.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// What its loudspeaker was given since this was asked last.
    pub fn heard(&self) -> Vec<f32> {
        std::mem::take(&mut *lock(&self.heard))
    }
}

/// Microphone and loudspeaker.
type Defaults = (Option<Arc<Hardware>>, Option<Arc<Hardware>>);

/// The defaults of a computer, which change.
#[derive(Clone, Default)]
pub struct Computer {
    defaults: Arc<Mutex<Defaults>>,
    /// Counts what the current thread asked for so far.
    count: Option<fn() -> u64>,
}

impl Computer {
    /// A computer without devices, whose callbacks are counted with this.
    #[must_use]
    pub fn new(count: fn() -> u64) -> Computer {
        Computer { defaults: Arc::default(), count: Some(count) }
    }

    /// Its microphone and loudspeaker are these now.
    pub fn has(&self, microphone: Option<&Arc<Hardware>>, loudspeaker: Option<&Arc<Hardware>>) {
        *lock(&self.defaults) = (microphone.cloned(), loudspeaker.cloned());
    }

    /// As a program sees it.
    #[must_use]
    pub fn host(&self) -> cpal::Host {
        cpal::Host::from(cpal::platform::CustomHost::from_host(self.clone()))
    }

    fn device(&self, hardware: Option<&Arc<Hardware>>) -> Option<Device> {
        hardware.map(|hardware| Device { hardware: hardware.clone(), count: self.count })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A device as cpal has it.
#[derive(Clone, Debug)]
pub struct Device {
    hardware: Arc<Hardware>,
    count: Option<fn() -> u64>,
}

impl HostTrait for Computer {
    type Device = Device;
    type Devices = std::vec::IntoIter<Device>;

    fn is_available() -> bool {
        true
    }

    fn devices(&self) -> Result<Self::Devices, Error> {
        let defaults = lock(&self.defaults);
        let all: Vec<Device> =
            [&defaults.0, &defaults.1].into_iter().filter_map(|d| self.device(d.as_ref())).collect();
        Ok(all.into_iter())
    }

    fn default_input_device(&self) -> Option<Device> {
        self.device(lock(&self.defaults).0.as_ref())
    }

    fn default_output_device(&self) -> Option<Device> {
        self.device(lock(&self.defaults).1.as_ref())
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.hardware, &other.hardware)
    }
}

impl Eq for Device {}

impl Hash for Device {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.hardware).hash(state);
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} Hz", self.hardware.kind.rate)
    }
}

impl Device {
    fn config(&self) -> SupportedStreamConfig {
        let kind = self.hardware.kind;
        let size = match kind.piece {
            Some(piece) => SupportedBufferSize::Range { min: piece, max: piece },
            None => SupportedBufferSize::Unknown,
        };
        SupportedStreamConfig::new(kind.channels, kind.rate, size, kind.format)
    }

    fn ranges(&self) -> std::vec::IntoIter<SupportedStreamConfigRange> {
        let (kind, config) = (self.hardware.kind, self.config());
        let size = *config.buffer_size();
        let range = SupportedStreamConfigRange::new(kind.channels, kind.rate, kind.rate, size, kind.format);
        vec![range].into_iter()
    }

    /// Calls back until the stream is dropped or the device is gone.
    fn run(
        &self,
        config: &StreamConfig,
        mut piece: impl FnMut(&mut Samples, Instant) + Send + 'static,
        mut failed: impl FnMut(Error) + Send + 'static,
    ) -> Result<Stream, Error> {
        let hardware = self.hardware.clone();
        if hardware.gone.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::DeviceNotAvailable));
        }
        let frames = match (hardware.kind.piece, config.buffer_size) {
            (Some(piece), cpal::BufferSize::Fixed(wanted)) if wanted != piece => {
                return Err(Error::new(ErrorKind::UnsupportedConfig));
            }
            (Some(piece), _) => piece,
            (None, cpal::BufferSize::Fixed(wanted)) => wanted,
            (None, cpal::BufferSize::Default) => hardware.kind.rate / 50,
        };
        let switches = Arc::new(Switches::default());
        let (running, began, count) = (switches.clone(), Instant::now(), self.count);
        hardware.open.fetch_add(1, Ordering::Relaxed);
        let thread = std::thread::spawn(move || {
            let mut samples = Samples::new(hardware.kind, frames);
            let step = Duration::from_secs_f64(f64::from(frames) / f64::from(hardware.kind.rate));
            let (mut due, mut called) = (Instant::now(), 0_u32);
            while !running.stop.load(Ordering::Relaxed) {
                due += step;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if hardware.gone.load(Ordering::Relaxed) {
                    failed(Error::new(ErrorKind::DeviceNotAvailable));
                    break;
                }
                if running.plays.load(Ordering::Relaxed) {
                    samples.counts = count.filter(|_| called >= 10);
                    piece(&mut samples, began);
                    called += 1;
                    hardware.asked.fetch_add(samples.asked, Ordering::Relaxed);
                    samples.asked = 0;
                }
            }
            hardware.open.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(Stream { switches, began, frames, thread: Some(thread) })
    }
}

/// A device's buffer.
struct Samples {
    kind: Kind,
    words: Vec<u64>,
    frames: usize,
    phase: f32,
    counts: Option<fn() -> u64>,
    asked: u64,
}

impl Samples {
    fn new(kind: Kind, frames: u32) -> Samples {
        let frames = frames as usize;
        let bytes = frames * usize::from(kind.channels) * kind.format.sample_size();
        Samples { kind, words: vec![0; bytes.div_ceil(8)], frames, phase: 0.0, counts: None, asked: 0 }
    }

    fn with(&mut self, work: impl FnOnce(&mut Data)) {
        let len = self.frames * usize::from(self.kind.channels);
        // SAFETY: the buffer has room for so many samples of this form, and is aligned for each of them.
        #[allow(unsafe_code, reason = "cpal wants a device's buffer so")]
        let mut data = unsafe { Data::from_parts(self.words.as_mut_ptr().cast(), len, self.kind.format) };
        let before = self.counts.map(|count| count());
        work(&mut data);
        if let (Some(count), Some(before)) = (self.counts, before) {
            self.asked += count() - before;
        }
    }

    /// The next piece of the tone, the same on all channels.
    fn fill(&mut self) {
        let (kind, mut phase) = (self.kind, self.phase);
        let counts = self.counts.take();
        self.with(|data| {
            let channels = usize::from(kind.channels);
            let mut tone = || {
                phase = (phase + kind.hertz as f32 / kind.rate as f32).fract();
                (phase * TAU).sin() * 0.5
            };
            macro_rules! fill {
                ($form:ty, $sample:expr) => {
                    if let Some(all) = data.as_slice_mut::<$form>() {
                        all.chunks_mut(channels).for_each(|frame| frame.fill($sample(tone())));
                    }
                };
            }
            fill!(f32, |s| s);
            fill!(i16, |s: f32| (s * 32_767.0) as i16);
            fill!(i32, |s: f32| (s * 2_147_483_000.0) as i32);
            fill!(u16, |s: f32| (s * 32_767.0 + 32_768.0) as u16);
        });
        (self.phase, self.counts) = (phase, counts);
    }

    /// The first channel of a piece.
    fn first(&mut self) -> Vec<f32> {
        let channels = usize::from(self.kind.channels);
        let counts = self.counts.take();
        let mut out = Vec::new();
        self.with(|data| {
            macro_rules! read {
                ($form:ty, $value:expr) => {
                    if let Some(all) = data.as_slice::<$form>() {
                        out.extend(all.iter().step_by(channels).map(|s| $value(*s)));
                    }
                };
            }
            read!(f32, |s| s);
            read!(i16, |s: i16| f32::from(s) / 32_768.0);
            read!(i32, |s: i32| s as f32 / 2_147_483_648.0);
            read!(u16, |s: u16| (f32::from(s) - 32_768.0) / 32_768.0);
        });
        self.counts = counts;
        out
    }
}

fn instant(began: Instant) -> StreamInstant {
    let elapsed = began.elapsed();
    StreamInstant::new(elapsed.as_secs(), elapsed.subsec_nanos())
}

impl DeviceTrait for Device {
    type SupportedInputConfigs = std::vec::IntoIter<SupportedStreamConfigRange>;
    type SupportedOutputConfigs = std::vec::IntoIter<SupportedStreamConfigRange>;
    type Stream = Stream;

    fn description(&self) -> Result<DeviceDescription, Error> {
        Ok(DeviceDescriptionBuilder::new(self.to_string()).build())
    }

    fn id(&self) -> Result<DeviceId, Error> {
        Err(Error::new(ErrorKind::UnsupportedOperation))
    }

    fn supported_input_configs(&self) -> Result<Self::SupportedInputConfigs, Error> {
        Ok(self.ranges())
    }

    fn supported_output_configs(&self) -> Result<Self::SupportedOutputConfigs, Error> {
        Ok(self.ranges())
    }

    fn default_input_config(&self) -> Result<SupportedStreamConfig, Error> {
        Ok(self.config())
    }

    fn default_output_config(&self) -> Result<SupportedStreamConfig, Error> {
        Ok(self.config())
    }

    fn build_input_stream_raw<D, E>(
        &self,
        config: StreamConfig,
        _: SampleFormat,
        mut called: D,
        failed: E,
        _: Option<Duration>,
    ) -> Result<Stream, Error>
    where
        D: FnMut(&Data, &InputCallbackInfo) + Send + 'static,
        E: FnMut(Error) + Send + 'static,
    {
        let piece = move |samples: &mut Samples, began: Instant| {
            samples.fill();
            let at = instant(began);
            let info = InputCallbackInfo::new(InputStreamTimestamp { callback: at, capture: at });
            samples.with(|data| called(data, &info));
        };
        self.run(&config, piece, failed)
    }

    fn build_output_stream_raw<D, E>(
        &self,
        config: StreamConfig,
        _: SampleFormat,
        mut called: D,
        failed: E,
        _: Option<Duration>,
    ) -> Result<Stream, Error>
    where
        D: FnMut(&mut Data, &OutputCallbackInfo) + Send + 'static,
        E: FnMut(Error) + Send + 'static,
    {
        let hardware = self.hardware.clone();
        let piece = move |samples: &mut Samples, began: Instant| {
            let at = instant(began);
            let info = OutputCallbackInfo::new(OutputStreamTimestamp { callback: at, playback: at });
            samples.with(|data| called(data, &info));
            lock(&hardware.heard).extend(samples.first());
        };
        self.run(&config, piece, failed)
    }
}

#[derive(Debug, Default)]
struct Switches {
    stop: AtomicBool,
    plays: AtomicBool,
}

/// An open stream.
#[derive(Debug)]
pub struct Stream {
    switches: Arc<Switches>,
    began: Instant,
    frames: u32,
    thread: Option<JoinHandle<()>>,
}

impl StreamTrait for Stream {
    fn play(&self) -> Result<(), Error> {
        self.switches.plays.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn pause(&self) -> Result<(), Error> {
        self.switches.plays.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn now(&self) -> StreamInstant {
        instant(self.began)
    }

    fn buffer_size(&self) -> Result<FrameCount, Error> {
        Ok(self.frames)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.switches.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
