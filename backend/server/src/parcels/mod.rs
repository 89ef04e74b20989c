//! Parcels: import of the day's list, what the courier did with them, and the pull of the phones.

pub mod import;
pub mod routes;
pub mod rows;
pub mod state;
pub mod sync;
