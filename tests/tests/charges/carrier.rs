//! The ledger against the carrier's truth log.

use super::{MINUTE, SECOND, prices, sum};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use waybell_carrier::truth::TruthEvent;
use waybell_tests::WorldOptions;
use waybell_tests::api::Api;
use waybell_tests::campaign::Campaign;

const DAY: &str = r#"
[defaults]
delay_ms = 20
ring_ms = 400
talk_ms = 900
mix = [
  { behaviour = "answer", weight = 10 }, { behaviour = "busy", weight = 2 }, { behaviour = "reject", weight = 1 },
  { behaviour = "no_answer", weight = 1 }, { behaviour = "unallocated", weight = 1 },
  { behaviour = "answer_hangup_early", weight = 2 }, { behaviour = "press_keys", weight = 1 }
]
"#;

/// What the carrier would bill, reckoned without any code of the server: each call that was answered and whose answer was
/// acknowledged, in started minutes.
fn billed(events: &[TruthEvent]) -> BTreeMap<String, i64> {
    let mut calls: BTreeMap<String, (String, bool, bool, u64)> = BTreeMap::new();
    for event in events {
        let Some(id) = &event.call_id else { continue };
        let call = calls.entry(id.clone()).or_default();
        match event.event.as_str() {
            "answered" => {
                call.0 = event.callee.clone().unwrap_or_default();
                call.1 = true;
            }
            "acked" => call.2 |= call.1,
            "ended" => call.3 = event.talk_ms.unwrap_or_default(),
            _ => {}
        }
    }
    let cost = |callee: &str, ms: u64| {
        let minutes = i64::try_from(ms.div_ceil(60_000).max(1)).unwrap();
        let digits = callee.trim_start_matches("+86");
        let mobile = digits.len() == 11 && digits.starts_with('1');
        minutes * if mobile { MINUTE } else { 3 * MINUTE }
    };
    calls
        .into_iter()
        .filter(|(_, (_, answered, acked, _))| *answered && *acked)
        .map(|(id, (callee, _, _, ms))| (id, cost(&callee, ms)))
        .collect()
}

async fn legs(boss: &Api) -> Vec<Value> {
    let entries = boss.get("/ledger?limit=500&kind=leg").await.unwrap();
    entries.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_campaign_with_kills_costs_what_the_carrier_saw() {
    let options = WorldOptions { carrier: DAY.into(), rate: (40, 60), ..WorldOptions::default() };
    let world = waybell_tests::World::start(&options).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    boss.ask("PUT", "/rates", Some(&prices())).await.unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&waybell_tests::list::rows(120, 800_000_000)).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    let mut campaign = Campaign { world, courier, batches };
    for _ in 0..2 {
        campaign.kill(SECOND + SECOND / 2, SECOND / 2).await.unwrap();
    }
    campaign.finish(SECOND * 150).await.unwrap();
    let boss = boss.at(&campaign.world.server.url);
    // calls that a kill has cut are ended by BYE, which may come after their people are final
    let until = Instant::now() + SECOND * 30;
    let (truth, entries) = loop {
        let (truth, entries) = (billed(&campaign.world.events().unwrap()), legs(&boss).await);
        if truth.len() == entries.len() || Instant::now() > until {
            break (truth, entries);
        }
        tokio::time::sleep(SECOND / 4).await;
    };
    assert!(truth.len() > 60, "{}", truth.len());
    assert_eq!(entries.len(), truth.len(), "a leg for each call that was answered");
    assert_eq!(-sum(&entries), truth.values().sum::<i64>());
    // balance and sums are those of the entries
    let accounts = boss.get("/accounts?kind=branch").await.unwrap();
    assert_eq!(accounts[0]["balance"], json!(sum(&entries)));
    for account in boss.get("/accounts").await.unwrap().as_array().unwrap() {
        if account["kind"] == "organisation" || account["kind"] == "branch" || account["name"] == "c1" {
            assert_eq!(account["today"]["legs"], json!(entries.len()), "{account}");
            assert_eq!(account["month"]["cost"], json!(-sum(&entries)), "{account}");
        }
    }
    let mut seqs: Vec<i64> = entries.iter().map(|e| e["seq"].as_i64().unwrap()).collect();
    seqs.sort_unstable();
    assert!(seqs.iter().copied().eq(1..=i64::try_from(seqs.len()).unwrap()), "without a gap");
    // another start enters nothing
    campaign.world.kill().unwrap();
    campaign.restart().unwrap();
    let boss = boss.at(&campaign.world.server.url);
    tokio::time::sleep(SECOND).await;
    assert_eq!(legs(&boss).await.len(), entries.len());
    campaign.verdict().await.unwrap();
}
