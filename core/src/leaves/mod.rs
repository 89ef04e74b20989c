//! Leaves and corrections of the own time: asked for offline, decided by a supervisor.
//!
//! ```text
//!  ask, withdraw ─▶ one transaction: operation (sealed) ─▶ outbox (a lane of its own) ─▶ server ─▶ its view
//!  list ◀─ what the server said last + what waits                        supervisors: enter, decide, cut ─▶ now
//! ```
//!
//! * What is asked for is stored durably when the call returns, and goes out once. Withdrawn before it left, it never leaves.
//! * Days are the organisation's, not the phone's: an edge of a leave is a date, its noon, or an instant.
//! * Deciding is for who has the server at hand: a decision that waits would be told to nobody.

mod asked;
mod staff;
#[cfg(test)]
mod tests;

pub use asked::Asked;

use crate::client::{Client, random};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::outbox::queue::{self, Operation};
use crate::outbox::{OperationKind, OperationState};
use crate::session::{acting, still};
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use waybell_domain::attendance::{AskState, FieldPolicy, LeaveEdge, LeaveKind, Span, leave_span};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OperationId, UserId};
use waybell_domain::wire::{ActedAt, CorrectionAskView, LeaveRequest, LeaveView, Withdrawal};

/// Keys in `meta`: the server's last word.
const LEAVES: &str = "leaves";
const ASKED: &str = "corrections_asked";
/// Kept on the phone of each, the latest.
const KEPT: usize = 200;

/// A leave as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leave {
    /// As the server has it, or as it was asked for.
    #[serde(flatten)]
    pub view: LeaveView,
    /// Something of it waits to be sent.
    pub pending: bool,
    /// The server did not take it; see the outbox for why.
    pub refused: bool,
}

/// What is withdrawn, as it is kept in the queue.
#[derive(Serialize, Deserialize)]
struct Body {
    /// `leaves` or `attendance/asked`.
    of: String,
    id: OperationId,
    withdrawal: Withdrawal,
}

/// Leaves and corrections.
#[derive(Clone)]
pub struct Leaves {
    pub(crate) client: Client,
}

