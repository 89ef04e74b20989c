//! Work orders against the real server: from the opening to the archive, whoever acts at once, dies, is offline or sends what
//! cannot be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "orders/courier.rs"]
mod courier;
#[path = "field/phone.rs"]
#[allow(dead_code, reason = "this test needs only a part of what is shared")]
mod phone;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use waybell_domain::clock::HOUR;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::{World, WorldOptions, list};

fn world() -> World {
    World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap()
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn request(kind: &str, content: &str) -> Value {
    json!({ "id": new_id(), "type": kind, "source": "staff", "content": content })
}

fn acting(action: &Value) -> Value {
    json!({ "id": new_id(), "action": action, "acted_at": { "wall": now_ms(), "age_ms": 0 } })
}

async fn act(api: &Api, order: &str, action: Value) -> (u16, Value) {
    api.send("POST", &format!("/orders/{order}/actions"), Some(&acting(&action)), None).await.unwrap()
}

async fn does(api: &Api, order: &str, action: Value) -> Value {
    let (status, told) = act(api, order, action.clone()).await;
    assert_eq!(status, 200, "{action}: {told}");
    told
}

/// A supervisor of the branch of `boss`.
async fn supervisor(world: &World, boss: &Api, login: &str) -> Api {
    let person = json!({ "login": login, "password": waybell_tests::world::PASSWORD, "name": login, "role": "supervisor" });
    boss.post("/people", &person).await.unwrap();
    world.sign_in(login).await.unwrap()
}

async fn id_of(api: &Api) -> String {
    api.get("/me").await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Business hours all day, so that a test may run at any hour.
async fn always_open(boss: &Api, more: Value) {
    let mut policy = json!({ "hours": { "open": [{ "from": "00:00", "to": "24:00" }] } });
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, told) = boss.send("PUT", "/order-policy", Some(&policy), None).await.unwrap();
    assert_eq!(status, 200, "{told}");
}

/// An order about the first parcel of `c1`.
async fn about_a_parcel(boss: &Api, courier: &Api) -> (Value, Value) {
    let rows = list::rows(1, 800_000_000);
    courier.import(&rows).await.unwrap();
    let mut body = request("complaint", "包裹外包装破损, 客户不满意");
    body["waybill_no"] = rows[0]["waybill_no"].clone();
    body["source"] = json!("call");
    (boss.post("/orders", &body).await.unwrap(), body)
}

#[tokio::test]
async fn a_complaint_goes_its_whole_way() {
    let world = world();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    always_open(&boss, json!({})).await;
    let (order, body) = about_a_parcel(&boss, &courier).await;
    let id = order["id"].as_str().unwrap().to_owned();
    let c1 = id_of(&courier).await;
    assert_eq!(order["course"]["handler"], json!(c1), "{order}");
    assert_eq!((&order["course"]["stage"], &order["state"]), (&json!("handle"), &json!("pending")));
    let number = order["number"].as_str().unwrap().to_owned();
    assert!(number.len() == 13 && number.ends_with("-0001"), "{number}");
    // what the parcel tells, for who may know it
    assert_eq!(order["caller"], json!("+8613800000000"));
    let shown = courier.get(&format!("/orders/{id}")).await.unwrap();
    assert_eq!(shown["caller"], json!("+86138****0000"));
    assert_eq!(shown["customer"], json!("王伟"));
    // the same request again makes no second order, with a key or without
    assert_eq!(boss.post("/orders", &body).await.unwrap()["number"], json!(number));
    assert_eq!(boss.get("/orders").await.unwrap().as_array().unwrap().len(), 1);

    does(&courier, &id, json!({ "do": "take" })).await;
    does(&courier, &id, json!({ "do": "node", "node": "responded", "text": "已电话联系" })).await;
    let urge = json!({ "do": "urge", "channel": "phone", "note": "客户再次来电" });
    does(&boss, &id, urge.clone()).await;
    let urged = does(&boss, &id, urge).await;
    assert_eq!(
        (&urged["course"]["urges"], &urged["urge_level"]),
        (&json!(1), &json!("urged")),
        "one person's are one"
    );
    assert_eq!(urged["attention"], json!(["urged"]));
    let told = does(&courier, &id, json!({ "do": "acknowledge", "text": "马上到" })).await;
    assert_eq!(told["urge_level"], json!("none"));
    let hold = json!({ "do": "hold", "reason": "客户外出", "until": now_ms() + HOUR });
    assert_eq!(act(&courier, &id, hold.clone()).await.0, 403, "a courier does not stop the clock");
    assert_eq!(does(&boss, &id, hold).await["state"], json!("on_hold"));
    assert_eq!(does(&boss, &id, json!({ "do": "resume" })).await["state"], json!("in_progress"));
    let done = does(&courier, &id, json!({ "do": "resolve", "text": "已换外箱并致歉" })).await;
    assert_eq!((&done["course"]["stage"], &done["state"]), (&json!("revisit"), &json!("done")));
    let outcome = |o: &str| json!({ "do": "revisit", "outcome": o });
    let again = does(&boss, &id, outcome("unsatisfied")).await;
    assert_eq!((&again["course"]["stage"], &again["state"]), (&json!("assign"), &json!("pending")));
    let c2 = id_of(&world.sign_in("c2").await.unwrap()).await;
    does(&boss, &id, json!({ "do": "assign", "handler": c2 })).await;
    assert_eq!(
        courier.send("GET", &format!("/orders/{id}"), None, None).await.unwrap().0,
        404,
        "it is c2's now"
    );
    let second = world.sign_in("c2").await.unwrap();
    does(&second, &id, json!({ "do": "resolve", "text": "赔付到账" })).await;
    let over = does(&boss, &id, outcome("satisfied")).await;
    assert_eq!(
        (&over["course"]["stage"], &over["course"]["result"]),
        (&json!("archive"), &json!("resolved"))
    );
    assert_eq!(act(&second, &id, json!({ "do": "take" })).await.0, 409);

    let whole = boss.get(&format!("/orders/{id}")).await.unwrap();
    let trail = whole["trail"].as_array().unwrap();
    let words: Vec<&str> = trail
        .iter()
        .map(|s| s["action"]["do"].as_str().or(s["placed"].as_str()).unwrap_or("opened"))
        .collect();
    assert_eq!(
        words,
        [
            "opened",
            "parcel",
            "take",
            "node",
            "urge",
            "urge",
            "acknowledge",
            "hold",
            "resume",
            "resolve",
            "revisit",
            "assign",
            "resolve",
            "revisit"
        ]
    );
    for (n, step) in trail.iter().enumerate() {
        assert_eq!(step["seq"], json!(n + 1));
        assert!(step["at"].as_i64().unwrap() <= step["received_at"].as_i64().unwrap());
        assert_eq!(step["by"].is_null(), step["placed"] == json!("parcel"), "{step}");
    }
    assert_eq!(trail.last().unwrap()["course"], whole["course"], "the last line is the order");
}

#[tokio::test]
async fn every_filter_finds_it_and_leaves_out_what_does_not_fit() {
    let world = world();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    always_open(&boss, json!({})).await;
    let (order, _) = about_a_parcel(&boss, &courier).await;
    let id = order["id"].as_str().unwrap();
    let c2 = id_of(&world.sign_in("c2").await.unwrap()).await;
    does(&boss, id, json!({ "do": "assign", "handler": c2 })).await;
    for n in 0..7 {
        let mut other = request("enquiry", &format!("第{n}个咨询 100%"));
        other["customer"] = json!("=1+1");
        other["caller"] = json!("0571-88880000");
        other["address"] = json!("杭州市文一路_18号");
        boss.post("/orders", &other).await.unwrap();
    }
    let (number, opened) = (order["number"].as_str().unwrap(), order["opened_at"].as_i64().unwrap());
    let found = async |query: &str| {
        let list = boss.get(&format!("/orders?{query}")).await.unwrap();
        let mine = list.as_array().unwrap().iter().any(|o| o["id"] == json!(id));
        (mine, list.as_array().unwrap().len())
    };
    for (hit, miss) in [
        (format!("number={number}"), "number=20200101".to_owned()),
        (format!("since={opened}&before={}", opened + 1), format!("before={opened}")),
        ("customer=王".to_owned(), "customer=李".to_owned()),
        ("caller=13800000000".to_owned(), "caller=139".to_owned()),
        ("address=浦东".to_owned(), "address=文一路_18".to_owned()),
        ("content=外包装".to_owned(), "content=100%25".to_owned()),
        ("dispatcher=boss".to_owned(), "dispatcher=c1".to_owned()),
        ("handler=c2".to_owned(), "handler=c1".to_owned()),
        (
            "state=pending&type=complaint".to_owned(),
            "state=in_progress,done,on_hold,overdue,warning".to_owned(),
        ),
        ("stage=handle&department=delivery".to_owned(), "stage=archive".to_owned()),
    ] {
        assert!(found(&hit).await.0, "{hit}");
        assert!(!found(&miss).await.0, "{miss}");
    }
    // what is searched for stands for itself
    assert_eq!(found("content=100%25").await.1, 7);
    assert_eq!(found("address=文一路%2518").await.1, 0);
    // page by page, each once
    let mut seen = Vec::new();
    let mut page = String::new();
    loop {
        let answer = boss.request("GET", &format!("/orders?limit=3{page}")).send().await.unwrap();
        let next = answer.headers().get("x-next-page").map(|h| h.to_str().unwrap().to_owned());
        let list: Vec<Value> = answer.json().await.unwrap();
        seen.extend(list.iter().map(|o| o["number"].as_str().unwrap().to_owned()));
        match next {
            Some(next) => page = format!("&page={next}"),
            None => break,
        }
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), sorted.len()), (8, 8), "{seen:?}");
    // the same as a file, in which no name is a formula, and the totals
    let file = boss.request("GET", "/orders/export?type=enquiry").send().await.unwrap().text().await.unwrap();
    assert_eq!(file.lines().count(), 8, "{file}");
    assert!(file.contains("'=1+1") && file.contains("'+8657188880000") && !file.contains(number), "{file}");
    for by in ["week", "month", "year"] {
        let totals = boss.get(&format!("/orders/totals?by={by}")).await.unwrap();
        let now = totals.as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (&now["opened"], &now["done"], &now["overdue"]),
            (&json!(8), &json!(0), &json!(0)),
            "{by}"
        );
        let of: Vec<(&str, i64)> = now["departments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| (d["key"].as_str().unwrap(), d["orders"].as_i64().unwrap()))
            .collect();
        assert_eq!(of, [("delivery", 1), ("service", 7)]);
        assert_eq!(now["handlers"][0]["key"], json!(c2));
    }
    assert_eq!(courier.send("GET", "/orders/export", None, None).await.unwrap().0, 403);
    assert_eq!(courier.send("GET", "/orders/totals", None, None).await.unwrap().0, 403);
}

