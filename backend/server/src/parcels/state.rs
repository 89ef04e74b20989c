//! What the courier did with parcels.

use super::deeds::refuse;
use super::rows::{COLUMNS, ParcelRow};
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{Write, all, marks};
use sea_orm::Value;
use std::collections::{HashMap, HashSet};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::{DeedRefusal, ParcelState};
use waybell_domain::wire::Role;

/// Most parcels one request may name.
pub const MOST: usize = 2_000;

/// The parcels in the order asked for; 404 when one is not in the scope.
pub async fn find(write: &Write, scope: &Scope, ids: &[ParcelId]) -> ApiResult<Vec<ParcelRow>> {
    let rows = find_some(write, scope, ids).await?;
    let found: HashSet<&str> = rows.iter().map(|r| r.id.as_str()).collect();
    match ids.iter().all(|id| found.contains(id.to_string().as_str())) {
        true => Ok(rows),
        false => Err(ApiError::not_found("parcel")),
    }
}

/// Those of the parcels that are in the scope, each once, in the order asked for; 404 when none is. What is not in the
/// scope, because the newest list gave it to a colleague, is left out like what never was.
pub async fn find_some(write: &Write, scope: &Scope, ids: &[ParcelId]) -> ApiResult<Vec<ParcelRow>> {
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
    let mut by_id: HashMap<String, ParcelRow> = found.into_iter().map(|r| (r.id.clone(), r)).collect();
    // named twice is harmless
    let rows: Vec<ParcelRow> = ids.iter().filter_map(|id| by_id.remove(&id.to_string())).collect();
    if rows.is_empty() { Err(ApiError::not_found("parcel")) } else { Ok(rows) }
}

/// Sets the state of those that are in the scope, and gives these back: one parcel that was moved meanwhile must not
/// keep the others from being known as delivered. `at` is when the courier acted: a later action that arrived earlier
/// stays. A parcel that nobody did anything with yet has the time 0, whenever its list arrived.
///
/// A courier's word alone is no way round what deeds must keep to (`ParcelState::set_by_word`): a parcel for which it is
/// refused stays as it is, and is given back so.
///
/// # Errors
/// 404 when none is in the scope; 409, with the first reason as its code, when it is refused for every parcel.
pub async fn set(
    write: &Write,
    scope: &Scope,
    ids: &[ParcelId],
    state: ParcelState,
    at: UnixMs,
) -> ApiResult<Vec<ParcelRow>> {
    let at = at.0.max(0);
    let mut rows = find_some(write, scope, ids).await?;
    let refused = match scope.role {
        Role::Courier => refusals(&rows, state),
        _ => HashMap::new(),
    };
    if refused.len() == rows.len() {
        let of = |row: &ParcelRow| Some((row.waybill_no.clone(), *refused.get(&row.id)?));
        return Err(refuse(&rows.iter().filter_map(of).collect::<Vec<_>>()));
    }
    for row in rows.iter_mut().filter(|row| !refused.contains_key(&row.id)) {
        let rev = write.next_rev();
        let done = write
            .exec(
                "UPDATE parcel SET state = $1, state_at = $2, rev = $3, deed_id = CASE WHEN state = $1 THEN deed_id END, \
                 door = CASE WHEN state = $1 THEN door END WHERE id = $4 AND state_at <= $2",
                [state.as_str().into(), at.into(), rev.into(), row.id.clone().into()],
            )
            .await?;
        if done.rows_affected() == 1 {
            if row.state != state.as_str() {
                // what was done at the door is no longer how it stands
                row.door = None;
            }
            row.state = state.as_str().into();
            row.rev = rev;
        }
    }
    Ok(rows)
}

/// For which parcels, by id, the word is refused.
fn refusals(rows: &[ParcelRow], to: ParcelState) -> HashMap<String, DeedRefusal> {
    let refusal = |row: &ParcelRow| {
        let before = ParcelState::parse(&row.state)?;
        before.set_by_word(to, row.door.is_some(), row.preference.as_deref()).err()
    };
    rows.iter().filter_map(|row| Some((row.id.clone(), refusal(row)?))).collect()
}
