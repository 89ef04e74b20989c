use super::*;
use crate::clock::{DAY, HOUR, MINUTE, UnixMs};
use crate::id::OperationId;
use chrono::NaiveDate;
use proptest::prelude::*;

const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;

/// A Monday.
fn monday() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()
}

/// `HH:MM` of that day in ms.
fn at(hour: i64, minute: i64) -> UnixMs {
    UnixMs(1_772_380_800_000 + hour * HOUR + minute * MINUTE)
}

fn id(n: u8) -> OperationId {
    OperationId::at(UnixMs(1_772_380_800_000), [n; 10])
}

fn punches(list: &[(PunchKind, i64, i64)]) -> Vec<Counted> {
    let counted = |(n, (kind, h, m)): (usize, &(PunchKind, i64, i64))| Counted {
        id: id(n as u8),
        kind: *kind,
        at: at(*h, *m),
    };
    list.iter().enumerate().map(counted).collect()
}

fn monday_sheet(list: &[(PunchKind, i64, i64)], corrections: &[Correction], now: UnixMs) -> DaySheet {
    let plan = plan(&FieldPolicy::default(), monday(), None, ZONE);
    sheet(&plan, &punches(list), corrections, now)
}

use AttendanceState as S;
use PunchKind::{ClockIn as In, ClockOut as Out, Field};

#[test]
fn the_states_of_a_day() {
    let night = at(25, 0);
    for (list, states, late, early, worked) in [
        (&[(In, 8, 20), (Out, 18, 5)][..], &[S::Normal][..], 0, 0, 585),
        (&[(In, 8, 35), (Out, 18, 0)], &[S::Normal], 0, 0, 565),
        (&[(In, 8, 36), (Out, 18, 0)], &[S::Late], 6, 0, 564),
        (&[(In, 9, 0), (Out, 18, 0)], &[S::SeriousLate], 30, 0, 540),
        (&[(In, 8, 0), (Out, 17, 59)], &[S::EarlyLeave], 0, 1, 599),
        (&[(In, 9, 30), (Out, 16, 0)], &[S::SeriousLate, S::EarlyLeave], 60, 120, 390),
        (&[(In, 8, 0)], &[S::MissingPunch], 0, 0, 0),
        (&[(Out, 18, 0)], &[S::MissingPunch], 0, 0, 0),
        (&[(Field, 12, 0)], &[S::Absent], 0, 0, 0),
        (&[], &[S::Absent], 0, 0, 0),
        // lunch; the first in and the last out of a stretch count
        (
            &[(In, 8, 0), (In, 8, 5), (Out, 12, 0), (Out, 12, 10), (In, 13, 0), (Out, 18, 0)],
            &[S::Normal],
            0,
            0,
            550,
        ),
        // back after having gone too early
        (&[(In, 8, 0), (Out, 15, 0), (In, 16, 0), (Out, 18, 0)], &[S::Normal], 0, 0, 540),
        // before the window: of no day
        (&[(In, 5, 29), (Out, 18, 0)], &[S::MissingPunch], 0, 0, 0),
    ] {
        let day = monday_sheet(list, &[], night);
        assert_eq!(day.states, states, "{list:?}");
        assert_eq!(
            (day.late_ms, day.early_ms, day.worked_ms),
            (late * MINUTE, early * MINUTE, worked * MINUTE),
            "{list:?}"
        );
    }
    AttendanceState::check_words();
    PunchKind::check_words();
    Evidence::check_words();
}

#[test]
fn nothing_is_judged_before_its_time() {
    for (list, now, states) in [
        (&[][..], at(8, 0), &[S::Open][..]),
        (&[], at(12, 0), &[S::Open]),
        (&[(In, 8, 0)], at(12, 0), &[S::Open]),
        (&[(In, 9, 30)], at(12, 0), &[S::SeriousLate, S::Open]),
        (&[(In, 8, 0), (Out, 15, 0)], at(15, 5), &[S::Open]),
        (&[(In, 8, 0), (Out, 15, 0)], at(18, 0), &[S::EarlyLeave]),
        (&[(In, 8, 0), (Out, 18, 30)], at(18, 31), &[S::Normal]),
        (&[(In, 8, 0)], at(20, 0), &[S::Open]),
        (&[(In, 8, 0)], at(24, 0), &[S::MissingPunch]),
    ] {
        let day = monday_sheet(list, &[], now);
        assert_eq!(day.states, states, "{list:?} at {now:?}");
    }
    let running = monday_sheet(&[(In, 8, 0)], &[], at(12, 0));
    assert_eq!((running.worked_ms, running.clock_out), (4 * HOUR, None));
}

