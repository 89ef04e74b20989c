//! One thing at a time.

use super::*;
use proptest::prelude::*;

fn here() -> Place {
    simulate::depot()
}

/// A fix so many seconds into the shift and metres east of the depot.
fn at(seconds: i64, east: f64) -> Fix {
    Fix { accuracy: Some(6.0), ..Fix::at(here().moved(east, 0.0), simulate::MORNING + seconds * 1000) }
}

/// East at 5 m/s every 5 s, with a little noise, from one second to another.
fn ride(from: i64, to: i64) -> Vec<Fix> {
    let wobble = |s: i64| ((s * 7919) % 13) as f64 * 0.3;
    (from..to).step_by(5).map(|s| at(s, s as f64 * 5.0 + wobble(s))).collect()
}

struct Shift {
    state: State,
    effects: Vec<Effect>,
}

impl Shift {
    fn begin() -> Shift {
        let mut shift = Shift { state: State::default(), effects: Vec::new() };
        shift.event(Event::DutyOn, &EventTime::wall_only(simulate::MORNING));
        shift
    }

    fn event(&mut self, event: Event, now: &EventTime) {
        step(&mut self.state, event, now, &mut self.effects);
    }

    fn fixes(&mut self, fixes: impl IntoIterator<Item = Fix>) {
        for fix in fixes {
            let now = EventTime::wall_only(fix.wall);
            self.event(Event::Fix(fix), &now);
        }
    }

    fn dropped(&mut self, fix: Fix) -> Option<DropReason> {
        let now = EventTime::wall_only(fix.wall);
        self.dropped_at(fix, &now)
    }

    fn dropped_at(&mut self, fix: Fix, now: &EventTime) -> Option<DropReason> {
        let before = self.effects.len();
        self.event(Event::Fix(fix), now);
        self.effects[before..]
            .iter()
            .find_map(|e| if let Effect::Drop { reason, .. } = e { Some(*reason) } else { None })
    }
}

#[test]
fn every_reason_to_drop() {
    let mut off = Shift { state: State::default(), effects: Vec::new() };
    assert_eq!(off.dropped(at(0, 0.0)), Some(DropReason::OffDuty));
    assert!(runs(&off.effects).is_empty(), "off duty nothing is kept");

    let mut shift = Shift::begin();
    assert_eq!(shift.dropped(at(-30, 0.0)), Some(DropReason::OffDuty), "from before the shift");
    shift.fixes(ride(0, 60));
    let mut null = at(60, 0.0);
    null.place = Place { lat_e7: 0, lon_e7: 0 };
    assert_eq!(shift.dropped(null), Some(DropReason::Impossible));
    let mut off = at(60, 0.0);
    off.place = Place { lat_e7: 900_000_001, lon_e7: 5 };
    assert_eq!(shift.dropped(off), Some(DropReason::Impossible));
    for accuracy in [101.0, f32::NAN, f32::INFINITY] {
        let poor = Fix { accuracy: Some(accuracy), ..at(60, 300.0) };
        assert_eq!(shift.dropped(poor), Some(DropReason::Inaccurate), "{accuracy}");
    }
    assert_eq!(shift.dropped(at(55, 275.0)), Some(DropReason::Duplicate));
    assert_eq!(shift.dropped(at(30, 150.0)), Some(DropReason::TimeBack));
    let now = EventTime::wall_only(simulate::MORNING + 60_000);
    assert_eq!(shift.dropped_at(at(200, 300.0), &now), None, "held: it may be the phone's clock");
    let now = EventTime::wall_only(simulate::MORNING + 2_000_000);
    assert_eq!(shift.dropped_at(at(60, 300.0), &now), Some(DropReason::Stale));
    // a leap to the side that is not confirmed
    // it fits, so that it was not the clock; itself it is held until the next one
    assert_eq!(shift.dropped(at(60, 900.0)), Some(DropReason::Future));
    assert_eq!(shift.dropped(at(65, 325.0)), Some(DropReason::Jump));
    assert_eq!(runs(&shift.effects).len(), 1);
}

