//! What is kept no longer: answers of requests that nobody repeats, claims that are over, and the numbers of parties and callers
//! once the time for which the organisation keeps calls is past, unless a recording has a legal hold.

use crate::store::{Store, StoreError, number};
use waybell_domain::clock::{DAY, UnixMs};

/// A request that comes again later than this is a new one.
pub(super) const REQUESTS: i64 = DAY;
/// The parties of a binding are kept so long after its end, for records and for complaints.
const PARTIES: i64 = 90 * DAY;
/// Rows changed in one transaction, so that the dialler never waits for long.
const ROWS: i64 = 500;

/// Takes away what is past its time.
pub(crate) async fn tidy(store: &Store, now: UnixMs) -> Result<(), StoreError> {
    for (age, looked, sql) in [
        (
            REQUESTS,
            "SELECT COUNT(*) FROM binding_request WHERE at < $1",
            "DELETE FROM binding_request WHERE (organisation_id, request_id) IN \
             (SELECT organisation_id, request_id FROM binding_request WHERE at < $1 LIMIT $2)",
        ),
        (
            0,
            "SELECT COUNT(*) FROM binding_claim WHERE until_at < $1",
            "DELETE FROM binding_claim WHERE (number_id, claim) IN \
             (SELECT number_id, claim FROM binding_claim WHERE until_at < $1 LIMIT $2)",
        ),
        (
            PARTIES,
            "SELECT COUNT(*) FROM binding WHERE until_at < $1 AND phone_a IS NOT NULL AND NOT EXISTS (SELECT 1 FROM binding_call h \
             JOIN recording r ON r.phone_call_id = h.call_id WHERE h.binding_id = binding.id AND r.legal_hold = 1)",
            "UPDATE binding SET phone_a = NULL, phone_b = NULL, user_data = NULL WHERE id IN \
             (SELECT b.id FROM binding b WHERE b.until_at < $1 AND b.phone_a IS NOT NULL AND NOT EXISTS (SELECT 1 FROM \
             binding_call h JOIN recording r ON r.phone_call_id = h.call_id WHERE h.binding_id = b.id AND r.legal_hold = 1) LIMIT $2)",
        ),
        (
            0,
            "SELECT COUNT(*) FROM binding_call h WHERE h.keep_until < $1 AND (h.from_key IS NOT NULL OR h.to_key IS NOT NULL) \
             AND NOT EXISTS (SELECT 1 FROM recording r WHERE r.phone_call_id = h.call_id AND r.legal_hold = 1)",
            "UPDATE binding_call SET from_key = NULL, to_key = NULL WHERE call_id IN (SELECT h.call_id FROM binding_call h \
             WHERE h.keep_until < $1 AND (h.from_key IS NOT NULL OR h.to_key IS NOT NULL) AND NOT EXISTS \
             (SELECT 1 FROM recording r WHERE r.phone_call_id = h.call_id AND r.legal_hold = 1) LIMIT $2)",
        ),
    ] {
        let before = now.0 - age;
        // a look costs the dialler nothing
        while number(store.read(), looked, [before.into()]).await? > 0 {
            let write = store.begin().await?;
            let done = write.exec(sql, [before.into(), ROWS.into()]).await?.rows_affected();
            write.commit().await?;
            if done == 0 {
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 400 * DAY;

    #[tokio::test]
    async fn numbers_go_with_their_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        let write = store.begin().await.unwrap();
        for sql in [
            "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ('o', '', '', '', '', 1)",
            "INSERT INTO number_pool (id, organisation_id, name, mode, grace_ms, extension_digits, created_at) \
             VALUES ('p', 'o', '', 'AXB', 0, 4, 1)",
            "INSERT INTO pool_number (id, organisation_id, pool_id, number_key, proof, proof_date, created_at) \
             VALUES ('x', 'o', 'p', '+862131001235', 'letter', '2026-01-01', 1)",
        ] {
            write.exec(sql, []).await.unwrap();
        }
        // more than one transaction's worth
        for n in 0..ROWS + 3 {
            let until = NOW - PARTIES - i64::from(n > 0);
            let sql = "INSERT INTO binding (id, organisation_id, pool_id, number_id, mode, phone_a, phone_b, ring_s, max_s, \
                       is_recorded, hint, expires_at, grace_ms, until_at, created_by, created_at) \
                       VALUES ($1, 'o', 'p', 'x', 'AXB', 'a', 'b', 60, 60, 0, 0, 1, 0, $2, 'u', 1)";
            write.exec(sql, [n.to_string().into(), until.into()]).await.unwrap();
            let sql = "INSERT INTO binding_claim (number_id, claim, organisation_id, binding_id, until_at) \
                       VALUES ('x', $1, 'o', $1, $2)";
            write.exec(sql, [n.to_string().into(), (NOW - i64::from(n > 0)).into()]).await.unwrap();
            let sql = "INSERT INTO binding_request (organisation_id, request_id, request_hash, status, body, at) \
                       VALUES ('o', $1, '', 201, '', $2)";
            write
                .exec(sql, [n.to_string().into(), (NOW - REQUESTS - i64::from(n > 0)).into()])
                .await
                .unwrap();
        }
        for (id, until) in [("old", NOW - 1), ("young", NOW), ("held", NOW - 1)] {
            let sql = "INSERT INTO phone_call (id, organisation_id, direction, is_open, explain, parcels, started_at, keep_until) \
                       VALUES ($1, 'o', 'bound', 0, '[]', '[]', 1, $2)";
            write.exec(sql, [id.into(), until.into()]).await.unwrap();
            let sql = "INSERT INTO binding_call (call_id, organisation_id, pool_id, number_key, from_key, call_type, unconnected, \
                       at, keep_until, told) VALUES ($1, 'o', 'p', '+862131001235', 'a', 4, 2, 1, $2, 1)";
            write.exec(sql, [id.into(), until.into()]).await.unwrap();
        }
        let sql = "INSERT INTO recording (id, organisation_id, phone_call_id, kind, path, state, started_at, keep_until, legal_hold) \
                   VALUES ('r', 'o', 'held', 'call', 'r', 'done', 1, 9, 1)";
        write.exec(sql, []).await.unwrap();
        write.commit().await.unwrap();
        tidy(&store, UnixMs(NOW)).await.unwrap();
        for sql in [
            "SELECT COUNT(*) FROM binding WHERE phone_a IS NOT NULL AND phone_b IS NOT NULL",
            "SELECT COUNT(*) FROM binding_claim",
            "SELECT COUNT(*) FROM binding_request",
            "SELECT COUNT(*) FROM binding_call WHERE from_key IS NOT NULL AND call_id = 'young'",
            "SELECT COUNT(*) FROM binding_call WHERE from_key IS NULL AND call_id = 'old'",
            "SELECT COUNT(*) FROM binding_call WHERE from_key IS NOT NULL AND call_id = 'held'",
        ] {
            assert_eq!(number(store.read(), sql, []).await.unwrap(), 1, "{sql}");
        }
    }
}
