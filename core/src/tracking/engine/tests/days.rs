//! Whole days against their truth. The seeds are others than those that the constants were chosen on (0 to 9).

use super::*;

#[test]
fn a_day_is_as_long_as_it_was() {
    for (doppler, every, most) in
        [(true, 1, 2.0), (true, 5, 2.0), (true, 15, 6.0), (false, 1, 12.0), (false, 5, 12.0)]
    {
        let mut sum = 0.0;
        for seed in 100..104 {
            let truth = simulate::day(seed, 15);
            let metres = simulate::metres(&truth);
            let fixes = simulate::fixes(&truth, Phone { every, doppler, noise: 1.0 }, seed);
            let (_, summary) = shift(&fixes, |_| false);
            let d = summary.distance;
            let error = (d.metres - metres) / metres * 100.0;
            assert!(error.abs() <= most, "seed {seed}, speed {doppler}, {every} s: {error:.2} %");
            assert!(d.low <= metres && metres <= d.high, "seed {seed}: {metres} in {d:?}");
            assert_eq!(summary.spoof_score, 0, "seed {seed}: {:?}", summary.signs);
            sum += error.abs();
        }
        assert!(sum / 4.0 <= most / 1.3, "speed {doppler}, {every} s: {:.2} % in the mean", sum / 4.0);
    }
}

#[test]
fn eight_hours_at_rest_add_less_than_100_m() {
    for sky in [Sky::Open, Sky::Canyon, Sky::Indoors] {
        for (doppler, every) in [(true, 5), (false, 5), (false, 1)] {
            let truth = simulate::still(8, sky);
            let fixes = simulate::fixes(&truth, Phone { every, doppler, noise: 1.0 }, 77);
            let raw: f64 = fixes.windows(2).map(|w| w[0].place.metres_to(w[1].place)).sum();
            let (effects, summary) = shift(&fixes, |_| false);
            let metres = summary.distance.metres;
            assert!(
                metres < 100.0 && raw > 2_000.0,
                "{sky:?}, speed {doppler}: {metres:.0} m, raw {raw:.0} m"
            );
            assert_eq!(stays(&effects).len(), 1, "{sky:?}");
            assert!(gaps(&effects).is_empty());
        }
    }
}

#[test]
fn a_phone_at_rest_that_tells_speeds_goes_nowhere() {
    let truth = simulate::still(8, Sky::Open);
    let mut fixes = simulate::fixes(&truth, Phone { every: 5, doppler: false, noise: 1.0 }, 5);
    // as phones do that make speed of places
    let mut before = fixes[0].place;
    for fix in &mut fixes {
        fix.speed = Some((before.metres_to(fix.place) / 5.0) as f32);
        before = fix.place;
    }
    let (_, summary) = shift(&fixes, |_| false);
    assert!(summary.distance.metres < 500.0, "{:?}", summary.distance);
}

#[test]
fn a_kill_between_any_two_fixes_changes_nothing() {
    let truth = simulate::day(101, 4);
    let fixes = simulate::fixes(&truth, Phone { every: 3, doppler: true, noise: 1.5 }, 3);
    let (whole, summary) = shift(&fixes, |_| false);
    let (killed, after) = shift(&fixes, |_| true);
    assert!(whole == killed && summary == after, "{summary:?} {after:?}");
}

#[test]
fn every_fix_is_dropped_with_a_reason_or_within_the_bound() {
    for seed in [110, 111] {
        let truth = simulate::day(seed, 10);
        let fixes = simulate::fixes(&truth, Phone { every: 2, doppler: seed == 110, noise: 1.3 }, seed);
        let (effects, _) = shift(&fixes, |_| false);
        let runs = runs(&effects);
        let kept: usize = runs.iter().map(Vec::len).sum();
        assert!(kept * 4 < fixes.len(), "{kept} of {}", fixes.len());
        let mut dropped: Vec<UnixMs> = effects
            .iter()
            .filter_map(|e| if let Effect::Drop { at, .. } = e { Some(*at) } else { None })
            .collect();
        for fix in &fixes {
            if let Some(at) = dropped.iter().position(|d| *d == fix.wall) {
                dropped.swap_remove(at);
                continue;
            }
            let run = runs
                .iter()
                .find(|r| r[0].at <= fix.wall && fix.wall <= r[r.len() - 1].at)
                .expect("a fix that was taken lies in a run");
            let next = run.iter().position(|v| v.at >= fix.wall).unwrap();
            let there = run[next.saturating_sub(1)].towards(run[next], fix.wall);
            let off = fix.place.metres_to(there);
            assert!(off <= BOUND_M, "{off} m at {:?}", fix.wall);
        }
        assert!(dropped.is_empty(), "what is told as dropped was there");
        let gaps = gaps(&effects);
        assert_eq!(runs.len(), gaps.len() + 1, "between two runs lies a gap");
        assert!(gaps.iter().all(|g| g.to > g.from));
    }
}

#[test]
fn most_stays_of_a_day_are_found_where_they_were() {
    let truth = simulate::day(120, 20);
    let fixes = simulate::fixes(&truth, Phone { every: 5, doppler: true, noise: 1.0 }, 9);
    let (effects, _) = shift(&fixes, |_| false);
    let found = stays(&effects);
    // the truth: within 10 m for 200 s and more
    let (mut at, mut places) = (0, Vec::new());
    while at < truth.len() {
        let (x, y) = truth[at].xy;
        let end = truth[at..]
            .iter()
            .position(|s| (s.xy.0 - x).hypot(s.xy.1 - y) > 10.0)
            .map_or(truth.len(), |n| at + n);
        if end - at >= 220 {
            places.push(simulate::place(&truth[at]));
        }
        at = end.max(at + 1);
    }
    let missed = places.iter().filter(|p| !found.iter().any(|s| s.place.metres_to(**p) < 60.0)).count();
    assert!(places.len() > 5 && missed == 0, "{missed} of {} missed", places.len());
}