#[tokio::test]
async fn of_those_who_act_at_once_one_is_first_and_the_others_are_told() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let one = supervisor(&world, &boss, "s1").await;
    let two = supervisor(&world, &boss, "s2").await;
    let order = one.post("/orders", &request("enquiry", "什么时候送到")).await.unwrap();
    let id = order["id"].as_str().unwrap();
    let path = format!("/orders/{id}/actions");
    let mut bodies = Vec::new();
    for to in ["service", "claims"] {
        let mut body = acting(&json!({ "do": "transfer", "department": to, "reason": "转" }));
        body["seen"] = order["seen"].clone();
        bodies.push(body);
    }
    let (a, b) = tokio::join!(
        one.send("POST", &path, Some(&bodies[0]), None),
        two.send("POST", &path, Some(&bodies[1]), None)
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{a:?} {b:?}");
    let refused = if a.0 == 409 { a.1 } else { b.1 };
    assert_eq!(refused["code"], json!("order_changed"));
    // twenty who take it at once
    let mut takers = Vec::new();
    for n in 0..10 {
        for api in [&one, &two] {
            let body = acting(&json!({ "do": "take" }));
            let key = format!("take-{n}-{}", new_id());
            takers.push(async move {
                api.send("POST", &format!("/orders/{id}/actions"), Some(&body), Some(&key)).await
            });
        }
    }
    let answers = futures::future::join_all(takers).await;
    let taken = answers.iter().filter(|a| a.as_ref().unwrap().0 == 200).count();
    assert_eq!(taken, 1);
    assert!(answers.iter().all(|a| [200, 403, 409].contains(&a.as_ref().unwrap().0)));
    let trail = boss.get(&format!("/orders/{id}")).await.unwrap()["trail"].as_array().unwrap().len();
    assert_eq!(trail, 4, "opened, placed, one transfer, one taker");
}

