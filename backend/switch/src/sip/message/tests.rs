use super::*;

fn request(start: &str, extra: &str) -> Vec<u8> {
    format!(
        "{start}\r\nv: SIP/2.0/UDP Far.test:5070;branch=z9hG4bKx;rport\r\nVia: SIP/2.0/TCP b.test\r\n\
         f: \"A, B\" <sip:a@far.test>;tag=1f\r\nTo: <sip:13800001111@us.test>\r\ni: c1@far.test\r\nCSeq: 7 {}\r\n{extra}\
         Content-Length: 0\r\n\r\n",
        start.split(' ').next().expect("method")
    )
    .into_bytes()
}

#[test]
fn compact_names_and_odd_methods_are_read() {
    let m = Message::parse(&request("FLY sip:+86;phone-context=x@us.test;user=phone SIP/2.0", ""))
        .expect("parse");
    assert_eq!(
        m.start,
        Start::Request { method: Method::Unknown, uri: "sip:+86;phone-context=x@us.test;user=phone".into() }
    );
    assert_eq!(m.tag_from(), Some("1f"));
    assert_eq!(m.call_id(), "c1@far.test");
    let via = m.via().expect("via");
    assert_eq!(
        (via.sent_by.as_str(), via.branch.as_deref(), via.rport),
        ("far.test:5070", Some("z9hG4bKx"), true)
    );
}

#[test]
fn an_answer_echoes_and_marks_where_the_request_came_from() {
    let m = Message::parse(&request("OPTIONS sip:us.test SIP/2.0", "Record-Route: <sip:p;lr>\r\n"))
        .expect("parse");
    let out = Response {
        request: &m,
        source: "192.0.2.9:4444".parse().expect("addr"),
        status: 200,
        phrase: "OK",
        to_tag: "tt",
        headers: "Allow: INVITE\r\n",
        body: None,
        server: "w",
    }
    .build();
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains("Via: SIP/2.0/UDP Far.test:5070;branch=z9hG4bKx;rport=4444;received=192.0.2.9\r\nVia: SIP/2.0/TCP b.test\r\n"), "{text}");
    assert!(text.contains("To: <sip:13800001111@us.test>;tag=tt\r\n"));
    assert!(text.contains("Record-Route: <sip:p;lr>\r\n"));
    assert!(
        Message::parse(text.as_bytes()).is_ok_and(|m| matches!(m.start, Start::Response { status: 200, .. }))
    );
}

#[test]
fn rubbish_is_an_error_and_never_a_panic() {
    for bytes in [
        &b"\r\n\r\n"[..],
        b"INVITE\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\n\r\n",
        b"SIP/2.0 99 x\r\nVia: x\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"SIP/2.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ] {
        assert!(Message::parse(bytes).is_err());
    }
}

/// Status and reason of the answer to a message with one thing wrong.
fn fault(change: impl FnOnce(String) -> String) -> Option<(u16, &'static str)> {
    let good = String::from_utf8(request("INVITE sip:a@b SIP/2.0", "Max-Forwards: 70\r\n")).expect("text");
    let malformed = Message::parse(change(good).as_bytes()).err()?;
    malformed.request.is_some().then_some((malformed.status, malformed.why))
}

#[test]
fn what_is_wrong_with_a_request_is_said_with_its_answer() {
    let put = |from: &'static str, to: &'static str| move |m: String| m.replace(from, to);
    for (from, to, status) in [
        ("INVITE sip:a@b SIP/2.0", "INVITE sip:a@b SIP/7.0", 505),
        ("INVITE sip:a@b", "INVITE <sip:a@b>", 400),
        ("INVITE sip:a@b", "INVITE  sip:a@b", 400),
        ("INVITE sip:a@b", "INVITE sip:a@b;lr ;x", 400),
        ("INVITE sip:a@b", "INVITE sip:a@b?Route=x", 400),
        ("branch=z9hG4bKx", ";;,;", 400),
        ("To: <", "To: \"open <", 400),
        ("To: <sip:13800001111@us.test>", "To: <13800001111>", 400),
        ("To: <sip:13800001111@us.test>", "To: <sip:13800001111@us.test>\r\nTo: <sip:x@y>", 400),
        ("i: c1@far.test\r\n", "", 400),
        ("i: c1@far.test\r\n", "i: c1@far.test\r\nCall-ID: c2\r\n", 400),
        ("CSeq: 7 INVITE", "CSeq: 7 BYE", 400),
        ("CSeq: 7 INVITE", "CSeq: 36893488147419103232 INVITE", 400),
        ("Max-Forwards: 70", "Max-Forwards: 300", 400),
        ("Max-Forwards: 70", "Max-Forwards: -1", 400),
        ("Content-Length: 0", "Content-Length: 5", 400),
        ("Content-Length: 0", "Content-Length: -999", 400),
        ("Content-Length: 0", "Content-Length: 0\r\nl: 5", 400),
        ("Content-Length: 0\r\n\r\n", "Content-Length: 0\r\n", 400),
    ] {
        let said = fault(put(from, to));
        assert_eq!(said.map(|s| s.0), Some(status), "{to}: {said:?}");
    }
    // What does no harm is taken as it is meant.
    for (from, to) in [
        ("INVITE sip:a@b SIP/2.0", "INVITE sip:a@b sip/2.0  "),
        ("INVITE sip:a@b", "INVITE sip:crazy?,/;;*@b"),
        (";tag=1f", ""),
        ("f: \"A, B\" <", "f: A, B <"),
        ("f: \"A, B\" <", "f: \"A \\\\\\\" < B\"<"),
        ("To: <sip:", "To: \"BEL:\\\u{7} NUL:\\\u{0}\" < sip:"),
        ("CSeq: 7 INVITE", "cseq: 0007\r\n\tINVITE"),
        ("Content-Length: 0", "Content-Length: 0\r\nl:0"),
    ] {
        let good = request("INVITE sip:a@b SIP/2.0", "Max-Forwards: 70\r\n");
        let changed = put(from, to)(String::from_utf8(good).expect("text"));
        assert!(Message::parse(changed.as_bytes()).is_ok(), "{to}");
    }
    // An ACK is never answered, nor an answer, nor what is no SIP.
    let ack = request("ACK sip:a@b SIP/9.9", "");
    assert!(Message::parse(&ack).err().is_some_and(|m| m.request.is_none()));
    assert!(
        Message::parse(b"GET http://a/ HTTP/1.1\r\nVia: 1/1/x y\r\n\r\n")
            .err()
            .is_some_and(|m| m.request.is_none())
    );
    assert_eq!(
        fault(|m| m.replace("INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK").replace("7 INVITE", "x")),
        None
    );
}

