//! Leave (请假): what may be asked for, and what is left of a shift then.
//!
//! ```text
//!               approve                     cut (its end moves back)
//!  requested ──────────────▶ approved ─────────────────────────────▶ approved
//!      │ │ refuse              │ withdraw, before it begins; cut to its beginning
//!      │ └──▶ refused          ▼
//!      └───withdraw──────▶ withdrawn          a supervisor's own entry (illness) begins as approved
//! ```

use super::Span;
use super::shift::at;
use crate::clock::{DAY, HOUR, UnixMs};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The longest leave, ms.
pub const LONGEST_LEAVE: i64 = 366 * DAY;
/// A leave is told no later than so long after it began, ms: illness is often told afterwards.
pub const LEAVE_BACK: i64 = 62 * DAY;
/// And asked for no earlier than so long before, ms.
pub const LEAVE_AHEAD: i64 = 400 * DAY;

words! {
    /// Why somebody is away.
    pub enum LeaveKind {
        /// 年假.
        Annual = "annual", "年假", "annual leave";
        /// 病假.
        Sick = "sick", "病假", "sick leave";
        /// 事假.
        Personal = "personal", "事假", "personal leave";
        /// 调休: for work on a day of rest.
        Compensatory = "compensatory", "调休", "compensatory leave";
        /// 婚假.
        Marriage = "marriage", "婚假", "marriage leave";
        /// 产假.
        Maternity = "maternity", "产假", "maternity leave";
        /// 陪产假.
        Paternity = "paternity", "陪产假", "paternity leave";
        /// 丧假.
        Bereavement = "bereavement", "丧假", "bereavement leave";
        /// 工伤假.
        Injury = "injury", "工伤假", "leave for an injury at work";
        /// Another reason.
        Other = "other", "其他", "other leave";
    }
}

words! {
    /// Where something stands that a supervisor decides: a leave, a correction that was asked for.
    pub enum AskState {
        /// Waits for a supervisor.
        Requested = "requested", "待审批", "waits for approval";
        /// Holds.
        Approved = "approved", "已批准", "approved";
        /// A supervisor said no, with a reason.
        Refused = "refused", "已拒绝", "refused";
        /// Whoever asked wants it no longer, or it was taken back.
        Withdrawn = "withdrawn", "已撤回", "withdrawn";
    }
}

impl AskState {
    /// True while it holds or may come to hold.
    #[must_use]
    pub fn counts(self) -> bool {
        matches!(self, AskState::Requested | AskState::Approved)
    }
}

/// Where a leave begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum LeaveEdge {
    /// With the whole of this day.
    Day {
        /// `YYYY-MM-DD`.
        #[cfg_attr(feature = "openapi", schema(value_type = String, example = "2026-03-02"))]
        day: NaiveDate,
    },
    /// At noon of this day.
    Noon {
        /// `YYYY-MM-DD`.
        #[cfg_attr(feature = "openapi", schema(value_type = String, example = "2026-03-02"))]
        day: NaiveDate,
    },
    /// At this time.
    Time {
        /// When.
        at: UnixMs,
    },
}

impl LeaveEdge {
    fn begins(self, zone: Tz) -> UnixMs {
        match self {
            LeaveEdge::Day { day } => at(day, 0, zone),
            LeaveEdge::Noon { day } => at(day, 12 * HOUR, zone),
            LeaveEdge::Time { at } => at,
        }
    }

    fn ends(self, zone: Tz) -> UnixMs {
        match self {
            LeaveEdge::Day { day } => at(day.succ_opt().unwrap_or(day), 0, zone),
            other => other.begins(zone),
        }
    }
}

/// The while from one edge to another, in the zone of an organisation.
///
/// # Errors
/// The field that is wrong, and what is wrong with it.
pub fn leave_span(from: LeaveEdge, to: LeaveEdge, zone: Tz) -> Result<Span, (&'static str, &'static str)> {
    let span = Span { from: from.begins(zone), to: to.ends(zone) };
    // far from the ends of the calendar, where sums would leave it
    let sane = |at: UnixMs| (0..=253_000_000_000_000).contains(&at.0);
    if !sane(span.from) {
        return Err(("from", "is no day of these years"));
    }
    if !sane(span.to) {
        return Err(("to", "is no day of these years"));
    }
    if span.to <= span.from {
        return Err(("to", "is not after the beginning of the leave"));
    }
    if span.ms() > LONGEST_LEAVE {
        return Err(("to", "is more than a year after the beginning"));
    }
    Ok(span)
}

