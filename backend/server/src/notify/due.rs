//! Who is due, and when somebody will be.

use super::engine::Round;
use super::rows::{RECIPIENT_COLUMNS, RecipientRow};
use crate::store::{StoreError, all, exec, number};
use sea_orm::{FromQueryResult, Value};
use waybell_domain::clock::UnixMs;

/// The next people of a batch, at most so many.
pub(crate) async fn due(round: &Round, batch: &str, most: usize) -> Result<Vec<RecipientRow>, StoreError> {
    let sql = format!(
        "SELECT {RECIPIENT_COLUMNS} FROM recipient r WHERE r.batch_id = $1 AND r.state IN ('planned', 'waiting') \
         AND r.next_at <= $2 ORDER BY r.next_at, r.sequence LIMIT $3"
    );
    all(round.write.tx(), &sql, [Value::from(batch), round.now.0.into(), (most as i64).into()]).await
}

#[derive(FromQueryResult)]
struct At {
    at: Option<i64>,
}

/// When the next person of a batch is due who is not due now.
pub(crate) async fn next_waiting(round: &Round, batch: &str) -> Result<Option<UnixMs>, StoreError> {
    let row: Option<At> = crate::store::one(
        round.write.tx(),
        "SELECT MIN(next_at) AS at FROM recipient WHERE batch_id = $1 AND state IN ('planned', 'waiting') AND next_at > $2",
        [batch.into(), round.now.0.into()],
    )
    .await?;
    Ok(row.and_then(|r| r.at).map(UnixMs))
}

/// Whether somebody of these batches is due now.
pub(crate) async fn left(round: &Round, batches: impl Iterator<Item = &str>) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM recipient WHERE batch_id = $1 AND state IN ('planned', 'waiting') AND next_at <= $2)";
    for batch in batches {
        if number(round.write.tx(), sql, [batch.into(), round.now.0.into()]).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When the next batch starts, by the steady clock.
pub(crate) async fn next_start(round: &Round) -> Result<Option<UnixMs>, StoreError> {
    let row: Option<At> = crate::store::one(
        round.write.tx(),
        "SELECT MIN(start_at) AS at FROM batch WHERE state = 'scheduled'",
        [],
    )
    .await?;
    // a start is a time of the day, so the wall clock says when; the wait is measured by the steady one
    let wait = |start: i64| start.saturating_sub(round.wall.0).max(0);
    Ok(row.and_then(|r| r.at).map(|start| UnixMs(round.now.0.saturating_add(wait(start)))))
}

/// Starts the batches whose time has come.
pub(crate) async fn start_due_batches(round: &mut Round) -> Result<(), StoreError> {
    let due = number(
        round.write.tx(),
        "SELECT COUNT(*) FROM batch WHERE state = 'scheduled' AND (start_at IS NULL OR start_at <= $1)",
        [round.wall.0.into()],
    )
    .await?;
    if due == 0 {
        // a revision without a row would wake every phone for nothing
        return Ok(());
    }
    exec(
        round.write.tx(),
        "UPDATE batch SET state = 'running', rev = $1 WHERE state = 'scheduled' AND (start_at IS NULL OR start_at <= $2)",
        [round.write.next_rev().into(), round.wall.0.into()],
    )
    .await?;
    Ok(())
}
