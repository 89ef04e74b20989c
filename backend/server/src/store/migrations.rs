//! Numbered schemas, each applied in one transaction, forward only.

use super::{StoreError, number};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};

/// In order; the number of a schema is its place, from 1. A released file is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_owner.sql"),
    include_str!("migrations/0003_webhooks.sql"),
    include_str!("migrations/0004_calls.sql"),
    include_str!("migrations/0005_doors.sql"),
];

/// Tables whose rows carry `rev`.
const REVISED: &[&str] =
    &["organisation", "parcel", "parcel_gone", "template", "batch", "recipient", "stop_rule"];

/// Brings the database to the newest schema.
pub(super) async fn run(db: &DatabaseConnection) -> Result<(), StoreError> {
    db.execute_unprepared(
        "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)",
    )
    .await?;
    let found = number(db, "SELECT MAX(version) FROM schema_version", []).await?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let tx = db.begin().await?;
        tx.execute_unprepared(sql).await?;
        let now = chrono::Utc::now().timestamp_millis();
        super::exec(
            &tx,
            "INSERT INTO schema_version VALUES ($1, $2)",
            [(index as i64 + 1).into(), now.into()],
        )
        .await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The highest revision any row has.
pub(super) async fn highest_rev(db: &DatabaseConnection) -> Result<i64, StoreError> {
    let mut highest = 0;
    for table in REVISED {
        highest = highest.max(number(db, &format!("SELECT MAX(rev) FROM {table}"), []).await?);
    }
    Ok(highest)
}
