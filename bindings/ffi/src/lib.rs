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

mod calls;
mod client;
mod doors;
mod error;
mod records;
mod runtime;

pub use calls::{Call, CallMade, CallTo, Reach};
pub use client::{ChangeListener, Subscription, Topic, WaybellClient, chinese};
pub use doors::{Deed, LastDeed, Photo, Recorded, Size, StopRule, photo};
pub use error::WaybellError;
pub use records::{
    Batch, ImportResult, Operation, Parcel, Plan, Progress, Recipient, RowProblem, SyncInfo, Template,
    Undone, User, WhyLine,
};

uniffi::setup_scaffolding!();
