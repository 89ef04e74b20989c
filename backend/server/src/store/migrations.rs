//! Numbered schemas, each applied in one transaction, forward only; written for SQLite and translated for PostgreSQL
//! ([`super::dialect`]).

use super::{StoreError, dialect, number, postgres, wall};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, TransactionTrait};
use std::borrow::Cow;
use std::cmp::Ordering;

/// In order; the number of a schema is its place, from 1. A released file is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_owner.sql"),
    include_str!("migrations/0003_webhooks.sql"),
    include_str!("migrations/0004_calls.sql"),
    include_str!("migrations/0005_doors.sql"),
    include_str!("migrations/0006_outgoing.sql"),
    include_str!("migrations/0007_field.sql"),
    include_str!("migrations/0008_templates.sql"),
    include_str!("migrations/0009_evidence.sql"),
    include_str!("migrations/0010_words.sql"),
    include_str!("migrations/0011_lists.sql"),
    include_str!("migrations/0012_caps.sql"),
    include_str!("migrations/0013_orders.sql"),
    include_str!("migrations/0014_sealed.sql"),
    include_str!("migrations/0015_bindings.sql"),
    include_str!("migrations/0016_announcements.sql"),
    include_str!("migrations/0017_phones.sql"),
    include_str!("migrations/0018_push.sql"),
    include_str!("migrations/0019_knowledge.sql"),
    include_str!("migrations/0020_charges.sql"),
    include_str!("migrations/0021_desk_phones.sql"),
    include_str!("migrations/0022_transcripts.sql"),
    include_str!("migrations/0023_places.sql"),
    include_str!("migrations/0024_leave.sql"),
    include_str!("migrations/0025_arrivals.sql"),
];

/// Tables whose rows carry `rev`.
const REVISED: &[&str] = &[
    "organisation",
    "parcel",
    "parcel_gone",
    "template",
    "batch",
    "recipient",
    "stop_rule",
    "phone_call",
    "work_order",
    "work_order_gone",
    "announcement",
    "announcement_receipt",
    "knowledge_folder",
    "knowledge_article",
    "knowledge_favourite",
    "ledger_entry",
    "place",
];

/// Fails unless the database has this program's schema.
pub(super) async fn require(db: &DatabaseConnection) -> Result<(), StoreError> {
    let found = number(db, "SELECT MAX(version) FROM schema_version", []).await?;
    let known = MIGRATIONS.len() as i64;
    match found.cmp(&known) {
        Ordering::Greater => Err(StoreError::Newer { found, known }),
        Ordering::Less => Err(StoreError::Older { found, known }),
        Ordering::Equal => Ok(()),
    }
}

/// Brings the database to the newest schema.
pub(super) async fn run(db: &DatabaseConnection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    loop {
        let tx = db.begin().await?;
        if db.get_database_backend() == DbBackend::Postgres {
            // of two servers that start at once one comes second, and finds it done; large tables take their time
            postgres::hold(&tx).await?;
            tx.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
        }
        tx.execute_unprepared(
            "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)",
        )
        .await?;
        let found = number(&tx, "SELECT MAX(version) FROM schema_version", []).await?;
        if found > known {
            return Err(StoreError::Newer { found, known });
        }
        if found < known {
            apply(&tx, found as usize).await?;
        }
        if db.get_database_backend() == DbBackend::Postgres && found + 1 >= known {
            wall::raise(&tx).await?;
        }
        tx.commit().await?;
        if found + 1 >= known {
            return Ok(());
        }
    }
}

/// Applies the schema after this one.
async fn apply(tx: &DatabaseTransaction, found: usize) -> Result<(), StoreError> {
    let version = found as i64 + 1;
    tx.execute_unprepared(&schema(tx.get_database_backend(), found)?).await?;
    let now = chrono::Utc::now().timestamp_millis();
    super::exec(tx, "INSERT INTO schema_version VALUES ($1, $2)", [version.into(), now.into()]).await?;
    Ok(())
}

/// A schema in the words of this database.
fn schema(backend: DbBackend, index: usize) -> Result<Cow<'static, str>, StoreError> {
    let sql = MIGRATIONS[index];
    if backend != DbBackend::Postgres {
        return Ok(sql.into());
    }
    let translated = dialect::postgres(sql);
    translated.map(Cow::from).map_err(|problem| {
        DbErr::Custom(format!("schema {} has no form for PostgreSQL: {problem}", index + 1)).into()
    })
}