#[test]
fn three_that_agree_are_believed() {
    let mut shift = Shift::begin();
    shift.fixes(ride(0, 60));
    shift.fixes((12..20).map(|n| at(n * 5, 500.0 + n as f64)));
    assert!(drops(&shift.effects).is_empty(), "none of them is lost");
    assert!(gaps(&shift.effects).is_empty(), "somebody may have ridden there");
    // over the sea in five seconds nobody rides
    shift.fixes((20..25).map(|n| at(n * 5, 900_000.0)));
    let summary = shift.state.summary();
    assert_eq!(gaps(&shift.effects).len(), 1);
    assert_eq!(summary.signs, [(SpoofSign::Teleport, 1)]);
    assert!(summary.distance.metres < 2_000.0, "the leap is not ridden: {:?}", summary.distance);
}

#[test]
fn each_gap_has_the_reason_that_is_known() {
    let reason = |what: &dyn Fn(&mut Shift)| {
        let mut shift = Shift::begin();
        shift.fixes(ride(0, 60));
        what(&mut shift);
        shift.fixes(ride(400, 500));
        let gaps = gaps(&shift.effects);
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0].from, gaps[0].to), (simulate::MORNING + 55_000, simulate::MORNING + 400_000));
        assert!((gaps[0].metres - 1_725.0).abs() < 20.0, "{gaps:?}");
        let distance = shift.state.summary().distance;
        assert!(
            distance.low < 2_475.0 && 2_475.0 < distance.high && distance.metres > 2_000.0,
            "{distance:?}"
        );
        assert_eq!(runs(&shift.effects).len(), 2);
        gaps[0].reason
    };
    let now = EventTime::wall_only(simulate::MORNING + 90_000);
    assert_eq!(reason(&|_| {}), GapReason::Unknown);
    for told in
        [GapReason::NoSatellites, GapReason::PermissionLost, GapReason::LocationOff, GapReason::PowerSaving]
    {
        assert_eq!(reason(&|s| s.event(Event::Trouble(told), &now)), told);
    }
    assert_eq!(reason(&|s| s.event(Event::Started, &now)), GapReason::AppKilled);
    assert_eq!(reason(&|s| s.fixes([Fix { accuracy: Some(900.0), ..at(200, 700.0) }])), GapReason::PoorFixes);
    // a restart that loses nothing is no gap
    let mut shift = Shift::begin();
    shift.fixes(ride(0, 60));
    shift.event(Event::Started, &now);
    shift.fixes(ride(60, 120));
    assert!(gaps(&shift.effects).is_empty());
}

#[test]
fn a_stay_with_a_look_every_ten_minutes_is_no_gap() {
    let mut shift = Shift::begin();
    let rest = |n: i64| at(n, (n % 7) as f64);
    shift.fixes((0..60).map(|n| rest(n * 5)));
    shift.fixes((1..10).map(|n| rest(300 + n * 600)));
    assert!(gaps(&shift.effects).is_empty());
    assert!(shift.state.open_gap(&EventTime::wall_only(simulate::MORNING + 6_500_000)).is_none());
    // but whoever is elsewhere afterwards has been unseen on the way
    shift.fixes(ride(6_500, 6_600));
    assert_eq!(gaps(&shift.effects).len(), 1);
    shift.event(Event::DutyOff, &EventTime::wall_only(simulate::MORNING + 7_000_000));
    let stays = stays(&shift.effects);
    assert_eq!(stays.len(), 1);
    assert_eq!(stays[0].to.since(stays[0].from), 5_700_000);
    assert_eq!(gaps(&shift.effects).len(), 2, "nothing came before the end either");
    assert_eq!(shift.dropped(at(7_001, 0.0)), Some(DropReason::OffDuty));
}

