//! SIP (RFC 3261): everything between the sockets and the events.
//!
//! ```text
//!   wire          sockets: UDP, TCP, TLS; whole messages           guard   who may be heard, how much
//!     │                                                            message reading and writing (the only user of
//!   agent         one task: tables, timers, commands, health               the `rsipstack` parser)
//!     ├─ transaction   repetition and end of one request           invite  the derived INVITE, probe, CANCEL, ACK
//!     ├─ registrar     telephones that register: digest, contacts, flows
//!     └─ leg           one call: uac, uas, inside, session         dialog  requests inside a call
//!                                                                  sdp, digest, record, trunk
//! ```
//!
//! Below `agent` nothing reads a clock or draws a random number: both are arguments, so that hours of calls over a bad
//! network run in a moment (`leg/tests.rs`).
pub(crate) mod agent;
pub(crate) mod dialog;
pub(crate) mod digest;
pub(crate) mod guard;
pub(crate) mod invite;
pub(crate) mod leg;
pub(crate) mod message;
pub(crate) mod record;
pub(crate) mod registrar;
pub(crate) mod sdp;
pub(crate) mod transaction;
pub(crate) mod trunk;
pub(crate) mod wire;
