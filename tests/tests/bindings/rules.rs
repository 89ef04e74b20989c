//! What is bound, what is refused and in which words; many at once, on both databases.

use super::desk::{A, B, Desk, X1, X2, X3, options};
use super::{SECOND, json};
use serde_json::Value;
use std::collections::HashMap;
use waybell_tests::api::now_ms;
use waybell_tests::{Database, WorldOptions};

#[test]
fn refusals_in_the_trade_s_words() {
    let desk = Desk::new("AXB", &[X1]);
    let refused = |more: Value| desk.tries("POST", "/bindings", &desk.request(more));
    let says = |status: u16, code: &str| (status, code.to_owned());
    let number = says(422, "MOBILE_NUMBER_ILLEGAL");
    for bad in ["", "110", "12345", "alice", "021-31001234转5", X1, "021-31001234"] {
        assert_eq!(refused(json!({ "ttl": 600, "phone_no_a": bad })), number, "{bad}");
    }
    assert_eq!(refused(json!({ "ttl": 600, "phone_no_b": null })), number);
    assert_eq!(refused(json!({ "ttl": 600, "phone_no_b": A })), number);
    assert_eq!(refused(json!({ "ttl": 600, "phone_no_b": "+1 202 555 0123" })), says(422, "NUMBER_BARRED"));
    assert_eq!(refused(json!({ "ttl": 600, "phone_no_a": "+881 6123 45678" })), says(422, "NUMBER_BARRED"));
    let expiry = says(422, "EXPIRE_DATE_ILLEGAL");
    for more in [
        json!({}),
        json!({ "ttl": 60 }),
        json!({ "ttl": -1 }),
        json!({ "ttl": 600, "expiration": now_ms() + 600_000 }),
        json!({ "expiration": now_ms() + 59_000 }),
        json!({ "expiration": now_ms() + 400 * 86_400_000 }),
        json!({ "expiration": i64::MIN }),
        json!({ "ttl": i64::MAX }),
    ] {
        assert_eq!(refused(more.clone()), expiry, "{more}");
    }
    for pool in ["", "x", "' OR 1=1 --", "0198a1b2-0000-7000-8000-000000000002"] {
        assert_eq!(
            refused(json!({ "ttl": 600, "pool_key": pool })),
            says(404, "POOLKEY_NOT_EXISTS"),
            "{pool}"
        );
    }
    for (field, bad) in [
        ("mode", json!("AXE")),
        ("mode", json!("AXN")),
        ("call_restrict", json!("CONTROL_CX_DISABLE")),
        ("call_display_type", json!(2)),
        ("call_timeout", json!(4)),
        ("max_duration", json!(1_441)),
        ("out_id", json!("x".repeat(257))),
        ("user_data", json!("x".repeat(2_049))),
        ("request_id", json!("")),
        ("request_id", json!("幸福")),
        ("extension", json!("1234")),
        ("area_match_mode", json!(2)),
        ("degrade_city_list", json!(["a", "b", "c", "d", "e", "f"])),
        ("phone_number_a", json!(A)),
    ] {
        assert_eq!(refused(json!({ "ttl": 600, field: bad })), says(422, "bad_field"), "{field}");
    }
    assert_eq!(desk.get("/bindings"), json!([]), "nothing of it was bound");

    let bound = desk.bind(json!({ "expiration": now_ms() + 600_000 }));
    let again = |more: Value| {
        let mut request = json!({ "ttl": 600 });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(request)
    };
    assert_eq!(again(json!({})), says(409, "NO_AVAILABLE_NUMBER"), "the same pair again");
    assert_eq!(again(json!({ "phone_no_b": "13800000089" })), says(409, "NO_AVAILABLE_NUMBER"));
    assert_eq!(
        again(json!({ "phone_no_a": B, "phone_no_b": "13800000089" })),
        says(409, "NO_AVAILABLE_NUMBER")
    );
    assert_eq!(again(json!({ "phone_no_x": X1 })), says(409, "BIND_CONFLICT"));
    assert_eq!(again(json!({ "phone_no_x": X2 })), says(409, "NO_AVAILABLE_NUMBER"), "a number of no pool");
    // others share the number
    let other = desk.bind(json!({ "ttl": 600, "phone_no_a": "13900000070", "phone_no_b": "13800000070" }));
    assert_eq!(other["secret_no"], X1);
    // changed into a conflict, and out of it
    let path = format!("/bindings/{}", other["subs_id"].as_str().unwrap());
    assert_eq!(desk.tries("PATCH", &path, &json!({ "phone_no_a": A })), says(409, "UPDATE_CONFLICT"));
    assert_eq!(desk.tries("PATCH", &path, &json!({ "ttl": 5 })), expiry);
    let changed = json!({ "phone_no_b": "13800000071", "call_restrict": "CONTROL_AX_DISABLE", "max_duration": 5,
        "out_id": "new", "is_recording_enabled": true });
    let changed = desk.house.ask("PATCH", &path, changed);
    assert_eq!(
        (
            &changed["phone_no_b"],
            &changed["max_duration"],
            &changed["is_recording_enabled"],
            &changed["out_id"]
        ),
        (&json!("+8613800000071"), &json!(5), &json!(true), &json!("new"))
    );
    desk.bind(json!({ "ttl": 600, "phone_no_a": "13900000072", "phone_no_b": "13800000070" }));
    // unbound once and twice; then its parties are free
    let path = format!("/bindings/{}", bound["subs_id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(
            desk.house.runtime.block_on(desk.house.boss.ask("DELETE", &path, None)).unwrap()["status"],
            "ended"
        );
    }
    assert_eq!(desk.tries("PATCH", &path, &json!({ "ttl": 600 })), says(404, "SUBS_NOT_EXIST"));
    assert_eq!(desk.tries("DELETE", "/bindings/x", &json!({})), says(404, "SUBS_NOT_EXIST"));
    desk.bind(json!({ "ttl": 600 }));
    let count = |query: &str| desk.get(&format!("/bindings?{query}")).as_array().unwrap().len();
    assert_eq!((count(""), count("status=ended"), count("status=active")), (4, 1, 3));
    assert_eq!(
        (count("phone_no=13900000077"), count("out_id=new"), count("secret_no=021-31001235")),
        (2, 1, 4)
    );
    assert_eq!((count("limit=3"), count("status=grace")), (3, 0));
    let last = desk.get("/bindings?limit=3")[2]["subs_id"].as_str().unwrap().to_owned();
    assert_eq!(count(&format!("after={last}")), 1);
}

