//! Calls of ours against a bare socket: what goes over the wire, and what is told.

mod common;

use std::time::Duration;

use common::{CALLER, EVENTS, Far, PATIENCE, Us, config, sdp, trunk};
use waybell_switch::{Draft, EndHow, EventKind, Q850, SwitchError};

async fn pair() -> (Far, Us) {
    let far = Far::new().await;
    let us = Us::with(vec![trunk("t", far.addr)]).await;
    (far, us)
}

#[tokio::test]
async fn a_call_is_rung_answered_confirmed_and_hung_up() {
    let (mut far, mut us) = pair().await;
    let (leg, record) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    assert_eq!(invite.0, record.request, "exactly the stored bytes");
    assert_eq!(invite.uri(), format!("sip:13800001111@{}", far.addr));
    far.answer(&invite, "100 Trying", "", "", None).await;
    far.answer(&invite, "180 Ringing", "ft", "", None).await;
    assert_eq!(us.progress(&leg).await, (180, false));
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(40_000, "8 101", EVENTS))).await;
    let dialog = us.answered(&leg).await;
    assert_eq!((dialog.call_id.as_str(), dialog.remote_tag.as_str()), (record.call_id.as_str(), "ft"));
    assert!(far.hear_for(Duration::from_millis(150)).await.is_none(), "no ACK before confirm");
    us.switch.confirm(&leg);
    let ack = far.hear("ACK").await;
    assert_eq!((ack.cseq(), ack.uri()), (1, format!("sip:far@{}", far.addr).as_str()));
    assert!(ack.header("To").ends_with(";tag=ft"));
    // A 2xx that comes again gets its ACK again.
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(40_000, "8 101", EVENTS))).await;
    assert_eq!(far.hear("ACK").await.0, ack.0);
    us.switch.hang_up(&leg, Some(Q850::NORMAL));
    let bye = far.hear("BYE").await;
    assert_eq!((bye.cseq(), bye.header("Reason")), (2, "Q.850;cause=16"));
    far.answer(&bye, "200 OK", "", "", None).await;
    let end = us.ended(&leg).await;
    assert_eq!(
        (end.how, end.status, end.rang, end.answered, end.sent),
        (EndHow::LocalBye, Some(200), true, true, true)
    );
    us.switch.shutdown().await;
    assert_eq!(us.switch.stats().legs, 0);
}

#[tokio::test]
async fn a_refusal_is_acknowledged_and_told_with_its_reasons() {
    let (mut far, mut us) = pair().await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    let headers = "Reason: Q.850;cause=17;text=\"User busy\"\r\nRetry-After: 30 (soon)\r\n";
    far.answer(&invite, "486 Otherwise Engaged", "ft", headers, None).await;
    let ack = far.hear("ACK").await;
    assert_eq!((ack.branch(), ack.cseq()), (invite.branch(), 1));
    far.answer(&invite, "486 Otherwise Engaged", "ft", headers, None).await;
    assert_eq!(far.hear("ACK").await.0, ack.0, "repeated refusals are acknowledged again");
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.status, end.q850), (EndHow::Refused, Some(486), Some(17)));
    assert_eq!(end.phrase.as_deref(), Some("Otherwise Engaged"));
    assert_eq!(end.reason_text.as_deref(), Some("User busy"));
    assert_eq!(end.retry_after, Some(Duration::from_secs(30)));
    assert!(!end.rang && !end.answered);
    // A redirection is a refusal like any other: nobody else is rung.
    let (leg, _) = us.call("a2", "13800001111").await;
    let invite = far.hear("INVITE").await;
    far.answer(&invite, "302 Moved", "ft", "", None).await;
    assert_eq!(us.ended(&leg).await.status, Some(302));
}

#[tokio::test]
async fn cancel_waits_for_a_provisional_answer() {
    let (mut far, mut us) = pair().await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    us.switch.hang_up(&leg, Some(Q850::NO_ANSWER));
    assert_eq!(far.hear("INVITE").await.0, invite.0, "still only repetitions");
    far.answer(&invite, "180 Ringing", "ft", "", None).await;
    let cancel = far.hear("CANCEL").await;
    assert_eq!((cancel.branch(), cancel.cseq()), (invite.branch(), 1));
    assert_eq!(cancel.header("Reason"), "Q.850;cause=19");
    far.answer(&cancel, "200 OK", "ft", "", None).await;
    far.answer(&invite, "487 Request Terminated", "ft", "", None).await;
    far.hear("ACK").await;
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.status, end.rang), (EndHow::Cancelled, Some(487), true));
}