/// The same fixes with a boot clock, and the wall clock off by `by` from second 300 on.
fn with_boot(seconds: i64, by: i64, boot: &str) -> (Fix, EventTime) {
    let set = if seconds >= 300 { by } else { 0 };
    let mut fix = at(seconds, seconds as f64 * 5.0 + (seconds % 3) as f64 * 0.4);
    fix.wall = fix.wall + set;
    fix.boot_ms = Some(50_000 + seconds as u64 * 1000);
    let now =
        EventTime { wall: fix.wall + 200, boot_id: Some(boot.into()), boot_ms: fix.boot_ms.map(|b| b + 200) };
    (fix, now)
}

#[test]
fn a_clock_that_is_set_neither_folds_nor_stretches_the_track() {
    for by in [-3_600_000, 7_200_000] {
        let mut shift = Shift::begin();
        for s in (0..600).step_by(5) {
            let (fix, now) = with_boot(s, by, "a");
            shift.event(Event::Fix(fix), &now);
        }
        let set: Vec<&Effect> =
            shift.effects.iter().filter(|e| matches!(e, Effect::ClockSet { .. })).collect();
        assert!(matches!(set[..], [Effect::ClockSet { by_ms, .. }] if *by_ms == by), "{set:?}");
        assert!(gaps(&shift.effects).is_empty() && drops(&shift.effects).is_empty());
        let last = shift.state.summary().last.unwrap();
        assert_eq!(last.0, simulate::MORNING + 595_000);
    }
    // without a boot clock, ten in a row say it
    let mut shift = Shift::begin();
    shift.fixes(ride(0, 900));
    shift.fixes(ride(200, 500));
    let gaps = gaps(&shift.effects);
    assert_eq!(gaps.iter().map(|g| g.reason).collect::<Vec<_>>(), [GapReason::ClockChanged]);
    assert!(drops(&shift.effects).is_empty(), "those before it was sure are kept too");
}

#[test]
fn another_boot_is_a_reboot() {
    let mut shift = Shift::begin();
    for s in (0..100).step_by(5) {
        let (fix, now) = with_boot(s, 0, "a");
        shift.event(Event::Fix(fix), &now);
    }
    let (fix, mut now) = with_boot(400, 0, "b");
    now.boot_ms = Some(9_000);
    let fix = Fix { boot_ms: Some(8_800), wall: now.wall, ..fix };
    shift.event(Event::Started, &now);
    shift.event(Event::Fix(fix), &now);
    assert_eq!(gaps(&shift.effects).iter().map(|g| g.reason).collect::<Vec<_>>(), [GapReason::Rebooted]);
}

#[test]
fn fences_ring_once_when_it_is_sure() {
    let middle = here().moved(1_000.0, 0.0);
    let square = [(900.0, -100.0), (1_100.0, -100.0), (1_100.0, 100.0), (900.0, 100.0)];
    let corners = square.map(|(x, y)| here().moved(x, y)).to_vec();
    for shape in [Shape::Circle { middle, radius: 100.0 }, Shape::Polygon(corners)] {
        let mut shift = Shift::begin();
        let fence = Fence { id: "depot".into(), shape, dwell_ms: 60_000 };
        shift.event(Event::Fences(vec![fence.clone(); 100]), &EventTime::wall_only(simulate::MORNING));
        assert_eq!(shift.state.fences.len(), MOST_FENCES);
        shift.event(Event::Fences(vec![fence]), &EventTime::wall_only(simulate::MORNING));
        shift.fixes(ride(0, 200));
        shift.fixes((40..60).map(|n| at(n * 5, 1_000.0 + (n % 3) as f64)));
        shift.fixes((60..120).map(|n| at(n * 5, n as f64 * 25.0 - 500.0)));
        let rung: Vec<FenceEvent> = shift
            .effects
            .iter()
            .filter_map(|e| if let Effect::Fence { event, .. } = e { Some(*event) } else { None })
            .collect();
        assert_eq!(rung, [FenceEvent::Enter, FenceEvent::Dwell, FenceEvent::Exit]);
    }
    // at the very edge nothing is sure
    let mut shift = Shift::begin();
    let fence =
        Fence { id: "edge".into(), shape: Shape::Circle { middle: here(), radius: 100.0 }, dwell_ms: 0 };
    shift.event(Event::Fences(vec![fence]), &EventTime::wall_only(simulate::MORNING));
    shift.fixes((0..40).map(|n| Fix { accuracy: Some(20.0), ..at(n * 5, 100.0 + (n % 5) as f64) }));
    assert!(!shift.effects.iter().any(|e| matches!(e, Effect::Fence { .. })));
}

