//! A thousand stops at one second.
//!
//! No proof of the best length exists for tours that are drawn here, so two references are given: the shortest that a long
//! run of the solver knows, and Held and Karp's lower bound, which no tour can beat.

use super::{above, bound, within};
use std::time::Duration;
use waybell_core::route::{End, Matrix, Problem, Stop};
use waybell_tests::results::{Figure, figure};

/// Even over a square of 10 km, by a generator of its own (xorshift64*), in metres.
pub(crate) fn points(count: usize, seed: u64) -> Vec<(f64, f64)> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f64 / f64::from(1 << 24) * 10_000.0
    };
    (0..count).map(|_| (next().round(), next().round())).collect()
}

/// Whole metres.
pub(crate) fn apart(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1).round()
}

pub(crate) fn measure() -> Vec<Figure> {
    let (mut gaps, mut over) = (Vec::new(), Vec::new());
    for instance in 1..=3 {
        let points = points(1_000, instance);
        let matrix = Matrix::with(points.len(), |a, b| apart(points[a], points[b]));
        let stops = (1..points.len()).map(Stop::at).collect();
        let problem = Problem { end: End::Place(0), stops, ..Problem::new(matrix) };
        let second: Vec<f64> =
            (1..=3).map(|seed| within(&problem, seed, Duration::from_secs(1)).travel_ms as f64).collect();
        let long = within(&problem, 99, Duration::from_secs(40)).travel_ms as f64;
        let best = second.iter().copied().fold(long, f64::min);
        let low = bound::held_karp(&points, best / 1_000.0) * 1_000.0;
        for length in second {
            eprintln!(
                "1,000 stops, {instance}: {:.2} % over the best known, {:.2} % over the bound (best known: {:.2} %)",
                above(length, best),
                above(length, low),
                above(best, low)
            );
            gaps.push(above(length, best));
            over.push(above(length, low));
        }
    }
    let mut f = figure("route.gap_1000", "%", &gaps);
    f.value = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let most = over.iter().copied().fold(0.0, f64::max);
    f.note = format!(
        "mean over the shortest of a run of 40 s; at most {most:.2} % over Held and Karp's bound; {}",
        f.note
    );
    vec![f]
}
