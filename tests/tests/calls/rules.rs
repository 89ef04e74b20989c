//! What bounds calls that come in, and what a list of them promises while it changes.

use super::SECOND;
use super::house::{CUSTOMER, House, server_address, trunk};
use serde_json::{Value, json};
use waybell_tests::WorldOptions;
use waybell_tests::api::now_ms;
use waybell_tests::world::DISPLAY;

#[test]
fn one_number_has_so_many_calls_at_once_and_so_many_a_minute() {
    let house = House::new(json!({ "caller_calls": 1, "caller_calls_a_minute": 3, "ring_ms": 10_000 }));
    house.on_duty(&house.c1, "duty");
    let mut first = house.customer_rings();
    let mut courier = house.exchange.rung();
    courier.rings();
    // the same number once more, in another spelling
    let mut second = house.exchange.ring(server_address(&house.world), "13800000000", DISPLAY);
    assert_eq!(second.final_answer(), 486);
    // somebody else is taken, and hears that the courier is busy
    let mut other = house.exchange.ring(server_address(&house.world), "13700000000", DISPLAY);
    assert_eq!(other.final_answer(), 200);
    other.hangs_up();
    first.cancel();
    courier.is_cancelled();
    let all_over = || {
        house.until("every call is over", || {
            let calls = house.runtime.block_on(house.boss.get("/calls")).unwrap();
            calls.as_array().unwrap().iter().all(|c| c["outcome"].is_string()).then_some(())
        });
    };
    for _ in 0..2 {
        all_over();
        let mut again = house.customer_rings();
        let mut courier = house.exchange.rung();
        again.cancel();
        courier.is_cancelled();
    }
    all_over();
    assert_eq!(house.customer_rings().final_answer(), 486, "three a minute");
    let calls = house.runtime.block_on(house.boss.get("/calls")).unwrap();
    assert_eq!(calls.as_array().unwrap().len(), 4, "what is refused fills no table");
}

#[test]
fn a_full_disk_stops_recordings_and_every_call_says_so() {
    // a floor that no disk has
    let options =
        WorldOptions { server: "disk_floor_mb = 1_000_000_000\n".into(), ..WorldOptions::default() };
    let house = House::with(json!({ "ring_ms": 1_500 }), options);
    house.on_duty(&house.c1, "duty");
    let page = |wanted: &str| {
        house.until("the disk is seen", || {
            let page = house.runtime.block_on(async {
                let url = format!("{}/metrics", house.world.server.url);
                reqwest::get(url).await.unwrap().text().await.unwrap()
            });
            page.contains(wanted).then_some(())
        });
    };
    page("waybell_disk_low 1");
    let (mut customer, mut courier) = house.they_speak();
    std::thread::sleep(SECOND);
    customer.hangs_up();
    courier.is_hung_up_on();
    let call = house.call(&house.boss);
    assert_eq!((&call["outcome"], &call["audio"]["state"]), (&json!("answered"), &json!("failed")));
    assert!(call["audio"]["problem"].as_str().unwrap().contains("disk"), "{call}");
    let path = format!("/calls/{}/audio", call["id"].as_str().unwrap());
    assert_eq!(house.runtime.block_on(house.boss.send("GET", &path, None, None)).unwrap().0, 404);
    // who would speak to a machine that does not listen is let go after the tone
    let mut again = house.customer_rings();
    let mut rung = house.exchange.rung();
    rung.refuses("486 Busy Here");
    assert_eq!(again.final_answer(), 200);
    std::thread::sleep(SECOND);
    again.press('5');
    again.is_hung_up_on();
    let missed = house.until("the second call is over", || {
        let calls = house.runtime.block_on(house.boss.get("/calls?outcome=missed")).unwrap();
        calls.as_array().unwrap().first().cloned()
    });
    assert_eq!(
        (&missed["audio"]["kind"], &missed["audio"]["state"]),
        (&json!("voicemail"), &json!("failed"))
    );
}

