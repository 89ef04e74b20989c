//! Two switches on loopback: calls, prompts bit for bit, keys both ways, bridges, hold.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{CALLER, Far, PATIENCE, Us, config, sdp, trunk};
use tokio::net::UdpSocket;
use waybell_switch::{
    Codec, DigitSource, EndHow, EventKind, LegId, Listen, Play, Prompt, Switch, SwitchError, Transport,
    TrunkConfig,
};

/// Two switches that are each other's trunk.
pub(crate) async fn two(change: impl Fn(&mut TrunkConfig)) -> (Us, Us) {
    let (a, b) = (Far::new().await, Far::new().await);
    let (at, bt) = (a.addr, b.addr);
    drop((a, b));
    let make = |peer| {
        let mut t = trunk("t", peer);
        change(&mut t);
        vec![t]
    };
    (Us::listen(at, make(bt)).await, Us::listen(bt, make(at)).await)
}

async fn connected(us: &mut Us, far: &mut Us) -> (LegId, LegId) {
    let (ours, _) = us.call("a1", "13800001111").await;
    let (theirs, told) = far.incoming().await;
    assert_eq!((told.from.as_str(), told.to.as_str()), (CALLER, "13800001111"));
    far.switch.ring(&theirs);
    assert_eq!(us.progress(&ours).await.0, 180);
    far.switch.answer(&theirs);
    us.answered(&ours).await;
    us.switch.confirm(&ours);
    far.answered(&theirs).await;
    (ours, theirs)
}

async fn play_ended(us: &mut Us, leg: &LegId) -> (u64, bool, u32) {
    us.until("end of play", |e| match &e.kind {
        EventKind::PlayEnded { token, completed, played_ms } if e.leg == *leg => {
            Some((*token, *completed, *played_ms))
        }
        _ => None,
    })
    .await
}

#[tokio::test]
async fn keys_go_both_ways_as_events() {
    let (mut us, mut far) = two(|_| {}).await;
    let (ours, theirs) = connected(&mut us, &mut far).await;
    us.switch.send_digits(&ours, "159#");
    for want in "159#".chars() {
        assert_eq!(far.digit(&theirs).await, (want, DigitSource::Rfc4733));
    }
    far.switch.send_digits(&theirs, "0*");
    for want in "0*".chars() {
        assert_eq!(us.digit(&ours).await, (want, DigitSource::Rfc4733));
    }
    far.switch.hang_up(&theirs, None);
    let end = us.ended(&ours).await;
    assert_eq!(end.how, EndHow::RemoteBye);
    assert!(end.rtp.sent > 20 && end.rtp.received > 20 && end.rtp.lost == 0, "{:?}", end.rtp);
    assert_eq!(far.ended(&theirs).await.how, EndHow::LocalBye);
    us.switch.shutdown().await;
    far.switch.shutdown().await;
}

#[tokio::test]
async fn busy_and_giving_up_go_both_ways() {
    let (mut us, mut far) = two(|_| {}).await;
    let (ours, _) = us.call("a1", "1").await;
    let (theirs, _) = far.incoming().await;
    far.switch.reject(&theirs, 486, "Busy Here");
    assert_eq!((us.ended(&ours).await.status, far.ended(&theirs).await.how), (Some(486), EndHow::Refused));

    let (ours, _) = us.call("a2", "1").await;
    let (theirs, _) = far.incoming().await;
    us.switch.cancel(&ours);
    assert_eq!(us.ended(&ours).await.how, EndHow::Cancelled);
    assert_eq!(far.ended(&theirs).await.how, EndHow::Cancelled);

    let (ours, _) = us.call("a3", "1").await;
    let (theirs, _) = far.incoming().await;
    far.switch.hang_up(&theirs, None);
    assert_eq!((us.ended(&ours).await.status, far.ended(&theirs).await.how), (Some(480), EndHow::Refused));
}

