//! Calls between customers and couriers: those that come in over published numbers, and what they share with those that
//! couriers make (`outgoing`).
//!
//! ```text
//!  switch ──events──▶ router ──legs of ours──▶ call (one task each) ──▶ domain::inbound::InboundCall ──▶ deeds
//!                       │                        ▲ prompts made, recordings finished         │ 1 stored, 2 done
//!                       └──everything else──▶ notify (the dialler, unchanged)                 ▼
//!                                                                              switch: ring, answer, bridge, record
//! ```
//!
//! **A task a call.** Calls have nothing to do with each other, so each has a task that takes its events one by one; what it
//! does is decided by a pure machine. The dialler keeps its rounds: only its events go by one more queue.
//!
//! **Stored before it acts**, as attempts are: the call and the caller's leg before the first 180, a courier's INVITE before
//! it leaves, each dialog before it is answered or confirmed. [`recover`] ends whatever a killed server left, by the stored
//! dialog or INVITE, and refuses callers who were still ringing; the call shows as interrupted. Nothing is dialled again.
//!
//! **Neither side learns the other's number.** The courier's telephone shows the company's number; nothing of the caller's
//! INVITE goes into the courier's, and nothing back: both dialogs, both descriptions and both streams end here.
//!
//! **One call a courier.** A courier who is rung or speaks is busy for every other call, without their telephone knocking.
//!
//! **Order of ways.** A candidate's app rings first where it is connected or can be woken (`push`), and beside it the telephones that
//! are registered (`desk`); then the mobile as well (`both`).

mod act;
mod both;
mod call;
mod callers;
mod desk;
mod keep;
pub mod list;
pub mod recover;
mod router;
pub mod routes;
pub(crate) mod rows;
mod search;
pub(crate) mod sound;
pub(crate) mod ways;

pub(crate) use act::WHISPERS;
pub(crate) use call::result;
pub(crate) use callers::Counted;
pub(crate) use keep::tidy;
pub use router::route;
pub(crate) use rows::{Line, insist};

use crate::numbers::Published;
use crate::recordings::Disk;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use waybell_domain::id::{CallId, SessionId, UserId};
use waybell_domain::wire::AppSaid;
use waybell_switch::{EventKind, LegId, RecordingEnd, Switch};

/// What a call's task hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Something happened on a leg of the call.
    Leg(LegId, Box<EventKind>),
    /// Words could not be made or played: it is as if they had been said.
    Mute {
        /// Of the deed.
        token: u32,
    },
    /// The recording is finished.
    Recorded(RecordingEnd),
    /// The disk has no room for recordings any more.
    DiskLow,
    /// Somebody ends the call from the app.
    HangUp,
    /// An app of one of the call's parties has connected.
    Came {
        /// Which app.
        session: SessionId,
        /// Whose.
        person: UserId,
    },
    /// No vendor has taken any push that was to wake an app for this call.
    Unpushed {
        /// Whose app.
        person: UserId,
    },
    /// An app says something of a call over the data network.
    App {
        /// Which app.
        session: SessionId,
        /// Whose.
        person: UserId,
        /// What.
        said: Box<AppSaid>,
    },
}

/// The calls of this server. Shared by routes, router and the calls' tasks.
#[derive(Debug, Default)]
pub struct Calls {
    /// Numbers that calls are taken on.
    pub numbers: Published,
    /// Virtual numbers, which bindings are looked up for.
    pub pooled: crate::bindings::Pooled,
    /// Whether there is room for recordings.
    pub disk: Disk,
    pub(crate) callers: callers::Callers,
    /// The task of each call.
    tasks: Mutex<HashMap<CallId, mpsc::UnboundedSender<Heard>>>,
    switch: OnceLock<Switch>,
    legs: Mutex<HashMap<LegId, mpsc::UnboundedSender<Heard>>>,
    /// Couriers who are rung or speak, and for which call: nobody is rung into a call.
    engaged: Mutex<HashMap<UserId, CallId>>,
    running: AtomicUsize,
    ended: Notify,
    draining: AtomicBool,
}

impl Calls {
    /// Events of this leg go to this task from now on. Before the leg's first event.
    pub(crate) fn adopt(&self, leg: LegId, task: mpsc::UnboundedSender<Heard>) {
        self.legs.lock().insert(leg, task);
    }

    /// The switch that calls are made with. `None` before the server has started.
    pub(crate) fn switch(&self) -> Option<Switch> {
        self.switch.get().cloned()
    }

    /// A call has a task from now on, which hears what is not about a leg. False, and nothing is changed, where it has one.
    pub(crate) fn enlist(&self, call: CallId, task: mpsc::UnboundedSender<Heard>) -> bool {
        match self.tasks.lock().entry(call) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(task);
                true
            }
        }
    }

    /// No new call is made from now on.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// No new call is made any more.
    pub(crate) fn drains(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Tells a call's task to end it. False where none runs here.
    pub(crate) fn hang_up(&self, call: CallId) -> bool {
        self.tasks.lock().get(&call).is_some_and(|task| task.send(Heard::HangUp).is_ok())
    }

    /// Tells a call's task something. False where none runs here.
    pub(crate) fn tell(&self, call: CallId, heard: Heard) -> bool {
        self.tasks.lock().get(&call).is_some_and(|task| task.send(heard).is_ok())
    }

    /// Recordings end.
    pub(crate) fn disk_is_low(&self) {
        for task in self.tasks.lock().values() {
            let _ = task.send(Heard::DiskLow);
        }
    }

    /// A leg that never came to be.
    pub(crate) fn forget(&self, leg: &LegId) {
        self.legs.lock().remove(leg);
    }

    /// Reserves a courier for a call. False where another call has them.
    pub(crate) fn engage(&self, courier: UserId, call: CallId) -> bool {
        *self.engaged.lock().entry(courier).or_insert(call) == call
    }

    /// The courier is free for the next call.
    pub(crate) fn release(&self, courier: UserId, call: CallId) {
        let mut engaged = self.engaged.lock();
        if engaged.get(&courier) == Some(&call) {
            engaged.remove(&courier);
        }
    }

    /// Nobody is kept for a call whose task has ended.
    pub(crate) fn release_all(&self, call: CallId) {
        self.tasks.lock().remove(&call);
        self.engaged.lock().retain(|_, c| *c != call);
    }

    /// Hands an event of a leg of ours over; gives back what is not ours.
    fn take(&self, leg: &LegId, kind: EventKind) -> Option<EventKind> {
        let mut legs = self.legs.lock();
        let Some(task) = legs.get(leg) else { return Some(kind) };
        let last = matches!(kind, EventKind::Ended { .. });
        // a task that is gone has given its legs up
        let _ = task.send(Heard::Leg(leg.clone(), Box::new(kind)));
        if last {
            legs.remove(leg);
        }
        None
    }

    /// A task begins; dropped, it has ended.
    pub(crate) fn begin(app: &crate::app::Shared) -> Running {
        app.calls.running.fetch_add(1, Ordering::AcqRel);
        Running(app.clone())
    }

    /// Waits until no call's task runs any more, or the time is over: what they have to store is stored then.
    pub async fn finished(&self, patience: Duration) {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let ended = self.ended.notified();
            if self.running.load(Ordering::Acquire) == 0 {
                return;
            }
            if tokio::time::timeout_at(until, ended).await.is_err() {
                return;
            }
        }
    }
}

/// A call's task, as long as it runs.
pub(crate) struct Running(crate::app::Shared);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.calls.running.fetch_sub(1, Ordering::AcqRel);
        self.0.calls.ended.notify_waiters();
    }
}
