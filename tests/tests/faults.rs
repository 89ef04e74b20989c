//! Faults of our own: what cannot be said, what does not read back, whom a crash leaves on the line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use waybell_server::store::{Store, number};
use waybell_tests::api::now_ms;
use waybell_tests::campaign::Campaign;
use waybell_tests::world::DISPLAY;
use waybell_tests::{World, WorldOptions, list};

const QUICK: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 50\ntalk_ms = 2000\n";

/// The server's own database, beside the server.
async fn database(world: &World) -> Store {
    Store::open(&world.database.url()).await.unwrap()
}

async fn change(world: &World, sql: &str) {
    let store = database(world).await;
    let write = store.begin().await.unwrap();
    write.exec(sql, []).await.unwrap();
    write.commit().await.unwrap();
}

async fn count(world: &World, sql: &str) -> i64 {
    number(database(world).await.read(), sql, []).await.unwrap()
}

async fn people(campaign: &Campaign, batch: usize) -> Vec<Value> {
    let path = format!("/batches/{}/recipients", campaign.batches[batch]);
    campaign.courier.get(&path).await.unwrap().as_array().unwrap().clone()
}

fn texts(world: &World) -> usize {
    let folder = world.folder.path().join("data/outbox");
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|f| f.path().extension().is_some_and(|e| e == "json"))
        .count()
}

