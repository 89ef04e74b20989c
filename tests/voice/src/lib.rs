//! App calls over a simulated network in virtual time: a minute of a call takes a moment, and a seed repeats it exactly.
//!
//! ```text
//!  clips ─▶ VoiceSender ─▶ Link ─▶ PlayoutBuffer ─▶ what was heard ─▶ lag, PESQ
//!               ▲ Ladder ◀── Link ◀── Report │
//! ```
//!
//! Sender, ladder and playout buffer are those of `waybell_core::call`; only the network is made up. Nothing here sees
//! the future: packets reach the buffer when they arrive, and the ladder knows what a report told it.
//!
//! [`hardware`]: microphones and loudspeakers that are not there, for what plays and captures on a computer.

pub mod call;
pub mod clips;
pub mod hardware;
pub mod link;
pub mod pesq;
