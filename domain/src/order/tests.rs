use super::*;
use crate::clock::{DAY, HOUR, MINUTE, UnixMs};
use crate::dial::policy::{CalendarDay, DayKind};
use crate::id::{AreaId, UserId};
use chrono::{Datelike, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;

mod table;

const ZONE: Tz = Tz::Asia__Shanghai;

fn at(text: &str) -> UnixMs {
    let local = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    UnixMs(local.and_utc().timestamp_millis() - 8 * HOUR)
}

fn who(n: u8) -> UserId {
    UserId::at(1, [n; 10])
}

fn staff(n: u8) -> Standing {
    Standing { person: who(n), staff: true, member: false, opener: false }
}

fn courier(n: u8) -> Standing {
    Standing { person: who(n), staff: false, member: false, opener: false }
}

fn hours(spans: &[(&str, &str)], closed: &[Weekday]) -> BusinessHours {
    let open =
        spans.iter().map(|(a, b)| OpenSpan { from: a.parse().unwrap(), to: b.parse().unwrap() }).collect();
    BusinessHours { open, closed_weekdays: closed.to_vec() }
}

fn day(date: &str, kind: DayKind) -> CalendarDay {
    CalendarDay { date: date.parse().unwrap(), name: String::new(), kind }
}

/// One minute after the other, by what a clock on the wall and a calendar on the wall show.
fn simulated(
    hours: &BusinessHours,
    days: &[CalendarDay],
    zone: Tz,
    opened: UnixMs,
    stops: &[Stop],
    limit_min: i64,
    now: UnixMs,
) -> (i64, Option<UnixMs>) {
    use chrono::{TimeZone, Timelike};
    let counts = |t: UnixMs| {
        let wall = zone.timestamp_millis_opt(t.0).unwrap();
        let (date, minute) = (wall.date_naive(), i64::from(wall.hour() * 60 + wall.minute()) * MINUTE);
        let open_day = match days.iter().find(|d| d.date == date) {
            Some(d) => d.kind == DayKind::Workday,
            None => !hours.closed_weekdays.contains(&date.weekday()),
        };
        let open = hours.open.iter().any(|s| s.from.ms() <= minute && minute < s.to.ms());
        let ends = |s: &Stop| s.until.map_or(i64::MAX, |u| u.0).min(s.ended.map_or(i64::MAX, |e| e.0));
        let stands = stops.iter().any(|s| s.from <= t && t.0 < ends(s));
        open_day && open && !stands
    };
    let (mut used, mut due, mut t) = (0, None, opened);
    while t < now {
        used += i64::from(counts(t));
        t = t + MINUTE;
        if used == limit_min && due.is_none() {
            due = Some(t);
        }
    }
    (used * MINUTE, due)
}

fn any_hours() -> impl Strategy<Value = BusinessHours> {
    let span = (0u16..1440, 1u16..1440).prop_filter_map("a span", |(from, long)| {
        let text = |m: u16| format!("{:02}:{:02}", m / 60, m % 60).parse().ok();
        let to = (from + long).min(1_440);
        Some(OpenSpan { from: text(from)?, to: text(to)? }).filter(|s| s.from < s.to)
    });
    let closed = prop::collection::btree_set(0u8..7, 0..6);
    (prop::collection::vec(span, 1..4), closed).prop_map(|(open, closed)| BusinessHours {
        open,
        closed_weekdays: closed.into_iter().filter_map(|d| Weekday::try_from(d).ok()).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]
    /// Over pauses that overlap, holidays, worked weekends, and days of 23 and 25 hours.
    #[test]
    fn the_clock_is_a_minute_by_minute_simulation(
        hours in any_hours(),
        zone in prop::sample::select(vec![ZONE, Tz::Europe__London, Tz::Australia__Lord_Howe, Tz::Asia__Beirut]),
        // around changes of the offset, and of the year
        day0 in prop::sample::select(vec![1_711_670_400_000i64, 1_729_900_800_000, 1_712_361_600_000, 1_767_052_800_000]),
        start in 0i64..2 * 1440,
        long in 0i64..6 * 1440,
        special in prop::collection::vec((0u64..8, any::<bool>()), 0..4),
        stops in prop::collection::vec(
            (0i64..5 * 1440, prop::option::of(1i64..2_000), prop::option::of(0i64..2_000), any::<bool>()), 0..4),
        limit in 1u32..3_000,
        warn in 1u8..=100,
    ) {
        let opened = UnixMs(day0 + start * MINUTE);
        let now = opened + long * MINUTE;
        let first = UnixMs(day0).date(ZONE);
        let mut days: Vec<CalendarDay> = special.iter().map(|(n, work)| CalendarDay {
            date: first.checked_add_days(chrono::Days::new(*n)).unwrap(),
            name: String::new(),
            kind: if *work { DayKind::Workday } else { DayKind::Holiday },
        }).collect();
        days.sort_by_key(|d| d.date);
        days.dedup_by_key(|d| d.date);
        let stops: Vec<Stop> = stops.iter().map(|(from, until, ended, done)| {
            let from = opened + from * MINUTE;
            Stop {
                kind: if *done { StopKind::Done } else { StopKind::Hold },
                from,
                until: until.map(|m| from + m * MINUTE),
                ended: ended.map(|m| from + m * MINUTE),
            }
        }).collect();
        let calendar = Calendar::new(&hours, &days, zone);
        let shown = clock(&calendar, opened, &stops, limit, warn, now);
        let (used, due) = simulated(&hours, &days, zone, opened, &stops, i64::from(limit), now);
        prop_assert_eq!(shown.used_ms, used);
        if let Some(due) = due {
            prop_assert_eq!(shown.due_at, Some(due));
        } else if let Some(at) = shown.due_at {
            prop_assert!(at > now || long == 0, "{:?} is over already", at);
            // and nothing more is used until then than was foretold
            prop_assert_eq!(clock(&calendar, opened, &stops, limit, warn, at).mark, OrderMark::Overdue);
            prop_assert!(clock(&calendar, opened, &stops, limit, warn, at - 1).mark != OrderMark::Overdue);
        }
        let all = i64::from(limit) * MINUTE;
        let mark = if used >= all { OrderMark::Overdue }
            else if used * 100 >= all * i64::from(warn) { OrderMark::Warning } else { OrderMark::InTime };
        prop_assert_eq!(shown.mark, mark);
    }
}

#[test]
fn nights_holidays_and_pauses_use_nothing() {
    let hours = hours(&[("09:00", "12:00"), ("13:00", "18:00")], &[Weekday::Sat, Weekday::Sun]);
    // National Day on a Thursday and a Friday, and the Sunday before is worked
    let days = [
        day("2026-09-27", DayKind::Workday),
        day("2026-10-01", DayKind::Holiday),
        day("2026-10-02", DayKind::Holiday),
    ];
    let calendar = Calendar::new(&hours, &days, ZONE);
    let opened = at("2026-09-30 17:00");
    let shown = clock(&calendar, opened, &[], 120, 80, at("2026-10-05 09:30"));
    assert_eq!(
        shown.due_at,
        Some(at("2026-10-05 10:00")),
        "one hour on Wednesday, one on the Monday after the holidays"
    );
    assert_eq!((shown.used_ms, shown.mark), (90 * MINUTE, OrderMark::InTime));
    let hold = Stop {
        kind: StopKind::Hold,
        from: at("2026-10-05 09:30"),
        until: Some(at("2026-10-05 11:00")),
        ended: None,
    };
    let shown = clock(&calendar, opened, &[hold], 120, 75, at("2026-10-05 10:30"));
    assert_eq!(shown.due_at, Some(at("2026-10-05 11:30")));
    assert_eq!(shown.mark, OrderMark::Warning);
    assert_eq!(calendar.open_ms(at("2026-09-27 00:00"), at("2026-09-28 00:00")), 8 * HOUR);
    // not limited, and never open
    assert_eq!(clock(&calendar, opened, &[], 0, 80, opened + 9 * DAY).mark, OrderMark::InTime);
    let closed = Calendar::new(&BusinessHours { open: Vec::new(), closed_weekdays: Vec::new() }, &[], ZONE);
    assert_eq!(closed.after(opened, 1), None);
}

#[test]
fn words_and_defaults() {
    Stage::check_words();
    OrderState::check_words();
    OrderSource::check_words();
    OrderResult::check_words();
    OrderNode::check_words();
    Satisfaction::check_words();
    UrgeChannel::check_words();
    OrderMark::check_words();
    StopKind::check_words();
    OrderField::check_words();
    UrgeLevel::check_words();
    Attention::check_words();
    PlacedBy::check_words();
    OrderRefusal::check_words();
    assert_eq!(OrderPolicy::default().check(), Ok(()));
}

#[test]
fn rules_that_cannot_work_are_named() {
    let of = |text: &str| serde_json::from_str::<OrderPolicy>(text).unwrap().check().unwrap_err().field;
    assert_eq!(of(r#"{"hours":{"open":[]}}"#), "hours.open");
    assert_eq!(of(r#"{"hours":{"open":[{"from":"12:00","to":"09:00"}]}}"#), "hours.open[0].to");
    let all = r#"{"hours":{"closed_weekdays":["Mon","Tue","Wed","Thu","Fri","Sat","Sun"]}}"#;
    assert_eq!(of(all), "hours.closed_weekdays");
    assert_eq!(of(r#"{"departments":[]}"#), "departments");
    assert_eq!(
        of(r#"{"departments":[{"key":"a","name":"A"},{"key":"a","name":"B"}]}"#),
        "departments[1].key"
    );
    let two = r#"{"departments":[{"key":"a","name":"A","next":["b"]}]}"#;
    assert_eq!(of(two), "departments[0].next");
    let path = r#"{"types":[{"key":"x","name":"X","path":["nowhere"],"limit_min":1}]}"#;
    assert_eq!(of(path), "types[0].path");
    assert_eq!(of(r#"{"urge":{"supervise_after":5,"escalate_after":4}}"#), "urge.escalate_after");
    assert_eq!(of(r#"{"unclaimed_min":0}"#), "unclaimed_min");
}

#[test]
fn an_address_is_of_the_area_with_the_longest_word() {
    let (a, b) = (AreaId::at(1, [1; 10]), AreaId::at(1, [2; 10]));
    let region =
        |area, words: &[&str]| Region { area, words: words.iter().map(|w| (*w).to_owned()).collect() };
    let policy = OrderPolicy {
        regions: vec![region(a, &["幸福花园"]), region(b, &["幸福花园二期", "文一路"])],
        ..OrderPolicy::default()
    };
    assert_eq!(policy.area_of("杭州市西湖区幸福花园3幢"), Some(a));
    assert_eq!(policy.area_of("幸福花园二期 3 幢"), Some(b));
    assert_eq!(policy.area_of("文三路 1 号"), None);
}
