//! The registrar without sockets: telephones that are good, old, wrong, and not telephones at all.

use std::sync::Arc;

use super::*;
use crate::config::{Credentials, DigestHash, PhoneAccounts};
use crate::sip::digest::Challenge;
use digest::ha1;

const REALM: &str = "waybell";

/// Users whose password is `secret-` and their name.
#[derive(Debug)]
struct Book;

impl PhoneAccounts for Book {
    fn ha1(&self, user: &str, realm: &str, hash: DigestHash) -> Option<String> {
        let there = user.starts_with('d');
        there.then(|| ha1(hash, user, realm, &format!("secret-{user}")))
    }
}

struct Room {
    registrar: Registrar,
    now: Instant,
    cseq: u32,
}

fn over(transport: Transport, port: u16) -> Target {
    let flow = if transport == Transport::Udp { Flow::Listener(0) } else { Flow::Conn(u64::from(port)) };
    Target { transport, dest: SocketAddr::from(([192, 0, 2, 7], port)), flow }
}

fn udp(port: u16) -> Target {
    over(Transport::Udp, port)
}

impl Room {
    fn new() -> Self {
        let now = Instant::now();
        let config = Phones { contacts: 50, ..Phones::new(Arc::new(Book), REALM) };
        Self { registrar: Registrar::new(config, &[1; 32], now), now, cseq: 0 }
    }

    fn raw(&mut self, user: &str, more: &str) -> Message {
        self.cseq += 1;
        let text = format!(
            "REGISTER sip:waybell SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bK{n}\r\n\
             From: <sip:{user}@waybell>;tag=f\r\nTo: <sip:{user}@waybell>\r\nCall-ID: c-{user}\r\n\
             CSeq: {n} REGISTER\r\n{more}Content-Length: 0\r\n\r\n",
            n = self.cseq
        );
        Message::parse(text.as_bytes()).expect("a message")
    }

    fn send(&mut self, message: &Message, source: Target) -> Verdict {
        self.registrar.register(message, source, self.now)
    }

    /// Asks, and answers the challenge with this password.
    fn with(&mut self, user: &str, password: &str, more: &str, source: Target) -> Verdict {
        let asked = self.raw(user, more);
        let Verdict::Refuse(401, headers) = self.send(&asked, source) else { return Verdict::Drop };
        let line = headers.lines().next().and_then(|l| l.split_once(": ")).map(|l| l.1).unwrap_or_default();
        let who = Credentials { username: user.into(), password: password.into(), realm: Some(REALM.into()) };
        let value = Challenge::parse(line).expect("a challenge").answer(&who, "REGISTER", "sip:waybell", "x");
        let message = self.raw(user, &format!("{more}Authorization: {value}\r\n"));
        self.send(&message, source)
    }

    fn good(&mut self, user: &str, more: &str, source: Target) -> (String, Vec<Change>) {
        match self.with(user, &format!("secret-{user}"), more, source) {
            Verdict::Take(headers, changes) => (headers, changes),
            other => panic!("{more:?}: {other:?}"),
        }
    }

    fn refused(&mut self, user: &str, more: &str) -> u16 {
        match self.with(user, &format!("secret-{user}"), more, udp(4000)) {
            Verdict::Refuse(status, _) => status,
            other => panic!("{more:?}: {other:?}"),
        }
    }

    fn there(&self, user: &str) -> Vec<PhoneContact> {
        self.registrar.of(&[user.to_owned()], self.now)
    }
}

const HERE: &str = "Contact: <sip:d1@10.0.0.2:5060>\r\nExpires: 60\r\n";

