//! AXE: an extension behind the number, or keyed after the answer in each way that keys come.

use super::desk::{A, B, Desk, X1};
use super::exchange::loudness;
use super::house::server_address;
use super::{SECOND, json};
use serde_json::Value;

const STRANGER: &str = "+8613700000099";

fn extension(desk: &Desk) -> String {
    let bound = desk.bind(json!({ "ttl": 600, "phone_no_b": "" }));
    assert_eq!((&bound["secret_no"], &bound["phone_no_b"]), (&json!(X1), &Value::Null));
    let extension = bound["extension"].as_str().unwrap().to_owned();
    assert_eq!(extension.len(), 4);
    extension
}

#[test]
fn behind_the_number_it_rings_at_once_and_a_rings_back() {
    let desk = Desk::new("AXE", &[X1]);
    let extension = extension(&desk);
    // nobody to ring back yet
    let mut early = desk.rings(A, "02131001235");
    assert_eq!(early.final_answer(), 200);
    early.is_hung_up_on();
    desk.record(|c| c["unconnected_cause"] == 4 && c["phone_no"] == A);
    for dialled in [format!("02131001235{extension}"), format!("+862131001235,{extension}")] {
        let mut caller = desk.rings(STRANGER, &dialled);
        let mut a = desk.house.exchange.rung();
        assert_eq!(format!("+86{}", a.number()), A);
        a.picks_up();
        assert_eq!(caller.final_answer(), 200);
        caller.line.says(700);
        a.line.says(900);
        assert!(a.line.hears(700) && caller.line.hears(900), "{dialled}");
        caller.hangs_up();
        a.is_hung_up_on();
    }
    let call = desk.record(|c| c["outcome"] == "answered");
    assert_eq!(
        (&call["phone_no"], &call["peer_no"], &call["call_type"]),
        (&json!(A), &json!(STRANGER), &json!(1))
    );
    assert_eq!((&call["release_dir"], &call["secret_no"]), (&json!(1), &json!(X1)));
    // who spoke last
    let mut back = desk.rings(A, "02131001235");
    let mut stranger = desk.house.exchange.rung();
    assert_eq!(format!("+86{}", stranger.number()), STRANGER);
    stranger.refuses("603 Decline");
    assert_eq!(back.final_answer(), 603);
    for text in back.heard.iter().chain(&stranger.heard) {
        assert!(!text.contains(if text.contains(&A[3..]) { &STRANGER[3..] } else { "no number" }), "{text}");
    }
    // whom A was given beforehand goes first
    let subs = desk.get("/bindings")[0]["subs_id"].as_str().unwrap().to_owned();
    desk.house.ask("PATCH", &format!("/bindings/{subs}"), json!({ "phone_no_b": B }));
    let mut back = desk.rings(A, "02131001235");
    let mut b = desk.house.exchange.rung();
    assert_eq!(format!("+86{}", b.number()), B);
    b.refuses("486 Busy Here");
    assert_eq!(back.final_answer(), 486);
}

#[test]
fn keyed_after_the_answer_as_events_as_tones_and_as_info() {
    let desk = Desk::new("AXE", &[X1]);
    let extension = extension(&desk);
    for way in ["events", "tones", "info"] {
        let to = server_address(&desk.house.world);
        let mut caller = match way {
            "events" => desk.house.exchange.ring_with_events(to, STRANGER, "02131001235"),
            _ => desk.house.exchange.ring(to, STRANGER, "02131001235"),
        };
        assert_eq!(caller.final_answer(), 200);
        let prompt = |caller: &super::exchange::Telephone| {
            (0..40).any(|_| {
                std::thread::sleep(SECOND / 10);
                loudness(&caller.line.heard()) > 50.0
            })
        };
        assert!(prompt(&caller), "{way}: the extension is asked for");
        match way {
            "info" => extension.chars().for_each(|key| caller.press(key)),
            _ => caller.line.keys(&extension),
        }
        let mut a = desk.house.exchange.rung();
        assert_eq!(format!("+86{}", a.number()), A, "{way}");
        a.rings();
        assert!(caller.line.hears(450), "{way}: the ringing tone");
        a.picks_up();
        caller.line.says(700);
        a.line.says(900);
        assert!(a.line.hears(700) && caller.line.hears(900), "{way}");
        a.hangs_up();
        caller.is_hung_up_on();
        for text in &caller.heard {
            assert!(!text.contains(&A[3..]), "{way}: the caller sees A:\n{text}");
        }
        for text in &a.heard {
            assert!(!text.contains(&STRANGER[3..]), "{way}: A sees the caller:\n{text}");
        }
    }
    // busy, after the answer: told, and let go
    let mut caller = desk.rings(STRANGER, "02131001235");
    assert_eq!(caller.final_answer(), 200);
    extension.chars().for_each(|key| caller.press(key));
    desk.house.exchange.rung().refuses("486 Busy Here");
    caller.is_hung_up_on();
    let call = desk.record(|c| c["outcome"] == "busy");
    assert_eq!((&call["phone_no"], &call["release_cause"]), (&json!(A), &json!(17)));
}

#[test]
fn three_tries_at_an_extension_that_nobody_has() {
    let desk = Desk::new("AXE", &[X1]);
    let extension = extension(&desk);
    let wrong = if extension == "0000" { "1111" } else { "0000" };
    let mut caller = desk.rings(STRANGER, &format!("02131001235{wrong}"));
    assert_eq!(caller.final_answer(), 200, "one that is dialled and is nobody's is asked for");
    for _ in 0..3 {
        wrong.chars().for_each(|key| caller.press(key));
    }
    caller.is_hung_up_on();
    let call = desk.record(|c| c["outcome"] == "refused");
    assert_eq!((&call["unconnected_cause"], &call["call_type"]), (&json!(2), &json!(4)), "{call}");
    assert!(desk.house.exchange.rung_within(SECOND / 2).is_none());
    // a number that is asked for in vain while its caller hangs up
    let mut caller = desk.rings(STRANGER, "02131001235");
    assert_eq!(caller.final_answer(), 200);
    caller.press(extension.chars().next().unwrap());
    caller.hangs_up();
    let call = desk.record(|c| c["outcome"] == "cancelled");
    assert_eq!((&call["release_dir"], &call["subs_id"]), (&json!(1), &Value::Null), "{call}");
}
