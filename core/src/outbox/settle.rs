//! What an answer means for an operation, and for what is shown.

use super::OperationKind;
use super::queue::{self, Operation};
use crate::client::Inner;
use crate::error::{Error, Refusal, Result};
use crate::events::CHANGING;
use crate::session;
use crate::store::seal::Seal;
use crate::tasks::row::parcels_named;
use crate::tasks::rows::Writer;
use rusqlite::Connection;
use std::collections::HashSet;
use waybell_domain::id::ParcelId;
use waybell_domain::wire::{BatchView, ParcelView, PlaceView, StopRuleView};

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server has it.
    Taken,
    /// Send it again later; `left` is false if it cannot have reached the server.
    Again {
        /// Something of it may have left this phone.
        left: bool,
    },
    /// The server will never take it.
    Dead,
}

/// Judges an answer.
pub(crate) fn judge(operation: &Operation, sent: &Result<Vec<u8>>) -> Verdict {
    match sent {
        Ok(_) => Verdict::Taken,
        // what a person did to a batch that has meanwhile ended is done with
        Err(Error::Refused(refusal)) if refusal.code == "batch_over" && !operation.kind.makes_batch() => {
            Verdict::Taken
        }
        // a call that is somebody else's by now asks this person for nothing, nor does an announcement or
        // an article that is for others
        Err(Error::Refused(refusal)) if refusal.status == 404 && operation.kind.marks_only() => {
            Verdict::Taken
        }
        Err(Error::Refused(refusal)) if !refusal.is_retryable() && refusal.status != 401 => Verdict::Dead,
        Err(Error::Offline { left, .. }) => Verdict::Again { left: *left },
        Err(Error::SignedOut) => Verdict::Again { left: false },
        Err(_) => Verdict::Again { left: true },
    }
}

/// Brings queue and rows to where the answer puts them, in one transaction. `epoch` is that of the sign-in under which
/// it was sent: when that is over, the queue is brought in order all the same (its operations are always those of the
/// store's owner), but no row of the answer is written.
pub(crate) async fn settle(
    inner: &Inner,
    epoch: i64,
    operation: Operation,
    verdict: Verdict,
    answer: Option<Vec<u8>>,
    refusal: Option<Refusal>,
) -> Result<()> {
    let seal = inner.store.seal.clone();
    inner
        .store
        .write(move |t| match verdict {
            Verdict::Again { left } => queue::put_back(t, operation.id, left),
            Verdict::Dead => {
                let refusal = refusal.unwrap_or_default();
                queue::kill(t, operation.id, &refusal)?;
                if session::anybody(t)? { revert(t, &seal, &operation) } else { Ok(()) }
            }
            Verdict::Taken => {
                queue::remove(t, operation.id)?;
                if session::epoch(t)? != epoch {
                    return Ok(());
                }
                taken(t, &seal, &operation, answer.as_deref().unwrap_or_default())
            }
        })
        .await?;
    for topic in CHANGING {
        inner.bus.tell(topic);
    }
    Ok(())
}

/// Shows parcels as they are without (or again with) this operation.
pub(crate) fn revert(t: &Connection, seal: &Seal, operation: &Operation) -> Result<()> {
    let ids = parcels_of(t, seal, operation)?;
    if ids.is_empty() { Ok(()) } else { Writer::new(t, seal)?.recompute(&ids) }
}

fn parcels_of(t: &Connection, seal: &Seal, operation: &Operation) -> Result<Vec<ParcelId>> {
    let Some(owner) = crate::session::owner(t, seal)? else { return Ok(Vec::new()) };
    Ok(parcels_named(operation, owner.organisation))
}

fn taken(t: &Connection, seal: &Seal, operation: &Operation, answer: &[u8]) -> Result<()> {
    match operation.kind {
        OperationKind::Import => crate::tasks::rows::import_taken(t, &parcels_of(t, seal, operation)?),
        OperationKind::State => {
            let writer = Writer::new(t, seal)?;
            let Ok(views) = serde_json::from_slice::<Vec<ParcelView>>(answer) else { return Ok(()) };
            for view in &views {
                writer.server_row(view, true)?;
            }
            // those that the answer leaves out are not this courier's any more, and were not changed
            let mut others = parcels_of(t, seal, operation)?;
            let told: HashSet<ParcelId> = views.iter().map(|view| view.id).collect();
            others.retain(|id| !told.contains(id));
            writer.recompute(&others)
        }
        OperationKind::Deed | OperationKind::UndoDeed => {
            crate::tasks::deeds::taken(t, seal, operation, answer, &parcels_of(t, seal, operation)?)
        }
        OperationKind::StopRule | OperationKind::UndoStopRule => {
            match serde_json::from_slice::<StopRuleView>(answer) {
                Ok(view) => crate::tasks::stop_rules::learn(t, seal, &[view]),
                Err(_) => Ok(()),
            }
        }
        OperationKind::Place => match serde_json::from_slice::<Vec<PlaceView>>(answer) {
            Ok(views) => crate::tour::places::learn(t, seal, &views),
            Err(_) => Ok(()),
        },
        OperationKind::CallHandled | OperationKind::CallReopened => {
            crate::calls::mark_taken(t, seal, operation, answer)
        }
        OperationKind::Availability => crate::calls::availability_taken(t, seal, answer),
        OperationKind::Punch => crate::attendance::taken(t, seal, answer),
        OperationKind::LeaveAsk | OperationKind::CorrectionAsk | OperationKind::AskWithdraw => {
            crate::leaves::taken(t, seal, answer)
        }
        OperationKind::OrderOpen => crate::orders::taken(t, seal, answer),
        OperationKind::OrderAction => crate::orders::acted(t, seal, answer),
        OperationKind::AnnouncementRead => crate::announcements::taken(t, seal, answer),
        OperationKind::ArticleFavourite => crate::knowledge::kept(t, seal, answer),
        OperationKind::ArticleRead => crate::knowledge::counted(t, seal, answer),
        _ => match serde_json::from_slice::<BatchView>(answer) {
            Ok(view) => crate::notify::rows::server_batch(t, &view),
            Err(_) => Ok(()),
        },
    }
}
