//! What a day comes to: a pure function of the plan, the punches, what was put right, and now.
//!
//! * Punches count once, in whatever order they come. A clock-in while at work changes nothing, a clock-out while away
//!   moves the last end: so the first in and the last out of a stretch count, and stretches add up.
//! * A stretch that nobody ended goes on until now, and is a missing punch once the day's window is over; then it is worth
//!   nothing, because nobody knows its end.
//! * Field punches say where somebody was; they begin and end nothing.
//! * A leave that covers a shift is the day's state; one that covers an end of it moves that end, and what is left is judged.
//!   What a supervisor says of the day comes before the leave.
//! * Nothing is judged before its time: nobody is late before the grace is over, nobody absent before the shift is.

use super::leave::without;
use super::{Correction, Plan, PunchKind, Span};
use crate::clock::{MINUTE, UnixMs};
use crate::id::OperationId;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

words! {
    /// How a day went.
    pub enum AttendanceState {
        /// In time, and as long as it should be.
        Normal = "normal", "正常", "normal";
        /// Later than the rules allow.
        Late = "late", "迟到", "late";
        /// Much later.
        SeriousLate = "serious_late", "严重迟到", "seriously late";
        /// Gone before the end.
        EarlyLeave = "early_leave", "早退", "left early";
        /// A punch is missing.
        MissingPunch = "missing_punch", "缺卡", "punch missing";
        /// Not there at all.
        Absent = "absent", "旷工", "absent";
        /// On leave.
        OnLeave = "on_leave", "请假", "on leave";
        /// A day of rest.
        Rest = "rest", "休息", "day of rest";
        /// The day is not over, or has not begun.
        Open = "open", "进行中", "not over yet";
    }
}

/// A punch, as far as a sheet needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its id: the same one counts once.
    pub id: OperationId,
    /// What it says.
    pub kind: PunchKind,
    /// When it was made.
    pub at: UnixMs,
}

/// What a day comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DaySheet {
    /// When work was to be; absent on a day of rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Span>,
    /// How it went: one word, or several where several things were not as they should be.
    pub states: Vec<AttendanceState>,
    /// The first clock-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_in: Option<UnixMs>,
    /// The last clock-out after which nobody clocked in again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_out: Option<UnixMs>,
    /// Stretches at work.
    pub worked: Vec<Span>,
    /// Their sum, ms.
    pub worked_ms: i64,
    /// How much too late, ms, from the beginning of the shift; 0 within the grace.
    pub late_ms: i64,
    /// How much too early, ms; 0 within the grace.
    pub early_ms: i64,
    /// How much of the shift was leave, ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub leave_ms: i64,
    /// Punches that are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<PunchKind>,
    /// Field punches.
    pub field: u32,
    /// Punches of this date while no shift was open, which count for no day.
    #[serde(default, skip_serializing_if = "is_none")]
    pub off_hours: u32,
    /// Somebody has put something right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub corrected: bool,
}

fn is_none(n: &u32) -> bool {
    *n == 0
}

fn is_zero(ms: &i64) -> bool {
    *ms == 0
}

