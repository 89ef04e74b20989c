//! Calls between customers and couriers: those that came in over a published number, and those that couriers made.

use super::app_call::{CallWay, IceServer};
use crate::clock::UnixMs;
use crate::id::{AreaId, BranchId, CallId, NumberId, ParcelId, RecordingId, UserId};
use crate::inbound::{Availability, InboundOutcome, Rule, TryResult, Verdict};
use crate::outgoing::OutgoingOutcome;
use crate::voicemail::Intent;
use serde::{Deserialize, Serialize};

words! {
    /// Who rang whom.
    #[derive(Default)]
    pub enum CallDirection {
        /// A customer rang a published number.
        #[default]
        Incoming = "incoming", "来电", "incoming";
        /// A courier rang a customer.
        Outgoing = "outgoing", "去电", "outgoing";
    }
}

words! {
    /// What a call came to: [`InboundOutcome`] of one that came in, [`OutgoingOutcome`] of one that a courier made.
    pub enum CallResult {
        /// They spoke.
        Answered = "answered", "已接听", "answered";
        /// Incoming: the caller left a message.
        Voicemail = "voicemail", "留言", "voicemail";
        /// Incoming: nobody spoke with the caller.
        Missed = "missed", "未接来电", "missed";
        /// Incoming: the caller is on the blocklist.
        Blocked = "blocked", "已拦截", "blocked";
        /// Outgoing: the customer's line was busy.
        Busy = "busy", "客户占线", "the customer was busy";
        /// Outgoing: the customer declined.
        Declined = "declined", "客户拒接", "the customer declined";
        /// Outgoing: the customer did not answer.
        NoAnswer = "no_answer", "客户未接听", "the customer did not answer";
        /// Outgoing: the customer's telephone could not be reached.
        Failed = "failed", "无法接通", "could not be reached";
        /// Outgoing: the courier did not take the call; the customer was not rung.
        CourierAway = "courier_away", "快递员未接听", "the courier did not answer";
        /// Outgoing: no line was free for a telephone that was to be rung.
        NoLine = "no_line", "线路不可用，未拨出", "no line was available";
        /// Outgoing: given up before anybody spoke.
        Cancelled = "cancelled", "已取消", "cancelled";
        /// Our server died meanwhile.
        Interrupted = "interrupted", "中断", "interrupted";
    }
}

impl From<InboundOutcome> for CallResult {
    fn from(outcome: InboundOutcome) -> Self {
        match outcome {
            InboundOutcome::Answered => CallResult::Answered,
            InboundOutcome::Voicemail => CallResult::Voicemail,
            InboundOutcome::Missed => CallResult::Missed,
            InboundOutcome::Blocked => CallResult::Blocked,
            InboundOutcome::Interrupted => CallResult::Interrupted,
        }
    }
}

impl From<OutgoingOutcome> for CallResult {
    fn from(outcome: OutgoingOutcome) -> Self {
        match outcome {
            OutgoingOutcome::Answered => CallResult::Answered,
            OutgoingOutcome::Busy => CallResult::Busy,
            OutgoingOutcome::Declined => CallResult::Declined,
            OutgoingOutcome::NoAnswer => CallResult::NoAnswer,
            OutgoingOutcome::Failed => CallResult::Failed,
            OutgoingOutcome::CourierAway => CallResult::CourierAway,
            OutgoingOutcome::NoLine => CallResult::NoLine,
            OutgoingOutcome::Cancelled => CallResult::Cancelled,
            OutgoingOutcome::Interrupted => CallResult::Interrupted,
        }
    }
}

