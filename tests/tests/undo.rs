//! Holding, undoing, waiting: nothing starts that was stopped, nothing that rings is cut off, nothing that waits is lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use waybell_carrier::truth::TruthEvent;
use waybell_tests::api::now_ms;
use waybell_tests::campaign::Campaign;
use waybell_tests::world::quick_policy;
use waybell_tests::{World, WorldOptions, list};

const SLOW: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 900\ntalk_ms = 300\n";

fn alerts(world: &World) -> Vec<TruthEvent> {
    world.events().unwrap().into_iter().filter(|e| e.event == "alerted").collect()
}

fn after(events: &[TruthEvent], at_ms: i64) -> usize {
    events.iter().filter(|e| e.at_ms as i64 > at_ms).count()
}

async fn pause(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

async fn act(campaign: &Campaign, action: &str) -> Value {
    campaign.courier.post(&format!("/batches/{}/{action}", campaign.batches[0]), &json!({})).await.unwrap()
}

async fn people(campaign: &Campaign) -> Vec<Value> {
    let path = format!("/batches/{}/recipients", campaign.batches[0]);
    campaign.courier.get(&path).await.unwrap().as_array().unwrap().clone()
}

#[tokio::test]
async fn undo_stops_all_that_does_not_ring_and_leaves_what_does() {
    // the second ten get a 100 and nothing else for five seconds: sent, but not ringing
    let carrier = format!("{SLOW}[[callee]]\npattern = \"+861380000001?\"\ndelay_ms = 5000\n");
    let options = WorldOptions { carrier, rate: (10, 400), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 40).await.unwrap();
    pause(1.6).await;
    let rang = alerts(&campaign.world).len();
    assert!(rang >= 5, "{rang} ring before the undo");
    let view = act(&campaign, "undo").await;
    let at = now_ms();
    assert!(["cancelling", "cancelled"].contains(&view["state"].as_str().unwrap()), "{view}");
    // twice is once
    act(&campaign, "undo").await;
    campaign.finish(Duration::from_secs(15)).await.unwrap();
    let batch = campaign.courier.get(&format!("/batches/{}", campaign.batches[0])).await.unwrap();
    assert_eq!(batch["state"], "cancelled", "{batch}");
    let alerted = alerts(&campaign.world);
    assert_eq!(after(&alerted, at), 0, "somebody began to ring after the undo");
    let people = people(&campaign).await;
    let answered = people.iter().filter(|p| p["mark"] == "answered").count();
    assert_eq!(answered, alerted.len(), "those that rang went on to their end");
    assert!(batch["counts"]["cancelled"].as_u64().unwrap() as usize == 40 - answered, "{batch}");
    let sent = campaign.world.events().unwrap().iter().filter(|e| e.event == "invite").count();
    assert!(sent > answered, "some were called back before they rang");
    // the parcels of the undone may be tapped again
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!(verdict.summary.doubled, 0);
}

#[tokio::test]
async fn an_undone_list_can_be_tapped_again() {
    let options = WorldOptions { carrier: SLOW.into(), rate: (2, 100), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 6).await.unwrap();
    pause(0.3).await;
    act(&campaign, "undo").await;
    campaign.finish(Duration::from_secs(10)).await.unwrap();
    let parcels = campaign.courier.get("/sync").await.unwrap()["parcels"].as_array().unwrap().clone();
    let ids: Vec<String> = parcels.iter().map(|p| p["id"].as_str().unwrap().to_owned()).collect();
    campaign.batches.extend(campaign.courier.notify(&ids).await.unwrap());
    campaign.finish(Duration::from_secs(15)).await.unwrap();
    let rung: HashMap<String, usize> =
        alerts(&campaign.world).into_iter().fold(HashMap::new(), |mut m, e| {
            *m.entry(e.callee.unwrap_or_default()).or_default() += 1;
            m
        });
    assert_eq!(rung.len(), 6, "{rung:?}");
    assert!(rung.values().all(|n| *n == 1), "who was rung before the undo is not rung again: {rung:?}");
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn pause_and_resume() {
    let options = WorldOptions { carrier: SLOW.into(), rate: (10, 400), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 25).await.unwrap();
    pause(0.8).await;
    assert_eq!(act(&campaign, "pause").await["state"], "paused");
    let at = now_ms();
    pause(2.0).await;
    let alerted = alerts(&campaign.world);
    assert!(alerted.len() < 25);
    assert_eq!(after(&alerted, at + 200), 0, "a paused batch went on");
    assert_eq!(campaign.open().await.unwrap().0 as usize, 25 - alerted.len(), "those that rang have ended");
    act(&campaign, "resume").await;
    campaign.finish(Duration::from_secs(15)).await.unwrap();
    assert_eq!(alerts(&campaign.world).len(), 25);
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn stop_all_holds_every_call_within_a_second_and_releases() {
    let options = WorldOptions { carrier: SLOW.into(), rate: (10, 400), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 25).await.unwrap();
    let boss = campaign.world.sign_in("boss").await.unwrap();
    pause(0.6).await;
    boss.post("/stop-all", &json!({ "stopped": true })).await.unwrap();
    let at = now_ms();
    // also across a crash
    campaign.kill(Duration::from_millis(700), Duration::from_millis(100)).await.unwrap();
    pause(1.0).await;
    assert_eq!(
        after(&alerts(&campaign.world), at + 1_000),
        0,
        "a call began more than a second after the stop"
    );
    assert!(alerts(&campaign.world).len() < 25);
    let boss = boss.at(&campaign.world.server.url);
    assert_eq!(boss.get("/policy").await.unwrap()["stopped"], json!(true));
    boss.post("/stop-all", &json!({ "stopped": false })).await.unwrap();
    campaign.finish(Duration::from_secs(20)).await.unwrap();
    campaign.verdict().await.unwrap();
}

async fn one_tap(
    options: &WorldOptions,
    people: usize,
    change: impl FnOnce(&mut Value),
    age_ms: Option<u64>,
) -> Campaign {
    let world = World::start(options).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(people, 800_000_000)).await.unwrap();
    let id = uuid::Uuid::now_v7().to_string();
    let mut tap =
        json!({ "id": id, "template": "arrived", "parcels": parcels, "acted_at": { "wall": now_ms() } });
    change(&mut tap);
    let mut request = courier.request("POST", "/batches").json(&tap);
    if let Some(age) = age_ms {
        request = request.header("X-Waybell-Age-Ms", age);
    }
    assert_eq!(request.send().await.unwrap().status().as_u16(), 201);
    Campaign { world, courier, batches: vec![id] }
}

#[tokio::test]
async fn a_scheduled_batch_starts_at_its_time() {
    // counted from the tap, when the world stands
    let mut start = 0;
    let later = |t: &mut Value| {
        start = now_ms() + 6_000;
        t["start_at"] = json!(start);
    };
    let mut campaign = one_tap(&WorldOptions::default(), 3, later, None).await;
    let state = |c: &Campaign| {
        let (courier, path) = (c.courier.clone(), format!("/batches/{}", c.batches[0]));
        async move { courier.get(&path).await.unwrap()["state"].clone() }
    };
    assert_eq!(state(&campaign).await, "scheduled");
    campaign.kill(Duration::from_millis(300), Duration::ZERO).await.unwrap();
    assert_eq!(state(&campaign).await, "scheduled");
    campaign.finish(Duration::from_secs(15)).await.unwrap();
    let first = alerts(&campaign.world).iter().map(|e| e.at_ms as i64).min().unwrap();
    assert!(first >= start, "rang {} ms early", start - first);
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn a_tap_of_this_morning_asks_again() {
    const STALE: u64 = 2 * 3_600_000 + 60_000;
    let campaign = one_tap(&WorldOptions::default(), 2, |_| {}, Some(STALE)).await;
    let path = format!("/batches/{}", campaign.batches[0]);
    pause(0.8).await;
    assert_eq!(campaign.courier.get(&path).await.unwrap()["state"], "needs_confirmation");
    assert!(campaign.world.events().unwrap().iter().all(|e| e.event != "invite"));
    // the tap's wall clock says now: the boot clock's word counts
    act(&campaign, "confirm").await;
    campaign.finish(Duration::from_secs(10)).await.unwrap();
    assert_eq!(alerts(&campaign.world).len(), 2);
    campaign.verdict().await.unwrap();
}

/// From an hour ago to an hour from now, in the organisation's time zone.
fn closed_now() -> Value {
    let shanghai = chrono::FixedOffset::east_opt(8 * 3600).unwrap();
    let at = |hours: i64| (chrono::Utc::now() + chrono::Duration::hours(hours)).with_timezone(&shanghai);
    json!([{ "from": at(-1).format("%H:%M").to_string(), "to": at(1).format("%H:%M").to_string() }])
}

#[tokio::test]
async fn quiet_hours_ring_nobody_and_say_when() {
    let mut policy = quick_policy();
    policy["quiet"] = closed_now();
    let options = WorldOptions { policy, ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 3).await.unwrap();
    campaign.kill(Duration::from_millis(500), Duration::ZERO).await.unwrap();
    pause(0.8).await;
    assert!(campaign.world.events().unwrap().iter().all(|e| e.event != "invite"));
    assert_eq!(campaign.open().await.unwrap(), (3, 1));
    for person in people(&campaign).await {
        let wait = person["next_at"].as_i64().unwrap() - now_ms();
        assert!((3_400_000..3_700_000).contains(&wait), "{person}");
    }
    let why = campaign.courier.get("/parcels/YT0000800000000/why").await.unwrap();
    assert!(why["lines"].as_array().unwrap().iter().any(|l| l["what"] == "next"), "the time is told: {why}");
}

#[tokio::test]
async fn quiet_hours_that_begin_while_calls_run() {
    let options = WorldOptions { carrier: SLOW.into(), rate: (20, 100), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 40).await.unwrap();
    pause(0.8).await;
    let boss = campaign.world.sign_in("boss").await.unwrap();
    let mut policy = quick_policy();
    policy["quiet"] = closed_now();
    boss.ask("PUT", "/policy", Some(&policy)).await.unwrap();
    let at = now_ms();
    pause(2.0).await;
    let alerted = alerts(&campaign.world);
    assert!(!alerted.is_empty() && alerted.len() < 40);
    assert_eq!(after(&alerted, at + 200), 0, "rang in quiet hours");
    let waiting: Vec<Value> =
        people(&campaign).await.into_iter().filter(|p| p["mark"] == "not_called").collect();
    assert_eq!(waiting.len(), 40 - alerted.len());
    assert!(
        waiting.iter().all(|p| p["state"] == "waiting" && p["next_at"].as_i64().unwrap() > at + 3_000_000),
        "{waiting:?}"
    );
}

#[tokio::test]
async fn a_display_number_is_shown_no_more_than_its_cap_a_day() {
    let mut policy = quick_policy();
    policy["display_daily_cap"] = json!(5);
    let options = WorldOptions { policy: policy.clone(), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 12).await.unwrap();
    campaign.kill(Duration::from_millis(300), Duration::ZERO).await.unwrap();
    pause(2.5).await;
    let invited = campaign
        .world
        .events()
        .unwrap()
        .iter()
        .filter(|e| e.event == "invite" && e.probe != Some(true))
        .count();
    assert_eq!(invited, 5);
    let people = people(&campaign).await;
    let waiting: Vec<&Value> =
        people.iter().filter(|p| p["state"] == "waiting" || p["state"] == "planned").collect();
    assert_eq!(waiting.len(), 7, "{people:?}");
    assert!(waiting.iter().all(|p| p["next_at"].as_i64().unwrap() > now_ms()), "{waiting:?}");
    // the record and the next plan say why
    let page = campaign.courier.get("/sync").await.unwrap();
    let put_off =
        page["parcels"].as_array().unwrap().iter().find(|p| p["id"] == waiting[0]["parcels"][0]).unwrap();
    let path = format!("/parcels/{}/why", put_off["waybill_no"].as_str().unwrap());
    let why = campaign.courier.get(&path).await.unwrap();
    assert!(why.to_string().contains("has been shown as often as a day allows"), "{why}");
    let more = campaign.courier.import(&waybell_tests::list::rows(2, 810_000_000)).await.unwrap();
    let tap = json!({ "template": "arrived", "parcels": more });
    let plan = campaign.courier.post("/plans", &tap).await.unwrap();
    assert!(plan["summary_en"].as_str().unwrap().contains("of them tomorrow, by the cap of a day"), "{plan}");
    assert!(plan["not_before"].as_i64().unwrap() > now_ms(), "{plan}");
    // where some are left, how many
    act(&campaign, "undo").await;
    policy["display_daily_cap"] = json!(6);
    let boss = campaign.world.sign_in("boss").await.unwrap();
    boss.ask("PUT", "/policy", Some(&policy)).await.unwrap();
    let plan = campaign.courier.post("/plans", &tap).await.unwrap();
    assert!(plan["summary_zh"].as_str().unwrap().contains("今天最多 1 个"), "{plan}");
}

#[tokio::test]
async fn caps_of_a_trunk_are_never_passed_and_nobody_is_dropped() {
    let carrier = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 100\ntalk_ms = 500\n";
    for (rate, people) in [((8, 400), 30), ((200, 4), 16)] {
        let options = WorldOptions { carrier: carrier.into(), rate, ..WorldOptions::default() };
        let campaign = Campaign::start(&options, people).await.unwrap();
        campaign.finish(Duration::from_secs(30)).await.unwrap();
        let events = campaign.world.events().unwrap();
        let starts: Vec<u64> = events.iter().filter(|e| e.event == "invite").map(|e| e.at_ms).collect();
        assert_eq!(starts.len(), people);
        for (i, start) in starts.iter().enumerate() {
            // 100 ms for the way of a message on a machine that is busy with others
            let second = starts[i..].iter().filter(|s| **s < start + 900).count();
            assert!(second <= rate.0 as usize, "{second} calls within a second, {} allowed", rate.0);
        }
        let (mut now, mut most) = (0i32, 0);
        for event in &events {
            match event.event.as_str() {
                "invite" => now += 1,
                "ended" => now -= 1,
                _ => {}
            }
            most = most.max(now);
        }
        assert!(most <= rate.1 as i32, "{most} calls at once, {} allowed", rate.1);
        let verdict = campaign.verdict().await.unwrap();
        assert_eq!((verdict.summary.answered, verdict.summary.missed), (people, 0));
    }
}