#[tokio::test]
async fn a_server_that_is_killed_between_loses_and_doubles_nothing() {
    let mut world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let first = request("enquiry", "第一张");
    let order = boss.post("/orders", &first).await.unwrap();
    let id = order["id"].as_str().unwrap().to_owned();
    let take = acting(&json!({ "do": "take" }));
    let note = acting(&json!({ "do": "note", "text": "查询中" }));
    let path = format!("/orders/{id}/actions");
    boss.send("POST", &path, Some(&take), Some("take-it-once")).await.unwrap();
    for _ in 0..3 {
        world.kill().unwrap();
        world.server.start().unwrap();
        let boss = world.sign_in("boss").await.unwrap();
        // everything comes again, by key and by its own id
        assert_eq!(boss.post("/orders", &first).await.unwrap()["number"], order["number"]);
        assert_eq!(boss.send("POST", &path, Some(&take), Some("take-it-once")).await.unwrap().0, 200);
        assert_eq!(boss.send("POST", &path, Some(&take), None).await.unwrap().0, 200);
        assert_eq!(boss.send("POST", &path, Some(&note), None).await.unwrap().0, 200);
    }
    let boss = world.sign_in("boss").await.unwrap();
    let whole = boss.get(&format!("/orders/{id}")).await.unwrap();
    assert_eq!(whole["trail"].as_array().unwrap().len(), 4, "opened, placed, taken, noted: {whole}");
    // and the numbers go on
    let next = boss.post("/orders", &request("enquiry", "第二张")).await.unwrap();
    assert!(next["number"].as_str().unwrap().ends_with("-0002"), "{next}");
    let mut other = take.clone();
    other["action"] = json!({ "do": "resume" });
    let (status, told) = boss.send("POST", &path, Some(&other), None).await.unwrap();
    assert_eq!((status, &told["code"]), (409, &json!("id_reused")));
}

