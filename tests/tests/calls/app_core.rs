//! Calls that the app core itself makes and takes: its machine, its WebRTC and its sound, over the real server and switch to a telephone.
//! Each party has a tone of its own.

use super::SECOND;
use super::app::{house, recorded};
use super::exchange::{loudness, share};
use super::house::{CUSTOMER, House};
use super::outgoing::{DIALLED, over};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use serde_json::{Value, json};
use std::f32::consts::TAU;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use waybell_core::call::audio::paced::{PacedDevice, Sounds};
use waybell_core::call::audio::{AudioDevice, AudioError, AudioStream, DeviceEnds, TICK};
use waybell_core::call::fsm::{Reason, State};
use waybell_core::call::session::{AppCalls, CallNow};
use waybell_core::calls::ring::Whom;
use waybell_core::{Client, ClientConfig, Ports};
use waybell_tests::Phone;
use waybell_tests::proxy::Proxy;
use waybell_tests::server::programs;
use waybell_tests::world::PASSWORD;

/// Longest wait for a state; only a failing test takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is said at the app, and what was heard, at 8 kHz.
#[derive(Default)]
struct Ear {
    hertz: AtomicU32,
    heard: std::sync::Mutex<Vec<i16>>,
}

impl Ear {
    fn says(&self, hertz: u32) {
        self.hertz.store(hertz, Ordering::Relaxed);
    }

    fn heard(&self) -> Vec<i16> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// Whether a tone is heard for half a second, within ten seconds.
    fn hears(&self, hertz: u32) -> bool {
        self.heard();
        (0..16).any(|_| {
            std::thread::sleep(Duration::from_millis(600));
            let heard = self.heard();
            share(&heard[heard.len().saturating_sub(4_000)..], hertz) > 0.8
        })
    }
}

/// A device with a tone for a voice.
struct Tone {
    ear: Arc<Ear>,
    phase: f32,
}

impl Sounds for Tone {
    fn says(&mut self, out: &mut [f32; TICK]) {
        let step = self.ear.hertz.load(Ordering::Relaxed) as f32 / 16_000.0;
        for sample in out {
            *sample = (self.phase * TAU).sin() * 0.25;
            self.phase = (self.phase + step).fract();
        }
    }

    fn hears(&mut self, heard: &[f32; TICK]) -> Result<(), AudioError> {
        let at_8_khz = heard.chunks_exact(2).map(|pair| ((pair[0] + pair[1]) * 0.5 * 32_767.0) as i16);
        self.ear.heard.lock().unwrap().extend(at_8_khz);
        Ok(())
    }
}

/// A courier's phone: the core in this process.
struct Mobile<'a> {
    house: &'a House,
    client: Client,
    calls: Option<AppCalls>,
    ear: Arc<Ear>,
    _folder: TempDir,
}

