//! Leaves and corrections that somebody asks for, and what becomes of them.

use super::ActedAt;
use crate::attendance::{AskState, Correction, LeaveEdge, LeaveKind};
use crate::clock::UnixMs;
use crate::id::{OperationId, UserId};
use serde::{Deserialize, Serialize};

/// `POST /api/v1/leaves`: somebody asks for leave, or a supervisor enters it for somebody (illness), which holds at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaveRequest {
    /// Made by who asks. The same id a second time has no second effect.
    pub id: OperationId,
    /// Id or login name of somebody else whose leave a supervisor enters; absent for the asker's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier: Option<String>,
    /// Why.
    pub kind: LeaveKind,
    /// Its beginning.
    pub from: LeaveEdge,
    /// Its end.
    pub to: LeaveEdge,
    /// What the person says about it, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was asked for.
    pub acted_at: ActedAt,
}

/// A leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaveView {
    /// Its id.
    pub id: OperationId,
    /// Whose.
    pub courier: UserId,
    /// The person's name.
    pub name: String,
    /// Why.
    pub kind: LeaveKind,
    /// Its beginning, as it was asked for.
    pub from: LeaveEdge,
    /// Its end, as it was asked for or cut to.
    pub to: LeaveEdge,
    /// Its first instant.
    pub from_at: UnixMs,
    /// The first instant after it.
    pub to_at: UnixMs,
    /// What the person said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where it stands.
    pub state: AskState,
    /// Who asked for it or entered it.
    pub by: UserId,
    /// When it was asked for.
    pub asked_at: UnixMs,
    /// Who decided last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<UserId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<UnixMs>,
    /// Why it was refused, cut short or taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /api/v1/leaves/{id}/decide`, by a supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaveDecision {
    /// It holds, or it does not.
    pub approve: bool,
    /// Why, 2 to 500 characters; needed to refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /api/v1/leaves/{id}/cut`, by a supervisor: the leave ends earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaveCut {
    /// Its new end; at or before its beginning, it is taken back as a whole.
    pub to: LeaveEdge,
    /// Why, 2 to 500 characters.
    pub reason: String,
}

/// `POST /api/v1/leaves/{id}/withdraw` and `POST /api/v1/attendance/asked/{id}/withdraw`, by who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Withdrawal {
    /// When.
    pub acted_at: ActedAt,
}

/// `POST /api/v1/attendance/asked`: somebody asks for a correction of a day of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CorrectionAsk {
    /// Made by who asks. The same id a second time has no second effect.
    pub id: OperationId,
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// What is to be put right: a punch that was forgotten, or one that does not count.
    pub correction: Correction,
    /// Why, 2 to 500 characters.
    pub reason: String,
    /// When it was asked for.
    pub acted_at: ActedAt,
}

/// A correction that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CorrectionAskView {
    /// Its id; approved, it is that of the correction.
    pub id: OperationId,
    /// Whose day.
    pub courier: UserId,
    /// The person's name.
    pub name: String,
    /// The day.
    pub day: String,
    /// What is to be put right.
    pub correction: Correction,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub state: AskState,
    /// When it was asked for.
    pub asked_at: UnixMs,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<UserId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<UnixMs>,
    /// What the supervisor said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// `POST /api/v1/attendance/asked/{id}/decide`, by a supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AskDecision {
    /// It is put right, or it is not.
    pub approve: bool,
    /// Why, 2 to 500 characters; needed to refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: UnixMs = UnixMs(1_772_413_200_000);

    #[test]
    fn leaves() {
        let day = "2026-03-02".parse().unwrap();
        let (id, who) = (OperationId::at(NOW, [4; 10]), UserId::at(NOW, [3; 10]));
        let (from, to) = (LeaveEdge::Day { day }, LeaveEdge::Noon { day });
        let acted_at = ActedAt { wall: NOW, age_ms: None };
        let note = Some("发烧".to_owned());
        let request = LeaveRequest {
            id,
            courier: Some("c1".into()),
            kind: LeaveKind::Sick,
            from,
            to,
            note: note.clone(),
            acted_at,
        };
        let view = LeaveView {
            id,
            courier: who,
            name: "李伟".into(),
            kind: LeaveKind::Sick,
            from,
            to: LeaveEdge::Time { at: NOW },
            from_at: NOW,
            to_at: NOW + 9,
            note,
            state: AskState::Refused,
            by: who,
            asked_at: NOW,
            decided_by: Some(who),
            decided_at: Some(NOW),
            reason: Some("人手不够".into()),
        };
        let correction = Correction::Void { punch: id };
        let ask = CorrectionAskView {
            id,
            courier: who,
            name: "李伟".into(),
            day: "2026-03-02".into(),
            correction: correction.clone(),
            reason: "误打".into(),
            state: AskState::Approved,
            asked_at: NOW,
            decided_by: None,
            decided_at: None,
            answer: None,
        };
        let asked = CorrectionAsk { id, day: ask.day.clone(), correction, reason: "误打".into(), acted_at };
        let all = json!([
            request,
            view,
            LeaveDecision { approve: true, reason: None },
            LeaveCut { to, reason: "提前返岗".into() },
            Withdrawal { acted_at },
            asked,
            ask,
            AskDecision { approve: false, reason: Some("有监控".into()) },
        ]);
        assert_eq!(serde_json::from_value::<LeaveRequest>(all[0].clone()).unwrap(), request);
        assert_eq!(serde_json::from_value::<LeaveView>(all[1].clone()).unwrap(), view);
        assert_eq!(serde_json::from_value::<CorrectionAskView>(all[6].clone()).unwrap(), ask);
        insta::assert_json_snapshot!("leaves", all);
    }
}
