//! The hosted backend: HTTP API, dialler, storage.
//!
//! A request goes `routes → service → store` inside one room; another room is reached through its service. `start`
//! puts the rooms together and is what the binary and the tests use.

pub mod accounts;
pub mod announcements;
pub mod app;
pub mod app_calls;
pub mod attendance;
pub mod audit;
pub mod bindings;
pub mod calls;
pub mod charges;
pub mod clock;
pub mod config;
pub mod consents;
pub mod crash;
pub mod events;
pub mod evidence;
mod files;
pub mod flow;
pub mod geocoder;
pub mod http;
pub mod inbound;
pub mod janitor;
pub mod keys;
pub mod knowledge;
pub mod leaves;
pub mod lock;
pub mod messages;
pub mod notify;
pub mod numbers;
pub mod orders;
pub mod org;
pub mod outgoing;
pub mod parcels;
pub mod phones;
pub mod places;
pub mod push;
pub mod recordings;
mod sheet;
pub mod speech;
mod start;
pub mod store;
pub mod templates;
pub mod tracks;
pub mod transcripts;
mod voicemail;
pub mod webhooks;
mod worker;

pub use start::{Running, StartError, start};
