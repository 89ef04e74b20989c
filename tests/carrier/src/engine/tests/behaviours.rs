//! What each behaviour does to a call, and who was alerted by it.

use super::*;

fn lab(lines: &str) -> Lab {
    Lab::new(Profile::Rfc6026, &format!("[defaults]\ndelay_ms = 100\nring_ms = 1000\n{lines}\n"))
}

#[test]
fn refusals_carry_status_cause_and_text_and_alert_only_who_was_rung() {
    // Behaviour, final status, cause, alerted.
    let table = [
        ("busy", 486, None, 0),
        ("no_answer", 480, Some(19), 1),
        ("reject", 603, None, 1),
        ("unallocated", 404, None, 0),
        ("powered_off", 480, Some(20), 0),
        ("out_of_coverage", 480, Some(20), 0),
        ("suspended", 480, None, 0),
        ("rate_limited", 403, None, 0),
        ("time_barred", 403, None, 0),
        ("caller_barred", 403, None, 0),
        ("overload", 503, Some(42), 0),
        ("server_error", 500, None, 0),
        ("redirect", 302, None, 0),
        ("status", 480, None, 0),
    ];
    for (behaviour, status, cause, alerts) in table {
        let mut lab = lab(&format!("behaviour = \"{behaviour}\""));
        lab.send(&Caller::default().invite());
        lab.pass(1_200);
        let last = lab.last("final");
        assert_eq!((last.status, last.cause), (Some(status), cause), "{behaviour}");
        assert_eq!(lab.count("alerted"), alerts, "{behaviour}");
        assert_eq!(lab.count("answered"), 0);
        assert_eq!(lab.engine.live(), 0, "{behaviour}");
    }
}

#[test]
fn overload_says_when_to_come_back() {
    let mut lab = lab("behaviour = \"overload\"\nretry_after_s = 7");
    lab.send(&Caller::default().invite());
    lab.pass(200);
    assert_eq!(lab.sent.last().unwrap().get("Retry-After"), Some("7"));
    assert_eq!(lab.sent.last().unwrap().get("Reason"), Some("Q.850;cause=42"));
}

#[test]
fn answers_alert_once_whatever_comes_before_them() {
    for (behaviour, provisional) in [
        ("answer", vec![100, 180]),
        ("only_183", vec![100, 183]),
        ("no_provisional", vec![]),
        ("forked_ringing", vec![100, 180, 180]),
        ("garbage", vec![100, 180]),
        ("wrong_sdp", vec![100, 180]),
    ] {
        let mut lab = lab(&format!("behaviour = \"{behaviour}\""));
        lab.send(&Caller::default().invite());
        lab.pass(1_150);
        let mut expected = provisional;
        expected.push(200);
        assert_eq!(lab.statuses("INVITE"), expected, "{behaviour}");
        assert_eq!((lab.count("alerted"), lab.count("answered")), (1, 1), "{behaviour}");
    }
}

#[test]
fn slow_180_comes_late() {
    let mut lab = Lab::new(Profile::Rfc3261, "[defaults]\nbehaviour = \"slow_180\"");
    lab.send(&Caller::default().invite());
    lab.pass(2_900);
    assert_eq!(lab.statuses("INVITE"), [100]);
    lab.pass(200);
    assert_eq!(lab.statuses("INVITE"), [100, 180]);
}

#[test]
fn lost_response_comes_with_the_next_repeat() {
    let mut lab = lab("behaviour = \"lost_response\"\ndrop_response = [3]");
    lab.send(&Caller::default().invite());
    lab.pass(1_200);
    assert_eq!(lab.statuses("INVITE"), [100, 180]);
    assert_eq!(lab.count("dropped"), 1);
    lab.pass(500);
    assert_eq!(lab.statuses("INVITE"), [100, 180, 200]);
}

#[test]
fn duplicated_late_and_reordered() {
    let mut twice = lab("behaviour = \"duplicated\"");
    twice.send(&Caller::default().invite());
    twice.pass(1_150);
    assert_eq!(twice.statuses("INVITE"), [100, 100, 180, 180, 200, 200]);
    let mut late = lab("behaviour = \"late\"\nlate_ms = 700");
    late.send(&Caller::default().invite());
    late.pass(600);
    assert!(late.statuses("INVITE").is_empty());
    late.pass(250);
    assert_eq!(late.statuses("INVITE"), [100, 180]);
    let mut crossed = lab("behaviour = \"reordered\"");
    crossed.send(&Caller::default().invite());
    crossed.pass(1_300);
    assert_eq!(crossed.statuses("INVITE"), [100, 200, 180]);
}

