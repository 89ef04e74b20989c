//! Answered calls: ends, changes of the session, timers, media commands.

use super::*;

fn lab(lines: &str) -> Lab {
    Lab::new(Profile::Rfc3261, &format!("[defaults]\ndelay_ms = 100\nring_ms = 1000\n{lines}\n"))
}

#[test]
fn callee_hangs_up_after_talking_and_everything_is_forgotten() {
    let mut lab = lab("behaviour = \"answer\"\ntalk_ms = 4000");
    lab.talk_after(1_100);
    lab.pass(4_000);
    let bye = lab.requests("BYE").pop().unwrap();
    assert_eq!(bye.uri(), Some("sip:a@127.0.0.1:7000"));
    assert_eq!(lab.last("bye").by.as_deref(), Some("callee"));
    assert_eq!(lab.last("ended").talk_ms, Some(4_000));
    lab.reply(&bye, 200, "");
    assert!(lab.engine.calls.is_empty() && lab.engine.dialogs.is_empty());
    assert!(lab.media.iter().any(|m| matches!(m, MediaCommand::Close { .. })));
    lab.pass(130_000);
    assert!(lab.engine.client.is_empty() && lab.engine.known.is_empty() && lab.engine.server.is_empty());
}

#[test]
fn bye_is_repeated_and_a_crossing_one_is_answered() {
    let mut lab = lab("behaviour = \"bye_race\"");
    let tag = lab.talk_after(1_100);
    assert_eq!(lab.requests("BYE").len(), 1);
    lab.pass(1_600);
    assert_eq!(lab.requests("BYE").len(), 3);
    lab.send(&Caller::default().in_dialog("BYE", 2, &tag, ""));
    assert_eq!(lab.statuses("BYE"), [200]);
    assert_eq!((lab.count("bye"), lab.count("ended")), (1, 1));
}

#[test]
fn caller_hangs_up() {
    let mut lab = lab("behaviour = \"answer\"\nuntil_end = true");
    let tag = lab.talk_after(1_100);
    lab.pass(9_000);
    lab.send(&Caller::default().in_dialog("BYE", 2, &tag, ""));
    assert_eq!(lab.last("bye").by.as_deref(), Some("caller"));
    assert_eq!(lab.last("ended").talk_ms, Some(9_000));
    lab.send(&Caller::default().in_dialog("BYE", 3, &tag, ""));
    assert_eq!(lab.statuses("BYE"), [200, 481]);
}

#[test]
fn keys_are_pressed_after_the_answer() {
    let mut lab = lab("behaviour = \"press_keys\"\ndigits = \"2#\"\ndigits_after_ms = 3000");
    lab.talk_after(1_100);
    lab.pass(3_100);
    assert_eq!(lab.last("digits_sent").digits.as_deref(), Some("2#"));
    assert!(lab.media.iter().any(|m| matches!(m, MediaCommand::Keys { digits, .. } if digits == "2#")));
}

#[test]
fn hold_and_back() {
    let mut lab = lab("behaviour = \"hold\"\nuntil_end = true");
    lab.talk_after(1_100);
    lab.pass(1_600);
    let hold = lab.requests("INVITE").pop().unwrap();
    assert!(String::from_utf8_lossy(&hold.body).contains("a=sendonly"));
    lab.reply(&hold, 200, &OFFER.replace("t=0 0\r\n", "t=0 0\r\na=recvonly\r\n"));
    assert_eq!(lab.requests("ACK").len(), 1);
    lab.reply(&hold, 200, OFFER);
    assert_eq!(lab.requests("ACK").len(), 2, "a repeated 2xx gets its ACK again");
    lab.pass(1_600);
    let back = lab.requests("INVITE").pop().unwrap();
    assert!(String::from_utf8_lossy(&back.body).contains("a=sendrecv"));
}

#[test]
fn glare_is_491_and_tried_again() {
    let mut lab = lab("behaviour = \"reinvite_glare\"\nuntil_end = true");
    let tag = lab.talk_after(1_100);
    lab.pass(1_050);
    let ours = lab.requests("INVITE").pop().unwrap();
    lab.send(&Caller::default().in_dialog("INVITE", 2, &tag, OFFER));
    assert_eq!(lab.statuses("INVITE").last(), Some(&491));
    lab.reply(&ours, 491, "");
    let before = lab.requests("INVITE").len();
    lab.pass(2_100);
    let again = lab.requests("INVITE");
    assert!(again.len() > before);
    lab.reply(again.last().unwrap(), 200, OFFER);
    lab.send(&Caller::default().in_dialog("INVITE", 3, &tag, OFFER));
    assert_eq!(lab.statuses("INVITE").last(), Some(&200));
}

