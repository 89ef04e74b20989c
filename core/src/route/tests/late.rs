//! Why a stop is late, by cases that a courier could tell.

use super::*;

/// Places in a row, 10 minutes apart, from the start on; two minutes at each.
fn street(n: usize) -> Problem {
    let mut problem = Problem::new(Matrix::with(n + 1, |a, b| a.abs_diff(b) as f64 * 600.0));
    for stop in &mut problem.stops {
        stop.service_s = 120;
    }
    problem
}

fn until(minutes: i64) -> Option<Window> {
    Some(Window { from: UnixMs(0), to: UnixMs(minutes * 60_000) })
}

#[test]
fn in_time_has_no_reason() {
    let mut problem = street(3);
    problem.stops[2].hard = until(60);
    let plan = plan(&problem, &limits(100));
    assert_eq!(explain(&problem, &plan, 2), None);
    assert_eq!(explain(&problem, &plan, 77), None, "no such stop");
}

#[test]
fn too_far_whatever_is_done() {
    let mut problem = street(4);
    problem.stops[3].hard = until(30);
    let plan = plan(&problem, &limits(500));
    let why = explain(&problem, &plan, 3).unwrap();
    assert!(why.hard && why.position == 0, "it goes there first of all: {why:?}");
    assert_eq!(why.late_ms, 10 * 60_000);
    assert_eq!(why.causes, [Cause::TooFar { arrive: UnixMs(40 * 60_000) }]);
    assert!(why.helps.contains(&Help::LeaveEarlier { by_ms: 10 * 60_000 }));
    assert!(why.helps.contains(&Help::Widen { by_ms: 10 * 60_000 }));
}

#[test]
fn locked_stops_are_in_the_way() {
    let mut problem = street(4);
    problem.stops[3].hard = until(45);
    problem.given = vec![1, 0, 2, 3];
    problem.locked = 2;
    let plan = plan(&problem, &limits(500));
    let why = explain(&problem, &plan, 3).unwrap();
    // 20 to the second place, 10 back, 30 on, and twice two minutes
    assert_eq!(why.causes, [Cause::Locked { arrive: UnixMs(64 * 60_000) }]);
}

#[test]
fn the_pick_up_comes_first() {
    let mut problem = street(4);
    problem.stops[0].hard = until(30);
    problem.before = vec![(3, 0)];
    let plan = plan(&problem, &limits(500));
    let why = explain(&problem, &plan, 0).unwrap();
    assert_eq!(why.causes, [Cause::After { stop: 3, arrive: UnixMs(72 * 60_000) }]);
}

#[test]
fn others_would_be_late_instead() {
    // one on either side, both wanted at once
    let mut problem = street(0);
    problem.matrix = Matrix::with(3, |a, b| {
        if a == b {
            0.0
        } else if a == 0 || b == 0 {
            600.0
        } else {
            1_200.0
        }
    });
    problem.stops = vec![Stop::at(1), Stop::at(2)];
    problem.stops[0].hard = until(12);
    problem.stops[1].hard = until(12);
    let plan = plan(&problem, &limits(100));
    let late = plan.visits.iter().find(|v| v.is_late()).unwrap().stop;
    let why = explain(&problem, &plan, late).unwrap();
    assert_eq!(why.causes, [Cause::Others { stops: vec![1 - late] }]);
    assert!(why.helps.contains(&Help::HandOver { stop: 1 - late }), "{why:?}");
}

#[test]
fn a_plan_of_another_problem_is_not_explained() {
    let mut problem = street(3);
    problem.stops[2].hard = until(1);
    let plan = plan(&problem, &limits(100));
    assert!(explain(&problem, &plan, 2).is_some());
    problem.stops.push(Stop::at(1));
    assert_eq!(explain(&problem, &plan, 2), None);
}
