//! The logs of a full run, in all detail, hold nothing about the people of the list (SEC-02).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use waybell_tests::campaign::Campaign;
use waybell_tests::{World, WorldOptions, list};

const MIXED: &str = r#"
[defaults]
delay_ms = 20
ring_ms = 100
talk_ms = 800
digits = "0"
digits_after_ms = 200
mix = [
  { behaviour = "answer", weight = 4 }, { behaviour = "busy", weight = 1 }, { behaviour = "reject", weight = 1 },
  { behaviour = "unallocated", weight = 1 }, { behaviour = "suspended", weight = 1 },
  { behaviour = "press_keys", weight = 2 }, { behaviour = "wrong_sdp", weight = 1 },
  { behaviour = "server_error", weight = 1 }, { behaviour = "garbage", weight = 1 }, { behaviour = "redirect", weight = 1 }
]
"#;

#[tokio::test]
async fn no_number_no_name_no_address_in_any_log_line() {
    let options = WorldOptions { carrier: MIXED.into(), rate: (40, 200), ..WorldOptions::default() };
    let mut world = World::start(&options).unwrap();
    world.server.stop(Duration::from_secs(10)).unwrap();
    // the program's own lines in full detail, those of the libraries as far as they may be switched on in operation
    let detail = "debug,waybell_server=trace,waybell_switch=trace,hyper=info,sqlx=debug";
    world.server.variables.push(("RUST_LOG".into(), detail.into()));
    world.server.start().unwrap();
    let rows = list::rows(40, 800_000_000);
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&rows).await.unwrap();
    // refusals: of a row, of a body, of a key, of a login
    let bad = json!({ "rows": [{ "line": 2, "waybill_no": "?", "phone": "13899998888x", "recipient_name": "欧阳无敌" }] });
    courier.post("/parcels/import", &bad).await.unwrap();
    courier.send("POST", "/batches", Some(&json!({ "id": "13899998888" })), None).await.unwrap();
    courier.send("PUT", "/opt-outs", Some(&json!({ "phone": "13899998888x" })), None).await.unwrap();
    courier.send("DELETE", "/opt-outs/13899998888", None, None).await.unwrap();
    let login = json!({ "login": "欧阳无敌", "password": "13899998888", "device": uuid::Uuid::now_v7() });
    courier.send("POST", "/auth/login", Some(&login), None).await.unwrap();
    let batches = courier.notify(&parcels).await.unwrap();
    let mut campaign = Campaign { world, courier, batches };
    campaign.kill(Duration::from_millis(900), Duration::from_millis(200)).await.unwrap();
    campaign.finish(Duration::from_secs(60)).await.unwrap();

    let mut secrets: BTreeSet<String> = ["13899998888", "欧阳无敌", "13900000001"].map(str::to_owned).into();
    for row in &rows {
        for field in ["recipient_name", "address", "phone"] {
            secrets.insert(row[field].as_str().unwrap().to_owned());
        }
    }
    for digits in secrets.clone().iter().filter(|s| s.len() == 11 && s.bytes().all(|b| b.is_ascii_digit())) {
        // also without its beginning: the last eight say who it is; shorter tails are found in times and ids
        secrets.insert(digits[3..].to_owned());
    }
    let log = campaign.world.server.log();
    assert!(log.lines().count() > 200, "the log is in full detail: {} lines", log.lines().count());
    let mut told: Vec<String> = Vec::new();
    for line in log.lines() {
        if let Some(secret) = secrets.iter().find(|s| holds(line, s)) {
            told.push(format!("{secret}: {}", line.chars().take(300).collect::<String>()));
        }
    }
    told.dedup_by_key(|l| {
        l.split("Z").nth(1).map(|r| r.chars().take(60).collect::<String>()).unwrap_or_default()
    });
    assert!(
        told.is_empty(),
        "{} lines tell of people, for example\n{}",
        told.len(),
        told[..told.len().min(12)].join("\n")
    );
    campaign.verdict().await.unwrap();
}

/// Digits must stand alone, because hexadecimal ids and times hold any run of digits.
fn holds(line: &str, secret: &str) -> bool {
    if !secret.bytes().all(|b| b.is_ascii_digit()) {
        return line.contains(secret);
    }
    line.match_indices(secret).any(|(at, found)| {
        let after = line[at + found.len()..].chars().next();
        let before: String = line[..at].chars().rev().take_while(char::is_ascii_alphanumeric).collect();
        after.is_none_or(|c| !c.is_ascii_alphanumeric())
            && before.chars().all(|c| c.is_ascii_digit())
            && before.len() <= 5
    })
}
