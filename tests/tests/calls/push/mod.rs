//! Apps that have no socket are woken by their vendors' services: the engines against counterparts, and calls with the real
//! server between a customer, a courier's mobile, a vendor and an app.

mod apns;
mod engines;
mod services;
mod tokens;
mod vendors;

use super::SECOND;
use super::app::Phone;
use super::app_legs::hears;
use super::house::{CUSTOMER, House};
use super::outgoing::{COURIER, import, over};
use serde_json::{Value, json};
use vendors::{Trouble, Vendors};
use waybell_tests::WorldOptions;
use waybell_tests::api::Api;
use waybell_tests::peers::app::App;

/// A phone of Apple's.
const IPHONE: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// A house whose server takes calls over apps and wakes them.
fn house(vendors: &Vendors, policy: Value) -> House {
    let server = format!("app_calls = \"127.0.0.1:0\"\n{}", vendors.settings("push."));
    let house = House::with(policy, WorldOptions { server, ..WorldOptions::default() });
    house.on_duty(&house.c1, "duty");
    house
}

/// Tells the server where the phone of this sign-in can be woken.
fn registers(house: &House, api: &Api, vendor: &str, token: &str) {
    let body = json!({ "vendor": vendor, "token": token, "app_version": "1.4.0" });
    let told = house.runtime.block_on(api.send("PUT", "/me/push-token", Some(&body), None)).unwrap();
    assert_eq!(told.0, 204, "{}", told.1);
}

/// Waits until no call goes on: a courier is free then.
fn all_over(house: &House) {
    house.until("every call is over", || {
        let calls = house.runtime.block_on(house.boss.get("/calls")).unwrap();
        calls.as_array().unwrap().iter().all(|c| c["outcome"].is_string()).then_some(())
    });
}

/// Neither the server's log nor what vendors were told holds anything that they have no business with.
fn nothing_is_told(house: &House, vendors: &Vendors, tokens: &[&str]) {
    let log = house.world.server.log();
    for token in tokens {
        assert!(!log.contains(token), "{token} in {log}");
    }
    for pushed in vendors.pushed() {
        for secret in [&CUSTOMER[1..], &CUSTOMER[3..], COURIER, "****", "王芳", "幸福花园", "3号楼"] {
            assert!(!pushed.raw.contains(secret), "{secret} in {}", pushed.raw);
        }
        let mut keys: Vec<&str> = pushed.notice.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["call_id", "expires_at", "kind"]);
    }
}

#[test]
fn an_app_that_was_closed_is_woken_and_takes_the_call_and_the_mobile_never_rings() {
    let vendors = Vendors::start();
    let house = house(&vendors, json!({ "app_first_ms": 30_000 }));
    import(&house, &house.sign_in("c1"), "YT4000000000011", CUSTOMER);
    let phones =
        [("fcm", "fcm:APA91bEwoken"), ("apns", IPHONE), ("huawei", "IQAAAACywoken"), ("vivo", "171woken")];
    for (vendor, token) in phones {
        let api = house.sign_in("c1");
        registers(&house, &api, vendor, token);
        let before = waybell_tests::api::now_ms();
        let mut customer = house.customer_rings();
        customer.hear("SIP/2.0 180");
        let pushed = vendors.push(token, "call");
        assert_eq!(pushed.vendor, vendor);
        let left = pushed.notice["expires_at"].as_i64().unwrap() - before;
        assert!((30_000..120_000).contains(&left), "{left}");
        let mut phone = Phone::of(&house, api.clone());
        phone.connects();
        let (call, app) = phone.takes();
        assert_eq!(pushed.notice["call_id"], call);
        assert_eq!(customer.final_answer(), 200);
        customer.line.says(700);
        app.says(1_100);
        assert!(customer.line.hears(1_100) && hears(&app, 700), "each hears the other");
        phone.says(&call, "bye", json!({}));
        customer.is_hung_up_on();
        assert_eq!(over(&house, &api, &call)["outcome"], "answered");
        assert!(house.exchange.rung_within(SECOND / 2).is_none(), "the mobile never rang");
        assert_eq!(house.runtime.block_on(api.send("DELETE", "/me/push-token", None, None)).unwrap().0, 204);
    }
    assert!(
        vendors.pushed().iter().all(|p| p.notice["kind"] == "call"),
        "who has come needs no word of the end"
    );
    nothing_is_told(&house, &vendors, &["fcm:APA91bEwoken", IPHONE, "IQAAAACywoken", "171woken"]);
}

#[test]
fn a_push_that_is_lost_costs_the_mobile_nothing_and_an_app_that_comes_late_changes_nothing() {
    let vendors = Vendors::start();
    let house = house(&vendors, json!({ "app_first_ms": 1_000 }));
    let api = house.sign_in("c1");
    registers(&house, &api, "fcm", "fcm:lost");
    // lost: the vendor has it, and no phone comes
    let mut customer = house.customer_rings();
    let call = vendors.push("fcm:lost", "call").notice["call_id"].as_str().unwrap().to_owned();
    let mut mobile = house.exchange.rung();
    assert_eq!(mobile.number(), COURIER);
    mobile.picks_up();
    mobile.press('1');
    assert_eq!(customer.final_answer(), 200);
    let cancel = vendors.push("fcm:lost", "cancel");
    assert_eq!(cancel.notice["call_id"], call);
    // late: the app comes while they speak
    let mut phone = Phone::of(&house, api.clone());
    phone.connects();
    phone.says(&call, "ringing", json!({}));
    assert_eq!(phone.hears("cancel")["reason"], "elsewhere");
    customer.line.says(700);
    mobile.line.says(1_100);
    assert!(customer.line.hears(1_100) && mobile.line.hears(700), "it changes nothing");
    customer.hangs_up();
    mobile.is_hung_up_on();
    assert_eq!(over(&house, &api, &call)["outcome"], "answered");
    nothing_is_told(&house, &vendors, &["fcm:lost"]);
}