#[test]
fn a_request_that_comes_again_is_one() {
    let desk = Desk::new("AXB", &[X1]);
    let request = desk.request(json!({ "ttl": 600, "request_id": "order-42" }));
    let first = desk.house.ask("POST", "/bindings", request.clone());
    let path = format!("/bindings/{}", first["subs_id"].as_str().unwrap());
    desk.house.ask("PATCH", &path, json!({ "max_duration": 5 }));
    assert_eq!(desk.house.ask("POST", "/bindings", request.clone()), first, "the answer of then");
    let mut other = request.clone();
    other["phone_no_b"] = json!("13800000089");
    assert_eq!(desk.tries("POST", "/bindings", &other), (409, "REQUEST_ID_CONFLICT".into()));
    // a day later it is a new one, which conflicts with what is bound
    let sql = "UPDATE binding_request SET at = at - 86400001";
    desk.house.world.database.sql(sql).unwrap();
    assert_eq!(desk.tries("POST", "/bindings", &request), (409, "NO_AVAILABLE_NUMBER".into()));
    // another organisation's request of the same id is its own, and its pool is nobody else's
    let theirs = desk.house.sign_in("boss-Other");
    let sent = theirs.send("POST", "/bindings", Some(&request), None);
    assert_eq!(desk.house.runtime.block_on(sent).unwrap().0, 404);
    // couriers bind nothing, and see nobody's number
    let courier = desk.house.sign_in("c1");
    for path in ["/bindings", "/binding-calls", "/number-pools", &path] {
        assert_eq!(
            desk.house.runtime.block_on(courier.send("GET", path, None, None)).unwrap().0,
            403,
            "{path}"
        );
    }
}