impl<'a> Mobile<'a> {
    fn new(house: &'a House, login: &str) -> Mobile<'a> {
        Mobile::at(house, login, &house.world.server.url)
    }

    fn at(house: &'a House, login: &str, url: &str) -> Mobile<'a> {
        let folder = tempfile::tempdir().unwrap();
        let config = ClientConfig { data_dir: folder.path().to_owned(), server: url.to_owned() };
        let client = Client::open(config, Ports::of_system(folder.path())).unwrap();
        house.runtime.block_on(client.session().login(login, PASSWORD)).unwrap();
        let ear = Arc::new(Ear::default());
        let voice = ear.clone();
        let make = move || Ok(Box::new(Tone { ear: voice.clone(), phase: 0.0 }) as Box<dyn Sounds>);
        let calls = {
            let _in = house.runtime.enter();
            client.resume();
            client.app_calls(Arc::new(PacedDevice::new(make)))
        };
        let mobile = Mobile { house, client, calls: Some(calls), ear, _folder: folder };
        mobile.until("it can be rung", |n| n.reachable);
        mobile
    }

    fn calls(&self) -> &AppCalls {
        self.calls.as_ref().unwrap()
    }

    fn until(&self, what: &str, is_so: impl Fn(&CallNow) -> bool) -> CallNow {
        let mut now = self.calls().now();
        let wait = async {
            tokio::time::timeout(PATIENCE, now.wait_for(|n| is_so(n))).await.map(|n| n.unwrap().clone())
        };
        let found = self.house.runtime.block_on(wait);
        found.unwrap_or_else(|_| {
            let now = self.calls().now().borrow().clone();
            panic!("not so: {what}: {now:?}; the server's log:\n{}", self.house.world.server.log())
        })
    }

    fn is(&self, state: State) -> CallNow {
        self.until(&format!("{state:?}"), |n| n.state == state)
    }

    fn calls_number(&self) -> String {
        let started =
            self.house.runtime.block_on(self.calls().call(&Whom::Number(DIALLED.to_owned()))).unwrap();
        started.call.id.to_string()
    }
}

impl Drop for Mobile<'_> {
    fn drop(&mut self) {
        self.calls = None;
        self.house.runtime.block_on(self.client.shutdown());
    }
}

fn policy(first_ms: u32) -> Value {
    json!({ "app_first_ms": first_ms })
}

#[test]
fn the_core_calls_and_each_hears_the_other() {
    let house = house(json!({}));
    let mobile = Mobile::new(&house, "c1");
    let call = mobile.calls_number();
    let mut customer = house.exchange.rung();
    customer.line.takes_keys();
    assert_eq!(customer.number(), DIALLED, "the customer, and nobody else");
    customer.rings();
    mobile.is(State::Ringing);
    assert!(mobile.ear.hears(450), "the courier hears it ring");
    mobile.ear.says(1_100);
    customer.picks_up();
    customer.line.says(700);
    mobile.is(State::Active);
    assert!(customer.line.hears(1_100) && mobile.ear.hears(700), "each hears the other");

    // muted: nothing of the courier, all of the customer
    mobile.calls().mute(true);
    mobile.until("muted", |n| n.muted);
    std::thread::sleep(Duration::from_millis(500));
    customer.line.heard();
    std::thread::sleep(Duration::from_millis(600));
    assert!(loudness(&customer.line.heard()) < 50.0, "nothing is heard of who is muted");
    assert!(mobile.ear.hears(700));
    mobile.calls().mute(false);
    assert!(customer.line.hears(1_100));

    mobile.calls().hold();
    mobile.is(State::HeldLocal);
    std::thread::sleep(Duration::from_millis(500));
    customer.line.heard();
    mobile.ear.heard();
    std::thread::sleep(Duration::from_millis(600));
    assert!(loudness(&customer.line.heard()) < 50.0 && loudness(&mobile.ear.heard()) < 50.0, "on hold");
    mobile.calls().resume();
    mobile.is(State::Active);
    assert!(customer.line.hears(1_100) && mobile.ear.hears(700), "and back");

    assert!(mobile.calls().press("5十").is_err());
    mobile.calls().press("52#").unwrap();
    house.until("the customer's end hears the keys", || {
        (customer.line.keys_heard() == [5, 2, 11]).then_some(())
    });
    assert!(customer.line.hears(1_100), "and the voice goes on after keys");

    mobile.calls().hang_up();
    mobile.is(State::Ended(Reason::HungUp));
    customer.is_hung_up_on();
    let api = house.sign_in("c1");
    let told = over(&house, &api, &call);
    assert_eq!((&told["outcome"], &told["courier"]), (&json!("answered"), &json!(house.c1)));
    let figures = mobile.calls().figures().unwrap();
    assert!(figures.sent > 100 && figures.heard.packets > 100 && figures.unsent == 0, "{figures:?}");
    for text in &customer.heard {
        assert!(!text.contains("opus") && !text.contains("candidate"), "{text}");
    }
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "the courier's own telephone never rang");
}

