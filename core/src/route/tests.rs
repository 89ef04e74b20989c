//! What a plan promises, over drawn problems: odd figures, contradictions, all rules at once.

use super::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use waybell_domain::clock::UnixMs;

mod exact;
mod late;

fn limits(iterations: u64) -> Limits {
    Limits { seed: 7, iterations, ..Limits::default() }
}

/// Points in a square, by a seed of their own.
fn scattered(count: usize, seed: u64) -> Vec<(f64, f64)> {
    let mut rng = rng::Rng::new(seed);
    (0..count).map(|_| (rng.below(2_000) as f64, rng.below(2_000) as f64)).collect()
}

fn even(count: usize, seed: u64) -> Problem {
    let points = scattered(count, seed);
    Problem::new(Matrix::with(count, |a, b| {
        (points[a].0 - points[b].0).hypot(points[a].1 - points[b].1).round()
    }))
}

fn window() -> impl Strategy<Value = Option<Window>> {
    let any = (-5_000_i64..20_000, -1_000_i64..9_000).prop_map(|(from, len)| {
        Some(Window { from: UnixMs(from * 1_000), to: UnixMs((from + len) * 1_000) })
    });
    let odd = Just(Some(Window { from: UnixMs(i64::MIN), to: UnixMs(i64::MAX) }));
    prop_oneof![6 => Just(None), 3 => any, 1 => odd]
}

fn pin(n: usize) -> impl Strategy<Value = Option<Pin>> {
    prop_oneof![
        12 => Just(None),
        1 => Just(Some(Pin::First)),
        1 => Just(Some(Pin::Last)),
        2 => (0..n + 3).prop_map(|at| Some(Pin::At(at))),
    ]
}

fn stop(places: usize, n: usize) -> impl Strategy<Value = Stop> {
    (0..places + 1, 0_u32..600, 0_u32..5, window(), window(), 0_u8..4, pin(n)).prop_map(
        |(place, service_s, parcels, hard, soft, priority, pin)| Stop {
            place,
            service_s,
            parcels,
            parcel_s: if parcels == 4 { u32::MAX } else { 20 },
            hard,
            soft,
            priority,
            pin,
        },
    )
}

fn seconds() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => 0.0..5_000.0,
        1 => Just(f64::NAN),
        1 => Just(-3.0),
        1 => Just(f64::INFINITY),
        1 => Just(1e300),
    ]
}

prop_compose! {
    fn problem()(places in 0_usize..9, n in 0_usize..12)(
        figures in prop::collection::vec(seconds(), places * places),
        stops in prop::collection::vec(stop(places, n), n),
        before in prop::collection::vec((0..n + 2, 0..n + 2), 0..4),
        given in prop::collection::vec(0..n + 2, 0..=n),
        locked in 0..n + 3,
        start in 0..places + 2,
        end in prop::option::of(0..places + 2),
        depart in prop_oneof![Just(0), Just(1_700_000_000_000), Just(i64::MIN), Just(i64::MAX)],
        places in Just(places),
    ) -> Problem {
        Problem {
            matrix: Matrix::from_seconds(places, &figures).unwrap(),
            start,
            end: end.map_or(End::Free, End::Place),
            depart: UnixMs(depart),
            stops,
            before,
            given,
            locked,
            weights: Weights::default(),
        }
    }
}

