//! What the far side asks inside a call, and outside of any: hold, delayed offer, glare, session timers, UPDATE, INFO,
//! OPTIONS, unknown methods, strangers, limits.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{EVENTS, Far, Msg, PATIENCE, Us, config, sdp, trunk};
use tokio::net::UdpSocket;
use waybell_switch::{DigitSource, EndHow, EventKind, FloodLimits, LegId, TrunkConfig};

struct Call {
    far: Far,
    us: Us,
    leg: LegId,
    invite: Msg,
}

async fn call_with(change: impl Fn(&mut TrunkConfig), answer_headers: &str) -> Call {
    let mut far = Far::new().await;
    let mut t = trunk("t", far.addr);
    change(&mut t);
    let mut us = Us::with(vec![t]).await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    far.answer(&invite, "200 OK", "ft", answer_headers, Some(&sdp(40_000, "8 101", EVENTS))).await;
    us.answered(&leg).await;
    us.switch.confirm(&leg);
    far.hear("ACK").await;
    Call { far, us, leg, invite }
}

async fn call() -> Call {
    call_with(|_| {}, "").await
}

async fn held(us: &mut Us) -> bool {
    us.until("hold", |e| match e.kind {
        EventKind::Held { held } => Some(held),
        _ => None,
    })
    .await
}

fn ack(far: &Far, invite: &Msg, cseq: u32, body: Option<&str>) -> String {
    far.inside(invite, "ACK", cseq, "ft", "", body)
}

#[tokio::test]
async fn hold_and_resume_and_another_codec() {
    let Call { mut far, mut us, leg, invite } = call().await;
    for (n, (attribute, formats)) in
        [("sendonly", "8 101"), ("sendrecv", "0 101"), ("inactive", "8"), ("sendrecv", "8 101")]
            .iter()
            .enumerate()
    {
        let cseq = n as u32 + 1;
        let body = sdp(40_010, formats, &format!("{EVENTS}a={attribute}\r\n"));
        far.send(&far.inside(&invite, "INVITE", cseq, "ft", "", Some(&body))).await;
        let ok = far.hear("SIP/2.0").await;
        assert_eq!(ok.status(), 200);
        let mirrored = match *attribute {
            "sendonly" => "a=recvonly",
            "inactive" => "a=inactive",
            _ => "a=sendrecv",
        };
        assert!(ok.body().contains(mirrored), "{attribute}: {}", ok.body());
        assert!(ok.body().contains(&format!("RTP/AVP {}", &formats[..1])));
        assert_eq!(ok.rtp_port(), invite.rtp_port());
        let again = far.hear("SIP/2.0").await;
        assert_eq!(again.0, ok.0, "repeated until the ACK");
        far.send(&ack(&far, &invite, cseq, None)).await;
        assert_eq!(held(&mut us).await, n % 2 == 0);
    }
    // Versions of our description rise.
    far.send(&far.inside(&invite, "INVITE", 9, "ft", "", Some(&sdp(40_010, "18", "")))).await;
    let no = loop {
        let m = far.hear("SIP/2.0").await;
        if m.cseq() == 9 {
            break m;
        }
    };
    assert_eq!(no.status(), 488, "no common codec: the call goes on as it was");
    far.send(&ack(&far, &invite, 9, None)).await;
    us.switch.hang_up(&leg, None);
    let bye = far.hear("BYE").await;
    far.answer(&bye, "200 OK", "", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::LocalBye);
}

#[tokio::test]
async fn a_delayed_offer_gets_ours_and_brings_its_answer_in_the_ack() {
    let Call { mut far, mut us, leg, invite } = call().await;
    far.send(&far.inside(&invite, "INVITE", 1, "ft", "", None)).await;
    let ok = far.hear("SIP/2.0").await;
    assert_eq!((ok.status(), ok.rtp_port()), (200, invite.rtp_port()));
    assert!(ok.body().contains("RTP/AVP 8 0 101"));
    far.send(&ack(&far, &invite, 1, Some(&sdp(40_020, "0 101", &format!("{EVENTS}a=sendonly\r\n"))))).await;
    assert!(held(&mut us).await);
    // Without an answer there is no session.
    far.send(&far.inside(&invite, "INVITE", 2, "ft", "", None)).await;
    loop {
        let m = far.hear("SIP/2.0").await;
        if m.cseq() == 2 {
            break;
        }
    }
    far.send(&ack(&far, &invite, 2, None)).await;
    let bye = far.hear("BYE").await;
    far.answer(&bye, "200 OK", "", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::BadMedia);
}

