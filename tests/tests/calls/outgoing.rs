//! A courier calls a customer: their own telephone first, then the customer's; both see a number of the company.

use super::SECOND;
use super::exchange::{Telephone, header, loudness, mostly, share};
use super::house::{CUSTOMER, House};
use serde_json::{Value, json};
use std::time::Duration;
use waybell_tests::WorldOptions;
use waybell_tests::api::Api;
use waybell_tests::world::DISPLAY;

/// The customer's number as it is dialled, and c1's.
pub(crate) const DIALLED: &str = "13800000000";
pub(crate) const COURIER: &str = "13900000001";

pub(crate) fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

pub(crate) fn request(id: &str) -> Value {
    json!({ "id": id, "number": "138 0000 0000" })
}

/// Asks for a call to the customer.
pub(crate) fn calls(house: &House, courier: &Api, body: &Value) -> Value {
    house.runtime.block_on(courier.post("/calls", body)).unwrap()["call"].clone()
}

/// The answer to a request that may be refused.
pub(crate) fn tries(house: &House, courier: &Api, body: &Value) -> (u16, Value) {
    house.runtime.block_on(courier.send("POST", "/calls", Some(body), None)).unwrap()
}

/// The courier takes the call and the customer is rung.
pub(crate) fn customer_is_rung(house: &House) -> (Telephone, Telephone) {
    let mut courier = house.exchange.rung();
    assert_eq!(courier.number(), COURIER);
    courier.picks_up();
    courier.press('1');
    let customer = house.exchange.rung();
    assert_eq!(customer.number(), DIALLED);
    (courier, customer)
}

/// The call once it is over.
pub(crate) fn over(house: &House, api: &Api, id: &str) -> Value {
    house.until("the call is over", || {
        let call = house.runtime.block_on(api.get(&format!("/calls/{id}"))).unwrap()["call"].clone();
        call["outcome"].is_string().then_some(call)
    })
}

pub(crate) fn import(house: &House, courier: &Api, waybill: &str, phone: &str) -> String {
    let row = json!({ "line": 1, "waybill_no": waybill, "recipient_name": "王芳", "phone": phone,
        "address": "上海市浦东新区幸福花园3号楼101" });
    house.runtime.block_on(courier.import(&[row])).unwrap().pop().unwrap()
}

#[test]
fn they_speak_and_neither_learns_the_others_number() {
    let house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    let c1 = house.sign_in("c1");
    let parcel = import(&house, &c1, "YT4000000000001", CUSTOMER);
    let call = id();
    let made = calls(&house, &c1, &json!({ "id": call, "parcel": parcel }));
    assert_eq!((&made["direction"], &made["outcome"]), (&json!("outgoing"), &Value::Null));
    assert_eq!(made["waybills"], json!(["YT4000000000001"]));

    let mut courier = house.exchange.rung();
    assert_eq!(courier.number(), COURIER, "their own telephone first");
    courier.rings();
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "the customer waits for nobody");
    courier.picks_up();
    courier.line.heard();
    std::thread::sleep(SECOND);
    assert!(loudness(&courier.line.heard()) > 50.0, "the courier hears what it is about");
    courier.press('5');
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "not before 1 is pressed");
    courier.press('1');
    let mut customer = house.exchange.rung();
    assert_eq!(customer.number(), DIALLED);
    customer.rings();
    assert!(courier.line.hears(450), "the courier hears it ring");
    customer.picks_up();
    customer.line.says(700);
    courier.line.says(1_100);
    std::thread::sleep(SECOND * 2);
    assert!(customer.line.hears(1_100) && courier.line.hears(700), "each hears the other");
    customer.hangs_up();
    courier.is_hung_up_on();

    let told = over(&house, &c1, &call);
    assert_eq!((&told["outcome"], &told["courier"]), (&json!("answered"), &json!(house.c1)));
    assert_eq!((&told["number"], &told["caller"]), (&json!(DISPLAY), &json!("+86138****0000")));
    assert_eq!(over(&house, &house.boss, &call)["caller"], CUSTOMER);
    let sound = house.audio(&house.boss, &told);
    assert_eq!((sound.len(), &told["audio"]["state"]), (2, &json!("done")));
    for (side, own, other) in [(0, 700, 1_100), (1, 1_100, 700)] {
        // the customer on the left
        assert!(mostly(&sound[side], own), "channel {side}");
        let found = sound[side].chunks_exact(2_000).any(|w| share(w, other) > 0.8);
        assert!(!found, "the other side's sound in channel {side}");
    }
    let detail = house.runtime.block_on(house.boss.get(&format!("/calls/{call}"))).unwrap();
    assert_eq!(detail["tries"][0]["result"], "accepted");

    // every message that either side was sent, and what they see
    for (telephone, others) in [(&courier, DIALLED), (&customer, COURIER)] {
        for text in &telephone.heard {
            assert!(!text.contains(others), "the other's number:\n{text}");
        }
        let from = header(&telephone.heard[0], "From");
        assert!(from.contains(DISPLAY), "{from}");
    }
    let log = house.world.server.log();
    assert!(!log.contains(DIALLED) && !log.contains(COURIER));
    // a colleague has nothing to do with it, nor has a stranger's page
    let c2 = house.sign_in("c2");
    for (method, path) in [
        ("GET", format!("/calls/{call}")),
        ("POST", format!("/calls/{call}/hang-up")),
        ("DELETE", format!("/calls/{call}")),
    ] {
        assert_eq!(house.runtime.block_on(c2.send(method, &path, None, None)).unwrap().0, 404, "{method}");
    }
    let both = |query: &str| {
        let calls = house.runtime.block_on(c1.get(&format!("/calls?direction={query}"))).unwrap();
        calls.as_array().unwrap().len()
    };
    assert_eq!((both("outgoing"), both("incoming")), (1, 0));

    // who rings back reaches this courier, whoever is on duty now
    house.ask(
        "POST",
        &format!("/areas/{}/duties", house.area),
        json!({ "courier": house.c2, "takes_over": true }),
    );
    let mut back = house.customer_rings();
    let mut rung = house.exchange.rung();
    assert_eq!(rung.number(), COURIER);
    back.cancel();
    rung.is_cancelled();
}