#[tokio::test]
async fn what_nobody_takes_surfaces_and_is_told_once() {
    let world = world();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    always_open(&boss, json!({ "unclaimed_min": 30 })).await;
    // opened without a network two hours ago
    let mut body = request("complaint", "没有人管");
    body["acted_at"] = json!({ "wall": now_ms(), "age_ms": 2 * HOUR });
    let order = courier.post("/orders", &body).await.unwrap();
    assert_eq!(order["course"]["stage"], json!("accept"), "a courier's order is for staff to accept");
    assert_eq!(order["attention"], json!(["unassigned"]), "{order}");
    let found = boss.get("/orders?attention=true").await.unwrap();
    assert_eq!(found[0]["id"], order["id"], "{found}");
    let cursor = courier.get("/me/orders").await.unwrap()["cursor"].as_i64().unwrap();
    // the server tells of it by itself
    let until = Instant::now() + Duration::from_secs(150);
    let told = loop {
        let page = courier.get(&format!("/me/orders?since={cursor}")).await.unwrap();
        if page["orders"].as_array().is_some_and(|o| !o.is_empty()) {
            break page;
        }
        assert!(Instant::now() < until, "nobody was told");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    assert_eq!(told["orders"][0]["attention"], json!(["unassigned"]));
    let count = "SELECT COUNT(*) FROM audit WHERE action = 'order_reminder'";
    assert_eq!(world.database.number(count).unwrap(), 1);
    // limits follow the rules of now, for orders of before
    assert_eq!(order["clock"]["mark"], json!("in_time"));
    let kind = json!({ "key": "complaint", "name": "投诉", "path": ["delivery"], "limit_min": 60 });
    always_open(&boss, json!({ "types": [kind] })).await;
    let late = boss.get("/orders?state=overdue").await.unwrap();
    assert_eq!(late[0]["id"], order["id"], "{late}");
}

#[tokio::test]
async fn an_order_goes_to_who_is_on_duty_for_its_address() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let branch = boss.get("/me").await.unwrap()["branch"].clone();
    let area = boss.post("/areas", &json!({ "branch": branch, "name": "一号片区" })).await.unwrap();
    let c2 = id_of(&world.sign_in("c2").await.unwrap()).await;
    let path = format!("/areas/{}/duties", area["id"].as_str().unwrap());
    boss.post(&path, &json!({ "courier": c2, "role": "duty" })).await.unwrap();
    always_open(&boss, json!({ "regions": [{ "area": area["id"], "words": ["幸福花园"] }] })).await;
    let mut body = request("complaint", "态度不好");
    body["address"] = json!("杭州市西湖区 幸福花园 3幢");
    let order = boss.post("/orders", &body).await.unwrap();
    assert_eq!(order["course"]["handler"], json!(c2), "{order}");
    let mut other = request("complaint", "态度不好");
    other["address"] = json!("杭州市西湖区阳光花苑");
    let order = boss.post("/orders", &other).await.unwrap();
    assert_eq!((&order["course"]["stage"], &order["course"]["handler"]), (&json!("assign"), &Value::Null));
    // who no longer works here has no orders, and gets none
    boss.ask("PATCH", &format!("/people/{c2}"), Some(&json!({ "active": false }))).await.unwrap();
    let left = boss.get(&format!("/orders/{}", body["id"].as_str().unwrap())).await.unwrap();
    assert_eq!(left["attention"], json!(["handler_gone"]), "{left}");
    let (status, _) =
        act(&boss, left["id"].as_str().unwrap(), json!({ "do": "assign", "handler": c2 })).await;
    assert_eq!(status, 404);
    body["id"] = json!(new_id());
    let order = boss.post("/orders", &body).await.unwrap();
    assert_eq!((&order["course"]["stage"], &order["course"]["handler"]), (&json!("assign"), &Value::Null));
}