#[tokio::test]
async fn an_answer_that_crosses_the_cancel_is_ended() {
    let (mut far, mut us) = pair().await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    far.answer(&invite, "180 Ringing", "ft", "", None).await;
    us.progress(&leg).await;
    us.switch.cancel(&leg);
    let cancel = far.hear("CANCEL").await;
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(40_000, "8", ""))).await;
    far.hear("ACK").await;
    let bye = far.hear("BYE").await;
    far.answer(&cancel, "200 OK", "ft", "", None).await;
    far.answer(&bye, "200 OK", "", "", None).await;
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.answered), (EndHow::Cancelled, true));
}

#[tokio::test]
async fn another_fork_that_answers_later_is_acknowledged_and_ended() {
    let (mut far, mut us) = pair().await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    far.answer(&invite, "200 OK", "one", "", Some(&sdp(40_000, "8", ""))).await;
    us.answered(&leg).await;
    us.switch.confirm(&leg);
    far.hear("ACK").await;
    for round in 0..2 {
        far.answer(&invite, "200 OK", "two", "", Some(&sdp(40_002, "8", ""))).await;
        let ack = far.hear("ACK").await;
        assert!(ack.header("To").ends_with("tag=two"), "round {round}");
    }
    let bye = far.hear("BYE").await;
    assert!(bye.header("To").ends_with("tag=two"));
    far.answer(&bye, "200 OK", "", "", None).await;
    // The first goes on; and after its end a third is still ended.
    us.switch.hang_up(&leg, None);
    let bye = far.hear("BYE").await;
    assert!(bye.header("To").ends_with("tag=one"));
    far.answer(&bye, "200 OK", "", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::LocalBye);
    far.answer(&invite, "200 OK", "three", "", Some(&sdp(40_004, "8", ""))).await;
    assert!(far.hear("ACK").await.header("To").ends_with("tag=three"));
    assert!(far.hear("BYE").await.header("To").ends_with("tag=three"));
}

#[tokio::test]
async fn a_2xx_after_a_refusal_is_ended_too() {
    let (mut far, mut us) = pair().await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    far.answer(&invite, "480 Gone", "one", "", None).await;
    assert_eq!(us.ended(&leg).await.status, Some(480));
    far.answer(&invite, "200 OK", "two", "", Some(&sdp(40_000, "8", ""))).await;
    loop {
        let m = far.hear("ACK").await;
        if m.header("To").ends_with("tag=two") {
            break;
        }
    }
    assert!(far.hear("BYE").await.header("To").ends_with("tag=two"));
}

#[tokio::test]
async fn silence_is_told_as_a_time_out_of_our_own() {
    let far = Far::new().await;
    let mut c = config(vec![trunk("t", far.addr)]);
    c.t1 = Duration::from_millis(5);
    let mut us = Us::start(c).await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.status, end.sent, end.rang), (EndHow::TimedOut, None, true, false));
    assert!((3..=6).contains(&us.switch.stats().retransmissions));
}

