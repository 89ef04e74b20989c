//! Text messages: an outbox table, a worker, and a port with two providers.
//!
//! A message is queued in the transaction that decided on it, and handed over at least once: after a crash between
//! handing over and noting it down it goes again, which does no harm (the provider gets the same id).
//!
//! Data that were put back from a backup do not know which messages have gone since, nor which calls were answered. What
//! belongs to a batch that was paused for that waits until somebody resumes it; ending the batch drops it.

mod provider;

pub use provider::{HttpProvider, OutboxFolder, TextMessage, Undelivered};

use crate::app::Shared;
use crate::store::owner::RESTORED;
use crate::store::{Several, StoreError, Write, all};
use sea_orm::FromQueryResult;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{MessageId, OrganisationId};

/// Tries before a message is given up.
const TRIES: i64 = 8;

/// Queues the notice as a text message to a recipient; `message` is the template's, with variables. The same text to the
/// same recipient is queued once.
pub(crate) fn queue_notice(
    several: &mut Several,
    now: UnixMs,
    organisation: OrganisationId,
    recipient: &str,
    phone_key: &str,
    message: &str,
    variables: &BTreeMap<String, String>,
) {
    let Some(text) = crate::flow::render(message, variables) else { return };
    several.add(
        "INSERT INTO message (id, organisation_id, recipient_id, phone_key, text, state, tries, next_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'pending', 0, $6, $6) ON CONFLICT (recipient_id, text) DO NOTHING",
        [
            MessageId::at(now, rand::random()).to_string().into(),
            organisation.to_string().into(),
            recipient.into(),
            phone_key.into(),
            text.into(),
            now.0.into(),
        ],
    );
}

/// What waits with a batch that was paused because its data were restored, and is ended now, does not go.
pub(crate) async fn drop_restored(write: &Write, batch: &str) -> Result<(), StoreError> {
    let sql = "UPDATE message SET state = 'failed', problem = 'the data were restored from a backup and the batch was ended' \
               WHERE state = 'pending' AND recipient_id IN (SELECT id FROM recipient WHERE batch_id = $1)";
    write.exec(sql, [batch.into()]).await.map(drop)
}

#[derive(FromQueryResult)]
struct Due {
    id: String,
    phone_key: String,
    text: String,
    tries: i64,
}

impl Due {
    /// Milliseconds until it is tried again.
    fn wait(&self) -> i64 {
        1_000 * (1 << self.tries.min(9))
    }
}

/// Hands pending messages over until the server stops.
pub async fn run(app: Shared, provider: Arc<dyn TextMessage>) {
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
        if let Err(error) = hand_over(&app, provider.as_ref()).await {
            tracing::warn!(%error, "text messages wait");
        }
    }
}

async fn hand_over(app: &Shared, provider: &dyn TextMessage) -> Result<(), StoreError> {
    let now = app.clock.now();
    let due: Vec<Due> = all(
        app.store.read(),
        "SELECT id, phone_key, text, tries FROM message m WHERE state = 'pending' AND next_at <= $1 AND NOT EXISTS \
         (SELECT 1 FROM recipient r JOIN batch b ON b.id = r.batch_id WHERE r.id = m.recipient_id AND b.reason = $2) \
         ORDER BY next_at LIMIT 50",
        [now.0.into(), RESTORED.into()],
    )
    .await?;
    if due.is_empty() {
        return Ok(());
    }
    // counted before they go: where a result cannot be stored, the next try comes later and not at once
    let write = app.store.begin().await?;
    for m in &due {
        write
            .exec(
                "UPDATE message SET tries = tries + 1, next_at = $1 WHERE id = $2",
                [(now.0 + m.wait()).into(), m.id.clone().into()],
            )
            .await?;
    }
    write.commit().await?;
    for m in due {
        let sent = provider.send(&m.id, &m.phone_key, &m.text).await;
        let write = app.store.begin().await?;
        let now = app.clock.now();
        let (state, next, problem) = match sent {
            Ok(()) => ("sent", now.0, None),
            Err(u) if u.permanent || m.tries + 1 >= TRIES => ("failed", now.0, Some(u.problem)),
            Err(u) => ("pending", now.0 + m.wait(), Some(u.problem)),
        };
        write
            .exec(
                "UPDATE message SET state = $1, next_at = $2, problem = $3, sent_at = $4 WHERE id = $5",
                [
                    state.into(),
                    next.into(),
                    problem.into(),
                    (state == "sent").then_some(now.0).into(),
                    m.id.into(),
                ],
            )
            .await?;
        write.commit().await?;
    }
    Ok(())
}