#[test]
fn what_a_script_makes_is_seen_and_not_dropped() {
    let mut shift = Shift::begin();
    let script = |n: i64| Fix { altitude: Some(10.0), ..at(n * 5, 0.0) };
    let step = 2_345;
    shift.fixes((0..80).map(|n| {
        let mut fix = script(n);
        fix.place.lon_e7 += step * n as i32;
        fix
    }));
    let summary = shift.state.summary();
    assert!(drops(&shift.effects).is_empty());
    let signs: Vec<SpoofSign> = summary.signs.iter().map(|s| s.0).collect();
    assert_eq!(signs, [SpoofSign::NoJitter, SpoofSign::FrozenFields]);
    let told = shift.effects.iter().filter(|e| matches!(e, Effect::Sign { .. })).count();
    assert_eq!((told, summary.spoof_score), (2, 70));
    shift.fixes([Fix { mock: true, ..at(400, 80.0 * 22.5) }]);
    assert_eq!(shift.state.summary().spoof_score, 100);
}

fn anything() -> impl Strategy<Value = (i64, Event)> {
    let fix = (
        any::<(i32, i32)>().prop_map(|(lat_e7, lon_e7)| Place { lat_e7, lon_e7 }),
        prop_oneof![-100_000i64..10_000_000, any::<i64>()],
        prop::option::of(any::<u64>()),
        prop::option::of(any::<f32>()),
        prop::option::of(any::<f32>()),
        prop::option::of(any::<f32>()),
        any::<bool>(),
        prop_oneof![Just(true), Just(true), Just(false)],
    )
        .prop_map(|(place, wall, boot_ms, accuracy, speed, bearing, mock, near)| {
            let place = if near {
                here().moved(f64::from(place.lat_e7 % 900), f64::from(place.lon_e7 % 900))
            } else {
                place
            };
            let wall = UnixMs(simulate::MORNING.0.saturating_add(wall));
            Event::Fix(Fix { wall, boot_ms, accuracy, speed, bearing, mock, ..Fix::at(place, wall) })
        });
    let event = prop_oneof![
        20 => fix,
        1 => Just(Event::DutyOn),
        1 => Just(Event::DutyOff),
        1 => Just(Event::Started),
        1 => Just(Event::Trouble(GapReason::NoSatellites)),
        1 => Just(Event::Fences(vec![Fence { id: String::new(), shape: Shape::Polygon(vec![]), dwell_ms: 0 }])),
    ];
    (prop_oneof![0i64..20_000, any::<i64>()], event)
}

proptest! {
    /// Whatever comes, nothing breaks: runs rise in time, the state can be stored, the band is a band.
    #[test]
    fn nothing_from_outside_breaks_it(events in prop::collection::vec(anything(), 0..120), boot in any::<bool>()) {
        let mut shift = Shift::begin();
        let mut now = EventTime { wall: simulate::MORNING, boot_id: boot.then(|| "a".into()), boot_ms: boot.then_some(0) };
        for (ms, event) in events {
            now.wall = UnixMs(now.wall.0.saturating_add(ms));
            now.boot_ms = now.boot_ms.map(|b| b.saturating_add(ms.unsigned_abs() % 100_000));
            shift.event(event, &now);
            let stored = serde_json::to_string(&shift.state).unwrap();
            let back: State = serde_json::from_str(&stored).unwrap();
            prop_assert_eq!(&back, &shift.state);
        }
        for run in runs(&shift.effects) {
            prop_assert!(run.windows(2).all(|w| w[0].at < w[1].at));
        }
        let d = shift.state.summary().distance;
        prop_assert!(d.low <= d.metres && d.metres <= d.high && d.high.is_finite(), "{:?}", d);
    }
}
