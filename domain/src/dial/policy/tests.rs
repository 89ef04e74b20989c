use super::*;
use crate::clock::SECOND;
use chrono::TimeZone;
use proptest::prelude::*;

const ZONE: Tz = Tz::Asia__Shanghai;

fn at(zone: Tz, text: &str) -> UnixMs {
    let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    UnixMs(zone.from_local_datetime(&local).earliest().unwrap().timestamp_millis())
}

fn calls(times: &[UnixMs]) -> Vec<PastCall> {
    times.iter().map(|t| PastCall { at: *t, failed: false }).collect()
}

#[test]
fn quiet_hours_by_default() {
    let policy = Policy::default();
    let allowed = |text: &str| policy.may_call(at(ZONE, text), ZONE, &[]).map_err(|b| b.until);
    assert_eq!(allowed("2026-11-21 08:30"), Ok(()));
    assert_eq!(allowed("2026-11-21 12:30"), Ok(()));
    assert_eq!(allowed("2026-11-21 20:29"), Ok(()));
    assert_eq!(allowed("2026-11-21 20:30"), Err(at(ZONE, "2026-11-22 08:30")));
    assert_eq!(allowed("2026-11-21 23:59"), Err(at(ZONE, "2026-11-22 08:30")));
    assert_eq!(allowed("2026-11-22 00:00"), Err(at(ZONE, "2026-11-22 08:30")));
    assert_eq!(allowed("2026-11-22 08:29"), Err(at(ZONE, "2026-11-22 08:30")));
    let border = at(ZONE, "2026-11-21 20:30");
    assert!(policy.may_call(border - 1, ZONE, &[]).is_ok() && policy.may_call(border, ZONE, &[]).is_err());
    // The callee's clock counts, not ours.
    assert!(policy.may_call(border, Tz::Europe__London, &[]).is_ok());
}

#[test]
fn holidays_and_weekdays() {
    let policy = Policy {
        holidays: vec!["2026-10-01".parse().unwrap(), "2026-10-02".parse().unwrap()],
        closed_weekdays: vec![Weekday::Sun],
        quiet: vec![QuietHours::NIGHT, QuietHours::NOON],
        ..Policy::default()
    };
    let barred = policy.may_call(at(ZONE, "2026-10-01 10:00"), ZONE, &[]).unwrap_err();
    assert_eq!(barred.reason, BarReason::Holiday { date: "2026-10-01".parse().unwrap() });
    assert_eq!(barred.until, at(ZONE, "2026-10-03 08:30"));
    let barred = policy.may_call(at(ZONE, "2026-10-04 10:00"), ZONE, &[]).unwrap_err();
    assert_eq!(barred.reason, BarReason::Weekday { day: Weekday::Sun });
    assert_eq!(barred.until, at(ZONE, "2026-10-05 08:30"));
    let barred = policy.may_call(at(ZONE, "2026-10-05 12:00"), ZONE, &[]).unwrap_err();
    assert_eq!(barred.until, at(ZONE, "2026-10-05 14:00"));
    assert_eq!(policy.closes_after(at(ZONE, "2026-10-05 09:00"), ZONE), Some(at(ZONE, "2026-10-05 12:00")));
    assert_eq!(policy.closes_after(at(ZONE, "2026-10-05 14:00"), ZONE), Some(at(ZONE, "2026-10-05 20:30")));
    assert_eq!(policy.closes_after(at(ZONE, "2026-10-05 13:00"), ZONE), None);
    assert_eq!(Policy::unrestricted().closes_after(at(ZONE, "2026-10-05 13:00"), ZONE), None);
}

#[test]
fn display_number_cap() {
    assert_eq!(Policy::default().display_left(299), Some(1));
    assert_eq!(Policy::default().display_left(301), Some(0));
    assert_eq!(Policy::unrestricted().display_left(u32::MAX), None);
}

#[test]
fn never() {
    let shut = QuietHours { from: "00:00".parse().unwrap(), to: "24:00".parse().unwrap() };
    let policy = Policy { quiet: vec![shut], ..Policy::default() };
    assert_eq!(policy.next_allowed(UnixMs(0), ZONE, &[]), UnixMs::NEVER);
    let rule = FrequencyRule { window: 1, max: 0, anchor: Anchor::Rolling, counts_failed: true };
    let policy = Policy { frequency: vec![rule], ..Policy::unrestricted() };
    assert_eq!(policy.next_allowed(UnixMs(0), ZONE, &[]), UnixMs::NEVER);
}