#[tokio::test]
async fn digest_challenges_are_answered_once() {
    for (status, asks, answers) in [
        ("401 Unauthorized", "WWW-Authenticate", "Authorization"),
        ("407 Proxy Authentication Required", "Proxy-Authenticate", "Proxy-Authorization"),
    ] {
        let mut far = Far::new().await;
        let mut t = trunk("t", far.addr);
        t.auth =
            Some(waybell_switch::Credentials { username: "u".into(), password: "p".into(), realm: None });
        let mut us = Us::with(vec![t]).await;
        let (leg, _) = us.call("a1", "13800001111").await;
        let first = far.hear("INVITE").await;
        let challenge =
            format!("{asks}: Digest realm=\"r\", nonce=\"n1\", qop=\"auth,auth-int\", algorithm=MD5\r\n");
        far.answer(&first, status, "x", &challenge, None).await;
        let stored = us.challenged(&leg).await;
        let second = far.hear("INVITE").await;
        assert_eq!(second.0, stored.request, "what was told to be stored is what leaves");
        assert_eq!((stored.cseq, stored.branch.as_str()), (2, second.branch()));
        assert_eq!(second.cseq(), 2);
        assert_ne!(second.branch(), first.branch());
        assert_eq!(
            (second.header("Call-ID"), second.tag_from()),
            (first.header("Call-ID"), first.tag_from())
        );
        assert!(second.header(answers).contains("nonce=\"n1\""));
        assert_eq!(second.body(), first.body());
        far.answer(&second, "180 Ringing", "ft", "", None).await;
        assert_eq!(us.progress(&leg).await.0, 180);
        far.answer(&second, "200 OK", "ft", "", Some(&sdp(40_000, "8", ""))).await;
        us.answered(&leg).await;
        us.switch.confirm(&leg);
        let ack = loop {
            let ack = far.hear("ACK").await;
            if ack.cseq() == 2 {
                break ack;
            }
        };
        assert!(ack.header("To").ends_with("tag=ft"));
        // BYE is challenged as well.
        us.switch.hang_up(&leg, None);
        let bye = far.hear("BYE").await;
        far.answer(&bye, status, "", &challenge.replace("n1", "n2"), None).await;
        let again = far.hear("BYE").await;
        assert!(again.cseq() > bye.cseq() && again.header(answers).contains("n2"));
        far.answer(&again, "200 OK", "", "", None).await;
        assert_eq!(us.ended(&leg).await.how, EndHow::LocalBye);

        let (leg, _) = us.call("a2", "13800001111").await;
        for n in 1..=2 {
            let invite = loop {
                let i = far.hear("INVITE").await;
                if i.cseq() == n && i.header("Call-ID") == leg.as_str() {
                    break i;
                }
            };
            far.answer(&invite, status, "x", &challenge, None).await;
            if n == 1 {
                us.challenged(&leg).await;
            }
        }
        assert_eq!(us.ended(&leg).await.how, EndHow::AuthFailed);
    }
}

#[tokio::test]
async fn nothing_leaves_with_credentials_before_it_is_told_to() {
    let mut far = Far::new().await;
    let mut t = trunk("t", far.addr);
    t.auth = Some(waybell_switch::Credentials { username: "u".into(), password: "p".into(), realm: None });
    let mut us = Us::with(vec![t]).await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let first = far.hear("INVITE").await;
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", algorithm=MD5\r\n";
    far.answer(&first, "401 Unauthorized", "x", challenge, None).await;
    far.hear("ACK").await;
    assert!(far.hear_for(Duration::from_millis(400)).await.is_none(), "the INVITE waits to be stored");
    us.switch.cancel(&leg);
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.status, end.rang), (EndHow::Cancelled, Some(487), false));
    assert!(far.hear_for(Duration::from_millis(200)).await.is_none(), "nothing rings, nothing is cancelled");
}

#[tokio::test]
async fn provisional_answers_are_acknowledged_reliably_and_carry_early_media() {
    let (mut far, mut us) = pair().await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    let reliable = "Require: 100rel\r\nRSeq: 41\r\n";
    for _ in 0..2 {
        far.answer(&invite, "183 Session Progress", "ft", reliable, Some(&sdp(40_000, "8", ""))).await;
    }
    let prack = far.hear("PRACK").await;
    assert_eq!(prack.header("RAck"), "41 1 INVITE");
    assert_eq!(prack.cseq(), 2);
    assert!(prack.header("To").ends_with("tag=ft"));
    far.answer(&prack, "200 OK", "", "", None).await;
    assert_eq!(us.progress(&leg).await, (183, true));
    far.answer(&invite, "180 Ringing", "ft", "Require: 100rel\r\nRSeq: 42\r\n", None).await;
    let prack = far.hear("PRACK").await;
    assert_eq!((prack.header("RAck"), prack.cseq()), ("42 1 INVITE", 3));
    far.answer(&prack, "200 OK", "", "", None).await;
    // The answer itself may come without a description then.
    far.answer(&invite, "200 OK", "ft", "", None).await;
    us.answered(&leg).await;
    us.switch.confirm(&leg);
    assert_eq!(far.hear("ACK").await.cseq(), 1);
    us.switch.hang_up(&leg, None);
    let bye = far.hear("BYE").await;
    assert_eq!(bye.cseq(), 4);
    far.answer(&bye, "200 OK", "", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::LocalBye);
}

