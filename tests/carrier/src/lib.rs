//! The simulated carrier and the judge.
//!
//! [`Carrier`] is a far side with real SIP and RTP: it answers, refuses, loses, repeats and confuses as its settings
//! say, and writes down at once what it did, first of all who was *alerted*. [`judge`] compares that truth log with what
//! a server says about the same calls. The crate shares no code with the dialler that it judges, and no SIP stack.
//!
//! ```text
//!  datagrams, streams ──► net ──► engine (one thread, no I/O inside) ──► truth log, then the wire
//!                                    │ commands
//!                                    ▼
//!                         media (one thread, shared RTP sockets) ──► hear (worker: which prompts) ──► truth log
//! ```

mod carrier;
mod clock;
pub mod config;
mod engine;
mod hear;
pub mod judge;
mod media;
mod net;
mod rng;
mod sip;
pub mod truth;
mod wall;

pub use carrier::Carrier;
pub use config::{Config, Settings};
