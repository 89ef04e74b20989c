//! The thin slice and its neighbours: a list, a tap, every phone rings once, every result is shown.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;
use waybell_tests::campaign::Campaign;
use waybell_tests::{WorldOptions, list};

#[tokio::test]
async fn one_recipient_hears_the_notice() {
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 100\nuntil_end = true\n"
            .into(),
        hear: true,
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 1).await.unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let people = campaign.courier.get(&format!("/batches/{}/recipients", campaign.batches[0])).await.unwrap();
    assert_eq!(people[0]["outcome"], "answered_full", "{people:#}");
    assert_eq!(people[0]["mark"], "answered");
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!(verdict.summary.answered, 1);
}

#[tokio::test]
async fn a_mixed_list_ends_as_the_carrier_saw_it() {
    let options = WorldOptions { carrier: MIXED.into(), ..WorldOptions::default() };
    let campaign = Campaign::start(&options, 200).await.unwrap();
    campaign.finish(Duration::from_secs(120)).await.unwrap();
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!(verdict.summary.recipients, 200);
}

/// A bit of everything.
pub const MIXED: &str = r#"
[defaults]
delay_ms = 20
ring_ms = 150
talk_ms = 600
mix = [
  { behaviour = "answer", weight = 8 }, { behaviour = "busy", weight = 2 }, { behaviour = "reject", weight = 1 },
  { behaviour = "no_answer", weight = 2 }, { behaviour = "unallocated", weight = 1 },
  { behaviour = "powered_off", weight = 1 }, { behaviour = "suspended", weight = 1 },
  { behaviour = "answer_hangup_early", weight = 1 }, { behaviour = "press_keys", weight = 1 }
]
"#;

#[test]
fn the_list_is_a_list() {
    assert!(list::csv(&list::rows(3, 1)).lines().count() == 4);
}
