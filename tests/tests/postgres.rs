//! The guarantee on PostgreSQL: the same tests as on SQLite, and what only a database that is a server of its own can do.
//!
//! Worlds of this program are on PostgreSQL (`waybell_tests::Database`). `WAYBELL_TEST_DATABASE=postgres` runs any other test
//! program on it as well.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tenants.rs"]
mod tenants;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use waybell_carrier::config::Profile;
use waybell_cluster::Cluster;
use waybell_tests::campaign::Campaign;
use waybell_tests::phases::{die, every_round};
use waybell_tests::takeover::take_over;
use waybell_tests::{Database, World, WorldOptions, list};

const DAY: &str = r#"
[defaults]
delay_ms = 20
ring_ms = 500
talk_ms = 500
mix = [
  { behaviour = "answer", weight = 10 }, { behaviour = "busy", weight = 2 }, { behaviour = "reject", weight = 2 },
  { behaviour = "no_answer", weight = 2 }, { behaviour = "unallocated", weight = 1 },
  { behaviour = "answer_hangup_early", weight = 2 }, { behaviour = "press_keys", weight = 1 },
  { behaviour = "no_provisional", weight = 1 }, { behaviour = "server_error", weight = 1 }
]
"#;

async fn clean(campaign: Campaign, people: usize) {
    campaign.finish(Duration::from_secs(120)).await.unwrap();
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!(verdict.summary.recipients, people);
    assert_eq!((verdict.summary.missed, verdict.summary.doubled), (0, 0));
}

#[tokio::test]
async fn a_crash_inside_every_phase_of_a_call() {
    every_round("press_keys", Profile::Rfc3261).await.unwrap();
}

#[tokio::test]
async fn a_crash_between_sending_and_the_answer() {
    tokio::try_join!(
        die("answer", "invite.sent", 1, Profile::Rfc3261),
        die("answer", "answer.acknowledged", 1, Profile::Rfc3261),
    )
    .unwrap();
}

#[tokio::test]
async fn kills_of_the_server_at_random_moments() {
    let options = WorldOptions { carrier: DAY.into(), rate: (120, 300), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 300).await.unwrap();
    assert!(campaign.world.database.url().starts_with("postgres:"));
    let mut random = StdRng::seed_from_u64(1);
    for n in 0..5 {
        let (after, outage) = (random.random_range(0.1..1.5), [0.1, 1.0][n % 2]);
        campaign.kill(Duration::from_secs_f64(after), Duration::from_secs_f64(outage)).await.unwrap();
    }
    assert!(!campaign.world.server.log().contains("restored copy"), "kills alone are no restored copy");
    clean(campaign, 300).await;
}

#[tokio::test]
async fn of_two_servers_on_one_database_only_the_later_one_rings() {
    take_over().await.unwrap();
}

/// SIGKILL to PostgreSQL in full swing, several times, and once together with the server.
#[tokio::test]
async fn kills_of_postgresql_in_mid_campaign() {
    let cluster = Arc::new(Cluster::start().unwrap());
    let options = WorldOptions {
        carrier: DAY.into(),
        rate: (60, 200),
        database: Database::On(cluster.clone()),
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, 250).await.unwrap();
    for (people, outage) in [(20, 50), (60, 1_500), (100, 50)] {
        campaign.world.until_rung(people).await.unwrap();
        cluster.kill().unwrap();
        tokio::time::sleep(Duration::from_millis(outage)).await;
        cluster.run().unwrap();
    }
    campaign.world.until_rung(130).await.unwrap();
    cluster.kill().unwrap();
    campaign.world.kill().unwrap();
    cluster.run().unwrap();
    campaign.restart().unwrap();
    assert!(!campaign.world.server.has_died(), "{}", campaign.world.server.log());
    clean(campaign, 250).await;
}

/// Nobody is rung while nothing can be stored, requests are refused with a word, and all goes on by itself.
#[tokio::test]
async fn a_postgresql_that_is_away_for_long() {
    let cluster = Arc::new(Cluster::start().unwrap());
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 200\ntalk_ms = 300\n".into(),
        rate: (15, 40),
        database: Database::On(cluster.clone()),
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 60).await.unwrap();
    campaign.world.until_rung(10).await.unwrap();
    cluster.kill().unwrap();
    let rows = json!({ "rows": list::rows(1, 810_000_000) });
    let (status, body) = campaign.courier.send("POST", "/parcels/import", Some(&rows), None).await.unwrap();
    assert_eq!((status, &body["code"]), (503, &json!("storage")), "{body}");
    // whoever had an intent stored may still be sent to; after the refused import nothing can have been
    let before = campaign.world.alerts().unwrap();
    let (status, _) = campaign.courier.send("POST", "/parcels/import", Some(&rows), None).await.unwrap();
    assert_eq!(status, 503);
    assert_eq!(campaign.world.alerts().unwrap(), before, "a call left though its intent could not be stored");
    cluster.run().unwrap();
    clean(campaign, 60).await;
}

