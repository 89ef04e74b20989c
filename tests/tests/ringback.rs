//! Who rings a displayed number back hears the announcement, and is not left on the line by a crash.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use waybell_tests::peers::sound;
use waybell_tests::world::DISPLAY;
use waybell_tests::{World, WorldOptions};

const ANNOUNCEMENT: &str =
    "您好，这是快递通知专用号码，暂不支持接听。如需联系快递员，请在通知电话中按零。谢谢，再见。";

/// A telephone of one socket for SIP and one for sound.
struct Telephone {
    sip: UdpSocket,
    rtp: UdpSocket,
    server: SocketAddr,
    call_id: String,
}

impl Telephone {
    fn new(world: &World) -> Telephone {
        let text = std::fs::read_to_string(world.folder.path().join("server.toml")).unwrap();
        let at = text.find("udp:").unwrap() + 4;
        let server = text[at..].split('"').next().unwrap().parse().unwrap();
        let socket = || {
            let s = UdpSocket::bind("127.0.0.1:0").unwrap();
            s.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            s
        };
        let (sip, rtp) = (socket(), socket());
        let call_id = format!("{}@test", sip.local_addr().unwrap().port());
        Telephone { sip, rtp, server, call_id }
    }

    fn say(&self, method: &str, cseq: u32, to_tag: &str, body: &str) {
        let own = self.sip.local_addr().unwrap();
        let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        let text = format!(
            "{method} sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK{method}{cseq}{port}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+8613800000000@{own}>;tag=me\r\nTo: <sip:{number}@{server}>{tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:me@{own}>\r\n{content}Content-Length: {length}\r\n\r\n{body}",
            number = DISPLAY,
            server = self.server,
            port = own.port(),
            call_id = self.call_id,
            content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" },
            length = body.len(),
        );
        self.sip.send_to(text.as_bytes(), self.server).unwrap();
    }

    /// The next message for which `wanted` is true.
    fn hear(&self, what: &str, seconds: u64, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut buffer = [0u8; 65_535];
        loop {
            assert!(Instant::now() < until, "no {what}");
            if let Ok((n, _)) = self.sip.recv_from(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                if wanted(&text) {
                    return text;
                }
            }
        }
    }

    fn agree(&self, request: &str) {
        let lines = request.split("\r\n").skip(1).take_while(|l| !l.is_empty());
        let kept: String = lines
            .filter(|l| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|h| l.starts_with(h)))
            .map(|l| format!("{l}\r\n"))
            .collect();
        let text = format!("SIP/2.0 200 OK\r\n{kept}Content-Length: 0\r\n\r\n");
        self.sip.send_to(text.as_bytes(), self.server).unwrap();
    }

    /// Rings, is answered, acknowledges. The server's tag and RTP port.
    fn ring(&self) -> (String, u16) {
        let own = self.rtp.local_addr().unwrap();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n\
             a=rtpmap:8 PCMA/8000\r\n",
            own.port()
        );
        self.say("INVITE", 1, "", &sdp);
        let ok = self.hear("answer", 10, |m| m.starts_with("SIP/2.0 200"));
        let tag = ok.lines().find(|l| l.starts_with("To:")).unwrap().split("tag=").nth(1).unwrap().to_owned();
        let port =
            ok.lines().find_map(|l| l.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok()).unwrap();
        self.say("ACK", 1, &tag, "");
        (tag, port)
    }

    /// Sound until the server hangs up, as samples.
    fn listen(&self) -> Vec<i16> {
        let mut sound = Vec::new();
        let mut buffer = [0u8; 2048];
        let mut bye = [0u8; 4096];
        self.sip.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            assert!(Instant::now() < until, "the server does not hang up");
            if let Ok(n) = self.rtp.recv(&mut buffer) {
                sound.extend(buffer[12..n].iter().map(|b| alaw(*b)));
            }
            if let Ok(n) = self.sip.recv(&mut bye) {
                let text = String::from_utf8_lossy(&bye[..n]).into_owned();
                if text.starts_with("BYE ") {
                    self.agree(&text);
                    return sound;
                }
            }
        }
    }
}

fn alaw(code: u8) -> i16 {
    let a = code ^ 0x55;
    let (segment, base) = ((a & 0x70) >> 4, i16::from(a & 0x0f) << 4);
    let size = match segment {
        0 => base + 8,
        1 => base + 0x108,
        n => (base + 0x108) << (n - 1),
    };
    if a & 0x80 == 0 { -size } else { size }
}

/// Half a second and more of noise that nothing else is like.
fn noise() -> Vec<i16> {
    let mut x = 0x1234_5678_9abc_def1u64;
    (0..12_000)
        .map(|i| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let swell = (f64::from(i) / 700.0).sin().abs();
            ((x % 12_000) as f64 * swell - 6_000.0 * swell) as i16
        })
        .collect()
}

fn world() -> World {
    let world = World::start(&WorldOptions { hear: true, ..WorldOptions::default() }).unwrap();
    let name: String = ANNOUNCEMENT.chars().filter(|c| c.is_alphanumeric()).take(80).collect();
    let file = world.folder.path().join("slots").join(format!("{name}.wav"));
    sound::write_wav(&file, &noise()).unwrap();
    world
}

#[test]
fn who_rings_back_hears_the_announcement() {
    let world = world();
    let telephone = Telephone::new(&world);
    telephone.ring();
    let played = telephone.listen();
    // the middle, so that a first packet that came late costs nothing
    let what = noise()[2_000..10_000].to_vec();
    let (_, heard) = sound::find(&what, &played);
    assert!(heard > 0.9, "the announcement was heard: {heard}, {} samples", played.len());
    assert!(
        sound::find(&what.iter().rev().copied().collect::<Vec<_>>(), &played).1 < 0.3,
        "and nothing like it"
    );
    assert!(played.len() < 12_000 + 8_000, "once");
}

#[test]
fn a_crash_does_not_leave_the_caller_on_the_line() {
    let mut world = world();
    let telephone = Telephone::new(&world);
    let (tag, _) = telephone.ring();
    std::thread::sleep(Duration::from_millis(400));
    world.kill().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    world.server.start().unwrap();
    let bye = telephone.hear("BYE", 10, |m| m.starts_with("BYE "));
    assert!(bye.contains(&telephone.call_id) && bye.contains(&format!("tag={tag}")), "{bye}");
    telephone.agree(&bye);
    std::thread::sleep(Duration::from_millis(500));
    // told once: the next life has nothing left to end
    world.kill().unwrap();
    world.server.start().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let mut buffer = [0u8; 4096];
    if let Ok(n) = telephone.sip.recv(&mut buffer) {
        panic!("unexpected: {}", String::from_utf8_lossy(&buffer[..n]));
    }
}

#[test]
fn who_hangs_up_first_is_let_go() {
    let world = world();
    let telephone = Telephone::new(&world);
    let (tag, _) = telephone.ring();
    std::thread::sleep(Duration::from_millis(300));
    telephone.say("BYE", 2, &tag, "");
    telephone.hear("answer to the BYE", 5, |m| m.starts_with("SIP/2.0 200") && m.contains("2 BYE"));
}
