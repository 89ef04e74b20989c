//! Tours of 50 to 200 stops that end where they began, over TSPLIB.

use super::{SEEDS, above, within};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::time::Duration;
use waybell_core::route::{End, Matrix, Problem, Stop};
use waybell_tests::results::{Figure, figure};

/// One instance.
pub(crate) struct Tour {
    pub(crate) name: String,
    pub(crate) optimum: f64,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Where the public instances are.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// All instances of the folder.
pub(crate) fn read() -> anyhow::Result<Vec<Tour>> {
    let folder = data().join("tsplib");
    let optima = std::fs::read_to_string(folder.join("optima.tsv"))?;
    let mut tours = Vec::new();
    for line in optima.lines().skip(1) {
        let (name, optimum) = line.split_once('\t').context("optima.tsv: two columns")?;
        let text = std::fs::read_to_string(folder.join(format!("{name}.tsp")))?;
        anyhow::ensure!(text.contains("EUC_2D"), "{name}: only EUC_2D is read");
        let rows = text.lines().skip_while(|l| !l.starts_with("NODE_COORD")).skip(1);
        let points = rows.filter_map(|row| {
            let mut parts = row.split_whitespace().skip(1).map(str::parse::<f64>);
            Some((parts.next()?.ok()?, parts.next()?.ok()?))
        });
        tours.push(Tour { name: name.into(), optimum: optimum.trim().parse()?, points: points.collect() });
    }
    Ok(tours)
}

/// Rounded to whole numbers, as TSPLIB wants it.
pub(crate) fn whole(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1).round()
}

/// There and back, place 0 being the depot.
pub(crate) fn problem(points: &[(f64, f64)]) -> Problem {
    let matrix = Matrix::with(points.len(), |a, b| whole(points[a], points[b]));
    let stops = (1..points.len()).map(Stop::at).collect();
    Problem { end: End::Place(0), stops, ..Problem::new(matrix) }
}

pub(crate) fn measure() -> anyhow::Result<Vec<Figure>> {
    let (mut means, mut worst) = (Vec::new(), Vec::new());
    for tour in read()? {
        let problem = problem(&tour.points);
        let mut gaps = Vec::new();
        let mut kicks = 0;
        for seed in 1..=SEEDS {
            let plan = within(&problem, seed, Duration::from_millis(50));
            anyhow::ensure!(plan.visits.len() == tour.points.len() - 1, "{}: stops are missing", tour.name);
            gaps.push(above(plan.travel_ms as f64 / 1_000.0, tour.optimum));
            kicks = plan.iterations;
        }
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let most = gaps.iter().copied().fold(0.0, f64::max);
        eprintln!("{:>8}: mean {mean:.3} %, worst {most:.3} %, {kicks} kicks", tour.name);
        means.push(mean);
        worst.push(most);
    }
    let mut mean = figure("route.gap_mean_50ms", "%", &means);
    mean.value = means.iter().sum::<f64>() / means.len() as f64;
    let mut max = figure("route.gap_max_50ms", "%", &worst);
    max.value = worst.iter().copied().fold(0.0, f64::max);
    for f in [&mut mean, &mut max] {
        f.note = format!("{} instances, {SEEDS} seeds each; {}", means.len(), f.note);
    }
    Ok(vec![mean, max])
}
