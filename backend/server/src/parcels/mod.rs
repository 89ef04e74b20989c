//! Parcels: import of the day's list, what the courier did with them at the door and between colleagues, stops put right by
//! hand, and the pull of the phones.

pub mod columns;
mod deed_log;
mod deeds;
pub mod door_routes;
mod hand_over;
pub mod import;
pub(crate) mod known;
pub mod routes;
pub mod rows;
pub mod state;
mod stop_rules;
pub(crate) mod story;
pub mod sync;
mod undo_deed;
pub(crate) mod withdrawn;