#[test]
fn a_request_that_comes_twice_is_one_call_and_a_courier_has_one_at_a_time() {
    let house = House::new(json!({}));
    let c1 = house.sign_in("c1");
    let (call, other) = (id(), id());
    // ten at once, with and without a key
    let answers = house.runtime.block_on(async {
        let body = request(&call);
        let asked = (0..10).map(|n| {
            let (c1, body) = (c1.clone(), body.clone());
            let key = (n % 2 == 0).then(|| format!("key-of-{call}"));
            async move { c1.send("POST", "/calls", Some(&body), key.as_deref()).await.unwrap() }
        });
        futures::future::join_all(asked).await
    });
    for (status, answer) in answers {
        assert_eq!((status, &answer["call"]["id"]), (201, &json!(call)), "{answer}");
    }
    let (status, answer) = tries(&house, &c1, &request(&other));
    assert_eq!((status, &answer["code"]), (409, &json!("in_call")));
    assert_eq!(answer["hint"], "您正在通话中");
    let (mut courier, mut customer) = customer_is_rung(&house);
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "one call");
    // somebody else's id is taken
    let c2 = house.sign_in("c2");
    assert_eq!(tries(&house, &c2, &request(&call)).0, 409);
    // a customer who rings now does not break in
    house.on_duty(&house.c1, "duty");
    customer.picks_up();
    std::thread::sleep(SECOND / 2);
    courier.hangs_up();
    customer.is_hung_up_on();
    assert_eq!(over(&house, &c1, &call)["outcome"], "answered");
    // the same request long after is still that call
    let (status, answer) = tries(&house, &c1, &request(&call));
    assert_eq!((status, &answer["call"]["outcome"]), (201, &json!("answered")));
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "nobody is rung again");
    calls(&house, &c1, &request(&other));
    let mut again = house.exchange.rung();
    again.refuses("486 Busy Here");
    assert_eq!(over(&house, &c1, &other)["outcome"], "courier_away");
}

#[test]
fn why_nobody_speaks_is_heard_and_kept() {
    let house = House::new(json!({}));
    house.ask("PUT", "/outgoing-policy", json!({ "customer_ring_ms": 1_500 }));
    let c1 = house.sign_in("c1");
    for (answer, outcome) in [
        (Some("486 Busy Here"), "busy"),
        (Some("603 Decline"), "declined"),
        (Some("480 Temporarily Unavailable"), "no_answer"),
        (Some("404 Not Found"), "failed"),
        (None, "no_answer"),
    ] {
        let call = id();
        calls(&house, &c1, &request(&call));
        let (mut courier, mut customer) = customer_is_rung(&house);
        match answer {
            Some(status) => customer.refuses(status),
            None => customer.is_cancelled(),
        }
        courier.line.heard();
        std::thread::sleep(SECOND);
        assert!(loudness(&courier.line.heard()) > 50.0, "{outcome}: the courier hears why");
        courier.is_hung_up_on();
        let told = over(&house, &c1, &call);
        assert_eq!((&told["outcome"], &told["audio"]), (&json!(outcome), &Value::Null));
    }
}

