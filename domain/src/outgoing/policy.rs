//! What an organisation sets for calls that couriers make.

use serde::{Deserialize, Serialize};

use crate::clock::{MINUTE, SECOND};
use crate::dial::policy::Policy;
use crate::phone::{PhoneError, PhoneKind, PhoneNumber};
use crate::policy::{BadValue, check_ranges};

words! {
    /// Whose number the customer sees, if the trunk may show it; else the next of these.
    #[derive(Default)]
    pub enum ShownFirst {
        /// The published number of the courier's area.
        #[default]
        Area = "area", "片区号码", "the area's number";
        /// The branch's.
        Branch = "branch", "网点号码", "the branch's number";
        /// Any of the company's.
        Company = "company", "公司号码", "the company's number";
    }
}

words! {
    /// Why a courier's call is not made.
    pub enum CallRefusal {
        /// Another country or region than those that the organisation rings.
        Country = "country", "不支持呼叫该国家或地区", "numbers of this country are not called";
        /// A satellite, premium, emergency, service or otherwise barred number.
        Barred = "barred_number", "该号段不允许呼叫（卫星、声讯、紧急等）", "numbers of this kind (satellite, premium, emergency) are not called";
        /// The number is the courier's own, or one of the company's: it would ring itself.
        Own = "own_number", "不能呼叫自己或公司的号码", "this is your own number, or one of the company's";
        /// The courier has no telephone on record that could be rung.
        NoTelephone = "no_telephone", "您没有登记手机号，无法双呼", "you have no telephone on record to be rung";
        /// The courier is in a call.
        InCall = "in_call", "您正在通话中", "you are in a call";
        /// As many calls today as the organisation allows.
        CallsToday = "calls_a_day", "今日通话次数已达上限", "no more calls today: the limit of calls a day is reached";
        /// As many minutes today as the organisation allows.
        MinutesToday = "minutes_a_day", "今日通话时长已达上限", "no more calls today: the limit of minutes a day is reached";
        /// The account that pays has too little left.
        NoCredit = "no_credit", "账户余额不足，请充值", "the account that pays has too little left for a call: top it up";
        /// As much as a day's calls may cost.
        SpendToday = "spend_a_day", "今日话费已达上限", "no more calls today: the limit of what a day's calls may cost is reached";
        /// This server takes no calls over the app.
        NoApp = "no_app_calls", "服务器未开通网络电话，请使用双呼", "this server takes no calls over the app: use callback";
        /// The organisation does not let couriers call.
        Off = "switched_off", "本单位未开通外呼", "calls by couriers are switched off";
    }
}

/// Rules for calls that couriers make. Times are milliseconds. A field that is left out has its default. Whether calls are
/// recorded, how long recordings are kept and how long a call may last follow `InboundPolicy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct OutgoingPolicy {
    /// Couriers may call customers.
    pub enabled: bool,
    /// How long the courier's own telephone rings.
    pub ring_ms: i64,
    /// The courier presses 1 before the customer is rung, so that the telephone's own voicemail does not take the call.
    pub accept_key: bool,
    /// How long is waited for that press.
    pub accept_ms: i64,
    /// How long the customer's telephone rings.
    pub customer_ring_ms: i64,
    /// Whose number the customer sees.
    pub show: ShownFirst,
    /// Calls a courier may make in a day, in the organisation's time zone. 0: none.
    pub calls_a_day: u16,
    /// Minutes that a courier may speak in a day over calls they made; the one that is running is not cut.
    pub minutes_a_day: u16,
    /// Numbers that begin like this are never called, written with `+` and country code. Which countries are called at all
    /// is a rule of the dialler's (`countries` of the policy) and holds here too.
    pub barred: Vec<String>,
}

impl Default for OutgoingPolicy {
    fn default() -> Self {
        OutgoingPolicy {
            enabled: true,
            ring_ms: 30 * SECOND,
            accept_key: true,
            accept_ms: 15 * SECOND,
            customer_ring_ms: 45 * SECOND,
            show: ShownFirst::Area,
            calls_a_day: 200,
            minutes_a_day: 240,
            barred: BARRED.iter().map(|p| (*p).to_owned()).collect(),
        }
    }
}

/// Satellite networks (global ones by E.164's shared codes 870, 881 and 882 to 883; China's Tiantong 1740 and maritime 1349),
/// personal and premium services of no country (878, 979), international freephone and shared cost (800, 808).
const BARRED: &[&str] = &[
    "+870", "+878", "+881", "+882", "+883", "+888", "+979", "+800", "+808", "+861349", "+861740", "+861749",
];

impl OutgoingPolicy {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field whose value cannot work.
    pub fn check(&self) -> Result<(), BadValue> {
        check_ranges(&[
            ("ring_ms", self.ring_ms, SECOND, 2 * MINUTE),
            ("accept_ms", self.accept_ms, SECOND, MINUTE),
            ("customer_ring_ms", self.customer_ring_ms, SECOND, 2 * MINUTE),
            ("minutes_a_day", i64::from(self.minutes_a_day), 0, 24 * 60),
        ])?;
        let spelt = |p: &&String| {
            let digits = p.strip_prefix('+').unwrap_or_default();
            (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        if self.barred.len() > 500 || !self.barred.iter().all(|p| spelt(&p)) {
            let problem = "must be 500 beginnings of numbers at most, each with + and country code";
            return Err(BadValue::new("barred", problem));
        }
        Ok(())
    }

    /// Why this number is not called; `None` where it may be. `dial` is the organisation's policy for notices, whose
    /// countries hold here too. Emergency and service numbers (110, 10086, 12590…) are barred whatever the rules say.
    #[must_use]
    pub fn refusal(&self, dial: &Policy, phone: &PhoneNumber) -> Option<CallRefusal> {
        if !self.enabled {
            return Some(CallRefusal::Off);
        }
        // typed by hand it is refused when it is read; here it comes from the display of somebody who rang
        let service = phone.kind() == PhoneKind::Service
            || matches!(PhoneNumber::parse(phone.e164()), Err(PhoneError::Emergency | PhoneError::Service));
        if service || self.barred.iter().any(|p| phone.e164().starts_with(p.as_str())) {
            return Some(CallRefusal::Barred);
        }
        (!dial.rings(phone)).then_some(CallRefusal::Country)
    }

    /// Why a courier who has made so many calls today, and spoken for so many milliseconds, makes no more.
    #[must_use]
    pub fn spent(&self, calls: i64, talked_ms: i64) -> Option<CallRefusal> {
        if calls >= i64::from(self.calls_a_day) {
            return Some(CallRefusal::CallsToday);
        }
        (talked_ms >= i64::from(self.minutes_a_day) * MINUTE).then_some(CallRefusal::MinutesToday)
    }
}
