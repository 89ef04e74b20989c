//! The carrier on real sockets: a scripted caller over UDP and TCP, with RTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use waybell_carrier::{
    Carrier, Config, Settings,
    config::Hear,
    truth::{TruthEvent, read_truth},
};

const LIMIT: Duration = Duration::from_secs(20);

fn start(settings: &str, folder: &std::path::Path, change: impl FnOnce(&mut Config)) -> Carrier {
    let mut config = Config::new(Settings::parse(settings).unwrap(), folder.join("truth.jsonl"));
    change(&mut config);
    Carrier::start(&config).unwrap()
}

fn offer(rtp: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\n",
        rtp.port()
    )
}

struct Request<'a> {
    method: &'a str,
    transport: &'a str,
    own: SocketAddr,
    branch: &'a str,
    cseq: u32,
    to_tag: &'a str,
    body: &'a str,
}

impl Request<'_> {
    fn text(&self) -> String {
        let tag = if self.to_tag.is_empty() { String::new() } else { format!(";tag={}", self.to_tag) };
        format!(
            "{m} sip:13800000001@carrier SIP/2.0\r\nVia: SIP/2.0/{t} {own};branch=z9hG4bK{b};rport\r\n\
             From: <sip:4001@x>;tag=f\r\nTo: <sip:13800000001@carrier>{tag}\r\nCall-ID: wire-call\r\n\
             CSeq: {c} {m}\r\nContact: <sip:4001@{own}>\r\nMax-Forwards: 70\r\nContent-Length: {l}\r\n\r\n{body}",
            m = self.method,
            t = self.transport,
            own = self.own,
            b = self.branch,
            c = self.cseq,
            l = self.body.len(),
            body = self.body,
        )
    }
}

/// Reads datagrams until one begins with `start`.
fn await_message(socket: &UdpSocket, start: &str) -> String {
    let until = Instant::now() + LIMIT;
    let mut buffer = [0u8; 4_096];
    while Instant::now() < until {
        if let Ok((length, _)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with(start) {
                return text;
            }
        }
    }
    panic!("no {start}");
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap()
}

fn audio_port(text: &str) -> u16 {
    text.lines().find_map(|l| l.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok()).unwrap()
}

fn of<'a>(truth: &'a [TruthEvent], name: &str) -> Vec<&'a TruthEvent> {
    truth.iter().filter(|e| e.event == name).collect()
}

