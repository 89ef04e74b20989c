//! The dialler: rings every recipient of a batch once, whatever dies in between.
//!
//! ```text
//!  POST /batches ──accept──▶ recipients (planned)              wake
//!                                │                              │
//!   ┌────────────────────────────▼──────── engine (one task) ◀──┘──── switch events ◀──┐
//!   │ a round:  1 results of events          2 due people, checked again, intents       │
//!   │           3 ONE commit with fsync      4 only now: place, confirm, play, cancel ──┘
//!   └──────────────────────────────────────────────────────────────────────────────────
//! ```
//!
//! **Why rounds.** Everything that a round decides, results and intents alike, is in one transaction, so a busy server
//! pays one fsync for hundreds of calls, and no INVITE can leave before its intent is durable, because sending is an
//! effect of the round and effects run after the commit. If the commit fails (disk full), memory is left as it was,
//! the events stay in hand, the round is tried again, and nothing has been sent.
//!
//! **Invariants**, each kept by the named place:
//! * one open attempt to a person in an organisation: unique index `attempt_open`;
//! * one attempt number once for a recipient: unique `(recipient_id, attempt_no)`;
//! * an attempt without a stored result is never dialled again: `recover` probes, cancels or ends it;
//! * another route only after a definite refusal before any 18x: `result::next_route`;
//! * what is shown follows from what is stored: marks are written with the outcome.

pub mod accept;
mod arrivals;
mod doubt;
mod due;
mod engine;
pub mod export;
pub mod follow;
pub mod health;
pub mod hours;
mod input;
mod kept;
mod known;
mod live;
mod park;
mod recover;
mod result;
pub mod resumed;
pub mod routes;
pub mod rows;
mod send;
mod shown;
mod side;
pub(crate) mod spent;
mod talk;
pub mod telephone;
mod ways;
pub mod why;

pub use engine::run;
pub(crate) use recover::hold_ports;

use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use waybell_domain::id::BatchId;

/// What routes tell the engine.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Undo was stored: cancel what does not ring yet.
    Cancel(BatchId),
    /// A prompt has been made: play it.
    Spoken(live::Spoken),
    /// Notices have another wording.
    TemplatesChanged,
    /// No new calls from now on; running ones end.
    Drain,
}

/// The dialler's ear. Cheap to clone.
#[derive(Clone)]
pub struct Dialler {
    wake: Arc<Notify>,
    commands: mpsc::UnboundedSender<Command>,
}

/// The engine's side of [`Dialler`].
pub struct Ear {
    wake: Arc<Notify>,
    commands: mpsc::UnboundedReceiver<Command>,
}

impl Dialler {
    /// A pair of both sides. The command queue is unbounded, because it is filled by people and by own calls only.
    pub fn new() -> (Dialler, Ear) {
        let (tx, rx) = mpsc::unbounded_channel();
        let wake = Arc::new(Notify::new());
        (Dialler { wake: wake.clone(), commands: tx }, Ear { wake, commands: rx })
    }

    /// Look for work now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Cancels calls of a batch that do not ring yet.
    pub fn cancel(&self, batch: BatchId) {
        self.tell(Command::Cancel(batch));
    }

    /// Another wording is in force.
    pub fn templates_changed(&self) {
        self.tell(Command::TemplatesChanged);
    }

    /// Starts no new call.
    pub fn drain(&self) {
        self.tell(Command::Drain);
    }

    pub(crate) fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
        self.wake.notify_one();
    }
}
