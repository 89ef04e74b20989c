//! How much of its time an order has used: read off what was done, never counted along.

use super::Calendar;
use crate::clock::{MINUTE, UnixMs};
use serde::{Deserialize, Serialize};

words! {
    /// What the clock says of an order.
    #[derive(Default)]
    pub enum OrderMark {
        /// In time.
        #[default]
        InTime = "in_time", "正常", "in time";
        /// 预警: most of the time is used.
        Warning = "warning", "预警", "warning";
        /// 超时: all of it is.
        Overdue = "overdue", "超时", "overdue";
    }
}

words! {
    /// Why the clock stands.
    pub enum StopKind {
        /// Paused by hand.
        Hold = "hold", "挂起", "on hold";
        /// Resolved.
        Done = "done", "已办结", "done";
    }
}

/// A while in which the clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stop {
    /// Why.
    pub kind: StopKind,
    /// Since when.
    pub from: UnixMs,
    /// It ends then by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
    /// It was ended then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<UnixMs>,
}

impl Stop {
    /// The first instant after it; `None` where nobody knows it yet.
    #[must_use]
    pub fn end(&self) -> Option<UnixMs> {
        match (self.until, self.ended) {
            (Some(until), Some(ended)) => Some(until.min(ended)),
            (until, ended) => until.or(ended),
        }
    }

    /// True if the clock stands at this instant.
    #[must_use]
    pub fn holds(&self, at: UnixMs) -> bool {
        self.from <= at && self.end().is_none_or(|end| at < end)
    }
}

/// What an order's clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderClock {
    /// Time that it may take, ms of business hours.
    pub limit_ms: i64,
    /// Time that it has used, ms of business hours without pauses.
    pub used_ms: i64,
    /// When all of it is, or was, used, if nothing stops the clock; absent where it was resolved before, or is not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<UnixMs>,
    /// What that comes to.
    pub mark: OrderMark,
}

/// Reads the clock of an order that was opened at `opened`. `limit_min` 0: not limited. In warning from `warn_percent` of it on.
#[must_use]
pub fn clock(
    calendar: &Calendar,
    opened: UnixMs,
    stops: &[Stop],
    limit_min: u32,
    warn_percent: u8,
    now: UnixMs,
) -> OrderClock {
    let limit_ms = i64::from(limit_min) * MINUTE;
    let mut due_at = None;
    let mut used = 0;
    let mut reached = 0;
    for (from, to) in running(opened, stops) {
        let until = to.unwrap_or(now).min(now);
        used += calendar.open_ms(from, until);
        if due_at.is_none() && limit_ms > 0 {
            let at = calendar.after(from, limit_ms - reached);
            match (at, to) {
                (Some(at), Some(end)) if at > end => reached += calendar.open_ms(from, end),
                (at, _) => due_at = at,
            }
        }
    }
    let mark = match limit_ms {
        0 => OrderMark::InTime,
        limit if used >= limit => OrderMark::Overdue,
        limit if used.saturating_mul(100) >= limit.saturating_mul(i64::from(warn_percent)) => {
            OrderMark::Warning
        }
        _ => OrderMark::InTime,
    };
    OrderClock { limit_ms, used_ms: used, due_at, mark }
}

/// The spans in which the clock runs, in order; the last may have no end.
fn running(opened: UnixMs, stops: &[Stop]) -> Vec<(UnixMs, Option<UnixMs>)> {
    let mut stops: Vec<(UnixMs, Option<UnixMs>)> = stops.iter().map(|s| (s.from, s.end())).collect();
    stops.sort_unstable_by_key(|(from, _)| *from);
    let mut out = Vec::new();
    let mut at = opened;
    for (from, end) in stops {
        if end.is_some_and(|end| end <= at || end <= from) {
            continue;
        }
        if from > at {
            out.push((at, Some(from)));
        }
        match end {
            Some(end) => at = end,
            None => return out,
        }
    }
    out.push((at, None));
    out
}
