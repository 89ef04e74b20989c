//! The server dies: what was bound is bound, nobody is left on the line, and every call's record is told.

use super::desk::{A, B, Desk, X1, options};
use super::{SECOND, json};
use serde_json::Value;
use waybell_tests::WorldOptions;

#[test]
fn between_binding_and_call_and_during_a_call() {
    let mut desk = Desk::new("AXB", &[X1]);
    let receiver = desk.receiver();
    let request = desk.request(json!({ "ttl": 600, "is_recording_enabled": true, "request_id": "r-1" }));
    let bound = desk.house.ask("POST", "/bindings", request.clone());
    desk.house.again();
    // the same request after the kill gets the same answer
    assert_eq!(desk.house.ask("POST", "/bindings", request), bound);
    let mut caller = desk.rings(A, "02131001235");
    let mut callee = desk.house.exchange.rung();
    callee.rings();
    callee.picks_up();
    assert_eq!(caller.final_answer(), 200);
    caller.line.says(700);
    callee.line.says(900);
    assert!(caller.line.hears(900) && callee.line.hears(700));
    std::thread::sleep(SECOND * 3);
    desk.house.again();
    caller.is_hung_up_on();
    callee.is_hung_up_on();
    // once its recording was put right
    let call = desk.record(|c| c["outcome"] == "interrupted" && c["record_url"].is_string());
    assert_eq!((&call["release_dir"], &call["release_cause"]), (&json!(0), &json!(41)));
    assert!(call["duration"].as_i64().unwrap() >= 2, "{call}");
    // told, once its recording was put right
    let told = desk.house.until("the record is told", || {
        let seen = receiver.taken();
        seen.iter().find(|s| s.bytes.contains("binding.call_ended")).map(|s| (s.good, s.data.clone()))
    });
    assert!(told.0, "signed");
    assert_eq!((&told.1["outcome"], &told.1["call_id"]), (&json!("interrupted"), &call["call_id"]));
    assert!(told.1["record_url"].is_string(), "{}", told.1);
    let kinds: Vec<String> = receiver.taken().iter().map(kind).collect();
    assert_eq!(kinds, ["call_started", "call_ringing", "call_answered", "call_ended"]);
}

fn kind(seen: &super::receiver::Seen) -> String {
    let body: Value = serde_json::from_str(&seen.bytes).unwrap();
    body["type"].as_str().unwrap().trim_start_matches("binding.").to_owned()
}

#[test]
fn at_any_step_of_a_call() {
    for point in
        ["bound.callee_rung", "bound.callee_answered", "bound.answered", "bound.bridged", "bound.closed"]
    {
        let options = WorldOptions { crash: Some(point.to_owned()), ..options() };
        let mut desk = Desk::with("AXB", &[X1], options);
        let receiver = desk.receiver();
        desk.bind(json!({ "ttl": 600 }));
        let mut caller = desk.rings(B, "02131001235");
        let patience = if point == "bound.callee_rung" { SECOND * 3 } else { SECOND * 20 };
        let mut rung = desk.house.exchange.rung_within(patience);
        if point != "bound.callee_rung" {
            rung.as_mut().expect("the callee is rung").picks_up_unheard();
        }
        let mut answered = false;
        if ["bound.bridged", "bound.closed"].contains(&point) {
            assert_eq!(caller.final_answer(), 200, "{point}");
            answered = true;
        }
        if point == "bound.closed" {
            std::thread::sleep(SECOND / 2);
            caller.hangs_up();
            rung.as_mut().unwrap().is_hung_up_on();
        }
        desk.house.dies_and_starts_again(point);
        if point != "bound.closed" {
            match rung.as_mut() {
                Some(callee) if point == "bound.callee_rung" => callee.is_cancelled(),
                Some(callee) => callee.is_hung_up_on(),
                None => {}
            }
            if !answered && caller.final_answer() == 200 {
                answered = true;
            }
            if answered {
                caller.is_hung_up_on();
            }
        }
        let expected = if point == "bound.closed" { "answered" } else { "interrupted" };
        desk.record(|c| c["outcome"] == expected);
        assert!(desk.house.exchange.rung_within(SECOND / 2).is_none(), "{point}: nobody is rung again");
        desk.house.until("the record is told", || {
            let ended = receiver.taken().iter().filter(|s| kind(s) == "call_ended").count();
            (ended >= 1).then_some(())
        });
        let told: Vec<_> = receiver.taken().into_iter().filter(|s| kind(s) == "call_ended").collect();
        assert!(
            told.iter().all(|s| s.id == told[0].id && s.good),
            "{point}: one record, however often it is sent"
        );
        assert_eq!(told[0].data["outcome"], expected, "{point}");
    }
}

#[test]
fn at_a_bind_it_is_bound_or_it_is_not() {
    for (point, left) in [("binding.made", 0), ("binding.stored", 1)] {
        let options = WorldOptions { crash: Some(point.to_owned()), ..options() };
        let mut desk = Desk::with("AXB", &[X1], options);
        let request = desk.request(json!({ "ttl": 600, "request_id": "once" }));
        let sent = desk.house.boss.send("POST", "/bindings", Some(&request), None);
        assert!(desk.house.runtime.block_on(sent).is_err(), "{point}: no answer");
        desk.house.dies_and_starts_again(point);
        assert_eq!(desk.get("/bindings").as_array().unwrap().len(), left, "{point}");
        // asked again, it is one
        let bound = desk.house.ask("POST", "/bindings", request);
        let all = desk.get("/bindings");
        assert_eq!((all.as_array().unwrap().len(), &all[0]["subs_id"]), (1, &bound["subs_id"]), "{point}");
    }
}
