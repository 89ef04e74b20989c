//! How much of a notice is understood at the far end: `notice.heard`.
//!
//! A notice is made by a voice, sent over real SIP and RTP in A-law, kept as the callee got it, and written down by a
//! recogniser (Whisper base). Counted is the share of the notice's pinyin syllables, without tones, that are in what it
//! wrote, in their order: it writes traditional and simplified characters and homophones as it likes. The voice is that of
//! `make voice`; that of the last resort runs beside it.

use anyhow::Context;
use std::path::PathBuf;
use std::time::Duration;
use waybell_carrier::config::Profile;
use waybell_domain::flow::notice_arrived;
use waybell_tests::campaign::Campaign;
use waybell_tests::results::{Figure, figure};
use waybell_tests::voice::{DemoVoice, installed, share_heard};
use waybell_tests::{World, WorldOptions, list};

/// Hears the notice and its menu, and hangs up before both are said again.
const CALLEE: &str = "[defaults]\nbehaviour = \"answer_hangup_early\"\ndelay_ms = 10\nring_ms = 3000\n";
/// Rows of the list that are rung: one for each estate and building.
const ROWS: [usize; 6] = [0, 9, 18, 27, 36, 45];

pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let voice = match installed() {
        Ok(voice) => voice,
        Err(error) => {
            eprintln!("heard: left out, the voice cannot be installed here: {error:#}");
            return Ok(Vec::new());
        }
    };
    // 22 s of the one, 20 s of the other, which speaks faster
    let demo = shares(&voice, &voice.speech(), 22_000).await?;
    let last = shares(&voice, "", 20_000).await?;
    let mut out = figure("notice.heard", "share", &demo);
    out.peer = Some("espeak-ng".into());
    out.peer_value = Some(figure("", "", &last).value);
    Ok(vec![out])
}

/// The share of each of several notices.
async fn shares(voice: &DemoVoice, speech: &str, talk_ms: u32) -> anyhow::Result<Vec<f64>> {
    let world = World::start(&WorldOptions {
        carrier: format!("{CALLEE}talk_ms = {talk_ms}\n"),
        profile: Profile::Rfc6026,
        speech: format!("words_per_minute = 240\n{speech}"),
        keep: true,
        ..WorldOptions::default()
    })?;
    let courier = world.sign_in("c1").await?;
    // the pieces that all notices share are made before anybody is rung
    courier.get("/templates/arrived/audio").await?;
    let all = list::rows(ROWS[ROWS.len() - 1] + 1, 800_000_000);
    let rows: Vec<_> = ROWS.iter().map(|n| all[*n].clone()).collect();
    let parcels = courier.import(&rows).await?;
    let batches = courier.notify(&parcels).await?;
    let folder = world.folder.path().join("heard");
    let mut campaign = Campaign { world, courier, batches };
    campaign.finish(Duration::from_secs(180)).await?;
    let verdict = campaign.world.judge().await?;
    anyhow::ensure!(verdict.violations.is_empty(), "{}", verdict.text());
    let mut files = Vec::new();
    for row in &rows {
        let number = format!("86{}-", row["phone"].as_str().context("no number")?);
        files.push(of(&folder, &number)?);
    }
    let heard = voice.hear(&files)?;
    rows.iter()
        .zip(heard)
        .map(|(row, heard)| {
            let said = said(row["address"].as_str().context("no address")?)?;
            let share = share_heard(&said, &heard);
            eprintln!("heard {share:.3}: {heard}");
            Ok(share)
        })
        .collect()
}

fn of(folder: &std::path::Path, start: &str) -> anyhow::Result<PathBuf> {
    let files = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut matching =
        files.filter(|f| f.file_name().is_some_and(|n| n.to_string_lossy().starts_with(start)));
    matching.next().with_context(|| format!("nothing was heard at {start}"))
}

/// The words of the notice for an address of the list.
fn said(address: &str) -> anyhow::Result<String> {
    let place = address.trim_start_matches("上海市浦东新区");
    let (place, _) = place.split_once("号楼").context("no building")?;
    let estate = place.trim_end_matches(|c: char| c.is_ascii_digit());
    let building = format!("{}号楼", &place[estate.len()..]);
    let flow = notice_arrived().map_err(|p| anyhow::anyhow!("{p:?}"))?;
    let values = [("company", "韵达快递"), ("count", "1"), ("estate", estate), ("building", &building)];
    let values = values.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    Ok(waybell_server::flow::spoken(&flow, &values)?.concat())
}
