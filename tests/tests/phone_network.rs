//! A bad network between phone and server: connections are cut, stalled and reset at random, before, in and after
//! requests and answers. Twenty seeds, each a phone of its own that imports, taps, undoes; the real server, the
//! simulated carrier, and the judge at the end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use waybell_core::notify::Undone;
use waybell_core::{Client, ClientConfig, Ports};
use waybell_domain::id::{BatchId, ParcelId};
use waybell_tests::campaign::Campaign;
use waybell_tests::world::PASSWORD;
use waybell_tests::{Proxy, World, WorldOptions, list};

const PEOPLE: usize = 4;
const ANSWER: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 10\nring_ms = 60\ntalk_ms = 120\n";

struct Phone {
    client: Client,
    proxy: Proxy,
    rows: Vec<Value>,
    batch: BatchId,
    undone: Option<Undone>,
    _home: tempfile::TempDir,
}

/// Exchanges until nothing waits; with the network calm again after some seconds.
async fn settle(client: &Client, proxy: &Proxy) {
    let began = Instant::now();
    loop {
        let done = client.sync().now().await;
        let status = client.sync().status().unwrap();
        assert_eq!(status.dead, 0, "{:?}", client.sync().operations());
        if done.is_ok() && status.queued == 0 {
            return;
        }
        if began.elapsed() > Duration::from_secs(8) {
            proxy.calm(true);
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{done:?} {status:?}");
    }
}

async fn day(world: &World, seed: u64) -> Phone {
    let home = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&world.server.url, seed).await.unwrap();
    let config = ClientConfig { data_dir: home.path().to_owned(), server: proxy.url.clone() };
    let client = Client::open(config, Ports::of_system(home.path())).unwrap();
    let login = if seed.is_multiple_of(2) { "c1" } else { "c2" };
    client.session().login(login, PASSWORD).await.unwrap();
    proxy.calm(false);
    // half of them as an app in front: rounds and socket run all the time
    if seed.is_multiple_of(2) {
        client.resume();
    }
    let rows = list::rows(PEOPLE, 820_000_000 + seed * 100);
    let report = client.tasks().import_csv(list::csv(&rows).as_bytes(), false).await.unwrap();
    assert_eq!(report.created as usize, PEOPLE);
    if seed.is_multiple_of(3) {
        let _ = client.sync().now().await;
    }
    let ids: Vec<ParcelId> =
        rows.iter().map(|r| client.tasks().id_of(r["waybill_no"].as_str().unwrap()).unwrap()).collect();
    let batch = client.notify().send("arrived", &ids, None).await.unwrap();
    let undone = if seed % 4 == 3 {
        let _ = client.sync().now().await;
        Some(client.notify().undo(batch).await.unwrap())
    } else {
        None
    };
    settle(&client, &proxy).await;
    Phone { client, proxy, rows, batch, undone, _home: home }
}

async fn seeds(seeds: std::ops::Range<u64>) {
    let mut world =
        World::start(&WorldOptions { carrier: ANSWER.into(), ..WorldOptions::default() }).unwrap();
    let phones = join_all(seeds.map(|seed| day(&world, seed))).await;
    let cuts: u32 = phones.iter().map(|p| p.proxy.cuts()).sum();
    assert!(cuts as usize >= phones.len() * 2, "only {cuts} connections were cut");
    let (mut marks, mut ids) = (HashMap::new(), Vec::new());
    for login in ["c1", "c2"] {
        let courier = world.sign_in(login).await.unwrap();
        let batches: Vec<String> =
            courier.get("/batches").await.unwrap().as_array().unwrap().iter().map(id).collect();
        let campaign = Campaign { world, courier, batches: batches.clone() };
        campaign.finish(Duration::from_secs(60)).await.unwrap();
        world = campaign.world;
        ids.extend(batches);
        for parcel in campaign.courier.get("/parcels?limit=1000").await.unwrap().as_array().unwrap() {
            marks.insert(id(parcel), parcel["mark"].clone());
        }
    }
    let mut rung: HashMap<String, usize> = HashMap::new();
    for event in world.events().unwrap().into_iter().filter(|e| e.event == "alerted") {
        *rung.entry(event.callee.unwrap_or_default()).or_default() += 1;
    }
    for phone in &phones {
        phone.proxy.calm(true);
        settle(&phone.client, &phone.proxy).await;
        if phone.undone != Some(Undone::TakenBack) {
            assert!(ids.contains(&phone.batch.to_string()), "the tap (or its undo) never came");
        }
        let allowed = match phone.undone {
            None => 1..=1,
            Some(Undone::TakenBack) => 0..=0,
            Some(Undone::Asked) => 0..=1,
        };
        for row in &phone.rows {
            let rings = rung.get(&format!("+86{}", row["phone"].as_str().unwrap())).copied().unwrap_or(0);
            assert!(allowed.contains(&rings), "{row} was rung {rings} times");
        }
        for parcel in phone.client.tasks().list().await.unwrap() {
            assert_eq!(marks.get(&parcel.id.to_string()), Some(&json!(parcel.mark.as_str())));
        }
        phone.client.shutdown().await;
    }
    let verdict = world.judge().await.unwrap();
    assert!(verdict.violations.is_empty(), "{}", verdict.text());
    assert_eq!((verdict.summary.missed, verdict.summary.doubled), (0, 0));
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn ten_seeds() {
    seeds(0..10).await;
}

#[tokio::test]
async fn ten_more_seeds() {
    seeds(10..20).await;
}

/// The tap is on its way, slowly; the courier undoes it; the undo is quicker. For every kind of tap.
#[tokio::test]
async fn an_undo_that_overtakes_its_tap_rings_nobody() {
    let world = World::start(&WorldOptions { carrier: ANSWER.into(), ..WorldOptions::default() }).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(3, 830_000_000)).await.unwrap();
    for path in ["/batches", "/batches/again"] {
        let batch = uuid::Uuid::now_v7().to_string();
        let undone = courier.post(&format!("/batches/{batch}/undo"), &json!({})).await.unwrap();
        assert_eq!((&undone["id"], &undone["state"]), (&json!(batch), &json!("cancelled")));
        let again = courier.post(&format!("/batches/{batch}/undo"), &json!({})).await.unwrap();
        assert_eq!(again["state"], "cancelled", "twice is once");
        let acted = json!({ "wall": waybell_tests::api::now_ms() });
        let tap = json!({ "id": batch, "template": "arrived", "parcels": parcels, "acted_at": acted });
        let late = courier.post(path, &tap).await.unwrap();
        assert_eq!(late["state"], "cancelled", "{late}");
        // to somebody else the id is taken, and nothing is told of it
        let other = world.sign_in("c2").await.unwrap();
        let (status, answer) = other.send("POST", path, Some(&tap), None).await.unwrap();
        assert_eq!((status, &answer["code"]), (409, &json!("id_taken")), "{answer}");
        assert_eq!(other.send("POST", &format!("/batches/{batch}/undo"), None, None).await.unwrap().0, 404);
    }
    for action in ["pause", "resume", "confirm"] {
        let path = format!("/batches/{}/{action}", uuid::Uuid::now_v7());
        assert_eq!(courier.send("POST", &path, None, None).await.unwrap().0, 404, "only an undo is kept");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(world.events().unwrap().iter().all(|e| e.event != "invite"));
}