#[test]
fn half_a_line_end_is_not_echoed() {
    let evil = request("OPTIONS sip:a@b SIP/2.0", "Record-Route: <sip:p;lr>\rX: y\r\n");
    assert!(Message::parse(&evil).err().is_some_and(|m| m.request.is_none()));
    let evil = request("OPTIONS sip:a@b SIP/2.0", "Record-Route: <sip:p;lr>\nX: y\r\n");
    assert!(Message::parse(&evil).is_err());
}

#[test]
fn a_backslash_hides_a_quote() {
    let value = r#""J \\\" <sip:no@x>, y" <sip:a@b>;p="x>;tag=no\"";tag=yes, <sip:c>"#;
    let parts: Vec<_> = split_list(value).collect();
    assert_eq!(parts.len(), 2, "{parts:?}");
    assert_eq!((uri_of(parts[0]), param(parts[0], "tag")), ("sip:a@b", Some("yes")));
}

#[test]
fn the_body_is_as_long_as_said_or_what_is_left() {
    let with = |length: &str| {
        let m = String::from_utf8(request("INVITE sip:a@b SIP/2.0", "")).expect("text");
        m.replace("Content-Length: 0\r\n", length) + "abcdef"
    };
    let body = |length| Message::parse(with(length).as_bytes()).map(|m| m.body);
    assert_eq!(body("Content-Length: 4\r\n").expect("shorter"), b"abcd");
    assert_eq!(body("").expect("unsaid"), b"abcdef");
    assert!(body("l: 7\r\n").is_err(), "cut off on the way");
    assert!(body("Content-Length: x\r\n").is_err());
}

#[test]
fn lists_are_cut_outside_quotes_and_brackets() {
    let parts: Vec<_> = split_list("<sip:a,b@c;lr>, \"x,y\" <sip:d>,e").collect();
    assert_eq!(parts, ["<sip:a,b@c;lr>", "\"x,y\" <sip:d>", "e"]);
    assert_eq!(param("<sip:a;tag=no>;x=\"a;tag=b\";tag=yes", "tag"), Some("yes"));
    assert_eq!(uri_of("\"n\" <sip:a@b;x=y>;tag=1"), "sip:a@b;x=y");
    assert_eq!(user_of("sip:+8613;phone-context=1@h:1"), "+8613");
    assert_eq!(user_of("tel:10086;x=y"), "10086");
    assert_eq!(host_of("sip:u@[::1]:5070;lr"), Some(("::1", Some(5070))));
    assert_eq!(host_of("sip:h"), Some(("h", None)));
}

#[test]
fn the_q850_reason_wins() {
    let m = Message::parse(&request(
        "BYE sip:a@b SIP/2.0",
        "Reason: SIP;cause=200;text=\"x\"\r\nReason: Q.850 ;cause=16;text=\"Normal, clearing\"\r\n",
    ))
    .expect("parse");
    assert_eq!(m.reason(), (Some(16), Some("Normal, clearing".into())));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let _ = Message::parse(&bytes);
    }

    #[test]
    fn any_mutation_of_a_message_is_survived(at in 0usize..300, with in proptest::prelude::any::<u8>()) {
        let mut m = request("INVITE sip:a@b SIP/2.0", "Record-Route: <sip:p;lr>\r\nReason: Q.850;cause=1\r\n");
        let n = m.len();
        m[at % n] = with;
        if let Ok(m) = Message::parse(&m) {
            let _ = (m.reason(), m.contact(), m.values("Record-Route"), m.sdp().is_some());
        }
    }
}

#[test]
fn a_contact_with_headers_is_used_without_them() {
    let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\
        Call-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:a?b@host:5062;transport=tcp?Route=%3Csip:x%3E>\r\nContent-Length: 0\r\n\r\n";
    let message = Message::parse(text.as_bytes()).expect("a message");
    assert_eq!(message.contact().as_deref(), Some("sip:a?b@host:5062;transport=tcp"));
}
