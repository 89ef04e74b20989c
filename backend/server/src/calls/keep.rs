//! What is kept no longer of calls: SIP messages of legs that have ended, which hold both numbers, after a week; the customer's
//! number and waybills of a call once its `keep_until` is past, unless a recording of it has a legal hold.

use crate::store::{Several, Store, StoreError, all};
use sea_orm::FromQueryResult;
use waybell_domain::clock::{DAY, UnixMs};

/// How long messages of an ended leg are kept, for whoever looks into a fault.
const MESSAGES_MS: i64 = 7 * DAY;
/// Rows changed in one transaction, so that the dialler never waits for long.
const ROWS: i64 = 100;

const LEGS: &str = "SELECT id FROM call_leg WHERE end_at < $1 AND is_open = 0 \
     AND (invite IS NOT NULL OR refusal IS NOT NULL OR dialog IS NOT NULL) LIMIT $2";
const CALLS: &str = "SELECT c.id FROM phone_call c WHERE c.keep_until < $1 AND c.customer_key IS NOT NULL AND c.is_open = 0 \
     AND NOT EXISTS (SELECT 1 FROM recording r WHERE r.phone_call_id = c.id AND r.legal_hold = 1) LIMIT $2";

#[derive(FromQueryResult)]
struct Row {
    id: String,
}

/// Takes away what is past its time.
pub(crate) async fn tidy(store: &Store, now: UnixMs) -> Result<(), StoreError> {
    for (find, before) in [(LEGS, now.0 - MESSAGES_MS), (CALLS, now.0)] {
        loop {
            // a look costs the dialler nothing
            let some: Vec<Row> = all(store.read(), find, [before.into(), 1i64.into()]).await?;
            if some.is_empty() {
                break;
            }
            let write = store.begin().await?;
            let rows: Vec<Row> = all(write.tx(), find, [before.into(), ROWS.into()]).await?;
            let mut several = Several::default();
            for row in rows {
                if find == LEGS {
                    let sql =
                        "UPDATE call_leg SET invite = NULL, refusal = NULL, dialog = NULL WHERE id = $1";
                    several.add(sql, [row.id.into()]);
                } else {
                    let sql =
                        "UPDATE phone_call SET customer_key = NULL, parcels = '[]', rev = $2 WHERE id = $1";
                    several.add(sql, [row.id.into(), write.next_rev().into()]);
                }
            }
            several.run(write.tx()).await?;
            write.commit().await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::number;

    const NOW: i64 = 400 * DAY;

    #[tokio::test]
    async fn messages_go_after_a_week_and_numbers_with_their_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        let write = store.begin().await.unwrap();
        for (id, open, until) in
            [("old", 0, NOW - 1), ("held", 0, NOW - 1), ("young", 0, NOW), ("open", 1, NOW - 1)]
        {
            let sql = "INSERT INTO phone_call (id, organisation_id, direction, customer_key, is_open, explain, parcels, \
                       started_at, keep_until) VALUES ($1, 'o', 'incoming', '+8613800000000', $2, '[]', '[\"YT1\"]', 1, $3)";
            write.exec(sql, [id.into(), open.into(), until.into()]).await.unwrap();
        }
        let sql = "INSERT INTO recording (id, organisation_id, phone_call_id, kind, path, state, started_at, keep_until, \
                   legal_hold) VALUES ('r', 'o', 'held', 'call', 'p', 'done', 1, 1, 1)";
        write.exec(sql, []).await.unwrap();
        // more than one transaction's worth
        for n in 0..ROWS + 3 {
            let end = NOW - MESSAGES_MS - i64::from(n > 0);
            let sql = "INSERT INTO call_leg (id, phone_call_id, kind, call_id, is_open, state, invite, dialog, created_at, end_at) \
                       VALUES ($1, 'old', 'courier', $1, 0, 'answered', '{}', '{}', 1, $2)";
            write.exec(sql, [n.to_string().into(), end.into()]).await.unwrap();
        }
        let sql = "INSERT INTO call_leg (id, phone_call_id, kind, call_id, is_open, state, invite, created_at) \
                   VALUES ('up', 'open', 'courier', 'up', 1, 'ringing', '{}', 1)";
        write.exec(sql, []).await.unwrap();
        write.commit().await.unwrap();
        tidy(&store, UnixMs(NOW)).await.unwrap();
        let count = async |sql: &str| number(store.read(), sql, []).await.unwrap();
        assert_eq!(count("SELECT COUNT(*) FROM call_leg WHERE invite IS NOT NULL").await, 2);
        assert_eq!(count("SELECT COUNT(*) FROM call_leg WHERE dialog IS NOT NULL").await, 1);
        let gone = "SELECT COUNT(*) FROM phone_call WHERE customer_key IS NULL AND parcels = '[]' AND id = 'old' AND rev > 0";
        assert_eq!(count(gone).await, 1);
        assert_eq!(count("SELECT COUNT(*) FROM phone_call WHERE customer_key IS NULL").await, 1);
    }
}
