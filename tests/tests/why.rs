//! What is told of a parcel after people have stepped in: undo, pause, hold. Nothing of it may be missing, as a recipient who
//! was not rung asks for it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use waybell_tests::campaign::Campaign;
use waybell_tests::{WorldOptions, list};

const SLOW: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 900\ntalk_ms = 300\n";

async fn act(campaign: &Campaign, action: &str) -> Value {
    campaign.courier.post(&format!("/batches/{}/{action}", campaign.batches[0]), &json!({})).await.unwrap()
}

async fn words(campaign: &Campaign, waybill: &str) -> Vec<String> {
    let story = campaign.courier.get(&format!("/parcels/{waybill}/why")).await.unwrap();
    let lines = story["lines"].as_array().unwrap();
    lines.iter().map(|l| l["what"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_people_did_is_told() {
    let options = WorldOptions { carrier: SLOW.into(), rate: (1, 1), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 40).await.unwrap();
    // one call a second: the last of the list waits for a long time
    let last = list::rows(40, 800_000_000).last().unwrap()["waybill_no"].as_str().unwrap().to_owned();
    act(&campaign, "pause").await;
    let held = words(&campaign, &last).await;
    assert_eq!(held.iter().filter(|w| *w == "pause").count(), 1, "{held:?}");
    assert_eq!(held.last().unwrap(), "paused", "why it waits: {held:?}");
    act(&campaign, "resume").await;
    let boss = campaign.world.sign_in("boss").await.unwrap();
    boss.post("/stop-all", &json!({ "stopped": true })).await.unwrap();
    assert_eq!(words(&campaign, &last).await.last().unwrap(), "stopped");
    boss.post("/stop-all", &json!({ "stopped": false })).await.unwrap();
    act(&campaign, "undo").await;
    let undone = words(&campaign, &last).await;
    assert_eq!(undone.last().unwrap(), "undone", "{undone:?}");
    let story = campaign.courier.get(&format!("/parcels/{last}/why")).await.unwrap();
    let line = story["lines"].as_array().unwrap().last().unwrap();
    assert!(line["zh"].as_str().unwrap().contains("撤销"), "{line}");
    assert!(line["en"].as_str().unwrap().starts_with("undone by "), "{line}");
}