#[test]
fn no_ack_seen_repeats_the_answer_until_it_hears_again() {
    let mut lab = lab("behaviour = \"no_ack_seen\"\nuntil_end = true");
    let tag = lab.talk_after(1_100);
    lab.pass(2_500);
    assert!(lab.statuses("INVITE").iter().filter(|s| **s == 200).count() >= 3);
    lab.pass(1_100);
    lab.send(&Caller::default().in_dialog("ACK", 1, &tag, ""));
    let count = lab.statuses("INVITE").len();
    lab.pass(10_000);
    assert_eq!(lab.statuses("INVITE").len(), count);
}

#[test]
fn cancel_race_answers_first() {
    let mut lab = lab("behaviour = \"cancel_race\"");
    lab.send(&Caller::default().invite());
    lab.pass(2_000);
    lab.send(&Caller::default().cancel());
    assert_eq!(lab.statuses("INVITE"), [100, 180, 200]);
    assert_eq!(lab.statuses("CANCEL"), [200]);
    assert_eq!((lab.count("alerted"), lab.count("answered"), lab.count("cancelled")), (1, 1, 0));
}

#[test]
fn forked_call_has_two_answers_and_ends_with_the_last() {
    let mut lab = lab("behaviour = \"forked\"\nuntil_end = true");
    lab.send(&Caller::default().invite());
    lab.pass(1_200);
    let tags = lab.answered_tags();
    assert_eq!(tags.len(), 2);
    assert_eq!(lab.count("alerted"), 1);
    for tag in &tags {
        lab.send(&Caller::default().in_dialog("ACK", 1, tag, ""));
    }
    lab.send(&Caller::default().in_dialog("BYE", 2, &tags[1], ""));
    assert_eq!((lab.count("fork_released"), lab.count("ended")), (1, 0));
    lab.pass(5_000);
    assert_eq!(lab.count("fork_left"), 0);
    lab.send(&Caller::default().in_dialog("BYE", 2, &tags[0], ""));
    assert_eq!((lab.count("bye"), lab.count("ended")), (1, 1));
}

#[test]
fn second_fork_left_alone_is_told() {
    let mut lab = lab("behaviour = \"forked\"\nuntil_end = true");
    lab.talk_after(1_200);
    lab.pass(4_000);
    assert_eq!(lab.count("fork_left"), 1);
}

#[test]
fn challenge_wants_credentials_before_anything_else() {
    use crate::sip::digest::{field, md5_hex};
    let mut lab = lab("behaviour = \"challenge\"");
    lab.send(&Caller::default().probe());
    assert_eq!(lab.statuses("INVITE"), [407]);
    lab.send(&Caller::default().ack());
    let challenge = lab.sent[0].get("Proxy-Authenticate").unwrap().to_owned();
    let nonce = field(&challenge, "nonce").unwrap();
    let answer = |password: &str| {
        let ha1 = md5_hex(&format!("waybell:carrier:{password}"));
        let ha2 = md5_hex("INVITE:sip:x");
        let response = md5_hex(&format!("{ha1}:{nonce}:00000001:abc:auth:{ha2}"));
        format!(
            "Proxy-Authorization: Digest username=\"waybell\", realm=\"carrier\", nonce=\"{nonce}\", uri=\"sip:x\", \
             response=\"{response}\", algorithm=MD5, cnonce=\"abc\", qop=auth, nc=00000001\r\n"
        )
    };
    let bad = Caller { branch: "z9hG4bKbad", cseq: 2, extra: answer("wrong"), ..Caller::default() };
    lab.send(&bad.invite());
    assert_eq!(
        (lab.statuses("INVITE").last(), lab.last("invite").auth.as_deref()),
        (Some(&403), Some("bad"))
    );
    let good = Caller { branch: "z9hG4bKgood", cseq: 3, extra: answer("secret"), ..Caller::default() };
    lab.send(&good.invite());
    lab.pass(1_200);
    assert_eq!((lab.statuses("INVITE").last(), lab.last("invite").auth.as_deref()), (Some(&200), Some("ok")));
    assert_eq!(lab.count("alerted"), 1);
}

