//! After a crash: the same INVITE, the probe in every state of the far side, stored dialogs and CANCELs.
//!
//! A crash is a switch whose far side's messages are no longer read: the old one is shut down on another port of its
//! own, and the record is taken up by a new switch on the port that the record names.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Far, Msg, Us, sdp, trunk};
use tokio::net::UdpSocket;
use waybell_switch::{EndHow, EventKind, InviteRecord, LegId, Listen, Transport, TrunkConfig};

/// A record whose INVITE a dead process has sent from `port`, and that INVITE as the far side heard it.
async fn dead_call(far: &mut Far, port: SocketAddr, t: Option<TrunkConfig>) -> (InviteRecord, Msg) {
    let us = Us::listen(port, vec![t.unwrap_or_else(|| trunk("t", far.addr))]).await;
    let record = us.draft("a1", "13800001111");
    us.switch.discard(&record);
    us.switch.shutdown().await;
    let dead = UdpSocket::bind(port).await.expect("the port is free at once");
    dead.send_to(record.request.as_bytes(), far.addr).await.expect("send");
    let invite = far.hear("INVITE").await;
    (record, invite)
}

async fn free_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").await.expect("bind").local_addr().expect("addr")
}

fn without_probe(m: &Msg) -> String {
    m.0.replace("Require: waybell-probe\r\nProxy-Require: waybell-probe\r\n", "")
}

struct Scene {
    far: Far,
    us: Us,
    leg: LegId,
    invite: Msg,
    probe: Msg,
}

/// A call that a dead process sent, probed by its successor on the same port.
async fn probed() -> Scene {
    let mut far = Far::new().await;
    let port = free_port().await;
    let (record, invite) = dead_call(&mut far, port, None).await;
    let us = Us::listen(port, vec![trunk("t", far.addr)]).await;
    let leg = us.switch.probe(record.clone());
    let probe = far.hear("INVITE").await;
    assert_eq!(without_probe(&probe), record.request);
    assert_eq!(probe.header("Require"), "waybell-probe");
    assert_eq!(far.peer, Some(port), "from the same port");
    Scene { far, us, leg, invite, probe }
}

#[tokio::test]
async fn the_same_record_leaves_as_the_same_bytes_after_a_restart() {
    let mut far = Far::new().await;
    let port = free_port().await;
    let (record, invite) = dead_call(&mut far, port, None).await;
    let text = serde_json::to_string(&record).expect("json");
    let us = Us::listen(port, vec![trunk("t", far.addr)]).await;
    let permit = us.switch.try_permits("t", 1).pop().expect("permit");
    us.switch.place(serde_json::from_str(&text).expect("record"), permit);
    assert_eq!(far.hear("INVITE").await.0, invite.0);
}

#[tokio::test]
async fn a_probe_that_finds_it_ringing_goes_on_with_the_call() {
    let Scene { mut far, mut us, leg, invite, .. } = probed().await;
    far.answer(&invite, "180 Ringing", "ft", "", None).await;
    assert_eq!(us.progress(&leg).await.0, 180);
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(40_000, "8", ""))).await;
    us.answered(&leg).await;
    us.switch.confirm(&leg);
    assert_eq!(far.hear("ACK").await.cseq(), 1);
    us.switch.hang_up(&leg, None);
    let bye = far.hear("BYE").await;
    far.answer(&bye, "200 OK", "", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::LocalBye);
}

#[tokio::test]
async fn a_probe_that_finds_it_ringing_can_be_cancelled_and_refused() {
    let Scene { mut far, mut us, leg, invite, .. } = probed().await;
    far.answer(&invite, "180 Ringing", "ft", "", None).await;
    us.progress(&leg).await;
    us.switch.cancel(&leg);
    let cancel = far.hear("CANCEL").await;
    assert_eq!(cancel.branch(), invite.branch());
    far.answer(&cancel, "200 OK", "ft", "", None).await;
    far.answer(&invite, "487 Request Terminated", "ft", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::Cancelled);
}

#[tokio::test]
async fn a_probe_brings_a_final_answer_again() {
    let Scene { far, mut us, leg, invite, .. } = probed().await;
    far.answer(&invite, "486 Busy Here", "ft", "", None).await;
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.status), (EndHow::Refused, Some(486)));

    let Scene { far, mut us, leg, invite, .. } = probed().await;
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(40_000, "8", ""))).await;
    us.answered(&leg).await;
}

