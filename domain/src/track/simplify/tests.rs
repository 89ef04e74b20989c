use super::*;
use crate::track::{Run, codec};
use proptest::prelude::*;

/// How far the polyline is from the fixes at their times, at most; computed on its own plane at each fix.
fn worst(fixes: &[(UnixMs, Place)], line: &[Vertex]) -> f64 {
    let mut worst: f64 = 0.0;
    for (at, place) in fixes {
        let next = line.iter().position(|v| v.at >= *at).unwrap_or(line.len() - 1);
        let there = line[next.saturating_sub(1)].towards(line[next], *at);
        let (x, y) = place.metres_from(there);
        worst = worst.max(x.hypot(y));
    }
    worst
}

fn line(bound: f64, fixes: &[(UnixMs, Place)]) -> Vec<Vertex> {
    let mut simplifier = Simplifier::new(bound);
    let mut line = Vec::new();
    for (n, (at, place)) in fixes.iter().enumerate() {
        if n % 7 == 3 {
            // a kill: what is kept is all there is
            let kept = serde_json::to_string(&simplifier).unwrap();
            simplifier = serde_json::from_str(&kept).unwrap();
        }
        simplifier.push(*at, *place, &mut |v| line.push(v));
    }
    simplifier.end(&mut |v| line.push(v));
    line
}

fn tracks() -> impl Strategy<Value = Vec<(UnixMs, Place)>> {
    let step = (
        prop_oneof![Just(1000i64), Just(5000), 1i64..20_000, Just(100), 1_000_000i64..30_000_000],
        prop_oneof![-8.0..8.0f64, -60.0..60.0f64, -900.0..900.0f64, -20_000.0..20_000.0f64],
        prop_oneof![-8.0..8.0f64, -60.0..60.0f64, -900.0..900.0f64, -20_000.0..20_000.0f64],
    );
    (-70.0..75.0f64, -179.0..179.0f64, 0i64..1000, prop::collection::vec(step, 1..150)).prop_map(
        |(lat, lon, start, steps)| {
            let mut at = (UnixMs(1_700_000_000_000 + start), Place::of_degrees(lat, lon).unwrap());
            let mut track = vec![at];
            for (ms, x, y) in steps {
                let place = at.1.moved(x, y);
                // not over the pole, nor over the seam of longitudes
                if place.lat().abs() < 80.0 && (place.lon() - at.1.lon()).abs() < 10.0 {
                    at = (at.0 + ms, place);
                    track.push(at);
                }
            }
            track
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    /// The bound holds for every fix, after rounding and after the codec, at every latitude and pace.
    #[test]
    fn nothing_is_further_away_than_the_bound(track in tracks(), bound in prop_oneof![Just(10.0), 3.0..60.0f64]) {
        let line = line(bound, &track);
        let blob = codec::encode(&[Run { gap: None, points: line.clone() }]).unwrap();
        let read = codec::decode(&blob).unwrap().remove(0).points;
        prop_assert_eq!(&read, &line);
        prop_assert!(line.len() <= track.len() + 1);
        let worst = worst(&track, &read);
        prop_assert!(worst <= bound, "{worst} m, {bound} m allowed");
        prop_assert!(line[0].at <= track[0].0 && line[line.len() - 1].at >= track[track.len() - 1].0 || track.len() == 1);
    }
}

#[test]
fn a_straight_ride_is_two_vertices() {
    let start = Place::of_degrees(31.2, 121.5).unwrap();
    let fixes: Vec<_> =
        (0..600).map(|n| (UnixMs(n * 1000), start.moved(f64::from(n as i32) * 5.0, 0.0))).collect();
    assert_eq!(line(10.0, &fixes).len(), 2);
    // standing still for eight hours too
    let still: Vec<_> = (0..5_760).map(|n| (UnixMs(n * 5000), start)).collect();
    assert_eq!(line(10.0, &still).len(), 2);
}

#[test]
fn no_fix_one_fix_and_times_that_do_not_rise() {
    assert!(line(10.0, &[]).is_empty());
    let place = Place::of_degrees(0.0, 0.0).unwrap();
    assert_eq!(line(10.0, &[(UnixMs(7), place)]).len(), 2);
    assert_eq!(line(10.0, &[(UnixMs(1000), place)]).len(), 1);
    let back = [(UnixMs(9000), place), (UnixMs(9000), place), (UnixMs(1000), place), (UnixMs(10_000), place)];
    assert_eq!(line(10.0, &back).len(), 2);
    let line = line(10.0, &[(UnixMs(0), place), (UnixMs(1000), Place::of_degrees(-60.0, 170.0).unwrap())]);
    assert_eq!(line.len(), 2, "a leap around the world is kept");
}

#[test]
fn vertices_are_mostly_at_whole_seconds() {
    let start = Place::of_degrees(31.2, 121.5).unwrap();
    let fixes: Vec<_> = (0..4000)
        .map(|n| {
            let turn = f64::from(n as i32) * 0.13;
            (UnixMs(1_700_000_000_437 + n * 1013), start.moved(80.0 * turn.sin(), 50.0 * (turn * 1.7).cos()))
        })
        .collect();
    let line = line(10.0, &fixes);
    assert!(line.len() > 200 && line.len() < 2000, "{}", line.len());
    let odd = line.iter().filter(|v| v.at.0 % 1000 != 0).count();
    assert!(odd * 10 <= line.len(), "{odd} of {}", line.len());
}

#[test]
fn a_leap_is_not_gone_on_with_until_it_leaves_the_earth() {
    // 6 km in the millisecond after a whole second, then a second of rest
    let at = |ms: i64, lat_e7: i32| (UnixMs(1_700_000_000_000 + ms), Place { lat_e7, lon_e7: 0 });
    let (here, there) = (688_952_667, 689_512_137);
    let track = [
        at(347, here),
        at(1_799, here),
        at(13_901, here),
        at(14_001, there),
        at(15_001, there),
        at(40_000, there),
    ];
    let line = line(10.0, &track);
    let worst = worst(&track, &line);
    assert!(worst <= 10.0, "{worst} m: {line:?}");
}
