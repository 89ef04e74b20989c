//! What the courier did with parcels.

use super::rows::{COLUMNS, ParcelRow};
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{Write, all, marks};
use sea_orm::Value;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::ParcelState;

/// Most parcels one request may name.
pub const MOST: usize = 2_000;

/// The parcels in the order asked for; 404 when one is not in the scope.
pub async fn find(write: &Write, scope: &Scope, ids: &[ParcelId]) -> ApiResult<Vec<ParcelRow>> {
    if ids.is_empty() {
        return Err(ApiError::field("parcels", "is empty", "name at least one parcel"));
    }
    if ids.len() > MOST {
        return Err(ApiError::field("parcels", format!("names more than {MOST}"), "send several requests"));
    }
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(400) {
        let (filter, mut values) = scope.filter("p", 1);
        let from = values.len() + 1;
        values.extend(chunk.iter().map(|id| Value::from(id.to_string())));
        let sql = format!(
            "SELECT {COLUMNS} FROM parcel p WHERE {filter} AND p.id IN ({})",
            marks(from, chunk.len())
        );
        found.extend(all::<ParcelRow, _>(write.tx(), &sql, values).await?);
    }
    let mut by_id: std::collections::HashMap<String, ParcelRow> =
        found.into_iter().map(|r| (r.id.clone(), r)).collect();
    let mut out = Vec::with_capacity(ids.len());
    for id in ids {
        match by_id.remove(&id.to_string()) {
            Some(row) => out.push(row),
            // named twice is harmless, unknown is not
            None if out.iter().any(|r: &ParcelRow| r.id == id.to_string()) => {}
            None => return Err(ApiError::not_found("parcel")),
        }
    }
    Ok(out)
}

/// Sets the state. `at` is when the courier acted: a later action that arrived earlier stays.
pub async fn set(
    write: &Write,
    scope: &Scope,
    ids: &[ParcelId],
    state: ParcelState,
    at: UnixMs,
) -> ApiResult<Vec<ParcelRow>> {
    let mut rows = find(write, scope, ids).await?;
    for row in &mut rows {
        let rev = write.next_rev();
        let done = write
            .exec(
                "UPDATE parcel SET state = $1, state_at = $2, rev = $3 WHERE id = $4 AND state_at <= $2",
                [state.as_str().into(), at.0.into(), rev.into(), row.id.clone().into()],
            )
            .await?;
        if done.rows_affected() == 1 {
            row.state = state.as_str().into();
            row.rev = rev;
        }
    }
    Ok(rows)
}