#[test]
fn a_telephone_registers_stays_and_goes() {
    let mut room = Room::new();
    let (headers, changes) = room.good("d1", HERE, udp(4000));
    assert_eq!(headers, "Contact: <sip:d1@10.0.0.2:5060>;expires=60\r\n");
    assert!(matches!(changes[..], [Change::Came(_)]), "{changes:?}");
    let there = room.there("d1");
    assert_eq!((there.len(), there[0].source.port()), (1, 4000), "where it really is, not what it says");
    assert!(room.registrar.has_flow(udp(4000)) && !room.registrar.has_flow(udp(4001)));
    room.now += Duration::from_secs(50);
    let (_, changes) = room.good("d1", HERE, udp(4000));
    assert!(matches!(changes[..], [Change::Stays(_)]), "{changes:?}");
    room.now += Duration::from_secs(20);
    let (_, changes) = room.good("d1", HERE, udp(4001));
    assert!(matches!(&changes[..], [Change::Came(c)] if c.source.port() == 4001), "{changes:?}");
    assert!(!room.registrar.has_flow(udp(4000)));
    let (headers, changes) = room.good("d1", "Contact: <sip:d1@10.0.0.2:5060>;expires=0\r\n", udp(4001));
    assert!(headers.is_empty() && matches!(changes[..], [Change::Left(_, PhoneGone::Unregistered)]));
    room.good("d1", HERE, udp(4001));
    room.now += Duration::from_secs(61);
    assert!(room.there("d1").is_empty());
    let (changes, _) = room.registrar.tick(room.now);
    assert!(matches!(changes[..], [Change::Left(_, PhoneGone::Expired)]), "{changes:?}");
    assert_eq!(room.registrar.count(), 0);
}

#[test]
fn nobody_registers_with_a_wrong_password_or_for_somebody_else() {
    let mut room = Room::new();
    for (user, password) in [("d1", "wrong"), ("nobody", "secret-nobody")] {
        let refused = room.with(user, password, HERE, udp(4000));
        assert_eq!(refused, Verdict::Refuse(403, String::new()), "the same, whoever is there");
    }
    assert_eq!(room.registrar.count(), 0);
    // the right credentials under another's name
    let asked = room.raw("d2", HERE);
    let Verdict::Refuse(401, headers) = room.send(&asked, udp(4000)) else { panic!() };
    let line = headers.lines().next().and_then(|l| l.split_once(": ")).map(|l| l.1).unwrap_or_default();
    let who = Credentials { username: "d1".into(), password: "secret-d1".into(), realm: None };
    let value = Challenge::parse(line).expect("challenge").answer(&who, "REGISTER", "sip:waybell", "x");
    let message = room.raw("d2", &format!("{HERE}Authorization: {value}\r\n"));
    assert_eq!(room.send(&message, udp(4000)), Verdict::Refuse(403, String::new()));
    // and the very same message again, heard on the wire
    let Verdict::Refuse(401, headers) = room.send(&message, udp(4000)) else { panic!() };
    assert!(headers.contains("stale=true"), "{headers}");
    // or from another address
    let elsewhere = Target { dest: SocketAddr::from(([192, 0, 2, 8], 4000)), ..udp(4000) };
    assert!(matches!(room.send(&message, elsewhere), Verdict::Refuse(401, _)));
}

#[test]
fn wrong_passwords_are_answered_later_and_later() {
    let mut room = Room::new();
    let mut answered = 0;
    for _ in 0..600 {
        answered += u32::from(room.with("d1", "guess", HERE, udp(4000)) != Verdict::Drop);
        room.now += Duration::from_secs(1);
    }
    assert!(answered < 14, "{answered} guesses in ten minutes");
    assert!(matches!(room.with("d2", "secret-d2", HERE, udp(4000)), Verdict::Take(..)), "a neighbour");
}

#[test]
fn times_are_bounded() {
    let mut room = Room::new();
    let (headers, _) = room.good("d1", "Contact: <sip:d1@a>\r\nExpires: 999999999999\r\n", udp(1));
    assert!(headers.contains("expires=120"), "{headers}");
    let (headers, _) = room.good("d1", "Contact: <sip:d1@a>\r\n", udp(1));
    assert!(headers.contains("expires=120"), "{headers}");
    assert_eq!(room.refused("d1", "Contact: <sip:d1@a>;expires=29\r\n"), 423);
    let (headers, _) = room.good("d1", "Contact: <sip:d1@a>;expires=soon\r\nExpires: 40\r\n", udp(1));
    assert!(headers.contains("expires=40"), "{headers}");
}

#[test]
fn an_older_request_changes_nothing() {
    let mut room = Room::new();
    room.good("d1", HERE, udp(4000));
    room.cseq = 0;
    assert_eq!(room.refused("d1", HERE), 500);
    let (_, changes) = room.good("d1", "Contact: *\r\nExpires: 0\r\n", udp(4000));
    assert!(matches!(changes[..], [Change::Left(..)]), "its number is higher again: {changes:?}");
}