#[test]
fn the_core_takes_a_call_and_the_caller_hangs_up() {
    let house = house(policy(30_000));
    let mobile = Mobile::new(&house, "c1");
    let mut customer = house.customer_rings();
    let rung = mobile.is(State::Incoming);
    assert!(rung.rings && !rung.outgoing, "{rung:?}");
    assert_eq!(rung.label.as_deref(), Some("+86138****0000"));
    mobile.ear.says(1_100);
    mobile.calls().answer();
    mobile.is(State::Active);
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    assert!(customer.line.hears(1_100) && mobile.ear.hears(700), "each hears the other");
    customer.hangs_up();
    let over = mobile.is(State::Ended(Reason::HungUpThere));
    assert!(!over.rings);
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["courier"]), (&json!("answered"), &json!(house.c1)));
    recorded(&house, &call, 700, 1_100);

    // declined: nobody else of theirs rings; the next caller gives up
    let mut customer =
        house.exchange.ring(super::house::server_address(&house.world), CUSTOMER, "02131001234");
    mobile.is(State::Incoming);
    mobile.calls().decline();
    mobile.is(State::Ended(Reason::Declined));
    customer.cancel();
    let mut customer = house.customer_rings();
    mobile.is(State::Incoming);
    customer.cancel();
    mobile.is(State::Ended(Reason::Missed));
}

#[test]
fn what_the_customer_does_is_what_the_courier_is_told() {
    let house = house(json!({}));
    let mobile = Mobile::new(&house, "c1");
    mobile.calls_number();
    let mut customer = house.exchange.rung();
    customer.refuses("486 Busy Here");
    let over = mobile.is(State::Ended(Reason::Busy));
    assert_eq!(over.outcome.as_deref(), Some("busy"));

    mobile.calls_number();
    let mut customer = house.exchange.rung();
    customer.rings();
    mobile.is(State::Ringing);
    mobile.calls().hang_up();
    mobile.is(State::Ended(Reason::HungUp));
    customer.is_cancelled();
    assert!(house.exchange.rung_within(SECOND / 2).is_none());
}

#[test]
fn a_socket_that_drops_and_another_network_leave_the_call_as_it_is() {
    let house = house(policy(30_000));
    let proxy = house.runtime.block_on(Proxy::start(&house.world.server.url, 7)).unwrap();
    let mobile = Mobile::at(&house, "c1", &proxy.url);
    let mut customer = house.customer_rings();
    mobile.is(State::Incoming);
    mobile.ear.says(1_100);
    mobile.calls().answer();
    mobile.is(State::Active);
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    assert!(customer.line.hears(1_100) && mobile.ear.hears(700));
    // every socket is cut, and each new one somewhere; meanwhile the phone has another network
    proxy.calm(false);
    mobile.calls().network_changed();
    assert!(mobile.ear.hears(700) && customer.line.hears(1_100), "the sound needs no socket");
    proxy.calm(true);
    mobile.until("the socket is back", |n| n.reachable);
    assert!(mobile.ear.hears(700) && customer.line.hears(1_100), "over the new network");
    for _ in 0..3 {
        mobile.calls().network_changed();
        assert!(mobile.ear.hears(700) && customer.line.hears(1_100), "and again");
    }
    customer.hangs_up();
    mobile.is(State::Ended(Reason::HungUpThere));
}

#[test]
fn a_cellular_call_holds_the_app_call_and_who_rings_meanwhile_is_told_of() {
    let house = house(policy(30_000));
    let mobile = Mobile::new(&house, "c1");
    let call = mobile.calls_number();
    let mut customer = house.exchange.rung();
    mobile.ear.says(1_100);
    customer.picks_up();
    customer.line.says(700);
    mobile.is(State::Active);
    assert!(customer.line.hears(1_100) && mobile.ear.hears(700));
    mobile.calls().cellular_began();
    mobile.is(State::HeldByCellular);
    std::thread::sleep(Duration::from_millis(500));
    customer.line.heard();
    mobile.ear.heard();
    std::thread::sleep(Duration::from_millis(600));
    assert!(loudness(&customer.line.heard()) < 50.0 && loudness(&mobile.ear.heard()) < 50.0, "on hold");
    mobile.calls().cellular_ended(true);
    mobile.is(State::Active);
    assert!(customer.line.hears(1_100) && mobile.ear.hears(700), "and back");
    mobile.calls().hang_up();
    customer.is_hung_up_on();
    mobile.is(State::Ended(Reason::HungUp));

    // a courier is busy until the call is over on the server
    over(&house, &house.boss, &call);

    // somebody rings while a cellular call speaks: shown, without ringing
    mobile.calls().cellular_began();
    let mut caller = house.customer_rings();
    let rung = mobile.is(State::Incoming);
    assert!(!rung.rings && rung.label.is_some(), "{rung:?}");
    mobile.calls().cellular_ended(true);
    mobile.calls().answer();
    mobile.is(State::Active);
    assert_eq!(caller.final_answer(), 200);
    caller.line.says(700);
    assert!(caller.line.hears(1_100) && mobile.ear.hears(700));
    caller.hangs_up();
    mobile.is(State::Ended(Reason::HungUpThere));
}

