//! Limits that carriers and voice services set, by name: [`Policy::carrier`].
//!
//! They hold beside the organisation's own rules, never in their place, and go when another name is set. A service that
//! counts in windows from the first call is kept to a rolling window: no window of that length, wherever it begins, then
//! holds more, whatever calls the service saw that are not in our history. Failed calls count, because most services
//! count requests. A limit of calls at once is the trunk's (`channels`).
//!
//! The figures are those that the services publish for notices to numbers of the mainland; a contract may name others,
//! which then are written as rules of one's own.

use super::{Anchor, FrequencyRule, Policy, QuietHours, TimeOfDay};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};

/// We count from a call's intent, a carrier from its arrival there: a first call that was longer on the way than the second
/// would bring them closer together than the window, ms.
pub const ON_THE_WAY: i64 = 2 * SECOND;

/// What a carrier or service allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarrierLimits {
    /// The name that a policy takes.
    pub name: &'static str,
    /// Which service, in Chinese and English.
    pub title: (&'static str, &'static str),
    /// Where the figures come from.
    pub source: &'static str,
    /// Most calls to one number: window in ms, calls.
    pub frequency: &'static [(i64, u32)],
    /// Hours of the callee's day, from and to, in which it puts no call through.
    pub quiet: &'static [(u16, u16)],
    /// Calls at once that it takes where nothing else is agreed.
    pub channels: Option<u32>,
}

/// The services that are known, by name.
pub const CARRIERS: &[CarrierLimits] = &[
    CarrierLimits {
        name: "aliyun",
        title: ("阿里云语音通知", "Alibaba Cloud voice notices"),
        source: "Alibaba Cloud dyvms, limits for one callee",
        frequency: &[(MINUTE, 1), (HOUR, 5), (DAY, 20)],
        quiet: &[],
        channels: None,
    },
    CarrierLimits {
        name: "aliyun_tasks",
        title: ("阿里云语音任务中心", "Alibaba Cloud voice task centre"),
        source: "Alibaba Cloud dyvms, task centre: hours that cannot be lifted",
        frequency: &[(MINUTE, 1), (HOUR, 5), (DAY, 20)],
        quiet: &[(12, 14), (21, 9)],
        channels: None,
    },
    CarrierLimits {
        name: "huawei",
        title: ("华为云语音通话", "Huawei Cloud VoiceCall"),
        source: "Huawei Cloud VoiceCall, advice for one callee; above it carriers block the number",
        frequency: &[(DAY, 3), (30 * DAY, 10)],
        quiet: &[],
        channels: Some(10),
    },
    CarrierLimits {
        name: "tencent",
        title: ("腾讯云语音消息", "Tencent Cloud voice messages"),
        source: "Tencent Cloud VMS, limits for one callee of notices; the one call at night that it allows is not made",
        frequency: &[(30 * SECOND, 1), (10 * MINUTE, 2), (DAY, 5)],
        quiet: &[(22, 8)],
        channels: None,
    },
    CarrierLimits {
        name: "volcengine",
        title: ("火山引擎语音通知", "Volcengine voice notices"),
        source: "Volcengine, limits for one callee",
        frequency: &[(5 * MINUTE, 3), (10 * MINUTE, 6), (DAY, 10)],
        quiet: &[],
        channels: None,
    },
];

impl CarrierLimits {
    /// The limits of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CARRIERS.iter().find(|c| c.name == name)
    }

    /// Its limits as they are published.
    pub fn published(&self) -> impl Iterator<Item = FrequencyRule> {
        let rule =
            |&(window, max)| FrequencyRule { window, max, anchor: Anchor::Rolling, counts_failed: true };
        self.frequency.iter().map(rule)
    }

    /// Its limits as they are kept: windows are longer by [`ON_THE_WAY`].
    pub fn rules(&self) -> impl Iterator<Item = FrequencyRule> {
        self.published().map(|rule| FrequencyRule { window: rule.window + ON_THE_WAY, ..rule })
    }

    /// Its barred hours as spans.
    pub fn spans(&self) -> impl Iterator<Item = QuietHours> {
        let time = |hour| TimeOfDay::new(hour, 0).ok();
        self.quiet.iter().filter_map(move |&(from, to)| Some(QuietHours { from: time(from)?, to: time(to)? }))
    }
}