#[tokio::test]
async fn a_probe_that_is_refused_for_its_option_listens_for_a_repeated_answer() {
    let Scene { mut far, mut us, leg, probe, .. } = probed().await;
    far.answer(&probe, "420 Bad Extension", "n", "Unsupported: waybell-probe\r\n", None).await;
    far.hear("ACK").await;
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.status, end.rang, end.answered), (EndHow::ProbeGone, Some(420), false, false));

    let Scene { far, mut us, leg, invite, probe } = probed().await;
    far.answer(&probe, "420 Bad Extension", "n", "Unsupported: waybell-probe\r\n", None).await;
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(40_000, "8", ""))).await;
    us.answered(&leg).await;
}

#[tokio::test]
async fn a_proxy_that_says_100_to_a_new_probe_proves_nothing() {
    let Scene { far, mut us, leg, probe, .. } = probed().await;
    far.answer(&probe, "100 Trying", "", "", None).await;
    far.answer(&probe, "420 Bad Extension", "n", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::ProbeGone);
}

#[tokio::test]
async fn a_challenged_probe_is_not_answered() {
    let Scene { mut far, mut us, leg, probe, .. } = probed().await;
    far.answer(&probe, "407 Auth", "n", "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", None)
        .await;
    assert_eq!(us.ended(&leg).await.how, EndHow::ProbeChallenged);
    far.hear("ACK").await;
    assert!(far.hear_for(Duration::from_millis(100)).await.is_none());
}

#[tokio::test]
async fn a_silent_far_side_and_a_trunk_without_probing() {
    let Scene { mut us, leg, .. } = probed().await;
    assert_eq!(us.ended(&leg).await.how, EndHow::ProbeSilent);

    let mut far = Far::new().await;
    let port = free_port().await;
    let mut t = trunk("t", far.addr);
    t.probe = false;
    let (record, _) = dead_call(&mut far, port, Some(t.clone())).await;
    let mut us = Us::listen(port, vec![t]).await;
    let leg = us.switch.probe(record);
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.sent), (EndHow::ProbeOff, false));
    assert!(far.hear_for(Duration::from_millis(100)).await.is_none(), "nothing is sent");
}

#[tokio::test]
async fn a_stored_dialog_is_ended_by_bye() {
    let mut far = Far::new().await;
    let mut us = Us::with(vec![trunk("t", far.addr)]).await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    let routes = format!("Record-Route: <sip:{};lr>\r\n", far.addr);
    far.answer(&invite, "200 OK", "ft", &routes, Some(&sdp(40_000, "8", ""))).await;
    let dialog = us.answered(&leg).await;
    let dialog = serde_json::from_str(&serde_json::to_string(&dialog).expect("json")).expect("dialog");
    // The process dies here, before its ACK.
    let port = us.addr();
    us.switch.shutdown().await;
    let bye = far.hear("BYE").await;
    far.answer(&bye, "200 OK", "", "", None).await;
    let mut us = Us::listen(port, vec![trunk("t", far.addr)]).await;
    while far.hear_for(Duration::from_millis(100)).await.is_some() {}
    let leg = us.switch.end_stored(dialog);
    assert_eq!(far.hear("ACK").await.cseq(), 1, "the 2xx may still wait for it");
    let bye = far.hear("BYE").await;
    assert_eq!((bye.header("Call-ID"), bye.tag_from()), (invite.header("Call-ID"), invite.tag_from()));
    assert!(bye.header("To").ends_with("tag=ft") && bye.cseq() > 2);
    assert_eq!(bye.header("Route"), format!("<sip:{};lr>", far.addr));
    far.answer(&bye, "481 Gone", "", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::LocalBye);
}

#[tokio::test]
async fn a_stored_invite_is_cancelled() {
    for (final_status, how) in [
        ("487 Request Terminated", EndHow::Cancelled),
        ("486 Busy", EndHow::Refused),
        ("200 OK", EndHow::Cancelled),
    ] {
        let mut far = Far::new().await;
        let port = free_port().await;
        let (record, invite) = dead_call(&mut far, port, None).await;
        let mut us = Us::listen(port, vec![trunk("t", far.addr)]).await;
        let leg = us.switch.cancel_stored(record);
        let cancel = far.hear("CANCEL").await;
        assert_eq!((cancel.branch(), cancel.cseq()), (invite.branch(), 1));
        far.answer(&cancel, "200 OK", "ft", "", None).await;
        let body = sdp(40_000, "8", "");
        let ok = final_status.starts_with("200");
        far.answer(&invite, final_status, "ft", "", ok.then_some(body.as_str())).await;
        far.hear("ACK").await;
        if ok {
            let bye = far.hear("BYE").await;
            far.answer(&bye, "200 OK", "", "", None).await;
        }
        let end = us.ended(&leg).await;
        assert_eq!((end.how, end.answered), (how, ok), "{final_status}");
    }
    let mut far = Far::new().await;
    let port = free_port().await;
    let (record, _) = dead_call(&mut far, port, None).await;
    let mut us = Us::listen(port, vec![trunk("t", far.addr)]).await;
    let leg = us.switch.cancel_stored(record);
    let cancel = far.hear("CANCEL").await;
    far.answer(&cancel, "481 Call Does Not Exist", "x", "", None).await;
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.status), (EndHow::ProbeGone, Some(481)));
}

