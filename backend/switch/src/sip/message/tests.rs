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
    assert!(Message::parse(text.as_bytes()).expect("own answer").is_response());
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
    assert!(Message::parse(&request("INVITE sip:a@b SIP/1.0", "")).is_err());
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
