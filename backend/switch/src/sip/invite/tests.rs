use super::*;
use crate::sip::message::{Method, Start};

fn trunk() -> TrunkConfig {
    let mut t = TrunkConfig::new("t", vec!["carrier.test".into()]);
    t.caller_ids = vec!["+862160000000".into()];
    t
}

fn draft<'a>(attempt: &'a str, route_no: u32, callee: &'a str) -> Draft<'a> {
    Draft {
        attempt,
        route_no,
        trunk: "t",
        caller: "+862160000000",
        callee,
        headers: vec![("X-Batch".into(), "7".into())],
    }
}

fn make(attempt: &str, route_no: u32) -> InviteRecord {
    let t = trunk();
    let way = Way {
        trunk: &t,
        peer: "carrier.test:5070",
        destination: "192.0.2.1:5070".parse().expect("addr"),
        sent_by: "198.51.100.1:5060".into(),
        media_ip: IpAddr::from([198, 51, 100, 1]),
        rtp_port: 20_002,
        user_agent: "w",
        call_id_suffix: "waybell",
    };
    record(&draft(attempt, route_no, "13800001111"), &way)
}

#[test]
fn the_same_attempt_makes_the_same_bytes_and_another_does_not() {
    assert_eq!(make("a1", 0), make("a1", 0));
    let (a, b, c) = (make("a1", 0), make("a1", 1), make("a2", 0));
    for other in [&b, &c] {
        assert_ne!(a.call_id, other.call_id);
        assert_ne!(a.from_tag, other.from_tag);
        assert_ne!(a.branch, other.branch);
    }
}

#[test]
fn the_record_agrees_with_its_text() {
    let r = make("a1", 0);
    let m = Message::parse(r.request.as_bytes()).expect("parse");
    assert_eq!(
        m.start,
        Start::Request { method: Method::Invite, uri: "sip:13800001111@carrier.test:5070".into() }
    );
    assert_eq!(
        (m.call_id(), m.tag_from(), m.tag_to()),
        (r.call_id.as_str(), Some(r.from_tag.as_str()), None)
    );
    let via = m.via().expect("via");
    assert_eq!((via.sent_by, via.branch), (r.sent_by.clone(), Some(r.branch.clone())));
    assert_eq!(m.cseq(), Some((r.cseq, Method::Invite)));
    assert_eq!(m.header("X-Batch"), Some("7"));
    let sdp = super::super::sdp::parse(m.sdp().expect("sdp")).expect("sdp");
    assert_eq!(sdp.addr.to_string(), "198.51.100.1:20002");
    assert_eq!(r.leg().as_str(), r.call_id);
}

#[test]
fn a_probe_differs_only_by_its_two_headers() {
    let r = make("a1", 0);
    let probe = String::from_utf8(Text::new(&r.request).probe().bytes()).expect("text");
    let without: Vec<_> = probe.split("\r\n").filter(|l| !l.ends_with(PROBE_OPTION)).collect();
    assert_eq!(without.join("\r\n"), r.request);
    assert_eq!(probe.matches(PROBE_OPTION).count(), 2);
    assert_eq!(Text::new(&r.request).bytes(), r.request.as_bytes());
}

#[test]
fn cancel_and_ack_are_in_the_transaction_of_the_invite() {
    let r = make("a1", 0);
    let text = Text::new(&r.request);
    let cancel = Message::parse(&text.cancel(Some("Q.850;cause=19"))).expect("cancel");
    assert_eq!(cancel.via().and_then(|v| v.branch), Some(r.branch.clone()));
    assert_eq!(cancel.cseq(), Some((1, Method::Cancel)));
    assert_eq!((cancel.tag_to(), cancel.tag_from()), (None, Some(r.from_tag.as_str())));
    assert_eq!(cancel.reason().0, Some(19));
    let busy = "SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP x;branch=z\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\
                Call-ID: x\r\nCSeq: 1 INVITE\r\n\r\n";
    let ack = text.ack_refusal(&Message::parse(busy.as_bytes()).expect("busy"));
    let ack = Message::parse(&ack).expect("ack");
    assert_eq!((ack.tag_to(), ack.cseq()), (Some("2"), Some((1, Method::Ack))));
}

#[test]
fn unauthorised_callers_and_bad_text_are_refused() {
    let t = trunk();
    let mut d = draft("a", 0, "13800001111");
    assert_eq!(check(&d, &t), Ok(()));
    d.caller = "+8612345";
    assert!(matches!(check(&d, &t), Err(SwitchError::CallerNotAuthorised { .. })));
    for callee in ["", "1 2", "1\r\nX: y", "a@b", "1;x"] {
        assert!(
            matches!(check(&draft("a", 0, callee), &t), Err(SwitchError::BadText("callee", _))),
            "{callee:?}"
        );
    }
    let mut d = draft("a", 0, "1");
    for (name, value) in [("Via", "x"), ("X Y", "z"), ("X-A", "b\r\nVia: c"), ("i", "x")] {
        d.headers = vec![(name.into(), value.into())];
        assert!(matches!(check(&d, &t), Err(SwitchError::BadText(..))), "{name}");
    }
}

#[test]
fn a_hash_key_is_escaped() {
    assert_eq!(escape("*21#"), "*21%23");
}

#[test]
fn only_datagrams_ask_for_the_port_that_they_came_from() {
    assert_eq!(via("UDP", "192.0.2.1:5060", "z9hG4bKx"), "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKx");
    assert_eq!(via("TCP", "192.0.2.1:5060", "z9hG4bKx"), "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKx");
    assert_eq!(via("TLS", "192.0.2.1:5061", "z9hG4bKx"), "SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bKx");
}