/// A call between a customer and a courier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallView {
    /// Id.
    pub id: CallId,
    /// Who rang whom.
    #[serde(default)]
    pub direction: CallDirection,
    /// The number of the company that the customer sees: the published one that was rung, or the one that was shown. Empty for
    /// a courier's call that has not left yet.
    pub number: String,
    /// Its id, where it is a published one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_id: Option<NumberId>,
    /// Branch; absent for a call by somebody of no branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaId>,
    /// Whose it is: who made it or took it, else whom the caller most likely meant; absent: the branch's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier: Option<UserId>,
    /// The customer (of a call that came in: the caller) with the middle hidden, `+86138****1234`; whole for supervisors and
    /// administrators, `anonymous` for one who shows none, `gone` once the time that numbers are kept is over.
    pub caller: String,
    /// Waybills that are on their way to the customer.
    pub waybills: Vec<String>,
    /// What it came to; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallResult>,
    /// When it came in, or was asked for.
    pub started_at: UnixMs,
    /// When courier and customer began to speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridged_at: Option<UnixMs>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UnixMs>,
    /// When somebody marked it as handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_at: Option<UnixMs>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<UserId>,
    /// What can be listened to, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioView>,
}

/// `POST /api/v1/calls`: ring a customer. Exactly one of `parcel`, `call` and `number` says whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallRequest {
    /// Made by the phone, new for each call: a request that comes twice is one call.
    pub id: CallId,
    /// The recipient of this parcel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<ParcelId>,
    /// The customer of this call: who left the voicemail, whose call was missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// This number, as people write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// How the courier speaks: over their own telephone, which rings first, or the app.
    #[serde(default, skip_serializing_if = "is_default")]
    pub way: CallWay,
}

fn is_default(way: &CallWay) -> bool {
    *way == CallWay::default()
}

/// A call that is being made. The courier's own telephone rings first, or the app offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallStarted {
    /// The call.
    pub call: CallView,
    /// What the courier should know all the same; the call is being made.
    #[serde(default)]
    pub warnings: Vec<CallWarning>,
    /// For a call over the app: servers that help it through NATs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ice_servers: Vec<IceServer>,
}

words! {
    /// What a courier should know of a call that is being made.
    pub enum CallWarning {
        /// It is an hour at which no notices are given where the customer is.
        QuietHours = "quiet_hours", "现在是免打扰时段", "these are quiet hours for the customer";
        /// The customer wants no notices.
        OptedOut = "opted_out", "客户已退订通知", "the customer has opted out of notices";
    }
}

/// A recording or a voicemail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AudioView {
    /// Id.
    pub id: RecordingId,
    /// `call`: the caller on the left, the courier on the right. `voicemail`: the caller alone.
    pub kind: String,
    /// `open` while it is being recorded, `done`, `cut` where the server died (it holds what was heard until then), `failed`,
    /// `gone` once the time that it is kept is over.
    pub state: String,
    /// Length in milliseconds.
    pub ms: i64,
    /// Packets that came and are not in it.
    pub lost: i64,
    /// SHA-256 of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Kept until then.
    pub keep_until: UnixMs,
    /// What a machine has written down of a voicemail; absent while none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<TranscriptView>,
}

/// What a machine has written down of a voicemail. It mishears: show it as a machine's text, beside the sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TranscriptView {
    /// `done`, `none` where nothing was understood, `failed` where the machine does not write it down.
    pub state: String,
    /// The text. Absent where there is none, and in lists for others than the one whose call it is: they ask for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What the caller wants, by key words, the most urgent first. Words that this version does not know are left out.
    #[serde(default, deserialize_with = "known_intents")]
    pub intents: Vec<Intent>,
    /// What wrote it: the name of a model, or of a program.
    #[serde(default)]
    pub engine: String,
    /// When.
    pub at: UnixMs,
}

fn known_intents<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Intent>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    Ok(words.iter().filter_map(|word| Intent::parse(word)).collect())
}

/// A call with the reasons for whom it rang.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallDetail {
    /// The call.
    pub call: CallView,
    /// Every rule in the order in which it was asked. Empty for couriers.
    pub explain: Vec<ExplainView>,
    /// Who was rung, and what came of it. Empty for couriers.
    pub tries: Vec<TryView>,
}

/// A rule, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExplainView {
    /// The rule.
    pub rule: Rule,
    /// What it came to.
    pub verdict: Verdict,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier: Option<UserId>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The time that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMs>,
    /// The line in Chinese, `片区值班：李伟，振铃`.
    pub text_zh: String,
    /// The line in English, `on duty: Li Wei, is rung`.
    pub text_en: String,
}