#[tokio::test]
async fn a_re_invite_that_is_never_acknowledged_ends_the_call() {
    let mut far = Far::new().await;
    let mut c = config(vec![trunk("t", far.addr)]);
    c.t1 = Duration::from_millis(10);
    let mut us = Us::start(c).await;
    let (leg, _) = us.call("a1", "1").await;
    let invite = far.hear("INVITE").await;
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(40_000, "8", ""))).await;
    us.answered(&leg).await;
    us.switch.confirm(&leg);
    far.hear("ACK").await;
    far.send(&far.inside(&invite, "INVITE", 1, "ft", "", Some(&sdp(40_010, "8", "")))).await;
    let bye = far.hear("BYE").await;
    far.answer(&bye, "200 OK", "", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::NoAck);
}

#[tokio::test]
async fn other_requests_are_answered_as_the_rules_say() {
    let Call { mut far, mut us, leg, invite } = call().await;
    let mut cseq = 0;
    for (method, headers, body, status) in [
        ("OPTIONS", "", "", 200),
        ("UPDATE", "", "", 200),
        ("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=100\r\n", 200),
        ("INFO", "Content-Type: text/plain\r\n", "x", 415),
        ("MESSAGE", "", "", 405),
        ("FROBNICATE", "", "", 501),
        ("PRACK", "RAck: 1 1 INVITE\r\n", "", 481),
        ("OPTIONS", "Require: foo, timer\r\n", "", 420),
        ("UPDATE", "Session-Expires: 20\r\n", "", 422),
    ] {
        cseq += 1;
        let text = far.inside(&invite, method, cseq, "ft", headers, None);
        let text = text
            .replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        far.send(&text).await;
        let answer = far.hear("SIP/2.0").await;
        assert_eq!((answer.status(), answer.cseq()), (status, cseq), "{method}");
    }
    assert_eq!(us.digit(&leg).await, ('5', DigitSource::Info));
    // An old number, a wrong tag.
    far.send(&far.inside(&invite, "OPTIONS", 2, "ft", "", None)).await;
    assert_eq!(far.hear("SIP/2.0").await.status(), 500);
    far.send(&far.inside(&invite, "OPTIONS", 50, "other", "", None)).await;
    assert_eq!(far.hear("SIP/2.0").await.status(), 481);
}

#[tokio::test]
async fn the_session_is_refreshed_and_glare_is_waited_out() {
    let timer = |t: &mut TrunkConfig| t.session_expires = Some(Duration::from_secs(90));
    // Ninety seconds are the least: the halves and margins are tested with a clock of their own. Here: what is asked for.
    let Call { mut far, us, leg, invite } = call_with(timer, "Session-Expires: 90;refresher=uas\r\n").await;
    assert_eq!(invite.header("Session-Expires"), "90");
    far.send(&far.inside(
        &invite,
        "UPDATE",
        1,
        "ft",
        "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n",
        None,
    ))
    .await;
    let ok = far.hear("SIP/2.0").await;
    assert_eq!((ok.status(), ok.header("Session-Expires")), (200, "90;refresher=uac"));
    us.switch.hang_up(&leg, None);
    far.hear("BYE").await;
    // Too short an interval for the far side: asked again with its minimum.
    let mut far = Far::new().await;
    let mut t = trunk("t", far.addr);
    timer(&mut t);
    let mut us = Us::with(vec![t]).await;
    let (leg, _) = us.call("a1", "1").await;
    let first = far.hear("INVITE").await;
    far.answer(&first, "422 Too Small", "x", "Min-SE: 600\r\n", None).await;
    us.challenged(&leg).await;
    let second = far.hear("INVITE").await;
    assert_eq!((second.cseq(), second.header("Session-Expires"), second.header("Min-SE")), (2, "600", "600"));
}

