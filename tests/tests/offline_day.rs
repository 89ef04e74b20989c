//! A day in the field without a network: what was imported, delivered and tapped there goes out hours later, and means
//! what it meant. Who has the parcel is not rung.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use waybell_core::ports::{Clock, FileKeyStore};
use waybell_core::{Client, ClientConfig, Ports};
use waybell_domain::clock::{HOUR, MINUTE, UnixMs};
use waybell_domain::id::{BatchId, ParcelId};
use waybell_domain::parcel::ParcelState;
use waybell_tests::api::{Api, now_ms};
use waybell_tests::campaign::Campaign;
use waybell_tests::world::PASSWORD;
use waybell_tests::{World, WorldOptions, list};

/// The clocks of a phone, which a test moves.
struct Clocks {
    wall: AtomicI64,
    boot: AtomicU64,
    boot_ms: AtomicU64,
}

impl Clocks {
    fn pass(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::Relaxed);
        self.boot_ms.fetch_add(ms as u64, Ordering::Relaxed);
    }

    /// After it, nobody knows how long ago anything before it was.
    fn reboot(&self) {
        self.boot.fetch_add(1, Ordering::Relaxed);
        self.boot_ms.store(1_000, Ordering::Relaxed);
    }
}

impl Clock for Clocks {
    fn wall(&self) -> UnixMs {
        UnixMs(self.wall.load(Ordering::Relaxed))
    }

    fn boot(&self) -> (String, u64) {
        (format!("boot-{}", self.boot.load(Ordering::Relaxed)), self.boot_ms.load(Ordering::Relaxed))
    }
}

struct Phone {
    client: Client,
    clocks: Arc<Clocks>,
    _home: tempfile::TempDir,
}

impl Phone {
    /// A phone of `c1`, signed in, whose clocks stand four hours before now.
    async fn in_the_morning(world: &World) -> Phone {
        let home = tempfile::tempdir().unwrap();
        let clocks = Arc::new(Clocks {
            wall: AtomicI64::new(now_ms() - 4 * HOUR),
            boot: AtomicU64::new(1),
            boot_ms: AtomicU64::new(5_000),
        });
        let config = ClientConfig { data_dir: home.path().to_owned(), server: world.server.url.clone() };
        let keys = Arc::new(FileKeyStore { path: home.path().join("data.key") });
        let client = Client::open(config, Ports { keys, clock: clocks.clone() }).unwrap();
        client.session().login("c1", PASSWORD).await.unwrap();
        Phone { client, clocks, _home: home }
    }

    async fn import(&self, rows: &[Value]) -> Vec<ParcelId> {
        let report = self.client.tasks().import_csv(list::csv(rows).as_bytes(), false).await.unwrap();
        assert_eq!(report.created as usize, rows.len());
        rows.iter().map(|r| self.client.tasks().id_of(r["waybill_no"].as_str().unwrap()).unwrap()).collect()
    }

    async fn signed(&self, ids: &[ParcelId]) {
        self.client.tasks().set_state(ids, ParcelState::Signed).await.unwrap();
    }

    /// The network is back: everything goes out, and nothing is refused.
    async fn goes_out(&self) {
        self.client.sync().now().await.unwrap();
        let status = self.client.sync().status().unwrap();
        assert_eq!((status.queued, status.dead), (0, 0), "{:?}", self.client.sync().operations());
    }

    async fn state(&self, id: ParcelId) -> ParcelState {
        self.client.tasks().get(id).await.unwrap().state
    }
}

fn world() -> World {
    World::start(&WorldOptions::default()).unwrap()
}

/// Whom the batch rang, when it is over: the last digits of their numbers.
async fn rung(world: World, batch: BatchId) -> BTreeSet<String> {
    let courier = world.sign_in("c1").await.unwrap();
    let mut campaign = Campaign { world, courier, batches: vec![batch.to_string()] };
    campaign.finish(Duration::from_secs(20)).await.unwrap();
    let events = campaign.world.events().unwrap();
    let alerted = events.into_iter().filter(|e| e.event == "alerted").filter_map(|e| e.callee);
    let digits = alerted.map(|number| number[number.len() - 2..].to_owned()).collect();
    let verdict = campaign.world.judge().await.unwrap();
    assert_eq!((verdict.summary.missed, verdict.summary.doubled), (0, 0), "{}", verdict.text());
    digits
}