#[test]
fn limits_refuse_without_alerting() {
    let call = |n: usize| {
        let id: &'static str = ["c0", "c1", "c2"][n];
        let branch: &'static str = ["z9hG4bKb0", "z9hG4bKb1", "z9hG4bKb2"][n];
        Caller { call_id: id, branch, ..Caller::default() }.invite()
    };
    for (limits, status, cause) in [
        ("cps = 2", 503, Some(42)),
        ("cps = 2\ncps_status = 429", 429, None),
        ("channels = 2", 503, Some(34)),
        ("per_number_minute = 2", 403, None),
        ("[[limits.per_number]]\nwindow_ms = 60000\nmax = 2", 403, None),
        (
            "[[limits.per_number]]\nwindow_ms = 60000\nmax = 9\n[[limits.per_number]]\nwindow_ms = 1000\nmax = 2",
            403,
            None,
        ),
    ] {
        let mut lab = lab(&format!("behaviour = \"answer\"\n[limits]\n{limits}"));
        (0..3).for_each(|n| lab.send(&call(n)));
        lab.pass(300);
        let refused = lab.last("refused");
        assert_eq!((refused.status, refused.cause), (Some(status), cause), "{limits}");
        assert_eq!(lab.count("alerted"), 2, "{limits}");
    }
    let mut closed = lab("behaviour = \"answer\"\n[limits]\nwindow = \"13:00-14:00\"");
    closed.send(&call(0));
    assert_eq!((closed.statuses("INVITE"), closed.count("alerted")), (vec![403], 0));
    let mut noon = lab("behaviour = \"answer\"\n[limits]\nbarred = [\"00:00-12:00\", \"12:00-24:00\"]");
    noon.send(&call(0));
    assert_eq!((noon.statuses("INVITE"), noon.count("alerted")), (vec![403], 0));
}

#[test]
fn windows_from_the_first_call_and_rolling_ones_differ() {
    let call = |n: usize| {
        let names: [(&'static str, &'static str); 4] =
            [("c0", "z9hG4bKb0"), ("c1", "z9hG4bKb1"), ("c2", "z9hG4bKb2"), ("c3", "z9hG4bKb3")];
        Caller { call_id: names[n].0, branch: names[n].1, ..Caller::default() }.invite()
    };
    // two calls at the end of a window, two at the beginning of the next
    for (from_first_call, alerted) in [(true, 4), (false, 3)] {
        let limits =
            format!("[[limits.per_number]]\nwindow_ms = 10000\nmax = 2\nfrom_first_call = {from_first_call}");
        let mut lab = lab(&format!("behaviour = \"answer\"\n{limits}"));
        lab.send(&call(0));
        lab.pass(9_000);
        lab.send(&call(1));
        lab.pass(1_500);
        lab.send(&call(2));
        lab.send(&call(3));
        lab.pass(500);
        assert_eq!(lab.count("alerted"), alerted, "{from_first_call}");
        assert_eq!(lab.count("refused"), 4 - alerted);
    }
}

#[test]
fn silence_is_forgotten_in_the_end() {
    let mut lab = lab("behaviour = \"silent\"");
    lab.send(&Caller::default().invite());
    lab.pass(70_000);
    assert!(lab.sent.is_empty() && lab.engine.server.is_empty() && lab.engine.known.is_empty());
    assert_eq!((lab.count("alerted"), lab.engine.live()), (0, 0));
}

#[test]
fn reliable_provisional_waits_for_its_prack() {
    let settings = "prack = \"always\"\n[defaults]\nbehaviour = \"only_183\"\ndelay_ms = 0\nring_ms = 1000\n";
    let mut lab = Lab::new(Profile::Rfc6026, settings);
    lab.send(&Caller { extra: "Supported: 100rel\r\n".to_owned(), ..Caller::default() }.invite());
    lab.pass(1_700);
    assert_eq!(
        lab.statuses("INVITE"),
        [100, 183, 183, 183],
        "repeated after 0.5 and 1 s, no answer before the PRACK"
    );
    let first = lab.sent.iter().find(|m| m.start == Start::Response { status: 183 }).unwrap();
    let (rseq, tag) = (first.get("RSeq").unwrap().to_owned(), first.to_tag().unwrap());
    let prack = Caller { extra: format!("RAck: {rseq} 1 INVITE\r\n"), ..Caller::default() };
    lab.send(&prack.in_dialog("PRACK", 2, &tag, ""));
    assert_eq!(lab.statuses("PRACK"), [200]);
    assert_eq!(lab.statuses("INVITE").last(), Some(&200));
}