#[test]
fn udp_call_with_audio_is_heard_and_its_keys_arrive() {
    let folder = tempfile::tempdir().unwrap();
    // A prompt that never repeats itself: a sweep with a beat, as A-law so that the file is what is sent.
    let prompts = folder.path().join("prompts");
    std::fs::create_dir(&prompts).unwrap();
    let samples: Vec<i16> = (0..8_000u32)
        .map(|n| {
            let t = f64::from(n) / 8_000.0;
            let wave = (std::f64::consts::TAU * (200.0 + 350.0 * t) * t).sin()
                + 0.7 * (900.0 * t * (1.0 + t * t)).sin();
            (wave * 9_000.0 * (0.6 + 0.4 * (11.0 * t).sin())) as i16
        })
        .collect();
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut wav =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data".to_vec();
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(&data);
    std::fs::write(prompts.join("sweep.wav"), &wav).unwrap();

    let settings = "[defaults]\nbehaviour = \"press_keys\"\ndelay_ms = 10\nring_ms = 50\ndigits = \"29\"\n\
                    digits_after_ms = 100\nuntil_end = true\n";
    let carrier = start(settings, folder.path(), |c| {
        c.prompts = Some(prompts.clone());
        c.hear = Hear::All;
    });
    let at = carrier.udp().unwrap();
    let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
    let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
    sip.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    rtp.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let own = sip.local_addr().unwrap();
    let sdp = offer(rtp.local_addr().unwrap());
    let mut request =
        Request { method: "INVITE", transport: "UDP", own, branch: "a", cseq: 1, to_tag: "", body: &sdp };
    sip.send_to(request.text().as_bytes(), at).unwrap();
    await_message(&sip, "SIP/2.0 180");
    let ok = await_message(&sip, "SIP/2.0 200");
    let tag = header(&ok, "To").rsplit_once("tag=").unwrap().1.to_owned();
    (request.method, request.branch, request.to_tag, request.body) = ("ACK", "b", &tag, "");
    sip.send_to(request.text().as_bytes(), at).unwrap();

    // The prompt's samples as µ-law would need a codec here; linear A-law of the reference table does for a sender.
    let to = SocketAddr::new(at.ip(), audio_port(&ok));
    let mut events = Vec::new();
    let mut buffer = [0u8; 2_048];
    for n in 0..60u32 {
        let mut packet = vec![0x80, 8];
        packet.extend((n as u16).to_be_bytes());
        packet.extend((n * 160).to_be_bytes());
        packet.extend(77u32.to_be_bytes());
        for i in 0..160 {
            let sample =
                (n as usize).checked_sub(5).and_then(|m| samples.get(m * 160 + i)).copied().unwrap_or(0);
            packet.push(alaw(sample));
        }
        rtp.send_to(&packet, to).unwrap();
        std::thread::sleep(Duration::from_millis(12));
        while let Ok((length, _)) = rtp.recv_from(&mut buffer) {
            if buffer[1] & 0x7f == 101 && length >= 16 {
                events.push(buffer[12]);
            }
        }
    }
    events.dedup();
    assert_eq!(events, [2, 9], "keys as telephone events");
    (request.method, request.branch, request.cseq) = ("BYE", "c", 2);
    sip.send_to(request.text().as_bytes(), at).unwrap();
    await_message(&sip, "SIP/2.0 200");
    let path = carrier.stop();
    let truth = read_truth(&path).unwrap();
    for name in ["invite", "alerted", "answered", "digits_sent", "bye", "ended", "heard"] {
        assert_eq!(of(&truth, name).len(), 1, "{name}");
    }
    assert_eq!(of(&truth, "alerted")[0].callee.as_deref(), Some("+8613800000001"));
    let heard = of(&truth, "heard")[0];
    let media = heard.media.as_ref().unwrap();
    assert_eq!((media.packets, media.lost, media.ssrcs), (60, 0, 1));
    assert!(media.sent > 10);
    let prompts = heard.heard.as_ref().unwrap();
    assert_eq!(prompts.len(), 1, "{prompts:?}");
    assert_eq!((prompts[0].prompt.as_str(), prompts[0].start_ms), ("sweep", 100));
    assert!(prompts[0].fraction > 0.9 && prompts[0].score > 0.9, "{prompts:?}");
}

/// A-law by its definition: the segment and step next below the magnitude.
fn alaw(sample: i16) -> u8 {
    let magnitude = i32::from(sample).unsigned_abs().min(32_767) >> 4;
    let (mut segment, mut step) = (0u32, magnitude);
    while step > 31 {
        step >>= 1;
        segment += 1;
    }
    let code = if magnitude > 15 { (segment + 1) << 4 | (step & 15) } else { magnitude };
    (code as u8 | if sample >= 0 { 0x80 } else { 0 }) ^ 0x55
}

#[test]
fn tcp_call_goes_on_over_a_new_connection_and_a_response_finds_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[defaults]\nbehaviour = \"reject\"\ndelay_ms = 0\nring_ms = 600\n";
    let carrier = start(settings, folder.path(), |_| {});
    let at = carrier.tcp().unwrap();
    // The caller listens at its sent-by, as a server does.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    let sdp = offer("127.0.0.1:9".parse().unwrap());
    let request =
        Request { method: "INVITE", transport: "TCP", own, branch: "t", cseq: 1, to_tag: "", body: &sdp };
    let read_until = |stream: &mut TcpStream, what: &str| {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let (mut text, mut buffer) = (String::new(), [0u8; 4_096]);
        while !text.contains(what) {
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "closed before {what}: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    };
    let mut first = TcpStream::connect(at).unwrap();
    first.write_all(b"\r\n\r\n").unwrap();
    first.write_all(request.text().as_bytes()).unwrap();
    read_until(&mut first, "SIP/2.0 180");
    drop(first);
    let probe =
        request.text().replace("Max-Forwards", "Require: no-such\r\nProxy-Require: no-such\r\nMax-Forwards");
    let mut second = TcpStream::connect(at).unwrap();
    second.write_all(probe.as_bytes()).unwrap();
    read_until(&mut second, "SIP/2.0 180");
    drop(second);
    // Nobody is connected at the final answer: it comes to the sent-by address.
    let (mut third, _) = listener.accept().unwrap();
    read_until(&mut third, "SIP/2.0 603");
    let truth = read_truth(&carrier.stop()).unwrap();
    assert_eq!((of(&truth, "alerted").len(), of(&truth, "invite").len()), (1, 1));
    assert_eq!(of(&truth, "retransmission")[0].probe, Some(true));
}
