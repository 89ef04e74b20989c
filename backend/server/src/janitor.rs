//! What is kept no longer: answers of requests that nobody repeats any more, ended sessions, limits of the absent, and
//! memory that SQLite has given back to the C library but the library not to the system.

use crate::accounts::tokens::ACCESS_MS;
use crate::app::Shared;
use crate::store::{StoreError, number};
use std::time::Duration;

/// Between rounds.
const EVERY: Duration = Duration::from_secs(60);
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
        give_back();
    }
}

async fn tidy(app: &Shared, now: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM operation WHERE (person_id, key) IN (SELECT person_id, key FROM operation WHERE at < $1 LIMIT $2)",
        "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at < $1 LIMIT $2)",
    ] {
        let old = sql.replacen("DELETE", "SELECT COUNT(*)", 1);
        loop {
            // a look costs the dialler nothing
            if number(app.store.read(), &old, [(now - OPERATION_MS).into(), ROWS.into()]).await? == 0 {
                break;
            }
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

/// A busy hour leaves tens of megabytes with the C library, which keeps them for the next one.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the call is not in the standard library")]
fn give_back() {
    // SAFETY: the call takes no pointers and may be made from any thread at any time.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}
