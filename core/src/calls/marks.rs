//! What the courier does about calls, and says of being reachable: operations, and what they do to what is shown.
//!
//! A mark is shown at once and goes out once. Marked by mistake, a call is reopened: a mark that has not left is taken out of
//! the queue, otherwise its opposite goes out behind it. Of what somebody says of being reachable only the newest matters: an
//! older one that has not left is dropped. Each says when it was meant, and the server keeps the later one, so a word from
//! two hours in a cellar does not undo what was said on another phone since.

use super::{Calls, rows};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::notify::Undone;
use crate::outbox::queue::{self, Operation};
use crate::outbox::{OperationKind, OperationState};
use crate::session::acting;
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use crate::sync::drop_whole;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::CallId;
use waybell_domain::inbound::Availability;
use waybell_domain::wire::{ActedAt, AvailabilitySaid, AvailabilityTold, CallView};

/// Key in `meta`: what this person said of themselves, by the server.
pub(super) const TOLD: &str = "availability";
const MARKS: [OperationKind; 2] = [OperationKind::CallHandled, OperationKind::CallReopened];

/// The body of a mark's operation; it is not sent, the path says all.
#[derive(Serialize, Deserialize)]
struct Mark {
    call: CallId,
}

/// A call with the marks of this phone over it.
pub(super) struct Marked {
    pub view: CallView,
    pub pending: bool,
}

/// Whether calls reach this person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// Whether calls are taken.
    pub mode: Availability,
    /// Available again from then on; absent: until it is changed.
    pub until: Option<UnixMs>,
    /// The server does not know it yet: callers may still be put through, or not.
    pub pending: bool,
}

fn marked_call(operation: &Operation) -> Option<CallId> {
    serde_json::from_slice::<Mark>(&operation.body).ok().map(|mark| mark.call)
}

/// Where a mark is sent.
pub(crate) fn mark_path(operation: &Operation) -> Option<String> {
    let what = match operation.kind {
        OperationKind::CallHandled => "handled",
        OperationKind::CallReopened => "reopened",
        _ => return None,
    };
    Some(format!("/api/v1/calls/{}/{what}", marked_call(operation)?))
}

/// The server has a mark.
pub(crate) fn mark_taken(t: &Connection, seal: &Seal, operation: &Operation, answer: &[u8]) -> Result<()> {
    match (serde_json::from_slice::<CallView>(answer), marked_call(operation)) {
        // one that was purged here or is gone is not brought back
        (Ok(view), Some(id)) if rows::find(t, seal, id)?.is_some() => rows::put(t, seal, &view),
        _ => Ok(()),
    }
}

/// The server has what was said.
pub(crate) fn availability_taken(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    match serde_json::from_slice::<AvailabilityTold>(answer) {
        Ok(told) => learn(t, seal, &told).map(drop),
        Err(_) => Ok(()),
    }
}

/// The server's word; true if it is another one than before. One that is older than the known one changes nothing.
pub(super) fn learn(t: &Connection, seal: &Seal, told: &AvailabilityTold) -> Result<bool> {
    let known: AvailabilityTold = sealed_meta(t, seal, TOLD)?.unwrap_or_default();
    if known == *told || told.since < known.since {
        return Ok(false);
    }
    set_sealed_meta(t, seal, TOLD, told)?;
    Ok(true)
}

/// Every call, the newest first, with the marks that wait over it.
pub(super) fn shown(c: &Connection, seal: &Seal) -> Result<Vec<Marked>> {
    let marks: Vec<(CallId, Operation)> = queue::alive(c, seal, &MARKS)?
        .into_iter()
        .filter_map(|operation| Some((marked_call(&operation)?, operation)))
        .collect();
    let owner = if marks.is_empty() { None } else { crate::session::owner(c, seal)?.map(|o| o.id) };
    let over = |mut view: CallView| {
        let mut pending = false;
        for (_, mark) in marks.iter().filter(|(id, _)| *id == view.id) {
            pending = true;
            let handled = mark.kind == OperationKind::CallHandled;
            view.handled_at = handled.then_some(view.handled_at.unwrap_or(mark.acted.wall));
            view.handled_by = if handled { view.handled_by.or(owner) } else { None };
        }
        Marked { view, pending }
    };
    Ok(rows::list(c, seal)?.into_iter().map(over).collect())
}

