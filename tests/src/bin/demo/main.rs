//! `waybell-demo`: what `make run` shows.
//!
//! A simulated carrier and a server start as processes of their own, on loopback with ports that the system chose and
//! files in a fresh folder. A courier imports a list of the day, sees the dial plan, taps once; a table follows the
//! calls; the judge compares the carrier's log with what the server says. The printed address stays until Ctrl-C. With
//! `--once`, or where nobody watches (no terminal), it ends by itself. Exit code 0 for a clean verdict, 1 for another,
//! 2 if it could not be shown, 130 if Ctrl-C came before the verdict.

mod day;
mod house;
mod interrupt;
mod screen;
mod show;
mod table;
mod told;
mod words;

use anyhow::{Context, bail};
use clap::Parser;
use house::House;
use serde_json::{Value, json};
use show::Show;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use told::Account;
use waybell_carrier::judge::{Input, Verdict, judge};
use waybell_tests::Api;
use waybell_tests::api::now_ms;
use words::{Counts, Words};

/// One tap rings sixty simulated telephones.
#[derive(Parser)]
#[command(name = "waybell-demo", version)]
struct Arguments {
    /// Folder for the files, emptied first; must be the demonstration's own.
    #[arg(long, default_value = "data/demo")]
    folder: PathBuf,
    /// End after the verdict instead of keeping the address open.
    #[arg(long)]
    once: bool,
    /// zh or en; by LANG otherwise.
    #[arg(long, value_parser = ["zh", "en"])]
    lang: Option<String>,
}

