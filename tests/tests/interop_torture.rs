//! The torture messages of RFC 4475 (`interop/torture`), by UDP and by TCP: each gets a sane answer or, where none is
//! due, none; and the server is up afterwards, and has rung nobody.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};
use waybell_tests::peers::{Stage, server_sip};
use waybell_tests::{World, WorldOptions};

/// How long an answer may take; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long silence is listened to.
const SILENCE: Duration = Duration::from_millis(250);

/// Each message, and the final answer to it by UDP; 0 is silence.
const MESSAGES: [(&str, u16); 49] = [
    // well formed: with a tag in To it belongs to a call that is not there
    ("3.1.1.1-wsinv", 481),
    ("3.1.1.2-intmeth", 501),
    ("3.1.1.3-esc01", 200),
    ("3.1.1.4-escnull", 405),
    ("3.1.1.5-esc02", 501),
    ("3.1.1.6-lwsdisp", 200),
    ("3.1.1.7-longreq", 200),
    // a datagram is one message; what follows it is not looked at
    ("3.1.1.8-dblreq", 405),
    ("3.1.1.9-semiuri", 200),
    ("3.1.1.10-transports", 200),
    ("3.1.1.11-mpart01", 405),
    ("3.1.1.12-unreason", 0),
    ("3.1.1.13-noreason", 0),
    ("3.1.2.1-badinv01", 400),
    ("3.1.2.2-clerr", 400),
    ("3.1.2.3-ncl", 400),
    ("3.1.2.4-scalar02", 400),
    ("3.1.2.5-scalarlg", 0),
    ("3.1.2.6-quotbal", 400),
    ("3.1.2.7-ltgtruri", 400),
    ("3.1.2.8-lwsruri", 400),
    ("3.1.2.9-lwsstart", 400),
    // it is clear what these mean
    ("3.1.2.10-trws", 200),
    ("3.1.2.11-escruri", 400),
    ("3.1.2.12-baddate", 200),
    // we are no registrar, whatever the Contact
    ("3.1.2.13-regbadct", 405),
    ("3.1.2.14-badaspec", 200),
    ("3.1.2.15-baddn", 200),
    ("3.1.2.16-badvers", 505),
    ("3.1.2.17-mismatch01", 400),
    ("3.1.2.18-mismatch02", 400),
    ("3.1.2.19-bigcode", 0),
    ("3.2.1-badbranch", 200),
    ("3.3.1-insuf", 400),
    ("3.3.2-unkscm", 416),
    ("3.3.3-novelsc", 416),
    ("3.3.4-unksm2", 405),
    ("3.3.5-bext01", 420),
    ("3.3.6-invut", 415),
    ("3.3.7-regaut01", 405),
    ("3.3.8-multi01", 400),
    ("3.3.9-mcl01", 400),
    ("3.3.10-bcast", 0),
    // an end point does not pass it on
    ("3.3.11-zeromf", 200),
    ("3.3.12-cparam01", 405),
    ("3.3.13-cparam02", 405),
    ("3.3.14-regescrt", 405),
    ("3.3.15-sdp01", 406),
    // no Contact: there is nobody to talk to
    ("3.4.1-inv2543", 400),
];

/// A server with a trunk to an address of loopback that this test has for itself, so that answers that go to the port of
/// a Via arrive.
fn begin(net: u8) -> (Stage, World, SocketAddr, IpAddr) {
    let [low, high, ..] = std::process::id().to_le_bytes();
    let far = IpAddr::from(Ipv4Addr::new(127, net, high, low.max(1)));
    let mut stage = Stage::new().unwrap();
    let trunk = format!(
        "options_seconds = 0\n\n[[trunk]]\nname = \"torture\"\npeers = [\"{far}:5060\"]\ncaller_ids = [\"+862131005678\"]\n\
         options_seconds = 0\n"
    );
    let world = World::start(&WorldOptions { trunk, ..WorldOptions::default() }).unwrap();
    stage.also_show(&world.folder.path().join("server.log"));
    let server = server_sip(&world).unwrap();
    (stage, world, server, far)
}

fn read(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/torture");
    std::fs::read(folder.join(format!("{name}.sip"))).unwrap()
}

/// A header's value, where it is there under its long name or that letter.
fn header<'a>(message: &'a str, long: &str, short: &str) -> Option<&'a str> {
    let head = message.split("\r\n\r\n").next()?;
    head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim();
        (name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)).then(|| value.trim())
    })
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_default()
}

/// Whether this is a final answer to the message.
fn answers(message: &str, answer: &str) -> bool {
    let id = |m| header(m, "Call-ID", "i").map(str::to_owned);
    status(answer) >= 200 && answer.starts_with("SIP/2.0 ") && id(message) == id(answer)
}

/// What every answer holds: it can be routed back, and names its request.
fn is_whole(message: &str, answer: &str) {
    let top = header(answer, "Via", "v").unwrap();
    assert!(top.contains("received=127."), "{answer}");
    if let (Some(sent), Some(came)) = (header(message, "CSeq", ""), header(answer, "CSeq", "")) {
        assert!(came.starts_with(sent), "{answer}");
    }
    assert!(header(answer, "To", "t").is_none_or(|to| to.replace(' ', "").contains(";tag=")), "{answer}");
    assert!(header(answer, "Content-Length", "l").is_some(), "{answer}");
}

