//! How long tracks are kept: as the organisation's rules say, half a year by default.

use crate::app::App;
use crate::org::sets::rule_set;
use crate::store::{Store, StoreError, all};
use sea_orm::FromQueryResult;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio_util::sync::CancellationToken;
use waybell_domain::attendance::FieldPolicy;
use waybell_domain::clock::{DAY, MINUTE, UnixMs};
use waybell_domain::id::OrganisationId;

/// Rows taken out in one transaction, so that the dialler never waits for long.
const ROWS: i64 = 500;
/// From one sweep to the next, ms.
const EVERY: i64 = 10 * MINUTE;

#[derive(FromQueryResult)]
struct Id {
    id: String,
}

/// A row that is past its time.
#[derive(FromQueryResult)]
struct Due {
    courier_id: String,
    shift: String,
    n: i64,
}

/// What is due, of an organisation before a time; and how one of it goes, if it is still due then.
const TABLES: [(&str, &str); 3] = [
    (
        "SELECT courier_id, shift, seq AS n FROM track_part WHERE organisation_id = $1 AND to_at < $2 LIMIT $3",
        "DELETE FROM track_part WHERE courier_id = $1 AND shift = $2 AND seq = $3 AND to_at < $4",
    ),
    (
        "SELECT courier_id, shift, n FROM track_note WHERE organisation_id = $1 AND received_at < $2 AND at < $2 LIMIT $3",
        "DELETE FROM track_note WHERE courier_id = $1 AND shift = $2 AND n = $3 AND at < $4",
    ),
    (
        "SELECT s.courier_id, s.shift, CAST(0 AS BIGINT) AS n FROM track_shift s WHERE s.organisation_id = $1 AND s.heard_at < $2 \
         AND COALESCE(s.ended, s.began) - s.off_ms < $2 \
         AND NOT EXISTS (SELECT 1 FROM track_part p WHERE p.courier_id = s.courier_id AND p.shift = s.shift) \
         AND NOT EXISTS (SELECT 1 FROM track_note t WHERE t.courier_id = s.courier_id AND t.shift = s.shift) LIMIT $3",
        "DELETE FROM track_shift WHERE courier_id = $1 AND shift = $2 AND $3 = 0 AND heard_at < $4 \
         AND NOT EXISTS (SELECT 1 FROM track_part p WHERE p.courier_id = $1 AND p.shift = $2) \
         AND NOT EXISTS (SELECT 1 FROM track_note t WHERE t.courier_id = $1 AND t.shift = $2)",
    ),
];

/// When the last sweep was.
#[derive(Default)]
pub(super) struct Swept(AtomicI64);

impl Swept {
    /// True at most once in [`EVERY`]; also after the clock was set back.
    pub(super) fn is_due(&self, now: UnixMs) -> bool {
        let due = !(0..EVERY).contains(&now.0.saturating_sub(self.0.load(Ordering::Relaxed)));
        if due {
            self.0.store(now.0, Ordering::Relaxed);
        }
        due
    }
}

/// Takes out what is past its time, if it was not done within the last ten minutes.
pub(crate) async fn sweep(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    if !app.positions.swept.is_due(now) {
        return Ok(());
    }
    clear(&app.store, now, &app.stopping).await
}

/// Takes out what is past its time. An organisation whose rules do not read back keeps everything. The writer is taken
/// only where a reader has found something.
async fn clear(store: &Store, now: UnixMs, stopping: &CancellationToken) -> Result<(), StoreError> {
    let rows: Vec<Id> = all(store.read(), "SELECT id FROM organisation ORDER BY id", []).await?;
    for row in rows {
        let Ok(id) = OrganisationId::parse(&row.id) else { continue };
        let rules: FieldPolicy = match rule_set(store.read(), id).await {
            Ok(rules) => rules,
            Err(error) if error.is_damage() => {
                tracing::error!(%error, organisation = %id, "tracks are kept until the rules read back");
                continue;
            }
            Err(other) => return Err(other),
        };
        let before = now.0 - i64::from(rules.track_days) * DAY;
        for (look, delete) in TABLES {
            loop {
                let values = [id.to_string().into(), before.into(), ROWS.into()];
                let due: Vec<Due> = all(store.read(), look, values).await?;
                if due.is_empty() {
                    break;
                }
                let full = due.len() as i64 >= ROWS;
                let write = store.begin().await?;
                let mut done = 0;
                for row in due {
                    let key = [row.courier_id.into(), row.shift.into(), row.n.into(), before.into()];
                    done += write.exec(delete, key).await?.rows_affected();
                }
                write.commit().await?;
                if !full || done == 0 || stopping.is_cancelled() {
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
    use crate::store::number;

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
                "INSERT INTO track_shift VALUES ('c', $1, $2, NULL, 1, $3, $3, 0, '{}', $3, NULL, $3)",
                "INSERT INTO track_note VALUES ('c', $1, 1, $2, NULL, $3, '{}', $3, 0)",
            ] {
                write.exec(sql, [shift.into(), org.clone().into(), at.into()]).await.unwrap();
            }
            let part = "INSERT INTO track_part VALUES ('c', $1, 1, $2, NULL, $3, $3, '', $4, $3, 0)";
            write.exec(part, [shift.into(), org.clone().into(), at.into(), vec![0u8].into()]).await.unwrap();
        }
        // a note of no shift, and a shift of which a note is left
        let (old, new) = (now.0 - 11 * DAY, now.0 - 9 * DAY);
        let sql = "INSERT INTO track_note VALUES ('d', 'old', 1, $1, NULL, $2, '{}', $2, 0)";
        write.exec(sql, [org.clone().into(), old.into()]).await.unwrap();
        let sql = "INSERT INTO track_shift VALUES ('e', 'e', $1, NULL, 1, $2, $2, 0, '{}', $2, NULL, $2)";
        write.exec(sql, [org.clone().into(), old.into()]).await.unwrap();
        let sql = "INSERT INTO track_note VALUES ('e', 'e', 1, $1, NULL, $2, '{}', $2, 0)";
        write.exec(sql, [org.clone().into(), new.into()]).await.unwrap();
        write.commit().await.unwrap();
        clear(&store, now, &CancellationToken::new()).await.unwrap();
        let sql = "SELECT COUNT(*) FROM track_shift WHERE shift = 'e'";
        assert_eq!(number(store.read(), sql, []).await.unwrap(), 1, "a note of it is left");
        let held = store.begin().await.unwrap();
        let stopping = CancellationToken::new();
        let idle = tokio::time::timeout(std::time::Duration::from_secs(60), clear(&store, now, &stopping));
        idle.await.expect("nothing is due: the writer is not waited for").unwrap();
        drop(held);
        for table in ["track_shift", "track_part", "track_note"] {
            let count = async |shift: &str| {
                let sql = format!("SELECT COUNT(*) FROM {table} WHERE shift = $1");
                number(store.read(), &sql, [shift.into()]).await.unwrap()
            };
            assert_eq!((count("old").await, count("new").await), (0, 1), "{table}");
        }
    }

    #[test]
    fn once_in_ten_minutes() {
        let swept = Swept::default();
        let now = UnixMs(1_795_140_000_000);
        assert!(swept.is_due(now));
        assert!(!swept.is_due(now + 9 * MINUTE));
        assert!(swept.is_due(now + 10 * MINUTE));
        assert!(swept.is_due(now), "the clock was set back");
    }
}
