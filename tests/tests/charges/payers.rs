//! Who pays, who sees what, and what is written by hand.

use super::{House, MINUTE, SECOND, YUAN, id, prices, sum};
use serde_json::json;
use waybell_tests::WorldOptions;

#[test]
fn both_legs_are_charged_to_who_pays_and_nobody_else_sees_them() {
    let house = House::with(json!({}), WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() });
    // before there are prices a leg is entered all the same
    let (c1, c2) = (house.sign_in("c1"), house.sign_in("c2"));
    let (mut courier, mut customer) = house.courier_calls(&c1, &id());
    customer.hangs_up();
    courier.is_hung_up_on();
    let legs = house.settled(2);
    assert!(legs.iter().all(|l| l["charge"]["rated"] == "unrated" && l["amount"] == 0), "{legs:#?}");
    assert_eq!(house.get(&house.boss, "/ledger?unrated=true").as_array().unwrap().len(), 2);

    let set = house.ask("PUT", "/rates", prices());
    assert_eq!((&set["version"], &set["in_force"]), (&json!(1), &json!(true)));
    // the branch pays
    let (mut courier, mut customer) = house.courier_calls(&c1, &id());
    customer.hangs_up();
    courier.is_hung_up_on();
    let legs = house.settled(4);
    assert_eq!(sum(&legs), -2 * MINUTE);
    assert_eq!((&legs[0]["version"], &legs[0]["charge"]["steps"]), (&json!(1), &json!(1)));
    let branch = house.branch();
    assert_eq!(house.account(&branch)["balance"], -2 * MINUTE);
    let mine = house.get(&c1, "/me/balance");
    assert_eq!(
        (&mine["account"]["balance"], &mine["account"]["today"]["cost"]),
        (&json!(0), &json!(2 * MINUTE))
    );
    assert_eq!(mine["account"]["today"]["paid"], 0);
    assert!(mine["entries"].as_array().unwrap().iter().all(|e| e["balance"].is_null()), "not the branch's");

    // from now on couriers pay for what they ring
    house.ask("PUT", "/charge-policy", json!({ "branches": { branch.clone(): { "outgoing": "courier" } } }));
    let call = id();
    let (mut courier, mut customer) = house.courier_calls(&c1, &call);
    customer.hangs_up();
    courier.is_hung_up_on();
    let legs = house.settled(6);
    assert!(
        legs[..2].iter().all(|l| l["account"] == json!(house.c1) && l["call_id"] == json!(call)),
        "{legs:#?}"
    );
    assert!(legs[..2].iter().any(|l| l["number"] == "+86138****0000"), "masked");
    assert_eq!(house.account(&branch)["balance"], -2 * MINUTE);
    let mine = house.get(&c1, "/me/balance");
    assert_eq!(mine["account"]["balance"], -2 * MINUTE);
    assert_eq!(mine["pays_for"], json!(["outgoing"]));
    assert_eq!(mine["entries"][0]["balance"], -2 * MINUTE);

    // a customer who rings: the courier's leg for the branch, the caller's free
    house.on_duty(&house.c1, "duty");
    let (mut customer, mut courier) = house.they_speak();
    std::thread::sleep(SECOND / 2);
    customer.hangs_up();
    courier.is_hung_up_on();
    let legs = house.settled(8);
    let free = legs[..2].iter().filter(|l| l["charge"]["rated"] == "free").count();
    assert_eq!((free, sum(&legs[..2])), (1, -MINUTE), "{legs:#?}");
    assert_eq!(house.account(&branch)["balance"], -3 * MINUTE);

    // who sees what
    assert_eq!(house.ledger(&c1).len(), 8);
    assert!(house.ledger(&c2).is_empty());
    let other = house.sign_in("boss-Other");
    assert!(house.ledger(&other).is_empty());
    for path in [format!("/accounts/{}", house.c1), format!("/accounts/{branch}")] {
        assert_eq!(house.tries(&c2, "GET", &path, &json!(null)).0, 404);
        assert_eq!(house.tries(&other, "GET", &path, &json!(null)).0, 404);
    }
    assert_eq!(house.get(&c2, "/accounts").as_array().unwrap().len(), 1, "the own one");

    // by hand: once, with a reason, by administrators
    let (path, entry) = (format!("/accounts/{}/entries", house.c1), id());
    let pay = |amount: i64| json!({ "id": entry, "kind": "top_up", "amount": amount, "reason": "cash, receipt 17" });
    assert_eq!(house.tries(&c1, "POST", &path, &pay(YUAN)).0, 403);
    assert_eq!(house.tries(&other, "POST", &path, &pay(YUAN)).0, 404);
    for _ in 0..3 {
        let (status, told) = house.tries(&house.boss, "POST", &path, &pay(YUAN));
        assert_eq!((status, &told["balance"]), (201, &json!(YUAN - 2 * MINUTE)), "{told}");
    }
    assert_eq!(house.tries(&house.boss, "POST", &path, &pay(2 * YUAN)).0, 409);
    assert_eq!(house.tries(&house.boss, "POST", &path, &pay(0)).0, 422);
    let mine = house.get(&c1, "/me/balance");
    assert_eq!(mine["account"]["balance"], YUAN - 2 * MINUTE);
    assert_eq!(mine["entries"][0]["reason"], "cash, receipt 17");
    // pages of a phone lead through all of them, once
    let (mut since, mut seen) = (0, Vec::new());
    loop {
        let page = house.get(&c1, &format!("/me/ledger?since={since}&limit=4"));
        seen.extend(page["entries"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()));
        since = page["cursor"].as_i64().unwrap();
        if page["more"] == json!(false) {
            break;
        }
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((count, seen.len()), (9, 9));

    // a spreadsheet has a line each
    let file = house.runtime.block_on(async {
        let answer = house.boss.request("GET", "/ledger/export?lang=en").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    });
    assert_eq!(file.lines().count(), 10, "{file}");
    assert!(
        file.contains("cash, receipt 17") && file.contains("1 × 60 s × ¥0.10 (mobile) = ¥0.10"),
        "{file}"
    );
    assert!(!file.contains("13800000000"));

    // entries stay as they were written
    let database = &house.world.database;
    assert!(database.sql("UPDATE ledger_entry SET amount = 0").is_err());
    assert!(database.sql("DELETE FROM ledger_entry").is_err());
    assert_eq!(database.number("SELECT COUNT(*) FROM ledger_entry WHERE amount = 1000000").unwrap(), 1);
}