#[test]
fn a_pool_s_numbers_are_the_organisation_s_own() {
    let desk = Desk::new("AXB", &[X1, X2]);
    let path = format!("/number-pools/{}/numbers", desk.pool);
    let add = |number: &str| {
        let body = json!({ "numbers": [{ "number": number }], "proof": "号码使用授权书", "proof_date": "2026-03-02" });
        desk.tries("POST", &path, &body)
    };
    assert_eq!(add("021-39999999"), (422, "bad_field".into()), "no trunk may show it");
    assert_eq!(add("021-31001234"), (409, "number_taken".into()), "it is published");
    assert_eq!(add("110"), (422, "bad_field".into()));
    let theirs = desk.house.sign_in("boss-Other");
    let ask = |method: &str, path: &str, body: Value| {
        desk.house.runtime.block_on(theirs.send(method, path, Some(&body), None)).unwrap()
    };
    let (_, pool) = ask("POST", "/number-pools", json!({ "mode": "AXB" }));
    let own = format!("/number-pools/{}/numbers", pool["pool_key"].as_str().unwrap());
    let body =
        json!({ "numbers": [{ "number": X1 }], "proof": "another letter", "proof_date": "2026-01-01" });
    assert_eq!(ask("POST", &own, body.clone()).1["code"], "number_taken");
    assert_eq!(ask("POST", &path, body).0, 404);
    // nor may a pool's number be published
    let publish = json!({ "number": X1, "proof": "号码使用授权书", "proof_date": "2026-03-02" });
    assert_eq!(desk.tries("POST", "/numbers", &publish), (409, "number_taken".into()));

    // the city that is asked for, else any; locked, none
    let bind = |n: u32, more: Value| {
        let mut request = json!({ "ttl": 600, "phone_no_a": format!("139000001{n:02}"), "phone_no_b": format!("138000001{n:02}") });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.tries("POST", "/bindings", &desk.request(request.clone()));
        desk.get("/bindings?limit=1")[0]["secret_no"].clone()
    };
    assert_eq!(bind(1, json!({ "expect_city": "0571" })), X2);
    assert_eq!(bind(2, json!({ "expect_city": "深圳", "degrade_city_list": ["0571"] })), X2);
    assert_eq!(bind(3, json!({ "expect_city": "深圳" })), X1, "any will do: the one bound longest ago");
    assert_eq!(bind(4, json!({})), X2);
    let only = desk.request(json!({ "ttl": 600, "expect_city": "深圳", "area_match_mode": 0 }));
    assert_eq!(desk.tries("POST", "/bindings", &only), (409, "NO_AVAILABLE_NUMBER".into()));
    let x2 = format!("{path}/{X2}").replace('+', "%2B");
    assert_eq!(desk.tries("DELETE", &x2, &json!({})), (409, "BIND_CONFLICT".into()));
    desk.house.ask("PATCH", &x2, json!({ "locked": true, "city": "杭州" }));
    assert_eq!(bind(5, json!({ "expect_city": "杭州" })), X1);
    let pools = desk.get("/number-pools");
    assert_eq!(pools[0]["numbers"][1]["bindings"], 3, "{pools}");
    // no other call shows a virtual number
    desk.house.on_duty(&desk.house.c1, "duty");
    let mut customer = desk.rings("+8613800000000", "02131001234");
    let mut courier = desk.house.exchange.rung();
    assert!(!courier.heard[0].contains(X1) && !courier.heard[0].contains(X2));
    customer.cancel();
    courier.is_cancelled();
}

