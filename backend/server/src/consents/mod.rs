//! What recipients agreed to, as a ledger that can be shown to an authority: who, by which notice in which words, which
//! key, when, in which call; and consent that couriers got in another way, with who noted it.
//!
//! Whether a parcel may be left at a station or a locker hangs on it (Measures on the express market, 2024, articles 28 and
//! 54), so its rows are never changed. The words are those that were said in this call, not those that the template has
//! today: they are written with the key press.

mod ledger;
mod page;
pub mod routes;
