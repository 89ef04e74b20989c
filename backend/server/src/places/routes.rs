//! `/api/v1/places*`.

use super::pins;
use super::rows::{self, Branch};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::acted_at;
use crate::http::error::ApiResult;
use crate::http::json::Body;
use crate::http::once::Once;
use crate::http::query::Query;
use crate::numbers::{branch_of, staff};
use crate::store::scope::Scope;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sea_orm::ConnectionTrait;
use serde::Deserialize;
use waybell_domain::id::BranchId;
use waybell_domain::wire::{ErrorBody, PlaceRemoval, PlaceRequest, PlaceView};

/// Most rows of a list.
const MOST: u32 = 1_000;

/// The branch that is named, or the asker's own.
async fn asked<C: ConnectionTrait>(db: &C, scope: &Scope, branch: Option<BranchId>) -> ApiResult<Branch> {
    match branch {
        None => Ok(Branch::of(scope)),
        Some(named) => {
            let branch = branch_of(db, scope, Some(named)).await?;
            Ok(Branch::new(scope.organisation, branch.to_string()))
        }
    }
}

/// Set by hand where a building is, for everybody of the branch, or take that back. What was done last counts, by when it was
/// done. Answers what all sources say of the building now.
#[utoipa::path(post, path = "/api/v1/places", tag = "places", security(("bearer" = [])), request_body = PlaceRequest,
    responses((status = 200, body = [PlaceView]), (status = 422, body = ErrorBody)))]
pub async fn set_building(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<PlaceRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "places", &body.bytes)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let at = acted_at(body.value.acted_at, &headers, now);
    let views = pins::set(&write, &signed.scope, now, at.min(now), &body.value).await?;
    once.commit(write, &signed.scope, now, StatusCode::OK, &views).await
}

/// Query of the list of places.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct PlacesQuery {
    /// Those whose building's name contains this.
    #[serde(default)]
    search: String,
    /// Of which branch; the own one.
    branch: Option<BranchId>,
    /// Most rows, 200 by default, 1,000 at most.
    limit: Option<u32>,
}

/// Where buildings are, by name, with whose word that is (whoever sees the branch).
#[utoipa::path(get, path = "/api/v1/places", tag = "places", security(("bearer" = [])), params(PlacesQuery),
    responses((status = 200, body = [PlaceView]), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn list_buildings(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<PlacesQuery>,
) -> ApiResult<Json<Vec<PlaceView>>> {
    let scope = staff(&signed)?;
    let branch = asked(app.store.read(), scope, query.branch).await?;
    let limit = query.limit.unwrap_or(200).min(MOST);
    let search: String = query.search.chars().take(waybell_domain::building::LONGEST_KEY).collect();
    Ok(Json(rows::list(app.store.read(), &branch, search.trim(), i64::from(limit)).await?))
}

/// Remove a place that is wrong, with the deliveries that it was learned from (whoever sees the branch). A pin goes too; what a
/// list or a service said does not come back by itself.
#[utoipa::path(post, path = "/api/v1/places/remove", tag = "places", security(("bearer" = [])), request_body = PlaceRemoval,
    responses((status = 200, body = PlaceView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn remove_building(
    State(app): State<Shared>,
    signed: Signed,
    body: Body<PlaceRemoval>,
) -> ApiResult<Json<PlaceView>> {
    let scope = staff(&signed)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let branch = asked(write.tx(), scope, body.value.branch).await?;
    let view = pins::remove(&write, scope, &branch, now, &body.value).await?;
    write.commit().await?;
    Ok(Json(view))
}
