//! Leaves, and corrections that people ask for: decided by a supervisor of their branch.
//!
//! ```text
//!  POST /leaves (courier; staff: at once) ─▶ take ─▶ leave_request ◀─ decide, cut (staff), withdraw (own)
//!  POST /attendance/asked (courier) ───────▶ asked ─▶ correction_ask ─ decide ─▶ punch_correction, same id
//!  GET /leaves, /attendance/asked ◀── find      attendance::sheets ◀── approved leaves, corrections
//! ```
//!
//! * **Once.** A leave's id is made by who asks; the same one again answers with the leave as it is. A decision that is said
//!   again changes nothing; another one is refused, because somebody has been told the first.
//! * **Nobody decides their own.** Nor does an agent; team leaders and supervisors decide for their branch.
//! * **No two at once.** What a person asks for does not meet what they asked for before, unless that was refused or withdrawn.
//! * Every change is in the audit. Nothing is deleted.

mod ask_rows;
pub mod asked;
pub mod routes;
mod rows;
mod take;

pub(crate) use rows::approved;

use crate::accounts::auth::Signed;
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::staff;
use crate::store::scope::Scope;
use waybell_domain::wire::Role;

/// Who decides about the time of others.
pub(crate) fn decider(signed: &Signed) -> ApiResult<&Scope> {
    let scope = staff(signed)?;
    if scope.role == Role::Agent { Err(ApiError::forbidden()) } else { Ok(scope) }
}

/// A reason that is given: 2 to 500 characters.
pub(crate) fn reason(text: Option<&str>) -> ApiResult<Option<String>> {
    let text = text.map(str::trim).filter(|t| !t.is_empty());
    match text {
        Some(t) if !(2..=500).contains(&t.chars().count()) => {
            Err(ApiError::field("reason", "must have 2 to 500 characters", "say why"))
        }
        other => Ok(other.map(str::to_owned)),
    }
}

/// A reason that has to be given.
pub(crate) fn why(text: Option<&str>) -> ApiResult<String> {
    reason(text)?.ok_or_else(|| ApiError::field("reason", "must have 2 to 500 characters", "say why"))
}
