//! Times as people see and write them: in the organisation's zone, one and the same everywhere, with the day when it is not
//! today.

use crate::out::Failure;
use crate::texts;
use chrono::{DateTime, Duration, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use waybell_core::notify::ZONE;
use waybell_domain::clock::{MINUTE, SECOND, UnixMs};
use waybell_domain::lang::Lang;

/// Now.
pub(crate) fn now() -> UnixMs {
    UnixMs(Utc::now().timestamp_millis())
}

/// `08:30`, `明天 08:30`, `11月23日 08:30`.
pub(crate) fn moment(lang: Lang, at: UnixMs, now: UnixMs) -> String {
    at.moment(now, ZONE, lang)
}

/// Month, day and time to the second, for records. A moment is not told as the second before it.
pub(crate) fn stamp(at: UnixMs) -> String {
    local(at).format("%m-%d %H:%M:%S").to_string()
}

/// Time to the second.
pub(crate) fn clock(at: UnixMs) -> String {
    local(at).format("%H:%M:%S").to_string()
}

/// The first full second that is not before it.
pub(crate) fn full_second(at: UnixMs) -> UnixMs {
    UnixMs(at.0.saturating_add(SECOND - 1).div_euclid(SECOND) * SECOND)
}

fn local(at: UnixMs) -> DateTime<chrono_tz::Tz> {
    at.to_utc().with_timezone(&ZONE)
}

/// True if this machine's clock shows another time than the organisation's.
pub(crate) fn is_abroad(at: UnixMs) -> bool {
    let here = at.to_utc().with_timezone(&chrono::Local).offset().local_minus_utc();
    i64::from(here) * SECOND != at.offset(ZONE)
}

/// A start time as people write it: a time (today), a date and a time, `明天` or `tomorrow` and a time; with seconds or
/// without, with a zone or in the organisation's. One that has passed by more than a minute is a mistake.
pub(crate) fn start(lang: Lang, text: &str, now: UnixMs) -> Result<UnixMs, Failure> {
    let bad = || Failure::usage(texts::bad_time(lang, text)).hint(texts::time_hint(lang));
    let at = read(text, now).ok_or_else(bad)?;
    if at.0 < now.0 - MINUTE {
        return Err(Failure::usage(texts::time_past(lang, text)).hint(texts::time_hint(lang)));
    }
    Ok(at)
}

/// A moment that may have passed, likewise; a date alone is its beginning.
pub(crate) fn past(lang: Lang, text: &str, now: UnixMs) -> Result<UnixMs, Failure> {
    let bad = || Failure::usage(texts::bad_time(lang, text)).hint(texts::time_hint(lang));
    read(text, now).or_else(|| read(&format!("{} 00:00", text.trim()), now)).ok_or_else(bad)
}

fn read(text: &str, now: UnixMs) -> Option<UnixMs> {
    let plain =
        text.trim().to_lowercase().replace('：', ":").replace("tomorrow", "明天").replace("today", "今天");
    let today = |zone: Option<FixedOffset>| match zone {
        Some(zone) => now.to_utc().with_timezone(&zone).date_naive(),
        None => now.date(ZONE),
    };
    let (day, rest) = match plain.find(['t', ' ']) {
        Some(at) => (plain[..at].trim(), plain[at..].trim_start_matches(['t', ' '])),
        None => match plain.char_indices().nth(2) {
            Some((at, _)) if plain.starts_with("明天") || plain.starts_with("今天") => plain.split_at(at),
            _ => ("", plain.as_str()),
        },
    };
    let (time, zone) = zone_of(rest.trim())?;
    let time = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(time.trim(), form).ok())?;
    let date = match day {
        "" | "今天" => today(zone),
        "明天" => today(zone) + Duration::days(1),
        day => ["%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日"]
            .iter()
            .find_map(|form| NaiveDate::parse_from_str(day, form).ok())?,
    };
    let local: NaiveDateTime = date.and_time(time);
    let at = match zone {
        Some(zone) => zone.from_local_datetime(&local).earliest()?.timestamp_millis(),
        None => ZONE.from_local_datetime(&local).earliest()?.timestamp_millis(),
    };
    Some(UnixMs(at))
}

/// A time's own zone, `Z`, `+08:00`, `+0800` or `+08`; `None` if it cannot be one.
fn zone_of(text: &str) -> Option<(&str, Option<FixedOffset>)> {
    if let Some(time) = text.strip_suffix('z') {
        return Some((time, FixedOffset::east_opt(0)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, None)) };
    let (time, zone) = text.split_at(at);
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    if ![2, 4].contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    let seconds = (hours * 60 + minutes) * 60;
    let offset = if zone.starts_with('-') { -seconds } else { seconds };
    Some((time, Some(FixedOffset::east_opt(offset)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::clock::HOUR;

    /// 2026-11-21 12:00 in Shanghai.
    fn noon() -> UnixMs {
        UnixMs(ZONE.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap().timestamp_millis())
    }

    #[test]
    fn usual_forms_are_read() {
        for (text, minutes) in [
            ("14:30", 150),
            ("14:30:00", 150),
            ("14：30", 150),
            ("T06:30Z", 150),
            ("06:30Z", 150),
            ("T14:30+08:00", 150),
            ("明天08:30", 20 * 60 + 30),
            ("明天 08:30", 20 * 60 + 30),
            ("tomorrow 08:30", 20 * 60 + 30),
            ("today 12:30", 30),
            ("2026-11-22 12:00", 24 * 60),
            ("2026-11-22T12:00", 24 * 60),
            ("2026-11-22t12:00:00", 24 * 60),
            ("2026-11-22T03:00+08:00", 15 * 60),
            ("2026-11-22T03:00:00+08:00", 15 * 60),
            ("2026-11-22T03:00:00.000+0800", 15 * 60),
            ("2026-11-22T03:00+08", 15 * 60),
            ("2026-11-22T09:30Z", 29 * 60 + 30),
            ("2026-11-22T09:30:00Z", 29 * 60 + 30),
            ("2026-11-21T23:30-05:00", 24 * 60 + 30),
            ("2026/11/22 12:00", 24 * 60),
        ] {
            let at = start(Lang::En, text, noon());
            assert_eq!(at.map(|t| (t.0 - noon().0) / MINUTE).unwrap(), minutes, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_or_has_passed_is_told() {
        for text in [
            "soon",
            "25:00",
            "11:00",
            "2026-11-22",
            "2026-11-22T09:30+8",
            "2026-11-22T09:30+99:00",
            "",
            "T",
            "明",
            "-",
        ] {
            assert_eq!(start(Lang::Zh, text, noon()).unwrap_err().code, crate::out::USAGE, "{text}");
        }
    }

    #[test]
    fn the_day_is_told_when_it_is_not_today() {
        assert_eq!(moment(Lang::Zh, noon() + HOUR, noon()), "13:00");
        assert_eq!(moment(Lang::Zh, noon() + 20 * HOUR, noon()), "明天 08:00");
        assert_eq!(moment(Lang::En, noon() + 20 * HOUR, noon()), "tomorrow 08:00");
        assert_eq!(moment(Lang::Zh, noon() + 50 * HOUR, noon()), "11月23日 14:00");
        assert_eq!(stamp(full_second(noon() - 1)), "11-21 12:00:00");
    }
}
