//! Two parties share a virtual number: bound by the API, put through over the wire with sound that is measured, told to an
//! integration; whatever dies in between, and whoever asks at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "bindings/axe.rs"]
mod axe;
#[path = "bindings/desk.rs"]
mod desk;
#[allow(dead_code, reason = "the test program `calls` uses the rest of it")]
#[path = "calls/exchange.rs"]
mod exchange;
#[allow(dead_code, reason = "the test program `calls` uses the rest of it")]
#[path = "calls/house.rs"]
mod house;
#[path = "bindings/kills.rs"]
mod kills;
#[allow(dead_code, reason = "the test program `hooks` uses the rest of it")]
#[path = "hooks/receiver.rs"]
mod receiver;
#[path = "bindings/rules.rs"]
mod rules;

use desk::{A, B, Desk, X1};
use exchange::{header, loudness, mostly, share};
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_pair_speaks_both_ways_and_neither_sees_the_others_number() {
    let desk = Desk::new("AXB", &[X1]);
    let bound = desk.bind(json!({ "is_recording_enabled": true, "out_id": "order 42", "ttl": 600 }));
    assert_eq!((&bound["secret_no"], &bound["status"]), (&json!(X1), &json!("active")));
    let mut seen = Vec::new();
    for (from, to, kind, tones) in [(A, B, 0, (700, 1_100)), (B, A, 1, (600, 900))] {
        let mut caller = desk.rings(from, "02131001235");
        let mut callee = desk.house.exchange.rung();
        assert_eq!(format!("+86{}", callee.number()), to);
        assert!(header(&callee.heard[0], "From").contains(X1), "{}", header(&callee.heard[0], "From"));
        callee.rings();
        caller.hear("SIP/2.0 180");
        assert!(caller.final_answer_within(SECOND / 2).is_none(), "nobody pays for ringing");
        caller.line.says(tones.0);
        callee.line.says(tones.1);
        callee.picks_up();
        assert_eq!(caller.final_answer(), 200);
        std::thread::sleep(SECOND * 2);
        assert!(caller.line.hears(tones.1) && callee.line.hears(tones.0), "each hears the other");
        callee.hangs_up();
        caller.is_hung_up_on();
        let call = desk.record(|c| c["call_type"] == kind);
        assert_eq!(
            (&call["phone_no"], &call["peer_no"], &call["secret_no"], &call["called_display_no"]),
            (&json!(A), &json!(B), &json!(X1), &json!(X1))
        );
        assert_eq!((&call["outcome"], &call["unconnected_cause"]), (&json!("answered"), &json!(0)));
        assert_eq!((&call["release_dir"], &call["release_cause"]), (&json!(2), &json!(16)));
        assert_eq!((&call["subs_id"], &call["out_id"]), (&bound["subs_id"], &json!("order 42")));
        let at = |field: &str| call[field].as_i64().unwrap_or_else(|| panic!("no {field}: {call}"));
        let times = ["call_time", "call_out_time", "ring_time", "start_time", "release_time"].map(at);
        assert!(times.is_sorted(), "{call}");
        assert!(at("duration") >= 2 && at("duration") < 30, "{call}");
        let audio = desk.house.audio(&desk.house.boss, &json!({ "id": call["call_id"] }));
        assert!(mostly(&audio[0], tones.0) && mostly(&audio[1], tones.1), "the caller on the left");
        assert_eq!(call["record_url"], format!("/api/v1/calls/{}/audio", call["call_id"].as_str().unwrap()));
        seen.push((caller, from, callee, to));
    }
    // every message that either side was sent
    for (caller, from, callee, to) in &seen {
        assert!(
            !caller.heard.iter().any(|t| t.contains(&to[3..])),
            "the caller sees {to}:\n{:#?}",
            caller.heard
        );
        assert!(
            !callee.heard.iter().any(|t| t.contains(&from[3..])),
            "the callee sees {from}:\n{:#?}",
            callee.heard
        );
    }
    let log = desk.house.world.server.log();
    assert!(!log.contains(&A[3..]) && !log.contains(&B[3..]), "nor does the log hold either");
    // these are none of a courier's calls
    assert_eq!(desk.get("/calls"), json!([]));
}

#[test]
fn the_requests_of_the_document_run_as_they_stand() {
    let desk = Desk::new("AXB", &[]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bindings.md");
    let text = std::fs::read_to_string(file).unwrap();
    let script: Vec<&str> =
        text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    let done = std::process::Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script.concat()])
        .env("WAYBELL", &desk.house.world.server.url)
        .env("WAYBELL_PASSWORD", waybell_tests::world::PASSWORD)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("\"status\":\"active\"") && said.contains("\"status\":\"ended\""), "{said}");
    let bound = desk.get("/bindings");
    assert_eq!((&bound[0]["secret_no"], &bound[0]["max_duration"]), (&json!(X1), &json!(10)));
}

