//! How long tracks are kept: as the organisation's rules say, half a year by default.

use super::policy;
use crate::store::{Store, StoreError, all, number};
use sea_orm::FromQueryResult;
use tokio_util::sync::CancellationToken;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::OrganisationId;

/// Rows taken out in one transaction, so that the dialler never waits for long.
const ROWS: i64 = 500;

#[derive(FromQueryResult)]
struct Id {
    id: String,
}

/// Takes out what is past its time. An organisation whose rules do not read back keeps everything.
pub(crate) async fn sweep(
    store: &Store,
    now: UnixMs,
    stopping: &CancellationToken,
) -> Result<(), StoreError> {
    let rows: Vec<Id> = all(store.read(), "SELECT id FROM organisation ORDER BY id", []).await?;
    for row in rows {
        let Ok(id) = OrganisationId::parse(&row.id) else { continue };
        let rules = match policy(store.read(), id).await {
            Ok(rules) => rules,
            Err(error) if error.is_damage() => {
                tracing::error!(%error, organisation = %id, "tracks are kept until the rules read back");
                continue;
            }
            Err(other) => return Err(other),
        };
        let before = now.0 - i64::from(rules.track_days) * DAY;
        for sql in [
            "DELETE FROM track_part WHERE (courier_id, shift, seq) IN \
             (SELECT courier_id, shift, seq FROM track_part WHERE organisation_id = $1 AND to_at < $2 LIMIT $3)",
            "DELETE FROM track_note WHERE (courier_id, shift, n) IN (SELECT t.courier_id, t.shift, t.n FROM track_note t \
             JOIN track_shift s ON s.courier_id = t.courier_id AND s.shift = t.shift \
             WHERE s.organisation_id = $1 AND s.heard_at < $2 AND t.at - s.off_ms < $2 LIMIT $3)",
            "DELETE FROM track_shift WHERE (courier_id, shift) IN (SELECT s.courier_id, s.shift FROM track_shift s \
             WHERE s.organisation_id = $1 AND s.heard_at < $2 AND COALESCE(s.ended, s.began) - s.off_ms < $2 \
             AND NOT EXISTS (SELECT 1 FROM track_part p WHERE p.courier_id = s.courier_id AND p.shift = s.shift) LIMIT $3)",
        ] {
            let old = sql.replacen("DELETE", "SELECT COUNT(*)", 1);
            let values = || [id.to_string().into(), before.into(), ROWS.into()];
            while number(store.read(), &old, values()).await? > 0 {
                let write = store.begin().await?;
                let done = write.exec(sql, values()).await?.rows_affected();
                write.commit().await?;
                if done == 0 || stopping.is_cancelled() {
                    break;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_past_its_time_goes_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        let now = UnixMs(1_795_140_000_000);
        let org = OrganisationId::at(1, [1; 10]).to_string();
        let write = store.begin().await.unwrap();
        let sql = "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ($1, '', '', '', '', 1)";
        write.exec(sql, [org.clone().into()]).await.unwrap();
        let sql = "INSERT INTO field_policy VALUES ($1, '{\"track_days\":10}')";
        write.exec(sql, [org.clone().into()]).await.unwrap();
        for (shift, age) in [("old", 11 * DAY), ("new", 9 * DAY)] {
            let at = now.0 - age;
            for sql in [
                "INSERT INTO track_shift VALUES ('c', $1, $2, NULL, 1, $3, $3, 0, '{}', $3)",
                "INSERT INTO track_part VALUES ('c', $1, 1, $2, NULL, $3, $3, '', x'00', $3)",
                "INSERT INTO track_note VALUES ('c', $1, 1, $2, NULL, $3, '{}')",
            ] {
                write.exec(sql, [shift.into(), org.clone().into(), at.into()]).await.unwrap();
            }
        }
        write.commit().await.unwrap();
        sweep(&store, now, &CancellationToken::new()).await.unwrap();
        for table in ["track_shift", "track_part", "track_note"] {
            let count = async |shift: &str| {
                let sql = format!("SELECT COUNT(*) FROM {table} WHERE shift = $1");
                number(store.read(), &sql, [shift.into()]).await.unwrap()
            };
            assert_eq!((count("old").await, count("new").await), (0, 1), "{table}");
        }
    }
}
