//! 催办 → 督办 → 升级: how far the urging of an order has come.
//!
//! Urges that wait are one ([`OpenUrge`]): a second of the same person within some minutes changes nothing but its time, every
//! other one raises its count. It is supervised when there are enough of them or nobody has answered in time, and escalated
//! when there are still more, or nobody has answered for long. An answer ends the waiting; the count stays with the order.

use super::{Calendar, Course, UrgeRule};
use crate::clock::{MINUTE, UnixMs};
use crate::id::UserId;
use serde::{Deserialize, Serialize};

words! {
    /// How far the urging of an order has come.
    #[derive(Default)]
    pub enum UrgeLevel {
        /// Nobody urges.
        #[default]
        None = "none", "无", "none";
        /// 催办: somebody waits for an answer.
        Urged = "urged", "催办", "urged";
        /// 督办: a supervisor is to see to it.
        Supervised = "supervised", "督办", "supervised";
        /// 升级: the administrators are.
        Escalated = "escalated", "升级", "escalated";
    }
}

/// Urges that wait for an answer, as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenUrge {
    /// The first of them.
    pub first_at: UnixMs,
    /// The last of them.
    pub last_at: UnixMs,
    /// Who urged last.
    pub by: UserId,
    /// How many there are; merged ones count once.
    pub count: u32,
    /// An answer is expected by then: the earliest that any of them named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<UnixMs>,
}

/// How far the urging of an order has come now.
#[must_use]
pub fn urge_level(course: &Course, rule: &UrgeRule, calendar: &Calendar, now: UnixMs) -> UrgeLevel {
    if course.is_done() {
        return UrgeLevel::None;
    }
    let by_count = match course.urges {
        n if n >= u32::from(rule.escalate_after) => UrgeLevel::Escalated,
        n if n >= u32::from(rule.supervise_after) => UrgeLevel::Supervised,
        _ => UrgeLevel::None,
    };
    let Some(open) = &course.urge else { return by_count };
    let waited = calendar.open_ms(open.first_at, now);
    let late = open.answer_by.is_some_and(|by| now >= by);
    let by_silence = if waited >= i64::from(rule.escalate_min) * MINUTE {
        UrgeLevel::Escalated
    } else if late || waited >= i64::from(rule.answer_min) * MINUTE {
        UrgeLevel::Supervised
    } else {
        UrgeLevel::Urged
    };
    by_count.max(by_silence)
}
