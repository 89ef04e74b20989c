//! Announcements: posted once, read by whom they are for, and who has not read one is known.
//!
//! ```text
//!  POST /announcements ─▶ post ─┐
//!  PATCH, …/withdraw ─▶ change ─┼─▶ announcement, its text by version, audit ──▶ rev ──▶ WebSocket: "there is more"
//!  POST /me/announcements/{id}/read ─▶ read ─▶ receipt ─┘                                       │
//!  GET /me/announcements ◀── pull: by revision, of the announcement or of the own receipt ◀──────┘
//!  GET /announcements, …/{id}, …/{id}/readers ◀── find
//! ```
//!
//! * **The audience is whoever belongs to it now** (`rights`): branch and roles are a condition on people, so somebody who joins
//!   later finds what is in force, and who left counts no more. It cannot be changed: withdraw, and post another one.
//! * **A receipt is of a version.** Every text is kept. Where one must be read, only the receipt of the version in force counts;
//!   who wrote that version is not asked for one. Receipts may come late, twice and from several phones: the earliest counts.
//! * **Phones have one before it shows,** so that it shows on time without a network; before and after its time they hide it.
//! * **Whose.** Supervisors post to their branch, administrators and head office also to all; each sees the people that are
//!   theirs. Nothing is deleted: what was withdrawn stays with its receipts.

mod change;
mod find;
mod post;
pub mod pull;
mod read;
mod rights;
pub mod routes;
mod rows;
