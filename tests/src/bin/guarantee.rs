//! The long run of the guarantee: many campaigns, each with a SIGKILL at a random moment, each judged. What was done is
//! kept in a file, so that an interrupted run goes on where it was.

use anyhow::Context;
use clap::Parser;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use waybell_carrier::config::{Network, Profile};
use waybell_tests::WorldOptions;
use waybell_tests::campaign::Campaign;
use waybell_tests::results::{figure, store};

/// Kills campaigns at random moments and counts who was missed or rung twice.
#[derive(Parser)]
struct Arguments {
    /// Campaigns, one kill each.
    #[arg(long, default_value_t = 200)]
    kills: u64,
    /// Recipients of each.
    #[arg(long, default_value_t = 10_000)]
    people: usize,
    /// File of what was done; remove it to start over.
    #[arg(long, default_value = "target/bench/guarantee.jsonl")]
    state: PathBuf,
    /// Stop after so many minutes; the next run goes on.
    #[arg(long)]
    minutes: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Done {
    seed: u64,
    people: usize,
    missed: usize,
    doubled: usize,
    unknown: usize,
    interrupted: usize,
    in_flight: usize,
    violations: usize,
    resume_s: f64,
    seconds: f64,
}

const DAY: &str = r#"
[defaults]
delay_ms = 20
ring_ms = 800
talk_ms = 700
mix = [
  { behaviour = "answer", weight = 12 }, { behaviour = "busy", weight = 3 }, { behaviour = "reject", weight = 2 },
  { behaviour = "no_answer", weight = 3 }, { behaviour = "unallocated", weight = 1 },
  { behaviour = "powered_off", weight = 1 }, { behaviour = "suspended", weight = 1 },
  { behaviour = "answer_hangup_early", weight = 2 }, { behaviour = "press_keys", weight = 1 },
  { behaviour = "slow_180", weight = 1 }, { behaviour = "only_183", weight = 1 },
  { behaviour = "server_error", weight = 1 }, { behaviour = "bye_race", weight = 1 }
]
"#;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Some(folder) = arguments.state.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut done = read(&arguments)?;
    let began = Instant::now();
    for seed in 1..=arguments.kills {
        if done.iter().any(|d| d.seed == seed) {
            continue;
        }
        if arguments.minutes.is_some_and(|m| began.elapsed() > Duration::from_secs(m * 60)) {
            break;
        }
        bar(done.len() as u64, arguments.kills, &done, began);
        let one = campaign(seed, arguments.people).await.with_context(|| format!("seed {seed}"))?;
        let mut file = std::fs::File::options().create(true).append(true).open(&arguments.state)?;
        writeln!(file, "{}", serde_json::to_string(&one)?)?;
        done.push(one);
    }
    bar(done.len() as u64, arguments.kills, &done, began);
    report(&done)
}

fn read(arguments: &Arguments) -> anyhow::Result<Vec<Done>> {
    let text = std::fs::read_to_string(&arguments.state).unwrap_or_default();
    let done: Vec<Done> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    anyhow::ensure!(
        done.iter().all(|d| d.people == arguments.people),
        "{} holds runs with another number of recipients: remove it or name another --state",
        arguments.state.display()
    );
    Ok(done)
}

async fn campaign(seed: u64, people: usize) -> anyhow::Result<Done> {
    let mut random = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    let profiles = [Profile::Rfc3261, Profile::Rfc6026, Profile::Forgetful];
    let options = WorldOptions {
        carrier: DAY.into(),
        profile: profiles[(seed % 3) as usize],
        network: Network::default(),
        transport: if seed.is_multiple_of(4) { "tcp" } else { "udp" },
        seed,
        rate: (400, 1_500),
        ..WorldOptions::default()
    };
    let mut campaign = Campaign::start(&options, people).await?;
    let after = random.random_range(0.1..(people as f64 / 400.0).max(1.0));
    let outage = [0.1, 1.0, 6.0][random.random_range(0..3)];
    campaign.kill(Duration::from_secs_f64(after), Duration::from_secs_f64(outage)).await?;
    let restarted = waybell_tests::api::now_ms() as f64;
    campaign.finish(Duration::from_secs(600)).await?;
    let resume_s = first_call_after(campaign.world.truth(), restarted)?;
    let verdict = campaign.world.judge().await?;
    if !verdict.violations.is_empty() {
        eprintln!("\nseed {seed}:\n{}", verdict.text());
    }
    let s = &verdict.summary;
    Ok(Done {
        seed,
        people,
        missed: s.missed,
        doubled: s.doubled,
        unknown: s.unknown,
        interrupted: s.interrupted,
        in_flight: s.in_flight_at_kills,
        violations: verdict.violations.len(),
        resume_s,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Seconds from the restart to the first new call that the carrier saw.
fn first_call_after(truth: &std::path::Path, restarted: f64) -> anyhow::Result<f64> {
    for line in std::fs::read_to_string(truth)?.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        let at = event["at_ms"].as_f64().unwrap_or_default();
        if event["event"] == "invite" && event["probe"] == serde_json::json!(false) && at >= restarted {
            return Ok((at - restarted) / 1000.0);
        }
    }
    Ok(0.0)
}

fn bar(done: u64, all: u64, runs: &[Done], began: Instant) {
    let width = 30;
    let full = (done * width / all.max(1)) as usize;
    let bad: usize = runs.iter().map(|d| d.missed + d.doubled).sum();
    eprint!(
        "\r[{}{}] {done}/{all} kills, missed or doubled {bad}, {} min ",
        "#".repeat(full),
        ".".repeat(width as usize - full),
        began.elapsed().as_secs() / 60
    );
}

fn report(done: &[Done]) -> anyhow::Result<()> {
    eprintln!();
    let sum = |f: fn(&Done) -> usize| done.iter().map(f).sum::<usize>() as f64;
    let in_flight = sum(|d| d.in_flight).max(1.0);
    let runs = done.len() as f64;
    let mut figures = vec![
        figure("dial.kill.runs", "kills", &[runs]),
        figure("dial.kill.missed", "people", &[sum(|d| d.missed)]),
        figure("dial.kill.doubled", "people", &[sum(|d| d.doubled)]),
        figure("dial.kill.unknown_share", "of calls in flight", &[sum(|d| d.unknown) / in_flight]),
    ];
    let mut resume = figure("dial.kill.resume_s", "s", &done.iter().map(|d| d.resume_s).collect::<Vec<_>>());
    resume.value = done.iter().map(|d| d.resume_s).fold(0.0, f64::max);
    resume.note = format!("the longest of {}", resume.note);
    figures.push(resume);
    for f in &mut figures {
        f.note = format!("{}; {} recipients each", f.note, done.first().map_or(0, |d| d.people));
        eprintln!("{:26} {:10.3} {}", f.id, f.value, f.unit);
    }
    store(figures)?;
    let violations = sum(|d| d.violations);
    anyhow::ensure!(violations == 0.0, "{violations} violations; see above");
    Ok(())
}