#[test]
fn an_app_that_comes_when_the_caller_has_given_up_finds_a_missed_call() {
    let vendors = Vendors::start();
    let house = house(&vendors, json!({ "app_first_ms": 30_000 }));
    let api = house.sign_in("c1");
    registers(&house, &api, "apns", IPHONE);
    let mut customer = house.customer_rings();
    let call = vendors.push(IPHONE, "call").notice["call_id"].as_str().unwrap().to_owned();
    customer.hear("SIP/2.0 180");
    customer.cancel();
    assert_eq!(over(&house, &api, &call)["outcome"], "missed");
    let body = json!({ "call_id": call, "seq": 1, "kind": "ringing" });
    let told = house
        .runtime
        .block_on(api.send("POST", &format!("/calls/{call}/signals"), Some(&body), None))
        .unwrap();
    assert_eq!(told.0, 404, "the call is over");
    let mut phone = Phone::of(&house, api.clone());
    phone.connects();
    phone.says(&call, "ringing", json!({}));
    assert_eq!(phone.hears("bye")["reason"], "gone", "and the app shows nothing but");
    let page = house.runtime.block_on(api.get("/me/calls?since=0")).unwrap();
    let seen = page["calls"].as_array().unwrap().iter().find(|c| c["id"] == call.as_str()).unwrap();
    assert_eq!(seen["outcome"], "missed");
    // what must ring on a phone is not sent to say that nothing rings
    assert!(vendors.pushed().iter().all(|p| p.vendor != "apns" || p.notice["kind"] == "call"));
    nothing_is_told(&house, &vendors, &[IPHONE]);
}

#[test]
fn a_phone_without_a_socket_is_woken_and_takes_the_call_by_requests() {
    let vendors = Vendors::start();
    let house = house(&vendors, json!({ "app_first_ms": 30_000 }));
    let api = house.sign_in("c1");
    registers(&house, &api, "huawei", "IQAAAAposts");
    let mut customer = house.customer_rings();
    let call = vendors.push("IQAAAAposts", "call").notice["call_id"].as_str().unwrap().to_owned();
    let path = format!("/calls/{call}/signals");
    let send = |body: &Value| house.runtime.block_on(api.send("POST", &path, Some(body), None)).unwrap();
    let ringing = json!({ "call_id": call, "seq": 1, "kind": "ringing" });
    let of_kind = |answer: &Value, kind: &str| {
        answer["messages"].as_array().unwrap().iter().find(|m| m["kind"] == kind).cloned()
    };
    let invite = house.until("it is told who rings", || of_kind(&send(&ringing).1, "invite"));
    assert_eq!(invite["label"], "+86138****0000");
    let app = App::new().unwrap();
    let offer = json!({ "call_id": call, "seq": 2, "kind": "answer", "sdp": app.offer().unwrap() });
    let answer = house.until("the offer is answered", || of_kind(&send(&offer).1, "answer"));
    app.answered(answer["sdp"].as_str().unwrap()).unwrap();
    app.connects().unwrap();
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    app.says(1_100);
    assert!(customer.line.hears(1_100) && hears(&app, 700));
    assert!(house.exchange.rung_within(SECOND / 2).is_none());
    customer.hangs_up();
    assert_eq!(over(&house, &api, &call)["outcome"], "answered");
}

#[test]
fn a_vendor_that_is_not_well_is_asked_again_and_one_that_refuses_has_the_mobile_ring_at_once() {
    let vendors = Vendors::start();
    // no courier's mobile rings for so long unless no app can come
    let house = house(&vendors, json!({ "app_first_ms": 60_000, "voicemail": false }));
    let api = house.sign_in("c1");
    registers(&house, &api, "fcm", "fcm:again");
    let down = || Trouble::Answer(503, json!({ "error": { "code": 503, "status": "UNAVAILABLE" } }));
    vendors.trouble("fcm", [down(), Trouble::After(429, json!({}), 1), down()]);
    let mut customer = house.customer_rings();
    vendors.push("fcm:again", "call");
    assert_eq!(vendors.look(|s| s.asked["fcm"]), 4);
    customer.cancel();
    vendors.push("fcm:again", "cancel");
    all_over(&house);

    // the project is gone: nobody is woken
    vendors.trouble(
        "fcm",
        [Trouble::Answer(403, json!({ "error": { "code": 403, "status": "PERMISSION_DENIED" } }))],
    );
    let mut customer = house.customer_rings();
    let mut mobile = house.exchange.rung();
    mobile.picks_up();
    mobile.press('1');
    assert_eq!(customer.final_answer(), 200);
    customer.hangs_up();
    mobile.is_hung_up_on();
    all_over(&house);

    // it takes the connection and says nothing: the mobile waits no longer than for any app, and is what ends the trying
    house.ask("PUT", "/inbound-policy", json!({ "app_first_ms": 1_000, "voicemail": false }));
    vendors.trouble("fcm", std::iter::repeat_n(Trouble::Silence, 9));
    let mut customer = house.customer_rings();
    let mut mobile = house.exchange.rung();
    mobile.picks_up();
    mobile.press('1');
    assert_eq!(customer.final_answer(), 200);
    customer.hangs_up();
    mobile.is_hung_up_on();
    nothing_is_told(&house, &vendors, &["fcm:again"]);
}