/// A far side that records what it hears, packet by packet.
struct Ear {
    far: Far,
    rtp: UdpSocket,
    leg: LegId,
}

async fn heard_call(us: &mut Us, mut far: Far, formats: &str, extra: &str) -> (Ear, u16) {
    let rtp = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    let (leg, _) = us.call("a1", "1").await;
    let invite = far.hear("INVITE").await;
    let port = rtp.local_addr().expect("addr").port();
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(port, formats, extra))).await;
    us.answered(&leg).await;
    us.switch.confirm(&leg);
    far.hear("ACK").await;
    let at = invite.rtp_port();
    (Ear { far, rtp, leg }, at)
}

impl Ear {
    async fn packet(&self) -> Vec<u8> {
        let mut b = vec![0u8; 2048];
        let n =
            tokio::time::timeout(PATIENCE, self.rtp.recv(&mut b)).await.expect("packet").expect("receive");
        b.truncate(n);
        b
    }
}

#[tokio::test]
async fn a_prompt_is_heard_bit_for_bit_in_one_unbroken_stream() {
    for (formats, codec, pt) in [("8 0", Codec::Pcma, 8), ("0 8", Codec::Pcmu, 0)] {
        let far = Far::new().await;
        let mut us = Us::with(vec![trunk("t", far.addr)]).await;
        let (ear, _) = heard_call(&mut us, far, formats, "").await;
        let pcm: Vec<i16> = (0..160 * 12).map(|i| ((i * 7919) % 20_000 - 10_000) as i16).collect();
        let prompt = Prompt::from_pcm("p", &pcm);
        us.switch.play(&ear.leg, Play::once(5, vec![prompt.clone()]));
        let want: Vec<u8> = pcm.iter().map(|s| codec.encode(*s)).collect();
        let (mut heard, mut last): (Vec<u8>, Option<(u16, u32)>) = (Vec::new(), None);
        while heard.len() < want.len() {
            let p = ear.packet().await;
            assert_eq!((p[0], p[1] & 0x7f, p.len()), (0x80, pt, 172));
            let seq = u16::from_be_bytes([p[2], p[3]]);
            let ts = u32::from_be_bytes([p[4], p[5], p[6], p[7]]);
            if let Some((s, t)) = last {
                assert_eq!((seq, ts), (s.wrapping_add(1), t.wrapping_add(160)));
            }
            last = Some((seq, ts));
            if heard.is_empty() && p[12..].iter().all(|b| *b == codec.silence()) {
                continue;
            }
            heard.extend(&p[12..]);
        }
        assert!(heard == want, "{codec:?} differs");
        assert_eq!(play_ended(&mut us, &ear.leg).await, (5, true, 240));
    }
}

#[tokio::test]
async fn plays_are_replaced_stopped_and_ended_by_keys_and_by_the_end() {
    let (mut us, mut far) = two(|_| {}).await;
    let (ours, theirs) = connected(&mut us, &mut far).await;
    let long: Arc<Prompt> = Prompt::from_pcm("long", &[500; 8000 * 30]);
    us.switch.play(&ours, Play::once(1, vec![long.clone()]));
    us.switch.play(&ours, Play { stop_on_digit: true, ..Play::once(2, vec![long.clone()]) });
    let (token, completed, _) = play_ended(&mut us, &ours).await;
    assert_eq!((token, completed), (1, false));
    far.switch.send_digits(&theirs, "3");
    assert_eq!(us.digit(&ours).await.0, '3');
    assert_eq!(play_ended(&mut us, &ours).await.0, 2);
    us.switch.play(&ours, Play::once(3, vec![long.clone()]));
    us.switch.stop_play(&ours);
    assert_eq!(play_ended(&mut us, &ours).await.0, 3);
    us.switch.play(&ours, Play::once(4, vec![long]));
    us.switch.hang_up(&ours, None);
    let (token, completed, _) = play_ended(&mut us, &ours).await;
    assert_eq!((token, completed), (4, false));
    us.ended(&ours).await;
    far.ended(&theirs).await;
}

