//! Voicemail: what the caller hears before the tone, and the tone.
//!
//! The message itself is a recording of the caller alone (`recordings`), begun after the tone; any key skips the greeting,
//! any key ends the message. Silence at its end is cut by the switch's recorder. A message in which nobody speaks is none:
//! its file goes and the call is a missed one.

use chrono::{DateTime, Timelike};
use chrono_tz::Tz;
use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};
use waybell_domain::clock::{HOUR, MINUTE, UnixMs};
use waybell_domain::id::UserId;
use waybell_domain::inbound::{Availability, OpenParcel};
use waybell_domain::lang::Lang;
use waybell_domain::template::time_words;
use waybell_switch::Prompt;

/// Times are said in steps of so many ms: a tour is no more exact, and each piece of sound is made once.
const STEP: i64 = 5 * MINUTE;
/// What is further away, ms, is not said: the day could be mistaken.
const FARTHEST_SAID: i64 = 10 * HOUR;

/// What the caller hears, in pieces, so that each is made once; `arrives` is the time of day at which the courier comes to the
/// caller, as [`arrival`] has it.
pub(crate) fn greeting(company: &str, mode: Availability, arrives: Option<(u32, u32)>) -> Vec<String> {
    let mut said = vec![format!("您好，这里是{company}。")];
    said.push(
        match mode {
            Availability::Riding => "快递员正在骑行，暂时无法接听。",
            Availability::Off => "快递员现在不在班。",
            Availability::Available => "暂时无人接听。",
        }
        .to_owned(),
    );
    if let Some((hour, minute)) = arrives.filter(|_| mode != Availability::Off) {
        said.push(format!("预计{}左右送到。", time_words(Lang::Zh, hour, minute)));
    }
    said.push("请在提示音后留言，按任意键结束。".to_owned());
    said
}

/// The time of day at which to say that the courier who owns the call comes, hour and minute: of the parcels that this courier has for
/// the caller the first to arrive, rounded up to five minutes. `None` where no tour has told, or where that time has passed: a
/// tour that is late says nothing, rather than something wrong.
pub(crate) fn arrival(
    parcels: &[OpenParcel],
    owner: Option<UserId>,
    (now, wall): (UnixMs, UnixMs),
    zone: Tz,
) -> Option<(u32, u32)> {
    let own = parcels.iter().filter(|p| Some(p.courier) == owner);
    let first =
        own.filter_map(|p| p.arrives).min().filter(|at| *at > now && at.since(now) < FARTHEST_SAID)?;
    let at = wall.0.saturating_add(first.since(now));
    let at = at.checked_add(STEP - 1)? / STEP * STEP;
    let at = DateTime::from_timestamp_millis(at)?.with_timezone(&zone);
    Some((at.hour(), at.minute()))
}

/// The tone after which the message begins: 300 ms of 1 kHz.
pub(crate) fn tone() -> Arc<Prompt> {
    static TONE: LazyLock<Arc<Prompt>> = LazyLock::new(|| {
        let wave = |i: u32| ((f64::from(i) * TAU / 8.0).sin() * 6_000.0) as i16;
        let samples: Vec<i16> = (0..2_400).map(wave).collect();
        Prompt::from_pcm("tone", &samples)
    });
    TONE.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(n: u8, arrives: Option<i64>) -> OpenParcel {
        let place = String::new();
        OpenParcel { courier: UserId::at(1, [n; 10]), place, at: UnixMs(1), arrives: arrives.map(UnixMs) }
    }

    #[test]
    fn the_time_that_is_said_is_the_courier_s_own_rounded_up_and_to_come() {
        // the server's clock and the wall's are apart; the wall says 14:03 in Shanghai
        let (now, wall) = (UnixMs(5_000 * HOUR), UnixMs(1_772_380_800_000 + 14 * HOUR + 3 * MINUTE));
        let owner = UserId::at(1, [1; 10]);
        let said = |parcels: &[OpenParcel]| arrival(parcels, Some(owner), (now, wall), Tz::Asia__Shanghai);
        let mine = |minutes: i64| parcel(1, Some(now.0 + minutes * MINUTE));
        assert_eq!(said(&[mine(17)]), Some((14, 20)));
        assert_eq!(said(&[mine(18)]), Some((14, 25)), "never earlier than the tour says");
        assert_eq!(said(&[mine(90), parcel(1, None), mine(16)]), Some((14, 20)), "the first of several");
        assert_eq!(said(&[mine(9 * 60 + 57)]), Some((0, 0)), "midnight is told as such");
        for nothing in [mine(0), mine(-30), mine(600), parcel(1, None), parcel(2, Some(now.0 + MINUTE))] {
            assert_eq!(said(std::slice::from_ref(&nothing)), None, "{nothing:?}");
        }
        assert_eq!(said(&[parcel(1, Some(i64::MIN))]), None);
        assert_eq!(said(&[parcel(1, Some(i64::MAX))]), None);
        assert_eq!(arrival(&[mine(17)], None, (now, wall), Tz::Asia__Shanghai), None);
    }

    #[test]
    fn who_is_off_duty_says_no_time() {
        let words = |mode| greeting("某某快递", mode, Some((14, 20))).concat();
        assert!(
            words(Availability::Riding).contains("快递员正在骑行，暂时无法接听。预计十四点二十分左右送到。")
        );
        assert!(words(Availability::Available).contains("预计十四点二十分左右送到。"));
        assert!(!words(Availability::Off).contains("预计"));
    }
}
