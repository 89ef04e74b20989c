//! Corrections that somebody asks for in days of their own.

use super::{ASKED, Leaves, keep, take_back};
use crate::client::random;
use crate::error::{Error, Result};
use crate::outbox::queue::{self, Operation};
use crate::outbox::{OperationKind, OperationState};
use crate::session::acting;
use crate::store::seal::Seal;
use crate::store::sealed_meta;
use rusqlite::Connection;
use serde::Serialize;
use waybell_domain::attendance::{AskState, Correction};
use waybell_domain::id::{OperationId, UserId};
use waybell_domain::wire::{ActedAt, CorrectionAsk, CorrectionAskView};

/// A correction that was asked for, as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// As the server has it, or as it was asked for.
    #[serde(flatten)]
    pub view: CorrectionAskView,
    /// Something of it waits to be sent.
    pub pending: bool,
    /// The server did not take it; see the outbox for why.
    pub refused: bool,
}

impl Leaves {
    /// Asks for a correction of an own day (`YYYY-MM-DD`): a forgotten punch, or one that does not count. Stored durably when
    /// this returns, sent when there is a network.
    ///
    /// # Errors
    /// `BadInput` with the field; `SignedOut`, `Storage`.
    pub async fn ask_correction(&self, day: &str, correction: Correction, reason: &str) -> Result<Asked> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let reason = reason.trim().to_owned();
        if !(2..=500).contains(&reason.chars().count()) {
            return Err(Error::bad("reason", "must have 2 to 500 characters", "say why"));
        }
        let day: chrono::NaiveDate =
            (day.trim().parse()).map_err(|_| Error::bad("day", "is no date", "write it like 2026-03-02"))?;
        let acted = inner.event_time();
        let seal = inner.store.seal.clone();
        let asked = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let id = OperationId::at(acted.wall, random());
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let request = CorrectionAsk { id, day: day.to_string(), correction, reason, acted_at };
                let body = serde_json::to_vec(&request)?;
                let mut operation = Operation::new(OperationKind::CorrectionAsk, None, body, acted);
                operation.id = id;
                queue::push(t, &seal, &operation)?;
                Ok(Asked { view: shown(&request, user.id, &user.name), pending: true, refused: false })
            })
            .await?;
        self.changed();
        Ok(asked)
    }

    /// Withdraws a correction that nobody has decided.
    ///
    /// # Errors
    /// `NotFound`, `BadInput` for one that is decided, `SignedOut`, `Storage`.
    pub async fn withdraw_correction(&self, id: OperationId) -> Result<()> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let acted = inner.event_time();
        let seal = inner.store.seal.clone();
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let held = known(t, &seal, user.id, &user.name)?;
                let asked =
                    held.into_iter().find(|a| a.view.id == id).ok_or(Error::NotFound("correction"))?;
                if asked.view.state != AskState::Requested {
                    return Err(Error::bad("id", "has been decided or withdrawn", "look at it again"));
                }
                take_back(t, &seal, "attendance/asked", id, acted)
            })
            .await?;
        self.changed();
        Ok(())
    }

    /// The own corrections that were asked for, the latest first, with what waits over them. Works offline.
    ///
    /// # Errors
    /// `SignedOut`, `Storage`.
    pub async fn corrections(&self) -> Result<Vec<Asked>> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let seal = inner.store.seal.clone();
        inner.store.read(move |c| known(c, &seal, user.id, &user.name)).await
    }
}

fn shown(request: &CorrectionAsk, courier: UserId, name: &str) -> CorrectionAskView {
    CorrectionAskView {
        id: request.id,
        courier,
        name: name.to_owned(),
        day: request.day.clone(),
        correction: request.correction.clone(),
        reason: request.reason.clone(),
        state: AskState::Requested,
        asked_at: request.acted_at.wall,
        decided_by: None,
        decided_at: None,
        answer: None,
    }
}

fn known(c: &Connection, seal: &Seal, courier: UserId, name: &str) -> Result<Vec<Asked>> {
    let told: Vec<CorrectionAskView> = sealed_meta(c, seal, ASKED)?.unwrap_or_default();
    let mut all: Vec<Asked> = (told.into_iter().filter(|v| v.courier == courier))
        .map(|view| Asked { view, pending: false, refused: false })
        .collect();
    for operation in queue::all(c, seal)? {
        let dead = operation.state == OperationState::Dead;
        match operation.kind {
            OperationKind::CorrectionAsk => {
                let Ok(request) = serde_json::from_slice::<CorrectionAsk>(&operation.body) else { continue };
                if all.iter().all(|a| a.view.id != request.id) {
                    let view = shown(&request, courier, name);
                    all.push(Asked { view, pending: !dead, refused: dead });
                }
            }
            OperationKind::AskWithdraw => {
                let Ok(body) = serde_json::from_slice::<super::Body>(&operation.body) else { continue };
                if let Some(asked) = all.iter_mut().find(|a| a.view.id == body.id) {
                    (asked.pending, asked.refused) = (!dead, dead);
                    if !dead {
                        asked.view.state = AskState::Withdrawn;
                    }
                }
            }
            _ => {}
        }
    }
    all.sort_by_key(|a| std::cmp::Reverse((a.view.asked_at, a.view.id)));
    Ok(all)
}

/// The server has taken something of a correction.
pub(super) fn taken(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    match serde_json::from_slice::<CorrectionAskView>(answer) {
        Ok(view) => keep(t, seal, ASKED, view, |v: &CorrectionAskView| v.id),
        Err(_) => Ok(()),
    }
}
