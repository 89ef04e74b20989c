//! `undo`, `pause`, `resume`, `confirm`; and finding the batch that is meant.

use super::{Outcome, deliver, refresh};
use crate::out::{Failure, Out};
use crate::texts;
use serde_json::json;
use waybell_core::Client;
use waybell_core::notify::Undone;
use waybell_domain::id::BatchId;

/// Batches among which an id is looked for.
const RECENT: u32 = 200;

/// What is done with a batch.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Pause,
    Resume,
    Confirm,
}

/// The batch whose id starts so, or the newest one.
pub(super) async fn find(client: &Client, out: &Out, wanted: Option<&str>) -> Result<BatchId, Failure> {
    let batches = client.notify().batches(RECENT).await?;
    let Some(start) = wanted else {
        return batches.first().map(|b| b.id).ok_or_else(|| Failure::plain(texts::no_batch(out.lang)));
    };
    let start = start.trim().to_lowercase();
    let mut found = batches.iter().map(|b| b.id).filter(|id| id.to_string().starts_with(&start));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Failure::plain(texts::no_such_batch(out.lang, start))),
        (Some(_), Some(_)) => Err(Failure::plain(texts::which_batch(out.lang, start))),
    }
}

pub(super) async fn undo(client: &Client, out: &Out, wanted: Option<&str>) -> Outcome {
    super::signed_in(client)?;
    // before anything is sent: a tap that has not left must not leave now
    let id = match find(client, out, wanted).await {
        Ok(id) => id,
        Err(_) => {
            refresh(client).await?;
            find(client, out, wanted).await?
        }
    };
    let known = client.notify().progress(id).await?;
    let over = known.batch.rev > 0 && known.is_over();
    let undone = client.notify().undo(id).await?;
    out.line(match undone {
        Undone::TakenBack => texts::taken_back(out.lang),
        // it is asked all the same: what this machine knows may be old
        Undone::Asked if over => texts::already_over(out.lang),
        Undone::Asked => texts::undo_asked(out.lang),
    });
    deliver(client, out, json!({ "batch": id, "undo": undone })).await
}

pub(super) async fn act(client: &Client, out: &Out, wanted: Option<&str>, act: Act) -> Outcome {
    refresh(client).await?;
    let id = find(client, out, wanted).await?;
    let notify = client.notify();
    match act {
        Act::Pause => notify.pause(id).await?,
        Act::Resume => notify.resume(id).await?,
        Act::Confirm => notify.confirm(id).await?,
    }
    let state = notify.progress(id).await?.batch.state;
    out.line(texts::asked(out.lang, id, state.label(out.lang)));
    deliver(client, out, json!({ "batch": id, "state": state })).await
}