/// The call as shown, and the marks that wait or were refused for it, oldest first.
fn marked(t: &Connection, seal: &Seal, id: CallId) -> Result<(CallView, Vec<Operation>)> {
    let view = shown(t, seal)?.into_iter().find(|m| m.view.id == id).ok_or(Error::NotFound("call"))?.view;
    let mut marks = queue::all(t, seal)?;
    marks.retain(|o| MARKS.contains(&o.kind) && marked_call(o) == Some(id));
    Ok((view, marks))
}

/// Files a mark; one that was refused before is forgotten, and the opposite that has not left is taken back instead.
fn mark(
    t: &Connection,
    seal: &Seal,
    kind: OperationKind,
    id: CallId,
    acted: waybell_domain::clock::EventTime,
    marks: &[Operation],
) -> Result<Undone> {
    for dead in marks.iter().filter(|o| o.state == OperationState::Dead) {
        drop_whole(t, seal, dead)?;
    }
    if let Some(last) = marks.iter().rfind(|o| o.state != OperationState::Dead)
        && last.kind != kind
        && last.tries == 0
    {
        drop_whole(t, seal, last)?;
        return Ok(Undone::TakenBack);
    }
    let body = serde_json::to_vec(&Mark { call: id })?;
    queue::push(t, seal, &Operation::new(kind, None, body, acted))?;
    Ok(Undone::Asked)
}

impl Calls {
    /// Marks a call as handled: it asks for nothing any more. Shown at once, stored durably when this returns, sent when there
    /// is a network. A second time changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` while the call goes on; `SignedOut`.
    pub async fn handled(&self, id: CallId) -> Result<()> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let (view, marks) = marked(t, &seal, id)?;
                if view.outcome.is_none() {
                    return Err(Error::bad("call", "the call goes on", "mark it once it has ended"));
                }
                if view.handled_at.is_none() {
                    mark(t, &seal, OperationKind::CallHandled, id, acted, &marks)?;
                }
                Ok(())
            })
            .await?;
        self.changed();
        Ok(())
    }

    /// The call asks for something again: it was marked by mistake.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` where it is not marked; `SignedOut`.
    pub async fn reopen(&self, id: CallId) -> Result<Undone> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        let undone = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let (view, marks) = marked(t, &seal, id)?;
                if view.handled_at.is_none() {
                    return Err(Error::bad("call", "is not marked as handled", "see the list of calls"));
                }
                mark(t, &seal, OperationKind::CallReopened, id, acted, &marks)
            })
            .await?;
        self.changed();
        Ok(undone)
    }

    /// Whether calls reach this person now: what was said last, here or elsewhere, as far as is known.
    pub fn reach(&self) -> Result<Reach> {
        let inner = &self.client.inner;
        inner.user()?;
        let (seal, now) = (inner.store.seal.clone(), inner.clock.wall());
        inner.store.read_now(|c| {
            let waiting = queue::alive(c, &seal, &[OperationKind::Availability])?.pop();
            let said = waiting.and_then(|o| serde_json::from_slice::<AvailabilitySaid>(&o.body).ok());
            let told: AvailabilityTold = sealed_meta(c, &seal, TOLD)?.unwrap_or_default();
            let pending = said.is_some();
            let (mode, until) = said.map_or((told.mode, told.until), |s| (s.mode, s.until));
            let over = until.is_some_and(|until| until <= now);
            Ok(match over {
                true => Reach { mode: Availability::Available, until: None, pending },
                false => Reach { mode, until, pending },
            })
        })
    }

    /// Says whether calls reach this person from now on, until `until` where it is given. Works offline; of two words of one
    /// person on two phones the later one counts.
    ///
    /// # Errors
    /// `BadInput` for an end that has passed; `SignedOut`.
    pub async fn set_reach(&self, mode: Availability, until: Option<UnixMs>) -> Result<()> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        if until.is_some_and(|until| until <= acted.wall) {
            return Err(Error::bad("until", "has passed", "give a later time"));
        }
        let until = until.filter(|_| mode != Availability::Available);
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                for older in queue::in_lane(t, &seal, queue::REACH)?.iter().filter(|o| o.tries == 0) {
                    queue::remove(t, older.id)?;
                }
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let body = serde_json::to_vec(&AvailabilitySaid { mode, until, acted_at })?;
                queue::push(t, &seal, &Operation::new(OperationKind::Availability, None, body, acted))
            })
            .await?;
        self.changed();
        Ok(())
    }

    pub(super) fn changed(&self) {
        self.client.inner.bus.tell(Topic::Calls);
        self.client.inner.bus.tell(Topic::Sync);
        self.client.inner.sync.wake();
    }
}
