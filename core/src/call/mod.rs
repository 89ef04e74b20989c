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
//! These are pure of clocks, threads and sockets: time is an argument, so a minute of a bad network takes a moment in
//! a test. With the feature `app-calls` calls are made of them:
//!
//! * `session`: places and takes calls, as [`Client::app_calls`](crate::Client). `signalling`: what is said to the server.
//! * `choice`: over the app or by callback.
//! * `peer`: WebRTC behind a trait. `audio`: microphone and loudspeaker as a port. `keys`: telephone keys in the sound.
//! * `voice`: the one thread of a call, which owns a sender and a playout buffer.

#[cfg(feature = "app-calls")]
pub mod audio;
#[cfg(feature = "app-calls")]
pub mod choice;
pub mod codec;
pub mod fsm;
#[cfg(feature = "app-calls")]
pub mod keys;
pub mod ladder;
#[cfg(feature = "app-calls")]
pub mod peer;
pub mod playout;
pub mod red;
pub mod sender;
#[cfg(feature = "app-calls")]
pub mod session;
#[cfg_attr(not(feature = "app-calls"), allow(dead_code, reason = "then nobody takes calls or says anything"))]
pub(crate) mod signalling;
#[cfg(feature = "app-calls")]
pub mod voice;
