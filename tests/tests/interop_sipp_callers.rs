//! sipp as a caller of the server: who rings the displayed number back, in usual and in odd ways (scenarios in
//! `interop/callers`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use waybell_switch::EndHow;
use waybell_tests::peers::line::Line;
use waybell_tests::peers::sipp::{Play, Sipp};
use waybell_tests::peers::{Stage, server_sip, sound};
use waybell_tests::world::DISPLAY;
use waybell_tests::{World, WorldOptions};

/// What is said on the displayed number; the slot with this name is played for it.
const ANNOUNCEMENT: &str =
    "您好，这是快递通知专用号码，暂不支持接听。如需联系快递员，请在通知电话中按零。谢谢，再见。";

/// A server whose announcement is known, and its SIP address.
fn begin(samples: usize) -> (Stage, World, SocketAddr) {
    let mut stage = Stage::new().unwrap();
    let world = World::start(&WorldOptions { hear: true, ..WorldOptions::default() }).unwrap();
    let name: String = ANNOUNCEMENT.chars().filter(|c| c.is_alphanumeric()).take(80).collect();
    let slot = world.folder.path().join("slots").join(format!("{name}.wav"));
    sound::write_wav(&slot, &sound::noise(7, samples)).unwrap();
    stage.also_show(&world.folder.path().join("server.log"));
    let server = server_sip(&world).unwrap();
    (stage, world, server)
}

/// Plays one scenario to its end.
async fn call(
    stage: &Stage,
    name: &str,
    transport: &'static str,
    server: SocketAddr,
    words: &[(&str, &str)],
) -> Sipp {
    let play = Play { transport, ..Play::default() };
    let mut sipp = Sipp::caller(stage, name, &play, (DISPLAY, server), words).unwrap();
    if let Err(error) = sipp.finish().await {
        panic!("{name} {words:?} by {transport}: {error}");
    }
    sipp
}

#[tokio::test]
async fn who_rings_back_hears_the_announcement_and_is_hung_up() {
    let (stage, world, server) = begin(12_000);
    for transport in ["u1", "t1"] {
        let ear = UdpSocket::bind("127.0.0.1:0").unwrap();
        ear.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let port = ear.local_addr().unwrap().port().to_string();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let listening = std::thread::spawn(move || listen(&ear, &stopped));
        call(&stage, "announcement", transport, server, &[("PORT", port.as_str())]).await;
        drop(stop);
        let heard = listening.join().unwrap();
        // the middle: how the first packets come is no matter
        let (_, score) = sound::find(&sound::noise(7, 12_000)[2_000..10_000], &heard);
        assert!(score > 0.95, "{transport}: heard {score} in {} samples", heard.len());
        let (_, other) = sound::find(&sound::noise(8, 12_000)[2_000..10_000], &heard);
        assert!(other < 0.5, "{transport}: nothing else");
    }
    assert!(world.events().unwrap().is_empty(), "nobody was rung for it");
}

/// Sound that comes, until the other end of `stopped` is gone.
fn listen(ear: &UdpSocket, stopped: &std::sync::mpsc::Receiver<()>) -> Vec<i16> {
    let until = Instant::now() + Duration::from_secs(60);
    let mut heard = Vec::new();
    let mut packet = [0u8; 2_048];
    while Instant::now() < until && stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
        if let Ok(n) = ear.recv(&mut packet)
            && n > 12
        {
            heard.extend(packet[12..n].iter().map(|b| sound::alaw(*b)));
        }
    }
    heard
}

#[tokio::test]
async fn who_gives_up_before_the_answer_is_let_go() {
    let stage = Stage::new().unwrap();
    // the switch alone, which does not answer by itself
    let mut line = Line::to(SocketAddr::from(([127, 0, 0, 1], 9)), |_| ()).await.unwrap();
    let address = line.switch.local_addrs()[0].1;
    let mut sipp = Sipp::caller(&stage, "cancel", &Play::default(), (DISPLAY, address), &[]).unwrap();
    let (leg, from) = line.called().await.unwrap();
    assert_eq!(from, "+8613800000000");
    let end = line.ended(&leg).await.unwrap();
    assert_eq!((end.how, end.answered), (EndHow::Cancelled, false));
    assert_eq!(end.reason_text.as_deref(), Some("Call completed elsewhere"));
    sipp.finish().await.unwrap();
}

const ITSELF: &str = "sip:[service]@[remote_ip]:[remote_port]";
const SDP: &str = "@sdp sendrecv@";
const VIDEO_TOO: &str = "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=- 1 1 IN IP4 [local_ip]\ns=-\n\
    c=IN IP4 [media_ip]\nt=0 0\nm=video 6002 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio [media_port] RTP/AVP 9 0\n\
    a=rtpmap:9 G722/8000\nm=application 6004 UDP/BFCP *";
const VIDEO_ONLY: &str = "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=- 1 1 IN IP4 [local_ip]\ns=-\n\
    c=IN IP4 [media_ip]\nt=0 0\nm=video 6002 RTP/AVP 96\na=rtpmap:96 H264/90000";
