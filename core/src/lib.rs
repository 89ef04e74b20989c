//! The app core: offline first, one SQLite file.
//!
//! ```text
//!   screen ──▶ Client ─┬─ tasks, notify ──▶ one transaction: optimistic change + operation ──▶ SQLite
//!                      ├─ search                                                  │
//!                      ├─ session                                  outbox (FIFO, idempotent)
//!                      └─ subscribe ◀── changes ◀── sync ◀── pages ──── server ◀──┘
//! ```
//!
//! * Whatever a person does is stored before the call returns, and goes to the server when there is a network, once.
//! * What a screen shows is the server's last word with the pending operations applied over it.
//! * All calls may come from any thread. Those marked `async` never block the caller's thread; the others return at once.

pub mod announcements;
pub mod attendance;
pub mod call;
pub mod calls;
pub mod charges;
mod client;
mod crash;
pub mod error;
pub mod events;
mod http;
pub mod knowledge;
pub mod labels;
pub mod leaves;
#[cfg(feature = "measure")]
pub mod measure;
pub mod notify;
pub mod orders;
pub mod organisation;
pub mod outbox;
pub mod phones;
pub mod ports;
pub mod recordings;
pub mod route;
pub mod say;
pub mod search;
pub mod session;
mod store;
pub mod sync;
pub mod tasks;
#[cfg(test)]
mod testing;
pub mod tour;
pub mod tracking;

pub use client::{Client, ClientConfig};
pub use error::{Error, Result};
pub use ports::Ports;