/// A dump that was made while the server rang, read back after it had gone on: nobody rings until somebody says so.
#[tokio::test]
async fn a_dump_that_is_read_back_pauses_every_batch() {
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 200\ntalk_ms = 200\n".into(),
        rate: (20, 40),
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, 40).await.unwrap();
    campaign.world.until_rung(5).await.unwrap();
    let dump = campaign.world.folder.path().join("waybell.dump");
    let (cluster, name) = {
        let base = campaign.world.database.base().unwrap();
        (base.cluster.clone(), base.name.clone())
    };
    cluster.dump(&name, &dump).unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let rung = campaign.world.alerts().unwrap();
    assert_eq!(rung, 40);
    campaign.world.server.stop(Duration::from_secs(30)).unwrap();
    cluster.restore(&name, &dump).unwrap();
    let migrated = std::process::Command::new(waybell_tests::server::programs().join("waybell-server"))
        .arg("--config")
        .arg(campaign.world.folder.path().join("server.toml"))
        .arg("migrate")
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    campaign.restart().unwrap();
    let path = format!("/batches/{}", campaign.batches[0]);
    let batch = campaign.courier.get(&path).await.unwrap();
    assert_eq!((&batch["state"], &batch["reason"]), (&json!("paused"), &json!("restored")), "{batch}");
    assert!(campaign.world.server.log().contains("the database is a copy of the one that was served"));
    campaign.world.server.stop(Duration::from_secs(30)).unwrap();
    assert_eq!(campaign.world.alerts().unwrap(), rung, "nobody rings from a restored copy");
    assert_eq!(campaign.world.server.admin(&["resume-restored"]).unwrap()["resumed"], 1);
    campaign.restart().unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    assert!(campaign.world.alerts().unwrap() > rung);
    assert_eq!(campaign.world.server.log().matches("restored copy").count(), 1);
}

/// A server that moves from SQLite to PostgreSQL in mid-campaign, with calls on the line when it dies.
#[tokio::test]
async fn a_campaign_that_moves_from_sqlite_goes_on_and_the_file_rings_nobody_any_more() {
    let options = WorldOptions {
        carrier: DAY.into(),
        rate: (30, 60),
        database: Database::Sqlite,
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, 60).await.unwrap();
    campaign.world.until_rung(15).await.unwrap();
    campaign.world.kill().unwrap();
    let base = Cluster::shared().unwrap();
    let file = campaign.world.folder.path().join("server.toml");
    let moved = || {
        std::process::Command::new(waybell_tests::server::programs().join("waybell-server"))
            .arg("--config")
            .arg(&file)
            .args(["move-to", &base.url()])
            .output()
            .unwrap()
    };
    let done = moved();
    assert!(done.status.success(), "{done:?}");
    let again = moved();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && said.contains("name an empty one"), "{said}");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("database = {:?}\n{text}", base.url())).unwrap();
    campaign.restart().unwrap();
    assert!(!campaign.world.server.log().contains("restored copy"), "it goes on by itself");
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    // by mistake on the file again, where the batch is not over
    let rung = campaign.world.alerts().unwrap();
    campaign.world.kill().unwrap();
    std::fs::write(&file, &text).unwrap();
    campaign.restart().unwrap();
    let batch = campaign.courier.get(&format!("/batches/{}", campaign.batches[0])).await.unwrap();
    assert_eq!((&batch["state"], &batch["reason"]), (&json!("paused"), &json!("restored")), "{batch}");
    campaign.world.kill().unwrap();
    assert_eq!(campaign.world.alerts().unwrap(), rung);
    std::fs::write(&file, format!("database = {:?}\n{text}", base.url())).unwrap();
    campaign.restart().unwrap();
    clean(campaign, 60).await;
}

/// A password is in no log and no message, whatever goes wrong.
#[tokio::test]
async fn the_password_is_told_to_nobody() {
    let cluster = Arc::new(Cluster::start().unwrap());
    let options = WorldOptions { database: Database::On(cluster.clone()), ..WorldOptions::default() };
    let mut world = World::start(&options).unwrap();
    world.server.stop(Duration::from_secs(20)).unwrap();
    let file = world.folder.path().join("server.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let base = world.database.base().unwrap().name.clone();
    let line = text.lines().next().unwrap().to_owned();
    assert!(line.starts_with("database"), "{line}");
    let with = |password: &str| format!("database = {:?}", cluster.url_with(&base, password));
    std::fs::write(&file, text.replace(&line, &with("not-the-secret"))).unwrap();
    world.server.variables.push(("RUST_LOG".into(), "debug".into()));
    // the end of the log is what was refused, and not where
    world.server.variables.push(("RUST_BACKTRACE".into(), "0".into()));
    let refused = format!("{:#}", world.server.start().unwrap_err());
    assert!(refused.contains("password authentication failed"), "{refused}");
    std::fs::write(&file, text.replace(&line, &with(waybell_cluster::PASSWORD))).unwrap();
    world.server.start().unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    courier.import(&list::rows(3, 800_000_000)).await.unwrap();
    cluster.kill().unwrap();
    let rows = json!({ "rows": list::rows(1, 810_000_000) });
    let (status, body) = courier.send("POST", "/parcels/import", Some(&rows), None).await.unwrap();
    assert_eq!(status, 503, "{body}");
    let said = format!("{body}{refused}{}", world.server.log());
    assert!(said.contains("storage failed"), "{said}");
    for secret in ["not-the-secret", waybell_cluster::PASSWORD] {
        assert!(!said.contains(secret));
    }
}