/// The sheet of a day. `punches` in any order, those of other days and doubled ones too; `corrections` of this day in the
/// order in which they were made.
#[must_use]
pub fn sheet(plan: &Plan, punches: &[Counted], corrections: &[Correction], now: UnixMs) -> DaySheet {
    let mut said: Option<bool> = None;
    let mut void = HashSet::new();
    let mut counted: Vec<(UnixMs, PunchKind)> = Vec::new();
    for correction in corrections {
        match correction {
            Correction::Punch { kind, at } => counted.push((*at, *kind)),
            Correction::Void { punch } => {
                void.insert(*punch);
            }
            Correction::Leave => said = Some(true),
            Correction::WorkDay => said = Some(false),
        }
    }
    let counts = |at: UnixMs| plan.holds(at) && at <= now;
    counted.retain(|(at, _)| counts(*at));
    let mut seen = HashSet::new();
    for punch in punches.iter().filter(|p| counts(p.at)) {
        if !void.contains(&punch.id) && seen.insert(punch.id) {
            counted.push((punch.at, punch.kind));
        }
    }
    // of one moment: out before in, so that leaving and coming back does not end the work
    let rank = |kind: PunchKind| match kind {
        PunchKind::ClockOut => 0,
        PunchKind::ClockIn => 1,
        PunchKind::Field => 2,
    };
    counted.sort_by_key(|(at, kind)| (*at, rank(*kind)));
    let mut day = DaySheet { corrected: !corrections.is_empty(), ..DaySheet::default() };
    let whole = plan.shift.as_ref().map(|(span, _)| *span);
    let (shift, leave) = match (whole, said) {
        (_, Some(true)) => {
            day.leave_ms = whole.map_or(0, Span::ms);
            (None, true)
        }
        (Some(span), None) => {
            let (left, covered) = without(span, &plan.leaves);
            day.leave_ms = covered;
            (left, left.is_none())
        }
        (whole, _) => (whole, false),
    };
    day.planned = shift;
    day.field = counted.iter().filter(|(_, kind)| *kind == PunchKind::Field).count() as u32;
    let open = stretches(&mut day, &counted);
    let over = now >= plan.window.to;
    if let Some(from) = open {
        if over {
            day.missing.push(PunchKind::ClockOut);
        } else {
            day.worked.push(Span { from, to: now });
        }
    }
    day.worked_ms = day.worked.iter().map(|s| s.ms()).sum();
    if leave {
        day.states = vec![AttendanceState::OnLeave];
        day.missing.clear();
        return day;
    }
    match &plan.shift {
        None => {
            let wrong = !day.missing.is_empty();
            day.states = vec![if wrong { AttendanceState::MissingPunch } else { AttendanceState::Rest }];
        }
        Some((span, rule)) => judge(&mut day, shift.unwrap_or(*span), rule, open.is_some(), over, now),
    }
    if day.leave_ms > 0 {
        day.states.retain(|s| *s != AttendanceState::Normal);
        day.states.insert(0, AttendanceState::OnLeave);
    }
    day
}

/// The stretches at work; the beginning of one that goes on.
fn stretches(day: &mut DaySheet, counted: &[(UnixMs, PunchKind)]) -> Option<UnixMs> {
    let mut open: Option<UnixMs> = None;
    for (at, kind) in counted {
        match (kind, open) {
            (PunchKind::ClockIn, None) => {
                day.clock_in.get_or_insert(*at);
                day.clock_out = None;
                open = Some(*at);
            }
            (PunchKind::ClockOut, Some(from)) => {
                day.worked.push(Span { from, to: *at });
                day.clock_out = Some(*at);
                open = None;
            }
            (PunchKind::ClockOut, None) => {
                if let Some(last) = day.worked.last_mut() {
                    last.to = *at;
                } else if !day.missing.contains(&PunchKind::ClockIn) {
                    day.missing.push(PunchKind::ClockIn);
                }
                day.clock_out = Some(*at);
            }
            (PunchKind::ClockIn, Some(_)) | (PunchKind::Field, _) => {}
        }
    }
    // who clocked in later after all did not forget it
    open
}

fn judge(day: &mut DaySheet, span: Span, rule: &super::ShiftRule, at_work: bool, over: bool, now: UnixMs) {
    let late_from = span.from + i64::from(rule.late_min) * MINUTE;
    match day.clock_in {
        Some(at) if at > late_from => day.late_ms = at.since(span.from),
        Some(_) => {}
        None if over && day.clock_out.is_none() => {
            day.missing = vec![PunchKind::ClockIn, PunchKind::ClockOut];
            day.states.push(AttendanceState::Absent);
            return;
        }
        None if over && !day.missing.contains(&PunchKind::ClockIn) => day.missing.push(PunchKind::ClockIn),
        None => {}
    }
    let early_until = span.to - i64::from(rule.early_min) * MINUTE;
    if now >= span.to
        && !at_work
        && let Some(at) = day.clock_out
        && at < early_until
    {
        day.early_ms = span.to.since(at);
    }
    if day.late_ms >= i64::from(rule.serious_late_min) * MINUTE && day.late_ms > 0 {
        day.states.push(AttendanceState::SeriousLate);
    } else if day.late_ms > 0 {
        day.states.push(AttendanceState::Late);
    }
    if day.early_ms > 0 {
        day.states.push(AttendanceState::EarlyLeave);
    }
    if over && !day.missing.is_empty() {
        day.states.push(AttendanceState::MissingPunch);
    }
    let done = over || now >= span.to && !at_work && day.clock_in.is_some() && day.clock_out.is_some();
    if !done {
        day.states.push(AttendanceState::Open);
    } else if day.states.is_empty() {
        day.states.push(AttendanceState::Normal);
    }
}
