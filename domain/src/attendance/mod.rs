//! Attendance: when people are to be at work, what a punch is worth, and what a day comes to.
//!
//! ```text
//!  FieldPolicy ──plan──▶ Plan of a day ──┐
//!  punches (phone, once each) ───────────┼─sheet──▶ DaySheet: worked, late, early, missing
//!  corrections (a supervisor, a reason) ─┤
//!  leaves (approved) ────────────────────┘
//!  fixes, Wi-Fi ──whereabouts──▶ inside, in doubt, outside: evidence, and whether a photo is wanted
//! ```
//!
//! Nothing here refuses a punch: what speaks against one is [`Evidence`] for a person to judge.

mod leave;
mod place;
mod policy;
mod punch;
mod sheet;
mod shift;
#[cfg(test)]
mod tests;

pub use leave::{AskState, LEAVE_AHEAD, LEAVE_BACK, LONGEST_LEAVE, LeaveEdge, LeaveKind, leave_span};
pub use place::{
    MOST_FIXES, OLDEST, PlaceVerdict, PunchFix, WORST_ACCURACY, Whereabouts, WorkPlace, whereabouts,
};
pub use policy::FieldPolicy;
pub use punch::{Correction, Evidence, PunchKind};
pub use sheet::{AttendanceState, Counted, DaySheet, sheet};
pub use shift::{Plan, ShiftRule, Span, day_of, plan};
