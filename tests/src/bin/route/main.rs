//! The route solver against tours whose best length is known: `route.*` of `docs/BENCHMARKS.md`. Build with `--release`.
//!
//! `waybell-route-bench [tours] [windows] [thousand] [insert] [peers]`; nothing is everything. Gaps are percent above the
//! reference. The solver runs in one thread; what else the machine does makes gaps at a deadline larger, never smaller.

mod bound;
mod peers;
mod solomon;
mod thousand;
mod tsplib;

use std::time::{Duration, Instant};
use waybell_core::route::{Limits, Matrix, Plan, Problem, insert, plan};
use waybell_tests::results::{Figure, figure, store};

/// Each figure over so many seeds.
const SEEDS: u64 = 5;

fn main() -> anyhow::Result<()> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    if wanted("tours") {
        tell(tsplib::measure()?)?;
    }
    if wanted("windows") {
        tell(solomon::measure()?)?;
    }
    if wanted("thousand") {
        tell(thousand::measure())?;
    }
    if wanted("insert") {
        tell(inserted())?;
    }
    if wanted("peers") {
        peers::measure()?;
    }
    Ok(())
}

fn tell(figures: Vec<Figure>) -> anyhow::Result<()> {
    for f in &figures {
        eprintln!("{} = {:.3} {} ({})", f.id, f.value, f.unit, f.note);
    }
    store(figures)
}

/// A plan within this time from now on.
fn within(problem: &Problem, seed: u64, time: Duration) -> Plan {
    let deadline = Some(Instant::now() + time);
    plan(problem, &Limits { seed, iterations: u64::MAX, deadline, cancel: None })
}

/// Percent above.
fn above(value: f64, reference: f64) -> f64 {
    (value / reference - 1.0) * 100.0
}

fn inserted() -> Vec<Figure> {
    let points = thousand::points(201, 3);
    let matrix = Matrix::with(points.len(), |a, b| thousand::apart(points[a], points[b]));
    let mut problem = Problem::new(matrix);
    let planned = plan(&problem, &Limits { iterations: 20_000, ..Limits::default() });
    let mut times = Vec::new();
    for stop in 0..200 {
        for windows in [false, true] {
            problem.given = planned.order();
            problem.locked = 20;
            for visit in &planned.visits {
                let from = waybell_domain::clock::UnixMs(visit.begin.0 - 600_000);
                let to = waybell_domain::clock::UnixMs(visit.begin.0 + 3_600_000);
                problem.stops[visit.stop].soft = windows.then_some(waybell_core::route::Window { from, to });
            }
            let began = Instant::now();
            let made = insert(&problem, stop);
            times.push(began.elapsed().as_secs_f64() * 1_000.0);
            assert_eq!(made.visits.len(), 200);
        }
    }
    times.sort_by(f64::total_cmp);
    let p99 = times[times.len() * 99 / 100];
    let mut figure = figure("route.insert_p99", "ms", &times);
    figure.value = p99;
    vec![figure]
}
