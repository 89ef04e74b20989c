//! A courier's app as the switch meets it: WebRTC over loopback with a tone of its own, and what it hears kept as samples.
//!
//! Its ICE and DTLS are the switch's library in the other role; that other libraries are understood too is the browser's
//! business (`tests/tests/browser.rs`).

use anyhow::{Context, bail};
use rusty_opus::{Application, OpusDecoder, OpusEncoder};
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::{Codec, FormatParams};
use str0m::media::{Direction, Frequency, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc};

/// Payload types, as they are offered.
const OPUS: u8 = 111;
const EVENT: u8 = 110;
/// Samples of a packet at 48 kHz.
const PACKET: usize = 960;

enum Ask {
    Offer(Sender<anyhow::Result<String>>),
    Answer(String, Sender<anyhow::Result<()>>),
    Tone(u32),
    Key(u8),
    /// Every packet whose number this divides is not sent.
    Lose(u64),
    Vanish,
}

/// What was heard.
#[derive(Default)]
struct Ear {
    connected: bool,
    pcm: Vec<i16>,
    keys: Vec<u8>,
}

/// See the module. Dropping it is to vanish.
pub struct App {
    ask: Sender<Ask>,
    ear: Arc<Mutex<Ear>>,
}

impl App {
    /// An app that has not called yet.
    pub fn new() -> anyhow::Result<App> {
        let (ask, asked) = channel();
        let ear = Arc::new(Mutex::new(Ear::default()));
        let running = Running::new(ear.clone())?;
        std::thread::spawn(move || running.run(&asked));
        Ok(App { ask, ear })
    }

    /// The first offer, or a later one with an ICE restart from another port.
    pub fn offer(&self) -> anyhow::Result<String> {
        let (tx, rx) = channel();
        self.ask.send(Ask::Offer(tx))?;
        rx.recv_timeout(Duration::from_secs(10))?
    }

    /// Takes the answer to the offer.
    pub fn answered(&self, sdp: &str) -> anyhow::Result<()> {
        let (tx, rx) = channel();
        self.ask.send(Ask::Answer(sdp.to_owned(), tx))?;
        rx.recv_timeout(Duration::from_secs(10))?
    }

    /// Sends a tone from now on; 0 for silence.
    pub fn says(&self, hertz: u32) {
        let _ = self.ask.send(Ask::Tone(hertz));
    }

    /// Presses a key for 100 ms.
    pub fn presses(&self, code: u8) {
        let _ = self.ask.send(Ask::Key(code));
    }

    /// Loses one packet in so many on its way; 0 for none.
    pub fn loses(&self, one_in: u64) {
        let _ = self.ask.send(Ask::Lose(one_in));
    }

    /// Ends without a word.
    pub fn vanishes(&self) {
        let _ = self.ask.send(Ask::Vanish);
    }

