//! What scenarios need: a carrier, a server that can be killed and started again, people, a day's list, the judge.
//!
//! Everything is real: the server is its own process with its own database (a file of SQLite, or one of PostgreSQL), the carrier speaks SIP and RTP on
//! loopback with ports that the system chose, and the verdict comes from the carrier's own log. Dropping a [`World`]
//! ends what it started.

pub mod api;
pub mod campaign;
pub mod database;
pub mod list;
pub mod peers;
pub mod phases;
pub mod phone;
pub mod proxy;
pub mod server;
pub mod sound;
pub mod takeover;
pub mod voice;
pub mod world;

pub use api::Api;
pub use database::Database;
pub use phone::Phone;
pub use proxy::Proxy;
pub use server::Server;
pub use waybell_figures::{python, results};
pub use world::{EVERYBODY_CONSENTS, World, WorldOptions};
