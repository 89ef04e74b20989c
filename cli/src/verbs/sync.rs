//! `sync`, `stop-all`.

use super::exchange::{dead, exchange, tell_kept, tell_refused, tell_restored};
use super::{Outcome, PUSH, signed_in};
use crate::out::{DONE, FAILED, Failure, OFFLINE, Out};
use crate::texts;
use serde_json::json;
use waybell_core::Client;
use waybell_domain::id::OperationId;

pub(super) async fn sync(client: &Client, out: &Out, retry: Option<&str>, discard: Option<&str>) -> Outcome {
    signed_in(client)?;
    for id in named(client, out, retry)? {
        client.sync().retry(id).await?;
    }
    for id in named(client, out, discard)? {
        // one that waited for another may have gone with it
        match client.sync().discard(id).await {
            Ok(()) | Err(waybell_core::Error::NotFound(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let done = exchange(client, out, PUSH * 10).await;
    let status = client.sync().status()?;
    let refused = dead(client)?;
    if let Err(error) = done {
        if status.queued > 0 {
            tell_kept(client, out, &status)?;
        }
        return Err(error.into());
    }
    out.json(&json!({ "sync": status, "refused": refused }));
    refused.iter().for_each(|o| tell_refused(out, o));
    tell_restored(out, &status);
    if !refused.is_empty() {
        return Ok(FAILED);
    }
    if status.queued > 0 {
        tell_kept(client, out, &status)?;
        return Ok(OFFLINE);
    }
    out.line(texts::synced(out.lang));
    Ok(DONE)
}

/// The refused operations that are meant.
fn named(client: &Client, out: &Out, which: Option<&str>) -> Result<Vec<OperationId>, Failure> {
    let Some(which) = which else { return Ok(Vec::new()) };
    let dead: Vec<OperationId> = dead(client)?.iter().map(|o| o.id).collect();
    if which == "all" {
        return Ok(dead);
    }
    let found: Vec<OperationId> = dead.into_iter().filter(|id| id.to_string().starts_with(which)).collect();
    if found.len() == 1 { Ok(found) } else { Err(Failure::plain(texts::no_such_operation(out.lang, which))) }
}

pub(super) async fn stop_all(client: &Client, out: &Out, stopped: bool) -> Outcome {
    signed_in(client)?;
    client.notify().stop_all(stopped).await?;
    out.line(if stopped { texts::stopped(out.lang) } else { texts::released(out.lang) });
    out.json(&json!({ "stopped": stopped }));
    Ok(DONE)
}
