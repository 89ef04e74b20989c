//! Messages as peers really write them.

use super::{
    digest,
    message::{self, Message, ParseError, Start, Via},
    sdp::Session,
};

#[test]
fn compact_folded_and_sloppy_headers_are_read() {
    let text = "INVITE sip:+8613800000001@10.0.0.1;user=phone SIP/2.0\nv: SIP/2.0/UDP a.example:5070;branch=z9hG4bKa,\n \
                SIP/2.0/TCP b;branch=z9hG4bKb\nf: \"x, <y>\" <sip:a@b>;tag=1\nt:<sip:c@d>\ni: id\nCSeq:  7   INVITE\n\
                k: timer, 100rel\nl: 2\n\nhello";
    let m = Message::parse(text.as_bytes()).unwrap();
    assert_eq!(m.method(), Some("INVITE"));
    assert_eq!(message::uri_user(m.uri().unwrap()), "+8613800000001");
    assert_eq!(m.list("Via").len(), 2);
    assert_eq!(
        m.via().unwrap(),
        Via { host: "a.example".to_owned(), port: Some(5070), branch: "z9hG4bKa".to_owned() }
    );
    assert_eq!((m.caller_tag().as_deref(), m.to_tag(), m.call_id()), (Some("1"), None, "id"));
    assert_eq!(m.cseq(), Some((7, "INVITE".to_owned())));
    assert_eq!(m.list("supported"), ["timer", "100rel"]);
    assert_eq!(m.body, b"he");
}

#[test]
fn via_with_spaces_and_v6() {
    let via = Via::parse("SIP / 2.0 / UDP  [::1]:5060 ; branch = z9hG4bKx ;rport").unwrap();
    assert_eq!((via.host.as_str(), via.port, via.branch.as_str()), ("::1", Some(5060), "z9hG4bKx"));
    assert_eq!(Via::parse("nonsense"), None);
}

#[test]
fn no_message() {
    for bytes in [&b"hello"[..], b"", b"SIP/2.0 abc x", b"SIP/2.0 99 x", b"A B C"] {
        assert_eq!(Message::parse(bytes).map(|m| m.start), Err(ParseError::StartLine));
    }
    assert_eq!(Message::parse(&[0xff, 0xfe]).map(|m| m.start), Err(ParseError::NotText));
    assert_eq!(Message::parse(b"SIP/2.0 200 OK\r\n\r\n").unwrap().start, Start::Response { status: 200 });
}

#[test]
fn uris() {
    assert_eq!(message::uri_user("tel:+86138;phone-context=x"), "+86138");
    assert_eq!(message::uri_user("sip:1234;ext=5@host"), "1234");
    assert_eq!(message::uri_user("sip:host"), "");
    assert_eq!(message::uri_host("sip:a@h:5062;transport=tcp"), Some(("h".to_owned(), Some(5062))));
    assert_eq!(message::uri_host("<"), None);
}

#[test]
fn digest_of_rfc_2617_3_5() {
    let credentials = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, \
        cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let check = |password| {
        digest::verify(
            credentials,
            "GET",
            "Mufasa",
            password,
            "testrealm@host.com",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        )
    };
    assert!(check("Circle Of Life"));
    assert!(!check("Circle of Life"));
    assert_eq!(digest::field("Basic x", "realm"), None);
    assert_eq!(digest::field("Digest realm", "realm"), None);
}

#[test]
fn sessions() {
    let s = Session::parse(
        "v=0\r\nc=IN IP4 1.2.3.4\r\na=sendonly\r\nm=video 9 RTP/AVP 99\r\nm=audio 4000 RTP/AVP 97 8 101\r\n\
         c=IN IP4 5.6.7.8\r\na=rtpmap:101 telephone-event/8000\r\n",
    )
    .unwrap();
    assert_eq!(s.rtp, Some(([5, 6, 7, 8], 4000).into()));
    assert_eq!((s.events, s.codec(Some(0)), s.direction.as_str()), (Some(101), Some(8), "sendonly"));
    assert_eq!(Session::parse("v=0\r\n"), None);
    assert_eq!(Session::parse("m=audio 0 RTP/AVP 8").unwrap().rtp, None);
    assert_eq!(Session::parse("m=audio x y").unwrap().formats, [0u8; 0]);
}