#[tokio::test]
async fn an_answer_without_usable_sound_is_acknowledged_and_ended() {
    for body in [
        None,
        Some("v=0\r\nrubbish"),
        Some("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 8\r\n"),
        Some("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 18\r\n"),
    ] {
        let (mut far, mut us) = pair().await;
        let (leg, _) = us.call("a1", "13800001111").await;
        let invite = far.hear("INVITE").await;
        far.answer(&invite, "200 OK", "ft", "", body).await;
        us.answered(&leg).await;
        us.switch.confirm(&leg);
        far.hear("ACK").await;
        let bye = far.hear("BYE").await;
        far.answer(&bye, "200 OK", "", "", None).await;
        let end = us.ended(&leg).await;
        assert_eq!((end.how, end.answered), (EndHow::BadMedia, true), "{body:?}");
    }
}

#[tokio::test]
async fn their_bye_ends_the_leg_also_before_confirm() {
    let (mut far, mut us) = pair().await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    far.answer(&invite, "200 OK", "ft", "", Some(&sdp(40_000, "8", ""))).await;
    us.answered(&leg).await;
    let bye = far.inside(&invite, "BYE", 1, "ft", "Reason: Q.850;cause=31\r\n", None);
    far.send(&bye).await;
    assert_eq!(far.hear("SIP/2.0").await.status(), 200);
    let end = us.ended(&leg).await;
    assert_eq!((end.how, end.q850, end.answered), (EndHow::RemoteBye, Some(31), true));
    // Repeated, it gets the same answer; another request finds nothing.
    far.send(&bye).await;
    assert_eq!(far.hear("SIP/2.0").await.status(), 200);
    far.send(&far.inside(&invite, "INFO", 2, "ft", "", None)).await;
    assert_eq!(far.hear("SIP/2.0").await.status(), 481);
}

#[tokio::test]
async fn what_may_not_be_drafted_is_refused_by_name() {
    let (_far, us) = pair().await;
    let draft =
        |trunk, caller| Draft { attempt: "a", route_no: 0, trunk, caller, callee: "1", headers: Vec::new() };
    let e = us.switch.draft(draft("t", "+8699")).expect_err("caller");
    assert_eq!(e, SwitchError::CallerNotAuthorised { trunk: "t".into(), caller: "+8699".into() });
    assert_eq!(
        us.switch.draft(draft("x", CALLER)).expect_err("trunk"),
        SwitchError::UnknownTrunk("x".into())
    );
    // Ports come back.
    let mut records = Vec::new();
    while let Ok(r) = us.switch.draft(draft("t", CALLER)) {
        records.push(r);
    }
    assert_eq!(records.len(), 10);
    us.switch.discard(&records[3]);
    assert_eq!(us.switch.draft(draft("t", CALLER)).expect("port").rtp_port, records[3].rtp_port);
}

#[tokio::test]
async fn a_shutdown_ends_what_is_left() {
    let (mut far, mut us) = pair().await;
    let (leg, _) = us.call("a1", "13800001111").await;
    let invite = far.hear("INVITE").await;
    far.answer(&invite, "180 Ringing", "ft", "", None).await;
    us.progress(&leg).await;
    let switch = us.switch.clone();
    let done = tokio::spawn(async move { switch.shutdown().await });
    let cancel = far.hear("CANCEL").await;
    far.answer(&cancel, "200 OK", "ft", "", None).await;
    far.answer(&invite, "487 Request Terminated", "ft", "", None).await;
    assert_eq!(us.ended(&leg).await.how, EndHow::ShutDown);
    tokio::time::timeout(PATIENCE, done).await.expect("in time").expect("task");
    assert!(us.switch.try_permits("t", 1).is_empty());
    let left = us.events.recv().await;
    assert!(left.is_none() || matches!(left.expect("event").kind, EventKind::Trunk { .. }));
}
