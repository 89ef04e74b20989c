//! A courier's app in few lines: sign in, import a list, find parcels, read the plan, tap once, follow.
//!
//! `cargo run -p waybell-core --example courier -- FOLDER SERVER LOGIN LIST KEYWORD`, with the password in
//! `WAYBELL_PASSWORD`. `docs/embedding.md` explains it.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::PathBuf;
use waybell_core::events::Topic;
use waybell_core::{Client, ClientConfig, Ports};
use waybell_domain::id::ParcelId;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, server, login, list, keyword] = arguments.as_slice() else {
        return Err("usage: courier FOLDER SERVER LOGIN LIST KEYWORD".into());
    };
    let data_dir = PathBuf::from(folder);
    let ports = Ports::of_system(&data_dir); // on a phone: your own key store and clocks
    let client = Client::open(ClientConfig { data_dir, server: server.clone() }, ports)?;
    if client.session().current().is_none() {
        let user = client.session().login(login, &std::env::var("WAYBELL_PASSWORD")?).await?;
        println!("signed in: {}", user.name);
    }
    client.resume(); // from now on it exchanges with the server in the background

    let report = client.tasks().import_csv(&std::fs::read(list)?, false).await?;
    println!("{} new, {} left out", report.created, report.rejected);
    for p in report.problems.iter().chain(&report.notes) {
        println!("line {} {}: {} ({})", p.line, p.column, p.problem, p.hint);
    }

    let found = client.search().find(keyword, 200).await?;
    let parcels: Vec<ParcelId> = found.iter().map(|p| p.id).collect();
    let (plan, by_the_server) = client.notify().plan_checked("arrived", &parcels, None).await?;
    println!("{} (checked by the server: {by_the_server})", plan.summary_en); // shown before the tap

    let batch = client.notify().send("arrived", &parcels, None).await?; // durable now; it leaves once
    let changes = client.subscribe();
    loop {
        let progress = client.notify().progress(batch).await?;
        let (state, counts) = (progress.batch.state.label_en(), progress.batch.counts);
        println!("{state}: {} of {} answered", counts.answered, counts.recipients);
        if progress.is_over() {
            break;
        }
        while changes.next().await != Topic::Batches {}
    }
    client.shutdown().await;
    Ok(())
}
