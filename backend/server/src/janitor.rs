//! What is kept no longer: answers of requests that nobody repeats any more, ended sessions, old deliveries of webhooks, limits
//! of the absent, and memory that SQLite has given back to the C library but the library not to the system.

use crate::accounts::tokens::ACCESS_MS;
use crate::app::Shared;
use crate::store::{Store, StoreError, number};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between rounds.
const EVERY: Duration = Duration::from_secs(60);
/// A phone's outbox gives a request up long before this.
const OPERATION_MS: i64 = 30 * 24 * 3600 * 1000;
/// A waybill system repeats a delivery within hours.
const RECEIVED_MS: i64 = 72 * 3600 * 1000;
/// What a waybill system took is shown for a week.
const TAKEN_MS: i64 = 7 * 24 * 3600 * 1000;
/// Where somebody was a year ago is nobody's business; what was learned from it stays.
const SEEN_MS: i64 = 365 * 24 * 3600 * 1000;
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
        if let Err(error) = tidy(&app.store, now, &app.stopping).await {
            tracing::warn!(%error, "old rows could not be removed; tried again later");
        }
        if let Err(error) = crate::bindings::tidy(&app.store, app.clock.now()).await {
            tracing::warn!(%error, "old bindings could not be tidied; tried again later");
        }
        if let Err(error) = crate::charges::sweep(&app).await {
            tracing::warn!(%error, "legs that were not charged could not be; tried again later");
        }
        if let Err(error) = crate::tracks::sweep(&app).await {
            tracing::warn!(%error, "old tracks could not be removed; tried again later");
        }
        if let Err(error) = crate::orders::remind(&app).await {
            tracing::warn!(%error, "orders that lie could not be told of; tried again later");
        }
        give_back();
    }
}

async fn tidy(store: &Store, now: i64, stopping: &CancellationToken) -> Result<(), StoreError> {
    for (age, sql) in [
        (
            OPERATION_MS,
            "DELETE FROM operation WHERE (person_id, key) IN (SELECT person_id, key FROM operation WHERE at < $1 LIMIT $2)",
        ),
        (
            // before the session that it is of
            0,
            "DELETE FROM push_token WHERE session_id IN (SELECT t.session_id FROM push_token t \
             JOIN session s ON s.id = t.session_id WHERE s.expires_at < $1 LIMIT $2)",
        ),
        (
            OPERATION_MS,
            "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at < $1 LIMIT $2)",
        ),
        (
            SEEN_MS,
            "DELETE FROM place_seen WHERE (deed_id, place_key) IN (SELECT deed_id, place_key FROM place_seen WHERE at < $1 LIMIT $2)",
        ),
        (
            RECEIVED_MS,
            "DELETE FROM webhook_received WHERE (integration_id, delivery_id) IN \
             (SELECT integration_id, delivery_id FROM webhook_received WHERE at < $1 LIMIT $2)",
        ),
        (
            TAKEN_MS,
            "DELETE FROM webhook_delivery WHERE id IN \
             (SELECT id FROM webhook_delivery WHERE state = 'done' AND done_at < $1 LIMIT $2)",
        ),
        (
            OPERATION_MS,
            "DELETE FROM webhook_delivery WHERE id IN \
             (SELECT id FROM webhook_delivery WHERE state <> 'done' AND since < $1 LIMIT $2)",
        ),
    ] {
        let before = now - age;
        let old = sql.replacen("DELETE", "SELECT COUNT(*)", 1);
        loop {
            // a look costs the dialler nothing
            if number(store.read(), &old, [before.into(), ROWS.into()]).await? == 0 {
                break;
            }
            let write = store.begin().await?;
            let done = write.exec(sql, [before.into(), ROWS.into()]).await?.rows_affected();
            write.commit().await?;
            if done < ROWS as u64 || stopping.is_cancelled() {
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 100 * 24 * 3600 * 1000;

    #[tokio::test]
    async fn old_deliveries_go_and_the_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        let write = store.begin().await.unwrap();
        for sql in [
            "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ('o', '', '', '', '', 1)",
            "INSERT INTO integration (id, organisation_id, name, secret, created_at) VALUES ('i', 'o', 'w', 's', 0)",
        ] {
            write.exec(sql, []).await.unwrap();
        }
        // more than one transaction's worth, and one that is not old enough
        for n in 0..ROWS + 3 {
            let at = NOW - RECEIVED_MS - i64::from(n > 0);
            let sql = "INSERT INTO webhook_received (integration_id, delivery_id, request_hash, status, body, at) \
                       VALUES ('i', $1, '', 200, '', $2)";
            write.exec(sql, [n.to_string().into(), at.into()]).await.unwrap();
        }
        for (id, state, since, done) in [
            ("taken long ago", "done", NOW - TAKEN_MS - 1, Some(NOW - TAKEN_MS - 1)),
            ("taken", "done", NOW - TAKEN_MS - 1, Some(NOW - TAKEN_MS)),
            ("dead for long", "dead", NOW - OPERATION_MS - 1, None),
            ("dead", "dead", NOW - OPERATION_MS, None),
            ("waits for long", "pending", NOW - OPERATION_MS - 1, None),
            ("waits", "pending", NOW - TAKEN_MS - 1, None),
        ] {
            let sql = "INSERT INTO webhook_delivery (id, organisation_id, integration_id, parcel_id, waybill_no, seq, body, \
                       state, tries, next_at, since, created_at, done_at) \
                       VALUES ($1, 'o', 'i', '', '', 1, '', $2, 0, 0, $3, 0, $4)";
            write.exec(sql, [id.into(), state.into(), since.into(), done.into()]).await.unwrap();
        }
        write.commit().await.unwrap();
        tidy(&store, NOW, &CancellationToken::new()).await.unwrap();
        let count = async |sql: &str| number(store.read(), sql, []).await.unwrap();
        assert_eq!(count("SELECT COUNT(*) FROM webhook_received").await, 1);
        assert_eq!(count("SELECT COUNT(*) FROM webhook_delivery").await, 3);
        let left = "SELECT COUNT(*) FROM webhook_delivery WHERE id IN ('taken', 'dead', 'waits')";
        assert_eq!(count(left).await, 3);
    }
}
