//! `GET /api/v1/sync`: what a phone does not have yet.
//!
//! Each table is read in revision order from the cursor up to the last commit. Where one table has more rows than fit,
//! the page ends at that table's last row, and rows of the other tables beyond it wait for the next page; so the cursor
//! never passes a row that was not sent. Each page names the generation of the data (key `generation` in `meta`), by
//! which a phone sees that a backup was put back: revisions alone may hide it.

use super::rows::{COLUMNS, ParcelRow};
use crate::app::App;
use crate::http::error::ApiResult;
use crate::notify::rows::{BATCH_COLUMNS, BatchRow, RECIPIENT_COLUMNS, RecipientRow, counts};
use crate::store::scope::Scope;
use crate::store::{StoreError, all, one};
use sea_orm::{FromQueryResult, Value};
use waybell_domain::id::ParcelId;
use waybell_domain::wire::SyncPage;

/// Rows of one kind in a page, at most.
pub const PAGE: u64 = 2_000;

#[derive(FromQueryResult)]
struct Gone {
    parcel_id: String,
    rev: i64,
}

/// The page after `since` for this person; `limit` rows of a kind, at most [`PAGE`].
pub async fn page(app: &App, scope: &Scope, since: i64, limit: u64) -> ApiResult<SyncPage> {
    let limit = limit.clamp(1, PAGE);
    let mut end = *app.store.committed().borrow();
    // a cursor from before a restore: start over
    let since = if since > end { 0 } else { since };
    let parcels: Vec<ParcelRow> = read(app, scope, "parcel", COLUMNS, "p", since, end, limit).await?;
    let batches: Vec<BatchRow> = read(app, scope, "batch", BATCH_COLUMNS, "b", since, end, limit).await?;
    let recipients: Vec<RecipientRow> =
        read(app, scope, "recipient", RECIPIENT_COLUMNS, "r", since, end, limit).await?;
    let gone: Vec<Gone> = all(
        app.store.read(),
        "SELECT parcel_id, rev FROM parcel_gone WHERE courier_id = $1 AND rev > $2 AND rev <= $3 ORDER BY rev LIMIT $4",
        [scope.person.to_string().into(), since.into(), end.into(), (limit as i64).into()],
    )
    .await?;
    let rules = super::stop_rules::newer(app, scope, since, end, limit).await?;
    let places = crate::places::newer(app, scope, since, end, limit).await?;
    let committed = end;
    for (count, last) in [
        (parcels.len(), parcels.last().map(|r| r.rev)),
        (batches.len(), batches.last().map(|r| r.rev)),
        (recipients.len(), recipients.last().map(|r| r.rev)),
        (gone.len(), gone.last().map(|r| r.rev)),
        (rules.len(), rules.last().map(|r| r.rev)),
        (places.len(), places.last().map(|p| p.rev)),
    ] {
        if let (true, Some(last)) = (count as u64 == limit, last) {
            end = end.min(last);
        }
    }
    let templates = crate::templates::service::newer(app, scope, since, end).await?;
    let policy = crate::org::policy::newer(app, scope, since, end).await?;
    let ids: Vec<String> = batches.iter().filter(|b| b.rev <= end).map(|b| b.id.clone()).collect();
    let counts = counts(app.store.read(), &ids).await?;
    Ok(SyncPage {
        cursor: end,
        more: end < committed,
        parcels: parcels.iter().filter(|r| r.rev <= end).filter_map(ParcelRow::view).collect(),
        batches: batches
            .iter()
            .filter(|r| r.rev <= end)
            .filter_map(|r| r.view(counts.get(&r.id).copied().unwrap_or_default()))
            .collect(),
        recipients: recipients.iter().filter(|r| r.rev <= end).filter_map(RecipientRow::view).collect(),
        templates,
        policy,
        gone_parcels: gone
            .iter()
            .filter(|g| g.rev <= end)
            .filter_map(|g| ParcelId::parse(&g.parcel_id).ok())
            .collect(),
        gone_batches: Vec::new(),
        gone_recipients: Vec::new(),
        stop_rules: rules.into_iter().filter(|r| r.rev <= end).collect(),
        places: places.into_iter().filter(|p| p.rev <= end).collect(),
        now: app.clock.wall(),
        generation: generation(app).await?,
    })
}

#[derive(FromQueryResult)]
struct Meta {
    value: String,
}

/// Names this server's data; another one after a backup was put back.
async fn generation(app: &App) -> Result<String, StoreError> {
    let row: Option<Meta> =
        one(app.store.read(), "SELECT value FROM meta WHERE key = 'generation'", []).await?;
    Ok(row.map(|m| m.value).unwrap_or_default())
}

async fn read<T: FromQueryResult>(
    app: &App,
    scope: &Scope,
    table: &str,
    columns: &str,
    alias: &str,
    since: i64,
    end: i64,
    limit: u64,
) -> Result<Vec<T>, StoreError> {
    let (filter, mut values) = scope.filter(alias, 1);
    let n = values.len();
    values.extend([Value::from(since), Value::from(end), Value::from(limit as i64)]);
    let sql = format!(
        "SELECT {columns} FROM {table} {alias} WHERE {filter} AND {alias}.rev > ${} AND {alias}.rev <= ${} \
         ORDER BY {alias}.rev LIMIT ${}",
        n + 1,
        n + 2,
        n + 3
    );
    all(app.store.read(), &sql, values).await
}