/// One courier rung for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TryView {
    /// Who.
    pub courier: UserId,
    /// Their name.
    pub name: String,
    /// When the ringing began.
    pub at: UnixMs,
    /// When it ended.
    pub ended_at: UnixMs,
    /// What it came to.
    pub result: TryResult,
}

/// Calls that are to be proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EvidenceRequest {
    /// The calls, 50 at most.
    pub calls: Vec<CallId>,
    /// What for, 1 to 500 characters; the audit keeps it.
    pub reason: String,
}

/// What a courier says of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AvailabilityView {
    /// Whether calls are taken.
    pub mode: Availability,
    /// Available again from then on; absent: until it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    fn again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(record: &T) -> serde_json::Value {
        let json = serde_json::to_value(record).unwrap();
        assert_eq!(&serde_json::from_value::<T>(json.clone()).unwrap(), record);
        json
    }

    #[test]
    fn words_are_words() {
        CallDirection::check_words();
        CallResult::check_words();
        CallWarning::check_words();
        // every outcome has the same word and labels on the wire
        for outcome in OutgoingOutcome::ALL {
            assert_eq!(CallResult::from(*outcome).as_str(), outcome.as_str());
        }
        for outcome in InboundOutcome::ALL {
            assert_eq!(CallResult::from(*outcome).as_str(), outcome.as_str());
        }
    }

    #[test]
    fn a_call_travels() {
        let at = UnixMs(1_772_413_200_000);
        let call = CallView {
            id: CallId::at(at, [1; 10]),
            direction: CallDirection::Incoming,
            number: "+862131001234".into(),
            number_id: Some(NumberId::at(at, [2; 10])),
            branch: Some(BranchId::at(at, [3; 10])),
            area: Some(AreaId::at(at, [4; 10])),
            courier: Some(UserId::at(at, [5; 10])),
            caller: "+86138****1234".into(),
            waybills: vec!["SF1234567890123".into()],
            outcome: Some(CallResult::Voicemail),
            started_at: at,
            bridged_at: None,
            ended_at: Some(UnixMs(at.0 + 30_000)),
            handled_at: None,
            handled_by: None,
            audio: Some(AudioView {
                id: RecordingId::at(at, [6; 10]),
                kind: "voicemail".into(),
                state: "done".into(),
                ms: 4_200,
                lost: 0,
                sha256: Some("00".repeat(32)),
                problem: None,
                keep_until: UnixMs(at.0 + 90 * crate::clock::DAY),
                transcript: Some(TranscriptView {
                    state: "done".into(),
                    text: Some("放门口就行".into()),
                    intents: vec![Intent::LeaveAt],
                    engine: "whisper".into(),
                    at,
                }),
            }),
        };
        let line = ExplainView {
            rule: Rule::Duty,
            verdict: Verdict::Rung,
            courier: Some(UserId::at(at, [5; 10])),
            name: Some("李伟".into()),
            at: Some(at),
            text_zh: "片区值班：李伟，振铃".into(),
            text_en: "on duty: 李伟, is rung".into(),
        };
        let tried = TryView {
            courier: UserId::at(at, [5; 10]),
            name: "李伟".into(),
            at,
            ended_at: UnixMs(at.0 + 20_000),
            result: TryResult::NoAnswer,
        };
        let request = CallRequest {
            id: call.id,
            parcel: None,
            call: Some(call.id),
            number: None,
            way: CallWay::Callback,
        };
        let started = CallStarted {
            call: call.clone(),
            warnings: vec![CallWarning::QuietHours],
            ice_servers: Vec::new(),
        };
        insta::assert_json_snapshot!("call_started", serde_json::json!([again(&request), again(&started)]));
        let detail = CallDetail { call, explain: vec![line], tries: vec![tried] };
        insta::assert_json_snapshot!("call_detail", again(&detail));
        let view = AvailabilityView { mode: Availability::Riding, until: Some(at) };
        insta::assert_json_snapshot!("availability", again(&view));
    }
}