#[test]
fn clocks_that_change() {
    // London, 2026-03-29: 01:00 becomes 02:00. A span that ends in the gap ends with it.
    let zone = Tz::Europe__London;
    let span = QuietHours { from: "22:00".parse().unwrap(), to: "01:30".parse().unwrap() };
    let policy = Policy { quiet: vec![span], ..Policy::unrestricted() };
    let night = at(zone, "2026-03-28 23:00");
    assert_eq!(policy.next_allowed(night, zone, &[]).since(night), 2 * HOUR);
    let usual = Policy::default();
    let evening = at(zone, "2026-03-28 21:00");
    assert_eq!(usual.next_allowed(evening, zone, &[]), at(zone, "2026-03-29 08:30"));
    assert_eq!(at(zone, "2026-03-29 08:30").since(evening), 10 * HOUR + 30 * MINUTE);
    // 2026-10-25: 02:00 becomes 01:00, and 01:30 comes twice: quiet up to the first, and again before the second.
    let before = at(zone, "2026-10-25 00:30");
    let first = policy.next_allowed(before, zone, &[]);
    assert_eq!(first.since(before), HOUR);
    let second = policy.next_allowed(first + 30 * MINUTE, zone, &[]);
    assert_eq!(second.since(first), HOUR);
}

#[test]
fn frequency_rules() {
    let policy = Policy { quiet: Vec::new(), ..Policy::default() };
    let now = at(ZONE, "2026-11-21 10:00");
    let next = |history: &[PastCall]| policy.next_allowed(now, ZONE, history).since(now);
    assert_eq!(next(&[]), 0);
    assert_eq!(next(&calls(&[now - 59 * SECOND])), SECOND);
    assert_eq!(next(&calls(&[now - MINUTE])), 0);
    let three = calls(&[now - 3 * HOUR, now - 2 * HOUR, now - HOUR]);
    assert_eq!(next(&three), 21 * HOUR);
    let barred = policy.may_call(now, ZONE, &three).unwrap_err();
    assert!(matches!(barred.reason, BarReason::Frequency { rule } if rule.max == 3));
    // Failed calls count for the minute only.
    let failed: Vec<PastCall> = three.iter().map(|c| PastCall { failed: true, ..*c }).collect();
    assert_eq!(next(&failed), 0);
    assert_eq!(next(&[PastCall::new(now - SECOND, Some(CallOutcome::CapacityExceeded))]), 59 * SECOND);
    let ten: Vec<UnixMs> = (1..=10).map(|d| now - d * 2 * DAY).collect();
    assert_eq!(next(&calls(&ten)), 10 * DAY);
    // Frequency first, then the hours.
    let policy = Policy::default();
    assert_eq!(policy.next_allowed(now, ZONE, &three), at(ZONE, "2026-11-22 08:30"));
}

use crate::dial::outcome::CallOutcome;

#[test]
fn anchors_differ() {
    let rule = |anchor| FrequencyRule { window: HOUR, max: 2, anchor, counts_failed: true };
    let history = calls(&[UnixMs(0), UnixMs(50 * MINUTE), UnixMs(65 * MINUTE)]);
    let now = UnixMs(66 * MINUTE);
    // A new fixed window began at minute 65; the rolling one still holds minute 50 and 65.
    assert_eq!(rule(Anchor::FirstCall).barred_until(now, &history), None);
    assert_eq!(rule(Anchor::Rolling).barred_until(now, &history), Some(UnixMs(110 * MINUTE)));
    let two = calls(&[UnixMs(0), UnixMs(50 * MINUTE)]);
    assert_eq!(rule(Anchor::FirstCall).barred_until(UnixMs(55 * MINUTE), &two), Some(UnixMs(HOUR)));
    // A call in the future, by a clock that was set back, bars as well.
    assert!(rule(Anchor::Rolling).barred_until(UnixMs(-HOUR), &history).is_some());
}

