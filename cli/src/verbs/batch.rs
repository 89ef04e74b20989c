//! `undo`, `pause`, `resume`, `confirm`; and finding the batch that is meant.

use super::exchange::dead;
use super::{Outcome, deliver, doors, refresh};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use serde_json::json;
use waybell_core::Client;
use waybell_core::notify::Undone;
use waybell_domain::id::BatchId;
use waybell_domain::wire::BatchCounts;

/// Batches among which an id is looked for.
const RECENT: u32 = 200;

/// What is done with a batch.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Pause,
    Resume,
    Confirm,
}

/// The batch whose id starts so, or the newest one that the server has not refused.
pub(super) async fn find(client: &Client, out: &Out, wanted: Option<&str>) -> Result<BatchId, Failure> {
    let batches = client.notify().batches(RECENT).await?;
    let Some(start) = wanted else {
        let refused: Vec<BatchId> =
            dead(client)?.iter().filter(|o| o.kind.makes_batch()).filter_map(|o| o.batch).collect();
        let newest = batches.iter().map(|b| b.id).find(|id| !refused.contains(id));
        return newest.ok_or_else(|| Failure::plain(texts::no_batch(out.lang)));
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
    let newest = find(client, out, wanted).await.ok();
    let newer = if wanted.is_some() && newest.is_some() {
        None
    } else {
        doors::undo(client, out, wanted, newest).await?
    };
    if let Some(code) = newer {
        return Ok(code);
    }
    let id = match find(client, out, wanted).await {
        Ok(id) => id,
        Err(_) => {
            refresh(client).await?;
            find(client, out, wanted).await?
        }
    };
    // a large tap is several batches
    let all = if wanted.is_none() { client.notify().siblings(id).await? } else { vec![id] };
    let (mut asked, mut taken_back, mut over) = (Vec::new(), 0, 0);
    let mut first = None;
    for &batch in &all {
        let known = client.notify().progress(batch).await?;
        let undone = client.notify().undo(batch).await?;
        first = first.or(Some(undone).filter(|_| batch == id));
        match undone {
            Undone::TakenBack => taken_back += 1,
            Undone::Asked => {
                // it is asked all the same: what this machine knows may be old
                over += usize::from(known.batch.rev > 0 && known.is_over());
                asked.push(batch);
            }
        }
    }
    if taken_back > 0 {
        out.line(texts::taken_back(out.lang));
    }
    let all_over = !asked.is_empty() && over == asked.len();
    if all_over {
        out.line(texts::already_over(out.lang));
    }
    let answer = json!({ "batch": id, "undo": first });
    let code = deliver(client, out, answer, &[]).await?;
    if !asked.is_empty() && !all_over && code != FAILED {
        out.line(match stopped(client, &asked).await?.filter(|_| code == DONE) {
            Some(c) => {
                let called = c.answered + c.unanswered + c.unknown;
                texts::undone(out.lang, c.cancelled, c.calling + c.waiting, called)
            }
            None => texts::undo_asked(out.lang),
        });
    }
    Ok(code)
}

/// What became of the people of these batches, once the server has taken the undo; `None` if that is not known.
async fn stopped(client: &Client, batches: &[BatchId]) -> Result<Option<BatchCounts>, Failure> {
    let mut sum = BatchCounts::default();
    for &id in batches {
        let progress = client.notify().progress(id).await?;
        if progress.batch.rev == 0 {
            return Ok(None);
        }
        let c = progress.batch.counts;
        sum.cancelled += c.cancelled;
        sum.calling += c.calling;
        sum.waiting += c.waiting;
        sum.answered += c.answered;
        sum.unanswered += c.unanswered;
        sum.unknown += c.unknown;
    }
    let people = sum.cancelled + sum.calling + sum.waiting + sum.answered + sum.unanswered + sum.unknown;
    Ok(Some(sum).filter(|_| people > 0))
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
    let said = texts::asked(out.lang, id, state.label(out.lang));
    deliver(client, out, json!({ "batch": id, "state": state }), &[said]).await
}