#[tokio::test]
async fn a_call_of_theirs_with_reliable_ringing_and_no_offer() {
    let mut far = Far::new().await;
    let mut us = Us::with(vec![trunk("t", far.addr)]).await;
    far.peer = Some(us.addr());
    let (here, there) = (us.addr(), far.addr);
    let invite = |headers: &str, branch: &str, body: &str| {
        format!(
            "INVITE sip:075512345678@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:13900002222@far.test>;tag=ft\r\nTo: <sip:075512345678@us.test>\r\nCall-ID: {branch}@far\r\n\
             CSeq: 7 INVITE\r\nContact: <sip:far@{}>\r\nX-Area: 3\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            here,
            there,
            there,
            body.len()
        )
    };
    let text = invite("Require: 100rel\r\n", "one", "");
    far.send(&text).await;
    assert_eq!(far.hear("SIP/2.0").await.status(), 100);
    far.send(&text).await;
    assert_eq!(far.hear("SIP/2.0").await.status(), 100, "a repetition is no second call");
    let (leg, told) = us.incoming().await;
    assert_eq!((told.from.as_str(), told.to.as_str()), ("13900002222", "075512345678"));
    assert_eq!(told.headers, [("X-Area".to_owned(), "3".to_owned())]);
    us.switch.ring(&leg);
    let ringing = far.hear("SIP/2.0").await;
    assert_eq!((ringing.status(), ringing.header("RSeq"), ringing.header("Require")), (180, "1", "100rel"));
    assert_eq!(far.hear("SIP/2.0").await.0, ringing.0, "repeated until PRACK");
    us.switch.answer(&leg);
    let tag = ringing.header("To").split("tag=").nth(1).expect("tag").to_owned();
    let inside = |method: &str, cseq: u32, headers: &str, body: &str| {
        format!(
            "{method} sip:x@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bK{method}{cseq}\r\n\
             From: <sip:13900002222@far.test>;tag=ft\r\nTo: <sip:075512345678@us.test>;tag={tag}\r\nCall-ID: one@far\r\n\
             CSeq: {cseq} {method}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            here,
            there,
            body.len()
        )
    };
    far.send(&inside("PRACK", 8, "RAck: 1 7 INVITE\r\n", "")).await;
    let mut offered = None;
    for _ in 0..20 {
        let m = far.hear("SIP/2.0").await;
        if m.status() == 200 && m.header("CSeq") == "7 INVITE" {
            offered = Some(m);
            break;
        }
    }
    assert!(offered.expect("200").body().contains("RTP/AVP 8 0 101"));
    let answer = sdp(40_030, "8", "");
    far.send(&inside("ACK", 7, "Content-Type: application/sdp\r\n", &answer)).await;
    us.answered(&leg).await;
    far.send(&inside("BYE", 9, "", "")).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::RemoteBye);

    // What is refused before anyone is told.
    for (headers, body, status) in [
        ("Require: unheard-of\r\n", "", 420),
        ("Content-Type: text/plain\r\n", "x", 415),
        ("Content-Type: application/sdp\r\n", "v=0\r\nrubbish", 488),
        ("Session-Expires: 5\r\n", "", 422),
    ] {
        far.send(&invite(headers, &format!("no{status}"), body)).await;
        let m = loop {
            let m = far.hear("SIP/2.0").await;
            if m.status() >= 300 && m.header("Call-ID").starts_with("no") {
                break m;
            }
        };
        assert_eq!(m.status(), status);
        while far.hear_for(Duration::from_millis(1)).await.is_some() {}
    }
    assert_eq!(us.switch.stats().incoming, 1);
}

