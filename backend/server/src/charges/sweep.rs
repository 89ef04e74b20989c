//! What no way that stores the end of a leg has charged, and holds that nobody gave back.

use super::clocks;
use super::legs::{End, Source, settle};
use crate::app::App;
use crate::store::{StoreError, all, exec};
use sea_orm::FromQueryResult;
use waybell_domain::clock::MINUTE;

/// Legs entered in one transaction, so that the dialler never waits for long.
const AT_ONCE: i64 = 100;

#[derive(FromQueryResult)]
struct Row {
    id: String,
}

/// Rows that are to be looked for, and what each is.
type Way = (&'static str, fn(String) -> Source);

const WAYS: [Way; 3] = [
    (
        "SELECT id FROM call_leg WHERE charged = 0 AND is_open = 0 AND answer_at IS NOT NULL LIMIT $1",
        Source::Leg,
    ),
    (
        "SELECT id FROM attempt WHERE charged = 0 AND is_open = 0 AND trunk_answer_at IS NOT NULL LIMIT $1",
        Source::Attempt,
    ),
    (
        "SELECT id FROM side_call WHERE charged = 0 AND is_open = 0 AND answer_at IS NOT NULL AND kind = 'courier' LIMIT $1",
        Source::Side,
    ),
];

/// Charges what is over and was not, by what is known of it, and frees what calls that are over still hold. Every minute.
pub(crate) async fn sweep(app: &App) -> Result<(), StoreError> {
    look(app, app.clock.now().0 - MINUTE).await
}

/// The same at the start, when nobody is about to set a call up.
pub(crate) async fn begin(app: &App) -> Result<(), StoreError> {
    look(app, i64::MAX).await
}

async fn look(app: &App, before: i64) -> Result<(), StoreError> {
    for (sql, source) in WAYS {
        loop {
            // a look costs the dialler nothing
            let seen: Vec<Row> = all(app.store.read(), sql, [1i64.into()]).await?;
            if seen.is_empty() {
                break;
            }
            let (write, at) = (app.store.begin().await?, clocks(app));
            let rows: Vec<Row> = all(write.tx(), sql, [AT_ONCE.into()]).await?;
            let count = rows.len() as i64;
            for row in rows {
                tracing::info!(id = %row.id, "a leg that had ended was not charged; it is now");
                settle(&write, at, &source(row.id), End::Unknown).await?;
            }
            write.commit().await?;
            if count < AT_ONCE {
                break;
            }
        }
    }
    let left = "charge_hold WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM call_leg l WHERE l.id = charge_hold.id AND l.is_open = 1) \
                AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.id = charge_hold.id AND a.is_open = 1) \
                AND NOT EXISTS (SELECT 1 FROM phone_call c WHERE c.id = charge_hold.id AND c.is_open = 1)";
    let sql = format!("SELECT COUNT(*) FROM {left}");
    if crate::store::number(app.store.read(), &sql, [before.into()]).await? > 0 {
        let write = app.store.begin().await?;
        exec(write.tx(), &format!("DELETE FROM {left}"), [before.into()]).await?;
        write.commit().await?;
    }
    Ok(())
}