#[test]
fn pages_pass_nothing_over_while_calls_end_and_are_handled() {
    let house = House::new(json!({ "voicemail": false, "ring_ms": 60_000, "total_ms": 60_000 }));
    let rings = |n: u32| {
        let from = format!("1370000{n:04}");
        house.exchange.ring(server_address(&house.world), &from, DISPLAY)
    };
    // seven missed, of which one is handled, and one that goes on
    for n in 0..7 {
        assert_eq!(rings(n).final_answer(), 480);
    }
    let list = |query: &str| {
        house.runtime.block_on(async {
            let answer = house.boss.request("GET", &format!("/calls?{query}")).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{query}");
            let next = answer.headers().get("x-next-page").map(|v| v.to_str().unwrap().to_owned());
            (answer.json::<Vec<Value>>().await.unwrap(), next)
        })
    };
    let ids = |calls: &[Value]| -> Vec<String> {
        calls.iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect()
    };
    house.until("all are over", || {
        let (calls, _) = list("");
        (calls.len() == 7 && calls.iter().all(|c| c["outcome"] == "missed")).then_some(())
    });
    let handle = |id: &str| {
        house.runtime.block_on(house.boss.post(&format!("/calls/{id}/handled"), &json!({}))).unwrap();
    };
    let (calls, _) = list("");
    handle(&ids(&calls)[3]);
    house.on_duty(&house.c1, "duty");
    let mut goes_on = rings(7);
    let mut courier = house.exchange.rung();
    courier.rings();
    let before = ids(&list("").0);
    assert_eq!(before.len(), 8);

    let (first, next) = list("limit=2");
    let mut seen = ids(&first);
    let mut next = next.expect("there is more");
    // everything moves: one of a later page is handled, one of the first, the running one is missed, a new one comes
    handle(&before[3]);
    handle(&before[0]);
    goes_on.cancel();
    courier.is_cancelled();
    house.until("it is over", || {
        let (calls, _) = list("open=true");
        calls.iter().any(|c| c["id"] == before[6]).then_some(())
    });
    loop {
        let (page, more) = list(&format!("limit=2&page={next}"));
        seen.extend(ids(&page));
        match more {
            Some(more) => next = more,
            None => break,
        }
    }
    assert_eq!(seen, before, "each once, in the order of the first page");
    // the list anew is sorted as it is now
    let now = ids(&list("").0);
    assert_ne!(now, before);
    assert_eq!(now[0], before[6]);
    for wrong in ["page=x", "page=1.0.0.1.x", "direction=up", "outcome=eaten"] {
        let path = format!("/calls?{wrong}");
        let sent = house.boss.send("GET", &path, None, None);
        assert_eq!(house.runtime.block_on(sent).unwrap().0, 422, "{wrong}");
    }
}

#[test]
fn who_had_the_duty_before_a_stand_in_has_it_again_afterwards() {
    let house = House::new(json!({ "voicemail": false }));
    house.on_duty(&house.c1, "duty");
    let path = format!("/areas/{}/duties", house.area);
    let duties = || house.runtime.block_on(house.boss.get(&path)).unwrap().as_array().unwrap().clone();
    let reaches = |number: &str| {
        let mut customer = house.exchange.ring(server_address(&house.world), CUSTOMER, DISPLAY);
        let mut courier = house.exchange.rung();
        assert_eq!(courier.number(), number);
        customer.cancel();
        courier.is_cancelled();
    };
    let until = now_ms() + 3_600_000;
    let stand_in =
        house.ask("POST", &path, json!({ "courier": house.c2, "takes_over": true, "until": until }));
    reaches("13900000002");
    // a stand-in of the stand-in, later, and ended before it begins
    let (from, end) = (until - 1_800_000, until - 900_000);
    let inner = json!({ "courier": house.c1, "takes_over": true, "from": from, "until": end });
    let inner = house.ask("POST", &path, inner);
    reaches("13900000002");
    let delete = |duty: &Value| {
        let path = format!("/duties/{}", duty["id"].as_str().unwrap());
        house.runtime.block_on(house.boss.ask("DELETE", &path, None)).unwrap();
    };
    delete(&inner);
    // it ends early: whoever had it before has it again at once
    delete(&stand_in);
    reaches("13900000001");
    // and by itself
    let soon = json!({ "courier": house.c2, "takes_over": true, "until": now_ms() + 4_000 });
    house.ask("POST", &path, soon);
    reaches("13900000002");
    std::thread::sleep(SECOND * 4);
    reaches("13900000001");
    // who takes over for good is followed by nobody
    house.ask("POST", &path, json!({ "courier": house.c2, "takes_over": true }));
    reaches("13900000002");
    let left = duties();
    assert!(left.iter().all(|d| d["courier"] == json!(house.c2)), "{left:?}");
}

