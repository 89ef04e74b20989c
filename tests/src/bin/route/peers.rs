//! PyVRP and VROOM beside ours: the same tours, one second each.
//!
//! They are brought from PyPI into a virtual environment below `target/`; where that cannot be done the comparison is left
//! out, and says so.

use super::{above, tsplib, within};
use anyhow::Context;
use std::process::{Command, Stdio};
use std::time::Duration;
use waybell_tests::python;
use waybell_tests::results::{Figure, store};

/// Prints `name<TAB>solver<TAB>length` for each instance that comes in as JSON.
const SCRIPT: &str = include_str!("peers.py");

pub(crate) fn measure() -> anyhow::Result<()> {
    let python = match python::environment("route-peers", &["pyvrp==0.14.0", "pyvroom"]) {
        Ok(python) => python,
        Err(error) => {
            eprintln!("route: no peers, PyVRP and VROOM cannot be installed here: {error:#}");
            return Ok(());
        }
    };
    let tours = tsplib::read()?;
    let instances: Vec<_> =
        tours.iter().map(|t| serde_json::json!({"name": t.name, "points": t.points})).collect();
    let mut child =
        Command::new(python).args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    serde_json::to_writer(child.stdin.take().context("no pipe")?, &instances)?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "the peers' script failed");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut theirs: std::collections::BTreeMap<&str, Vec<f64>> = std::collections::BTreeMap::new();
    for line in text.lines() {
        let mut parts = line.split('\t');
        let (Some(name), Some(solver), Some(length)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let tour = tours.iter().find(|t| t.name == name).context("unknown instance")?;
        theirs.entry(solver).or_default().push(above(length.parse()?, tour.optimum));
    }
    let ours: Vec<f64> = tours
        .iter()
        .map(|t| {
            let plan = within(&tsplib::problem(&t.points), 1, Duration::from_secs(1));
            above(plan.travel_ms as f64 / 1_000.0, t.optimum)
        })
        .collect();
    let mean = |gaps: &[f64]| gaps.iter().sum::<f64>() / gaps.len() as f64;
    for (solver, gaps) in &theirs {
        eprintln!(
            "{solver}: mean {:.3} % over {} tours at 1 s; ours {:.3} %",
            mean(gaps),
            gaps.len(),
            mean(&ours)
        );
    }
    let all: Vec<String> = theirs.iter().map(|(s, gaps)| format!("{s} {:.2} %", mean(gaps))).collect();
    let best = theirs.iter().min_by(|a, b| mean(a.1).total_cmp(&mean(b.1)));
    store(vec![Figure {
        id: "route.gap_mean_1s".into(),
        value: mean(&ours),
        unit: "%".into(),
        peer: best.map(|b| (*b.0).to_owned()),
        peer_value: best.map(|b| mean(b.1)),
        note: format!("{} instances, one second each; {}", ours.len(), all.join(", ")),
    }])
}
