//! Work orders about parcels of a waybill system: each change is told to the system that sent the parcel, once, in order.

use super::options;
use super::receiver::{Receiver, Sender, until};
use serde_json::{Value, json};
use waybell_tests::api::now_ms;
use waybell_tests::{World, list};

#[tokio::test]
async fn what_becomes_of_an_order_goes_back_to_who_sent_its_parcel() {
    let world = World::start(&options()).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let receiver = Receiver::start().await;
    let sender = Sender::connect(&boss, &world.server.url, "waybills", Some(&receiver)).await;
    let mut rows = list::rows(1, 320_000_000);
    rows[0]["reference"] = json!("R-1");
    sender.rows("d-1", json!(rows)).await;
    let order = |waybill: &Value| json!({ "id": uuid::Uuid::now_v7(), "type": "redelivery", "content": "催派", "waybill_no": waybill });
    // one about a parcel that nobody sent is told to nobody
    boss.post("/orders", &order(&json!("YT0000399999999"))).await.unwrap();
    let opened = boss.post("/orders", &order(&rows[0]["waybill_no"])).await.unwrap();
    let path = format!("/orders/{}/actions", opened["id"].as_str().unwrap());
    let courier = world.sign_in("c1").await.unwrap();
    let mut last = Value::Null;
    for action in [json!({ "do": "take" }), json!({ "do": "resolve", "text": "已送达" })] {
        last = json!({ "id": uuid::Uuid::now_v7(), "action": action, "acted_at": { "wall": now_ms() } });
        courier.post(&path, &last).await.unwrap();
    }
    // once more, which is nothing new
    courier.post(&path, &last).await.unwrap();
    until("the resolved order", || receiver.taken().iter().any(|s| s.data["resolution"] == json!("已送达")))
        .await;
    let seen = receiver.taken();
    assert!(seen.iter().all(|s| s.good), "{seen:?}");
    let told: Vec<&Value> = seen.iter().map(|s| &s.data).collect();
    let states: Vec<&str> = told.iter().map(|d| d["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["pending", "in_progress", "done"], "{told:?}");
    let mut seqs: Vec<i64> = told.iter().map(|d| d["seq"].as_i64().unwrap()).collect();
    assert!(seqs.is_sorted());
    seqs.dedup();
    assert_eq!(seqs.len(), 3);
    for one in told {
        assert_eq!((&one["number"], &one["reference"]), (&opened["number"], &json!("R-1")));
        assert_eq!(one["waybill_no"], rows[0]["waybill_no"]);
    }
}