/// ACK and BYE for an INVITE that was answered, so that the call does not stay.
fn goodbye(message: &str, answer: &str, far: IpAddr) -> Vec<String> {
    let line = |name: &str, m: &str, short: &str| format!("{name}: {}\r\n", header(m, name, short).unwrap());
    let number = header(answer, "CSeq", "").unwrap().split(' ').next().unwrap().parse::<u32>().unwrap();
    let shared = line("From", message, "f") + &line("To", answer, "t") + &line("Call-ID", answer, "i");
    let request = |method: &str, number: u32| {
        format!(
            "{method} sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {far};rport;branch=z9hG4bK{method}{number}\r\n\
             {shared}CSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    vec![request("ACK", number), request("BYE", number + 1)]
}

/// The server is there, works, and has rung nobody.
fn still_up(world: &mut World) {
    assert!(!world.server.has_died());
    assert!(!world.server.log().contains("panicked"), "{}", world.server.log());
    assert!(world.events().unwrap().is_empty(), "nobody was rung");
}

#[test]
fn by_udp() {
    let (_stage, mut world, server, far) = begin(77);
    // answers go to the port of the Via (RFC 3261 18.2.2)
    let sockets: Vec<UdpSocket> = [5060, 5050].iter().map(|p| UdpSocket::bind((far, *p)).unwrap()).collect();
    for socket in &sockets {
        socket.set_nonblocking(true).unwrap();
    }
    let hear = |message: &str, patience: Duration| {
        let until = Instant::now() + patience;
        let mut buffer = vec![0u8; 65_535];
        while Instant::now() < until {
            for socket in &sockets {
                while let Ok((n, _)) = socket.recv_from(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                    if answers(message, &text) {
                        return Some(text);
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    };
    for (name, wanted) in MESSAGES {
        let bytes = read(name);
        let message = String::from_utf8_lossy(&bytes).into_owned();
        sockets[0].send_to(&bytes, server).unwrap();
        let answer = hear(&message, if wanted == 0 { SILENCE } else { PATIENCE });
        assert_eq!(answer.as_deref().map_or(0, status), wanted, "{name}: {answer:?}");
        let Some(answer) = answer else { continue };
        is_whole(&message, &answer);
        if wanted == 200 && message.starts_with("INVITE") {
            assert!(answer.contains("m=audio ") && answer.contains("m=video 0 "), "{name}: {answer}");
            for text in goodbye(&message, &answer, far) {
                sockets[0].send_to(text.as_bytes(), server).unwrap();
            }
        }
    }
    still_up(&mut world);
}

#[test]
fn by_tcp() {
    let (_stage, mut world, server, far) = begin(78);
    for (name, wanted) in MESSAGES {
        let bytes = read(name);
        let message = String::from_utf8_lossy(&bytes).into_owned();
        // more was announced than came: the stream waits for the rest
        let wanted = if name.ends_with("clerr") { 0 } else { wanted };
        let mut stream = TcpStream::connect(server).unwrap();
        stream.write_all(&bytes).unwrap();
        let answer = hear(&mut stream, &message, if wanted == 0 { SILENCE } else { PATIENCE });
        assert_eq!(answer.as_deref().map_or(0, status), wanted, "{name}: {answer:?}");
        let Some(answer) = answer else { continue };
        is_whole(&message, &answer);
        if wanted == 200 && message.starts_with("INVITE") {
            for text in goodbye(&message, &answer, far) {
                stream.write_all(text.as_bytes()).unwrap();
            }
            assert!(hear(&mut stream, &message, PATIENCE).is_some(), "{name}: the BYE is answered");
        }
        if name.ends_with("dblreq") {
            // on a stream the second request counts too
            let second = &message[message.find("INVITE").unwrap()..];
            let answer = hear(&mut stream, second, PATIENCE).unwrap();
            assert_eq!(status(&answer), 400, "{answer}");
        }
        if name.ends_with("ncl") || name.ends_with("mcl01") {
            // where the next message begins is not known
            let mut rest = Vec::new();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.read_to_end(&mut rest).unwrap();
        }
    }
    still_up(&mut world);
}

/// The next final answer to a message on a stream.
fn hear(stream: &mut TcpStream, message: &str, patience: Duration) -> Option<String> {
    let until = Instant::now() + patience;
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut text = Vec::new();
    let mut byte = [0u8; 1];
    while Instant::now() < until {
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            Ok(_) => return None,
            Err(_) => continue,
        }
        if !text.ends_with(b"\r\n\r\n") {
            continue;
        }
        let answer = String::from_utf8_lossy(&text).into_owned();
        let length = header(&answer, "Content-Length", "l").and_then(|l| l.parse().ok()).unwrap_or_default();
        let mut body = vec![0u8; length];
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_exact(&mut body).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        if answers(message, &answer) {
            return Some(answer + &String::from_utf8_lossy(&body));
        }
        text.clear();
    }
    None
}