#[test]
fn several_contacts_and_all_of_them_gone() {
    let mut room = Room::new();
    for n in 1..=5u16 {
        room.good("d1", &format!("Contact: <sip:d1@10.0.0.{n}>;q=0.{n}\r\n"), udp(4000 + n));
        room.now += Duration::from_secs(1);
    }
    let there = room.there("d1");
    let sources: Vec<u16> = there.iter().map(|c| c.source.port()).collect();
    assert_eq!(sources, [4005, 4004, 4003, 4002], "the preferred first; the oldest made room");
    let (_, changes) =
        room.good("d1", "Contact: <sip:d1@10.0.0.2>;expires=0, <sip:x@10.0.0.9>\r\n", udp(4009));
    assert!(matches!(changes[..], [Change::Left(..), Change::Came(_)]), "{changes:?}");
    for bad in ["Contact: *\r\n", "Contact: *\r\nExpires: 60\r\n", "Contact: *, <sip:a@b>\r\nExpires: 0\r\n"]
    {
        assert_eq!(room.refused("d1", bad), 400, "{bad}");
    }
    let (headers, changes) = room.good("d1", "Contact: *\r\nExpires: 0\r\n", udp(4009));
    assert!(headers.is_empty());
    assert_eq!((changes.len(), room.registrar.count()), (4, 0));
}

#[test]
fn the_same_telephone_by_another_way_takes_its_own_place() {
    let mut room = Room::new();
    let contact =
        |host: &str| format!("Contact: <sip:d1@{host}>;+sip.instance=\"<urn:uuid:0000>\";reg-id=1\r\n");
    room.good("d1", &contact("10.0.0.2"), udp(4000));
    room.good("d1", &contact("10.8.0.3"), over(Transport::Tls, 4100));
    let there = room.there("d1");
    assert_eq!((there.len(), there[0].uri.as_str()), (1, "sip:d1@10.8.0.3"));
    assert_eq!(room.registrar.flow(Transport::Tls, there[0].source), Some(Flow::Conn(4100)));
    assert_eq!(room.registrar.flow(Transport::Udp, udp(4000).dest), None);
    let gone = room.registrar.flow_closed(4100, room.now);
    assert!(matches!(gone[..], [Change::Left(_, PhoneGone::Broken)]), "{gone:?}");
}