/// Ten seconds of a tone in a WAV file of another rate than calls have, in stereo.
fn tone_file(path: &Path, hertz: u32) {
    let spec =
        WavSpec { channels: 2, sample_rate: 44_100, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).unwrap();
    for i in 0..441_000 {
        let sample = ((i as f32 / 44_100.0 * hertz as f32).fract() * TAU).sin() * 8_000.0;
        writer.write_sample(sample as i16).unwrap();
        writer.write_sample(sample as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// Whether a tone is somewhere in a file of what was heard.
fn has_tone(path: &Path, hertz: u32) -> bool {
    let samples: Vec<i16> = WavReader::open(path).unwrap().samples::<i16>().map(Result::unwrap).collect();
    let at_8_khz: Vec<i16> = samples.iter().step_by(2).copied().collect();
    at_8_khz.chunks_exact(4_000).any(|half| share(half, hertz) > 0.8)
}

#[test]
fn the_terminal_calls_and_answers_with_files_for_a_voice() {
    let house = house(policy(30_000));
    let phone = Phone::new(&house.world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    let file = |name: &str| phone.home().join(name).to_str().unwrap().to_owned();
    let (said, heard) = (file("said.wav"), file("heard.wav"));
    tone_file(Path::new(&said), 1_100);
    let start = |arguments: &[&str]| {
        let mut command = Command::new(programs().join("waybell"));
        command.args(arguments).env("WAYBELL_HOME", phone.home()).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let call = start(&["call", DIALLED, "--app", "--play", &said, "--record", &heard, "--json"]);
    let mut customer = house.exchange.rung();
    customer.line.takes_keys();
    customer.picks_up();
    customer.line.says(700);
    assert!(customer.line.hears(1_100), "the customer hears the file");
    let mut keyboard = call.stdin.as_ref().unwrap();
    writeln!(keyboard, "7").unwrap();
    house.until("the key", || (customer.line.keys_heard() == [7]).then_some(()));
    writeln!(keyboard, "q").unwrap();
    customer.is_hung_up_on();
    let done = call.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(told["ended"], "hung_up");
    assert!(told["sound"]["received"].as_u64() > Some(20), "{told}");
    assert!(has_tone(Path::new(&heard), 700), "the file has what the customer said");

    let mut answer =
        start(&["answer", "--play", &said, "--record", &heard, "--seconds", "3", "--wait", "60"]);
    let mut screen = BufReader::new(answer.stdout.take().unwrap()).lines();
    assert!(screen.next().unwrap().unwrap().contains("waiting"), "it says when it can be rung");
    let mut caller = house.customer_rings();
    assert_eq!(caller.final_answer(), 200);
    caller.line.says(800);
    assert!(caller.line.hears(1_100));
    caller.is_hung_up_on();
    let rest: Vec<String> = screen.map(Result::unwrap).collect();
    assert_eq!(answer.wait().unwrap().code(), Some(0), "{rest:?}");
    assert!(rest.iter().any(|l| l.contains("+86138****0000")), "{rest:?}");
    assert!(has_tone(Path::new(&heard), 800));
}

/// A terminal on a computer whose sound system is described by this file.
fn on_a_computer(phone: &Phone, sound: &str, arguments: &[&str]) -> std::process::Child {
    let file = phone.home().join("asound.conf");
    std::fs::write(&file, sound).unwrap();
    let mut command = Command::new(programs().join("waybell"));
    command.args(arguments).env("WAYBELL_HOME", phone.home()).env("LC_ALL", "C.UTF-8");
    command.env("ALSA_CONFIG_PATH", file).env_remove("PULSE_SERVER");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn the_terminal_speaks_with_the_computer_s_own_sound_where_it_has_any() {
    let house = house(policy(30_000));
    let phone = Phone::new(&house.world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    // no sound at all: said before anybody is rung
    let refused = on_a_computer(&phone, "", &["call", DIALLED, "--app"]).wait_with_output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("microphone: there is none"), "{said}");
    assert!(house.exchange.rung_within(SECOND / 2).is_none());

    // a sound card that is none, through the system's library: what is said is silence, what is heard is lost
    let mut call = on_a_computer(
        &phone,
        "pcm.!default { type null }\nctl.!default { type null }\n",
        &["call", DIALLED, "--auto", "--json"],
    );
    let mut customer = house.exchange.rung();
    assert_eq!(customer.number(), DIALLED, "a good network: over the app");
    customer.picks_up();
    customer.line.says(700);
    std::thread::sleep(SECOND);
    writeln!(call.stdin.as_mut().unwrap(), "q").unwrap();
    customer.is_hung_up_on();
    let done = call.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(told["ended"], "hung_up");
    assert!(
        told["sound"]["received"].as_u64() > Some(20) && told["sound"]["sent"].as_u64() > Some(20),
        "{told}"
    );
}

/// A device that opens and closes only when it is let.
struct Slow {
    gate: Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>,
    open: Arc<AtomicU32>,
}

struct SlowStream {
    gate: Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>,
    open: Arc<AtomicU32>,
    _ends: DeviceEnds,
}

impl AudioDevice for Slow {
    fn open(&self, ends: DeviceEnds) -> Result<Box<dyn AudioStream>, AudioError> {
        let _ = self.gate.lock().unwrap().recv();
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(SlowStream { gate: self.gate.clone(), open: self.open.clone(), _ends: ends }))
    }
}

impl AudioStream for SlowStream {
    fn microphone(&self, _: bool) {}
}

impl Drop for SlowStream {
    fn drop(&mut self) {
        let _ = self.gate.lock().unwrap().recv();
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn a_device_that_takes_its_time_holds_nothing_back() {
    let house = house(json!({}));
    let mut mobile = Mobile::new(&house, "c1");
    let (go, gate) = std::sync::mpsc::channel();
    let (gate, open) = (Arc::new(std::sync::Mutex::new(gate)), Arc::new(AtomicU32::new(0)));
    mobile.calls = Some({
        let _in = house.runtime.enter();
        mobile.client.app_calls(Arc::new(Slow { gate, open: open.clone() }))
    });
    mobile.until("it can be rung", |n| n.reachable);
    // it is not open yet, and the call is made, and ended, all the same
    mobile.calls_number();
    let mut customer = house.exchange.rung();
    customer.rings();
    mobile.is(State::Ringing);
    mobile.calls().hang_up();
    mobile.is(State::Ended(Reason::HungUp));
    customer.is_cancelled();
    assert_eq!(open.load(Ordering::Relaxed), 0);
    // the device of the first call is opened and closed, and then that of the second opened
    mobile.calls_number();
    let mut customer = house.exchange.rung();
    customer.picks_up();
    mobile.is(State::Active);
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    house.until("the second call has it", || (open.load(Ordering::Relaxed) == 1).then_some(()));
    // it does not close, and the call is over all the same
    mobile.calls().hang_up();
    customer.is_hung_up_on();
    mobile.is(State::Ended(Reason::HungUp));
    assert_eq!(open.load(Ordering::Relaxed), 1);
    go.send(()).unwrap();
    house.runtime.block_on(mobile.calls().settle(PATIENCE));
    assert_eq!(open.load(Ordering::Relaxed), 0, "who settles waits for it");
}