#[test]
fn a_courier_who_does_not_take_it_has_nobody_rung() {
    let house = House::new(json!({}));
    house.ask("PUT", "/outgoing-policy", json!({ "ring_ms": 1_500, "accept_ms": 1_500 }));
    let c1 = house.sign_in("c1");
    type Does = fn(&mut Telephone);
    let deeds: [(&str, Does); 4] = [
        ("busy", |c| c.refuses("486 Busy Here")),
        ("rings on", Telephone::is_cancelled),
        ("its own voicemail", |c| {
            c.picks_up();
            c.is_hung_up_on();
        }),
        ("changes their mind", |c| {
            c.picks_up();
            c.hangs_up();
        }),
    ];
    for (what, does) in deeds {
        let call = id();
        calls(&house, &c1, &request(&call));
        let mut courier = house.exchange.rung();
        assert_eq!(courier.number(), COURIER);
        does(&mut courier);
        assert_eq!(over(&house, &c1, &call)["outcome"], "courier_away", "{what}");
        assert!(house.exchange.rung_within(SECOND / 5).is_none(), "{what}: the customer is rung");
    }
}

#[test]
fn either_side_and_the_app_can_end_it_at_any_time() {
    let house = House::new(json!({}));
    let c1 = house.sign_in("c1");
    let ends = |method: &str, path: String| house.runtime.block_on(c1.ask(method, &path, None)).unwrap();
    // while the courier's telephone rings
    let call = id();
    calls(&house, &c1, &request(&call));
    let mut courier = house.exchange.rung();
    courier.rings();
    ends("DELETE", format!("/calls/{call}"));
    courier.is_cancelled();
    assert_eq!(over(&house, &c1, &call)["outcome"], "cancelled");
    // a second time changes nothing
    assert_eq!(ends("DELETE", format!("/calls/{call}"))["outcome"], "cancelled");
    // while the customer's rings
    let call = id();
    calls(&house, &c1, &request(&call));
    let (mut courier, mut customer) = customer_is_rung(&house);
    customer.rings();
    ends("POST", format!("/calls/{call}/hang-up"));
    customer.is_cancelled();
    courier.is_hung_up_on();
    assert_eq!(over(&house, &c1, &call)["outcome"], "cancelled");
    // the courier gives up while it rings
    let call = id();
    calls(&house, &c1, &request(&call));
    let (mut courier, mut customer) = customer_is_rung(&house);
    customer.rings();
    courier.hangs_up();
    customer.is_cancelled();
    assert_eq!(over(&house, &c1, &call)["outcome"], "cancelled");
    // while they speak
    let call = id();
    calls(&house, &c1, &request(&call));
    let (mut courier, mut customer) = customer_is_rung(&house);
    customer.picks_up();
    std::thread::sleep(SECOND / 2);
    ends("DELETE", format!("/calls/{call}"));
    customer.is_hung_up_on();
    courier.is_hung_up_on();
    assert_eq!(over(&house, &c1, &call)["outcome"], "answered");
    // both at once: their BYEs cross
    let call = id();
    calls(&house, &c1, &request(&call));
    let (mut courier, mut customer) = customer_is_rung(&house);
    customer.picks_up();
    std::thread::sleep(SECOND / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| customer.hangs_up());
        scope.spawn(|| courier.hangs_up());
    });
    assert_eq!(over(&house, &c1, &call)["outcome"], "answered");
    // and nothing is kept busy
    assert_eq!(tries(&house, &c1, &request(&id())).0, 201);
    house.exchange.rung().refuses("486 Busy Here");
}

#[test]
fn who_left_a_message_is_called_back_without_their_number() {
    let house = House::new(json!({ "ring_ms": 1_000, "total_ms": 2_000, "voicemail": false }));
    house.on_duty(&house.c1, "duty");
    let mut customer = house.customer_rings();
    let mut courier = house.exchange.rung();
    courier.refuses("486 Busy Here");
    assert_eq!(customer.final_answer(), 480);
    let missed = house.call(&house.boss);
    let c1 = house.sign_in("c1");
    let asks = || house.runtime.block_on(c1.get("/calls?open=true")).unwrap().as_array().unwrap().len();
    assert_eq!(asks(), 1);
    let call = id();
    calls(&house, &c1, &json!({ "id": call, "call": missed["id"] }));
    let (mut courier, mut customer) = customer_is_rung(&house);
    assert!(header(&customer.heard[0], "From").contains(DISPLAY), "the number that was rung");
    customer.picks_up();
    std::thread::sleep(SECOND / 2);
    customer.hangs_up();
    courier.is_hung_up_on();
    over(&house, &c1, &call);
    assert_eq!(asks(), 0, "they have spoken: the missed call is handled");
}

