//! A customer rings the published number and reaches whoever covers the area: over the wire, with sound that is measured,
//! against an exchange of the test's own and against the simulated carrier.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "calls/app.rs"]
mod app;
#[path = "calls/app_core.rs"]
mod app_core;
#[path = "calls/app_legs.rs"]
mod app_legs;
#[path = "calls/arrives.rs"]
mod arrives;
#[path = "calls/back.rs"]
mod back;
#[path = "calls/barred.rs"]
mod barred;
#[path = "calls/desk.rs"]
mod desk;
#[path = "calls/evidence.rs"]
mod evidence;
#[allow(dead_code, reason = "the test program `bindings` uses the rest of it")]
#[path = "calls/exchange.rs"]
mod exchange;
#[path = "calls/house.rs"]
mod house;
#[path = "calls/kills.rs"]
mod kills;
#[path = "calls/numbers.rs"]
mod numbers;
#[path = "calls/outgoing.rs"]
mod outgoing;
#[path = "calls/push/mod.rs"]
mod push;
#[path = "calls/rules.rs"]
mod rules;
#[path = "calls/sealed.rs"]
mod sealed;
#[path = "calls/switch_stage.rs"]
mod switch_stage;
#[path = "calls/told.rs"]
mod told;
#[path = "calls/written.rs"]
mod written;

use exchange::{Exchange, loudness, mostly};
use house::{CUSTOMER, House, server_address};
use serde_json::{Value, json};
use std::time::Duration;
use waybell_tests::WorldOptions;
use waybell_tests::api::Api;
use waybell_tests::peers::baresip::{Baresip, Phone};
use waybell_tests::peers::{Stage, free_ports, sound};
use waybell_tests::world::DISPLAY;

const SECOND: Duration = Duration::from_secs(1);

/// Half a second at the end, without so many samples after it.
fn last(samples: &[i16], before: usize) -> &[i16] {
    let end = samples.len().saturating_sub(before);
    &samples[end.saturating_sub(4_000)..end]
}

#[test]
fn the_courier_on_duty_speaks_with_the_customer_and_neither_learns_the_others_number() {
    let house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    let rows =
        [json!({ "line": 1, "waybill_no": "YT1000000000001", "recipient_name": "王芳", "phone": CUSTOMER,
        "address": "上海市浦东新区幸福花园3号楼101" })];
    let c1 = house.sign_in("c1");
    house.runtime.block_on(c1.import(&rows)).unwrap();

    let mut customer = house.customer_rings();
    let mut courier = house.exchange.rung();
    assert_eq!(courier.number(), "13900000001");
    courier.rings();
    customer.hear("SIP/2.0 180");
    assert!(customer.final_answer_within(SECOND / 2).is_none(), "nobody pays for ringing");
    courier.picks_up();
    courier.line.heard();
    std::thread::sleep(SECOND);
    assert!(loudness(&courier.line.heard()) > 50.0, "the courier hears who it is");
    assert!(customer.final_answer_within(SECOND / 10).is_none(), "not before 1 is pressed");
    courier.press('1');
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    courier.line.says(1_100);
    std::thread::sleep(SECOND * 2);
    assert!(customer.line.hears(1_100) && courier.line.hears(700), "each hears the other");
    customer.hangs_up();
    courier.is_hung_up_on();

    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["courier"]), (&json!("answered"), &json!(house.c1)));
    assert_eq!(call["waybills"], json!(["YT1000000000001"]));
    let sound = house.audio(&house.boss, &call);
    assert_eq!(sound.len(), 2);
    assert!(sound[0].len() > 2 * 8_000 && sound[0].len() < 25 * 8_000, "{}", sound[0].len());
    assert!(mostly(&sound[0], 700), "the customer on the left");
    assert!(mostly(&sound[1], 1_100), "the courier on the right");
    assert_eq!(call["audio"]["state"], "done");
    assert_eq!(call["audio"]["sha256"].as_str().unwrap().len(), 64);

    // the explanation is a supervisor's; the courier sees the call and not the number
    let path = format!("/calls/{}", call["id"].as_str().unwrap());
    let detail = house.runtime.block_on(house.boss.get(&path)).unwrap();
    let rules: Vec<&str> =
        detail["explain"].as_array().unwrap().iter().map(|l| l["rule"].as_str().unwrap()).collect();
    assert_eq!(rules.first().copied(), Some("blocklist"));
    assert_eq!(rules.last().copied(), Some("voicemail"));
    assert_eq!(detail["tries"][0]["result"], "accepted");
    assert_eq!(detail["call"]["caller"], CUSTOMER);
    let own = house.call(&c1);
    assert_eq!(own["caller"], "+86138****0000");
    let own_detail = house.runtime.block_on(c1.get(&path)).unwrap();
    assert_eq!(own_detail["explain"], json!([]));
    // a colleague has nothing to do with it
    let c2 = house.sign_in("c2");
    assert_eq!(house.runtime.block_on(c2.get("/calls")).unwrap(), json!([]));
    for path in [path.clone(), format!("{path}/audio")] {
        assert_eq!(house.runtime.block_on(c2.send("GET", &path, None, None)).unwrap().0, 404);
    }

    // every message that either side was sent
    for text in &courier.heard {
        assert!(!text.contains("13800000000"), "the courier sees the customer's number:\n{text}");
    }
    for text in &customer.heard {
        assert!(!text.contains("13900000001"), "the customer sees the courier's number:\n{text}");
    }
    let from = exchange::header(&courier.heard[0], "From");
    assert!(from.contains(DISPLAY), "{from}");
    // nor does the log hold either
    let log = house.world.server.log();
    assert!(!log.contains("13800000000") && !log.contains("13900000001"));
}

