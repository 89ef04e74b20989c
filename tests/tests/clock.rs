//! The wall clock is stepped while calls run: gaps stay gaps, and nobody is rung twice or forgotten.
//!
//! The server runs under libfaketime with a file that says how wrong its clock is; the boot clock stays right, as it
//! does when somebody sets a machine's time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;
use waybell_tests::campaign::Campaign;
use waybell_tests::{World, WorldOptions, list};

/// Where Debian's package `faketime` puts its library.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib")
        .unwrap()
        .flatten()
        .map(|f| f.path().join("faketime/libfaketimeMT.so.1"));
    let found = folders.into_iter().find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("libfaketime is missing: run scripts/setup (Debian package faketime)"))
}

fn step(file: &Path, seconds: i64) {
    let part = file.with_extension("part");
    std::fs::write(&part, format!("{seconds:+}\n")).unwrap();
    std::fs::rename(part, file).unwrap();
}

async fn stepped(seconds: [i64; 2]) {
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 200\ntalk_ms = 300\n\
                  mix = [{ behaviour = \"answer\", weight = 3 }, { behaviour = \"busy\", weight = 2 }]\n"
            .into(),
        rate: (12, 100),
        ..WorldOptions::default()
    };
    let mut world = World::start(&options).unwrap();
    world.server.stop(Duration::from_secs(10)).unwrap();
    let file = world.folder.path().join("clock");
    step(&file, 0);
    world.server.variables.extend(
        [
            ("LD_PRELOAD", library().to_string_lossy().into_owned()),
            ("FAKETIME_TIMESTAMP_FILE", file.to_string_lossy().into_owned()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(k, v)| (k.to_owned(), v)),
    );
    world.server.start().unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(40, 800_000_000)).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    let mut campaign = Campaign { world, courier, batches };
    tokio::time::sleep(Duration::from_millis(900)).await;
    step(&file, seconds[0]);
    let now = campaign.courier.get("/sync").await.unwrap()["now"].as_i64().unwrap();
    let wrong = (now - waybell_tests::api::now_ms()) / 1_000;
    assert!((wrong - seconds[0]).abs() < 10, "the clock was not stepped: {wrong} s");
    tokio::time::sleep(Duration::from_millis(900)).await;
    // and a restart finds the clock wrong
    campaign.kill(Duration::ZERO, Duration::from_millis(100)).await.unwrap();
    step(&file, seconds[1]);
    campaign.finish(Duration::from_secs(40)).await.unwrap();
    step(&file, 0);
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!((verdict.summary.recipients, verdict.summary.missed, verdict.summary.doubled), (40, 0, 0));
}

#[tokio::test]
async fn an_hour_forward_and_back() {
    stepped([3_600, 0]).await;
}

#[tokio::test]
async fn an_hour_back_and_further() {
    stepped([-3_600, -7_200]).await;
}
