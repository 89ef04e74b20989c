//! What a person does with a batch, and how it is shown meanwhile.

use super::{Notify, rows};
use crate::error::{Error, Result};
use crate::outbox::queue::{self, Operation};
use crate::outbox::{OperationKind, OperationState};
use crate::store::seal::Seal;
use crate::sync::drop_whole;
use rusqlite::Connection;
use serde::Serialize;
use waybell_domain::dial::batch::{BatchEvent, BatchState};
use waybell_domain::id::BatchId;
use waybell_domain::wire::{BatchView, RecipientView};

/// How an undo went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Undone {
    /// The tap had not left this phone: it is as if it had never been.
    TakenBack,
    /// The server will stop everything that does not ring yet.
    Asked,
}

impl Notify {
    /// Stops everything of a batch that does not ring yet.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub async fn undo(&self, id: BatchId) -> Result<Undone> {
        let inner = &self.client.inner;
        let (seal, now) = (inner.store.seal.clone(), inner.event_time());
        let undone = inner
            .store
            .write(move |t| {
                let batch = rows::batch(t, id)?.ok_or(Error::NotFound("batch"))?;
                let tap = queue::maker(t, &seal, id)?;
                if let Some(tap) = &tap
                    && (tap.state == OperationState::Dead || tap.tries == 0)
                {
                    drop_whole(t, &seal, tap)?;
                    let gone =
                        BatchView { state: BatchState::Cancelled, counts: Default::default(), ..batch };
                    rows::local_batch(t, &gone)?;
                    return Ok(Undone::TakenBack);
                }
                // the server keeps a cancelled batch if it has not seen this one: the tap need not, and must not, be
                // sent again
                if let Some(tap) = &tap {
                    queue::drop_overtaken(t, tap.id)?;
                }
                // what was asked of this batch before and has not left is overtaken
                let lane = format!("batch:{id}");
                t.execute(
                    "DELETE FROM operation WHERE lane = ?1 AND state = 'pending' AND kind <> 'undo'",
                    [lane],
                )?;
                enqueue(t, &seal, OperationKind::Undo, id, None, now)?;
                Ok(Undone::Asked)
            })
            .await?;
        self.taken();
        Ok(undone)
    }

    /// Holds calls of a batch that have not started.
    pub async fn pause(&self, id: BatchId) -> Result<()> {
        self.act(OperationKind::Pause, id).await
    }

    /// Lets a batch go on.
    pub async fn resume(&self, id: BatchId) -> Result<()> {
        self.act(OperationKind::Resume, id).await
    }

    /// Carries out a tap that reached the server too late, after all.
    pub async fn confirm(&self, id: BatchId) -> Result<()> {
        self.act(OperationKind::Confirm, id).await
    }

    async fn act(&self, kind: OperationKind, id: BatchId) -> Result<()> {
        let inner = &self.client.inner;
        let (seal, now) = (inner.store.seal.clone(), inner.event_time());
        inner
            .store
            .write(move |t| {
                let batch = rows::batch(t, id)?.ok_or(Error::NotFound("batch"))?;
                let tap = queue::maker(t, &seal, id)?;
                if tap.as_ref().is_some_and(|t| t.state == OperationState::Dead) {
                    let problem = "this batch was refused by the server, so nobody is rung";
                    return Err(Error::bad("batch", problem, "see why with waybell sync"));
                }
                let (shown, _) = shown(t, &seal, batch)?;
                let (state, event) = (shown.state, event(kind));
                if state.on(event).is_err() {
                    let (state, event) = (state.label_en(), event.label_en());
                    let problem = format!("this batch is {state}; there is nothing to {event}");
                    return Err(Error::bad("batch", problem, "see its progress"));
                }
                enqueue(t, &seal, kind, id, tap.as_ref(), now)
            })
            .await?;
        self.taken();
        Ok(())
    }
}

fn enqueue(
    t: &Connection,
    seal: &Seal,
    kind: OperationKind,
    id: BatchId,
    tap: Option<&Operation>,
    now: waybell_domain::clock::EventTime,
) -> Result<()> {
    let mut operation = Operation::new(kind, Some(id), Vec::new(), now);
    operation.after = tap.map(|t| t.id);
    queue::push(t, seal, &operation)
}

fn event(kind: OperationKind) -> BatchEvent {
    match kind {
        OperationKind::Pause => BatchEvent::Pause,
        OperationKind::Resume => BatchEvent::Resume,
        OperationKind::Confirm => BatchEvent::Confirm,
        _ => BatchEvent::Cancel,
    }
}

/// The batch with what is on its way to the server over it, and its people.
pub(super) fn shown(
    c: &Connection,
    seal: &Seal,
    mut batch: BatchView,
) -> Result<(BatchView, Vec<RecipientView>)> {
    let people = rows::recipients(c, seal, batch.id)?;
    if !people.is_empty() {
        batch.counts = rows::counts(&people);
    }
    for operation in queue::in_lane(c, seal, &format!("batch:{}", batch.id))? {
        if let Ok(state) = batch.state.on(event(operation.kind)) {
            batch.state = state;
        }
    }
    Ok((batch, people))
}
