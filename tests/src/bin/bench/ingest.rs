//! Fixes that the server stores durably: twenty couriers send two minutes of a ride at a time, each with a connection of their
//! own, as fast as they are answered.
//!
//! Every fix is a vertex of the upload, as if nothing could be simplified, and an answer is counted only where it names the
//! part as stored. Uploads are made before the clock starts.

use super::options;
use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Instant;
use waybell_domain::clock::UnixMs;
use waybell_domain::track::{Run, Vertex, codec};
use waybell_tests::api::{Api, now_ms};
use waybell_tests::results::{Figure, figure};
use waybell_tests::{World, WorldOptions};

const COURIERS: usize = 20;
/// Uploads of each courier in a run.
const UPLOADS: usize = 100;
/// Fixes of each upload: two minutes, one a second.
const FIXES: usize = 120;
const RUNS: usize = 5;

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let world = World::start(&WorldOptions { server: LIMITS.into(), ..options(super::BUSY, (10, 10)) })?;
    let boss = world.sign_in("boss").await?;
    let mut couriers = Vec::new();
    for n in 0..COURIERS {
        let login = format!("rider{n}");
        let new = json!({ "login": login, "password": waybell_tests::world::PASSWORD, "name": login, "role": "courier" });
        boss.post("/people", &new).await?;
        let api = world.sign_in(&login).await?;
        let me = api.get("/me").await?["id"].as_str().context("an id")?.to_owned();
        couriers.push((api, me));
    }
    let mut rates = Vec::new();
    for run in 0..RUNS {
        let rides: Vec<(Api, Vec<Value>)> = couriers
            .iter()
            .map(|(api, me)| Ok((api.clone(), ride(me, run)?)))
            .collect::<anyhow::Result<_>>()?;
        let began = Instant::now();
        let mut sending: tokio::task::JoinSet<_> =
            rides.into_iter().map(|(api, uploads)| send(api, uploads)).collect();
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        let fixes = (COURIERS * UPLOADS * FIXES) as f64;
        rates.push(fixes / began.elapsed().as_secs_f64());
        eprintln!("ingest run {run}: {:.0} fixes a second", rates[run]);
    }
    Ok(vec![figure("ingest.fixes_per_s", "fixes/s", &rates)])
}

/// All of them come from one address.
const LIMITS: &str = "[limits]\nper_address = 100000\nper_person = 100000\nlogins_per_address = 1000\n";

async fn send(api: Api, uploads: Vec<Value>) -> anyhow::Result<()> {
    for upload in uploads {
        let answer = api.post("/tracks", &upload).await?;
        ensure!(answer["taken"].as_array().is_some_and(|taken| taken.len() == 1), "{answer}");
    }
    Ok(())
}

/// The uploads of a shift: a ride along a street at 5 m/s, with the noise of a receiver.
fn ride(courier: &str, run: usize) -> anyhow::Result<Vec<Value>> {
    let began = now_ms() - 5 * 3_600_000 + run as i64;
    let shift = format!("ride-{run}");
    let vertex = |n: usize| Vertex {
        at: UnixMs(began + n as i64 * 1_000),
        lat_e5: 3_120_000 + (n * 5) as i32 + (n * 7 % 11) as i32,
        lon_e5: 12_150_000 + (n * 13 % 9) as i32,
    };
    (0..UPLOADS)
        .map(|upload| {
            let first = upload * FIXES;
            let points = (first..first + FIXES).map(vertex).collect();
            let body = STANDARD.encode(codec::encode(&[Run { gap: None, points }])?);
            let report = json!({ "shift": shift, "version": upload + 1, "began": began, "now": now_ms(), "metres": 5 * first,
                "low": 4 * first, "high": 6 * first });
            let part = json!({ "shift": shift, "seq": first + FIXES, "body": body });
            Ok(json!({ "courier": courier, "shifts": [report], "parts": [part] }))
        })
        .collect()
}
