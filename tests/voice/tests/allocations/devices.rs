//! What plays and captures on a computer, with devices that are not there: any form of samples, any rate, gone in the middle.

use crate::ASKED;
use cpal::SampleFormat;
use std::f64::consts::TAU;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use waybell_core::call::audio::platform::PlatformDevice;
use waybell_core::call::audio::{AudioDevice, AudioError, AudioStream, DeviceEnds, TICK, rings};
use waybell_voice::hardware::{Computer, Hardware, Kind};

const PATIENCE: Duration = Duration::from_secs(20);

fn count() -> u64 {
    ASKED.get()
}

fn kind(rate: u32, channels: u16, format: SampleFormat, piece: Option<u32>, hertz: u32) -> Kind {
    Kind { rate, channels, format, piece, hertz }
}

/// A call that hears itself: what the microphone gives goes to the loudspeaker.
struct Call {
    stream: Option<Box<dyn AudioStream>>,
    failed: mpsc::Receiver<AudioError>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Call {
    fn open(computer: &Computer) -> Result<Call, AudioError> {
        let ((mut microphone, mut loudspeaker), (put, take)) = rings();
        let (told, failed) = mpsc::channel();
        let told = Mutex::new(told);
        let failed_now = Box::new(move |error| told.lock().unwrap().send(error).unwrap());
        let ends = DeviceEnds { microphone: put, loudspeaker: take, failed: failed_now };
        let stream = PlatformDevice::of_host(computer.host()).open(ends)?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let thread = std::thread::spawn(move || {
            let mut tick = [0.0; TICK];
            while !ended.load(Ordering::Relaxed) {
                while microphone.tick(&mut tick) {
                    loudspeaker.give(&tick);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Ok(Call { stream: Some(stream), failed, over, thread: Some(thread) })
    }

    fn speaks(&self, on: bool) {
        self.stream.as_ref().unwrap().microphone(on);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.stream = None;
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Share of a tone in the power of samples.
fn share(samples: &[f32], rate: u32, hertz: u32) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 1e-9);
    for (i, sample) in samples.iter().enumerate() {
        let (at, sample) = (i as f64 / f64::from(rate) * f64::from(hertz) * TAU, f64::from(*sample));
        (re, im, all) = (re + sample * at.cos(), im + sample * at.sin(), all + sample * sample);
    }
    2.0 * (re * re + im * im) / samples.len().max(1) as f64 / all
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "not so: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a quarter of a second in one piece is this tone.
fn hears(loudspeaker: &Hardware, rate: u32, hertz: u32) {
    let piece = rate as usize / 4;
    loudspeaker.heard();
    let mut heard = Vec::new();
    until(&format!("{hertz} Hz at {rate}"), || {
        heard.extend(loudspeaker.heard());
        let whole = heard.chunks_exact(piece).any(|p| share(p, rate, hertz) > 0.9);
        heard.drain(..heard.len() / piece * piece);
        whole
    });
}

#[test]
fn devices_of_any_kind_are_spoken_to_and_heard_without_asking_for_memory() {
    for (microphone, loudspeaker) in [
        (kind(48_000, 1, SampleFormat::F32, None, 700), kind(44_100, 2, SampleFormat::F32, None, 0)),
        (kind(16_000, 1, SampleFormat::I16, None, 900), kind(48_000, 2, SampleFormat::I16, Some(512), 0)),
        (kind(44_100, 2, SampleFormat::I32, Some(441), 500), kind(16_000, 1, SampleFormat::U16, None, 0)),
        (kind(96_000, 6, SampleFormat::U16, None, 1_100), kind(96_000, 8, SampleFormat::I32, Some(1_024), 0)),
    ] {
        let computer = Computer::new(count);
        let (said, heard) = (Hardware::new(microphone), Hardware::new(loudspeaker));
        computer.has(Some(&said), Some(&heard));
        let call = Call::open(&computer).unwrap();
        assert_eq!((said.open(), heard.open()), (0, 1), "nothing is captured before the call is up");
        call.speaks(true);
        hears(&heard, loudspeaker.rate, microphone.hertz);
        assert_eq!(said.open(), 1);
        call.speaks(false);
        until("the microphone is closed", || said.open() == 0);
        call.speaks(true);
        hears(&heard, loudspeaker.rate, microphone.hertz);
        drop(call);
        assert_eq!((said.open(), heard.open()), (0, 0), "all is closed");
        assert_eq!((said.asked(), heard.asked()), (0, 0), "{microphone:?} {loudspeaker:?}");
    }
}

#[test]
fn a_headset_that_is_pulled_out_is_replaced_by_what_there_is_then() {
    let computer = Computer::new(count);
    let headset = |hertz| Hardware::new(kind(48_000, 1, SampleFormat::F32, None, hertz));
    let (said, heard) = (headset(700), headset(0));
    computer.has(Some(&said), Some(&heard));
    let call = Call::open(&computer).unwrap();
    call.speaks(true);
    hears(&heard, 48_000, 700);
    computer.has(None, None);
    said.unplug();
    heard.unplug();
    until("both are gone", || said.open() == 0 && heard.open() == 0);
    // for a moment the computer has nothing at all
    let own = Hardware::new(kind(44_100, 2, SampleFormat::I16, None, 900));
    let speaker = Hardware::new(kind(32_000, 2, SampleFormat::I16, Some(640), 0));
    computer.has(Some(&own), Some(&speaker));
    hears(&speaker, 32_000, 900);
    assert!(call.failed.try_recv().is_err());
    assert_eq!((own.asked(), speaker.asked()), (0, 0));
}

#[test]
fn a_computer_that_has_nothing_any_more_is_told_of_once_and_one_that_had_nothing_at_once() {
    let computer = Computer::new(count);
    let (said, heard) = (
        Hardware::new(kind(48_000, 1, SampleFormat::F32, None, 700)),
        Hardware::new(kind(48_000, 1, SampleFormat::F32, None, 0)),
    );
    for (microphone, loudspeaker, what) in
        [(None, Some(&heard), "microphone"), (Some(&said), None, "loudspeaker")]
    {
        computer.has(microphone, loudspeaker);
        let error = Call::open(&computer).err().unwrap();
        assert_eq!((error.what.as_str(), error.problem.as_str()), (what, "there is none"));
        assert_eq!((said.open(), heard.open()), (0, 0));
    }
    computer.has(Some(&said), Some(&heard));
    let call = Call::open(&computer).unwrap();
    call.speaks(true);
    hears(&heard, 48_000, 700);
    computer.has(None, Some(&heard));
    said.unplug();
    let error = call.failed.recv_timeout(PATIENCE).unwrap();
    assert_eq!((error.what.as_str(), error.problem.as_str()), ("microphone", "there is none"));
    drop(call);
    assert_eq!(heard.open(), 0);
}