#[tokio::test]
async fn keys_as_tones_are_found_where_events_were_not_agreed() {
    let far = Far::new().await;
    let mut us = Us::with(vec![trunk("t", far.addr)]).await;
    let (ear, port) = heard_call(&mut us, far, "8", "").await;
    let mut pcm = vec![0i16; 800];
    for key in "90".chars() {
        pcm.extend(waybell_switch::media::tone::dtmf(key, 80));
        pcm.extend([0i16; 800]);
    }
    for (i, frame) in pcm.chunks(160).enumerate() {
        let mut p = vec![0x80, 8, 0, i as u8, 0, 0, 0, 0, 0, 0, 0, 9];
        p[4..8].copy_from_slice(&(i as u32 * 160).to_be_bytes());
        p.extend(frame.iter().map(|s| Codec::Pcma.encode(*s)));
        ear.rtp.send_to(&p, ("127.0.0.1", port)).await.expect("send");
        tokio::time::sleep(Duration::from_millis(6)).await;
    }
    for want in "90".chars() {
        assert_eq!(us.digit(&ear.leg).await, (want, DigitSource::InBand));
    }
    // And the other way: tones are sent.
    us.switch.send_digits(&ear.leg, "7");
    let mut loud = 0;
    while loud < 5 {
        let p = ear.packet().await;
        loud += usize::from(p[1] & 0x7f == 8 && p[40] != 0xd5);
    }
    drop(ear.far);
}

#[tokio::test]
async fn sound_of_others_is_not_taken() {
    let far = Far::new().await;
    let mut us = Us::with(vec![trunk("t", far.addr)]).await;
    let (ear, port) = heard_call(&mut us, far, "8 101", common::EVENTS).await;
    let event = |key: u8, ts: u8| vec![0x80, 101, 0, 1, 0, 0, 0, ts, 0, 0, 0, 9, key, 10, 0, 160];
    ear.rtp.send_to(&event(1, 1), ("127.0.0.1", port)).await.expect("send");
    assert_eq!(us.digit(&ear.leg).await.0, '1');
    let stranger = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    for _ in 0..20 {
        stranger.send_to(&event(2, 2), ("127.0.0.1", port)).await.expect("send");
    }
    ear.rtp.send_to(&event(3, 3), ("127.0.0.1", port)).await.expect("send");
    assert_eq!(us.digit(&ear.leg).await.0, '3', "the stranger's 2 is not heard");
    us.switch.hang_up(&ear.leg, None);
}

