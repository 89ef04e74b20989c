//! The app core for Kotlin and Swift: objects, records, one error. No logic.
//!
//! [`WaybellClient`] has the core's verbs; [`ChangeListener`] is told topics and runs on a thread of the library, so it
//! must return quickly. Everything `async` runs on the library's own runtime; dropping the awaiting
//! coroutine cancels the wait, never what was already stored.

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "code that uniffi's macros generate"
)]

mod app_calls;
mod attendance;
mod audio;
mod calls;
mod client;
mod doors;
mod error;
mod labels;
mod orders;
mod reading;
mod recordings;
mod records;
mod runtime;
mod tour;
mod tracking;

pub use app_calls::{AppCall, AppCallListener, AppCalls, CallBy, CallQuality, PlacedCall};
pub use attendance::{NewPunch, Punched, WorkDay, WorkMonth};
pub use audio::{
    AudioFormat, AudioHost, AudioHostError, SpeakerRoute, waybell_audio_pull, waybell_audio_push,
};
pub use calls::{Call, CallMade, CallTo, Reach};
pub use client::{ChangeListener, Subscription, Topic, WaybellClient, chinese};
pub use doors::{Deed, LastDeed, Photo, Recorded, Size, StopRule, photo};
pub use error::WaybellError;
pub use labels::{FoundNumber, LabelLine};
pub use orders::{NewWorkOrder, OrderDeed, OrderKind, WorkOrder};
pub use reading::{Announcement, Article, Picture, Shelf, Unread};
pub use recordings::{EvidenceBundle, RecordedCall, RecordingSearch};
pub use records::{
    Batch, ImportResult, Operation, Parcel, Plan, Progress, Recipient, RowProblem, SyncInfo, Template,
    Undone, User, WhyLine,
};

pub use tour::{GeoPoint, Tour, TourWish, Visit};
pub use tracking::{Around, Circle, DroppedFix, Fix, LocationPlan, TrackDay, TrackGap, TrackInfo, TrackStay};

uniffi::setup_scaffolding!();
