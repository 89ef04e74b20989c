//! What an app call is doing, and what is to be done next: a pure state machine.
//!
//! ```text
//!            dial ┌─────────┐ ringing ┌─────────┐ answered
//!        ┌───────▶│ Dialing │────────▶│ Ringing │────────────┐
//!   ┌────┴─┐      └────┬────┘         └─────────┘            ▼
//!   │ Idle │           └──────────── answered ───────▶ ┌────────────┐ connected ┌────────┐
//!   └────┬─┘ invite ┌──────────┐       answer          │ Connecting │──────────▶│ Active │◀─▶ held: by us,
//!        └─────────▶│ Incoming │──────────────────────▶└────────────┘           └─┬────▲─┘    by the other side,
//!                   └──────────┘                                        lost, then │    │      by a cellular call
//!                                                                     ┌────────────▼────┴┐
//!   from everywhere: hang-up, bye, a timer ─▶ Ended(reason)           │   Reconnecting   │
//!                                                                     └──────────────────┘
//! ```
//!
//! [`Machine::step`] takes an event and returns the machine after it and the effects, in order. It reads no clock, starts no
//! task and knows no socket; who runs it carries the effects out and reports back as events. Invariants, checked over random
//! histories (`tests.rs`):
//!
//! * There is never more than one media session, and never one of a call that has ended.
//! * A call that ends gives back audio and media exactly once, if it had them.
//! * A cellular call never ends an app call: it holds it, and as long as it lasts no loss of the network ends it either.
//! * Who rings a second time is told busy, and the person is told who it was.
//! * What is late, doubled or of another call changes nothing.
//! * Each state but `Idle` and `Ended` has a timer that leads out of it.
//! * Sound flows only while the call is active and nobody holds it.

mod machine;
#[cfg(test)]
mod tests;

use std::time::Duration;
use uuid::Uuid;

pub use machine::Machine;

/// One call, the same on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub Uuid);

/// What a screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No call yet.
    Idle,
    /// We call; nothing is known of the other side.
    Dialing,
    /// We call; it rings there.
    Ringing,
    /// We are called.
    Incoming,
    /// Somebody answered; the media are not there yet.
    Connecting,
    /// The two speak.
    Active,
    /// The person here holds the call.
    HeldLocal,
    /// The other side holds it.
    HeldRemote,
    /// A cellular call has the microphone.
    HeldByCellular,
    /// The network is gone; another way is looked for.
    Reconnecting,
    /// It is over.
    Ended(Reason),
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Hung up here.
    HungUp,
    /// Hung up there.
    HungUpThere,
    /// Declined here.
    Declined,
    /// Declined there.
    DeclinedThere,
    /// The other side is in a call.
    Busy,
    /// Nobody answered there.
    NoAnswer,
    /// Nobody answered here, or the caller gave up.
    Missed,
    /// Answered on another device of the same person.
    Elsewhere,
    /// The server said nothing.
    NoReply,
    /// No way for the media was found.
    NoMedia,
    /// The network did not come back.
    Lost,
    /// Microphone or loudspeaker failed.
    Audio,
    /// It lasted longer than any call may.
    TooLong,
}

/// What signalling carries, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A call is offered.
    Invite,
    /// The server has the call and is setting it up; nothing rings yet.
    Proceeding,
    /// It rings.
    Ringing,
    /// It was answered.
    Answer,
    /// The caller gave up.
    Cancel,
    /// Another device answered.
    Elsewhere,
    /// Not wanted.
    Decline,
    /// In another call.
    Busy,
    /// The sender holds the call.
    Hold,
    /// It no longer does.
    Resume,
    /// The sender looks for another way (ICE restart).
    Restart,
    /// It is over.
    Bye,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The person calls.
    Dial(CallId),
    /// The person answers.
    Answer,
    /// The person does not want the call.
    Decline,
    /// The person ends the call.
    HangUp,
    /// The person holds it.
    Hold,
    /// The person takes it up again.
    Resume,
    /// A message about a call came.
    Signal(CallId, Message),
    /// The media found a way.
    Connected(CallId),
    /// The media lost it.
    Disconnected(CallId),
    /// The media cannot be set up at all.
    NoMedia(CallId),
    /// The phone has another network.
    NetworkChanged,
    /// A cellular call took the microphone, or rings and will.
    CellularBegan,
    /// It is over. `resume`: the platform gives the microphone back by itself; else the person has to take the call up.
    CellularEnded {
        /// See above.
        resume: bool,
    },
    /// The platform refused or broke the audio of this call.
    AudioFailed(CallId),
    /// A timer that was set went off.
    Timer(TimerId),
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// The state has lasted too long.
    State,
    /// The call has.
    Call,
}

/// A timer as it was set; one that was replaced is known by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    /// What for.
    pub timer: Timer,
    /// Each is set once.
    pub number: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A message to the other side.
    Send(CallId, Message),
    /// A media session begins; `offers`: on this side.
    StartMedia {
        /// Of this call.
        call: CallId,
        /// This side makes the offer.
        offers: bool,
    },
    /// It ends.
    StopMedia(CallId),
    /// Another way is looked for (ICE restart).
    RestartMedia(CallId),
    /// The other side does; its offer is answered.
    AnswerRestart(CallId),
    /// Sound flows from here on.
    Thaw(CallId),
    /// Nothing is captured or played, but the way is kept open.
    Freeze(CallId),
    /// Microphone and loudspeaker are asked for.
    AcquireAudio(CallId),
    /// They are given back.
    ReleaseAudio(CallId),
    /// The platform is asked to take the microphone from the cellular call.
    ReclaimAudio(CallId),
    /// The phone rings.
    Ring(CallId),
    /// The phone says that somebody calls, beside another call.
    Alert(CallId),
    /// It no longer rings.
    StopRinging(CallId),
    /// A timer is set; an older one for the same is forgotten.
    SetTimer(TimerId, Duration),
    /// The call is shown like that.
    Show(CallId, State),
    /// What the person asked for cannot be done in this state.
    Refuse(State),
}
