//! Data that are not the newest, and two servers on the same: nobody is rung who may have been rung already.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use waybell_tests::campaign::Campaign;
use waybell_tests::takeover::take_over;
use waybell_tests::{Database, World, WorldOptions, list};

const SLOW: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 300\ntalk_ms = 300\n";

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(|f| f.unwrap().path()).filter(|f| f.is_file()) {
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

/// Puts files of a backup back: the database alone, or all that was there.
fn put_back(backup: &Path, data: &Path, only: fn(&str) -> bool) {
    for file in std::fs::read_dir(backup).unwrap().map(|f| f.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if only(name) {
            let to = data.join(name);
            let _ = std::fs::remove_file(&to);
            std::fs::copy(&file, to).unwrap();
        }
    }
}

/// Text messages that went.
fn texts(campaign: &Campaign) -> usize {
    let folder = campaign.world.folder.path().join("data/outbox");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter(|f| f.path().extension().is_some_and(|e| e == "json")).count()
}

/// A campaign of which a backup was made when it had just begun, and which then went on to its end.
async fn history() -> Campaign {
    let options = WorldOptions {
        carrier: SLOW.into(),
        rate: (20, 40),
        database: Database::Sqlite,
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, 40).await.unwrap();
    let data = campaign.world.folder.path().join("data");
    tokio::time::sleep(Duration::from_millis(500)).await;
    campaign.world.kill().unwrap();
    copy(&data, &campaign.world.folder.path().join("backup"));
    campaign.restart().unwrap();
    campaign.finish(Duration::from_secs(40)).await.unwrap();
    campaign.world.kill().unwrap();
    campaign
}

async fn nobody_rings_until_somebody_says_so(mut campaign: Campaign) {
    let (rung, sent) = (campaign.world.alerts().unwrap(), texts(&campaign));
    campaign.restart().unwrap();
    let id = campaign.batches[0].clone();
    let batch = campaign.courier.get(&format!("/batches/{id}")).await.unwrap();
    assert_eq!((&batch["state"], &batch["reason"]), (&json!("paused"), &json!("restored")), "{batch}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(campaign.world.alerts().unwrap(), rung, "nobody rings from a restored copy");
    assert_eq!(texts(&campaign), sent, "and nobody is sent a text message");
    let batch = campaign.courier.get(&format!("/batches/{id}")).await.unwrap();
    assert_eq!(batch["counts"]["calling"], 0, "open calls are left alone: {batch}");
    let people = campaign.courier.get(&format!("/batches/{id}/recipients")).await.unwrap();
    let waits = people.as_array().unwrap().iter().position(|p| p["state"] == "planned").unwrap();
    let story = campaign.courier.get(&format!("/parcels/YT{:013}/why", 800_000_000 + waits)).await.unwrap();
    assert!(story.to_string().contains("restored from a backup"), "{story}");
    let invites = campaign.world.events().unwrap().iter().filter(|e| e.probe == Some(true)).count();
    assert!(campaign.world.server.log().contains("restored copy"), "the log says so");
    // another start changes nothing, and is no new alarm
    campaign.world.kill().unwrap();
    campaign.restart().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let again = campaign.world.events().unwrap().iter().filter(|e| e.probe == Some(true)).count();
    assert_eq!((campaign.world.alerts().unwrap(), again), (rung, invites));
    assert_eq!(campaign.world.server.log().matches("restored copy").count(), 1);
    // the courier goes on
    let answer = campaign.courier.post(&format!("/batches/{id}/resume"), &json!({})).await.unwrap();
    assert_eq!((&answer["state"], answer.get("reason")), (&json!("scheduled"), None), "{answer}");
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    assert!(campaign.world.alerts().unwrap() > rung);
    let until = Instant::now() + Duration::from_secs(20);
    while texts(&campaign) == sent {
        assert!(Instant::now() < until, "those whose call was open get theirs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_database_that_was_put_back_is_found() {
    let campaign = history().await;
    let folder = campaign.world.folder.path().to_owned();
    let data = folder.join("data");
    for rest in ["waybell.db-wal", "waybell.db-shm"] {
        let _ = std::fs::remove_file(data.join(rest));
    }
    put_back(&folder.join("backup"), &data, |name| name.starts_with("waybell.db") && !name.contains("mark"));
    nobody_rings_until_somebody_says_so(campaign).await;
}

#[tokio::test]
async fn a_whole_folder_that_was_put_back_is_found() {
    let campaign = history().await;
    let folder = campaign.world.folder.path().to_owned();
    let data = folder.join("data");
    for rest in ["waybell.db-wal", "waybell.db-shm"] {
        let _ = std::fs::remove_file(data.join(rest));
    }
    put_back(&folder.join("backup"), &data, |_| true);
    nobody_rings_until_somebody_says_so(campaign).await;
}

#[tokio::test]
async fn a_restored_copy_goes_on_by_one_command() {
    let mut campaign = history().await;
    let folder = campaign.world.folder.path().to_owned();
    for rest in ["waybell.db-wal", "waybell.db-shm"] {
        let _ = std::fs::remove_file(folder.join("data").join(rest));
    }
    put_back(&folder.join("backup"), &folder.join("data"), |_| true);
    campaign.restart().unwrap();
    campaign.world.kill().unwrap();
    let answer = campaign.world.server.admin(&["resume-restored"]).unwrap();
    assert_eq!(answer["resumed"], 1);
    let told = &answer["batches"][0];
    assert_eq!((&told["batch"], &told["courier"]), (&json!(campaign.batches[0]), &json!("c1")), "{answer}");
    assert!(told["waiting"].as_i64().is_some_and(|n| n > 0), "{answer}");
    campaign.restart().unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
}

/// Whoever ends the batch instead of resuming it has sent nobody anything.
#[tokio::test]
async fn an_ended_batch_of_a_restored_copy_sends_no_messages() {
    let mut campaign = history().await;
    let data = campaign.world.folder.path().join("data");
    for rest in ["waybell.db-wal", "waybell.db-shm"] {
        let _ = std::fs::remove_file(data.join(rest));
    }
    put_back(&campaign.world.folder.path().join("backup"), &data, |_| true);
    let (rung, sent) = (campaign.world.alerts().unwrap(), texts(&campaign));
    campaign.restart().unwrap();
    let id = campaign.batches[0].clone();
    // a request that may be sent again over a connection that the dead server had
    let paused = campaign.courier.get(&format!("/batches/{id}")).await.unwrap();
    assert_eq!(paused["reason"], "restored", "{paused}");
    let ended = campaign.courier.post(&format!("/batches/{id}/undo"), &json!({})).await.unwrap();
    assert_eq!(ended["state"], "cancelled", "{ended}");
    // two rounds of the worker, and a message of another batch that does go
    campaign.courier.import(&list::rows(1, 830_000_000)).await.unwrap();
    let page = campaign.courier.get("/sync").await.unwrap();
    let new =
        page["parcels"].as_array().unwrap().iter().find(|p| p["waybill_no"] == "YT0000830000000").unwrap();
    campaign.batches = campaign.courier.notify(&[new["id"].as_str().unwrap().to_owned()]).await.unwrap();
    campaign.finish(Duration::from_secs(40)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((campaign.world.alerts().unwrap(), texts(&campaign)), (rung + 1, sent));
}

/// Kills alone, in any number, are never taken for a restored copy.
#[tokio::test]
async fn kills_are_no_restored_copy() {
    let options = WorldOptions { carrier: SLOW.into(), rate: (60, 100), ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 120).await.unwrap();
    for n in 0..8u64 {
        campaign.kill(Duration::from_millis(120 + 70 * n), Duration::from_millis(20)).await.unwrap();
    }
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    assert!(!campaign.world.server.log().contains("restored copy"));
    campaign.verdict().await.unwrap();
}

#[tokio::test]
async fn of_two_servers_on_one_database_only_the_later_one_rings() {
    take_over().await.unwrap();
}

#[tokio::test]
async fn one_persons_list_in_two_lives_is_rung_once() {
    // a copy that is put back although nothing had been rung since: the pause costs a command, never a second ring
    let options = WorldOptions { carrier: SLOW.into(), ..WorldOptions::default() };
    let mut world = World::start(&options).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(3, 800_000_000)).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    let campaign_until = Instant::now() + Duration::from_secs(20);
    while courier.get(&format!("/batches/{}", batches[0])).await.unwrap()["state"] != "done" {
        assert!(Instant::now() < campaign_until);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.kill().unwrap();
    let data = world.folder.path().join("data");
    copy(&data, &world.folder.path().join("backup"));
    put_back(&world.folder.path().join("backup"), &data, |name| name.ends_with(".mark"));
    world.server.start().unwrap();
    let campaign = Campaign { courier: courier.at(&world.server.url), world, batches };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(campaign.world.alerts().unwrap(), 3);
    campaign.verdict().await.unwrap();
}
