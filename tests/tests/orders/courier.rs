//! The courier's side: the phone without a network, and the terminal.

use super::phone::Phone;
use super::{about_a_parcel, always_open, does, id_of, request, world};
use serde_json::json;
use waybell_domain::clock::HOUR;
use waybell_domain::order::{OrderAction, OrderState, Stage};
use waybell_tests::api::now_ms;
use waybell_tests::list;
use waybell_tests::phone::Death;

#[tokio::test]
async fn a_courier_in_a_cellar_resolves_and_comes_back() {
    let world = world();
    let (boss, api) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    always_open(&boss, json!({})).await;
    let (order, _) = about_a_parcel(&boss, &api).await;
    let id = order["id"].as_str().unwrap().to_owned();
    let order_id = id.parse().unwrap();
    // its clocks stand two hours ago, when it pulled; then it has no network
    let phone = Phone::signed_in(&world.server.url, "c1", 2 * HOUR).await;
    phone.client.sync().now().await.unwrap();
    let orders = phone.client.orders();
    let here = orders.find(order["number"].as_str().unwrap()).await.unwrap();
    assert_eq!(here.view.state, OrderState::Pending);
    orders.act(order_id, OrderAction::Take).await.unwrap();
    let done = orders.act(order_id, OrderAction::Resolve { text: "已送达".into() }).await.unwrap();
    assert!(done.order.pending);
    assert_eq!(
        (done.order.view.course.stage, done.order.view.state),
        (Stage::Revisit, OrderState::Done),
        "shown at once"
    );
    let twice = orders.act(order_id, OrderAction::Take).await.unwrap_err().to_string();
    assert!(twice.contains("cannot be done"), "{twice}");
    phone.clocks.pass(2 * HOUR);
    // meanwhile it is paused and urged
    does(&boss, &id, json!({ "do": "hold", "reason": "等", "until": now_ms() + HOUR })).await;
    does(&boss, &id, json!({ "do": "urge", "note": "?" })).await;
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.sync().status().unwrap().dead, 0);
    let whole = boss.get(&format!("/orders/{id}")).await.unwrap();
    assert_eq!(whole["course"]["stage"], json!("revisit"), "{whole}");
    let resolved = whole["trail"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(resolved["action"]["do"], json!("resolve"));
    // done two hours ago by the phone's clock; but it came to the courier when it was opened, and nothing counts from before
    assert_eq!(resolved["at"], order["course"]["arrived_at"], "{resolved}");
    assert!(resolved["received_at"].as_i64() > resolved["at"].as_i64());
    assert_eq!(
        whole["clock"]["used_ms"],
        json!(0),
        "the courier is not charged for the time without a network"
    );
    let here = orders.find(&id).await.unwrap();
    assert!(!here.pending && here.view.state == OrderState::Done);

    // the next one is given to a colleague while the courier is without a network: told, not lost, not done twice
    let rows = list::rows(2, 810_000_000);
    api.import(&rows).await.unwrap();
    let mut body = request("redelivery", "请尽快送");
    body["waybill_no"] = rows[1]["waybill_no"].clone();
    let next = boss.post("/orders", &body).await.unwrap();
    let next_id = next["id"].as_str().unwrap().to_owned();
    phone.client.sync().now().await.unwrap();
    orders.act(next_id.parse().unwrap(), OrderAction::Resolve { text: "送到了".into() }).await.unwrap();
    let c2 = id_of(&world.sign_in("c2").await.unwrap()).await;
    does(&boss, &next_id, json!({ "do": "assign", "handler": c2 })).await;
    phone.client.sync().now().await.unwrap();
    let refused = phone.client.sync().operations().unwrap();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].problem.as_ref().unwrap().status, 404);
    assert!(
        orders.list(false).await.unwrap().iter().all(|o| o.view.id.to_string() != next_id),
        "it is the colleague's"
    );
    let told = boss.get(&format!("/orders/{next_id}")).await.unwrap();
    assert_eq!((&told["state"], &told["course"]["handler"]), (&json!("pending"), &json!(c2)));
    // what a courier opens offline is opened once
    let new = waybell_core::orders::NewOrder {
        kind: "damage".into(),
        content: "箱子湿了".into(),
        waybill_no: rows[0]["waybill_no"].as_str().map(str::to_owned),
        ..Default::default()
    };
    let opened = orders.open(new).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let here = orders.find(&opened.to_string()).await.unwrap();
    assert_eq!((here.view.course.stage, here.view.source.as_str()), (Stage::Accept, "courier"));
}

#[tokio::test]
async fn by_the_terminal_with_and_without_a_network() {
    let mut world = world();
    let (boss, courier) = (world.sign_in("boss").await.unwrap(), world.sign_in("c1").await.unwrap());
    let (order, _) = about_a_parcel(&boss, &courier).await;
    let phone = waybell_tests::Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    assert!(phone.must(&["orders"]).unwrap().contains(order["number"].as_str().unwrap()));
    assert!(phone.must(&["order", "1", "take"]).unwrap().contains("taken"));
    let shown = phone.must(&["order", "1"]).unwrap();
    assert!(
        shown.contains("opened") && shown.contains("by its parcel") && shown.contains("+86138****0000"),
        "{shown}"
    );
    assert_eq!(
        phone.run(&["order", "1", "resolve"], &Death::None).unwrap().code,
        Some(2),
        "a text is needed"
    );
    assert_eq!(phone.run(&["order", "99", "take"], &Death::None).unwrap().code, Some(1));
    world.kill().unwrap();
    let said =
        phone.run(&["order", "1", "resolve", "--text", "已送达", "--lang", "zh"], &Death::None).unwrap();
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.text.contains("已办结") && said.text.contains("回访"), "{said:?}");
    let again = phone.run(&["order", "1", "resolve", "--text", "x", "--lang", "zh"], &Death::None).unwrap();
    assert_eq!(again.code, Some(1), "{again:?}");
    world.server.start().unwrap();
    phone.must(&["sync"]).unwrap();
    // staff, from their own terminal
    let desk = waybell_tests::Phone::new(&world.server.url).unwrap();
    desk.must(&["login", "boss"]).unwrap();
    let number = order["number"].as_str().unwrap();
    assert!(desk.must(&["orders", "--state", "done", "--handler", "c1"]).unwrap().contains(number));
    let said = desk.must(&["order", number, "revisit", "--outcome", "满意", "--text", "很好"]).unwrap();
    assert!(said.contains("archived"), "{said}");
    assert!(desk.must(&["orders", "--totals", "week"]).unwrap().contains("1 opened"));
    let file = desk.home().join("orders.csv");
    desk.must(&["orders", "--since", "2020-01-01", "--csv", file.to_str().unwrap()]).unwrap();
    assert!(std::fs::read_to_string(file).unwrap().contains(number));
}