#[test]
fn a_parcel_goes_before_the_duty_and_whoever_rang_last_before_a_parcel() {
    let house = House::new(json!({ "ring_ms": 2_000, "total_ms": 30_000, "voicemail": false }));
    house.on_duty(&house.c1, "duty");
    let c2 = house.sign_in("c2");
    let row = |n: u32, phone: &str| {
        json!({ "line": n, "waybill_no": format!("YT200000000000{n}"), "recipient_name": "王芳", "phone": phone,
            "address": "上海市浦东新区幸福花园3号楼101" })
    };
    house.runtime.block_on(c2.import(&[row(1, CUSTOMER)])).unwrap();
    let mut customer = house.customer_rings();
    let mut first = house.exchange.rung();
    assert_eq!(first.number(), "13900000002", "who has the parcel");
    first.refuses("603 Decline");
    let mut second = house.exchange.rung();
    assert_eq!(second.number(), "13900000001", "then who is on duty");
    second.refuses("486 Busy Here");
    assert_eq!(customer.final_answer(), 480);
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["courier"]), (&json!("missed"), &json!(house.c2)));

    // c1 notifies the customer about another parcel, who is busy just then, and rings back
    let c1 = house.sign_in("c1");
    let parcels = house.runtime.block_on(c1.import(&[row(2, CUSTOMER)])).unwrap();
    house.runtime.block_on(c1.notify(&parcels)).unwrap();
    let mut notice = house.exchange.rung();
    assert_eq!(notice.number(), "13800000000");
    notice.refuses("486 Busy Here");
    // withdrawn, so that the parcel says nothing
    let mut again = house.customer_rings();
    let mut affine = house.exchange.rung();
    assert_eq!(affine.number(), "13900000001", "who rang last");
    again.cancel();
    affine.is_cancelled();
    let newest = house.until("the second call is over", || {
        let calls = house.runtime.block_on(house.boss.get("/calls?outcome=missed")).unwrap();
        let calls = calls.as_array().unwrap().clone();
        (calls.len() == 2).then(|| calls.into_iter().max_by_key(|c| c["started_at"].as_i64()).unwrap())
    });
    let path = format!("/calls/{}", newest["id"].as_str().unwrap());
    let detail = house.runtime.block_on(house.boss.get(&path)).unwrap();
    let line =
        detail["explain"].as_array().unwrap().iter().find(|l| l["rule"] == "affinity").unwrap().clone();
    assert_eq!((&line["verdict"], &line["name"]), (&json!("rung"), &json!("c1")));
}

