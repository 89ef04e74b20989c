//! What is kept no longer: answers of requests that nobody repeats any more, ended sessions, limits of the absent.

use crate::accounts::tokens::ACCESS_MS;
use crate::app::Shared;
use crate::store::StoreError;
use std::time::Duration;

/// Between rounds.
const EVERY: Duration = Duration::from_secs(600);
/// A phone's outbox gives a request up long before this.
const OPERATION_MS: i64 = 30 * 24 * 3600 * 1000;
/// Rows taken out in one transaction, so that the dialler never waits for long.
const ROWS: i64 = 2_000;

/// Tidies up until the server stops.
pub async fn run(app: Shared) {
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        app.limits.sweep();
        let now = app.clock.now().0;
        app.revoked.lock().retain(|_, at| at.0 > now - ACCESS_MS);
        if let Err(error) = tidy(&app, now).await {
            tracing::warn!(%error, "old rows could not be removed; tried again later");
        }
    }
}

async fn tidy(app: &Shared, now: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM operation WHERE (person_id, key) IN (SELECT person_id, key FROM operation WHERE at < $1 LIMIT $2)",
        "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at < $1 LIMIT $2)",
    ] {
        loop {
            let write = app.store.begin().await?;
            let done = write.exec(sql, [(now - OPERATION_MS).into(), ROWS.into()]).await?.rows_affected();
            write.commit().await?;
            if done < ROWS as u64 || app.stopping.is_cancelled() {
                break;
            }
        }
    }
    Ok(())
}
