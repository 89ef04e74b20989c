//! The guarantee: nobody missed, nobody rung twice, whatever dies in between. The judge decides.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use waybell_carrier::config::{Network, Profile};
use waybell_tests::WorldOptions;
use waybell_tests::campaign::Campaign;

/// All that a carrier's callees do in a day, quickly.
const DAY: &str = r#"
[defaults]
delay_ms = 20
ring_ms = 700
talk_ms = 600
mix = [
  { behaviour = "answer", weight = 10 }, { behaviour = "busy", weight = 3 }, { behaviour = "reject", weight = 2 },
  { behaviour = "no_answer", weight = 3 }, { behaviour = "unallocated", weight = 1 },
  { behaviour = "powered_off", weight = 1 }, { behaviour = "suspended", weight = 1 },
  { behaviour = "answer_hangup_early", weight = 2 }, { behaviour = "press_keys", weight = 1 },
  { behaviour = "slow_180", weight = 1 }, { behaviour = "only_183", weight = 1 },
  { behaviour = "no_provisional", weight = 1 }, { behaviour = "server_error", weight = 1 },
  { behaviour = "bye_race", weight = 1 }, { behaviour = "no_ack_seen", weight = 1 }
]
"#;

struct Run {
    seed: u64,
    people: usize,
    /// (after seconds, outage seconds)
    kills: Vec<(f64, f64)>,
    profile: Profile,
    transport: &'static str,
    probe: bool,
    network: Network,
}

async fn run(r: Run) {
    let options = WorldOptions {
        carrier: DAY.into(),
        profile: r.profile,
        transport: r.transport,
        probe: r.probe,
        network: r.network,
        seed: r.seed,
        rate: (120, 300),
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, r.people).await.unwrap();
    for (after, outage) in r.kills {
        campaign.kill(Duration::from_secs_f64(after), Duration::from_secs_f64(outage)).await.unwrap();
    }
    campaign.finish(Duration::from_secs(150)).await.unwrap();
    let verdict = campaign.verdict().await.unwrap_or_else(|e| panic!("seed {}: {e:#}", r.seed));
    assert_eq!(verdict.summary.recipients, r.people);
    assert_eq!((verdict.summary.missed, verdict.summary.doubled), (0, 0));
}

fn plain(seed: u64) -> Run {
    Run {
        seed,
        people: 500,
        kills: Vec::new(),
        profile: Profile::Rfc3261,
        transport: "udp",
        probe: true,
        network: Network::default(),
    }
}

/// Kills at random moments of the campaign; each of them finds other calls in other phases.
fn random_kills(seed: u64, n: usize, outages: &[f64]) -> Vec<(f64, f64)> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..n).map(|i| (random.random_range(0.1..1.8), outages[i % outages.len()])).collect()
}

#[tokio::test]
async fn kills_at_random_moments_udp_rfc3261() {
    run(Run { kills: random_kills(1, 5, &[0.1, 1.0]), ..plain(1) }).await;
}

#[tokio::test]
async fn kills_at_random_moments_udp_rfc6026() {
    run(Run { kills: random_kills(2, 5, &[0.1, 1.0]), profile: Profile::Rfc6026, ..plain(2) }).await;
}

#[tokio::test]
async fn kills_at_random_moments_tcp() {
    run(Run { kills: random_kills(3, 4, &[0.1, 1.0]), transport: "tcp", ..plain(3) }).await;
}

#[tokio::test]
async fn kills_twice_in_a_row() {
    // the second one comes while the first one's calls are being probed
    let mut kills = Vec::new();
    let mut random = StdRng::seed_from_u64(4);
    for _ in 0..3 {
        kills.push((random.random_range(0.2..1.2), 0.1));
        kills.push((random.random_range(0.0..0.3), 0.1));
    }
    run(Run { kills, ..plain(4) }).await;
}

#[tokio::test]
async fn a_far_side_that_forgets_after_five_seconds() {
    run(Run { kills: vec![(0.8, 6.0), (0.8, 1.0)], profile: Profile::Forgetful, ..plain(5) }).await;
}

#[tokio::test]
async fn a_far_side_that_ignores_require_is_not_probed() {
    run(Run { kills: random_kills(6, 3, &[0.1]), profile: Profile::NoRequire, probe: false, ..plain(6) })
        .await;
}

#[tokio::test]
async fn long_outages() {
    run(Run { kills: vec![(0.7, 20.0), (0.7, 31.0)], people: 300, ..plain(7) }).await;
}

#[tokio::test]
async fn an_outage_longer_than_every_timer() {
    run(Run { kills: vec![(0.7, 40.0)], people: 200, ..plain(8) }).await;
}

#[tokio::test]
async fn loss_and_duplication_on_the_way() {
    let network = Network { loss: 0.05, duplicate: 0.05, delay_ms: (0, 30) };
    run(Run {
        kills: random_kills(9, 3, &[0.5]),
        profile: Profile::Rfc6026,
        network,
        people: 300,
        ..plain(9)
    })
    .await;
}