#[test]
fn who_was_called_and_spoke_is_not_told_by_a_machine_again() {
    let mut policy = waybell_tests::world::quick_policy();
    policy["retry"]["gaps"]["busy"] = 6_000.into();
    let house = House::with(json!({}), WorldOptions { policy, ..WorldOptions::default() });
    let c1 = house.sign_in("c1");
    let parcel = import(&house, &c1, "YT4000000000003", CUSTOMER);
    house.runtime.block_on(c1.notify(std::slice::from_ref(&parcel))).unwrap();
    let mut notice = house.exchange.rung();
    notice.refuses("486 Busy Here");
    let call = id();
    calls(&house, &c1, &json!({ "id": call, "parcel": parcel }));
    let (mut courier, mut customer) = customer_is_rung(&house);
    customer.picks_up();
    std::thread::sleep(SECOND / 2);
    customer.hangs_up();
    courier.is_hung_up_on();
    let reason = house.until("the retry is dropped", || {
        let page = house.runtime.block_on(c1.get("/sync")).unwrap();
        page["recipients"][0]["suppressed"].as_str().map(str::to_owned)
    });
    assert_eq!(reason, "called_back");
    assert!(house.exchange.rung_within(SECOND).is_none(), "nobody is rung any more");
}

#[test]
fn an_extension_is_keyed_into_the_menu_before_they_speak() {
    let options = WorldOptions {
        server: "[extension]\nafter_ms = 300\nend = \"#\"\n".into(),
        ..WorldOptions::default()
    };
    let house = House::with(json!({}), options);
    let c1 = house.sign_in("c1");
    let parcel = import(&house, &c1, "YT4000000000004", "13800000000转1234");
    let call = id();
    calls(&house, &c1, &json!({ "id": call, "parcel": parcel }));
    let (mut courier, mut customer) = customer_is_rung(&house);
    customer.picks_up();
    customer.line.says(700);
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(courier.line.hears(700), "put through once it is keyed");
    customer.hangs_up();
    courier.is_hung_up_on();
    assert_eq!(over(&house, &c1, &call)["outcome"], "answered");
}

#[test]
fn a_server_that_dies_at_any_step_leaves_nobody_on_a_line() {
    for point in [
        "outgoing.stored",
        "outgoing.courier_rung",
        "outgoing.courier_answered",
        "outgoing.customer_rung",
        "outgoing.customer_answered",
        "outgoing.bridged",
    ] {
        let options = WorldOptions { crash: Some(point.to_owned()), ..WorldOptions::default() };
        let mut house = House::with(json!({}), options);
        let c1 = house.sign_in("c1");
        let call = id();
        // the answer may be lost with the server
        let _ = house.runtime.block_on(c1.send("POST", "/calls", Some(&request(&call)), None));
        let (mut courier, mut customer) = (None, None);
        if point == "outgoing.courier_rung" {
            courier = house.exchange.rung_within(SECOND * 3);
        } else if point != "outgoing.stored" {
            let mut rung = house.exchange.rung();
            rung.picks_up_unheard();
            if point != "outgoing.courier_answered" {
                rung.hear("ACK");
                rung.press('1');
                let patience = if point == "outgoing.customer_rung" { SECOND * 3 } else { SECOND * 20 };
                customer = house.exchange.rung_within(patience);
                if point != "outgoing.customer_rung" {
                    customer.as_mut().expect("the customer is rung").picks_up_unheard();
                }
            }
            courier = Some(rung);
        }
        house.dies_and_starts_again(point);
        // each telephone is quiet again
        match courier.as_mut() {
            Some(courier) if point == "outgoing.courier_rung" => courier.is_cancelled(),
            Some(courier) => courier.is_hung_up_on(),
            None => {}
        }
        match customer.as_mut() {
            Some(customer) if point == "outgoing.customer_rung" => customer.is_cancelled(),
            Some(customer) => customer.is_hung_up_on(),
            None => {}
        }
        let c1 = c1.at(&house.world.server.url);
        assert_eq!(over(&house, &c1, &call)["outcome"], "interrupted", "{point}");
        // the same request is still that call, and nobody is rung again; a new one is made
        let (status, answer) = tries(&house, &c1, &request(&call));
        assert_eq!((status, &answer["call"]["outcome"]), (201, &json!("interrupted")), "{point}");
        assert!(house.exchange.rung_within(SECOND / 2).is_none(), "{point}: nobody is rung again");
        assert_eq!(tries(&house, &c1, &request(&id())).0, 201, "{point}");
        house.exchange.rung().refuses("486 Busy Here");
    }
}