#[tokio::test]
async fn two_legs_are_bridged_with_different_codecs_and_keys() {
    for threads in [1, 2] {
        let (a, b) = (Far::new().await, Far::new().await);
        let mut ta = trunk("t", a.addr);
        ta.channels = 2;
        let mut c = config(vec![ta, trunk("b", b.addr)]);
        c.media_threads = threads;
        let mut us = Us::start(c).await;
        let (x, _) = heard_call(&mut us, a, "8 101", common::EVENTS).await;
        // The second leg on the other trunk, with the other law and other event type.
        let rtp = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let record = us
            .switch
            .draft(waybell_switch::Draft {
                attempt: "b1",
                route_no: 0,
                trunk: "b",
                caller: CALLER,
                callee: "2",
                headers: vec![],
            })
            .expect("draft");
        let permit = us.switch.try_permits("b", 1).pop().expect("permit");
        let leg = us.switch.place(record, permit);
        let mut b = b;
        let invite = b.hear("INVITE").await;
        let port = rtp.local_addr().expect("addr").port();
        let body = sdp(port, "0 97", "a=rtpmap:97 telephone-event/8000\r\n");
        b.answer(&invite, "200 OK", "ft", "", Some(&body)).await;
        us.answered(&leg).await;
        assert_eq!(us.switch.bridge(&x.leg, &leg), Err(SwitchError::BadState("no media yet")));
        us.switch.confirm(&leg);
        b.hear("ACK").await;
        let y = Ear { far: b, rtp, leg };
        while us.switch.bridge(&x.leg, &y.leg).is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(us.switch.bridge(&x.leg, &y.leg), Err(SwitchError::BadState("in a bridge")));
        let x_port = x.far.peer.expect("peer");
        assert_eq!(x_port, us.addr());
        // Each hears the other in its own law, event types mapped.
        let from_x = x.packet().await;
        let from_y = y.packet().await;
        let (to_x, to_y) = (rtp_of(&x, &from_x).await, rtp_of(&y, &from_y).await);
        let mut seq = 0u8;
        let mut last = None;
        for _ in 0..200 {
            seq += 1;
            let mut p = vec![0x80, 8, 0, seq, 0, 0, seq, 0, 0, 0, 0, 5];
            p.extend([Codec::Pcma.encode(9000); 160]);
            x.rtp.send_to(&p, to_x).await.expect("send");
            let mut b = [0u8; 300];
            if let Ok(Ok(n)) = tokio::time::timeout(Duration::from_millis(30), y.rtp.recv(&mut b)).await
                && n == 172
                && b[12] == Codec::Pcmu.encode(Codec::Pcma.decode(Codec::Pcma.encode(9000)))
            {
                last = Some(b[1] & 0x7f);
                break;
            }
        }
        assert_eq!(last, Some(0), "A-law became µ-law, {threads} threads");
        y.rtp.send_to(&[0x80, 101, 0, 1, 0, 0, 0, 9, 0, 0, 0, 5, 4, 10, 0, 160], to_y).await.expect("send");
        assert_eq!(us.digit(&y.leg).await.0, '4', "keys are told in a bridge");
        let mut got = None;
        for _ in 0..100 {
            let p = x.packet().await;
            if p.len() == 16 {
                got = Some((p[1] & 0x7f, p[12]));
                break;
            }
        }
        assert_eq!(got, Some((101, 4)));
        us.switch.unbridge(&x.leg);
        us.switch.hang_up(&y.leg, None);
        us.switch.hang_up(&x.leg, None);
        us.switch.shutdown().await;
    }
}

/// Where packets of the switch to `ear` come from.
async fn rtp_of(ear: &Ear, _first: &[u8]) -> std::net::SocketAddr {
    let mut b = [0u8; 300];
    ear.rtp.recv_from(&mut b).await.expect("receive").1
}

#[tokio::test]
async fn tcp_and_tls_carry_calls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().expect("dir");
    let key = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("certificate");
    let (cert_path, key_path) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    std::fs::write(&cert_path, key.cert.pem()).expect("write");
    std::fs::write(&key_path, key.signing_key.serialize_pem()).expect("write");
    for transport in [Transport::Tcp, Transport::Tls] {
        let ports: Vec<_> = {
            let a = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
            let b = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
            vec![a.local_addr().expect("addr"), b.local_addr().expect("addr")]
        };
        let make = |mine: usize| {
            let mut t = trunk("t", ports[1 - mine]);
            t.transport = transport;
            t.tls_ca = Some(cert_path.clone());
            t.tls_name = Some("localhost".into());
            let mut c = config(vec![t]);
            c.listen = vec![Listen {
                transport,
                addr: ports[mine],
                tls_cert: Some(cert_path.clone()),
                tls_key: Some(key_path.clone()),
            }];
            c
        };
        let mut us = Us::start(make(0)).await;
        // The far side is not there yet: certainly nothing was sent.
        let (leg, _) = us.call("a0", "1").await;
        let end = us.ended(&leg).await;
        assert_eq!((end.how, end.sent), (EndHow::TransportFailed, false), "{transport:?}");
        let mut far = Us::start(make(1)).await;
        let (ours, theirs) = connected(&mut us, &mut far).await;
        us.switch.send_digits(&ours, "8");
        assert_eq!(far.digit(&theirs).await.0, '8');
        us.switch.hang_up(&ours, None);
        assert_eq!(us.ended(&ours).await.how, EndHow::LocalBye);
        assert_eq!(far.ended(&theirs).await.how, EndHow::RemoteBye);
        us.switch.shutdown().await;
        far.switch.shutdown().await;
        // Bound again at once.
        let (again, _events) = Switch::start(make(0)).await.expect("bind again");
        again.shutdown().await;
    }
}

