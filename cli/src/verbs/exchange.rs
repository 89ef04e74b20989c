//! Bringing what was done to the server, and saying how it went.
//!
//! What people did at a door is a small request, and a moment decides whether there is a network. A list of many rows takes
//! its time and is waited for as long as it gets on, with a line that tells how far it is.

use super::{Outcome, PUSH, session_text};
use crate::out::{DONE, FAILED, Failure, OFFLINE, Out, SIGN_IN};
use crate::texts;
use serde_json::json;
use std::time::{Duration, Instant};
use waybell_core::outbox::{OperationState, OperationView};
use waybell_core::say::{field, say};
use waybell_core::sync::{SyncState, SyncStatus};
use waybell_core::tasks::Importing;
use waybell_core::{Client, Error};
use waybell_domain::lang::Lang;

/// How long a list is waited for that does not get on: one part of it, on a slow server.
const STANDSTILL: Duration = Duration::from_secs(60);
/// Between two looks at how far it is.
const GLANCE: Duration = Duration::from_millis(200);

/// Tries to bring what was done to the server; says `done` unless it was refused, and what stays or was refused. `answer` is
/// the document for programs, to which `sync` is added.
pub(super) async fn deliver(
    client: &Client,
    out: &Out,
    answer: serde_json::Value,
    done: &[String],
) -> Outcome {
    let before = dead(client)?;
    let _ = client.run_pending(PUSH).await;
    tell_delivered(client, out, answer, done, &before)
}

/// The same for a list, however long it is.
pub(super) async fn deliver_list(client: &Client, out: &Out, answer: serde_json::Value) -> Outcome {
    let before = dead(client)?;
    let _ = exchange(client, out, PUSH).await;
    tell_delivered(client, out, answer, &[], &before)
}

/// Sends and pulls, for as long as a list gets on and then for `rest`; tells on the way how far it is. Whoever asked too
/// often waits as long as the server says, if that is not long.
pub(super) async fn exchange(client: &Client, out: &Out, rest: Duration) -> Result<(), Error> {
    let end = Instant::now() + rest;
    loop {
        let done = once(client, out, rest).await;
        let wait = match &done {
            Err(Error::Refused(refusal)) if refusal.status == 429 => {
                Duration::from_secs(refusal.retry_after.unwrap_or(1).max(1).into())
            }
            _ => return done,
        };
        if Instant::now() + wait >= end {
            return done;
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn once(client: &Client, out: &Out, rest: Duration) -> Result<(), Error> {
    let sync = client.sync();
    let mut exchange = std::pin::pin!(sync.now());
    let mut progress = out.progress();
    let mut last = client.tasks().importing()?;
    let mut end = Instant::now() + if last.is_some() { STANDSTILL } else { rest };
    loop {
        tokio::select! {
            done = &mut exchange => return done,
            // all of it is kept: what follows says so
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(GLANCE) => {}
        }
        let now = client.tasks().importing()?;
        if now != last {
            end = Instant::now() + if now.is_some() { STANDSTILL } else { rest };
            let all = |at: Importing| Importing { sent: at.total, ..at };
            if let Some(at) = now.or(last.map(all)) {
                progress.show(&texts::sent_so_far(out.lang, at.sent, at.total));
            }
            last = now;
        }
        if Instant::now() >= end {
            return Ok(());
        }
    }
}

fn tell_delivered(
    client: &Client,
    out: &Out,
    mut answer: serde_json::Value,
    done: &[String],
    before: &[OperationView],
) -> Outcome {
    let status = client.sync().status()?;
    let refused: Vec<OperationView> =
        dead(client)?.into_iter().filter(|o| !before.iter().any(|b| b.id == o.id)).collect();
    answer["sync"] = json!(status);
    answer["refused"] = json!(refused);
    out.json(&answer);
    if refused.is_empty() {
        done.iter().for_each(|line| out.line(line));
    }
    refused.iter().for_each(|o| tell_refused(out, o));
    tell_restored(out, &status);
    if status.queued > 0 {
        tell_kept(client, out, &status)?;
    }
    if !refused.is_empty() {
        return Ok(FAILED);
    }
    if status.queued == 0 {
        return Ok(DONE);
    }
    if status.state == SyncState::AuthNeeded {
        out.line(session_text(client, out)?);
        return Ok(SIGN_IN);
    }
    Ok(OFFLINE)
}

/// Says what waits, and why if that is known.
pub(super) fn tell_kept(client: &Client, out: &Out, status: &SyncStatus) -> Result<(), Failure> {
    match client.tasks().importing()?.filter(|at| at.sent > 0) {
        Some(at) => out.line(texts::kept_in_part(out.lang, at.sent, at.total)),
        None => out.line(texts::kept(out.lang, status.queued)),
    }
    if let Some(problem) = &status.problem {
        out.line(format!("  {}", texts::kept_why(out.lang, say(out.lang, problem))));
    }
    Ok(())
}

/// Says that the server's data are older ones than before.
pub(super) fn tell_restored(out: &Out, status: &SyncStatus) {
    if status.restored_at.is_some() {
        out.line(texts::restored(out.lang));
    }
}

/// Operations that were refused and want a decision.
pub(super) fn dead(client: &Client) -> Result<Vec<OperationView>, Failure> {
    Ok(client.sync().operations()?.into_iter().filter(|o| o.state == OperationState::Dead).collect())
}

/// Says that the server will never take an operation, and why.
pub(super) fn tell_refused(out: &Out, operation: &OperationView) {
    let why = operation.problem.as_ref().map(|p| {
        let about = p.field.as_ref().map(|f| match out.lang {
            Lang::Zh => format!("{}：", field(f).unwrap_or(f)),
            Lang::En => format!("{f}: "),
        });
        let hint = p.hint.as_ref().map(|h| say(out.lang, h)).map(|h| match out.lang {
            Lang::Zh => format!("（{h}）"),
            Lang::En => format!(" ({h})"),
        });
        let message = say(out.lang, &p.message);
        format!("{}{message}{}", about.unwrap_or_default(), hint.unwrap_or_default())
    });
    let what = texts::operation(out.lang, operation.kind);
    out.line(texts::refused(out.lang, what, why.unwrap_or_default()));
    out.line(format!("  → {}", texts::refused_hint(out.lang, operation.id)));
}
