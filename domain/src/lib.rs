//! The words and the pure rules that phone and backend share.
//!
//! Everything here is a function of its arguments: no I/O, no async, no clock reads, no random numbers. Time comes in
//! as [`clock::UnixMs`], randomness as bytes. Both sides therefore come to the same answer from the same facts: the
//! phone shows before sending exactly what the server will do.
//!
//! ```text
//!  import ──> parcel, phone, address ──> search
//!                     │
//!                     v
//!  template ──> dial::plan ──> dial::{batch, recipient, attempt} ──> dial::outcome ──> dial::retry
//!                     ^                        │
//!                dial::policy               flow (what is said and asked once somebody answers)
//!
//!  a customer rings ──> inbound (who is rung for them, in which order and why; the life of that call)
//!  two people share a virtual number ──> binding (who is put through to whom; the life of that call)
//!  a caller leaves a message ──> voicemail (what they want, by key words)
//!  a courier rings a customer ──> outgoing (may they; the life of that call, both legs)
//!  a customer complains ──> order (who may do what next; its time, its urging, what lies too long)
//!  a supervisor announces ──> announcement (what may be posted, when it shows, when it is read)
//!  a leg has ended ──> rate (what it costs, and why; who pays; whether there is room for another call)
//!  a courier delivers ──> building (where it is, out of where couriers were; under which name that is kept)
//!  somebody looks something up ──> knowledge (what an article may be, how it is published, what is found first)
//! ```
//!
//! State machines are tables `(state, event) -> state`; a pair that is not in the table is a typed error that leaves
//! the state as it was.

#[macro_use]
mod words;

pub mod address;
pub mod announcement;
pub mod attendance;
pub mod binding;
pub mod building;
pub mod clock;
pub mod dial;
pub mod evidence;
pub mod flow;
pub mod id;
pub mod import;
pub mod inbound;
pub mod knowledge;
pub mod lang;
pub mod money;
pub mod order;
pub mod outgoing;
pub mod parcel;
pub mod phone;
pub mod policy;
pub mod rate;
pub mod search;
pub mod sheet;
pub mod template;
pub mod track;
pub mod voicemail;
pub mod wire;
