//! What each command does.

mod account;
mod batch;
pub(crate) mod doctor;
mod notify;
mod parcels;
mod sync;
mod watch;

use crate::args::{Arguments, Switch, Verb};
use crate::out::{DONE, FAILED, Failure, OFFLINE, Out, SIGN_IN};
use crate::texts;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use waybell_core::Client;
use waybell_core::outbox::{OperationState, OperationView};
use waybell_core::sync::SyncState;

/// How long a command that changed something tries to bring it to the server.
const PUSH: Duration = Duration::from_secs(3);
/// How long a command that only shows something waits for news.
const LOOK: Duration = Duration::from_millis(1_500);

pub(crate) type Outcome = Result<u8, Failure>;

pub(crate) async fn run(arguments: &Arguments, client: &Client, out: &Out, data_dir: &Path) -> Outcome {
    match &arguments.verb {
        Verb::Login { login, password } => account::login(client, out, login, password.as_deref()).await,
        Verb::Logout => account::logout(client, out).await,
        Verb::Import { file, dry_run } => parcels::import(client, out, file, *dry_run).await,
        Verb::Tasks { open, limit } => parcels::tasks(client, out, *open, *limit).await,
        Verb::Search { words, limit } => parcels::search(client, out, &words.join(" "), *limit).await,
        Verb::State { words } => parcels::state(client, out, words).await,
        Verb::Notify(args) => notify::notify(client, out, args).await,
        Verb::Again { template, include_unknown, yes } => {
            notify::again(client, out, template, *include_unknown, *yes).await
        }
        Verb::Watch { batch } => watch::watch(client, out, batch.as_deref()).await,
        Verb::Undo { batch } => batch::undo(client, out, batch.as_deref()).await,
        Verb::Pause { batch } => batch::act(client, out, batch.as_deref(), batch::Act::Pause).await,
        Verb::Resume { batch } => batch::act(client, out, batch.as_deref(), batch::Act::Resume).await,
        Verb::Confirm { batch } => batch::act(client, out, batch.as_deref(), batch::Act::Confirm).await,
        Verb::Why { waybill } => parcels::why(client, out, waybill).await,
        Verb::Sync { retry, discard } => sync::sync(client, out, retry.as_deref(), discard.as_deref()).await,
        Verb::StopAll { switch } => sync::stop_all(client, out, *switch == Switch::On).await,
        Verb::Doctor => doctor::doctor(client, out, data_dir).await,
    }
}

/// Fails unless somebody is signed in.
fn signed_in(client: &Client) -> Result<(), Failure> {
    client.session().current().map(drop).ok_or_else(|| waybell_core::Error::SignedOut.into())
}

/// Looks for news for a moment; without network what is here is shown.
async fn refresh(client: &Client) -> Result<(), Failure> {
    signed_in(client)?;
    let _ = client.run_pending(LOOK).await;
    signed_in(client)
}

/// Tries to bring what was done to the server; says what stays, or what was refused. `answer` is the document for
/// programs, to which `sync` is added.
async fn deliver(client: &Client, out: &Out, mut answer: serde_json::Value) -> Outcome {
    let before = dead(client)?;
    let _ = client.run_pending(PUSH).await;
    let status = client.sync().status()?;
    answer["sync"] = json!(status);
    let refused: Vec<OperationView> =
        dead(client)?.into_iter().filter(|o| !before.iter().any(|b| b.id == o.id)).collect();
    answer["refused"] = json!(refused);
    out.json(&answer);
    refused.iter().for_each(|o| tell_refused(out, o));
    tell_restored(out, &status);
    if !refused.is_empty() {
        return Ok(FAILED);
    }
    if status.queued == 0 {
        return Ok(DONE);
    }
    out.line(texts::kept(out.lang, status.queued));
    if status.state == SyncState::AuthNeeded {
        out.line(texts::sign_in_first(out.lang));
        return Ok(SIGN_IN);
    }
    Ok(OFFLINE)
}

/// Says that the server's data are older ones than before.
fn tell_restored(out: &Out, status: &waybell_core::sync::SyncStatus) {
    if status.restored_at.is_some() {
        out.line(texts::restored(out.lang));
    }
}

fn dead(client: &Client) -> Result<Vec<OperationView>, Failure> {
    Ok(client.sync().operations()?.into_iter().filter(|o| o.state == OperationState::Dead).collect())
}

fn tell_refused(out: &Out, operation: &OperationView) {
    let why = operation.problem.as_ref().map(|p| {
        let field = p.field.as_ref().map(|f| format!("{f}: ")).unwrap_or_default();
        let hint = p.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
        format!("{field}{}{hint}", p.message)
    });
    out.line(texts::refused(out.lang, operation.kind.as_str(), why.unwrap_or_default()));
    out.line(format!("  → {}", texts::refused_hint(out.lang, operation.id)));
}