#[test]
fn delayed_offer_of_a_reinvite_is_answered_in_its_ack() {
    let mut lab = lab("behaviour = \"delayed_offer_reinvite\"\nuntil_end = true");
    lab.talk_after(1_100);
    lab.pass(1_050);
    let reinvite = lab.requests("INVITE").pop().unwrap();
    assert!(reinvite.body.is_empty());
    lab.reply(&reinvite, 200, OFFER);
    let ack = lab.requests("ACK").pop().unwrap();
    assert!(String::from_utf8_lossy(&ack.body).contains("m=audio"));
}

#[test]
fn missing_refresh_ends_the_call_and_a_refresh_keeps_it() {
    let settings =
        "behaviour = \"session_timer\"\nsession_expires_s = 4\nrefresher = \"uac\"\nuntil_end = true";
    let timer = || Caller { extra: "Supported: timer\r\n".to_owned(), ..Caller::default() };
    let mut lab1 = lab(settings);
    lab1.send(&timer().invite());
    lab1.pass(1_100);
    let tag = lab1.answered_tags().pop().unwrap();
    assert_eq!(lab1.sent.last().unwrap().get("Session-Expires"), Some("4;refresher=uac"));
    lab1.send(&Caller::default().in_dialog("ACK", 1, &tag, ""));
    lab1.pass(2_000);
    let refresh = Caller {
        extra: "Supported: timer\r\nSession-Expires: 4;refresher=uac\r\n".to_owned(),
        ..Caller::default()
    };
    lab1.send(&refresh.in_dialog("UPDATE", 2, &tag, ""));
    assert_eq!(lab1.statuses("UPDATE"), [200]);
    lab1.pass(3_900);
    assert_eq!(lab1.count("session_expired"), 0);
    lab1.pass(200);
    assert_eq!((lab1.count("session_expired"), lab1.requests("BYE").len()), (1, 1));
}

#[test]
fn our_refresh_goes_out_at_half_time() {
    let mut lab =
        lab("behaviour = \"session_timer\"\nsession_expires_s = 4\nrefresher = \"uas\"\nuntil_end = true");
    let caller =
        Caller { extra: "Supported: timer\r\nAllow: INVITE, UPDATE\r\n".to_owned(), ..Caller::default() };
    lab.send(&caller.invite());
    lab.pass(1_100);
    let tag = lab.answered_tags().pop().unwrap();
    lab.send(&Caller::default().in_dialog("ACK", 1, &tag, ""));
    lab.pass(2_050);
    let update = lab.requests("UPDATE").pop().unwrap();
    assert_eq!(update.get("Session-Expires"), Some("4;refresher=uac"));
    lab.reply(&update, 200, "");
    lab.pass(2_050);
    assert_eq!(lab.requests("UPDATE").len(), 2);
}

#[test]
fn silent_line_is_hung_up() {
    let mut lab = lab("behaviour = \"answer\"\nuntil_end = true");
    lab.talk_after(1_100);
    let now = lab.now;
    let call = *lab.engine.calls.keys().next().unwrap();
    lab.engine.silent(now, call);
    lab.collect();
    assert_eq!(lab.last("bye").reason.as_deref(), Some("silence"));
}

#[test]
fn route_set_is_used_for_requests() {
    let mut lab = lab("behaviour = \"bye_race\"");
    let caller = Caller {
        extra: "Record-Route: <sip:10.0.0.9:5070;lr>, <sip:10.0.0.8;lr>\r\n".to_owned(),
        ..Caller::default()
    };
    lab.send(&caller.invite());
    lab.pass(1_100);
    let tag = lab.answered_tags().pop().unwrap();
    lab.send(&Caller::default().in_dialog("ACK", 1, &tag, ""));
    let bye = lab.requests("BYE").pop().unwrap();
    assert_eq!(bye.list("Route"), ["<sip:10.0.0.9:5070;lr>", "<sip:10.0.0.8;lr>"]);
}

#[test]
fn requests_without_a_call() {
    let mut lab = lab("behaviour = \"answer\"");
    let other = |method: &str| Caller::default().request(method, &format!("z9hG4bK{method}"), 1, "", "");
    for (method, status) in [("OPTIONS", 200), ("REGISTER", 200), ("BYE", 481), ("PUBLISH", 405)] {
        lab.send(&other(method));
        assert_eq!(lab.statuses(method), [status]);
    }
    lab.send("\r\n\r\n");
    lab.send("garbage");
    assert_eq!((lab.count("options"), lab.count("register"), lab.count("malformed")), (1, 1, 1));
}

#[test]
fn offer_without_a_common_codec_is_488() {
    let mut lab = lab("behaviour = \"answer\"");
    let text = Caller::default().request("INVITE", "z9hG4bKx", 1, "", &OFFER.replace("8 0 101", "97"));
    lab.send(&text);
    assert_eq!((lab.statuses("INVITE"), lab.count("alerted")), (vec![488], 0));
}