#[test]
fn datagram_contacts_are_asked_and_go_when_silent() {
    let mut room = Room::new();
    room.good("d1", HERE, udp(4000));
    room.good("d2", "Contact: <sip:d2@a>\r\n", over(Transport::Tcp, 4001));
    assert!(room.registrar.tick(room.now).1.is_empty());
    room.now += Duration::from_secs(25);
    let (_, asked) = room.registrar.tick(room.now);
    let [(user, id, uri, target)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((user.as_str(), uri.as_str(), target.dest.port()), ("d1", "sip:d1@10.0.0.2:5060", 4000));
    assert!(room.registrar.tick(room.now).1.is_empty(), "not twice");
    let mut later = *id;
    // it has registered anew since: what was asked of the old one says nothing
    room.good("d1", HERE, udp(4002));
    assert!(room.registrar.silent("d1", later, room.now).is_empty());
    room.now += Duration::from_secs(25);
    for (_, id, ..) in room.registrar.tick(room.now).1 {
        later = id;
    }
    let gone = room.registrar.silent("d1", later, room.now);
    assert!(matches!(gone[..], [Change::Left(_, PhoneGone::Silent)]), "{gone:?}");
}

#[test]
fn a_user_who_is_forgotten_is_gone_at_once() {
    let mut room = Room::new();
    room.good("d1", HERE, udp(4000));
    let gone = room.registrar.forget("d1", room.now);
    assert!(matches!(gone[..], [Change::Left(_, PhoneGone::Forgotten)]), "{gone:?}");
    assert!(room.there("d1").is_empty() && !room.registrar.has_flow(udp(4000)));
}

#[test]
fn the_memory_is_bounded() {
    let mut room = Room::new();
    let mut taken = 0;
    for n in 0..80 {
        let user = format!("d{n}");
        let contact = format!("Contact: <sip:{user}@a>\r\n");
        match room.with(&user, &format!("secret-{user}"), &contact, udp(2000 + n)) {
            Verdict::Take(..) => taken += 1,
            Verdict::Refuse(503, _) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((taken, room.registrar.count()), (50, 50));
    room.now += Duration::from_secs(121);
    room.good("d79", "Contact: <sip:d79@a>\r\n", udp(9));
    assert_eq!(room.registrar.count(), 1, "those that have expired make room");
}

#[test]
fn ten_thousand_scanners_leave_nothing() {
    let mut room = Room::new();
    for n in 0..10_000u32 {
        let message = room.raw(&format!("{}", 100 + n), HERE);
        let source = Target { dest: SocketAddr::from((n.to_be_bytes(), 5060)), ..udp(5060) };
        assert!(matches!(room.send(&message, source), Verdict::Refuse(401, _)));
    }
    assert_eq!((room.registrar.count(), room.registrar.nonces.remembered()), (0, 0));
}

#[test]
fn what_is_no_address_is_refused_and_changes_nothing() {
    let mut room = Room::new();
    for bad in [
        "Contact: <mailto:d1@a>\r\n",
        "Contact: <sip:>\r\n",
        "Contact: d1\r\n",
        "Contact: <sip:d1@a b>\r\n",
        "Contact: <sip:a@b>, <sip:c@d>, <sip:e@f>, <sip:g@h>, <sip:i@j>\r\n",
        &format!("Contact: <sip:{}@a>\r\n", "x".repeat(600)),
    ] {
        assert_eq!(room.refused("d1", bad), 400, "{bad}");
    }
    assert_eq!(room.registrar.count(), 0);
}

proptest::proptest! {
    #[test]
    fn whatever_a_contact_says_is_survived(
        contacts in proptest::collection::vec("[<>a-z0-9:;=,@\"*. \\\\-]{0,60}", 1..4),
        expires in "[0-9a-z -]{0,12}",
    ) {
        let mut room = Room::new();
        let lines: String = contacts.iter().map(|c| format!("Contact: {c}\r\n")).collect();
        let more = format!("{lines}Expires: {expires}\r\n");
        let _ = room.with("d1", "secret-d1", &more, udp(4000));
        proptest::prop_assert!(room.registrar.count() <= 4);
        for contact in room.there("d1") {
            proptest::prop_assert!(!contact.uri.contains([' ', '\r', '\n', '<', '>']));
        }
        room.now += Duration::from_secs(121);
        room.registrar.tick(room.now);
        proptest::prop_assert_eq!(room.registrar.count(), 0);
        proptest::prop_assert!(room.registrar.contacts.is_empty());
    }
}

#[test]
fn a_telephone_that_does_not_answer_the_better_hash_is_offered_the_other_alone() {
    let mut room = Room::new();
    let offered = |room: &mut Room| {
        let message = room.raw("d1", HERE);
        let Verdict::Refuse(401, headers) = room.send(&message, udp(4000)) else { panic!() };
        headers.lines().map(|l| l.contains("SHA-256")).collect::<Vec<bool>>()
    };
    assert_eq!(offered(&mut room), [true, false]);
    assert_eq!(offered(&mut room), [false], "it came back without an answer");
    room.now += Duration::from_secs(601);
    assert_eq!(offered(&mut room), [true, false]);
    // whoever answers it is offered it again
    room.now += Duration::from_secs(601);
    room.good("d1", HERE, udp(4000));
    assert_eq!(offered(&mut room), [true, false]);
}

#[test]
fn an_answer_with_a_hash_that_is_not_offered_is_none() {
    let mut room = Room::new();
    let both = std::mem::replace(&mut room.registrar.config.hashes, vec![DigestHash::Md5]);
    let asked = room.raw("d1", HERE);
    let Verdict::Refuse(401, headers) = room.send(&asked, udp(4000)) else { panic!() };
    let line = headers.lines().next().and_then(|l| l.split_once(": ")).map(|l| l.1).unwrap();
    let who = Credentials { username: "d1".into(), password: "secret-d1".into(), realm: Some(REALM.into()) };
    let value = Challenge::parse(line).unwrap().answer(&who, "REGISTER", "sip:waybell", "x");
    let proof = room.raw("d1", &format!("{HERE}Authorization: {value}\r\n"));
    room.registrar.config.hashes = vec![DigestHash::Sha256];
    let Verdict::Refuse(401, again) = room.send(&proof, udp(4000)) else { panic!() };
    assert!(again.contains("SHA-256") && !again.contains("MD5") && room.there("d1").is_empty());
    room.registrar.config.hashes = both;
    assert!(matches!(room.send(&proof, udp(4000)), Verdict::Take(..)), "where it is offered it is one");
}