impl Leaves {
    /// Asks for leave. Stored durably when this returns, sent when there is a network.
    ///
    /// # Errors
    /// `BadInput` with the field for a while that is none, that meets another leave known here, or a note that is too long;
    /// `SignedOut`, `Storage`.
    pub async fn ask(
        &self,
        kind: LeaveKind,
        from: LeaveEdge,
        to: LeaveEdge,
        note: Option<String>,
    ) -> Result<Leave> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let span = self.span(from, to)?;
        if note.as_ref().is_some_and(|n| n.chars().count() > 500) {
            return Err(Error::bad("note", "has more than 500 characters", "shorten it"));
        }
        let acted = inner.event_time();
        let seal = inner.store.seal.clone();
        let leave = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let meets = |l: &Leave| l.view.from_at < span.to && span.from < l.view.to_at;
                let zone = zone(t, &seal)?;
                let held = known(t, &seal, user.id, &user.name, zone)?;
                if held.iter().any(|l| !l.refused && l.view.state.counts() && meets(l)) {
                    let hint = "withdraw that one, or choose other days";
                    return Err(Error::bad("from", "another leave is then, or is asked for", hint));
                }
                let id = OperationId::at(acted.wall, random());
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let request = LeaveRequest { id, courier: None, kind, from, to, note, acted_at };
                let body = serde_json::to_vec(&request)?;
                let mut operation = Operation::new(OperationKind::LeaveAsk, None, body, acted);
                operation.id = id;
                queue::push(t, &seal, &operation)?;
                Ok(Leave { view: shown(&request, span, user.id, &user.name), pending: true, refused: false })
            })
            .await?;
        self.changed();
        Ok(leave)
    }

    /// Withdraws a leave that waits, or an approved one before it begins. One that has not left this phone never leaves.
    ///
    /// # Errors
    /// `NotFound` for none of this person's; `BadInput` for one that is over; `SignedOut`, `Storage`.
    pub async fn withdraw(&self, id: OperationId) -> Result<()> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let acted = inner.event_time();
        let seal = inner.store.seal.clone();
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let zone = zone(t, &seal)?;
                let held = known(t, &seal, user.id, &user.name, zone)?;
                let leave = held.into_iter().find(|l| l.view.id == id).ok_or(Error::NotFound("leave"))?;
                if !leave.view.state.counts() {
                    let hint = "look at the leave again";
                    return Err(Error::bad("id", "names what is refused or withdrawn already", hint));
                }
                if leave.view.state == AskState::Approved && acted.wall >= leave.view.from_at {
                    return Err(Error::bad("id", "the leave has begun", "ask a supervisor to cut it short"));
                }
                take_back(t, &seal, "leaves", id, acted)
            })
            .await?;
        self.changed();
        Ok(())
    }

    /// The own leaves, the latest first, with what waits over them. Works offline.
    ///
    /// # Errors
    /// `SignedOut`, `Storage`.
    pub async fn list(&self) -> Result<Vec<Leave>> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let seal = inner.store.seal.clone();
        inner
            .store
            .read(move |c| {
                let zone = zone(c, &seal)?;
                known(c, &seal, user.id, &user.name, zone)
            })
            .await
    }

    /// Asks the server for the own leaves and corrections.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`; what is known stays as it was.
    pub async fn refresh(&self) -> Result<()> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        let own = inner.user()?.id;
        let leaves: Vec<LeaveView> =
            inner.ask(&me, &Request::get(format!("/api/v1/leaves?courier={own}"))).await?;
        let asked: Vec<CorrectionAskView> =
            inner.ask(&me, &Request::get(format!("/api/v1/attendance/asked?courier={own}"))).await?;
        let seal = inner.store.seal.clone();
        inner
            .store
            .write(move |t| {
                still(t, me.epoch)?;
                let leaves: Vec<LeaveView> = leaves.into_iter().take(KEPT).collect();
                let asked: Vec<CorrectionAskView> = asked.into_iter().take(KEPT).collect();
                set_sealed_meta(t, &seal, LEAVES, &leaves)?;
                set_sealed_meta(t, &seal, ASKED, &asked)
            })
            .await
    }

    fn span(&self, from: LeaveEdge, to: LeaveEdge) -> Result<Span> {
        let zone = self.client.attendance().zone()?;
        leave_span(from, to, zone)
            .map_err(|(field, problem)| Error::bad(field, problem, "correct the days of the leave"))
    }

    fn changed(&self) {
        let inner = &self.client.inner;
        inner.bus.tell(Topic::Sync);
        inner.sync.wake();
    }
}

fn zone(c: &Connection, seal: &Seal) -> Result<chrono_tz::Tz> {
    crate::attendance::zone(c, seal)
}

/// A leave as it was asked for.
fn shown(request: &LeaveRequest, span: Span, courier: UserId, name: &str) -> LeaveView {
    LeaveView {
        id: request.id,
        courier,
        name: name.to_owned(),
        kind: request.kind,
        from: request.from,
        to: request.to,
        from_at: span.from,
        to_at: span.to,
        note: request.note.clone(),
        state: AskState::Requested,
        by: courier,
        asked_at: request.acted_at.wall,
        decided_by: None,
        decided_at: None,
        reason: None,
    }
}

/// What the server said, and what waits over it.
fn known(
    c: &Connection,
    seal: &Seal,
    courier: UserId,
    name: &str,
    zone: chrono_tz::Tz,
) -> Result<Vec<Leave>> {
    let told: Vec<LeaveView> = sealed_meta(c, seal, LEAVES)?.unwrap_or_default();
    let mut all: Vec<Leave> = (told.into_iter().filter(|v| v.courier == courier))
        .map(|view| Leave { view, pending: false, refused: false })
        .collect();
    for operation in queue::all(c, seal)? {
        let dead = operation.state == OperationState::Dead;
        match operation.kind {
            OperationKind::LeaveAsk => {
                let Ok(request) = serde_json::from_slice::<LeaveRequest>(&operation.body) else { continue };
                let Ok(span) = leave_span(request.from, request.to, zone) else { continue };
                if all.iter().all(|l| l.view.id != request.id) {
                    let view = shown(&request, span, courier, name);
                    all.push(Leave { view, pending: !dead, refused: dead });
                }
            }
            OperationKind::AskWithdraw => {
                let Ok(body) = serde_json::from_slice::<Body>(&operation.body) else { continue };
                if let Some(leave) = all.iter_mut().find(|l| l.view.id == body.id) {
                    (leave.pending, leave.refused) = (!dead, dead);
                    if !dead {
                        leave.view.state = AskState::Withdrawn;
                    }
                }
            }
            _ => {}
        }
    }
    all.sort_by_key(|l| std::cmp::Reverse((l.view.from_at, l.view.id)));
    Ok(all)
}

