//! Knowledge: written, reviewed, published, and found by who needs it, also without a network.
//!
//! ```text
//!  POST /knowledge/import ─▶ import: Markdown or HTML, nothing is stored
//!  POST /knowledge/articles, PATCH ─▶ write ─▶ a version, a draft ─┐
//!  …/submit, approve, reject, archive, restore ─▶ review ──────────┼─▶ audit, rev ─▶ WebSocket: "there is more"
//!  POST /knowledge/folders, PATCH, DELETE ─▶ folders ──────────────┘                     │
//!  GET /me/knowledge ◀── pull: folders, approved texts, own favourites ◀─────────────────┘
//!  POST /me/knowledge/{id}/favourite, …/read ─▶ readers ─▶ one row a person; one a person and day ─▶ ranking
//! ```
//!
//! * **Readers have the approved text** (`domain::knowledge`). `rev` is of every change, `shown_rev` of those that readers see, so
//!   that a draft tells no phone anything.
//! * **Whose.** Administrators and supervisors write; a supervisor of a branch for that branch. A folder or article of the whole
//!   organisation lies in no folder of a branch. What belongs to one branch does not exist for another.
//! * **Four eyes.** Where the organisation asks for them, who has written since the last approval does not approve.
//! * **Texts are safe as they are stored.** HTML becomes Markdown before that, and no text with HTML is taken.
//! * **Reading is counted without telling anybody.** It changes no revision: phones learn the most used ones with their next page.

mod find;
pub mod folders;
mod import;
pub mod pictures;
pub mod pull;
mod readers;
mod review;
mod rights;
pub mod routes;
mod rows;
pub mod seek;
mod write;
