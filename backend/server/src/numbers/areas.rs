//! `/api/v1/branches`, `/api/v1/areas`: what a number stands for, and who is rung behind the courier on duty.

use super::{audit, branch_of, branch_of_area, colleague, sees, staff};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::store::all;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use waybell_domain::id::{AreaId, BranchId, UserId};
use waybell_domain::wire::{AreaRequest, AreaView, BranchView, ErrorBody};

#[derive(FromQueryResult)]
struct Named {
    id: String,
    branch_id: String,
    name: String,
}

/// The branches of the organisation, or the own one, with their ring groups.
#[utoipa::path(get, path = "/api/v1/branches", tag = "numbers", security(("bearer" = [])),
    responses((status = 200, body = [BranchView]), (status = 403, body = ErrorBody)))]
pub async fn list_branches(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<BranchView>>> {
    let scope = staff(&signed)?;
    let organisation = scope.organisation.to_string();
    let rows: Vec<Named> = all(
        app.store.read(),
        "SELECT id, id AS branch_id, name FROM branch WHERE organisation_id = $1 ORDER BY id",
        [organisation.clone().into()],
    )
    .await?;
    let group: Vec<Named> = all(
        app.store.read(),
        "SELECT person_id AS id, branch_id, '' AS name FROM ring_group WHERE organisation_id = $1 ORDER BY position",
        [organisation.into()],
    )
    .await?;
    let view = |row: Named| {
        let id = BranchId::parse(&row.id).ok().filter(|b| sees(scope, *b))?;
        let own = group.iter().filter(|g| g.branch_id == row.id);
        Some(BranchView {
            id,
            name: row.name,
            ring_group: own.filter_map(|g| UserId::parse(&g.id).ok()).collect(),
        })
    };
    Ok(Json(rows.into_iter().filter_map(view).collect()))
}

/// Who is rung, in this order.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RingGroup {
    /// People of the organisation, 20 at most.
    pub people: Vec<UserId>,
}

/// Set a branch's ring group: who is rung where nobody of the area takes a call.
#[utoipa::path(put, path = "/api/v1/branches/{id}/ring-group", tag = "numbers", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = RingGroup,
    responses((status = 200, body = RingGroup), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_ring_group(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(mut group): Strict<RingGroup>,
) -> ApiResult<Json<RingGroup>> {
    let scope = staff(&signed)?;
    let id = BranchId::parse(&id).map_err(|_| ApiError::not_found("branch"))?;
    let mut seen = std::collections::HashSet::new();
    group.people.retain(|p| seen.insert(*p));
    if group.people.len() > 20 {
        return Err(ApiError::field("people", "are more than 20", "keep those who are to be rung first"));
    }
    let write = app.store.begin().await?;
    let branch = branch_of(write.tx(), scope, Some(id)).await?.to_string();
    write.exec("DELETE FROM ring_group WHERE branch_id = $1", [branch.clone().into()]).await?;
    for (position, person) in group.people.iter().enumerate() {
        colleague(write.tx(), scope, *person).await?;
        write
            .exec(
                "INSERT INTO ring_group (branch_id, person_id, organisation_id, position) VALUES ($1, $2, $3, $4)",
                [
                    branch.clone().into(),
                    person.to_string().into(),
                    scope.organisation.to_string().into(),
                    (position as i64).into(),
                ],
            )
            .await?;
    }
    audit(&write, scope, app.clock.now(), "ring_group", &branch).await?;
    write.commit().await?;
    Ok(Json(group))
}

/// The areas of the organisation, or of the own branch.
#[utoipa::path(get, path = "/api/v1/areas", tag = "numbers", security(("bearer" = [])),
    responses((status = 200, body = [AreaView]), (status = 403, body = ErrorBody)))]
pub async fn list_areas(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<AreaView>>> {
    let (filter, values) = staff(&signed)?.filter("a", 1);
    let sql = format!("SELECT a.id, a.branch_id, a.name FROM area a WHERE {filter} ORDER BY a.name, a.id");
    let rows: Vec<Named> = all(app.store.read(), &sql, values).await?;
    let view = |row: Named| {
        Some(AreaView {
            id: AreaId::parse(&row.id).ok()?,
            branch: BranchId::parse(&row.branch_id).ok()?,
            name: row.name,
        })
    };
    Ok(Json(rows.into_iter().filter_map(view).collect()))
}

/// Make an area.
#[utoipa::path(post, path = "/api/v1/areas", tag = "numbers", security(("bearer" = [])), request_body = AreaRequest,
    responses((status = 201, body = AreaView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn create_area(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<AreaRequest>,
) -> ApiResult<(StatusCode, Json<AreaView>)> {
    let scope = staff(&signed)?;
    let name = named(&request.name)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let branch = branch_of(write.tx(), scope, request.branch).await?;
    let id = AreaId::at(now, rand::random());
    write
        .exec(
            "INSERT INTO area (id, organisation_id, branch_id, name) VALUES ($1, $2, $3, $4)",
            [
                id.to_string().into(),
                scope.organisation.to_string().into(),
                branch.to_string().into(),
                name.clone().into(),
            ],
        )
        .await?;
    audit(&write, scope, now, "create_area", &id.to_string()).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(AreaView { id, branch, name })))
}

/// Give an area another name.
#[utoipa::path(patch, path = "/api/v1/areas/{id}", tag = "numbers", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = AreaRequest,
    responses((status = 200, body = AreaView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn change_area(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(request): Strict<AreaRequest>,
) -> ApiResult<Json<AreaView>> {
    let scope = staff(&signed)?;
    let id = AreaId::parse(&id).map_err(|_| ApiError::not_found("area"))?;
    let name = named(&request.name)?;
    let write = app.store.begin().await?;
    let branch = branch_of_area(write.tx(), scope, id).await?;
    if request.branch.is_some_and(|b| b != branch) {
        return Err(ApiError::field("branch", "is another one", "make a new area in that branch"));
    }
    write
        .exec("UPDATE area SET name = $1 WHERE id = $2", [name.clone().into(), id.to_string().into()])
        .await?;
    audit(&write, scope, app.clock.now(), "change_area", &id.to_string()).await?;
    write.commit().await?;
    Ok(Json(AreaView { id, branch, name }))
}

fn named(text: &str) -> ApiResult<String> {
    let text = text.trim();
    if (1..=60).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(ApiError::field("name", "must have 1 to 60 characters", "choose a name"))
}