#[tokio::test]
async fn sound_from_behind_nat_is_followed_after_a_few_packets() {
    let far = Far::new().await;
    let mut us = Us::with(vec![trunk("t", far.addr)]).await;
    let (ear, port) = heard_call(&mut us, far, "8", "").await;
    let behind = UdpSocket::bind("127.0.0.2:0").await.expect("bind");
    let mut heard = None;
    for seq in 0..100u8 {
        let mut p = vec![0x80, 8, 0, seq, 0, 0, seq, 0, 0, 0, 0, 9];
        p.extend([0xd5; 160]);
        behind.send_to(&p, ("127.0.0.1", port)).await.expect("send");
        let mut b = [0u8; 300];
        if let Ok(Ok((n, from))) =
            tokio::time::timeout(Duration::from_millis(30), behind.recv_from(&mut b)).await
        {
            heard = Some((n, from.port()));
            assert!(seq >= 4, "not at the first packet");
            break;
        }
    }
    assert_eq!(heard, Some((172, port)));
    drop(ear);
}

#[tokio::test]
async fn a_leg_that_falls_silent_is_ended() {
    let far = Far::new().await;
    let mut c = config(vec![trunk("t", far.addr)]);
    c.media_timeout = Some(Duration::from_millis(300));
    let mut us = Us::start(c).await;
    let (mut ear, port) = heard_call(&mut us, far, "8", "").await;
    let mut p = vec![0x80, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
    p.extend([0xd5; 160]);
    ear.rtp.send_to(&p, ("127.0.0.1", port)).await.expect("send");
    let bye = ear.far.hear("BYE").await;
    ear.far.answer(&bye, "200 OK", "", "", None).await;
    let end = us.ended(&ear.leg).await;
    assert_eq!((end.how, end.rtp.received), (EndHow::MediaTimeout, 1));
}

#[tokio::test]
async fn a_drain_takes_nothing_new_and_waits_for_the_rest() {
    let (mut us, mut far) = two(|_| {}).await;
    let (ours, theirs) = connected(&mut us, &mut far).await;
    assert_eq!(us.switch.drain(Duration::from_millis(50)).await, 1, "one is left at the deadline");
    assert!(us.switch.try_permits("t", 1).is_empty());
    let (refused, _) = far.call("b1", "1").await;
    assert_eq!(far.ended(&refused).await.status, Some(503));
    let switch = us.switch.clone();
    let drained = tokio::spawn(async move { switch.drain(PATIENCE).await });
    far.switch.hang_up(&theirs, None);
    us.ended(&ours).await;
    assert_eq!(drained.await.expect("task"), 0);
}

#[tokio::test]
async fn channels_bound_the_calls_and_are_free_again_at_the_end() {
    let mut far = Far::new().await;
    let mut t = trunk("t", far.addr);
    t.channels = 2;
    let mut us = Us::with(vec![t]).await;
    let (a, _) = us.call("a", "1").await;
    let (_b, _) = us.call("b", "1").await;
    assert!(us.switch.try_permits("t", 1).is_empty());
    let invite = loop {
        let m = far.hear("INVITE").await;
        if m.header("Call-ID") == a.as_str() {
            break m;
        }
    };
    far.answer(&invite, "486 Busy", "x", "", None).await;
    us.ended(&a).await;
    tokio::time::timeout(PATIENCE, us.switch.permit_ready("t")).await.expect("a channel is free");
    assert_eq!(us.switch.try_permits("t", 5).len(), 1);
}