#[tokio::test]
async fn what_cannot_be_taken_is_answered_with_its_reason() {
    let mut far = Far::new().await;
    let us = Us::with(vec![trunk("t", far.addr)]).await;
    far.peer = Some(us.addr());
    let (here, there) = (us.addr(), far.addr);
    let good = |method: &str, id: &str| {
        format!(
            "{method} sip:x@{here} SIP/2.0\r\nVia: SIP/2.0/UDP {there};rport;branch=z9hG4bKsame\r\nFrom: <sip:s@s>;tag=1\r\n\
             To: <sip:x@x>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\nContact: <sip:far@{there}>\r\nContent-Length: 0\r\n\r\n"
        )
    };
    // one branch for two requests: each has its own answer
    for id in ["one", "two"] {
        far.send(&good("OPTIONS", id)).await;
        let answer = far.hear("SIP/2.0").await;
        assert_eq!((answer.status(), answer.header("Call-ID")), (200, id));
    }
    for (n, (method, from, to, answer)) in [
        ("OPTIONS", "SIP/2.0\r\nVia", "SIP/3.0\r\nVia", "505 Version Not Supported (another version)"),
        ("OPTIONS", "To: <sip:x@x>\r\n", "", "400 Bad Request (no To)"),
        ("OPTIONS", "OPTIONS sip:x@", "OPTIONS http://", "416 Unsupported URI Scheme"),
        ("OPTIONS", "Contact: ", "Require: a, b\r\nContact: ", "420 "),
        ("INVITE", "Contact: ", "X: ", "400 Bad Request (no usable Contact)"),
        ("INVITE", "Contact: ", "Accept: text/x, a/b\r\nContact: ", "406 Not Acceptable"),
        ("INVITE", "Contact: ", "Max-Forwards: 00\r\nContact: ", "483 Too Many Hops"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("bad{n}");
        far.send(&good(method, &id).replace(from, to)).await;
        let got = loop {
            let m = far.hear("SIP/2.0").await;
            // refusals of INVITEs come again until their ACK
            if m.header("Call-ID") == id {
                break m;
            }
        };
        assert!(got.0.starts_with(&format!("SIP/2.0 {answer}")), "{to}: {}", got.0);
    }
    // a malformed ACK or answer has no answer
    far.send(&good("ACK", "ack").replace("CSeq: 1 ACK", "CSeq: 1 INVITE")).await;
    far.send(&good("OPTIONS", "none").replace("Via: SIP/2.0/UDP", "Viaa: SIP/2.0/UDP")).await;
    far.send(&good("OPTIONS", "last")).await;
    loop {
        let m = far.hear("SIP/2.0").await;
        assert!(!["ack", "none"].contains(&m.header("Call-ID")), "{}", m.0);
        if m.header("Call-ID") == "last" {
            break;
        }
    }
    assert!(us.switch.stats().malformed >= 4);
}

#[tokio::test]
async fn strangers_and_floods_get_nothing() {
    let mut far = Far::new().await;
    let mut t = trunk("t", far.addr);
    // The trunk's peer is another host; everything on loopback is a stranger then.
    t.peers = vec!["192.0.2.1".into()];
    let us = Us::with(vec![t]).await;
    far.peer = Some(us.addr());
    let options = |here: SocketAddr, there: SocketAddr, n: u32| {
        format!(
            "OPTIONS sip:x@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bKo{n}\r\nFrom: <sip:s@s>;tag=1\r\n\
             To: <sip:x@x>\r\nCall-ID: o{n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            here, there
        )
    };
    for n in 0..300 {
        far.send(&options(us.addr(), far.addr, n)).await;
        far.send(&options(us.addr(), far.addr, n).replace("OPTIONS", "INVITE")).await;
        far.send("REGISTER rubbish\r\n\r\n").await;
    }
    assert!(far.hear_for(Duration::from_millis(200)).await.is_none());
    let stats = us.switch.stats();
    assert!(stats.guarded > 500 && stats.transactions == 0, "{stats:?}");

    let mut far = Far::new().await;
    let mut c = config(vec![trunk("t", far.addr)]);
    c.flood = FloodLimits { requests_per_s: 5, ..FloodLimits::default() };
    let us = Us::start(c).await;
    far.peer = Some(us.addr());
    for n in 0..100 {
        far.send(&options(us.addr(), far.addr, n).replace("sip:x@", "sip:y@")).await;
    }
    let mut answers = 0;
    while far.hear_for(Duration::from_millis(200)).await.is_some() {
        answers += 1;
    }
    assert!((5..=20).contains(&answers), "{answers}");
}

#[tokio::test]
async fn a_trunk_is_asked_registered_and_told_up_and_down() {
    let mut far = Far::new().await;
    let mut t = trunk("t", far.addr);
    t.options_interval = Some(Duration::from_millis(100));
    t.auth = Some(waybell_switch::Credentials { username: "u".into(), password: "p".into(), realm: None });
    t.register =
        Some(waybell_switch::Registration { aor: "sip:u@far.test".into(), expires: Duration::from_secs(60) });
    let mut c = config(vec![t]);
    c.t1 = Duration::from_millis(5);
    let mut us = Us::start(c).await;
    assert_eq!(us.switch.trunks()[0].unregistered, Some(0), "the registrar has not answered yet");
    let (mut registered, mut up, mut first_contact) = (0, false, String::new());
    while registered < 2 || !up {
        let m = far.hear_for(PATIENCE).await.expect("a request");
        match m.method() {
            "OPTIONS" => far.answer(&m, "200 OK", "o", "", None).await,
            "REGISTER" if m.try_header("Authorization").is_none() => {
                let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256\r\n";
                far.answer(&m, "401 Unauthorized", "o", challenge, None).await;
            }
            "REGISTER" => {
                registered += 1;
                first_contact = m.header("Contact").to_owned();
                let granted = format!("Contact: {first_contact};expires=2\r\n");
                let text = far.answer_text(&m, "200 OK", "o", &granted, None);
                far.send(&text.replace(&format!("Contact: <sip:far@{}>\r\n", far.addr), "")).await;
            }
            other => panic!("{other}"),
        }
        while let Ok(event) = us.events.try_recv() {
            if let EventKind::Trunk { name, up: now } = event.kind {
                assert_eq!(name, "t");
                up = now;
            }
        }
    }
    assert!(first_contact.starts_with("<sip:u@127.0.0.1:"));
    assert_eq!(us.switch.routes(&[]), ["t"]);
    let state = us.switch.trunks().remove(0);
    assert_eq!((state.life, state.unregistered), (waybell_switch::TrunkLife::Up, None));
    drop(far);
    let down = us.until("down", |e| match &e.kind {
        EventKind::Trunk { up, .. } => Some(*up),
        _ => None,
    });
    assert!(!down.await);
    assert_eq!(us.switch.trunks()[0].life, waybell_switch::TrunkLife::Down);
    let _ = UdpSocket::bind("127.0.0.1:0").await;
}