impl Policy {
    fn limits(&self) -> Option<&'static CarrierLimits> {
        self.carrier.as_deref().and_then(CarrierLimits::named)
    }

    /// Every frequency rule that holds: the organisation's own and its carrier's.
    pub fn frequency_rules(&self) -> impl Iterator<Item = FrequencyRule> + '_ {
        self.frequency.iter().copied().chain(self.limits().into_iter().flat_map(CarrierLimits::rules))
    }

    /// The same as they are published: what somebody who watches the calls where they arrive may hold against them.
    pub fn promised_rules(&self) -> impl Iterator<Item = FrequencyRule> + '_ {
        self.frequency.iter().copied().chain(self.limits().into_iter().flat_map(CarrierLimits::published))
    }

    /// The spans that the carrier bars on every day.
    pub(super) fn carrier_spans(&self) -> impl Iterator<Item = QuietHours> + use<> {
        self.limits().into_iter().flat_map(CarrierLimits::spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use crate::dial::policy::PastCall;
    use chrono_tz::Tz;
    use proptest::prelude::*;

    #[test]
    fn each_is_a_policy_that_can_be_set() {
        for limits in CARRIERS {
            let policy = Policy { carrier: Some(limits.name.into()), ..Policy::default() };
            assert_eq!(policy.check(), Ok(()), "{}", limits.name);
            let longest = limits.rules().map(|r| r.window).max().unwrap();
            assert!(longest <= 30 * DAY + ON_THE_WAY, "calls are looked at 31 days back");
        }
        let wrong = Policy { carrier: Some("nobody".into()), ..Policy::default() };
        let refused = wrong.check().unwrap_err();
        assert_eq!(refused.field, "carrier");
        assert!(refused.problem.contains("aliyun, aliyun_tasks, huawei"), "{}", refused.problem);
    }

    #[test]
    fn its_hours_hold_beside_the_own_ones_and_on_holidays() {
        let policy = Policy { carrier: Some("aliyun_tasks".into()), ..Policy::default() };
        // noon of a day in Shanghai
        let noon = UnixMs(1_772_424_000_000);
        let zone = Tz::Asia__Shanghai;
        assert_eq!(policy.next_open(noon, zone), noon + 2 * HOUR);
        assert_eq!(
            policy.closes_after(noon + 3 * HOUR, zone),
            Some(noon + 8 * HOUR + 30 * MINUTE),
            "the own night"
        );
        assert_eq!(policy.next_open(noon - 4 * HOUR, zone), noon - 3 * HOUR, "its morning");
        assert_eq!(policy.hours_of(noon.date(zone)), ["09:00-12:00", "14:00-20:30"]);
        assert_eq!(policy.closes_after(noon - 2 * HOUR, zone), Some(noon));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        /// A caller that rings as soon as it may never goes over a limit: neither in windows from the first call nor in
        /// any other window.
        #[test]
        fn ringing_as_soon_as_allowed_keeps_every_limit(
            which in 0..CARRIERS.len(), waits in proptest::collection::vec(0i64..3 * HOUR, 1..60), own in any::<bool>(),
        ) {
            let limits = &CARRIERS[which];
            let own = if own { Policy::default() } else { Policy::unrestricted() };
            let policy = Policy { carrier: Some(limits.name.into()), ..own };
            let mut now = UnixMs(1_772_413_200_000);
            let mut calls: Vec<UnixMs> = Vec::new();
            for wait in waits {
                let history: Vec<PastCall> = calls.iter().map(|at| PastCall { at: *at, failed: true }).collect();
                now = policy.next_allowed(now + wait, Tz::Asia__Shanghai, &history);
                calls.push(now);
            }
            for &(window, max) in limits.frequency {
                let mut first = calls[0];
                let mut inside = 0;
                for (i, at) in calls.iter().enumerate() {
                    let close = calls[i..].iter().filter(|c| c.since(*at) < window).count();
                    prop_assert!(close <= max as usize, "{} in {window} ms", close);
                    (first, inside) = if at.since(first) < window { (first, inside + 1) } else { (*at, 1) };
                    prop_assert!(inside <= max, "{inside} in {window} ms from the first");
                }
            }
            for at in &calls {
                let (_, ms) = at.local(Tz::Asia__Shanghai);
                prop_assert!(!limits.spans().any(|span| span.contains(ms)));
            }
        }
    }
}
