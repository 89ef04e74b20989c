use super::super::{Loudspeaker, Microphone, TICK, rings};
use super::*;

struct Phone {
    format: PcmFormat,
    refuses: bool,
    asked: Mutex<Vec<String>>,
    pcm: Mutex<Option<Arc<Pcm>>>,
}

impl Phone {
    fn new(microphone_hz: u32, loudspeaker_hz: u32) -> Arc<Phone> {
        Arc::new(Phone {
            format: PcmFormat { microphone_hz, loudspeaker_hz },
            refuses: false,
            asked: Mutex::default(),
            pcm: Mutex::default(),
        })
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock())
    }
}

fn denied() -> AudioError {
    AudioError { what: "microphone".into(), problem: "not allowed".into(), hint: "allow it" }
}

impl PcmHost for Phone {
    fn format(&self) -> PcmFormat {
        self.format
    }

    fn open(&self, pcm: Arc<Pcm>) -> Result<(), AudioError> {
        *self.pcm.lock() = Some(pcm);
        if self.refuses { Err(denied()) } else { Ok(()) }
    }

    fn microphone(&self, on: bool) {
        self.asked.lock().push(format!("microphone {on}"));
    }

    fn close(&self) {
        self.asked.lock().push("close".into());
    }

    fn route(&self, to: SpeakerRoute) -> Result<(), AudioError> {
        self.asked.lock().push(to.as_str().into());
        Ok(())
    }
}

type Opened =
    (Microphone, Loudspeaker, Result<Box<dyn AudioStream>, AudioError>, Arc<Mutex<Vec<AudioError>>>);

fn open(phone: &Arc<Phone>) -> Opened {
    let ((ours, heard), (microphone, loudspeaker)) = rings();
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = told.clone();
    let failed = Box::new(move |error| kept.lock().push(error));
    let device = HostedDevice::new(phone.clone());
    (ours, heard, device.open(DeviceEnds { microphone, loudspeaker, failed }), told)
}

#[test]
fn what_is_pushed_is_heard_while_the_microphone_is_on_and_what_is_given_is_pulled() {
    let phone = Phone::new(48_000, 44_100);
    let (mut microphone, mut loudspeaker, stream, told) = open(&phone);
    let stream = stream.unwrap();
    let pcm = phone.pcm.lock().clone().unwrap();
    let mut tick = [0.0; TICK];
    for _ in 0..20 {
        assert!(pcm.push(&[8_000; 480]));
    }
    assert!(!microphone.tick(&mut tick), "it is off");
    stream.microphone(true);
    let mut level = 0.0;
    for _ in 0..20 {
        assert!(pcm.push(&[8_000; 480]));
        while microphone.tick(&mut tick) {
            level = tick[TICK - 1];
        }
    }
    assert!((level - 8_000.0 / 32_768.0).abs() < 0.01, "{level}");

    let mut out = [7_i16; 441];
    assert!(pcm.pull(&mut out));
    assert!(out.iter().all(|s| *s == 0), "silence where nothing is");
    for _ in 0..20 {
        loudspeaker.give(&[0.5; TICK]);
        assert!(pcm.pull(&mut out));
    }
    assert!((out[440] - 16_383).abs() < 300, "{}", out[440]);

    pcm.fail("the headset is gone");
    assert_eq!(told.lock()[0].problem, "the headset is gone");
    drop(stream);
    assert_eq!(phone.asked(), ["microphone true", "close"]);
    assert!(!pcm.push(&[1; 480]) && !pcm.pull(&mut out), "the app is told that the call is over");
    assert!(out.iter().all(|s| *s == 0));
}

#[test]
fn a_phone_that_refuses_or_has_an_odd_rate_is_no_device() {
    let phone = Arc::new(Phone { refuses: true, ..Arc::into_inner(Phone::new(16_000, 16_000)).unwrap() });
    let (.., opened, _) = open(&phone);
    assert_eq!(opened.err(), Some(denied()));
    let pcm = phone.pcm.lock().clone().unwrap();
    assert!(!pcm.push(&[1; 160]), "nothing is kept open for it");
    for (microphone, loudspeaker, what) in [(0, 16_000, "microphone"), (16_000, 1_000_000, "loudspeaker")] {
        let (.., opened, _) = open(&Phone::new(microphone, loudspeaker));
        assert_eq!(opened.err().unwrap().what, what);
    }
    let device = HostedDevice::new(phone.clone());
    device.route(SpeakerRoute::Bluetooth).unwrap();
    assert_eq!(phone.asked(), ["bluetooth"]);
}

#[test]
fn threads_that_push_and_pull_meet_the_end_without_a_wait() {
    let phone = Phone::new(16_000, 48_000);
    for _ in 0..20 {
        let (_microphone, _loudspeaker, stream, _) = open(&phone);
        let stream = stream.unwrap();
        stream.microphone(true);
        let pcm = phone.pcm.lock().clone().unwrap();
        let (pushes, pulls) = (pcm.clone(), pcm);
        let pusher = std::thread::spawn(move || while pushes.push(&[1; 160]) {});
        let puller = std::thread::spawn(move || {
            let mut out = [0; 480];
            while pulls.pull(&mut out) {}
        });
        drop(stream);
        pusher.join().unwrap();
        puller.join().unwrap();
    }
}
