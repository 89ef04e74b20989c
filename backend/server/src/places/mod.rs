//! Where buildings are: what a branch learns, sets by hand, imports and looks up, shared with all of its phones.
//!
//! ```text
//!  deed at a door, with a fix ──▶ place_seen ──▶ domain::building::learn ─┐
//!  a pin ─────────────────────────────────────────────────────────────────┤
//!  a list with coordinates ───────────────────────────────────────────────┼──▶ place, by branch and building ──▶ sync
//!  geocoder (off unless configured) ──────────────────────────────────────┘
//! ```
//!
//! A row is one source's word on one building; phones have them all and take the best (`waybell_domain::building`). A row
//! that is gone stays as a mark, so that phones hear of it, and so that what was removed does not come back by itself.

mod learn;
mod pins;
pub mod routes;
mod rows;
mod told;

pub(crate) use learn::{forget_deed, observe};
pub(crate) use rows::{Branch, is_place, known_keys, newer, put_found};
pub(crate) use told::take_told;
