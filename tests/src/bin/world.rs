//! A world for tests in other languages: starts carrier and server, prints one JSON line
//! (`{"url","login","password","people"}`), ends when standard input does. With `judge` on a line of standard input it
//! prints the verdict as one JSON line: `{"violations":0,"alerted":…,"missed":…,"doubled":…}`.

#![expect(clippy::print_stdout, reason = "its answers go to standard output")]

use std::io::BufRead;
use waybell_tests::world::PASSWORD;
use waybell_tests::{World, WorldOptions};

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut world = World::start(&WorldOptions::default())?;
    println!("{}", serde_json::json!({ "url": world.server.url, "login": "c1", "password": PASSWORD }));
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
