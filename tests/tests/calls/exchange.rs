//! An exchange of the test's own: one UDP socket that is the trunk's far side for customers who ring in and for couriers
//! who are rung, a telephone of its own RTP socket for each call, and every SIP message kept as it came.

use std::collections::{HashMap, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Longest wait for a message; only a failing test takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// See the module.
pub(crate) struct Exchange {
    socket: Arc<UdpSocket>,
    state: Arc<State>,
    arrivals: Mutex<Receiver<(String, Receiver<String>)>>,
}

#[derive(Default)]
struct State {
    legs: Mutex<HashMap<String, Sender<String>>>,
    heard: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl Exchange {
    pub(crate) fn new() -> Exchange {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let state = Arc::new(State::default());
        let (arrived, arrivals) = channel();
        let (reader, kept) = (socket.clone(), state.clone());
        std::thread::spawn(move || {
            let mut buffer = [0u8; 65_535];
            while !kept.stop.load(Ordering::Acquire) {
                let Ok((n, _)) = reader.recv_from(&mut buffer) else { continue };
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                kept.heard.lock().unwrap().push(text.clone());
                let call = header(&text, "Call-ID").to_owned();
                let mut legs = kept.legs.lock().unwrap();
                match legs.get(&call) {
                    Some(leg) => {
                        let _ = leg.send(text);
                    }
                    None if text.starts_with("INVITE ") => {
                        let (tx, rx) = channel();
                        legs.insert(call, tx);
                        let _ = arrived.send((text, rx));
                    }
                    None => {}
                }
            }
        });
        Exchange { socket, state, arrivals: Mutex::new(arrivals) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Somebody rings `to` at the server.
    pub(crate) fn ring(&self, server: SocketAddr, from: &str, to: &str) -> Telephone {
        self.ring_by(server, from, to, Line::new())
    }

    /// The same with a telephone whose keys are telephone-events (RFC 4733).
    pub(crate) fn ring_with_events(&self, server: SocketAddr, from: &str, to: &str) -> Telephone {
        let mut line = Line::new();
        line.events = true;
        self.ring_by(server, from, to, line)
    }

    fn ring_by(&self, server: SocketAddr, from: &str, to: &str, line: Line) -> Telephone {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let call_id =
            format!("caller{}-{}@exchange", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let (tx, rx) = channel();
        self.state.legs.lock().unwrap().insert(call_id.clone(), tx);
        let own = self.address();
        let telephone = Telephone {
            socket: self.socket.clone(),
            server,
            ear: rx,
            call_id,
            local: format!("<sip:{from}@{own}>;tag=here"),
            remote: format!("<sip:{to}@{server}>"),
            target: format!("sip:{to}@{server}"),
            cseq: 1,
            invite: None,
            line,
            heard: Vec::new(),
        };
        telephone.request("INVITE", 1, Some(&telephone.line.sdp()));
        telephone
    }

    /// Registers a telephone of this exchange with the server, which rings here from then on. The last status.
    pub(crate) fn register(&self, server: SocketAddr, user: &str, secret: &str, realm: &str) -> u16 {
        use waybell_switch::{DigestHash, ha1};
        let own = self.address();
        let call_id = format!("register-{user}@exchange");
        let (tx, rx) = channel();
        self.state.legs.lock().unwrap().insert(call_id.clone(), tx);
        let mut proof = String::new();
        let mut status = 0;
        for cseq in 1..=2 {
            let text = format!(
                "REGISTER sip:{realm} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bKr{cseq}{user}\r\nMax-Forwards: 70\r\n\
                 From: <sip:{user}@{realm}>;tag=r\r\nTo: <sip:{user}@{realm}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n\
                 Contact: <sip:{user}@10.1.2.3:5060>\r\nExpires: 60\r\n{proof}Content-Length: 0\r\n\r\n"
            );
            self.socket.send_to(text.as_bytes(), server).unwrap();
            let answer = rx.recv_timeout(PATIENCE).expect("an answer to a REGISTER");
            status = answer[8..11].parse().unwrap();
            let asked = header(&answer, "WWW-Authenticate").to_owned();
            let Some((_, nonce)) = asked.split_once("nonce=\"") else { break };
            let nonce = nonce.split('"').next().unwrap();
            let (hash, name) = match asked.contains("SHA-256") {
                true => (DigestHash::Sha256, "SHA-256"),
                false => (DigestHash::Md5, "MD5"),
            };
            // a hash over three texts with colons between is what all of these are
            let (a1, a2) = (ha1(hash, user, realm, secret), ha1(hash, "REGISTER", "sip", realm));
            let response = ha1(hash, &a1, nonce, &format!("00000001:c:auth:{a2}"));
            proof = format!(
                "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"sip:{realm}\", \
                 response=\"{response}\", algorithm={name}, qop=auth, nc=00000001, cnonce=\"c\"\r\n"
            );
        }
        status
    }

    /// The next telephone that the server rings.
    pub(crate) fn rung(&self) -> Telephone {
        self.rung_within(PATIENCE).expect("nobody was rung")
    }

    /// The next telephone that the server rings in this time.
    pub(crate) fn rung_within(&self, time: Duration) -> Option<Telephone> {
        let (invite, ear) = self.arrivals.lock().unwrap().recv_timeout(time).ok()?;
        let via = header(&invite, "Via").to_owned();
        let server = via.split_whitespace().nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
        let contact = header(&invite, "Contact");
        let target = contact.trim_start_matches('<').split('>').next().unwrap().to_owned();
        let telephone = Telephone {
            socket: self.socket.clone(),
            server,
            ear,
            call_id: header(&invite, "Call-ID").to_owned(),
            local: format!("{};tag=there", header(&invite, "To")),
            remote: header(&invite, "From").to_owned(),
            target,
            cseq: 0,
            line: Line::new(),
            heard: vec![invite.clone()],
            invite: Some(invite),
        };
        Some(telephone)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Release);
    }
}

/// One call of the exchange, from either side.
pub(crate) struct Telephone {
    socket: Arc<UdpSocket>,
    server: SocketAddr,
    ear: Receiver<String>,
    call_id: String,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
    /// Theirs, where we were rung.
    invite: Option<String>,
    /// Sound.
    pub(crate) line: Line,
    /// Every SIP message of this call that came.
    pub(crate) heard: Vec<String>,
}

impl Telephone {
    /// The number that was rung.
    pub(crate) fn number(&self) -> String {
        let invite = self.invite.as_ref().unwrap();
        let uri = invite.split(' ').nth(1).unwrap();
        uri.trim_start_matches("sip:").split('@').next().unwrap().to_owned()
    }

    fn request(&self, method: &str, cseq: u32, body: Option<&str>) {
        let own = self.socket.local_addr().unwrap();
        let kind = match method {
            "INFO" => "application/dtmf-relay",
            _ => "application/sdp",
        };
        let content = body.map_or(String::new(), |_| format!("Content-Type: {kind}\r\n"));
        let branch = if method == "CANCEL" { "INVITE" } else { method };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK{branch}{cseq}{call}\r\nMax-Forwards: 70\r\n\
             From: {local}\r\nTo: {remote}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\nContact: <sip:exchange@{own}>\r\n\
             {content}Content-Length: {length}\r\n\r\n{body}",
            target = self.target,
            call = self.call_id,
            local = self.local,
            remote = self.remote,
            length = body.map_or(0, str::len),
            body = body.unwrap_or_default(),
        );
        self.socket.send_to(text.as_bytes(), self.server).unwrap();
    }

    fn answer(&self, request: &str, status: &str, body: Option<&str>) {
        let own = self.socket.local_addr().unwrap();
        let vias: String = lines(request)
            .filter(|l| l.to_ascii_lowercase().starts_with("via:"))
            .map(|l| format!("{l}\r\n"))
            .collect();
        let to = header(request, "To");
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=there") };
        let content = body.map_or("", |_| "Content-Type: application/sdp\r\n");
        let text = format!(
            "SIP/2.0 {status}\r\n{vias}From: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:exchange@{own}>\r\n\
             {content}Content-Length: {}\r\n\r\n{}",
            header(request, "From"),
            self.call_id,
            header(request, "CSeq"),
            body.map_or(0, str::len),
            body.unwrap_or_default(),
        );
        self.socket.send_to(text.as_bytes(), self.server).unwrap();
    }

    /// The next message for which `wanted` is true; `None` where none comes in this time.
    pub(crate) fn hear_within(&mut self, time: Duration, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.ear.recv_timeout(left) {
                Ok(text) => {
                    self.heard.push(text.clone());
                    if wanted(&text) {
                        return Some(text);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// The next message that begins so.
    pub(crate) fn hear(&mut self, begins: &str) -> String {
        let heard = self.hear_within(PATIENCE, |t| t.starts_with(begins));
        heard.unwrap_or_else(|| panic!("no {begins} came; what did: {:#?}", self.heard))
    }

    // ---- who rings

    /// Waits for the final answer. A 200 is acknowledged and its media are taken; others are acknowledged.
    pub(crate) fn final_answer(&mut self) -> u16 {
        self.final_answer_within(PATIENCE).expect("no final answer")
    }

    /// The same, for at most this time.
    pub(crate) fn final_answer_within(&mut self, time: Duration) -> Option<u16> {
        let is_final = |t: &str| {
            t.starts_with("SIP/2.0 ") && !t.starts_with("SIP/2.0 1") && header(t, "CSeq").ends_with("INVITE")
        };
        let text = self.hear_within(time, is_final)?;
        let status = text[8..11].parse().unwrap();
        self.remote = header(&text, "To").to_owned();
        if status == 200 {
            let contact = header(&text, "Contact");
            self.target = contact.trim_start_matches('<').split('>').next().unwrap().to_owned();
            self.line.talk_to(&text);
            self.request("ACK", 1, None);
        } else {
            // RFC 3261 17.1.1.3: with the branch of the INVITE
            let own = self.socket.local_addr().unwrap();
            let text = format!(
                "ACK {} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bKINVITE1{}\r\nMax-Forwards: 70\r\nFrom: {}\r\n\
                 To: {}\r\nCall-ID: {}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
                self.target, self.call_id, self.local, self.remote, self.call_id
            );
            self.socket.send_to(text.as_bytes(), self.server).unwrap();
        }
        Some(status)
    }

    /// Gives up, whatever comes of it.
    pub(crate) fn gives_up(&self) {
        self.request("CANCEL", 1, None);
    }

    /// Gives up while it rings.
    pub(crate) fn cancel(&mut self) {
        self.request("CANCEL", 1, None);
        assert_eq!(self.final_answer(), 487);
    }

    // ---- who is rung

    pub(crate) fn rings(&self) {
        self.answer(self.invite.as_ref().unwrap(), "180 Ringing", None);
    }

    /// Takes the receiver off and does not wait for the ACK.
    pub(crate) fn picks_up_unheard(&mut self) {
        let invite = self.invite.clone().unwrap();
        self.line.talk_to(&invite);
        self.answer(&invite, "200 OK", Some(&self.line.sdp()));
    }

    /// Takes the receiver off.
    pub(crate) fn picks_up(&mut self) {
        self.picks_up_unheard();
        self.hear("ACK");
    }

    pub(crate) fn refuses(&mut self, status: &str) {
        let invite = self.invite.clone().unwrap();
        self.answer(&invite, status, None);
        self.hear("ACK");
    }

    /// Waits until the server gives up, and agrees. A CANCEL comes only to who rings (RFC 3261 9.1).
    pub(crate) fn is_cancelled(&mut self) {
        self.rings();
        let cancel = self.hear("CANCEL");
        self.answer(&cancel, "200 OK", None);
        self.refuses("487 Request Terminated");
    }

    // ---- both

    pub(crate) fn press(&mut self, key: char) {
        self.cseq += 1;
        let cseq = self.cseq;
        self.request("INFO", cseq, Some(&format!("Signal={key}\r\nDuration=160\r\n")));
        let of = format!("{cseq} INFO");
        let ok = self.hear_within(PATIENCE, |t| t.starts_with("SIP/2.0 200") && header(t, "CSeq") == of);
        assert!(ok.is_some(), "the key was not taken");
    }

    pub(crate) fn hangs_up(&mut self) {
        self.cseq += 1;
        let cseq = self.cseq;
        self.request("BYE", cseq, None);
        let of = format!("{cseq} BYE");
        let ok = self.hear_within(PATIENCE, |t| t.starts_with("SIP/2.0 200") && header(t, "CSeq") == of);
        assert!(ok.is_some(), "the BYE was not answered");
    }

    /// Waits until the server hangs up, and agrees.
    pub(crate) fn is_hung_up_on(&mut self) {
        self.is_hung_up_on_within(PATIENCE);
    }

    /// The same, for at most this time.
    pub(crate) fn is_hung_up_on_within(&mut self, time: Duration) {
        let bye = self.hear_within(time, |t| t.starts_with("BYE"));
        let bye = bye.unwrap_or_else(|| panic!("no BYE came; what did: {:#?}", self.heard));
        self.answer(&bye, "200 OK", None);
    }
}

/// A line's sound, both ways, in a thread of its own.
pub(crate) struct Line {
    rtp: Arc<UdpSocket>,
    sound: Arc<Sound>,
    /// Telephone-events are offered.
    events: bool,
}

#[derive(Default)]
struct Sound {
    to: Mutex<Option<SocketAddr>>,
    /// Hertz that are sent; 0 for silence.
    tone: AtomicU32,
    heard: Mutex<Vec<i16>>,
    stop: AtomicBool,
    /// Packets of keys that are about to be sent, before anything else.
    keys: Mutex<VecDeque<Key>>,
    /// Telephone-events that came, with their timestamps.
    keys_heard: Mutex<Vec<(u32, u8)>>,
}

/// A packet's time of a key.
#[derive(Clone, Copy)]
enum Key {
    /// Two tones.
    Tones(u32, u32),
    /// A telephone-event, so many packets old; the last three say that it is over.
    Event(u8, u16),
    Pause,
}

/// Packets of a key, and of the pause after it.
const KEY: u16 = 6;

impl Line {
    fn new() -> Line {
        let rtp = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        rtp.set_nonblocking(true).unwrap();
        let sound = Arc::new(Sound::default());
        let (socket, shared) = (rtp.clone(), sound.clone());
        std::thread::spawn(move || run(&socket, &shared));
        Line { rtp, sound, events: false }
    }

    /// Presses keys: as telephone-events where they were offered, else as tones in the speech.
    pub(crate) fn keys(&self, keys: &str) {
        let mut queue = self.sound.keys.lock().unwrap();
        for key in keys.chars() {
            let n = "123A456B789C*0#D".find(key).expect("no such key");
            let tones = ([697, 770, 852, 941][n / 4], [1_209, 1_336, 1_477, 1_633][n % 4]);
            let event = "0123456789*#ABCD".find(key).unwrap() as u8;
            queue.extend((0..KEY).map(|age| match self.events {
                true => Key::Event(event, age),
                false => Key::Tones(tones.0, tones.1),
            }));
            queue.extend([Key::Pause; KEY as usize]);
        }
    }

    /// Keys are told as telephone-events from now on; before the call is picked up.
    pub(crate) fn takes_keys(&mut self) {
        self.events = true;
    }

    /// Telephone-events that were heard, each once.
    pub(crate) fn keys_heard(&self) -> Vec<u8> {
        self.sound.keys_heard.lock().unwrap().iter().map(|(_, event)| *event).collect()
    }

    fn sdp(&self) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        let (kinds, events) = match self.events {
            true => ("8 101", "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"),
            false => ("8", ""),
        };
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {kinds}\r\n\
             a=rtpmap:8 PCMA/8000\r\n{events}"
        )
    }

    fn talk_to(&self, message: &str) {
        let port = message.lines().find_map(|l| l.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok());
        let port: u16 = port.expect("no media in the message");
        *self.sound.to.lock().unwrap() = Some(SocketAddr::from(([127, 0, 0, 1], port)));
    }

    /// Sends a tone from now on; 0 for silence.
    pub(crate) fn says(&self, hertz: u32) {
        self.sound.tone.store(hertz, Ordering::Relaxed);
    }

    /// Whether a tone is all that is heard for half a second, within ten seconds from now on; a busy machine may drop some of
    /// the test's own packets.
    pub(crate) fn hears(&self, hertz: u32) -> bool {
        self.heard();
        (0..16).any(|_| {
            std::thread::sleep(Duration::from_millis(600));
            let heard = self.heard();
            share(&heard[heard.len().saturating_sub(4_000)..], hertz) > 0.9
        })
    }

    /// What was heard since the last time.
    pub(crate) fn heard(&self) -> Vec<i16> {
        std::mem::take(&mut *self.sound.heard.lock().unwrap())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.sound.stop.store(true, Ordering::Release);
    }
}

fn run(socket: &UdpSocket, sound: &Sound) {
    let (mut at, mut seq, mut n) = (Instant::now(), 0u16, 0u32);
    let mut buffer = [0u8; 2_048];
    while !sound.stop.load(Ordering::Acquire) {
        at += Duration::from_millis(20);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        while let Ok(length) = socket.recv(&mut buffer) {
            if length > 12 && buffer[1] & 0x7f == 8 {
                sound.heard.lock().unwrap().extend(buffer[12..length].iter().map(|b| linear(*b)));
            }
            if length > 12 && buffer[1] & 0x7f == 101 {
                let key = (u32::from_be_bytes([buffer[4], buffer[5], buffer[6], buffer[7]]), buffer[12]);
                let mut heard = sound.keys_heard.lock().unwrap();
                if !heard.contains(&key) {
                    heard.push(key);
                }
            }
        }
        let Some(to) = *sound.to.lock().unwrap() else { continue };
        let key = sound.keys.lock().unwrap().pop_front();
        let (kind, ts) = match key {
            Some(Key::Event(_, age)) => {
                (if age == 0 { 101 | 0x80 } else { 101 }, n.wrapping_sub(160 * u32::from(age)))
            }
            _ => (8, n),
        };
        let mut packet = vec![0x80, kind];
        packet.extend(seq.to_be_bytes());
        packet.extend(ts.to_be_bytes());
        packet.extend(7u32.to_be_bytes());
        if let Some(Key::Event(event, age)) = key {
            let end = if age + 3 >= KEY { 0x80 } else { 0 };
            packet.extend([event, end | 10]);
            packet.extend((160 * (age + 1)).to_be_bytes());
        } else {
            let (low, high) = match key {
                Some(Key::Tones(low, high)) => (low, high),
                Some(_) => (0, 0),
                None => (sound.tone.load(Ordering::Relaxed), 0),
            };
            for i in 0..160 {
                let wave = |hertz: u32| {
                    (f64::from(n + i) / 8_000.0 * f64::from(hertz) * std::f64::consts::TAU).sin()
                };
                packet.push(alaw(((wave(low) + wave(high)) * 8_000.0) as i16));
            }
        }
        let _ = socket.send_to(&packet, to);
        seq = seq.wrapping_add(1);
        n = n.wrapping_add(160);
    }
}

/// G.711, read from the recommendation's table of segments.
pub(crate) fn linear(code: u8) -> i16 {
    let a = code ^ 0x55;
    let (segment, base) = ((a & 0x70) >> 4, i16::from(a & 0x0f) << 4);
    let size = match segment {
        0 => base + 8,
        1 => base + 0x108,
        n => (base + 0x108) << (n - 1),
    };
    if a & 0x80 == 0 { -size } else { size }
}

/// The code whose value is nearest.
fn alaw(sample: i16) -> u8 {
    static CODES: OnceLock<Vec<(i16, u8)>> = OnceLock::new();
    let codes = CODES.get_or_init(|| {
        let mut codes: Vec<(i16, u8)> = (0..=255u8).map(|c| (linear(c), c)).collect();
        codes.sort_unstable();
        codes
    });
    let above = codes.partition_point(|(value, _)| *value < sample);
    let near = &codes[above.saturating_sub(1)..(above + 1).min(codes.len())];
    near.iter().min_by_key(|(value, _)| (i32::from(*value) - i32::from(sample)).abs()).unwrap().1
}

/// Share of the sound's energy that lies at this frequency, 0 to 1.
pub(crate) fn share(samples: &[i16], hertz: u32) -> f64 {
    let (mut re, mut im, mut all) = (0.0f64, 0.0f64, 0.0f64);
    for (i, s) in samples.iter().enumerate() {
        let phase = i as f64 / 8_000.0 * f64::from(hertz) * std::f64::consts::TAU;
        let x = f64::from(*s);
        re += x * phase.cos();
        im += x * phase.sin();
        all += x * x;
    }
    if all == 0.0 { 0.0 } else { 2.0 * (re * re + im * im) / (all * samples.len() as f64) }
}

/// Whether a tone fills most of the sound once there is any; a busy machine may drop some of the test's own packets.
pub(crate) fn mostly(samples: &[i16], hertz: u32) -> bool {
    let mut windows: Vec<&[i16]> = samples.chunks_exact(2_000).collect();
    // before the first packet, at most half a second
    let begins = windows.iter().take(2).take_while(|w| loudness(w) < 100.0).count();
    windows.drain(..begins);
    let (all, of) = (windows.len(), windows.iter().filter(|w| share(w, hertz) > 0.8).count());
    all > 0 && of * 2 > all
}

/// Mean magnitude.
pub(crate) fn loudness(samples: &[i16]) -> f64 {
    samples.iter().map(|s| f64::from(s.unsigned_abs())).sum::<f64>() / samples.len().max(1) as f64
}

/// The value of a header.
pub(crate) fn header<'a>(text: &'a str, name: &str) -> &'a str {
    lines(text)
        .find_map(|l| {
            let (n, v) = l.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| v.trim())
        })
        .unwrap_or_default()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split("\r\n").skip(1).take_while(|l| !l.is_empty())
}