async fn until(what: &str, seconds: u64, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !done().await {
        assert!(Instant::now() < end, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_notice_that_cannot_be_spoken_is_not_given() {
    let options = WorldOptions {
        carrier: QUICK.into(),
        speech: "espeak = \"/nowhere/espeak\"".into(),
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 2).await.unwrap();
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    for person in people(&campaign, 0).await {
        assert_eq!(person["outcome"], "interrupted", "answered, and told nothing: {person}");
    }
    assert_eq!(count(&campaign.world, "SELECT COUNT(*) FROM notified").await, 0);
    until("text messages in place of the notice", 5, async || texts(&campaign.world) == 2).await;
}

#[tokio::test]
async fn an_answer_without_usable_sound_is_not_given_either() {
    let carrier = format!("{QUICK}[[callee]]\nnumber = \"+8613800000000\"\nbehaviour = \"wrong_sdp\"\n");
    let campaign = Campaign::start(&WorldOptions { carrier, ..WorldOptions::default() }, 2).await.unwrap();
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    let all = people(&campaign, 0).await;
    let of = |n: &str| all.iter().find(|p| p["phone"] == n).unwrap();
    assert_eq!(of("+8613800000000")["outcome"], "interrupted");
    assert_ne!(of("+8613800000001")["outcome"], "interrupted");
    assert_eq!(count(&campaign.world, "SELECT COUNT(*) FROM notified").await, 1);
    until("a text message", 5, async || texts(&campaign.world) == 1).await;
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn rules_that_do_not_read_hold_one_batch_and_nobody_elses() {
    let options = WorldOptions { carrier: QUICK.into(), tenants: vec!["Other"], ..WorldOptions::default() };
    let world = World::start(&options).unwrap();
    let (one, other) = (world.sign_in("c1").await.unwrap(), world.sign_in("c1-Other").await.unwrap());
    let mine = one.import(&list::rows(3, 800_000_000)).await.unwrap();
    let theirs = other.import(&list::rows(3, 810_000_000)).await.unwrap();
    let tap = |parcels: &[String]| {
        json!({ "id": uuid::Uuid::now_v7(), "template": "arrived", "parcels": parcels, "acted_at": { "wall": now_ms() },
            "start_at": now_ms() + 1_500 })
    };
    let (a, b) = (tap(&mine), tap(&theirs));
    one.post("/batches", &a).await.unwrap();
    other.post("/batches", &b).await.unwrap();
    change(&world, "UPDATE organisation SET policy = '{\"quiet\": 7' WHERE name = 'Other'").await;
    let (a, b) = (a["id"].as_str().unwrap().to_owned(), b["id"].as_str().unwrap().to_owned());
    let campaign = Campaign { world, courier: one, batches: vec![a] };
    campaign.finish(Duration::from_secs(20)).await.unwrap();
    let held = other.get(&format!("/batches/{b}")).await.unwrap();
    assert_eq!(held["state"], "paused", "{held}");
    assert!(held["reason"].as_str().unwrap().contains("damaged organisation.policy"), "{held}");
    let story = other.get("/parcels/YT0000810000000/why").await.unwrap().to_string();
    assert!(story.contains("the batch is paused: damaged"), "{story}");
    // mended and resumed, it goes on
    change(&campaign.world, "UPDATE organisation SET policy = (SELECT policy FROM organisation WHERE name = 'Demo') WHERE name = 'Other'").await;
    other.post(&format!("/batches/{b}/resume"), &json!({})).await.unwrap();
    let campaign = Campaign { world: campaign.world, courier: other, batches: vec![b] };
    campaign.finish(Duration::from_secs(20)).await.unwrap();
}

#[tokio::test]
async fn a_flow_that_does_not_read_holds_its_batch_even_across_a_restart() {
    let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 1500\ntalk_ms = 400\n";
    let options = WorldOptions { carrier: carrier.into(), rate: (10, 3), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 6).await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    change(&campaign.world, "UPDATE template SET flow = 'nonsense'").await;
    campaign.kill(Duration::from_millis(100), Duration::from_millis(100)).await.unwrap();
    let id = campaign.batches[0].clone();
    until("the batch is held, and no call is open", 30, async || {
        let batch = campaign.courier.get(&format!("/batches/{id}")).await.unwrap();
        batch["state"] == "paused" && batch["counts"]["calling"] == 0
    })
    .await;
    let batch = campaign.courier.get(&format!("/batches/{id}")).await.unwrap();
    assert!(batch["reason"].as_str().unwrap().contains("damaged template.flow"), "{batch}");
    assert!(batch["counts"]["waiting"].as_u64().unwrap() >= 3, "{batch}");
}

#[tokio::test]
async fn a_menu_that_asks_for_an_extension_is_no_answer_to_the_store() {
    let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 50\nuntil_end = true\n";
    let options = WorldOptions {
        carrier: carrier.into(),
        server: "call_seconds = 30\nextension = { after_ms = 700, end = \"*#\", connect_ms = 2500 }\n".into(),
        ..WorldOptions::default()
    };
    let mut world = World::start(&options).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let mut rows = list::rows(1, 800_000_000);
    rows[0]["phone"] = json!("13800001111转45");
    let parcels = courier.import(&rows).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    let keyed = |world: &World| -> String {
        let events = world.events().unwrap();
        events.iter().filter(|e| e.event == "digits_heard").filter_map(|e| e.digits.clone()).collect()
    };
    until("the extension is keyed", 20, async || keyed(&world) == "45*#").await;
    assert_eq!(count(&world, "SELECT COUNT(*) FROM attempt WHERE answer_at IS NOT NULL").await, 0);
    assert_eq!(
        count(&world, "SELECT COUNT(*) FROM attempt WHERE dialog IS NOT NULL AND is_open = 1").await,
        1
    );
    // it dies while the menu connects: nobody knows whether the person's telephone rang
    world.kill().unwrap();
    world.server.start().unwrap();
    let campaign = Campaign { courier: courier.at(&world.server.url), world, batches };
    campaign.finish(Duration::from_secs(20)).await.unwrap();
    assert_eq!(people(&campaign, 0).await[0]["outcome"], "unknown");
    until("the far side hears that it is over", 5, async || {
        campaign.world.events().unwrap().iter().any(|e| e.event == "bye")
    })
    .await;
    assert_eq!(keyed(&campaign.world), "45*#", "what ends an extension is the menu's to say");
}

const COURIER: &str = r#"
[defaults]
behaviour = "press_keys"
delay_ms = 20
ring_ms = 50
digits_after_ms = 500
digits = "0"
talk_ms = 60000
audio = "tone"
[[callee]]
number = "+8613900000001"
behaviour = "answer"
ring_ms = RING
talk_ms = 60000
"#;

async fn couriers_leg_dies(ring_ms: u32, wanted: &str) {
    let options =
        WorldOptions { carrier: COURIER.replace("RING", &ring_ms.to_string()), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 1).await.unwrap();
    let own = |campaign: &Campaign, kind: &str| {
        let events = campaign.world.events().unwrap();
        events.iter().any(|e| e.event == kind && e.callee.as_deref() == Some("+8613900000001"))
    };
    until("the courier's telephone", 20, async || own(&campaign, wanted)).await;
    campaign.kill(Duration::from_millis(400), Duration::from_millis(200)).await.unwrap();
    let end = if wanted == "answered" { "bye" } else { "cancelled" };
    until("the courier's telephone is let go", 20, async || own(&campaign, end)).await;
    campaign.finish(Duration::from_secs(40)).await.unwrap();
    until("its row is closed", 5, async || {
        count(&campaign.world, "SELECT COUNT(*) FROM side_call WHERE is_open = 1").await == 0
    })
    .await;
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_crash_does_not_leave_the_couriers_telephone_ringing() {
    couriers_leg_dies(30_000, "alerted").await;
}

#[tokio::test]
async fn a_crash_does_not_leave_the_courier_on_the_line() {
    couriers_leg_dies(200, "answered").await;
}

#[tokio::test]
async fn who_can_be_shown_no_number_gets_a_text_message() {
    let carrier = "[defaults]\nbehaviour = \"caller_barred\"\ndelay_ms = 20\n";
    let campaign = Campaign::start(&WorldOptions { carrier: carrier.into(), ..WorldOptions::default() }, 2)
        .await
        .unwrap();
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    until("text messages", 5, async || texts(&campaign.world) == 2).await;
    let story = campaign.courier.get("/parcels/YT0000800000000/why").await.unwrap().to_string();
    assert!(story.contains("no number is left"), "{story}");
}

#[tokio::test]
async fn a_number_of_another_organisation_is_not_shown() {
    let options = WorldOptions { carrier: QUICK.into(), tenants: vec!["Other"], ..WorldOptions::default() };
    let mut world = World::start(&options).unwrap();
    world.kill().unwrap();
    world.server.admin(&["allow-number", "--organisation", "Other", "--number", DISPLAY]).unwrap();
    world.server.start().unwrap();
    let (one, other) = (world.sign_in("c1").await.unwrap(), world.sign_in("c1-Other").await.unwrap());
    let mine = one.import(&list::rows(2, 800_000_000)).await.unwrap();
    let theirs = other.import(&list::rows(2, 810_000_000)).await.unwrap();
    let (a, b) = (one.notify(&mine).await.unwrap(), other.notify(&theirs).await.unwrap());
    let theirs = Campaign { world, courier: other, batches: b };
    theirs.finish(Duration::from_secs(20)).await.unwrap();
    let mine = Campaign { world: theirs.world, courier: one, batches: a };
    mine.finish(Duration::from_secs(20)).await.unwrap();
    let rung: Vec<String> = mine
        .world
        .events()
        .unwrap()
        .into_iter()
        .filter(|e| e.event == "alerted")
        .filter_map(|e| e.callee)
        .collect();
    assert!(rung.len() == 2 && rung.iter().all(|n| n.starts_with("+861381")), "{rung:?}");
}

#[tokio::test]
async fn parcels_in_a_paused_batch_say_so_to_a_new_tap() {
    let options = WorldOptions { carrier: QUICK.into(), rate: (1, 1), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 4).await.unwrap();
    let id = &campaign.batches[0];
    campaign.courier.post(&format!("/batches/{id}/pause"), &json!({})).await.unwrap();
    let parcels = campaign.courier.import(&list::rows(4, 800_000_000)).await.unwrap();
    let plan =
        campaign.courier.post("/plans", &json!({ "template": "arrived", "parcels": parcels })).await.unwrap();
    let held = plan["suppressed"].as_array().unwrap().iter().find(|s| s["reason"] == "on_hold").unwrap();
    assert!(held["parcels"].as_u64().unwrap() >= 2, "{plan}");
    assert!(plan["summary_en"].as_str().unwrap().contains("resume or undo it"), "{plan}");
}
