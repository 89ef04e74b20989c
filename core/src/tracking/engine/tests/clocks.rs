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
