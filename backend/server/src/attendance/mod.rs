//! Attendance: punches as phones send them, and what days come to.
//!
//! ```text
//!  POST /punches ─▶ take: once by id; never refused for place or time, but with evidence ─▶ punch
//!  POST /attendance/corrections (a supervisor, a reason) ─▶ punch_correction, audit
//!  leaves/ (approved), the organisation's calendar ─▶ sheets
//!  GET /attendance, /attendance/day, /attendance/export ◀── sheets: plan + punches + corrections, computed at each look
//! ```
//!
//! * **Nothing is stored that can be computed.** A day's sheet is a pure function (`waybell_domain::attendance`) of the rules
//!   in force, the punches and what was put right, so that a punch that arrives late, or a correction, is in it at once.
//! * **Nothing is changed.** A punch stays as it came; a correction is a row of its own, with who, when and why.
//! * **Time** is told by the phone's boot clock (see [`crate::http::acted_at`]); its wall clock is kept beside it.

pub(crate) mod correct;
mod places;
pub mod routes;
pub mod rules;
mod sheets;
mod take;