#[test]
fn strangers_and_who_is_barred_are_told_and_ring_nobody() {
    let desk = Desk::new("AXB", &[X1]);
    let bound = desk.bind(json!({ "ttl": 600, "call_restrict": "CONTROL_BX_DISABLE" }));
    let subs = bound["subs_id"].as_str().unwrap().to_owned();
    let refused = |from: &str, cause: i64, known: bool| {
        let mut caller = desk.rings(from, "02131001235");
        assert_eq!(caller.final_answer(), 200);
        caller.is_hung_up_on();
        let from = if from == "anonymous" { Value::Null } else { json!(from) };
        let call = desk.record(|c| c["unconnected_cause"] == cause && c["peer_no"] == from);
        assert_eq!((&call["call_type"], &call["outcome"]), (&json!(4), &json!("refused")), "{call}");
        assert_eq!((call["duration"].as_i64(), call["subs_id"].is_string()), (Some(0), known), "{call}");
        assert_eq!((&call["start_time"], &call["release_dir"]), (&Value::Null, &json!(0)));
    };
    refused("+8613700000099", 2, false);
    refused("anonymous", 2, false);
    refused(B, 3, true);
    desk.house.ask("PUT", "/blocklist", json!({ "phone": "13700000098" }));
    assert_eq!(desk.rings("+8613700000098", "02131001235").final_answer(), 603);
    desk.record(|c| c["unconnected_cause"] == 1);
    // a rule for all calls, which came after the binding
    desk.house.ask("PUT", "/outgoing-policy", json!({ "barred": ["+86138"] }));
    let mut caller = desk.rings(A, "02131001235");
    assert_eq!(caller.final_answer(), 200);
    caller.is_hung_up_on();
    desk.record(|c| c["unconnected_cause"] == 3 && c["phone_no"] == A);
    desk.house.ask("PUT", "/outgoing-policy", json!({ "calls_a_day": 0 }));
    let mut caller = desk.rings(A, "02131001235");
    assert_eq!(caller.final_answer(), 200);
    caller.is_hung_up_on();
    desk.house.ask("PUT", "/outgoing-policy", json!({}));
    assert!(desk.house.exchange.rung_within(SECOND / 2).is_none(), "nobody was rung");

    // A still reaches B; then both are cut off
    let mut caller = desk.rings(A, "02131001235");
    let mut callee = desk.house.exchange.rung();
    callee.refuses("486 Busy Here");
    assert_eq!(caller.final_answer(), 486);
    let busy = desk.record(|c| c["outcome"] == "busy");
    assert_eq!((&busy["release_cause"], &busy["release_dir"]), (&json!(17), &json!(2)));
    let ended = desk
        .house
        .runtime
        .block_on(desk.house.boss.ask("DELETE", &format!("/bindings/{subs}"), None))
        .unwrap();
    assert_eq!(ended["status"], "ended");
    refused(A, 2, false);
}

#[test]
fn grace_after_the_expiry_and_a_running_call_is_never_cut() {
    let desk = Desk::new("AXB", &[X1]);
    let bound = desk.bind(json!({ "ttl": 600 }));
    let subs = bound["subs_id"].as_str().unwrap().to_owned();
    let expire = |ago_ms: i64| {
        let at = waybell_tests::api::now_ms() - ago_ms;
        let (db, until) = (&desk.house.world.database, at + 1_800_000);
        db.sql(&format!("UPDATE binding SET expires_at = {at}, until_at = {until}")).unwrap();
        db.sql(&format!("UPDATE binding_claim SET until_at = {until}")).unwrap();
    };
    let speak = |desk: &Desk| {
        let caller = desk.rings(B, "02131001235");
        let mut callee = desk.house.exchange.rung();
        callee.picks_up();
        (caller, callee)
    };
    expire(60_000);
    assert_eq!(desk.get(&format!("/bindings/{subs}"))["status"], "grace");
    let (mut caller, mut callee) = speak(&desk);
    assert_eq!(caller.final_answer(), 200);
    // the end comes while they speak
    expire(1_800_001);
    assert_eq!(desk.get(&format!("/bindings/{subs}"))["status"], "ended");
    caller.line.says(700);
    callee.line.says(900);
    assert!(callee.line.hears(700) && caller.line.hears(900));
    caller.hangs_up();
    callee.is_hung_up_on();
    let mut late = desk.rings(B, "02131001235");
    assert_eq!(late.final_answer(), 200);
    late.is_hung_up_on();
    desk.record(|c| c["unconnected_cause"] == 2);
    // nor does unbinding
    let bound = desk.bind(json!({ "ttl": 600 }));
    let (mut caller, mut callee) = speak(&desk);
    assert_eq!(caller.final_answer(), 200);
    let path = format!("/bindings/{}", bound["subs_id"].as_str().unwrap());
    desk.house.runtime.block_on(desk.house.boss.ask("DELETE", &path, None)).unwrap();
    callee.line.says(900);
    assert!(caller.line.hears(900));
    callee.hangs_up();
    caller.is_hung_up_on();
}

