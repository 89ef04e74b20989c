//! What people do with orders.

use super::{OrderNode, Satisfaction, UrgeChannel};
use crate::clock::{DAY, UnixMs};
use crate::id::UserId;
use serde::{Deserialize, Serialize};

/// A pause is no longer than this, ms: one without an end is how orders are forgotten.
pub const MOST_HOLD: i64 = 30 * DAY;
/// The longest text, characters.
pub const MOST_TEXT: usize = 2_000;

/// One thing that somebody does with an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum OrderAction {
    /// 受理: staff take it up.
    Accept,
    /// 审核通过.
    Approve,
    /// 派单, or another one than before: to a department, a person or both.
    Assign {
        /// Key of the department; the present one where it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        department: Option<String>,
        /// Who handles it; whoever of the department takes it where this is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handler: Option<UserId>,
    },
    /// 接单: whom it was given to is on it, or somebody of the department takes it.
    Take,
    /// A point of its way that counts by itself.
    Node {
        /// Which.
        node: OrderNode,
        /// What there was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// 申请退回: back to be assigned.
    Return {
        /// Why.
        reason: String,
    },
    /// 转派: to another department, along the departments' flow, or to another person.
    Transfer {
        /// Key of the department; the present one where it is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        department: Option<String>,
        /// Who handles it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handler: Option<UserId>,
        /// Why.
        reason: String,
    },
    /// 挂起: the clock stands until then.
    Hold {
        /// Why.
        reason: String,
        /// Until when, at most 30 days ahead.
        until: UnixMs,
    },
    /// The clock goes on before that.
    Resume,
    /// 办结: done, or passed on to the next department of the type's path.
    Resolve {
        /// What was done.
        text: String,
    },
    /// 回访: what the customer says.
    Revisit {
        /// In a word.
        outcome: Satisfaction,
        /// In their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// It was not done after all.
    Reopen {
        /// Why.
        reason: String,
    },
    /// Archived without being resolved.
    Close {
        /// Why.
        reason: String,
    },
    /// 催办.
    Urge {
        /// By which way it came.
        #[serde(default)]
        channel: UrgeChannel,
        /// What is wanted.
        note: String,
        /// An answer is expected by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer_by: Option<UnixMs>,
    },
    /// An urge is answered.
    Acknowledge {
        /// With what; may be absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A remark.
    Note {
        /// It.
        text: String,
    },
}

/// A field of an action that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct OrderFlaw {
    /// Its name.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl OrderAction {
    /// The word that is stored and sent.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Approve => "approve",
            Self::Assign { .. } => "assign",
            Self::Take => "take",
            Self::Node { .. } => "node",
            Self::Return { .. } => "return",
            Self::Transfer { .. } => "transfer",
            Self::Hold { .. } => "hold",
            Self::Resume => "resume",
            Self::Resolve { .. } => "resolve",
            Self::Revisit { .. } => "revisit",
            Self::Reopen { .. } => "reopen",
            Self::Close { .. } => "close",
            Self::Urge { .. } => "urge",
            Self::Acknowledge { .. } => "acknowledge",
            Self::Note { .. } => "note",
        }
    }

    /// What is written with it: field, text, and whether there must be one.
    #[must_use]
    pub fn text(&self) -> Option<(&'static str, &str, bool)> {
        match self {
            Self::Return { reason }
            | Self::Transfer { reason, .. }
            | Self::Hold { reason, .. }
            | Self::Reopen { reason }
            | Self::Close { reason } => Some(("reason", reason, true)),
            Self::Resolve { text } | Self::Note { text } => Some(("text", text, true)),
            Self::Urge { note, .. } => Some(("note", note, true)),
            Self::Node { text, .. } | Self::Revisit { text, .. } | Self::Acknowledge { text } => {
                text.as_deref().map(|text| ("text", text, false))
            }
            Self::Accept | Self::Approve | Self::Assign { .. } | Self::Take | Self::Resume => None,
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// A text that is missing or too long, a pause that has no future or too much of it.
    pub fn check(&self, now: UnixMs) -> Result<(), OrderFlaw> {
        if let Some((field, text, needed)) = self.text() {
            let length = text.trim().chars().count();
            if needed && length == 0 {
                return Err(OrderFlaw { field, problem: "is missing".into() });
            }
            if length > MOST_TEXT {
                return Err(OrderFlaw { field, problem: format!("has more than {MOST_TEXT} characters") });
            }
        }
        match self {
            Self::Hold { until, .. } if *until <= now => {
                Err(OrderFlaw { field: "until", problem: "has passed".into() })
            }
            Self::Hold { until, .. } if until.since(now) > MOST_HOLD => {
                Err(OrderFlaw { field: "until", problem: "is more than 30 days ahead".into() })
            }
            _ => Ok(()),
        }
    }
}