#[test]
fn notices_leave_lines_free_for_couriers() {
    // four lines, of which two are kept free; notices ring on until the end
    let exchange = super::Exchange::new();
    let trunk = trunk(&exchange, 50, 4, &[DISPLAY]);
    let house = House::over(json!({}), WorldOptions { trunk, ..WorldOptions::default() }, exchange);
    let c1 = house.sign_in("c1");
    let rows: Vec<Value> = (0..5)
        .map(|n| {
            json!({ "line": n + 1, "waybill_no": format!("YT500000000000{n}"), "recipient_name": "王芳",
                "phone": format!("1360000000{n}"), "address": "上海市浦东新区幸福花园3号楼101" })
        })
        .collect();
    let parcels = house.runtime.block_on(c1.import(&rows)).unwrap();
    house.runtime.block_on(c1.notify(&parcels)).unwrap();
    let notices: Vec<_> = (0..2).map(|_| house.exchange.rung()).collect();
    for notice in &notices {
        notice.rings();
    }
    assert!(house.exchange.rung_within(SECOND).is_none(), "two lines for five people");
    let call = json!({ "id": uuid::Uuid::now_v7().to_string(), "number": CUSTOMER });
    house.runtime.block_on(c1.post("/calls", &call)).unwrap();
    let mut courier = house.exchange.rung();
    assert_eq!(courier.number(), "13900000001");
    courier.picks_up();
    courier.press('1');
    let mut customer = house.exchange.rung();
    assert_eq!(customer.number(), "13800000000");
    customer.picks_up();
    customer.hangs_up();
    courier.is_hung_up_on();
}

#[test]
fn a_campaign_in_full_swing_sends_no_caller_another_way() {
    // five calls a second, all of which the notices want; the second trunk has room, and is not for that
    let exchange = super::Exchange::new();
    let trunk = trunk(&exchange, 5, 50, &[DISPLAY]);
    let house = House::over(json!({}), WorldOptions { trunk, ..WorldOptions::default() }, exchange);
    house.on_duty(&house.c1, "duty");
    let c1 = house.sign_in("c1");
    let parcels = house.runtime.block_on(c1.import(&waybell_tests::list::rows(60, 700_000_000))).unwrap();
    house.runtime.block_on(c1.notify(&parcels)).unwrap();
    let mut notices = 0;
    let mut courier = || loop {
        let mut rung = house.exchange.rung();
        if rung.number() == "13900000001" {
            return rung;
        }
        notices += 1;
        rung.refuses("486 Busy Here");
    };
    for caller in 0..6 {
        let mut customer =
            house.exchange.ring(server_address(&house.world), &format!("1380000001{caller}"), DISPLAY);
        let mut rung = courier();
        customer.cancel();
        rung.is_cancelled();
    }
    assert!(notices > 0, "the campaign runs meanwhile");
}

#[test]
fn a_call_takes_few_commits_in_either_direction() {
    let house = House::new(json!({}));
    house.on_duty(&house.c1, "duty");
    let c1 = house.sign_in("c1");
    let commits = || house.world.database.number("SELECT mark FROM owner WHERE id = 1").unwrap();
    let before = commits();
    let (mut customer, mut courier) = house.they_speak();
    std::thread::sleep(SECOND / 2);
    customer.hangs_up();
    courier.is_hung_up_on();
    assert_eq!(house.call(&house.boss)["audio"]["state"], "done");
    // came in, courier's INVITE, courier's answer, our answer, put through with its recording, the end; and once for ever the
    // organisation's key of recordings
    assert_eq!(commits() - before, 6 + 1);
    let before = commits();
    let id = uuid::Uuid::now_v7().to_string();
    house.runtime.block_on(c1.post("/calls", &json!({ "id": id, "number": CUSTOMER }))).unwrap();
    let mut courier = house.exchange.rung();
    courier.picks_up();
    courier.press('1');
    let mut customer = house.exchange.rung();
    customer.picks_up();
    std::thread::sleep(SECOND / 2);
    courier.hangs_up();
    customer.is_hung_up_on();
    house.until("it is over", || {
        let call = house.runtime.block_on(c1.get(&format!("/calls/{id}"))).unwrap()["call"].clone();
        (call["outcome"] == "answered").then_some(())
    });
    // asked for, courier's INVITE and answer, customer's INVITE and answer, put through with its recording, the end
    assert_eq!(commits() - before, 7);
}
