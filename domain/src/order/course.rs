//! Where an order is on its way: all that its actions have made of it.

use super::{OpenUrge, OrderResult, OrderState, Stage, Stop, StopKind};
use crate::clock::UnixMs;
use crate::id::UserId;
use serde::{Deserialize, Serialize};

/// An order's way so far. What follows from the clock is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Course {
    /// Where it is.
    pub stage: Stage,
    /// Key of the department that it is with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Who handles it, or handled it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<UserId>,
    /// When it came to this stage, department or person.
    pub arrived_at: UnixMs,
    /// When its handler took it; absent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<UnixMs>,
    /// When anybody whose work it is did or wrote something last.
    pub heard_at: UnixMs,
    /// When its clock stood and stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<Stop>,
    /// Urges that wait for an answer, as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urge: Option<OpenUrge>,
    /// Urges so far; merged ones count once.
    #[serde(default)]
    pub urges: u32,
    /// Tries to reach the customer since it was resolved.
    #[serde(default)]
    pub tries: u8,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<OrderResult>,
}

/// Who acts, as far as an order is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Who.
    pub person: UserId,
    /// Supervisor, agent, team leader of its branch, or administrator.
    pub staff: bool,
    /// Of the department that it is with.
    pub member: bool,
    /// Opened it.
    pub opener: bool,
}

impl Course {
    /// A new one: what staff open is accepted by that, and `after` is where it goes then.
    #[must_use]
    pub fn opened(at: UnixMs, stage: Stage) -> Self {
        Self { stage, arrived_at: at, heard_at: at, ..Self::default() }
    }

    /// True while its clock is paused.
    #[must_use]
    pub fn is_held(&self, now: UnixMs) -> bool {
        self.stops.iter().any(|s| s.kind == StopKind::Hold && s.holds(now))
    }

    /// True once it is resolved or archived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Revisit | Stage::Archive)
    }

    /// When it was resolved.
    #[must_use]
    pub fn done_at(&self) -> Option<UnixMs> {
        self.stops.iter().rfind(|s| s.kind == StopKind::Done && s.ended.is_none()).map(|s| s.from)
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self, now: UnixMs) -> OrderState {
        if self.is_done() {
            OrderState::Done
        } else if self.is_held(now) {
            OrderState::OnHold
        } else if self.taken_at.is_some() {
            OrderState::InProgress
        } else {
            OrderState::Pending
        }
    }

    /// Comes to a department and perhaps a person.
    pub(super) fn arrive(
        &mut self,
        stage: Stage,
        department: Option<String>,
        handler: Option<UserId>,
        at: UnixMs,
    ) {
        self.stage = stage;
        self.department = department;
        self.handler = handler;
        self.taken_at = None;
        self.arrived_at = at;
        self.heard_at = at;
    }
}
