//! `/api/v1/areas/{id}/duties`: who covers an area, when.

use super::{audit, branch_of_area, colleague, staff};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::store::{all, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AreaId, DutyId, OrganisationId, UserId};
use waybell_domain::inbound::OnCall;
use waybell_domain::wire::{DutyRequest, DutyView, ErrorBody};

#[derive(FromQueryResult)]
struct Row {
    id: String,
    area_id: String,
    person_id: String,
    role: String,
    from_at: i64,
    until_at: Option<i64>,
    takes_over: i64,
}

impl Row {
    fn view(self) -> Option<DutyView> {
        Some(DutyView {
            id: DutyId::parse(&self.id).ok()?,
            area: AreaId::parse(&self.area_id).ok()?,
            courier: UserId::parse(&self.person_id).ok()?,
            role: OnCall::parse(&self.role)?,
            from: UnixMs(self.from_at),
            until: self.until_at.map(UnixMs),
            takes_over: self.takes_over != 0,
        })
    }
}

/// Who covers an area now: on duty, else a substitute; who took over last comes first.
pub(crate) async fn on_duty<C: ConnectionTrait>(
    db: &C,
    organisation: OrganisationId,
    area: AreaId,
    now: UnixMs,
) -> ApiResult<Option<UserId>> {
    let rows: Vec<Row> = all(
        db,
        "SELECT d.id, d.area_id, d.person_id, d.role, d.from_at, d.until_at, d.takes_over FROM duty d \
         JOIN person p ON p.id = d.person_id AND p.active = 1 WHERE d.area_id = $1 AND d.organisation_id = $2 \
         AND d.from_at <= $3 AND (d.until_at IS NULL OR d.until_at > $3) ORDER BY d.from_at DESC, d.id DESC",
        [area.to_string().into(), organisation.to_string().into(), now.0.into()],
    )
    .await?;
    let duties: Vec<DutyView> = rows.into_iter().filter_map(Row::view).collect();
    for role in [OnCall::Duty, OnCall::Substitute] {
        let over = duties.iter().filter(|d| d.role == role && d.takes_over).map(|d| d.id).max();
        let found = duties.iter().find(|d| d.role == role && over.is_none_or(|o| d.id >= o));
        if let Some(duty) = found {
            return Ok(Some(duty.courier));
        }
    }
    Ok(None)
}

/// Who covers an area now and later.
#[utoipa::path(get, path = "/api/v1/areas/{id}/duties", tag = "numbers", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = [DutyView]), (status = 404, body = ErrorBody)))]
pub async fn list_duties(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<DutyView>>> {
    let scope = staff(&signed)?;
    let area = AreaId::parse(&id).map_err(|_| ApiError::not_found("area"))?;
    branch_of_area(app.store.read(), scope, area).await?;
    let rows: Vec<Row> = all(
        app.store.read(),
        "SELECT id, area_id, person_id, role, from_at, until_at, takes_over FROM duty WHERE area_id = $1 \
         AND (until_at IS NULL OR until_at > $2) ORDER BY from_at, id LIMIT 1000",
        [area.to_string().into(), app.clock.now().0.into()],
    )
    .await?;
    Ok(Json(rows.into_iter().filter_map(Row::view).collect()))
}

/// Put somebody on duty for an area, or as a substitute. With `takes_over`, whoever had that role has it no longer from the
/// same moment on: calls reach the new one with the next ring. Where the new duty has an end, they have it again from then on.
#[utoipa::path(post, path = "/api/v1/areas/{id}/duties", tag = "numbers", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = DutyRequest,
    responses((status = 201, body = DutyView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn create_duty(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(request): Strict<DutyRequest>,
) -> ApiResult<(StatusCode, Json<DutyView>)> {
    let scope = staff(&signed)?;
    let area = AreaId::parse(&id).map_err(|_| ApiError::not_found("area"))?;
    let now = app.clock.now();
    let from = request.from.unwrap_or(now);
    if request.until.is_some_and(|u| u <= from) {
        return Err(ApiError::field("until", "is not after the beginning", "correct one of both"));
    }
    let write = app.store.begin().await?;
    branch_of_area(write.tx(), scope, area).await?;
    colleague(write.tx(), scope, request.courier).await?;
    let view = DutyView {
        id: DutyId::at(now, rand::random()),
        area,
        courier: request.courier,
        role: request.role,
        from,
        until: request.until,
        takes_over: request.takes_over && request.until.is_some(),
    };
    if request.takes_over && request.until.is_none() {
        // for good; one with an end only hides the others, so that nothing has to be put back
        write
            .exec(
                "UPDATE duty SET until_at = $1 WHERE area_id = $2 AND role = $3 AND from_at <= $1 \
                 AND (until_at IS NULL OR until_at > $1)",
                [from.0.into(), area.to_string().into(), request.role.as_str().into()],
            )
            .await?;
    }
    write
        .exec(
            "INSERT INTO duty (id, organisation_id, area_id, person_id, role, from_at, until_at, takes_over, created_by, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            [
                view.id.to_string().into(),
                scope.organisation.to_string().into(),
                area.to_string().into(),
                view.courier.to_string().into(),
                view.role.as_str().into(),
                from.0.into(),
                view.until.map(|u| u.0).into(),
                i64::from(view.takes_over).into(),
                scope.person.to_string().into(),
                now.0.into(),
            ],
        )
        .await?;
    audit(&write, scope, now, "duty", &view.id.to_string()).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// End somebody's duty now; one that has not begun is taken out. Whom it had taken the duty over from, for a time, has
/// it again at once.
#[utoipa::path(delete, path = "/api/v1/duties/{id}", tag = "numbers", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn end_duty(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let scope = staff(&signed)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let row: Option<Row> = one(
        write.tx(),
        "SELECT id, area_id, person_id, role, from_at, until_at, takes_over FROM duty WHERE id = $1 AND organisation_id = $2",
        [id.clone().into(), scope.organisation.to_string().into()],
    )
    .await?;
    let duty = row.and_then(Row::view).ok_or_else(|| ApiError::not_found("duty"))?;
    if branch_of_area(write.tx(), scope, duty.area).await.is_err() {
        return Err(ApiError::not_found("duty"));
    }
    if duty.from > now {
        write.exec("DELETE FROM duty WHERE id = $1", [id.clone().into()]).await?;
    } else {
        write
            .exec(
                "UPDATE duty SET until_at = $1 WHERE id = $2 AND (until_at IS NULL OR until_at > $1)",
                [now.0.into(), id.clone().into()],
            )
            .await?;
    }
    audit(&write, scope, now, "end_duty", &id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