    /// Waits until the connection stands.
    pub fn connects(&self) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.ear.lock().map_or(true, |e| e.connected) {
            if Instant::now() > until {
                bail!("the app has no connection");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// What was heard since the last time, at 8 kHz.
    pub fn heard(&self) -> Vec<i16> {
        self.ear.lock().map(|mut e| std::mem::take(&mut e.pcm)).unwrap_or_default()
    }

    /// Keys that were heard, each once.
    pub fn keys(&self) -> Vec<u8> {
        self.ear.lock().map(|e| e.keys.clone()).unwrap_or_default()
    }
}

struct Running {
    rtc: Rtc,
    socket: UdpSocket,
    ear: Arc<Mutex<Ear>>,
    mid: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    encoder: OpusEncoder,
    decoder: OpusDecoder,
    tone: u32,
    lose: u64,
    seq: u64,
    ts: u32,
    key: Option<(u8, u16, u32)>,
    last_key: Option<u32>,
    due: Instant,
}

fn bound() -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Running {
    fn new(ear: Arc<Mutex<Ear>>) -> anyhow::Result<Running> {
        let mut config = Rtc::builder().clear_codecs().enable_opus(true, true).set_rtp_mode(true);
        config.set_initial_stun_rto(Duration::from_millis(50));
        config.codec_config().add_config(
            EVENT.into(),
            None,
            Codec::Tele,
            Frequency::FORTY_EIGHT_KHZ,
            None,
            FormatParams::default(),
        );
        let opus = |e: rusty_opus::Error| anyhow::anyhow!("{e:?}");
        Ok(Running {
            rtc: config.build(Instant::now()),
            socket: bound()?,
            ear,
            mid: None,
            pending: None,
            encoder: OpusEncoder::new(48_000, 1, Application::Voip).map_err(opus)?,
            decoder: OpusDecoder::new(8_000, 1).map_err(opus)?,
            tone: 0,
            lose: 0,
            seq: 100,
            ts: 0,
            key: None,
            last_key: None,
            due: Instant::now(),
        })
    }

    fn run(mut self, asked: &Receiver<Ask>) {
        let mut tick = Instant::now();
        let mut buffer = [0u8; 2_048];
        loop {
            loop {
                match asked.try_recv() {
                    Ok(Ask::Offer(reply)) => {
                        let made = self.offer();
                        let _ = reply.send(made);
                    }
                    Ok(Ask::Answer(sdp, reply)) => {
                        let done = self.answered(&sdp);
                        let _ = reply.send(done);
                    }
                    Ok(Ask::Tone(hertz)) => self.tone = hertz,
                    Ok(Ask::Key(code)) => self.key = Some((code, 0, self.ts)),
                    Ok(Ask::Lose(n)) => self.lose = n,
                    Ok(Ask::Vanish) | Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                }
            }
            while let Ok((n, from)) = self.socket.recv_from(&mut buffer) {
                let Ok(own) = self.socket.local_addr() else { return };
                if let Ok(receive) = Receive::new(Protocol::Udp, from, own, &buffer[..n]) {
                    let _ = self.rtc.handle_input(Input::Receive(Instant::now(), receive));
                    self.drive();
                }
            }
            let now = Instant::now();
            if tick <= now {
                tick += Duration::from_millis(20);
                self.speak(now);
                self.drive();
            }
            if self.due <= now {
                let _ = self.rtc.handle_input(Input::Timeout(now));
                self.drive();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn offer(&mut self) -> anyhow::Result<String> {
        let first = self.mid.is_none();
        if !first {
            // another network: the old address is gone
            self.socket = bound()?;
        }
        if first {
            self.rtc.add_local_candidate(Candidate::host(self.socket.local_addr()?, "udp")?);
        }
        let mut api = self.rtc.sdp_api();
        if first {
            self.mid = Some(api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None));
        } else {
            api.ice_restart(false);
        }
        let (offer, pending) = api.apply().context("nothing to offer")?;
        self.pending = Some(pending);
        Ok(offer.to_sdp_string())
    }

    fn answered(&mut self, sdp: &str) -> anyhow::Result<()> {
        let answer = SdpAnswer::from_sdp_string(sdp)?;
        let pending = self.pending.take().context("an answer without an offer")?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        // a restart takes the addresses away with the answer; the new one was in no offer, and the far side learns it
        self.rtc.add_local_candidate(Candidate::host(self.socket.local_addr()?, "udp")?);
        self.drive();
        Ok(())
    }

    fn drive(&mut self) {
        while let Ok(output) = self.rtc.poll_output() {
            match output {
                Output::Timeout(at) => {
                    self.due = at;
                    return;
                }
                Output::Transmit(t) => {
                    let _ = self.socket.send_to(&t.contents, t.destination);
                }
                Output::Event(Event::Connected) => {
                    if let Ok(mut ear) = self.ear.lock() {
                        ear.connected = true;
                    }
                }
                Output::Event(Event::RtpPacket(p)) => {
                    let Ok(mut ear) = self.ear.lock() else { return };
                    match *p.header.payload_type {
                        OPUS => {
                            let mut pcm = [0f32; 160];
                            if let Ok(n) = self.decoder.decode(&p.payload, 160, &mut pcm) {
                                ear.pcm.extend(pcm[..n].iter().map(|s| (s * 32_767.0) as i16));
                            }
                        }
                        EVENT if self.last_key != Some(p.header.timestamp) => {
                            self.last_key = Some(p.header.timestamp);
                            ear.keys.extend(p.payload.first());
                        }
                        _ => {}
                    }
                }
                Output::Event(_) => {}
            }
        }
    }

    fn speak(&mut self, now: Instant) {
        let mut pcm = [0f32; PACKET];
        for (i, sample) in pcm.iter_mut().enumerate() {
            let at = f64::from(self.ts.wrapping_add(i as u32) % 48_000) / 48_000.0;
            *sample = (at * f64::from(self.tone) * std::f64::consts::TAU).sin() as f32 * 0.25;
        }
        let ts = self.ts;
        self.ts = self.ts.wrapping_add(PACKET as u32);
        let Some(mid) = self.mid else { return };
        let mut packet = [0u8; 1_500];
        let Ok(n) = self.encoder.encode(&pcm, PACKET, &mut packet) else { return };
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(mid, None) else { return };
        let write = match self.key.take() {
            Some((code, step, began)) => {
                let duration = (step + 1).min(5) * PACKET as u16;
                let [a, b] = duration.to_be_bytes();
                self.key = (step < 7).then_some((code, step + 1, began));
                let end = if step >= 5 { 0x8a } else { 10 };
                RtpWrite::new(EVENT.into(), self.seq.into(), began, now, [code, end, a, b])
            }
            None => RtpWrite::new(OPUS.into(), self.seq.into(), ts, now, &packet[..n]),
        };
        if self.lose == 0 || !self.seq.is_multiple_of(self.lose) {
            stream.write_rtp(write);
        }
        self.seq += 1;
    }
}