/// The whole campaign takes two minutes; far more than that means that something hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// How far it came, for whoever ends it.
#[derive(Default)]
struct Reached {
    counts: Option<Counts>,
    judged: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let words = Words::new(arguments.lang.as_deref());
    let reached = Mutex::new(Reached::default());
    // Listening starts before any process does; a dropped future drops the house, and that ends both processes.
    let ended = match interrupt::listen(words.ended_at_once(&arguments.folder)) {
        Ok(interrupted) => tokio::select! {
            result = run(&arguments, words, &reached) => result.map(Some),
            _ = interrupted => Ok(None),
        },
        Err(error) => Err(error),
    };
    match ended {
        Ok(Some(true)) => ExitCode::SUCCESS,
        Ok(Some(false)) => ExitCode::from(1),
        Ok(None) => {
            let reached = reached.into_inner().unwrap_or_else(PoisonError::into_inner);
            if reached.judged {
                show::tell(&words.ended(&arguments.folder));
                return ExitCode::SUCCESS;
            }
            show::tell(&words.ended_early(reached.counts, &arguments.folder));
            ExitCode::from(interrupt::CODE)
        }
        // what a stopped start complains of is not the news
        Err(_) if interrupt::came() => {
            show::tell(&words.ended_early(None, &arguments.folder));
            ExitCode::from(interrupt::CODE)
        }
        Err(error) => {
            eprintln!("waybell-demo: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs the demonstration; true for a clean verdict.
async fn run(arguments: &Arguments, words: Words, reached: &Mutex<Reached>) -> anyhow::Result<bool> {
    show::say(&words.title());
    let house = House::start(&arguments.folder)?;
    show::tell(&words.loopback());
    let url = house.server.url.clone();
    let courier = Api::sign_in(&url, house::COURIER, house::PASSWORD).await?;
    let boss = Api::sign_in(&url, house::BOSS, house::PASSWORD).await?;

    let list = day::list();
    let file = arguments.folder.join("day.csv");
    std::fs::write(&file, day::csv(&list))?;
    let rows: Vec<Value> = list.iter().enumerate().map(|(n, row)| row.json(n)).collect();
    let ids = courier.import(&rows).await?;
    if ids.len() != list.len() {
        bail!("{} of {} parcels were imported", ids.len(), list.len());
    }
    show::say(&words.imported(&file, list.len()));
    set_the_scene(&courier, &boss, &list).await?;

    let plan = courier.post("/plans", &json!({ "template": "arrived", "parcels": ids })).await?;
    show::tell(&words.plan(&plan));
    let tap = now_ms();
    let batch = uuid::Uuid::now_v7().to_string();
    let request = json!({ "id": batch, "template": "arrived", "parcels": ids, "acted_at": { "wall": tap } });
    courier.insist("POST", "/batches", &request, &batch).await?;
    show::say(&words.tapped());

    follow(&courier, &batch, &list, words, reached).await?;
    let verdict = verdict(&boss, &house).await?;
    let clean = verdict.violations.is_empty();
    set(reached, |r| r.judged = true);
    show::tell(&words.verdict(&verdict));
    show::tell(&words.account(&account(&courier, &batch, &house).await?));
    let watched = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if clean && !arguments.once && watched {
        show::say(&words.address(&url, house::COURIER, house::BOSS, house::PASSWORD, &list[0].waybill_no));
        show::say(&words.until_ctrl_c());
        std::future::pending::<()>().await;
    }
    Ok(clean)
}

fn set(reached: &Mutex<Reached>, change: impl FnOnce(&mut Reached)) {
    if let Ok(mut reached) = reached.lock() {
        change(&mut reached);
    }
}

/// What a real day has before the tap: parcels that are delivered already, a person who wants no calls.
async fn set_the_scene(courier: &Api, boss: &Api, list: &[day::Row]) -> anyhow::Result<()> {
    let mine = courier.get("/parcels?limit=1000").await?;
    let id_of = |waybill: &str| -> anyhow::Result<String> {
        let found = mine.as_array().into_iter().flatten().find(|p| p["waybill_no"] == *waybill);
        Ok(found.and_then(|p| p["id"].as_str()).context("an imported parcel is not in the list")?.to_owned())
    };
    let mut delivered = Vec::new();
    for row in list.iter().filter(|r| r.scene == day::Scene::Delivered) {
        delivered.push(id_of(&row.waybill_no)?);
    }
    courier.post("/parcels/state", &json!({ "parcels": delivered, "state": "signed" })).await?;
    for row in list.iter().filter(|r| r.scene == day::Scene::OptedOut) {
        boss.ask("PUT", "/opt-outs", Some(&json!({ "phone": row.phone }))).await?;
    }
    Ok(())
}

/// Shows the calls until every one of them is over.
async fn follow(
    courier: &Api,
    batch: &str,
    list: &[day::Row],
    words: Words,
    reached: &Mutex<Reached>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut show = Show::new(words, list);
    loop {
        let view = courier.get(&format!("/batches/{batch}")).await?;
        let people = courier.get(&format!("/batches/{batch}/recipients")).await?;
        show.draw(people.as_array().map_or(&[][..], Vec::as_slice), started.elapsed());
        set(reached, |r| r.counts = Some(show.counts()));
        if view["state"] == "done" {
            show.finish();
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            bail!("the calls did not end within {} s; the server's log is in the folder", PATIENCE.as_secs());
        }
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            show.keys();
        }
    }
}

/// What the verdict's figures are made of.
async fn account(courier: &Api, batch: &str, house: &House) -> anyhow::Result<Account> {
    let people = courier.get(&format!("/batches/{batch}/recipients")).await?;
    let attempts = courier.get(&format!("/batches/{batch}/attempts")).await?;
    let parcels = courier.get("/parcels?limit=1000").await?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let waybills = parcels
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|p| Some((text(&p["id"])?, text(&p["waybill_no"])?)))
        .collect();
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    Ok(Account::of(&rows(&people), &rows(&attempts), &told::rang(&house.truth)?, &waybills))
}

/// Compares the carrier's log with what the server says.
async fn verdict(boss: &Api, house: &House) -> anyhow::Result<Verdict> {
    // The last call's BYE may still be on its way into the log.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let export = match boss.get("/export/judge").await? {
        Value::String(text) => text,
        one => one.to_string(),
    };
    let file = house.folder.join("export.jsonl");
    std::fs::write(&file, export)?;
    judge(&Input::read(&house.truth, &file, None)?)
}