#[test]
fn busy_then_no_answer_then_a_message() {
    let house = House::new(json!({ "ring_ms": 1_500, "total_ms": 20_000 }));
    house.on_duty(&house.c1, "duty");
    house.on_duty(&house.c2, "substitute");
    let mut customer = house.customer_rings();
    let mut duty = house.exchange.rung();
    assert_eq!(duty.number(), "13900000001");
    duty.refuses("486 Busy Here");
    let mut substitute = house.exchange.rung();
    assert_eq!(substitute.number(), "13900000002");
    substitute.rings();
    substitute.is_cancelled();
    assert_eq!(customer.final_answer(), 200);
    std::thread::sleep(SECOND);
    customer.line.heard();
    std::thread::sleep(SECOND / 2);
    assert!(loudness(&customer.line.heard()) > 50.0, "the greeting");
    customer.press('5');
    // the tone is over after 300 ms; what follows is the message
    std::thread::sleep(Duration::from_millis(700));
    customer.line.says(900);
    std::thread::sleep(SECOND * 2);
    customer.line.says(0);
    std::thread::sleep(SECOND * 2);
    customer.hangs_up();
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["courier"]), (&json!("voicemail"), &json!(house.c1)));
    assert_eq!(call["audio"]["kind"], "voicemail");
    let c1 = house.sign_in("c1");
    let sound = house.audio(&c1, &call);
    assert_eq!(sound.len(), 1);
    let length = sound[0].len();
    assert!((12_000..31_000).contains(&length), "silence at the end is cut: {length} samples");
    assert!(mostly(&sound[0][..length - 4_000], 900));
    let path = format!("/calls/{}", call["id"].as_str().unwrap());
    let detail = house.runtime.block_on(house.boss.get(&path)).unwrap();
    let results: Vec<&str> =
        detail["tries"].as_array().unwrap().iter().map(|t| t["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["busy", "no_answer"]);
    // it asks for something until it is handled
    let open = |api: &Api| house.runtime.block_on(api.get("/calls?open=true&mine=true")).unwrap();
    assert_eq!(open(&c1).as_array().unwrap().len(), 1);
    let handled = house.runtime.block_on(c1.post(&format!("{path}/handled"), &json!({}))).unwrap();
    assert_eq!(handled["handled_by"], json!(house.c1));
    assert_eq!(open(&c1), json!([]));
    // a part of the file
    let part = house.runtime.block_on(async {
        let request = c1.request("GET", &format!("{path}/audio")).header("range", "bytes=0-57");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().len())
    });
    assert_eq!(part, (206, 58));
}

#[test]
fn a_message_without_speech_is_a_missed_call_and_a_telephones_own_voicemail_takes_nothing() {
    let house = House::new(json!({ "ring_ms": 3_000, "accept_ms": 1_500 }));
    house.on_duty(&house.c1, "duty");
    let mut customer = house.customer_rings();
    let mut mobile = house.exchange.rung();
    // the mobile's own voicemail answers, speaks, and presses nothing
    mobile.picks_up();
    mobile.line.says(500);
    mobile.is_hung_up_on();
    assert_eq!(customer.final_answer(), 200);
    customer.press('1');
    std::thread::sleep(SECOND * 2);
    customer.hangs_up();
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["audio"]), (&json!("missed"), &Value::Null));
    let path = format!("/calls/{}", call["id"].as_str().unwrap());
    let detail = house.runtime.block_on(house.boss.get(&path)).unwrap();
    assert_eq!(detail["tries"][0]["result"], "not_accepted");
    assert_eq!(
        house.runtime.block_on(house.boss.send("GET", &format!("{path}/audio"), None, None)).unwrap().0,
        404
    );
}

#[test]
fn who_gives_up_leaves_nobody_ringing() {
    let house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    let mut customer = house.customer_rings();
    let mut courier = house.exchange.rung();
    courier.rings();
    customer.hear("SIP/2.0 180");
    customer.cancel();
    courier.is_cancelled();
    let call = house.call(&house.boss);
    assert_eq!(call["outcome"], "missed");
    assert!(house.exchange.rung_within(SECOND).is_none());
}

#[test]
fn the_courier_hangs_up_first() {
    let house = House::new(json!({ "accept_key": false, "record": false }));
    house.on_duty(&house.c1, "duty");
    let mut customer = house.customer_rings();
    let mut courier = house.exchange.rung();
    courier.picks_up();
    // without a key the whisper is said once, then they speak
    assert_eq!(customer.final_answer(), 200);
    courier.line.says(600);
    assert!(customer.line.hears(600));
    courier.hangs_up();
    customer.is_hung_up_on();
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["audio"]), (&json!("answered"), &Value::Null));
}

