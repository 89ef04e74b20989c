//! Places set by hand: what was done last counts, and can be taken back.
//!
//! "Last" is by when it was done and not by when it arrived: a phone that was offline all day does not set back what a
//! colleague put right at noon. A pin that is taken back stays as a mark, for the same reason.

use super::rows::{self, Branch};
use crate::http::error::{ApiError, ApiResult};
use crate::store::Write;
use crate::store::scope::Scope;
use sea_orm::Value;
use waybell_domain::building::{MOST_KEYS, PlaceSource, is_key};
use waybell_domain::clock::UnixMs;
use waybell_domain::track::Place;
use waybell_domain::wire::{PlaceRemoval, PlaceRequest, PlaceView};

/// Sets where a building is, or takes that back; what all sources say of it now.
///
/// # Errors
/// 422 for names or a place that are none.
pub(super) async fn set(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    at: UnixMs,
    request: &PlaceRequest,
) -> ApiResult<Vec<PlaceView>> {
    if request.keys.is_empty() || request.keys.len() > MOST_KEYS || !request.keys.iter().all(|k| is_key(k)) {
        return Err(ApiError::field("keys", "are none", "send 1 to 50 names of a building"));
    }
    if request.at.is_some_and(|at| !rows::is_place(at)) {
        return Err(ApiError::field("at", "is no place on the earth", "send 1e-7 degrees in WGS-84"));
    }
    let branch = Branch::of(scope);
    let mut changed = false;
    for key in &request.keys {
        let known = rows::find(write.tx(), &branch, key, PlaceSource::Pin).await?;
        if known.as_ref().is_some_and(|known| known.set_at > at) {
            continue;
        }
        let nowhere = known.as_ref().map_or(Place { lat_e7: 0, lon_e7: 0 }, |known| known.at);
        let view = PlaceView {
            key: key.clone(),
            source: PlaceSource::Pin,
            at: request.at.unwrap_or(nowhere),
            within_m: 0,
            visits: 0,
            engine: None,
            by: Some(scope.person),
            set_at: at,
            gone: request.at.is_none(),
            rev: 0,
        };
        rows::put(write, &branch, &view).await?;
        changed = true;
    }
    if changed {
        let (org, person) = (Some(scope.organisation), Some(scope.person));
        let what = if request.at.is_some() { "set_place" } else { "take_back_place" };
        let detail = format!("{} name(s)", request.keys.len());
        crate::audit::record(write, org, person, now, what, &request.id.to_string(), &detail).await?;
    }
    Ok(rows::of_keys(write.tx(), &branch, &request.keys).await?)
}

/// A supervisor removes a place that is wrong, and what it was learned from.
///
/// # Errors
/// 404 where the branch has no such place.
pub(super) async fn remove(
    write: &Write,
    scope: &Scope,
    branch: &Branch,
    now: UnixMs,
    request: &PlaceRemoval,
) -> ApiResult<PlaceView> {
    let known = rows::find(write.tx(), branch, &request.key, request.source).await?;
    let known = known.filter(|k| !k.gone).ok_or_else(|| ApiError::not_found("place"))?;
    let of: [Value; 3] =
        [branch.organisation.clone().into(), branch.branch.clone().into(), request.key.clone().into()];
    if request.source == PlaceSource::Learned {
        let sql = "DELETE FROM place_seen WHERE organisation_id = $1 AND branch_id = $2 AND place_key = $3";
        write.exec(sql, of.clone()).await?;
    }
    if request.source == PlaceSource::Geocoded {
        // asked again, it would say the same
        let sql = "UPDATE geocode SET state = 'none', next_at = 9000000000000000 WHERE organisation_id = $1 \
                   AND branch_id = $2 AND place_key = $3";
        write.exec(sql, of).await?;
    }
    let view = PlaceView { gone: true, by: Some(scope.person), set_at: now, ..known };
    rows::put(write, branch, &view).await?;
    let (org, person) = (Some(scope.organisation), Some(scope.person));
    let (what, detail) = (request.source.as_str(), format!("{}, branch {}", request.key, branch.branch));
    crate::audit::record(write, org, person, now, "remove_place", what, &detail).await?;
    let stored = rows::find(write.tx(), branch, &request.key, request.source).await?;
    Ok(stored.unwrap_or(view))
}
