//! Single tours with windows: each vehicle's route of the best known solutions of Solomon's instances.

use super::{above, within};
use anyhow::Context;
use std::time::Duration;
use waybell_core::route::{End, Matrix, Problem, Stop, Window, evaluate};
use waybell_domain::clock::UnixMs;
use waybell_tests::results::{Figure, figure};

struct Customer {
    x: f64,
    y: f64,
    ready: f64,
    due: f64,
    service: f64,
}

/// Cut to one decimal, as the solutions' costs are (the DIMACS challenge's rule).
fn apart(a: &Customer, b: &Customer) -> f64 {
    ((a.x - b.x).hypot(a.y - b.y) * 10.0).floor() / 10.0
}

fn customers(text: &str) -> anyhow::Result<Vec<Customer>> {
    let rows =
        text.lines().skip_while(|l| !l.starts_with("CUST NO")).skip(1).filter(|l| !l.trim().is_empty());
    rows.map(|row| {
        let n: Vec<f64> = row.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [_, x, y, _, ready, due, service] = n[..] else { anyhow::bail!("seven columns, not {row:?}") };
        Ok(Customer { x, y, ready, due, service })
    })
    .collect()
}

/// One route as a problem of its own: the customers by number, and the reference order.
fn problem(all: &[Customer], route: &[usize]) -> (Problem, Vec<usize>) {
    let mut numbers = route.to_vec();
    numbers.sort_unstable();
    let places: Vec<&Customer> = std::iter::once(&all[0]).chain(numbers.iter().map(|n| &all[*n])).collect();
    let matrix = Matrix::with(places.len(), |a, b| apart(places[a], places[b]));
    let ms = |s: f64| UnixMs((s * 1_000.0).round() as i64);
    let stops = places.iter().enumerate().skip(1).map(|(place, c)| Stop {
        service_s: c.service as u32,
        hard: Some(Window { from: ms(c.ready), to: ms(c.due) }),
        ..Stop::at(place)
    });
    let mut problem = Problem { end: End::Place(0), stops: stops.collect(), ..Problem::new(matrix) };
    // way only, as in the reference: waiting costs nothing
    problem.weights.wait = 0;
    let reference = route.iter().filter_map(|n| numbers.binary_search(n).ok()).collect();
    (problem, reference)
}

pub(crate) fn measure() -> anyhow::Result<Vec<Figure>> {
    let folder = super::tsplib::data().join("solomon");
    let mut gaps = Vec::new();
    let mut infeasible = 0;
    let mut files: Vec<_> = std::fs::read_dir(&folder)?.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "sol")) {
        let all = customers(&std::fs::read_to_string(file.with_extension("txt"))?)?;
        let solution = std::fs::read_to_string(file)?;
        for line in solution.lines().filter_map(|l| l.strip_prefix("Route #")) {
            let (_, numbers) = line.split_once(':').context("Route #n: …")?;
            let route: Vec<usize> = numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
            let (problem, order) = problem(&all, &route);
            let reference = evaluate(&Problem { given: order, ..problem.clone() });
            anyhow::ensure!(reference.hard_late_ms == 0, "{}: the reference is late", file.display());
            let found = within(&problem, 1, Duration::from_millis(200));
            infeasible += usize::from(found.hard_late_ms > 0);
            let gap = above(found.travel_ms as f64, reference.travel_ms as f64);
            if gap > 0.1 {
                eprintln!("{} #{line}: {gap:.2} %, {} kicks", file.display(), found.iterations);
            }
            gaps.push(gap);
        }
    }
    let mut f = figure("route.windows_gap", "%", &gaps);
    f.value = gaps.iter().copied().fold(f64::MIN, f64::max);
    f.note = format!(
        "the worst of {} routes, {infeasible} not feasible, mean {:.3} %; {}",
        gaps.len(),
        gaps.iter().sum::<f64>() / gaps.len() as f64,
        f.note
    );
    anyhow::ensure!(infeasible == 0, "{infeasible} routes are not feasible");
    Ok(vec![f])
}