#[test]
fn a_barred_caller_is_refused_and_others_are_not() {
    let house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    house.ask("PUT", "/blocklist", json!({ "phone": "138 0000 0000", "days": 3, "reason": "骚扰" }));
    let mut customer = house.customer_rings();
    assert_eq!(customer.final_answer(), 603);
    assert!(house.exchange.rung_within(SECOND).is_none());
    assert_eq!(house.call(&house.boss)["outcome"], "blocked");
    house.runtime.block_on(house.boss.ask("DELETE", "/blocklist/+8613800000000", None)).unwrap();
    let mut again = house.customer_rings();
    let mut courier = house.exchange.rung();
    again.cancel();
    courier.is_cancelled();
}

#[test]
fn riding_off_duty_and_a_handed_over_area() {
    let house = House::new(json!({ "ring_ms": 2_000 }));
    house.on_duty(&house.c1, "duty");
    let c1 = house.sign_in("c1");
    house.runtime.block_on(c1.ask("PUT", "/me/availability", Some(&json!({ "mode": "riding" })))).unwrap();
    let mut customer = house.customer_rings();
    // nobody else covers the area: voicemail at once, and it is the riding courier's
    assert_eq!(customer.final_answer(), 200);
    customer.hangs_up();
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["courier"]), (&json!("missed"), &json!(house.c1)));
    assert!(house.exchange.rung_within(SECOND / 2).is_none());
    house.ask(
        "POST",
        &format!("/areas/{}/duties", house.area),
        json!({ "courier": house.c2, "takes_over": true }),
    );
    house.runtime.block_on(c1.ask("PUT", "/me/availability", Some(&json!({ "mode": "available" })))).unwrap();
    let mut again = house.customer_rings();
    let mut courier = house.exchange.rung();
    assert_eq!(courier.number(), "13900000002");
    again.cancel();
    courier.is_cancelled();
}

#[test]
fn a_courier_who_speaks_is_busy_for_the_next_customer() {
    let house = House::new(json!({ "voicemail": false }));
    house.on_duty(&house.c1, "duty");
    let (mut customer, mut courier) = house.they_speak();
    let mut second = house.exchange.ring(server_address(&house.world), "13700000000", DISPLAY);
    assert_eq!(second.final_answer(), 480);
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "the telephone does not knock");
    customer.hangs_up();
    courier.is_hung_up_on();
    let mut third = house.exchange.ring(server_address(&house.world), "13700000000", DISPLAY);
    let mut again = house.exchange.rung();
    third.cancel();
    again.is_cancelled();
}

#[test]
fn baresip_is_the_couriers_telephone() {
    let mut stage = Stage::new().unwrap();
    let telephone = Phone {
        number: "13900000001",
        answers: true,
        transport: "udp",
        certificate: None,
        port: Some(free_ports()),
    };
    let mut baresip = Baresip::start(&stage, &telephone).unwrap();
    let trunk = format!(
        "\n[[trunk]]\nname = \"telephone\"\npeers = [\"{}\"]\npriority = 1\ncaller_ids = [\"{DISPLAY}\"]\n\
         options_seconds = 0\n",
        baresip.sip
    );
    let options = WorldOptions { trunk, ..WorldOptions::default() };
    let house = House::over(json!({}), options, Exchange::new());
    stage.also_show(&house.world.folder.path().join("server.log"));
    house.on_duty(&house.c1, "duty");
    let mut customer = house.customer_rings();
    baresip.wait_said("Call established", 1, SECOND * 20).unwrap();
    baresip.tell("sndcode", "1").unwrap();
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    std::thread::sleep(SECOND * 4);
    let heard = customer.line.heard();
    customer.hangs_up();
    baresip.wait_said("session closed", 1, SECOND * 20).unwrap();
    baresip.stop();
    let call = house.call(&house.boss);
    assert_eq!(call["outcome"], "answered");
    // what baresip says is a sound of its own
    let says = baresip.says().unwrap();
    assert!(says.len() > 12_000, "{} samples", says.len());
    let piece = says[8_000..12_000].to_vec();
    assert!(sound::find(&piece, &heard).1 > 0.9, "the customer hears the courier");
    let recorded = house.audio(&house.boss, &call);
    assert!(mostly(&recorded[0], 700), "the customer on the left");
    assert!(sound::find(&piece, &recorded[1]).1 > 0.9, "the courier on the right");
    let at_courier = baresip.heard().unwrap();
    assert!(mostly(last(&at_courier, 4_000), 700), "the courier hears the customer");
}

