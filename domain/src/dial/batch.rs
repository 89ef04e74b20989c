//! The life of a dial batch: what one tap asks for.
//!
//! ```text
//!                      ┌───────────── Resume ─────────────┐
//!                      v                                  │
//!  ──> Scheduled ── Start ──> Running ── Pause ──> Paused ┤
//!       │  ^  │ └──────────────Pause───────────────^ │ │  │
//!  Stale│  │  │Cancel          │ │Cancel            │ │  │Stale
//!       v  │  │                │ └───> Cancelling <─┘ │  │
//!  NeedsConfirmation           │           │ Finish   │  │
//!       │     v                v Finish    v          │  │
//!       └─> Cancelled         Done     Cancelled   Done (Finish)
//! ```
//!
//! `Resume` goes back to `Scheduled`, the one door into `Running`: the start time is looked at again, and the dialler
//! starts it at once if that has passed. A command for what is already so changes nothing and is no error, because
//! requests are delivered more than once.

use super::IllegalTransition;

words! {
    /// Where a batch is.
    #[derive(Default)]
    pub enum BatchState {
        /// Accepted; starts when its time has come.
        #[default]
        Scheduled = "scheduled", "待呼叫", "scheduled";
        /// Calls go out.
        Running = "running", "呼叫中", "running";
        /// No new calls; those that ring go on.
        Paused = "paused", "已暂停", "paused";
        /// Undone, but calls that ring have not ended yet.
        Cancelling = "cancelling", "正在取消", "being cancelled";
        /// Undone; nothing rings any more.
        Cancelled = "cancelled", "已取消", "cancelled";
        /// Every recipient has a final state.
        Done = "done", "已完成", "done";
        /// The tap is too old to be carried out without asking the courier again.
        NeedsConfirmation = "needs_confirmation", "待快递员确认", "needs confirmation";
    }
}

words! {
    /// What happens to a batch.
    pub enum BatchEvent {
        /// Its time has come.
        Start = "start", "开始", "start";
        /// Hold calls that have not started.
        Pause = "pause", "暂停", "pause";
        /// Go on.
        Resume = "resume", "继续", "resume";
        /// Stop everything that does not ring yet.
        Cancel = "cancel", "撤销", "undo";
        /// Every recipient has a final state, and no call is open.
        Finish = "finish", "完成", "finish";
        /// The tap has become too old before a call was made.
        Stale = "stale", "过期", "went stale";
        /// The courier says yes although the tap is old.
        Confirm = "confirm", "确认", "confirm";
    }
}

impl BatchState {
    /// True once nothing can happen to it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Done)
    }

    /// True if new calls may start.
    #[must_use]
    pub const fn may_dial(self) -> bool {
        matches!(self, Self::Running)
    }

    /// The state after `event`.
    ///
    /// # Errors
    /// [`IllegalTransition`] for a pair that is not in the table; the state stays as it is.
    pub fn on(self, event: BatchEvent) -> Result<Self, IllegalTransition> {
        use BatchEvent as E;
        use BatchState as S;
        Ok(match (self, event) {
            (S::Scheduled | S::Running, E::Start) => S::Running,
            (S::Scheduled | S::Running | S::Paused, E::Pause) => S::Paused,
            (S::Scheduled | S::Paused, E::Resume) => S::Scheduled,
            (S::Running, E::Resume) => S::Running,
            (S::Scheduled | S::NeedsConfirmation | S::Cancelled, E::Cancel) => S::Cancelled,
            (S::Running | S::Paused | S::Cancelling, E::Cancel) => S::Cancelling,
            (S::Running | S::Paused | S::Done, E::Finish) => S::Done,
            (S::Cancelling | S::Cancelled, E::Finish) => S::Cancelled,
            (S::Scheduled | S::Paused | S::NeedsConfirmation, E::Stale) => S::NeedsConfirmation,
            (S::NeedsConfirmation | S::Scheduled, E::Confirm) => S::Scheduled,
            (state, event) => {
                return Err(IllegalTransition {
                    machine: "batch",
                    state: state.to_string(),
                    event: event.to_string(),
                });
            }
        })
    }
}
