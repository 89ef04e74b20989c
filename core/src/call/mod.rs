//! The sound of a call between the app and the switch.
//!
//! ```text
//!  microphone ─▶ sender ─▶ Opus, redundancy ─▶ network ─▶ playout ─▶ loudspeaker
//!                  ▲ plan                          │ report
//!                  └──────────── ladder ◀──────────┘
//! ```
//!
//! * [`codec`]: Opus behind traits. [`red`]: redundancy in packets (RFC 2198).
//! * [`sender`]: samples to packets, by the ladder's plan.
//! * [`playout`]: packets to samples: waiting, concealing, stretching.
//! * [`fsm`]: what the call is doing, and what is to be done.
//! * [`ladder`]: how many bits, how many copies, by what the other side reports.
//!
//! Everything is pure of clocks, threads and sockets: time is an argument, so a minute of a bad network takes a moment in
//! a test. One thread per call owns a sender and a playout buffer.

pub mod codec;
pub mod fsm;
pub mod ladder;
pub mod playout;
pub mod red;
pub mod sender;