fn digits<const N: usize>(of: [&str; N]) -> BTreeSet<String> {
    of.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn who_got_the_parcel_before_the_list_arrived_is_not_rung() {
    let world = world();
    let phone = Phone::in_the_morning(&world).await;
    let all = phone.import(&list::rows(4, 840_000_000)).await;
    phone.clocks.pass(30 * MINUTE);
    phone.signed(&all[..2]).await;
    phone.clocks.pass(3 * HOUR + 29 * MINUTE);
    let batch = phone.client.notify().send("arrived", &all, None).await.unwrap();
    phone.clocks.pass(MINUTE);
    phone.goes_out().await;
    for (id, state) in all.iter().zip([ParcelState::Signed, ParcelState::Signed, ParcelState::OutForDelivery])
    {
        assert_eq!(phone.state(*id).await, state);
    }
    assert_eq!(rung(world, batch).await, digits(["02", "03"]));
}

#[tokio::test]
async fn a_clock_that_was_slow_after_a_reboot_loses_no_delivery() {
    let world = world();
    let phone = Phone::in_the_morning(&world).await;
    let all = phone.import(&list::rows(3, 840_000_000)).await;
    phone.clocks.pass(30 * MINUTE);
    // the battery was out: the phone believes that it is 1970, until the network tells it better
    let real = phone.clocks.wall().0;
    phone.clocks.reboot();
    phone.clocks.wall.store(5_000, Ordering::Relaxed);
    phone.signed(&all[..1]).await;
    phone.clocks.reboot();
    phone.clocks.wall.store(-1, Ordering::Relaxed);
    phone.signed(&all[1..2]).await;
    phone.clocks.reboot();
    phone.clocks.wall.store(real, Ordering::Relaxed);
    phone.clocks.pass(3 * HOUR + 30 * MINUTE);
    let batch = phone.client.notify().send("arrived", &all, None).await.unwrap();
    phone.goes_out().await;
    assert_eq!(phone.state(all[0]).await, ParcelState::Signed);
    assert_eq!(rung(world, batch).await, digits(["02"]));
}

#[tokio::test]
async fn one_parcel_that_a_colleague_took_leaves_the_others_delivered() {
    let world = world();
    let phone = Phone::in_the_morning(&world).await;
    let rows = list::rows(5, 840_000_000);
    let all = phone.import(&rows).await;
    phone.goes_out().await;
    phone.clocks.pass(HOUR);
    phone.signed(&all[..3]).await;
    let colleague = world.sign_in("c2").await.unwrap();
    colleague.import(&rows[..1]).await.unwrap();
    phone.clocks.pass(3 * HOUR);
    let batch = phone.client.notify().send("arrived", &all[1..], None).await.unwrap();
    phone.goes_out().await;
    assert!(phone.client.tasks().get(all[0]).await.is_err(), "it is the colleague's now");
    // at the API: the own ones once each, in order; nothing that is one's own is 404
    let courier = world.sign_in("c1").await.unwrap();
    let body = |ids: &[ParcelId]| json!({ "parcels": ids, "state": "signed" });
    let told = courier.post("/parcels/state", &body(&[all[2], all[0], all[1], all[2]])).await.unwrap();
    let told: Vec<&Value> = told.as_array().unwrap().iter().map(|p| &p["id"]).collect();
    assert_eq!(told, [&json!(all[2]), &json!(all[1])]);
    assert_eq!(courier.send("POST", "/parcels/state", Some(&body(&all[..1])), None).await.unwrap().0, 404);
    let theirs = colleague.get("/parcels").await.unwrap();
    assert_eq!((theirs.as_array().unwrap().len(), &theirs[0]["state"]), (1, &json!("out_for_delivery")));
    assert_eq!(rung(world, batch).await, digits(["03", "04"]));
}

#[tokio::test]
async fn impossible_times_are_taken_as_they_can_be() {
    let world = world();
    let courier = world.sign_in("c1").await.unwrap();
    let rows = list::rows(1, 840_000_000);
    for wall in [i64::MIN, -1, i64::MAX] {
        let acted = json!({ "wall": wall });
        courier.post("/parcels/import", &json!({ "rows": rows, "acted_at": acted })).await.unwrap();
        let page = courier.get("/sync").await.unwrap();
        let body = json!({ "parcels": [page["parcels"][0]["id"]], "state": "signed", "acted_at": acted });
        let told = courier.post("/parcels/state", &body).await.unwrap();
        assert_eq!(told[0]["state"], "signed", "{wall}");
    }
}

async fn parcels(api: &Api) -> usize {
    let page = api.get("/sync?limit=1000").await.unwrap();
    page["parcels"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_long_list_goes_in_by_parts_and_once() {
    let world = world();
    let courier = world.sign_in("c1").await.unwrap();
    let rows = list::rows(8_000, 850_000_000);
    let body = json!({ "rows": rows });
    let report = courier.post("/parcels/import?dry_run=true", &body).await.unwrap();
    assert_eq!((&report["created"], &report["import"]), (&json!(8_000), &Value::Null));
    assert_eq!(report["preview"].as_array().unwrap().len(), 20);
    assert_eq!(parcels(&courier).await, 0, "a dry run writes nothing");

    // a copy that comes while the first is under way waits for it, and is answered alike
    let copies: Vec<_> = (0..2)
        .map(|_| {
            let (courier, body) = (courier.clone(), body.clone());
            tokio::spawn(async move {
                courier.send("POST", "/parcels/import", Some(&body), Some("a-long-list")).await.unwrap()
            })
        })
        .collect();
    // like a phone that pulls meanwhile: how many are there whenever it has all
    let (mut steps, mut since, mut seen) = (BTreeSet::new(), 0, 0);
    while !copies.iter().all(tokio::task::JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(25)).await;
        let page = courier.get(&format!("/sync?since={since}")).await.unwrap();
        since = page["cursor"].as_i64().unwrap();
        seen += page["parcels"].as_array().unwrap().len();
        if page["more"] == json!(false) {
            steps.insert(seen);
        }
    }
    let mut answers = Vec::new();
    for copy in copies {
        answers.push(copy.await.unwrap());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!((answers[0].0, &answers[0].1["created"]), (200, &json!(8_000)), "{:?}", answers[0]);
    let between = steps.iter().filter(|n| (1..8_000).contains(*n));
    assert!(between.clone().all(|n| n % 500 == 0) && between.count() > 0, "parts are seen: {steps:?}");
    let again = courier.post("/parcels/import", &body).await.unwrap();
    assert_eq!((&again["created"], &again["unchanged"]), (&json!(0), &json!(8_000)));
    assert_eq!(courier.import(&rows[..1]).await.unwrap().len(), 8_000);
}

#[tokio::test]
async fn a_long_list_that_a_crash_cut_is_whole_when_it_comes_again() {
    let mut world = world();
    let courier = world.sign_in("c1").await.unwrap();
    let rows = list::rows(8_000, 860_000_000);
    let body = json!({ "rows": rows });
    let first = {
        let (courier, body) = (courier.clone(), body.clone());
        tokio::spawn(
            async move { courier.send("POST", "/parcels/import", Some(&body), Some("cut-list")).await },
        )
    };
    while parcels(&courier).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.kill().unwrap();
    assert!(first.await.unwrap().is_err(), "the server died before it had all");
    world.server.start().unwrap();
    let courier = courier.at(&world.server.url);
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(courier.insist("POST", "/parcels/import", &body, "cut-list").await.unwrap());
    }
    assert_eq!(answers[0], answers[1]);
    let count = |field: &str| answers[0][field].as_u64().unwrap();
    assert_eq!((count("created") + count("unchanged"), count("updated")), (8_000, 0), "{}", answers[0]);
    assert!(count("unchanged") > 0 && count("unchanged") % 500 == 0, "{}", answers[0]);
    assert_eq!(courier.import(&rows[..1]).await.unwrap().len(), 8_000);
}

#[tokio::test]
async fn a_list_without_end_is_refused() {
    let world = world();
    let courier = world.sign_in("c1").await.unwrap();
    let csv = format!("运单号\n{}", "YT0000000001\n".repeat(200_000));
    let empty = format!("{{\"rows\":[{}{{}}]}}", "{\"waybill_no\":\"YT0000000001\"},".repeat(200_000));
    let own = format!(
        "{{\"rows\":[{}]}}",
        vec!["{\"line\":1,\"waybill_no\":\"Y\",\"phone\":\"\"}"; 200_001].join(",")
    );
    for (kind, text, field) in [
        ("text/csv", csv, "file"),
        ("application/octet-stream", empty, "file"),
        ("application/json", own, "rows"),
    ] {
        let request = courier.request("POST", "/parcels/import").header("content-type", kind);
        let answer = request.body(text).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!((status, &body["field"]), (422, &json!(field)), "{kind}: {body}");
        assert!(body["message"].as_str().unwrap().contains("200000"), "{body}");
        assert!(body["hint"].as_str().unwrap().contains("split"), "{body}");
    }
    assert_eq!(parcels(&courier).await, 0);
}