/// What leaves take from a shift: what is left at its ends (a leave in the midst of it moves neither), and how much of it
/// they cover, ms. Nothing is left where they cover all of it.
pub(super) fn without(shift: Span, leaves: &[Span]) -> (Option<Span>, i64) {
    let mut sorted: Vec<Span> = leaves.iter().copied().filter(|l| l.to > l.from).collect();
    sorted.sort_by_key(|l| (l.from, l.to));
    let (mut left, mut covered, mut seen) = (shift, 0, shift.from);
    for leave in &sorted {
        let (from, to) = (leave.from.max(seen), leave.to.min(shift.to));
        if to > from {
            covered += to.since(from);
            seen = to;
        }
        if leave.from <= left.from {
            left.from = left.from.max(leave.to);
        }
    }
    for leave in sorted.iter().rev() {
        if leave.to >= left.to {
            left.to = left.to.min(leave.from);
        }
    }
    (Some(left).filter(|l| l.to > l.from), covered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Asia::Shanghai;

    fn span(from: i64, to: i64) -> Span {
        Span { from: UnixMs(from), to: UnixMs(to) }
    }

    #[test]
    fn words() {
        LeaveKind::check_words();
        AskState::check_words();
    }

    #[test]
    fn edges_are_days_noons_and_times() {
        let day: NaiveDate = "2026-03-02".parse().unwrap();
        let whole = leave_span(LeaveEdge::Day { day }, LeaveEdge::Day { day }, Shanghai).unwrap();
        assert_eq!(whole.ms(), DAY);
        let noon = LeaveEdge::Noon { day };
        let morning = leave_span(LeaveEdge::Day { day }, noon, Shanghai).unwrap();
        let afternoon = leave_span(noon, LeaveEdge::Day { day }, Shanghai).unwrap();
        assert_eq!((morning.from, morning.to), (whole.from, afternoon.from));
        assert_eq!((afternoon.to, afternoon.ms()), (whole.to, 12 * HOUR));
        let time = |ms: i64| LeaveEdge::Time { at: UnixMs(ms) };
        assert_eq!(leave_span(time(5), time(9), Shanghai), Ok(span(5, 9)));
        for (from, to, field) in [
            (time(9), time(9), "to"),
            (noon, noon, "to"),
            (time(-1), time(9), "from"),
            (time(0), time(i64::MAX), "to"),
            (time(0), time(LONGEST_LEAVE + 1), "to"),
        ] {
            assert_eq!(leave_span(from, to, Shanghai).unwrap_err().0, field, "{from:?} {to:?}");
        }
    }

    #[test]
    fn leaves_take_the_ends_of_a_shift() {
        let shift = span(100, 200);
        for (leaves, left, covered) in [
            (vec![], Some(shift), 0),
            (vec![span(0, 100)], Some(shift), 0),
            (vec![span(200, 300)], Some(shift), 0),
            (vec![span(0, 300)], None, 100),
            (vec![span(100, 200)], None, 100),
            (vec![span(0, 150)], Some(span(150, 200)), 50),
            (vec![span(150, 300)], Some(span(100, 150)), 50),
            (vec![span(120, 140)], Some(shift), 20),
            // two that meet in the midst leave nothing, in either order
            (vec![span(150, 300), span(0, 150)], None, 100),
            (vec![span(90, 130), span(160, 210)], Some(span(130, 160)), 70),
            // one within another counts once
            (vec![span(90, 160), span(110, 120)], Some(span(160, 200)), 60),
            (vec![span(150, 150)], Some(shift), 0),
        ] {
            assert_eq!(without(shift, &leaves), (left, covered), "{leaves:?}");
        }
    }
}