/// Two switches: the far one is a real user agent with real transactions.
#[tokio::test]
async fn a_probe_against_a_real_user_agent() {
    let seat = Far::new().await;
    let port = seat.addr;
    drop(seat);
    let far_port = free_port().await;
    let mut far = Us::listen(far_port, vec![trunk("t", port)]).await;
    let us = Us::listen(port, vec![trunk("t", far_port)]).await;
    let record = us.draft("a1", "13800001111");
    us.switch.discard(&record);
    us.switch.shutdown().await;
    // Never sent: the probe is refused and rings nobody.
    let mut us = Us::listen(port, vec![trunk("t", far_port)]).await;
    let leg = us.switch.probe(record.clone());
    assert_eq!(us.ended(&leg).await.how, EndHow::ProbeGone);
    assert_eq!(far.switch.stats().incoming, 0);
    us.switch.shutdown().await;

    // Sent by a process that died while it rang.
    let us = Us::listen(port, vec![trunk("t", far_port)]).await;
    let mut other = us.draft("a2", "13800001111");
    us.switch.discard(&other);
    us.switch.shutdown().await;
    let dead = UdpSocket::bind(port).await.expect("bind");
    dead.send_to(other.request.as_bytes(), far_port).await.expect("send");
    let (theirs, _) = far.incoming().await;
    far.switch.ring(&theirs);
    drop(dead);
    let mut us = Us::listen(port, vec![trunk("t", far_port)]).await;
    other = serde_json::from_str(&serde_json::to_string(&other).expect("json")).expect("record");
    let leg = us.switch.probe(other);
    assert_eq!(us.progress(&leg).await.0, 180);
    far.switch.answer(&theirs);
    us.answered(&leg).await;
    us.switch.confirm(&leg);
    far.answered(&theirs).await;
    assert_eq!(far.switch.stats().incoming, 1, "rung once");
    us.switch.hang_up(&leg, None);
    assert_eq!(us.ended(&leg).await.how, EndHow::LocalBye);
    assert_eq!(far.ended(&theirs).await.how, EndHow::RemoteBye);
    let event = far.events.try_recv();
    assert!(event.is_err() || matches!(event.expect("event").kind, EventKind::Trunk { .. }));
}

/// Over TCP the far side's answers to the probe come on the new connection.
#[tokio::test]
async fn a_probe_over_tcp_finds_the_call_on_a_new_connection() {
    use tokio::io::AsyncWriteExt;
    let port = || std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("addr");
    let (at, far_at) = (port(), port());
    let make = |mine: SocketAddr, peer: SocketAddr| {
        let mut t = trunk("t", peer);
        t.transport = Transport::Tcp;
        let mut c = common::config(vec![t]);
        c.listen = vec![Listen::tcp(mine)];
        c
    };
    let mut far = Us::start(make(far_at, at)).await;
    let us = Us::start(make(at, far_at)).await;
    let record = us.draft("a1", "13800001111");
    us.switch.discard(&record);
    us.switch.shutdown().await;
    let mut dead = tokio::net::TcpStream::connect(far_at).await.expect("connect");
    dead.write_all(record.request.as_bytes()).await.expect("send");
    let (theirs, _) = far.incoming().await;
    far.switch.ring(&theirs);
    drop(dead);
    let mut us = Us::start(make(at, far_at)).await;
    let leg = us.switch.probe(record);
    assert_eq!(us.progress(&leg).await.0, 180);
    far.switch.answer(&theirs);
    us.answered(&leg).await;
    us.switch.confirm(&leg);
    far.answered(&theirs).await;
    assert_eq!(far.switch.stats().incoming, 1);
    us.switch.hang_up(&leg, None);
    assert_eq!(us.ended(&leg).await.how, EndHow::LocalBye);
    // A new probe of a call that never was is refused over TCP as well.
    let never = us.draft("a2", "13800001111");
    us.switch.discard(&never);
    let leg = us.switch.probe(never);
    assert_eq!(us.ended(&leg).await.how, EndHow::ProbeGone);
}
