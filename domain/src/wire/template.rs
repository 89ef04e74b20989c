//! Notices of an organisation's own, on their way into force.

use crate::clock::UnixMs;
use crate::id::UserId;
use crate::template::Wording;
use serde::{Deserialize, Serialize};

words! {
    /// How far a wording has come.
    pub enum DraftState {
        /// Being written.
        Draft = "draft", "草稿", "draft";
        /// An administrator is to look at it.
        InReview = "in_review", "待审核", "in review";
        /// Refused, with a reason.
        Rejected = "rejected", "已驳回", "rejected";
    }
}

/// A wording that is not in force yet. Once it is approved it is a template, and no draft any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateDraftView {
    /// Key of the template that it will be, or whose wording it will replace.
    pub key: String,
    /// The words.
    pub wording: Wording,
    /// How far it has come.
    pub state: DraftState,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who wrote it last.
    pub edited_by: UserId,
    /// When, steady server time; names this version of it.
    pub edited_at: UnixMs,
    /// Who refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_by: Option<UserId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<UnixMs>,
    /// About how long the notice takes to be spoken, seconds.
    pub seconds: u32,
    /// The notice as somebody with two parcels would hear it, in Chinese.
    pub example: String,
    /// The text message that they would get.
    pub example_message: String,
}

/// What an administrator says of a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateReview {
    /// The version that was looked at: `edited_at` of the draft.
    pub edited_at: UnixMs,
    /// Why it is refused; for refusals alone.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What was found in a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowCheck {
    /// What keeps it from being used; empty: nothing does.
    pub problems: Vec<FlowIssue>,
    /// What somebody with two parcels hears who presses nothing, one line a step; empty where there are problems.
    pub trace: Vec<String>,
}

/// Something that keeps a flow from being used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowIssue {
    /// The action that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Line of the JSON, from 1, where it does not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What is wrong.
    pub problem: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_travels() {
        DraftState::check_words();
        let at = UnixMs(1_772_413_200_000);
        let draft = TemplateDraftView {
            key: "rain_delay".into(),
            wording: Wording {
                name_zh: "雨天通知".into(),
                text: "您好，{company}".into(),
                message: "【{company}】".into(),
                ..Wording::default()
            },
            state: DraftState::Rejected,
            reason: Some("太长".into()),
            edited_by: UserId::at(at, [1; 10]),
            edited_at: at,
            reviewed_by: Some(UserId::at(at, [2; 10])),
            reviewed_at: Some(at + 1),
            seconds: 3,
            example: "您好，韵达快递".into(),
            example_message: "【韵达快递】".into(),
        };
        let json = serde_json::to_value(&draft).unwrap();
        assert_eq!(serde_json::from_value::<TemplateDraftView>(json.clone()).unwrap(), draft);
        insta::assert_json_snapshot!("template_draft", json);
    }

    #[test]
    fn a_check_travels() {
        let none =
            FlowIssue { action: None, line: None, column: None, problem: "version 2 is not known".into() };
        let check = FlowCheck {
            problems: vec![
                FlowIssue { action: Some("menu".into()), ..none.clone() },
                FlowIssue { line: Some(3), column: Some(7), ..none.clone() },
                none,
            ],
            trace: vec!["hangup".into()],
        };
        let json = serde_json::to_value(&check).unwrap();
        assert_eq!(serde_json::from_value::<FlowCheck>(json.clone()).unwrap(), check);
        insta::assert_json_snapshot!("flow_check", json);
    }
}