#[test]
fn another_organisation_sees_and_hears_nothing() {
    let house = House::with(
        json!({ "ring_ms": 1_000 }),
        WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() },
    );
    let mut customer = house.customer_rings();
    assert_eq!(customer.final_answer(), 200);
    customer.press('1');
    std::thread::sleep(Duration::from_millis(700));
    customer.line.says(900);
    std::thread::sleep(SECOND * 2);
    customer.hangs_up();
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["courier"]), (&json!("voicemail"), &Value::Null), "the branch's");
    let theirs = house.sign_in("boss-Other");
    let asks = |method: &str, path: &str, body: Option<Value>| {
        house.runtime.block_on(theirs.send(method, path, body.as_ref(), None)).unwrap()
    };
    for list in ["/calls", "/numbers", "/areas", "/blocklist"] {
        assert_eq!(asks("GET", list, None), (200, json!([])), "{list}");
    }
    let id = call["id"].as_str().unwrap();
    let number = call["number_id"].as_str().unwrap();
    let branch = call["branch"].as_str().unwrap();
    for (method, path, body) in [
        ("GET", format!("/calls/{id}"), None),
        ("GET", format!("/calls/{id}/audio"), None),
        ("POST", format!("/calls/{id}/handled"), None),
        ("POST", format!("/calls/{id}/hang-up"), None),
        ("DELETE", format!("/calls/{id}"), None),
        ("POST", "/calls".to_owned(), Some(json!({ "id": uuid::Uuid::now_v7().to_string(), "call": id }))),
        ("PATCH", format!("/numbers/{number}"), Some(json!({ "active": false }))),
        ("GET", format!("/areas/{}/duties", house.area), None),
        ("POST", format!("/areas/{}/duties", house.area), Some(json!({ "courier": house.c1 }))),
        ("PATCH", format!("/areas/{}", house.area), Some(json!({ "name": "x" }))),
        ("PUT", format!("/branches/{branch}/ring-group"), Some(json!({ "people": [] }))),
        ("DELETE", "/blocklist/+8613800000000".to_owned(), None),
    ] {
        assert_eq!(asks(method, &path, body).0, 404, "{method} {path}");
    }
    let again = json!({ "number": "021-31001234", "proof": "another letter", "proof_date": "2026-01-01" });
    assert_eq!(asks("POST", "/numbers", Some(again)).0, 409, "a number has one owner");
    // and a courier may not steer
    let c1 = house.sign_in("c1");
    let (status, _) = house.runtime.block_on(c1.send("GET", "/numbers", None, None)).unwrap();
    assert_eq!(status, 403);
}

#[test]
fn the_simulated_carrier_is_the_couriers_telephone() {
    // it presses 1 by RFC 4733 a second after its answer, and sends 400 Hz
    let carrier = "[defaults]\nbehaviour = \"press_keys\"\ndigits = \"1\"\ndigits_after_ms = 1000\nring_ms = 300\n\
                   until_end = true\naudio = \"tone\"\n";
    let exchange = Exchange::new();
    let options = WorldOptions { carrier: carrier.into(), ..WorldOptions::default() };
    let house = House::over(json!({}), options, exchange);
    house.on_duty(&house.c1, "duty");
    let mut customer = house.customer_rings();
    assert_eq!(customer.final_answer(), 200);
    customer.line.says(700);
    std::thread::sleep(SECOND);
    assert!(customer.line.hears(400));
    customer.hangs_up();
    let call = house.call(&house.boss);
    assert_eq!(call["outcome"], "answered");
    let sound = house.audio(&house.boss, &call);
    assert!(mostly(&sound[0], 700) && mostly(&sound[1], 400));
}