/// Withdraws: an operation that has not left goes, another one is followed by its withdrawal.
fn take_back(
    t: &Connection,
    seal: &Seal,
    of: &str,
    id: OperationId,
    acted: waybell_domain::clock::EventTime,
) -> Result<()> {
    let asked = queue::by_id(t, seal, &id.to_string())?;
    if asked.as_ref().is_some_and(|o| o.tries == 0 || o.state == OperationState::Dead) {
        queue::remove(t, id)?;
        return Ok(());
    }
    let waits = queue::alive(t, seal, &[OperationKind::AskWithdraw])?;
    let said = |o: &Operation| serde_json::from_slice::<Body>(&o.body).is_ok_and(|b| b.id == id);
    if waits.iter().any(said) {
        return Ok(());
    }
    let withdrawal = Withdrawal { acted_at: ActedAt { wall: acted.wall, age_ms: None } };
    let body = serde_json::to_vec(&Body { of: of.to_owned(), id, withdrawal })?;
    queue::push(t, seal, &Operation::new(OperationKind::AskWithdraw, None, body, acted))
}

/// Where a withdrawal goes, and what of it.
pub(crate) fn withdrawal(operation: &Operation) -> Option<(String, Vec<u8>)> {
    let body: Body = serde_json::from_slice(&operation.body).ok()?;
    let sent = serde_json::to_vec(&body.withdrawal).ok()?;
    Some((format!("/api/v1/{}/{}/withdraw", body.of, body.id), sent))
}

/// The server has taken something of a leave.
pub(crate) fn taken(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    if let Ok(view) = serde_json::from_slice::<LeaveView>(answer) {
        return keep(t, seal, LEAVES, view, |v: &LeaveView| v.id);
    }
    asked::taken(t, seal, answer)
}

fn keep<T: Serialize + serde::de::DeserializeOwned>(
    t: &Connection,
    seal: &Seal,
    key: &str,
    view: T,
    id: impl Fn(&T) -> OperationId,
) -> Result<()> {
    let mut all: Vec<T> = sealed_meta(t, seal, key)?.unwrap_or_default();
    all.retain(|v| id(v) != id(&view));
    all.insert(0, view);
    all.truncate(KEPT);
    set_sealed_meta(t, seal, key, &all)
}

/// Approved leaves as far as this phone knows them, for the own sheet.
pub(crate) fn approved(c: &Connection, seal: &Seal, courier: UserId) -> Result<Vec<(LeaveKind, Span)>> {
    let told: Vec<LeaveView> = sealed_meta(c, seal, LEAVES)?.unwrap_or_default();
    let holds = |v: &&LeaveView| v.courier == courier && v.state == AskState::Approved;
    Ok(told.iter().filter(holds).map(|v| (v.kind, Span { from: v.from_at, to: v.to_at })).collect())
}

/// The rules of a month as the phone knows them; the usual ones until the server has told them.
pub(crate) fn rules_of(rules: Option<waybell_domain::wire::AttendanceRules>) -> FieldPolicy {
    match rules {
        Some(r) => FieldPolicy {
            shifts: r.shifts,
            holidays: r.holidays,
            workdays: r.workdays,
            ..FieldPolicy::default()
        },
        None => FieldPolicy::default(),
    }
}

/// An id for something that is done now.
fn new_id(now: UnixMs) -> OperationId {
    OperationId::at(now, random())
}