#[test]
fn both_hear_that_a_minute_is_left_and_speak_on() {
    let desk = Desk::new("AXB", &[X1]);
    desk.bind(json!({ "ttl": 600, "last_min_voice": true, "is_recording_enabled": true }));
    // the last minute begins a second after the first word
    desk.house.world.database.sql("UPDATE binding SET max_s = 61").unwrap();
    let mut caller = desk.rings(A, "02131001235");
    let mut callee = desk.house.exchange.rung();
    callee.picks_up();
    assert_eq!(caller.final_answer(), 200);
    caller.line.says(700);
    callee.line.says(900);
    let words = std::cell::RefCell::new([false, false]);
    desk.house.until("both hear the hint", || {
        for (line, own, heard) in [(&caller.line, 900, 0), (&callee.line, 700, 1)] {
            let sound = line.heard();
            let hint = sound.chunks_exact(160).any(|part| loudness(part) > 50.0 && share(part, own) < 0.5);
            words.borrow_mut()[heard] |= hint;
        }
        words.borrow().iter().all(|w| *w).then_some(())
    });
    assert!(caller.line.hears(900) && callee.line.hears(700), "they speak on");
    callee.hangs_up();
    caller.is_hung_up_on();
    let call = desk.record(|c| c["outcome"] == "answered");
    let audio = desk.house.audio(&desk.house.boss, &json!({ "id": call["call_id"] }));
    assert!(mostly(&audio[0], 700) && mostly(&audio[1], 900), "one recording of it all");
}

#[test]
fn what_a_receiver_does_not_take_comes_again_in_its_order() {
    let desk = Desk::new("AXB", &[X1]);
    let receiver = desk.receiver();
    receiver.answer(500);
    desk.bind(json!({ "ttl": 600, "user_data": "幸福" }));
    let mut caller = desk.rings(A, "02131001235");
    let mut callee = desk.house.exchange.rung();
    callee.refuses("603 Decline");
    assert_eq!(caller.final_answer(), 603);
    let call = desk.record(|c| c["outcome"] == "declined");
    assert_eq!(
        (&call["release_cause"], &call["release_dir"], &call["user_data"]),
        (&json!(21), &json!(2), &json!("幸福"))
    );
    let db = &desk.house.world.database;
    desk.house.until("the first was sent in vain, and the second waits behind it", || {
        let sql = "SELECT COUNT(*) FROM webhook_delivery WHERE schedule = 'calls' AND state = 'pending' AND tries = ";
        (db.number(&format!("{sql}1")).unwrap() == 1 && db.number(&format!("{sql}0")).unwrap() == 1).then_some(())
    });
    let wait = "SELECT next_at - since FROM webhook_delivery WHERE schedule = 'calls' AND tries = 1";
    assert!((60_000..90_000).contains(&db.number(wait).unwrap()), "a minute later");
    receiver.answer(204);
    db.sql("UPDATE webhook_delivery SET next_at = 0").unwrap();
    desk.house.until("both are taken", || (receiver.taken().len() == 2).then_some(()));
    let taken = receiver.taken();
    let kinds: Vec<Value> =
        taken.iter().map(|s| serde_json::from_str::<Value>(&s.bytes).unwrap()["type"].clone()).collect();
    assert_eq!(kinds, ["binding.call_started", "binding.call_ended"]);
    assert!(taken.iter().all(|s| s.good) && taken[1].data["outcome"] == "declined");
}

#[test]
fn who_gives_up_or_is_not_answered_leaves_nobody_ringing() {
    let desk = Desk::new("AXB", &[X1]);
    desk.bind(json!({ "ttl": 600, "call_timeout": 5 }));
    let mut caller = desk.rings(A, "02131001235");
    let mut callee = desk.house.exchange.rung();
    callee.rings();
    caller.hear("SIP/2.0 180");
    caller.cancel();
    callee.is_cancelled();
    let call = desk.record(|c| c["outcome"] == "cancelled");
    assert_eq!((&call["release_dir"], &call["call_type"]), (&json!(1), &json!(0)));
    let mut caller = desk.rings(B, "02131001235");
    let mut callee = desk.house.exchange.rung();
    callee.is_cancelled();
    assert_eq!(caller.final_answer(), 480);
    let call = desk.record(|c| c["outcome"] == "no_answer");
    assert_eq!((&call["release_dir"], &call["release_cause"]), (&json!(0), &json!(19)), "{call}");
}