/// Every stop once, what is locked in its place, and each rule kept or said to be dropped.
fn check(problem: &Problem, plan: &Plan) {
    let order = plan.order();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..problem.stops.len()).collect::<Vec<_>>(), "every stop once");
    let position = |stop: usize| order.iter().position(|s| *s == stop).unwrap();
    let mut whole: Vec<usize> = Vec::new();
    for s in problem.given.iter().take(problem.locked) {
        if *s < order.len() && !whole.contains(s) {
            whole.push(*s);
        }
    }
    let locked = whole.len();
    assert_eq!(order[..locked], whole[..locked], "the locked stops");
    for (stop, asked) in problem.stops.iter().enumerate() {
        let wanted = match asked.pin {
            None => continue,
            Some(_) if plan.notes.contains(&Note::PinDropped(stop)) => continue,
            Some(Pin::First) => locked,
            Some(Pin::Last) => order.len() - 1,
            Some(Pin::At(at)) => at,
        };
        assert_eq!(position(stop), wanted, "the pin of {stop}");
    }
    for &(a, b) in &problem.before {
        if !plan.notes.contains(&Note::PairDropped(a, b)) {
            assert!(position(a) < position(b), "{a} before {b}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_problem_has_a_whole_answer(problem in problem(), seed in 0_u64..1_000) {
        let found = plan(&problem, &Limits { seed, iterations: 60, ..Limits::default() });
        check(&problem, &found);
        let before = evaluate(&problem);
        check(&problem, &before);
        let (net, _) = net::Net::build(&problem);
        let value = |plan: &Plan| net.value(&plan.order().iter().map(|s| *s as u32 + 1).collect::<Vec<_>>());
        prop_assert!(value(&found) <= value(&before), "never worse than given");
        prop_assert_eq!(&found, &plan(&problem, &Limits { seed, iterations: 60, ..Limits::default() }), "the same again");
        for stop in 0..problem.stops.len() {
            if let Some(why) = explain(&problem, &found, stop) {
                prop_assert!(why.late_ms > 0 && !why.helps.is_empty());
            }
        }
    }

    #[test]
    fn a_new_stop_leaves_the_others_in_their_order(problem in problem(), stop in 0_usize..13) {
        let made = insert(&problem, stop);
        check(&problem, &made);
        let rules = problem.stops.iter().any(|s| s.pin.is_some()) || !problem.before.is_empty();
        if !rules {
            let others = |order: Vec<usize>| order.into_iter().filter(|s| *s != stop).collect::<Vec<_>>();
            prop_assert_eq!(others(made.order()), others(evaluate(&problem).order()));
        }
    }

    #[test]
    fn a_sum_of_parts_is_the_whole(problem in problem()) {
        let found = plan(&problem, &limits(30));
        let travel: i64 = found.visits.iter().map(|v| v.travel_ms).sum();
        prop_assert!(found.travel_ms >= travel, "and the way to the end");
        for (before, after) in found.visits.iter().zip(found.visits.iter().skip(1)) {
            prop_assert_eq!(after.arrive.0, before.leave.0.saturating_add(after.travel_ms));
            prop_assert!(after.begin >= after.arrive && after.leave >= after.begin);
        }
    }
}

#[test]
fn nothing_and_one() {
    let none = plan(&Problem::new(Matrix::with(1, |_, _| 0.0)), &limits(10));
    assert!(none.visits.is_empty() && none.travel_ms == 0);
    let one = plan(&Problem::new(Matrix::with(2, |_, _| 60.0)), &limits(10));
    assert_eq!((one.order(), one.travel_ms), (vec![0], 60_000));
}

#[test]
fn two_thousand_stops() {
    let problem = even(2_001, 5);
    let found = plan(&problem, &limits(200));
    check(&problem, &found);
    assert!(found.travel_ms < evaluate(&problem).travel_ms / 5, "much shorter than as drawn");
}

#[test]
fn a_cancelled_or_late_search_gives_what_it_has() {
    let problem = even(300, 9);
    let cancel = Some(Arc::new(AtomicBool::new(true)));
    let cancelled = plan(&problem, &Limits { cancel, iterations: u64::MAX, ..Limits::default() });
    assert_eq!(cancelled.ended, Ended::Cancelled);
    check(&problem, &cancelled);
    let late =
        plan(&problem, &Limits { deadline: Some(Instant::now()), iterations: u64::MAX, ..Limits::default() });
    assert_eq!(late.ended, Ended::Deadline);
    check(&problem, &late);
    assert!(late.travel_ms <= evaluate(&problem).travel_ms);
}

#[test]
fn more_work_is_never_worse() {
    let mut problem = even(60, 11);
    for (i, stop) in problem.stops.iter_mut().enumerate() {
        let from = i64::from(i as u32 % 7) * 4_000_000;
        stop.soft = (i % 3 == 0).then_some(Window { from: UnixMs(from), to: UnixMs(from + 6_000_000) });
    }
    let costs: Vec<i64> = [0, 20, 100, 400].map(|work| plan(&problem, &limits(work)).cost_ms).to_vec();
    assert!(costs.is_sorted_by(|a, b| a >= b), "{costs:?}");
    assert!(costs[3] < costs[0]);
}

#[test]
fn an_unknown_place_is_visited_and_told() {
    let mut problem = even(9, 2);
    problem.stops[3].place = 99;
    let found = plan(&problem, &limits(500));
    check(&problem, &found);
    assert_eq!(found.notes, [Note::UnknownPlace(3)]);
}

#[test]
fn an_estimate_from_coordinates() {
    let gate = Point { lat: 39.9042, lon: 116.4074 };
    let north = Point { lat: 39.9942, lon: 116.4074 };
    let nowhere = Point { lat: f64::NAN, lon: 116.0 };
    let matrix = Estimate { detour: 1.0, speed: 10.0 }.matrix(&[gate, north, nowhere]);
    // 0.09° of a meridian: 10,007.6 m on a sphere of the mean radius
    assert_eq!(matrix.get(0, 1), Some(1_000_756));
    assert_eq!(matrix.get(0, 2), None);
    assert_eq!(matrix.get(7, 0), None);
    assert_eq!(Matrix::from_seconds(3, &[0.0; 8]), Err(MatrixError { places: 3, given: 8 }),);
}