#[test]
fn a_new_version_holds_for_calls_that_are_answered_from_then_on() {
    let house = House::new(json!({}));
    house.ask("PUT", "/rates", prices());
    let c1 = house.sign_in("c1");
    let (mut courier, mut customer) = house.courier_calls(&c1, &id());
    // while they speak
    let dearer =
        json!({ "name": "dearer", "rates": [{ "to": "any", "step_s": 6, "price": YUAN, "connection": 5 }] });
    assert_eq!(house.ask("PUT", "/rates", dearer.clone())["version"], 2);
    assert_eq!(house.ask("PUT", "/rates", dearer)["version"], 2, "the same again is no version");
    customer.hangs_up();
    courier.is_hung_up_on();
    let legs = house.settled(2);
    assert!(legs.iter().all(|l| l["version"] == 1 && l["amount"] == -MINUTE), "{legs:#?}");
    let far = json!({ "name": "next year", "from": "2031-01-01", "rates": [] });
    assert_eq!(house.ask("PUT", "/rates", far)["in_force"], false);
    for (bad, field) in [
        (json!({ "name": "x", "from": "2020-01-01", "rates": [] }), "from"),
        (json!({ "name": "x", "rates": [{ "to": "any", "step_s": 0, "price": 1 }] }), "rates[0].step_s"),
        (
            json!({ "name": "x", "rates": [{ "trunk": "moon", "to": "any", "step_s": 6, "price": 1 }] }),
            "rates[0].trunk",
        ),
        (json!({ "name": "x", "rates": [{ "to": "everywhere", "step_s": 6, "price": 1 }] }), "rates[0].to"),
    ] {
        let (status, answer) = house.tries(&house.boss, "PUT", "/rates", &bad);
        assert_eq!((status, &answer["field"]), (422, &json!(field)), "{answer}");
    }
    let (mut courier, mut customer) = house.courier_calls(&c1, &id());
    customer.hangs_up();
    courier.is_hung_up_on();
    let legs = house.settled(4);
    for leg in &legs[..2] {
        let charge = &leg["charge"];
        let steps = charge["steps"].as_i64().unwrap();
        assert_eq!(leg["version"], 2);
        assert_eq!(steps, (charge["talked_ms"].as_i64().unwrap() + 5_999) / 6_000, "{leg}");
        assert_eq!(leg["amount"], -(steps * YUAN + 5), "{leg}");
    }
}