#[test]
fn many_at_once_never_share_a_number_that_confuses() {
    for database in [Database::Sqlite, Database::Postgres] {
        let desk = Desk::with("AXB", &[X1, X2, X3], WorldOptions { database, ..options() });
        let people = 9usize;
        let boss = &desk.house.boss;
        // everybody with everybody, and each request twice
        let pairs: Vec<(usize, usize)> =
            (0..people).flat_map(|a| (0..people).filter(move |b| a != *b).map(move |b| (a, b))).collect();
        let answers = desk.house.runtime.block_on(async {
            let tasks = pairs.iter().flat_map(|pair| [pair, pair]).map(|(a, b)| {
                let request = json!({ "pool_key": desk.pool, "ttl": 600, "request_id": format!("{a}-{b}"),
                    "phone_no_a": format!("139000002{a:02}"), "phone_no_b": format!("139000002{b:02}") });
                async move {
                    loop {
                        let (status, answer) =
                            boss.send("POST", "/bindings", Some(&request), None).await.unwrap();
                        // more than a person may ask in a second
                        if status != 429 {
                            return (status, answer);
                        }
                        tokio::time::sleep(SECOND / 5).await;
                    }
                }
            });
            futures::future::join_all(tasks).await
        });
        let mut bound: HashMap<String, Value> = HashMap::new();
        for (pair, two) in pairs.iter().zip(answers.chunks(2)) {
            for (status, answer) in two {
                match status {
                    201 => {
                        bound.insert(answer["subs_id"].as_str().unwrap().to_owned(), answer.clone());
                    }
                    _ => assert_eq!(
                        (*status, &answer["code"]),
                        (409, &json!("NO_AVAILABLE_NUMBER")),
                        "{pair:?} {answer}"
                    ),
                }
            }
            let both: Vec<u16> = two.iter().map(|(status, _)| *status).collect();
            if both == [201, 201] {
                assert_eq!(two[0].1, two[1].1, "{pair:?}: one request, one answer");
            }
        }
        let mut held: HashMap<(String, String), String> = HashMap::new();
        for binding in bound.values() {
            for party in ["phone_no_a", "phone_no_b"] {
                let key = [&binding["secret_no"], &binding[party]].map(|v| v.as_str().unwrap().to_owned());
                let before = held.insert(key.into(), binding["subs_id"].to_string());
                assert!(before.is_none(), "{binding} shares a party on its number with {before:?}");
            }
        }
        // each of the nine is bound on each of the three numbers but for at most one who is left over
        assert!(held.len() >= 3 * (people - 1), "{} of {}", held.len(), 3 * people);
        let stored = desk.house.world.database.number("SELECT COUNT(*) FROM binding_claim").unwrap();
        assert_eq!(usize::try_from(stored).unwrap(), held.len());
        let numbers = "SELECT COUNT(*) FROM binding WHERE until_at > 0";
        assert_eq!(usize::try_from(desk.house.world.database.number(numbers).unwrap()).unwrap(), bound.len());
    }
}

#[test]
fn postgresql_puts_through_and_keeps_records_as_well() {
    let options = WorldOptions { database: Database::Postgres, ..options() };
    let mut desk = Desk::with("AXB", &[X1], options);
    let receiver = desk.receiver();
    desk.bind(json!({ "ttl": 600, "is_recording_enabled": true }));
    desk.house.again();
    let mut caller = desk.rings(A, "02131001235");
    let mut callee = desk.house.exchange.rung();
    callee.picks_up();
    assert_eq!(caller.final_answer(), 200);
    caller.line.says(700);
    callee.line.says(900);
    assert!(caller.line.hears(900) && callee.line.hears(700));
    caller.hangs_up();
    callee.is_hung_up_on();
    let call = desk.record(|c| c["outcome"] == "answered");
    assert_eq!((&call["phone_no"], &call["peer_no"]), (&json!(A), &json!(B)));
    desk.house.until("the record is told", || {
        receiver.taken().iter().any(|s| s.good && s.bytes.contains("binding.call_ended")).then_some(())
    });
    let mut stranger = desk.rings("+8613700000099", "02131001235");
    assert_eq!(stranger.final_answer(), 200);
    stranger.is_hung_up_on();
    desk.record(|c| c["unconnected_cause"] == 2);
}