#[tokio::test]
async fn bad_input_and_strangers_change_nothing() {
    let world = world();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let (order, body) = about_a_parcel(&boss, &courier).await;
    let id = order["id"].as_str().unwrap();
    let with = |field: &str, value: Value| {
        let mut body = request("complaint", "x");
        body[field] = value;
        body
    };
    for (bad, field) in [
        (with("type", json!("no such")), "type"),
        (with("content", json!("  ")), "content"),
        (with("content", json!("长".repeat(2_001))), "content"),
        (with("caller", json!("not a number")), "caller"),
        (with("waybill_no", json!("#")), "waybill_no"),
        (with("address", json!("长".repeat(1_001))), "address"),
        (with("id", json!("7")), "id"),
        (with("source", json!("nowhere")), "source"),
    ] {
        let (status, told) = boss.send("POST", "/orders", Some(&bad), None).await.unwrap();
        assert_eq!((status, told["field"].as_str()), (422, Some(field)), "{told}");
        assert!(told["hint"].as_str().is_some_and(|h| !h.is_empty()), "{told}");
    }
    for field in ["call", "branch", "area"] {
        let (status, told) =
            boss.send("POST", "/orders", Some(&with(field, json!(new_id()))), None).await.unwrap();
        assert_eq!(status, 404, "{field}: {told}");
    }
    for (action, status, field) in [
        (json!({ "do": "resolve", "text": "" }), 422, "action.text"),
        (json!({ "do": "hold", "reason": "x", "until": 1 }), 422, "action.until"),
        (json!({ "do": "hold", "reason": "x", "until": now_ms() + 40 * 24 * HOUR }), 422, "action.until"),
        (json!({ "do": "assign" }), 422, "action.department"),
        (json!({ "do": "assign", "department": "nowhere" }), 422, "action.department"),
        (json!({ "do": "assign", "handler": new_id() }), 404, "action.handler"),
        (json!({ "do": "dance" }), 422, "action"),
    ] {
        let (got, told) = act(&boss, id, action.clone()).await;
        assert_eq!(got, status, "{action}: {told}");
        assert!(told["field"].as_str().is_some_and(|f| f.starts_with(field)), "{action}: {told}");
    }
    // the same id with something else in it
    let mut reused = body.clone();
    reused["content"] = json!("另一件事");
    let (status, told) = boss.send("POST", "/orders", Some(&reused), None).await.unwrap();
    assert_eq!((status, &told["code"]), (409, &json!("id_reused")));
    // rules that cannot work leave those in force
    let (status, told) =
        boss.send("PUT", "/order-policy", Some(&json!({ "departments": [] })), None).await.unwrap();
    assert_eq!((status, told["field"].as_str()), (422, Some("departments")));
    assert_eq!(courier.send("PUT", "/order-policy", Some(&json!({})), None).await.unwrap().0, 403);

    // strangers and colleagues find nothing, and the id is not theirs to use
    for login in ["boss-Other", "c1-Other", "c2"] {
        let stranger = world.sign_in(login).await.unwrap();
        assert_eq!(
            stranger.send("GET", &format!("/orders/{id}"), None, None).await.unwrap().0,
            404,
            "{login}"
        );
        assert_eq!(act(&stranger, id, json!({ "do": "note", "text": "x" })).await.0, 404, "{login}");
        assert_eq!(stranger.get("/orders").await.unwrap(), json!([]), "{login}");
        assert_eq!(stranger.get("/me/orders").await.unwrap()["orders"], json!([]), "{login}");
        assert_eq!(stranger.send("POST", "/orders", Some(&body), None).await.unwrap().0, 404, "{login}");
    }
    // a colleague who names somebody's waybill learns nothing of it
    let mut nosy = request("complaint", "x");
    nosy["waybill_no"] = body["waybill_no"].clone();
    let told = world.sign_in("c2").await.unwrap().post("/orders", &nosy).await.unwrap();
    assert!(told["caller"].is_null() && told["parcel"].is_null() && told["customer"].is_null(), "{told}");
    let whole = boss.get(&format!("/orders/{id}")).await.unwrap();
    assert_eq!(whole["trail"].as_array().unwrap().len(), 2, "nothing was changed: {whole}");
}
