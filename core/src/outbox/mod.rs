//! What people did, on its way to the server: each once.
//!
//! An action is one transaction: the optimistic change and the operation. The operation is then sent until it is
//! acknowledged, always with the same id as idempotency key and byte-identical body, so that the server carries it out
//! once however often it arrives. Its age goes into a header, measured by the boot clock at each sending.
//!
//! ```text
//!            enqueue            claim (tries + 1, committed)          answer
//!   person ─────────▶ pending ─────────────────────────────▶ in_flight ─────▶ gone (acknowledged)
//!                        ▲                                     │  │ other 4xx
//!                        └─── no answer, 408 425 429 5xx ──────┘  └────────▶ dead (reason; retry or discard)
//! ```
//!
//! Invariants:
//! * In a lane operations leave in the order in which they were taken; imports, states, deeds and taps are one lane, because
//!   a tap names parcels of an import and leaves out those delivered before it. What is done with a batch has the batch's
//!   own lane, so that an undo is not held up, and waits for the tap (`after`). Stops put right by hand are a lane of their
//!   own, and so are places set by hand, marks on calls, what somebody says of being reachable, leaves, work orders, receipts of announcements, and what
//!   is kept and read of the knowledge.
//! * `tries` is committed before the first byte leaves: an operation with `tries = 0` has not left this phone.
//! * A start, a crash or another process makes `in_flight` pending again.
//! * Undo of a tap (of any kind) that has not left removes it. One that may have left (no answer came) is not sent
//!   again either: the undo goes out in its place, and the server keeps a cancelled batch of that id if it has not seen
//!   the tap, so that a copy of it which is still on its way finds its id taken. Either way nothing rings that was
//!   undone and had not reached the server before. The undo of a deed goes the same way, within 30 s by the boot clock.
//! * A deed that the server refuses for some of its parcels is done with for the others; those are a refused operation of
//!   their own, with the reasons (see `tasks::deeds`).

pub(crate) mod queue;
pub(crate) mod send;
pub(crate) mod settle;
#[cfg(test)]
mod tests;

use crate::error::Refusal;
use serde::Serialize;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BatchId, OperationId};

/// What kind of action it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// A list was imported.
    Import,
    /// Parcels got a state.
    State,
    /// The tap.
    Notify,
    /// Ring today's missed again.
    Again,
    /// Hold a batch.
    Pause,
    /// Let a batch go on.
    Resume,
    /// Stop a batch.
    Undo,
    /// Carry out an old tap after all.
    Confirm,
    /// Something was done with parcels at a door.
    Deed,
    /// It was not.
    UndoDeed,
    /// Stops were merged or split by hand.
    StopRule,
    /// They were not.
    UndoStopRule,
    /// A call asks for nothing any more.
    CallHandled,
    /// It does after all.
    CallReopened,
    /// Whether calls reach this person.
    Availability,
    /// Somebody clocked in or out.
    Punch,
    /// Leave was asked for.
    LeaveAsk,
    /// A correction of an own day was asked for.
    CorrectionAsk,
    /// A leave or a correction was withdrawn.
    AskWithdraw,
    /// A work order was opened.
    OrderOpen,
    /// Something was done with a work order.
    OrderAction,
    /// An announcement was read.
    AnnouncementRead,
    /// An article is kept among the own ones, or no longer.
    ArticleFavourite,
    /// An article was read.
    ArticleRead,
    /// Where a building is was set by hand, or that was taken back.
    Place,
}

impl OperationKind {
    const ALL: [OperationKind; 25] = [
        OperationKind::Import,
        OperationKind::State,
        OperationKind::Notify,
        OperationKind::Again,
        OperationKind::Pause,
        OperationKind::Resume,
        OperationKind::Undo,
        OperationKind::Confirm,
        OperationKind::Deed,
        OperationKind::UndoDeed,
        OperationKind::StopRule,
        OperationKind::UndoStopRule,
        OperationKind::CallHandled,
        OperationKind::CallReopened,
        OperationKind::Availability,
        OperationKind::Punch,
        OperationKind::LeaveAsk,
        OperationKind::CorrectionAsk,
        OperationKind::AskWithdraw,
        OperationKind::OrderOpen,
        OperationKind::OrderAction,
        OperationKind::AnnouncementRead,
        OperationKind::ArticleFavourite,
        OperationKind::ArticleRead,
        OperationKind::Place,
    ];

    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            OperationKind::Import => "import",
            OperationKind::State => "state",
            OperationKind::Notify => "notify",
            OperationKind::Again => "again",
            OperationKind::Pause => "pause",
            OperationKind::Resume => "resume",
            OperationKind::Undo => "undo",
            OperationKind::Confirm => "confirm",
            OperationKind::Deed => "deed",
            OperationKind::UndoDeed => "undo_deed",
            OperationKind::StopRule => "stop_rule",
            OperationKind::UndoStopRule => "undo_stop_rule",
            OperationKind::CallHandled => "call_handled",
            OperationKind::CallReopened => "call_reopened",
            OperationKind::Availability => "availability",
            OperationKind::Punch => "punch",
            OperationKind::LeaveAsk => "leave_ask",
            OperationKind::CorrectionAsk => "correction_ask",
            OperationKind::AskWithdraw => "ask_withdraw",
            OperationKind::OrderOpen => "order_open",
            OperationKind::OrderAction => "order_action",
            OperationKind::AnnouncementRead => "announcement_read",
            OperationKind::ArticleFavourite => "article_favourite",
            OperationKind::ArticleRead => "article_read",
            OperationKind::Place => "place",
        }
    }

    /// The inverse of [`OperationKind::as_str`].
    #[must_use]
    pub fn parse(word: &str) -> Option<OperationKind> {
        OperationKind::ALL.into_iter().find(|k| k.as_str() == word)
    }

    /// True for the operations that only say what this person has seen to: a call, an announcement, an article.
    #[must_use]
    pub fn marks_only(self) -> bool {
        use OperationKind::{AnnouncementRead, ArticleFavourite, ArticleRead, CallHandled, CallReopened};
        matches!(self, CallHandled | CallReopened | AnnouncementRead | ArticleFavourite | ArticleRead)
    }

    /// True for the operations that make a batch.
    #[must_use]
    pub fn makes_batch(self) -> bool {
        matches!(self, OperationKind::Notify | OperationKind::Again)
    }
}

/// Where an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Waits to be sent.
    Pending,
    /// Was sent; the answer has not come.
    InFlight,
    /// Refused. Retry or discard it.
    Dead,
}

/// An operation as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationView {
    /// Id; the request's idempotency key.
    pub id: OperationId,
    /// What it does.
    pub kind: OperationKind,
    /// The batch it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchId>,
    /// Where it is.
    pub state: OperationState,
    /// Sendings begun.
    pub tries: u32,
    /// When the person acted, by the phone's clock.
    pub acted_at: UnixMs,
    /// Why it is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Refusal>,
}
