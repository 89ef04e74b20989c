//! Calls that came in over a published number.

use crate::clock::UnixMs;
use crate::id::{AreaId, BranchId, CallId, NumberId, RecordingId, UserId};
use crate::inbound::{Availability, InboundOutcome, Rule, TryResult, Verdict};
use serde::{Deserialize, Serialize};

/// A call that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallView {
    /// Id.
    pub id: CallId,
    /// The published number that was rung.
    pub number: String,
    /// Its id.
    pub number_id: NumberId,
    /// Branch.
    pub branch: BranchId,
    /// Area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaId>,
    /// Whose it is: who took it, else whom the caller most likely meant; absent: the branch's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier: Option<UserId>,
    /// The caller with the middle hidden, `+86138****1234`; whole for supervisors and administrators, `anonymous` for one
    /// who shows none.
    pub caller: String,
    /// Waybills that are on their way to the caller.
    pub waybills: Vec<String>,
    /// What it came to; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<InboundOutcome>,
    /// When it came in.
    pub started_at: UnixMs,
    /// When somebody began to speak with the caller.
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
    fn a_call_travels() {
        let at = UnixMs(1_772_413_200_000);
        let call = CallView {
            id: CallId::at(at, [1; 10]),
            number: "+862131001234".into(),
            number_id: NumberId::at(at, [2; 10]),
            branch: BranchId::at(at, [3; 10]),
            area: Some(AreaId::at(at, [4; 10])),
            courier: Some(UserId::at(at, [5; 10])),
            caller: "+86138****1234".into(),
            waybills: vec!["SF1234567890123".into()],
            outcome: Some(InboundOutcome::Voicemail),
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
        let detail = CallDetail { call, explain: vec![line], tries: vec![tried] };
        insta::assert_json_snapshot!("call_detail", again(&detail));
        let view = AvailabilityView { mode: Availability::Riding, until: Some(at) };
        insta::assert_json_snapshot!("availability", again(&view));
    }
}
