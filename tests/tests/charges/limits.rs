//! What an account has room for: calls are stopped before they are set up, and never while they run.

use super::{House, MINUTE, SECOND, YUAN, id, prices};
use serde_json::{Value, json};

fn house() -> House {
    let house = House::new(json!({}));
    house.ask("PUT", "/rates", prices());
    house
}

#[test]
fn an_account_paid_in_advance_stops_the_next_call_and_cuts_none() {
    let house = house();
    house.ask(
        "PUT",
        "/charge-policy",
        json!({ "payers": { "outgoing": "courier" }, "courier": { "credit": 0 } }),
    );
    let c1 = house.sign_in("c1");
    let request = |call: &str| json!({ "id": call, "number": "138 0000 0000" });
    house.pays_in(&house.c1, 2 * MINUTE - 1);
    let call = id();
    let (status, answer) = house.tries(&c1, "POST", "/calls", &request(&call));
    assert_eq!((status, &answer["code"]), (409, &json!("no_credit")), "{answer}");
    assert_eq!(answer["hint"], "账户余额不足，请充值");
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "nobody is rung");
    // a fen more, and the same request goes
    house.pays_in(&house.c1, 1);
    let (mut courier, mut customer) = house.courier_calls(&c1, &call);
    let account = house.account(&house.c1);
    assert_eq!((&account["held"], &account["stopped"]), (&json!(2 * MINUTE), &json!("no_credit")));
    // a cap that is passed while they speak cuts nothing
    house.ask("PUT", &format!("/accounts/{}/limits", house.c1), json!({ "credit": 0, "daily_cap": 0 }));
    std::thread::sleep(SECOND);
    courier.line.says(700);
    assert!(customer.line.hears(700), "they speak on");
    customer.hangs_up();
    courier.is_hung_up_on();
    house.settled(2);
    let account =
        house.until("its room is given back", || Some(house.account(&house.c1)).filter(|a| a["held"] == 0));
    assert_eq!(account["balance"], 0);
    // now the day's cap
    house.pays_in(&house.c1, YUAN);
    let (status, answer) = house.tries(&c1, "POST", "/calls", &request(&id()));
    assert_eq!((status, &answer["code"]), (409, &json!("spend_a_day")), "{answer}");
    house.ask("PUT", &format!("/accounts/{}/limits", house.c1), json!({}));
    // what a courier's own calls of a day may cost, whoever pays
    house.ask("PUT", "/charge-policy", json!({ "courier_spend_a_day": 3 * MINUTE }));
    let (status, answer) = house.tries(&c1, "POST", "/calls", &request(&id()));
    assert_eq!((status, &answer["code"]), (409, &json!("spend_a_day")), "{answer}");
    house.ask("PUT", "/charge-policy", json!({ "courier_spend_a_day": 4 * MINUTE }));
    let (mut courier, mut customer) = house.courier_calls(&c1, &id());
    courier.hangs_up();
    customer.is_hung_up_on();
    house.settled(4);
}

#[test]
fn calls_that_are_set_up_at_one_moment_do_not_pass_the_limit() {
    let house = house();
    let couriers: Vec<_> = (0..8)
        .map(|n| {
            let login = format!("k{n}");
            let phone = format!("1390000010{n}");
            house.ask(
                "POST",
                "/people",
                json!({ "login": login, "name": login, "password": "correct horse battery",
                "role": "courier", "phone": phone }),
            );
            let url = house.world.server.url.clone();
            house
                .runtime
                .block_on(waybell_tests::api::Api::sign_in(&url, &login, "correct horse battery"))
                .unwrap()
        })
        .collect();
    let branch = house.branch();
    house.ask("PUT", &format!("/accounts/{branch}/limits"), json!({ "credit": 0 }));
    // room for two calls of two legs, and a half
    house.pays_in(&branch, 5 * MINUTE);
    let answers: Vec<(u16, Value)> = house.runtime.block_on(async {
        let asked = couriers.iter().map(|c| {
            let body = json!({ "id": id(), "number": "138 0000 0000" });
            async move { c.send("POST", "/calls", Some(&body), None).await.unwrap() }
        });
        futures::future::join_all(asked).await
    });
    let made = answers.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(made, 2, "{answers:?}");
    assert!(answers.iter().all(|(s, a)| *s == 201 || a["code"] == "no_credit"), "{answers:?}");
    let (mut one, mut two) = (house.exchange.rung(), house.exchange.rung());
    assert!(house.exchange.rung_within(SECOND / 2).is_none(), "two calls");
    // both are given up before anybody answers: nothing is charged, and all the room is back
    one.refuses("486 Busy Here");
    two.refuses("486 Busy Here");
    let account =
        house.until("room is given back", || Some(house.account(&branch)).filter(|a| a["held"] == 0));
    assert_eq!(account["balance"], 5 * MINUTE);
    assert!(house.ledger(&house.boss).iter().all(|e| e["kind"] == "top_up"));
}

#[test]
fn notices_wait_for_money_and_a_customer_who_rings_reaches_no_mobile_without_it() {
    let house = house();
    let branch = house.branch();
    house.ask("PUT", &format!("/accounts/{branch}/limits"), json!({ "credit": 0 }));
    let c1 = house.sign_in("c1");
    let row = json!({ "line": 1, "waybill_no": "YT4000000000009", "recipient_name": "王芳", "phone": "13800000009",
        "address": "上海市浦东新区幸福花园3号楼101" });
    house.runtime.block_on(async {
        let parcels = c1.import(&[row]).await.unwrap();
        c1.notify(&parcels).await.unwrap();
    });
    assert!(house.exchange.rung_within(SECOND * 2).is_none(), "nobody is rung without money");
    // nor is a courier's mobile: the caller may leave a message
    house.on_duty(&house.c1, "duty");
    let mut caller = house.customer_rings();
    assert!(house.exchange.rung_within(SECOND * 2).is_none(), "the mobile stays quiet");
    assert_eq!(caller.final_answer(), 200, "voicemail");
    caller.hangs_up();
    house.pays_in(&branch, YUAN);
    let mut person = house.exchange.rung_within(SECOND * 20).expect("rung once there is money");
    assert_eq!(person.number(), "13800000009");
    person.picks_up();
    std::thread::sleep(SECOND);
    person.hangs_up();
    let legs = house.settled(2);
    let notice = legs.iter().find(|l| l["call"] == "notice").expect("the notice's leg");
    assert_eq!(notice["amount"], -MINUTE, "{legs:#?}");
    let why = house.get(&c1, "/parcels/YT4000000000009/why");
    assert!(why.to_string().contains("账户余额不足"), "{why}");
    assert_eq!(house.account(&branch)["balance"], YUAN - MINUTE);
}
