//! Phones whose own clock is off: no shift loses fixes by it.

use super::*;

const HOUR: i64 = 3_600_000;

/// How many of some fixes are kept where the phone's clock is `off` ahead, and the fix's own `fix_off`.
fn kept(off: i64, first_off: i64) -> (usize, usize) {
    let fixes = simulate::fixes(&simulate::day(3, 1), Phone { every: 5, doppler: true, noise: 1.0 }, 3);
    let start = fixes[0].wall;
    let boot = |at: UnixMs| 500_000 + at.since(start);
    let now =
        |at: UnixMs| EventTime { wall: at + off, boot_id: Some("b".into()), boot_ms: Some(boot(at) as u64) };
    let (mut state, mut effects) = (State::default(), Vec::new());
    step(&mut state, Event::DutyOn, &now(start), &mut effects);
    for (n, fix) in fixes.iter().enumerate() {
        let by = if n == 0 { first_off } else { 0 };
        let told = Fix { wall: fix.wall + by, boot_ms: Some(boot(fix.wall) as u64), ..fix.clone() };
        step(&mut state, Event::Fix(told), &now(fix.wall), &mut effects);
        let stored = serde_json::to_string(&state).unwrap();
        state = serde_json::from_str(&stored).unwrap();
    }
    let early = drops(&effects);
    (fixes.len(), early.get(&DropReason::OffDuty).copied().unwrap_or(0))
}

#[test]
fn a_clock_that_is_off_loses_nothing() {
    const DAY: i64 = 24 * HOUR;
    for (off, first_off) in
        [(0, 0), (HOUR, 0), (DAY, 0), (DAY + HOUR, 0), (-HOUR, 0), (0, -1024 * 7 * DAY), (0, i64::MIN / 4)]
    {
        let (all, lost) = kept(off, first_off);
        assert!(all > 20);
        assert_eq!(lost, 0, "{off} {first_off}");
    }
}

#[test]
fn a_fix_from_before_the_shift_is_none_of_it() {
    let now = |ms: i64| EventTime {
        wall: UnixMs(1_795_140_000_000 + ms),
        boot_id: Some("b".into()),
        boot_ms: Some(100_000 + ms as u64),
    };
    let (mut state, mut effects) = (State::default(), Vec::new());
    step(&mut state, Event::DutyOn, &now(50_000), &mut effects);
    let mut fix =
        simulate::fixes(&simulate::day(3, 1), Phone { every: 5, doppler: true, noise: 1.0 }, 3)[0].clone();
    (fix.wall, fix.boot_ms) = (now(49_000).wall + HOUR, Some(149_000));
    step(&mut state, Event::Fix(fix), &now(51_000), &mut effects);
    assert_eq!(drops(&effects).get(&DropReason::OffDuty), Some(&1));
}

/// The same without any boot clock: the phone's clock is `off` ahead of the satellites', and is set by `set` in the middle.
/// Fixes are handed over `each` at once. Drops, vertices, and clocks that were set.
fn by_wall_alone(off: i64, set: i64, each: usize) -> (BTreeMap<DropReason, usize>, usize, Vec<i64>) {
    let fixes = simulate::fixes(&simulate::day(3, 1), Phone { every: 5, doppler: true, noise: 1.0 }, 3);
    let (mut state, mut effects) = (State::default(), Vec::new());
    let middle = fixes[fixes.len() / 2].wall;
    let shows = |at: UnixMs| at + off + if at >= middle { set } else { 0 };
    step(&mut state, Event::DutyOn, &EventTime::wall_only(shows(fixes[0].wall)), &mut effects);
    for batch in fixes.chunks(each) {
        let now = EventTime::wall_only(shows(batch[batch.len() - 1].wall));
        for fix in batch {
            step(&mut state, Event::Fix(fix.clone()), &now, &mut effects);
            let stored = serde_json::to_string(&state).unwrap();
            state = serde_json::from_str(&stored).unwrap();
        }
    }
    let end = EventTime::wall_only(shows(fixes[fixes.len() - 1].wall));
    step(&mut state, Event::DutyOff, &end, &mut effects);
    let sets = effects
        .iter()
        .filter_map(|e| if let Effect::ClockSet { by_ms, .. } = e { Some(*by_ms) } else { None });
    let sets = sets.collect();
    (drops(&effects), runs(&effects).iter().map(Vec::len).sum(), sets)
}

#[test]
fn a_phone_without_a_boot_clock_loses_no_fixes() {
    const DAY: i64 = 24 * HOUR;
    let (usual, vertices, none) = by_wall_alone(0, 0, 1);
    assert!(vertices > 20 && none.is_empty());
    for each in [1, 6, 20] {
        for (off, set) in
            [(HOUR, 0), (-HOUR, 0), (DAY, 0), (-DAY, 0), (0, HOUR), (0, -HOUR), (DAY, -DAY), (-HOUR, HOUR)]
        {
            let (drops, kept, sets) = by_wall_alone(off, set, each);
            assert_eq!(drops, usual, "{off} {set} {each}");
            assert_eq!(kept, vertices, "{off} {set} {each}");
            // as far as a batch lets it be told
            assert_eq!(sets.len(), usize::from(set != 0), "{off} {set} {each}: {sets:?}");
            assert!(sets.iter().all(|by| (by - set).abs() <= 120_000), "{off} {set} {each}: {sets:?}");
        }
    }
}

#[test]
fn a_receiver_that_goes_by_the_phones_clock_loses_no_fixes_when_that_is_set_back() {
    let fixes = simulate::fixes(&simulate::day(3, 1), Phone { every: 5, doppler: true, noise: 1.0 }, 3);
    for by in [-600_000, -2 * HOUR] {
        let (mut state, mut effects) = (State::default(), Vec::new());
        step(&mut state, Event::DutyOn, &EventTime::wall_only(fixes[0].wall), &mut effects);
        for (n, fix) in fixes.iter().enumerate() {
            let wall = fix.wall + if n >= fixes.len() / 2 { by } else { 0 };
            step(
                &mut state,
                Event::Fix(Fix { wall, ..fix.clone() }),
                &EventTime::wall_only(wall),
                &mut effects,
            );
        }
        let lost: usize = [DropReason::TimeBack, DropReason::OffDuty]
            .iter()
            .filter_map(|r| drops(&effects).get(r).copied())
            .sum();
        assert_eq!(lost, 0, "{by}: {:?}", drops(&effects));
        assert_eq!(effects.iter().filter(|e| matches!(e, Effect::ClockSet { .. })).count(), 1);
        assert_eq!(runs(&effects).len(), 2);
    }
}

#[test]
fn a_remembered_place_is_no_clock() {
    let fixes = simulate::fixes(&simulate::day(3, 1), Phone { every: 5, doppler: true, noise: 1.0 }, 3);
    let (mut state, mut effects) = (State::default(), Vec::new());
    let start = fixes[0].wall;
    step(&mut state, Event::DutyOn, &EventTime::wall_only(start), &mut effects);
    let old = Fix { wall: start - HOUR, ..fixes[0].clone() };
    for (n, fix) in fixes[..40].iter().enumerate() {
        // the system hands it over again and again
        if n % 4 == 0 {
            step(&mut state, Event::Fix(old.clone()), &EventTime::wall_only(fix.wall), &mut effects);
        }
        step(&mut state, Event::Fix(fix.clone()), &EventTime::wall_only(fix.wall), &mut effects);
    }
    assert_eq!(drops(&effects).get(&DropReason::Stale), Some(&10));
    assert!(!effects.iter().any(|e| matches!(e, Effect::ClockSet { .. })));
    assert_eq!(state.summary().began, Some(start));
}
