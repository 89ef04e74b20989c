//! What a courier may call, what is told about it, and which number is seen.

use super::SECOND;
use super::exchange::header;
use super::house::{CUSTOMER, House, trunk};
use super::outgoing::{COURIER, calls, customer_is_rung, id, import, over, request, tries};
use serde_json::{Value, json};
use waybell_tests::WorldOptions;
use waybell_tests::world::DISPLAY;

#[test]
fn what_may_not_be_called_is_refused_in_both_languages() {
    let house = House::new(json!({}));
    let c1 = house.sign_in("c1");
    let number = |n: &str| tries(&house, &c1, &json!({ "id": id(), "number": n }));
    for (text, code) in [
        ("+1 202 555 0123", "country"),
        ("001 202 555 0123", "country"),
        ("+881 6123 45678", "barred_number"),
        ("00870 773 123456", "barred_number"),
        ("17401234567", "barred_number"),
        ("13491234567", "barred_number"),
        ("021-31001234", "own_number"),
        (COURIER, "own_number"),
        ("110", "bad_field"),
        ("10086", "bad_field"),
        ("12345", "bad_field"),
        ("alice", "bad_field"),
        ("", "bad_field"),
    ] {
        let (status, answer) = number(text);
        assert_eq!(status, 422, "{text}: {answer}");
        if answer["code"] != "bad_field" {
            assert_eq!(answer["code"], code, "{text}");
            assert!(!answer["hint"].as_str().unwrap().is_ascii(), "{answer}");
        }
    }
    // whom to ring is said once
    for body in [
        json!({ "id": id() }),
        json!({ "id": id(), "number": CUSTOMER, "call": id() }),
        json!({ "id": "x", "number": CUSTOMER }),
    ] {
        assert_eq!(tries(&house, &c1, &body).0, 422, "{body}");
    }
    for body in [json!({ "id": id(), "call": id() }), json!({ "id": id(), "parcel": id() })] {
        assert_eq!(tries(&house, &c1, &body).0, 404, "{body}");
    }
    // a person without a telephone has nothing that could be rung
    let (status, answer) = tries(&house, &house.boss, &request(&id()));
    assert_eq!((status, &answer["code"]), (409, &json!("no_telephone")));
    // a colleague's parcel
    let parcel = import(&house, &house.sign_in("c2"), "YT4000000000002", CUSTOMER);
    assert_eq!(tries(&house, &c1, &json!({ "id": id(), "parcel": parcel })).0, 404);
    // none of it has rung anybody
    assert!(house.exchange.rung_within(SECOND / 2).is_none());

    // calls and minutes a day
    let allow = |policy: Value| house.ask("PUT", "/outgoing-policy", policy);
    allow(json!({ "calls_a_day": 1 }));
    let call = id();
    calls(&house, &c1, &request(&call));
    house.exchange.rung().refuses("486 Busy Here");
    over(&house, &c1, &call);
    let refused = |code: &str| {
        let (status, answer) = tries(&house, &c1, &request(&id()));
        assert_eq!(answer["code"], code, "{status} {answer}");
    };
    refused("calls_a_day");
    allow(json!({ "minutes_a_day": 0 }));
    refused("minutes_a_day");
    allow(json!({ "enabled": false }));
    refused("switched_off");
    allow(json!({ "barred": ["+86138"] }));
    refused("barred_number");
    for wrong in [json!({ "ring_ms": 1 }), json!({ "barred": ["138"] }), json!({ "show": "mine" })] {
        let sent = house.boss.send("PUT", "/outgoing-policy", Some(&wrong), None);
        assert_eq!(house.runtime.block_on(sent).unwrap().0, 422, "{wrong}");
    }
    let body = json!({});
    let sent = c1.send("PUT", "/outgoing-policy", Some(&body), None);
    assert_eq!(house.runtime.block_on(sent).unwrap().0, 403);
}

#[test]
fn quiet_hours_and_opt_outs_are_told_and_bar_nothing() {
    let mut policy = waybell_tests::world::quick_policy();
    policy["quiet"] = json!([{ "from": "00:00", "to": "23:59" }]);
    let house = House::with(json!({}), WorldOptions { policy, ..WorldOptions::default() });
    house.ask("PUT", "/blocklist", json!({ "phone": "138 0000 0000" }));
    house.ask("PUT", "/opt-outs", json!({ "phone": "13800000000" }));
    let c1 = house.sign_in("c1");
    let call = id();
    let made = house.runtime.block_on(c1.post("/calls", &request(&call))).unwrap();
    assert_eq!(made["warnings"], json!(["quiet_hours", "opted_out"]));
    let (mut courier, mut customer) = customer_is_rung(&house);
    customer.picks_up();
    std::thread::sleep(SECOND / 2);
    courier.hangs_up();
    customer.is_hung_up_on();
    assert_eq!(over(&house, &c1, &call)["outcome"], "answered");
}

#[test]
fn a_typed_number_tells_nothing_of_colleagues_parcels() {
    let house = House::new(json!({}));
    let (c1, c2) = (house.sign_in("c1"), house.sign_in("c2"));
    import(&house, &c2, "YT4000000000005", CUSTOMER);
    let told = |waybills: Value| {
        let call = id();
        assert_eq!(calls(&house, &c1, &request(&call))["waybills"], waybills);
        house.exchange.rung().refuses("486 Busy Here");
        assert_eq!(over(&house, &c1, &call)["waybills"], waybills);
    };
    told(json!([]));
    import(&house, &c1, "YT4000000000006", CUSTOMER);
    told(json!(["YT4000000000006"]));
}

#[test]
fn the_area_s_number_is_shown_before_any_other_and_never_another_company_s() {
    let other = "+862131005678";
    let foreign = "+862131009999";
    let exchange = super::Exchange::new();
    let trunk = trunk(&exchange, 50, 50, &[foreign, other, DISPLAY]);
    let options = WorldOptions { trunk, tenants: vec!["Other"], ..WorldOptions::default() };
    let house = House::over(json!({}), options, exchange);
    // another company on this server publishes the first number of the trunk, spelled otherwise
    let theirs = house.sign_in("boss-Other");
    let number = json!({ "number": "021-31009999", "proof": "another letter", "proof_date": "2026-01-01" });
    house.runtime.block_on(theirs.post("/numbers", &number)).unwrap();
    house.on_duty(&house.c1, "duty");
    let c1 = house.sign_in("c1");
    let seen = |policy: Value| {
        house.ask("PUT", "/outgoing-policy", policy);
        let call = id();
        calls(&house, &c1, &request(&call));
        let (mut courier, mut customer) = customer_is_rung(&house);
        let from = [&courier, &customer].map(|t| header(&t.heard[0], "From").to_owned());
        customer.refuses("486 Busy Here");
        courier.is_hung_up_on();
        let told = over(&house, &c1, &call)["number"].as_str().unwrap().to_owned();
        assert!(from.iter().all(|f| f.contains(&told)), "{from:?}, told is {told}");
        told
    };
    assert_eq!(seen(json!({})), DISPLAY);
    assert_eq!(seen(json!({ "show": "company" })), other);
}
