//! What lies too long: the rules by which orders surface by themselves.

use super::{
    Calendar, Course, OrderMark, OrderPolicy, OrderState, OrderType, Stage, UrgeLevel, clock, urge_level,
};
use crate::clock::{MINUTE, UnixMs};

words! {
    /// Why an order asks for somebody, the more urgent later.
    pub enum Attention {
        /// 待回访: resolved, and the customer was not asked.
        RevisitWaits = "revisit_waits", "回访超期", "waits for a revisit";
        /// 无进展: taken, and nobody has written anything since.
        Silent = "silent", "长时间无进展", "silent";
        /// 无人接单: with a department or person who has not taken it.
        Unclaimed = "unclaimed", "无人接单", "unclaimed";
        /// 无人派单: waits to be accepted, reviewed or assigned.
        Unassigned = "unassigned", "待派单超期", "unassigned";
        /// 处理人离职: with somebody who no longer works here. Told by the server, which knows it.
        HandlerGone = "handler_gone", "处理人已离职", "handler gone";
        /// 催办.
        Urged = "urged", "被催办", "urged";
        /// 预警.
        Warning = "warning", "预警", "warning";
        /// 督办.
        Supervised = "supervised", "督办", "supervised";
        /// 超时.
        Overdue = "overdue", "超时", "overdue";
        /// 升级.
        Escalated = "escalated", "升级", "escalated";
    }
}

/// Why an order asks for somebody now, the most urgent first. One that is paused asks for nothing but answers to urges.
#[must_use]
pub fn attention(
    policy: &OrderPolicy,
    kind: Option<&OrderType>,
    course: &Course,
    opened: UnixMs,
    calendar: &Calendar,
    now: UnixMs,
) -> Vec<Attention> {
    let mut found = Vec::new();
    let lies = |since: UnixMs, most: u32| {
        let mut open = calendar.open_ms(since, now);
        // a pause is no silence
        for stop in &course.stops {
            let (from, end) = (stop.from.max(since), stop.end().unwrap_or(now).min(now));
            open -= if end > from { calendar.open_ms(from, end) } else { 0 };
        }
        open >= i64::from(most) * MINUTE
    };
    let state = course.state(now);
    match course.stage {
        Stage::Archive => return found,
        Stage::Revisit => {
            if calendar.open_ms(course.arrived_at, now) >= i64::from(policy.revisit_min) * MINUTE {
                found.push(Attention::RevisitWaits);
            }
            return found;
        }
        _ if state == OrderState::OnHold => {}
        Stage::Handle if course.taken_at.is_some() => {
            if lies(course.heard_at, policy.silent_min) {
                found.push(Attention::Silent);
            }
        }
        Stage::Handle => {
            if lies(course.arrived_at, policy.unclaimed_min) {
                found.push(Attention::Unclaimed);
            }
        }
        Stage::Accept | Stage::Review | Stage::Assign => {
            if lies(course.arrived_at, policy.unclaimed_min) {
                found.push(Attention::Unassigned);
            }
        }
    }
    if let (Some(kind), false) = (kind, state == OrderState::OnHold) {
        match clock(calendar, opened, &course.stops, kind.limit_min, kind.warn_percent, now).mark {
            OrderMark::Overdue => found.push(Attention::Overdue),
            OrderMark::Warning => found.push(Attention::Warning),
            OrderMark::InTime => {}
        }
    }
    match urge_level(course, &policy.urge, calendar, now) {
        UrgeLevel::None => {}
        UrgeLevel::Urged => found.push(Attention::Urged),
        UrgeLevel::Supervised => found.push(Attention::Supervised),
        UrgeLevel::Escalated => found.push(Attention::Escalated),
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}
