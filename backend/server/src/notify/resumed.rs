//! `waybell-server admin resume-restored`: after a backup was put back, the batches that were paused for it go on.

use crate::store::{RESTORED, StoreError, Write, all};
use sea_orm::FromQueryResult;
use serde::Serialize;

/// A batch that goes on.
#[derive(Debug, Serialize, FromQueryResult)]
pub struct Resumed {
    /// Its id.
    pub batch: String,
    /// Login name of whose tap it was.
    pub courier: String,
    /// Name of their organisation.
    pub organisation: String,
    /// People of it who may yet be rung.
    pub waiting: i64,
}

/// A restored batch in which nobody waits any more is over once somebody lets it go on.
pub(super) async fn end_empty(write: &Write, batch: &str) -> Result<(), StoreError> {
    let sql = "UPDATE batch SET state = 'done', reason = NULL, rev = $1 WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM recipient r \
               WHERE r.batch_id = batch.id AND r.state NOT IN ('done', 'suppressed', 'cancelled'))";
    write.exec(sql, [write.next_rev().into(), batch.into()]).await.map(drop)
}

/// Lets them go on, when the server starts; which these are.
///
/// # Errors
/// The database.
pub async fn resume_restored(write: &Write) -> Result<Vec<Resumed>, StoreError> {
    let sql = "SELECT b.id AS batch, p.login AS courier, o.name AS organisation, (SELECT COUNT(*) FROM recipient r \
               WHERE r.batch_id = b.id AND r.state IN ('planned', 'waiting')) AS waiting FROM batch b \
               JOIN person p ON p.id = b.courier_id JOIN organisation o ON o.id = b.organisation_id \
               WHERE b.state = 'paused' AND b.reason = $1 ORDER BY o.name, p.login, b.id";
    let batches: Vec<Resumed> = all(write.tx(), sql, [RESTORED.into()]).await?;
    for batch in batches.iter().filter(|b| b.waiting == 0) {
        end_empty(write, &batch.batch).await?;
    }
    let sql = "UPDATE batch SET state = 'scheduled', reason = NULL, rev = $1 WHERE state = 'paused' AND reason = $2";
    write.exec(sql, [write.next_rev().into(), RESTORED.into()]).await?;
    Ok(batches)
}
