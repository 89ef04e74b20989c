//! A database that cannot grow: no call leaves, the answers say so, and afterwards it goes on.
//!
//! The limit on the size of files (RLIMIT_FSIZE), set on the running server, is a full disk that needs no rights.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use std::time::Duration;
use waybell_tests::campaign::Campaign;
use waybell_tests::{Database, World, WorldOptions, list};

/// Sets how large a file of the process may become; `None` lifts it.
#[allow(unsafe_code, reason = "prlimit on a child of this process")]
fn limit_files(pid: u32, bytes: Option<u64>) {
    let limit =
        libc::rlimit { rlim_cur: bytes.unwrap_or(libc::RLIM_INFINITY), rlim_max: libc::RLIM_INFINITY };
    // SAFETY: prlimit(2) reads one rlimit that lives until the call returns, and writes nothing back.
    let done = unsafe {
        libc::prlimit(pid as libc::pid_t, libc::RLIMIT_FSIZE, &raw const limit, std::ptr::null_mut())
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// A write past the limit is to fail, not to kill. What is ignored stays so in the processes that are started later.
#[allow(unsafe_code, reason = "a signal disposition of this test process")]
fn ignore_the_signal() {
    // SAFETY: SIG_IGN is a valid disposition, and no handler of this process is replaced.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

fn invites(world: &World) -> usize {
    world.events().unwrap().iter().filter(|e| e.event == "invite").count()
}

#[tokio::test]
async fn a_full_disk_stops_calls_and_loses_nothing() {
    ignore_the_signal();
    let options = WorldOptions {
        carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 300\ntalk_ms = 400\n".into(),
        rate: (10, 100),
        database: Database::Sqlite,
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 40).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let pid = campaign.world.server.pid().unwrap();
    let wal = campaign.world.folder.path().join("data/waybell.db-wal");
    // nothing grows, but for what fits into the log's last page
    limit_files(pid, Some(std::fs::metadata(&wal).unwrap().len().min(4_096)));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = invites(&campaign.world);
    assert!(before < 40);
    let rows = json!({ "rows": list::rows(1, 810_000_000) });
    let (status, body) = campaign.courier.send("POST", "/parcels/import", Some(&rows), None).await.unwrap();
    assert_eq!((status, &body["code"]), (503, &json!("storage")), "{body}");
    assert!(body["hint"].as_str().unwrap().contains("try again") && body["retry_after"].is_u64(), "{body}");
    // reading goes on
    campaign.courier.get(&format!("/batches/{}", campaign.batches[0])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(invites(&campaign.world), before, "a call left though its intent could not be stored");
    limit_files(pid, None);
    campaign.finish(Duration::from_secs(40)).await.unwrap();
    campaign.courier.post("/parcels/import", &rows).await.unwrap();
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!((verdict.summary.recipients, verdict.summary.missed, verdict.summary.doubled), (40, 0, 0));
}

#[tokio::test]
async fn a_full_disk_and_a_kill() {
    ignore_the_signal();
    let options = WorldOptions { rate: (20, 100), database: Database::Sqlite, ..WorldOptions::default() };
    let mut campaign = Campaign::start(&options, 40).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    limit_files(campaign.world.server.pid().unwrap(), Some(4_096));
    campaign.kill(Duration::from_millis(600), Duration::from_millis(100)).await.unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();
    let verdict = campaign.verdict().await.unwrap();
    assert_eq!((verdict.summary.recipients, verdict.summary.missed, verdict.summary.doubled), (40, 0, 0));
}
