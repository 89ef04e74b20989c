//! What is kept no longer: answers of requests that nobody repeats, claims that are over, and the numbers of parties and callers
//! once the time for which the organisation keeps calls is past.

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
            "SELECT COUNT(*) FROM binding WHERE until_at < $1 AND phone_a IS NOT NULL",
            "UPDATE binding SET phone_a = NULL, phone_b = NULL, user_data = NULL WHERE id IN \
             (SELECT id FROM binding WHERE until_at < $1 AND phone_a IS NOT NULL LIMIT $2)",
        ),
        (
            0,
            "SELECT COUNT(*) FROM binding_call WHERE keep_until < $1 AND (from_key IS NOT NULL OR to_key IS NOT NULL)",
            "UPDATE binding_call SET from_key = NULL, to_key = NULL WHERE call_id IN (SELECT call_id FROM binding_call \
             WHERE keep_until < $1 AND (from_key IS NOT NULL OR to_key IS NOT NULL) LIMIT $2)",
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