const STRANGE_CODEC: &str = "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=- 1 1 IN IP4 [local_ip]\ns=-\n\
    c=IN IP4 [media_ip]\nt=0 0\nm=audio 6002 RTP/AVP 97\na=rtpmap:97 iLBC/8000";
const TEXT: &str = "Content-Type: text/plain\nContent-Length: [len]\n\nhello";

#[tokio::test]
async fn unusual_callers_are_answered() {
    // long enough that the caller hangs up first
    let (stage, world, server) = begin(80_000);
    // request URI, further headers, body, what the 200 must have
    let callers = [
        ("tel:+862131001234", "", SDP, "m=audio [1-9]"),
        ("sip:+862131001234;phone-context=x@[remote_ip];user=phone", "", SDP, "m=audio [1-9]"),
        (
            ITSELF,
            "",
            VIDEO_TOO,
            "m=video 0 RTP/AVP 96.*m=audio [1-9][0-9]* RTP/AVP.*m=application 0 UDP/BFCP",
        ),
        (ITSELF, "Supported: timer\nSession-Expires: 1800", SDP, "Session-Expires: *1800"),
        (ITSELF, "Require: 100rel", SDP, "m=audio [1-9]"),
        (
            ITSELF,
            "Supported: path, gruu\nAllow: X, Y\nX-Long: [len]\nP-Asserted-Identity: <tel:+8613811112222>, <sip:a@b>",
            SDP,
            "m=audio",
        ),
        (ITSELF, "Record-Route: <sip:[local_ip]:[local_port];lr>", SDP, "Record-Route: *.sip:127"),
    ];
    for (uri, headers, body, wanted) in callers {
        let words = [("URI", uri), ("HEADERS", headers), ("BODY", body), ("WANTED", wanted)];
        call(&stage, "answered", "u1", server, &words).await;
    }
    call(&stage, "delayed", "u1", server, &[]).await;
    call(&stage, "delayed", "t1", server, &[]).await;
    still_up(&stage, &world, server).await;
}

#[tokio::test]
async fn impossible_callers_are_refused_and_told_why() {
    let (stage, world, server) = begin(4_000);
    // request URI, headers, body, status, what the answer must have
    let callers = [
        (ITSELF, "Max-Forwards: 70", SDP, "400", "no usable Contact"),
        (ITSELF, "Max-Forwards: 70\n@contact@", TEXT, "415", "Accept: *application/sdp"),
        (ITSELF, "Max-Forwards: 70\n@contact@", VIDEO_ONLY, "488", "488"),
        (ITSELF, "Max-Forwards: 70\n@contact@", STRANGE_CODEC, "488", "488"),
        (
            ITSELF,
            "Max-Forwards: 70\n@contact@\nRequire: nobody-knows-this",
            SDP,
            "420",
            "Unsupported: *nobody-knows-this",
        ),
        (ITSELF, "Max-Forwards: 70\n@contact@\nSession-Expires: 20", SDP, "422", "Min-SE: *90"),
        (ITSELF, "Max-Forwards: 0\n@contact@", SDP, "483", "483"),
        (ITSELF, "Max-Forwards: 70\n@contact@\nAccept: text/plain", SDP, "406", "406"),
        (ITSELF, "Max-Forwards: 256\n@contact@", SDP, "400", "Max-Forwards over 255"),
        ("nobodyKnowsThisScheme:opaque", "Max-Forwards: 70\n@contact@", SDP, "416", "416"),
    ];
    for (uri, headers, body, status, wanted) in callers {
        let words =
            [("URI", uri), ("HEADERS", headers), ("BODY", body), ("STATUS", status), ("WANTED", wanted)];
        call(&stage, "refused", "u1", server, &words).await;
    }
    for (method, headers, status, wanted) in [
        ("OPTIONS", "", "200", "Allow:.*INVITE"),
        ("OPTIONS", "Require: nobody-knows-this", "420", "Unsupported: *nobody-knows-this"),
        ("NEWMETHOD", "", "501", "501"),
        ("MESSAGE", "", "405", "Allow:.*INVITE"),
        ("REGISTER", "", "405", "Allow:.*INVITE"),
        ("BYE", "", "481", "481"),
        ("INFO", "", "481", "481"),
    ] {
        let words = [("METHOD", method), ("HEADERS", headers), ("STATUS", status), ("WANTED", wanted)];
        call(&stage, "request", "u1", server, &words).await;
    }
    still_up(&stage, &world, server).await;
}

/// The server answers a usual caller, and has rung nobody.
async fn still_up(stage: &Stage, world: &World, server: SocketAddr) {
    let words = [("URI", ITSELF), ("HEADERS", ""), ("BODY", SDP), ("WANTED", "m=audio [1-9]")];
    call(stage, "answered", "t1", server, &words).await;
    assert!(world.events().unwrap().is_empty(), "nobody was rung");
    assert!(!world.server.log().contains("panicked"), "{}", world.server.log());
}