/// The highest revision any row has.
pub(super) async fn highest_rev(db: &DatabaseConnection) -> Result<i64, StoreError> {
    let mut highest = 0;
    for table in REVISED {
        highest = highest.max(number(db, &format!("SELECT MAX(rev) FROM {table}"), []).await?);
    }
    Ok(highest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn every_schema_has_a_form_for_postgresql() {
        for index in 0..MIGRATIONS.len() {
            schema(DbBackend::Postgres, index).unwrap();
        }
    }

    #[tokio::test]
    async fn a_postgresql_of_an_older_schema_is_brought_up_behind_the_wall() {
        let base = waybell_cluster::Cluster::shared().unwrap();
        let ask = |sql: &str| base.cluster.ask_as_server(&base.name, sql).unwrap();
        ask("CREATE TABLE schema_version (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)");
        for index in 0..8 {
            ask(&schema(DbBackend::Postgres, index).unwrap());
            ask(&format!("INSERT INTO schema_version VALUES ({}, 0)", index + 1));
        }
        ask(
            "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ('o', 'n', '', '', '', 7); \
             INSERT INTO phone_call (id, organisation_id, direction, is_open, explain, parcels, started_at, keep_until) \
             VALUES ('c', 'o', 'incoming', 0, '[]', '[]', 1, 2); \
             INSERT INTO recording (id, organisation_id, phone_call_id, kind, path, state, started_at, keep_until) \
             VALUES ('r', 'o', 'c', 'call', 'p', 'done', 7, 9)",
        );
        for _ in 0..2 {
            let store = Store::open(&base.url()).await.unwrap();
            assert_eq!(*store.committed().borrow(), 1_000_007, "the highest revision was seen");
            let chained = "SELECT COUNT(*) FROM recording WHERE chained = 0";
            assert_eq!(number(store.read(), chained, []).await.unwrap(), 1);
            store.close().await;
        }
        let open = "SELECT COUNT(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace \
                    AND NOT relforcerowsecurity";
        assert_eq!(ask(open), "5");
    }

    #[tokio::test]
    async fn calls_of_an_older_server_are_kept_with_their_legs_and_recordings() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.db");
        let db = sea_orm::Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
        db.execute_unprepared(
            "CREATE TABLE schema_version (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)",
        )
        .await
        .unwrap();
        for (n, sql) in MIGRATIONS[..5].iter().enumerate() {
            db.execute_unprepared(sql).await.unwrap();
            db.execute_unprepared(&format!("INSERT INTO schema_version VALUES ({}, 0)", n + 1))
                .await
                .unwrap();
        }
        for sql in [
            "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ('o', '', '', '', '', 1)",
            r#"INSERT INTO inbound_policy (organisation_id, policy) VALUES ('o', '{"keep_days":30}')"#,
            "INSERT INTO branch (id, organisation_id, name) VALUES ('b', 'o', 'b')",
            "INSERT INTO published_number (id, organisation_id, branch_id, number_key, name, proof, proof_date, created_at) \
             VALUES ('n', 'o', 'b', '+8695338', '', 'letter', '2026-01-01', 1)",
            "INSERT INTO inbound_call (id, organisation_id, branch_id, number_id, caller_key, is_open, outcome, explain, parcels, \
             started_at, ended_at, handled_at) VALUES ('c1', 'o', 'b', 'n', '+8613800000000', 0, 'missed', '[]', '[]', 7, 8, 9)",
            "INSERT INTO inbound_call (id, organisation_id, branch_id, number_id, is_open, explain, parcels, started_at) \
             VALUES ('c2', 'o', 'b', 'n', 1, '[]', '[]', 8)",
            "INSERT INTO call_leg (id, inbound_call_id, kind, call_id, is_open, state, created_at) \
             VALUES ('l', 'c2', 'caller', 'x', 1, 'ringing', 8)",
            "INSERT INTO recording (id, organisation_id, inbound_call_id, kind, path, state, started_at, keep_until) \
             VALUES ('r', 'o', 'c1', 'call', 'p', 'done', 7, 9), ('s', 'o', 'c2', 'call', 'q', 'done', 8, 5000000000)",
        ] {
            db.execute_unprepared(sql).await.unwrap();
        }
        db.close().await.unwrap();
        let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
        let count = async |sql: &str| number(store.read(), sql, []).await.unwrap();
        let whole = "SELECT COUNT(*) FROM phone_call c JOIN recording r ON r.phone_call_id = c.id WHERE c.id = 'c1' \
                     AND c.direction = 'incoming' AND c.customer_key = '+8613800000000' AND c.ended_rev = 0 \
                     AND c.handled_rev = 0 AND c.rev = 1 AND c.keep_until = 7 + 30 * 86400000";
        assert_eq!(count(whole).await, 1);
        let open = "SELECT COUNT(*) FROM phone_call c JOIN call_leg l ON l.phone_call_id = c.id WHERE c.id = 'c2' \
                    AND c.is_open = 1 AND l.is_open = 1 AND c.ended_rev IS NULL AND c.rev = 2 \
                    AND c.keep_until = 5000000000";
        assert_eq!(count(open).await, 1);
        assert_eq!(count("SELECT COUNT(*) FROM pragma_foreign_key_check").await, 0);
    }
}
