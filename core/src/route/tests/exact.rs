//! Small tours against all their orders, large ones against tours whose best length is known by construction.

use super::*;

/// The best of all legal orders, by trying them.
fn best_of_all(problem: &Problem) -> (i64, i64) {
    let (net, _) = net::Net::build(problem);
    let mut order: Vec<u32> = (1..=problem.stops.len() as u32).collect();
    let mut best = (i64::MAX, i64::MAX);
    permute(&mut order, 0, &mut |order| {
        if net.is_legal(order) {
            let value = net.value(order);
            best = best.min((value.hard, value.cost / 1_000));
        }
    });
    best
}

fn permute(order: &mut [u32], from: usize, each: &mut impl FnMut(&[u32])) {
    if from + 1 >= order.len() {
        return each(order);
    }
    for i in from..order.len() {
        order.swap(from, i);
        permute(order, from + 1, each);
        order.swap(from, i);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn small_tours_are_solved(seed in 0_u64..100_000, rules in 0_u32..32, end in prop::bool::ANY) {
        let mut problem = even(8, seed);
        let mut rng = rng::Rng::new(seed + 1);
        if end {
            problem.end = End::Place(0);
        }
        if rules & 16 != 0 {
            problem.matrix = Matrix::with(8, |a, b| ((a * 31 + b * 17 + seed as usize) % 97 + a) as f64 * 20.0);
        }
        for stop in &mut problem.stops {
            let from = rng.below(4_000_000) as i64;
            let window = Some(Window { from: UnixMs(from), to: UnixMs(from + 1_500_000) });
            stop.service_s = rng.below(200) as u32;
            stop.soft = window.filter(|_| rules & 1 != 0);
            stop.hard = window.filter(|_| rules & 2 != 0 && rng.below(2) == 0);
            stop.priority = if rules & 4 != 0 { rng.below(3) as u8 } else { 0 };
        }
        if rules & 8 != 0 {
            problem.before = vec![(5, 1), (1, 2)];
        }
        let found = plan(&problem, &limits(10));
        prop_assert_eq!((found.hard_late_ms, found.cost_ms), best_of_all(&problem));
    }
}

/// Around a circle the shortest way back is the circle.
#[test]
fn a_circle_is_walked_round() {
    let n = 150;
    let mut places: Vec<usize> = (0..n).collect();
    let mut rng = rng::Rng::new(3);
    for i in (1..n).rev() {
        places.swap(i, rng.below(i + 1));
    }
    let at = |i: usize| {
        let angle = places[i] as f64 / n as f64 * std::f64::consts::TAU;
        (angle.cos() * 5_000.0, angle.sin() * 5_000.0)
    };
    let matrix = Matrix::with(n, |a, b| (at(a).0 - at(b).0).hypot(at(a).1 - at(b).1));
    let side = 2.0 * 5_000.0 * (std::f64::consts::PI / n as f64).sin();
    let round = plan(&Problem { end: End::Place(0), ..Problem::new(matrix.clone()) }, &limits(1_000));
    let best = side * n as f64 * 1_000.0;
    assert!((round.travel_ms as f64 - best).abs() < n as f64, "{} for {best}", round.travel_ms);
    let open = plan(&Problem::new(matrix), &limits(1_000));
    let best = side * (n - 1) as f64 * 1_000.0;
    assert!((open.travel_ms as f64 - best).abs() < n as f64, "{} for {best}", open.travel_ms);
}

/// Streets that go one way only: the tour against them is long, the one along them is found.
#[test]
fn one_way_streets_are_followed() {
    let n = 40;
    let matrix = Matrix::with(n, |a, b| {
        let along = (b * 7 % n + n - a * 7 % n) % n;
        along as f64 * 10.0
    });
    let found = plan(&Problem { end: End::Place(0), ..Problem::new(matrix) }, &limits(1_000));
    assert_eq!(found.travel_ms, n as i64 * 10_000);
}

/// A locked and pinned tour in the fast search keeps its ends.
#[test]
fn ends_that_are_fixed_stay() {
    let mut problem = even(60, 21);
    problem.given = (0..59).rev().collect();
    problem.locked = 5;
    problem.stops[7].pin = Some(Pin::Last);
    problem.stops[9].pin = Some(Pin::First);
    let found = plan(&problem, &limits(2_000));
    check(&problem, &found);
    assert_eq!(found.order()[..6], [58, 57, 56, 55, 54, 9]);
    assert_eq!(found.order()[58], 7);
    assert!(found.travel_ms < evaluate(&problem).travel_ms / 2);
}

/// Twelve customers with windows (Solomon R104, the first route of the best known solution), in which small kicks are trapped.
#[test]
fn windows_that_trap_small_kicks() {
    let text = include_str!("../../../../tests/data/solomon/R104.txt");
    let row = |number: usize| -> Vec<f64> {
        let line = text.lines().find(|l| l.split_whitespace().next() == Some(&number.to_string())).unwrap();
        line.split_whitespace().map(|n| n.parse().unwrap()).collect()
    };
    let route = [6, 96, 59, 93, 99, 84, 17, 45, 83, 5, 60, 89];
    let mut numbers = route.to_vec();
    numbers.sort_unstable();
    let places: Vec<Vec<f64>> = std::iter::once(0).chain(numbers.iter().copied()).map(row).collect();
    let matrix = Matrix::with(places.len(), |a, b| {
        let (a, b) = (&places[a], &places[b]);
        ((a[1] - b[1]).hypot(a[2] - b[2]) * 10.0).floor() / 10.0
    });
    let mut problem = Problem { end: End::Place(0), ..Problem::new(matrix) };
    problem.weights.wait = 0;
    for (stop, place) in problem.stops.iter_mut().zip(&places[1..]) {
        let ms = |s: f64| UnixMs((s * 1_000.0) as i64);
        stop.hard = Some(Window { from: ms(place[4]), to: ms(place[5]) });
        stop.service_s = place[6] as u32;
    }
    let given: Vec<usize> = route.iter().filter_map(|n| numbers.binary_search(n).ok()).collect();
    let known = evaluate(&Problem { given, ..problem.clone() });
    assert_eq!(known.hard_late_ms, 0);
    for seed in 1..=10 {
        let found = plan(&problem, &Limits { seed, iterations: 4_000, ..Limits::default() });
        assert_eq!(found.hard_late_ms, 0, "seed {seed}");
        assert!(
            found.travel_ms <= known.travel_ms,
            "seed {seed}: {} for {}",
            found.travel_ms,
            known.travel_ms
        );
    }
}
