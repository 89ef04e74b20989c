//! A world for tests in other languages: starts carrier and server, prints one JSON line
//! (`{"url","sip","login","password"}`), ends when standard input does. With `judge` on a line of standard input it
//! prints the verdict as one JSON line: `{"violations":0,"alerted":…,"missed":…,"doubled":…}`.

#![expect(clippy::print_stdout, reason = "its answers go to standard output")]

use anyhow::Context;
use clap::Parser;
use std::io::BufRead;
use std::net::SocketAddr;
use waybell_tests::world::{DISPLAY, PASSWORD};
use waybell_tests::{World, WorldOptions};

/// A world for tests in other languages: a simulated carrier, a server on it, an organisation with the couriers c1 and c2
/// and the administrator boss.
///
/// Prints one JSON line when it is ready, {"url","sip","login","password"}. "judge" on a line of standard input stops the carrier
/// and answers with the verdict as one JSON line. It ends, and removes its files, when standard input ends.
#[derive(Parser)]
#[command(name = "waybell-world", version)]
struct Arguments {
    /// SIP over UDP of an exchange of the caller's own, which takes every call that is no notice: couriers' telephones and whom
    /// they call.
    #[arg(long, value_name = "ADDRESS")]
    exchange: Option<SocketAddr>,
    /// Address of a counterpart of Mi Push, which is told of calls for apps that are closed.
    #[arg(long, value_name = "URL")]
    push: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let trunk = arguments.exchange.map_or(String::new(), |address| {
        format!(
            "\n[[trunk]]\nname = \"exchange\"\npeers = [\"{address}\"]\npriority = 1\ncalls_per_second = 50\nchannels = 50\n\
             caller_ids = [\"{DISPLAY}\"]\noptions_seconds = 0\n"
        )
    });
    let mut server = "app_calls = \"127.0.0.1:0\"\n".to_owned();
    let secrets = tempfile::tempdir()?;
    if let Some(url) = arguments.push {
        let file = secrets.path().join("xiaomi");
        std::fs::write(&file, "secret")?;
        let file = file.display().to_string();
        server += &format!(
            "[push.xiaomi]\npackage = \"com.example.courier\"\nsecret_file = {file:?}\nurl = {url:?}\n"
        );
    }
    let mut world = World::start(&WorldOptions { trunk, server, ..WorldOptions::default() })?;
    let hello = serde_json::json!({ "url": world.server.url, "sip": sip(&world)?, "login": "c1", "password": PASSWORD });
    println!("{hello}");
    for line in std::io::stdin().lock().lines() {
        if line?.trim() == "judge" {
            let verdict = runtime.block_on(world.judge())?;
            let s = &verdict.summary;
            println!(
                "{}",
                serde_json::json!({ "violations": verdict.violations.len(), "alerted": s.alerted, "missed": s.missed,
                    "doubled": s.doubled, "answered": s.answered })
            );
        }
    }
    Ok(())
}

/// Where the server takes calls, `127.0.0.1:5060`, by its configuration.
fn sip(world: &World) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(world.folder.path().join("server.toml"))?;
    let address = text.split_once("udp:").and_then(|(_, rest)| rest.split('"').next());
    address.map(str::to_owned).context("the server listens on no UDP port")
}