#[test]
fn times_of_day() {
    for bad in ["", "8", "8:5", "24:01", "25:00", "08:60", "08:30:00", "-1:00", "+8:30", "08:3a"] {
        assert_eq!(bad.parse::<TimeOfDay>(), Err(TimeOfDayError), "{bad}");
    }
    assert_eq!("8:05".parse::<TimeOfDay>().unwrap().to_string(), "08:05");
    assert_eq!("24:00".parse::<TimeOfDay>().unwrap().ms(), DAY);
}

#[test]
fn record() {
    let policy = Policy {
        holidays: vec!["2026-10-01".parse().unwrap()],
        closed_weekdays: vec![Weekday::Sun],
        ..Policy::default()
    };
    insta::assert_json_snapshot!(policy, @r#"
    {
      "quiet": [
        {
          "from": "20:30",
          "to": "08:30"
        }
      ],
      "holidays": [
        "2026-10-01"
      ],
      "closed_weekdays": [
        "Sun"
      ],
      "frequency": [
        {
          "window": 60000,
          "max": 1,
          "anchor": "rolling",
          "counts_failed": true
        },
        {
          "window": 86400000,
          "max": 3,
          "anchor": "rolling",
          "counts_failed": false
        },
        {
          "window": 2592000000,
          "max": 10,
          "anchor": "rolling",
          "counts_failed": false
        }
      ],
      "countries": [
        86
      ],
      "display_daily_cap": 300,
      "frequency_wait": 3600000,
      "stale_after": 7200000,
      "retry": {
        "max_attempts": 3,
        "max_uncounted": 6,
        "gaps": {},
        "back_off": 15000,
        "limit_gap": 3600000
      },
      "proof": []
    }
    "#);
    let json = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    assert_eq!(serde_json::from_str::<Policy>("{}").unwrap(), Policy::default());
    let barred = Policy::default().may_call(UnixMs(0), Tz::Europe__London, &[]).unwrap_err();
    insta::assert_json_snapshot!(barred, @r#"
    {
      "reason": {
        "reason": "quiet_hours",
        "span": {
          "from": "20:30",
          "to": "08:30"
        }
      },
      "until": 27000000
    }
    "#);
}

fn zones() -> impl Strategy<Value = Tz> {
    prop_oneof![
        Just(Tz::Asia__Shanghai),
        Just(Tz::Europe__London),
        Just(Tz::America__New_York),
        Just(Tz::Australia__Lord_Howe),
        Just(Tz::Asia__Beirut),
        Just(Tz::America__St_Johns),
    ]
}

fn span() -> impl Strategy<Value = QuietHours> {
    let time = |m: u16| TimeOfDay::new(m / 60, m % 60).unwrap();
    (0u16..=1_440, 0u16..=1_440).prop_map(move |(from, to)| QuietHours { from: time(from), to: time(to) })
}

/// The rules, written down once more without any arithmetic of borders.
fn allowed_by_scan(policy: &Policy, t: UnixMs, zone: Tz, history: &[PastCall]) -> bool {
    use chrono::{Datelike, Timelike};
    let local = t.to_utc().with_timezone(&zone);
    let minute = local.hour() * 60 + local.minute();
    let said = policy.calendar.iter().find(|d| d.date == local.date_naive()).map(|d| d.kind);
    let spans = match (said, &policy.holiday_quiet) {
        (Some(DayKind::Holiday), None) => return false,
        (Some(DayKind::Holiday), Some(spans)) => spans,
        _ => &policy.quiet,
    };
    let quiet = spans.iter().any(|q| {
        let (from, to) = ((q.from.ms() / MINUTE) as u32, (q.to.ms() / MINUTE) as u32);
        if from <= to { (from..to).contains(&minute) } else { !(to..from).contains(&minute) }
    });
    let often = policy.frequency.iter().any(|rule| {
        let counted: Vec<_> = history.iter().filter(|c| rule.counts_failed || !c.failed).collect();
        match rule.anchor {
            Anchor::Rolling => counted.iter().filter(|c| c.at + rule.window > t).count() >= rule.max as usize,
            Anchor::FirstCall => {
                let mut times: Vec<i64> = counted.iter().map(|c| c.at.0).collect();
                times.sort_unstable();
                let mut rest = times.as_slice();
                let mut full = false;
                while let Some(first) = rest.first() {
                    let end = first + rule.window;
                    let inside = rest.iter().filter(|c| **c < end).count();
                    full = inside >= rule.max as usize && end > t.0;
                    rest = &rest[inside..];
                }
                full
            }
        }
    });
    !quiet
        && !often
        && !policy.holidays.contains(&local.date_naive())
        && (said.is_some() || !policy.closed_weekdays.contains(&local.weekday()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    /// The first allowed moment is what a scan minute by minute finds, across changes of the clock.
    #[test]
    fn equals_a_scan_by_minute(
        zone in zones(),
        quiet in proptest::collection::vec(span(), 0..3),
        // From autumn 2025 to winter 2026: both changes of the clock lie inside.
        start in 29_300_000i64..29_900_000,
        change in 0usize..3, near in -2_000i64..500,
        past in proptest::collection::vec((0i64..3_000, any::<bool>()), 0..6),
        rules in proptest::collection::vec((1i64..2_000, 1u32..4, any::<bool>(), any::<bool>()), 0..3),
        closed in proptest::collection::vec(0i64..4, 0..2), sunday in any::<bool>(),
        calendar in proptest::collection::btree_map(0i64..5, any::<bool>(), 0..4),
        own in proptest::option::of(proptest::collection::vec(span(), 0..2)),
    ) {
        // Half of the cases start close before a change: 2026-03-29T01:00Z, 2026-10-25T01:00Z, else anywhere.
        let start = match change { 0 => 29_579_100 + near, 1 => 29_881_500 + near, _ => start };
        let now = UnixMs(start * MINUTE);
        let date = now.local(zone).0;
        let policy = Policy {
            quiet,
            holidays: closed.iter().map(|d| date + chrono::Duration::days(*d)).collect(),
            closed_weekdays: if sunday { vec![Weekday::Sun] } else { Vec::new() },
            calendar: calendar.iter().map(|(d, holiday)| CalendarDay {
                date: date + chrono::Duration::days(*d), name: String::new(),
                kind: if *holiday { DayKind::Holiday } else { DayKind::Workday },
            }).collect(),
            holiday_quiet: own,
            frequency: rules.iter().map(|&(window, max, rolling, counts_failed)| FrequencyRule {
                window: window * MINUTE, max, counts_failed,
                anchor: if rolling { Anchor::Rolling } else { Anchor::FirstCall },
            }).collect(),
            ..Policy::default()
        };
        let history: Vec<PastCall> = past.iter().map(|&(m, failed)| PastCall { at: now - m * MINUTE, failed }).collect();
        let found = policy.next_allowed(now, zone, &history);
        prop_assert_eq!(policy.may_call(now, zone, &history).is_ok(), found == now);
        prop_assert!(found == UnixMs::NEVER || policy.may_call(found, zone, &history).is_ok());
        let scan = (0..6 * 1_440).map(|m| now + m * MINUTE).find(|t| allowed_by_scan(&policy, *t, zone, &history));
        match scan {
            Some(t) => prop_assert_eq!(found, t, "{:?} {:?}", found.to_utc(), t.to_utc()),
            None => prop_assert!(found.since(now) >= 6 * DAY),
        }
    }
}

#[test]
fn countries_that_are_rung() {
    let number = |text: &str| crate::phone::PhoneNumber::parse(text).unwrap();
    let (here, there, far) = (number("13800001234"), number("+852 5123 4567"), number("+1 202 555 0100"));
    assert!(!Policy::default().rings(&there) && Policy::default().rings(&here));
    let any = Policy::unrestricted();
    assert!(any.rings(&here) && any.rings(&there) && any.rings(&far));
    let some = Policy { countries: vec![86, 852], ..Policy::default() };
    assert!(some.rings(&here) && some.rings(&there) && !some.rings(&far));
    assert_eq!(some.check(), Ok(()));
    let wrong = Policy { countries: vec![86, 999], ..Policy::default() };
    assert_eq!(wrong.check().unwrap_err().field, "countries[1]");
    let still = Policy {
        quiet: vec![QuietHours { from: "08:30".parse().unwrap(), to: "08:30".parse().unwrap() }],
        ..Policy::default()
    };
    assert_eq!(still.check().unwrap_err().field, "quiet[0]");
}
