//! A softswitch as a library: SIP, RTP, prompts, DTMF.
//!
//! A [`Switch`] places and takes calls over SIP trunks and carries their sound. It speaks of *legs* (one call between
//! the switch and a far side), *bridges* (two legs joined) and *trunks*; it knows nothing of couriers or parcels,
//! keeps no database and serves no HTTP. It is told what to do by the methods of [`Switch`], which never block, and
//! tells what happened by one stream of [`Event`]s.
//!
//! What makes it different from other stacks is that a call survives the process:
//!
//! * [`Switch::draft`] makes the complete INVITE, byte for byte, from the attempt's id, before anything is sent. The
//!   caller stores the [`InviteRecord`], and only then hands it to [`Switch::place`].
//! * A 2xx is not acknowledged until [`Switch::confirm`], so that the answer can be stored first.
//! * After a crash, [`Switch::probe`] asks the far side whether the call lives, with a request that cannot start one;
//!   [`Switch::end_stored`], [`Switch::cancel_stored`] and [`Switch::refuse_stored`] end what is no longer wanted.
//!
//! ```text
//!  Switch (handle, any thread) ──commands──▶ sip::agent (one task, no I/O of its own: messages, commands and time in,
//!     ▲                                          messages and events out) ◀──▶ sip::wire (UDP, TCP, TLS sockets)
//!     └──────── events ──────────────────────────┘        │ commands ▲ events
//!                                                         ▼          │
//!                             webrtc (one thread, all apps) ◀─ G.711 ─▶   ▼          │
//!                                              rtp (pinned threads, one sweep every 5 ms) ──taps──▶ record (one thread)
//! ```

mod call;
mod config;
mod error;
mod event;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod media;
mod phone;
mod record;
mod rtp;
mod sip;
mod switch;
mod webrtc;

pub use call::{Draft, Play, Q850};
pub use config::{
    AppLegs, Credentials, DigestHash, FloodLimits, Listen, PhoneAccounts, Phones, Registration, SwitchConfig,
    Transport, TrunkConfig,
};
pub use error::SwitchError;
pub use event::{DigitSource, EndHow, Event, EventKind, Incoming, LegEnd, LegId, RtpStats};
pub use media::{Codec, Prompt};
pub use phone::{PhoneContact, PhoneDraft, PhoneGone};
pub use record::sealed::{self, FileKey, SealError, Sealed};
pub use record::{RecordSpec, RecordingEnd};
pub use sip::record::{DialogRecord, InviteRecord, RECORD_VERSION, RefusalRecord};
pub use sip::registrar::digest::ha1;
pub use sip::trunk::{Life as TrunkLife, Permit, TrunkState};
pub use switch::{Stats, Switch};