#[test]
fn what_was_put_right_counts() {
    let night = at(25, 0);
    let forgotten = Correction::Punch { kind: Out, at: at(18, 0) };
    let day = monday_sheet(&[(In, 8, 0)], std::slice::from_ref(&forgotten), night);
    assert_eq!((day.states, day.worked_ms, day.corrected), (vec![S::Normal], 10 * HOUR, true));
    let void = Correction::Void { punch: id(1) };
    let day = monday_sheet(&[(In, 8, 0), (Out, 18, 0)], std::slice::from_ref(&void), night);
    assert_eq!(day.states, [S::MissingPunch]);
    let day = monday_sheet(&[(In, 8, 0), (Out, 12, 0)], &[void, forgotten], night);
    assert_eq!(day.states, [S::Normal]);
    let day = monday_sheet(&[], &[Correction::Leave], night);
    assert_eq!((day.states, day.missing, day.planned), (vec![S::OnLeave], vec![], None));
    let day = monday_sheet(&[], &[Correction::Leave, Correction::WorkDay], night);
    assert_eq!(day.states, [S::Absent]);
}

#[test]
fn nights_rest_and_holidays() {
    let shift = |text: &str| serde_json::from_str::<FieldPolicy>(text).unwrap();
    let nights = shift(r#"{"shifts":[{"weekdays":[],"start":"22:00","end":"06:00","open_before_min":120}]}"#);
    let planned = plan(&nights, monday(), None, ZONE);
    assert_eq!(planned.shift.as_ref().unwrap().0, Span { from: at(22, 0), to: at(30, 0) });
    let list = [(In, 21, 50), (Out, 30, 10)];
    let day = sheet(&planned, &punches(&list), &[], at(40, 0));
    assert_eq!((day.states, day.worked_ms), (vec![S::Normal], 500 * MINUTE));
    let sunday = monday().pred_opt().unwrap();
    let rest = plan(&FieldPolicy::default(), sunday, None, ZONE);
    assert!(rest.shift.is_none());
    let day = sheet(&rest, &[], &[], at(25, 0));
    assert_eq!(day.states, [S::Rest]);
    let off = FieldPolicy { holidays: vec![monday()], ..FieldPolicy::default() };
    assert!(plan(&off, monday(), None, ZONE).shift.is_none());
    let branch = crate::id::BranchId::at(UnixMs(1), [9; 10]);
    let two = shift(&format!(r#"{{"shifts":[{{"branch":"{branch}","start":"10:00","end":"19:00"}},{{}}]}}"#));
    let start = |of| plan(&two, monday(), of, ZONE).shift.unwrap().0.from;
    assert_eq!((start(Some(branch)), start(None)), (at(10, 0), at(8, 30)));
}

#[test]
fn a_leave_takes_what_it_covers_and_the_rest_is_judged() {
    let night = at(25, 0);
    let planned = |leaves: &[(i64, i64)]| {
        let span = |(from, to): &(i64, i64)| Span { from: at(*from, 0), to: at(*to, 0) };
        plan(&FieldPolicy::default(), monday(), None, ZONE).on_leave(leaves.iter().map(span))
    };
    for (leaves, list, states, leave_min) in [
        (&[(0, 24)][..], &[][..], &[S::OnLeave][..], 570),
        (&[(0, 12)], &[(In, 11, 50), (Out, 18, 0)], &[S::OnLeave], 210),
        (&[(0, 12)], &[(In, 12, 20), (Out, 18, 0)], &[S::OnLeave, S::Late], 210),
        (&[(12, 24)], &[(In, 8, 20), (Out, 12, 0)], &[S::OnLeave], 360),
        (&[(12, 24)], &[(In, 8, 20), (Out, 11, 0)], &[S::OnLeave, S::EarlyLeave], 360),
        (&[(12, 24)], &[], &[S::OnLeave, S::Absent], 360),
        // in the midst of it: nobody need be there then, and both ends count
        (&[(10, 12)], &[(In, 8, 20), (Out, 18, 0)], &[S::OnLeave], 120),
        (&[(0, 12), (12, 24)], &[], &[S::OnLeave], 570),
        (&[(-30, 0), (24, 30)], &[(In, 8, 20), (Out, 18, 0)], &[S::Normal], 0),
    ] {
        let day = sheet(&planned(leaves), &punches(list), &[], night);
        assert_eq!(
            (day.states.as_slice(), day.leave_ms),
            (states, leave_min * MINUTE),
            "{leaves:?} {list:?}"
        );
    }
    // a supervisor's word comes first
    let there = sheet(&planned(&[(0, 24)]), &[], &[Correction::WorkDay], night);
    assert_eq!((there.states, there.leave_ms), (vec![S::Absent], 0));
    let away = sheet(&planned(&[]), &[], &[Correction::Leave], night);
    assert_eq!((away.states, away.leave_ms), (vec![S::OnLeave], 570 * MINUTE));
    // a leave over a day of rest is no leave of that day
    let sunday = plan(&FieldPolicy::default(), monday().pred_opt().unwrap(), None, ZONE);
    let rest = sheet(&sunday.on_leave([Span { from: at(-24, 0), to: night }]), &[], &[], night);
    assert_eq!((rest.states, rest.leave_ms), (vec![S::Rest], 0));
}

#[test]
fn the_calendar_makes_holidays_and_working_weekends() {
    use crate::dial::policy::{CalendarDay, DayKind};
    let sunday = monday().pred_opt().unwrap();
    let day = |date, kind| CalendarDay { date, name: String::new(), kind };
    let days = [day(monday(), DayKind::Holiday), day(sunday, DayKind::Workday)];
    let rules = FieldPolicy::default().with_calendar(&days);
    assert!(plan(&rules, monday(), None, ZONE).shift.is_none());
    assert_eq!(plan(&rules, sunday, None, ZONE).shift.unwrap().0.ms(), 570 * MINUTE);
    // what the own rules say of a day comes first
    let own = FieldPolicy { workdays: vec![monday()], holidays: vec![sunday], ..FieldPolicy::default() };
    let rules = own.with_calendar(&days);
    assert!(
        plan(&rules, monday(), None, ZONE).shift.is_some()
            && plan(&rules, sunday, None, ZONE).shift.is_none()
    );
}

/// A Friday night's window reaches over the Saturday off into the Sunday.
#[test]
fn a_night_that_is_open_for_long_reaches_over_a_day_of_rest() {
    let text = |days: &str| {
        format!(
            r#"{{"shifts":[{{"weekdays":[{days}],"start":"20:39","end":"13:31","open_after_min":699,"open_before_min":720}}]}}"#
        )
    };
    let friday = monday() - chrono::Duration::days(3);
    let window = |rules: &FieldPolicy, days: i64| {
        plan(rules, friday + chrono::Duration::days(days), None, ZONE).window
    };
    let alone: FieldPolicy = serde_json::from_str(&text("\"fri\"")).unwrap();
    assert_eq!(window(&alone, 0).to, at(-24, 70));
    assert_eq!(window(&alone, 1).ms(), 0, "Friday has all of Saturday");
    assert_eq!(window(&alone, 2), Span { from: at(-24, 70), to: at(0, 0) });
    let sunday_too: FieldPolicy = serde_json::from_str(&text("\"fri\",\"sun\"")).unwrap();
    assert!(window(&sunday_too, 0).to <= window(&sunday_too, 2).from);
}

fn rules() -> impl Strategy<Value = FieldPolicy> {
    let shift = (0u16..1_440, 1u16..1_440, 0u16..720, 0u16..720, prop::collection::vec(0u8..7, 0..4));
    prop::collection::vec(shift, 0..3).prop_map(|shifts| {
        let time = |m: u16| crate::dial::policy::TimeOfDay::new(m % 1_440 / 60, m % 60).unwrap();
        let rule = |(start, long, before, after, days): (u16, u16, u16, u16, Vec<u8>)| ShiftRule {
            weekdays: days.into_iter().filter_map(|d| chrono::Weekday::try_from(d).ok()).collect(),
            start: time(start),
            end: time(start + long),
            open_before_min: before,
            open_after_min: after,
            ..ShiftRule::default()
        };
        FieldPolicy { shifts: shifts.into_iter().map(rule).collect(), ..FieldPolicy::default() }
    })
}

fn some_punches() -> impl Strategy<Value = Vec<Counted>> {
    let punch = (0u8..3, -HOUR..2 * DAY, any::<[u8; 10]>());
    prop::collection::vec(punch, 0..12).prop_map(|list| {
        let counted = |(kind, ms, r): (u8, i64, [u8; 10])| Counted {
            id: OperationId::at(at(0, 0), r),
            kind: PunchKind::ALL[usize::from(kind)],
            at: at(0, 0) + ms,
        };
        list.into_iter().map(counted).collect()
    })
}

proptest! {
    /// No instant is of two days.
    #[test]
    fn a_punch_is_of_one_day_at_most(rules in rules(), ms in -DAY..8 * DAY, off in 0i64..4) {
        let zone = [ZONE, chrono_tz::Europe::London, chrono_tz::America::New_York, chrono_tz::Asia::Beirut][off as usize];
        let when = at(0, 0) + ms;
        let days = (-3i64..12).filter(|n| {
            let date = monday() + chrono::Duration::days(*n);
            let window = plan(&rules, date, None, zone).window;
            (window.from..window.to).contains(&when)
        });
        let days: Vec<i64> = days.collect();
        prop_assert!(days.len() <= 1);
        // and is listed there, or by the date on the wall
        let of = days.first().map_or_else(|| when.date(zone), |n| monday() + chrono::Duration::days(*n));
        prop_assert_eq!(super::day_of(&rules, when, None, zone), of);
    }

    #[test]
    fn order_and_doubles_change_nothing(rules in rules(), list in some_punches(), seed in any::<u64>(), now in 0i64..3 * DAY) {
        let plan = plan(&rules, monday(), None, ZONE);
        let now = at(0, 0) + now;
        let day = sheet(&plan, &list, &[], now);
        let mut other: Vec<Counted> = list.iter().chain(&list).copied().collect();
        let len = other.len().max(1);
        for n in 0..other.len() {
            other.swap(n, (seed as usize).wrapping_mul(n + 7) % len);
        }
        prop_assert_eq!(&sheet(&plan, &other, &[], now), &day);
    }

    #[test]
    fn a_sheet_is_sound(rules in rules(), list in some_punches(), now in 0i64..3 * DAY, leave in any::<bool>()) {
        let plan = plan(&rules, monday(), None, ZONE);
        let now = at(0, 0) + now;
        let corrections: &[Correction] = if leave { &[Correction::Leave] } else { &[] };
        let day = sheet(&plan, &list, corrections, now);
        prop_assert!(!day.states.is_empty());
        prop_assert!(day.worked.windows(2).all(|w| w[0].to <= w[1].from));
        prop_assert!(day.worked.iter().all(|s| s.from <= s.to && s.from >= plan.window.from && s.to <= plan.window.to));
        prop_assert!(day.worked_ms >= 0 && day.worked_ms <= plan.window.ms());
        prop_assert!(day.late_ms >= 0 && day.early_ms >= 0);
        let says = |s: S| day.states.contains(&s);
        prop_assert_eq!(says(S::Late) || says(S::SeriousLate), day.late_ms > 0);
        prop_assert_eq!(says(S::EarlyLeave), day.early_ms > 0);
        prop_assert!(!(says(S::Normal) && day.states.len() > 1));
        prop_assert!(!(says(S::Late) && says(S::SeriousLate)));
        prop_assert_eq!(says(S::OnLeave), leave);
        // nobody is judged as absent who punched, or before the end
        prop_assert!(!says(S::Absent) || day.clock_in.is_none() && now >= plan.window.to);
        // what is known later never takes away worked time of stretches that are over
        let later = sheet(&plan, &list, corrections, now + HOUR);
        prop_assert!(later.worked_ms >= day.worked.iter().filter(|s| s.to < now).map(|s| s.ms()).sum::<i64>());
    }
}
