//! `/api/v1/punches`, `/api/v1/attendance*`, `/api/v1/work-places*`.

use super::correct::{Made, check_correction, put_correction};
use super::sheets::CorrectionRow;
use super::{places, sheets, take};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Strict};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::numbers::{branch_of, staff};
use crate::store::{StoreError, one};
use crate::tracks::{local_day, look_note, person};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::Value;
use serde::Deserialize;
use waybell_domain::attendance::{FieldPolicy, WorkPlace};
use waybell_domain::id::{BranchId, OperationId};
use waybell_domain::lang::Lang;
use waybell_domain::wire::{
    AttendanceDay, AttendanceMonth, AttendanceRules, AttendanceTotals, CorrectionRequest, CorrectionView,
    ErrorBody, PunchRequest, PunchView, WorkPlaceRequest,
};

/// Clock in or out, or say that one is at work elsewhere. Taken whatever speaks against it: the answer tells that as
/// evidence, and whether a photo would help. The same `id` again has no second effect.
#[utoipa::path(post, path = "/api/v1/punches", tag = "field", security(("bearer" = [])), request_body = PunchRequest,
    responses((status = 200, body = PunchView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn punch(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<PunchRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "punches", &body.bytes)?;
    take::check(&body.value)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let view = take::take(&write, &signed.scope, signed.session, &headers, now, &body.value).await?;
    once.commit(write, &signed.scope, now, StatusCode::OK, &view).await
}

/// Whose month.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct MonthQuery {
    /// Id or login name; the asker's own where it is absent.
    courier: Option<String>,
    /// `YYYY-MM`; this month where it is absent.
    month: Option<String>,
}

/// A month of a courier, day by day: a courier's own, for supervisors those of their branch. Who looks is kept in the audit.
#[utoipa::path(get, path = "/api/v1/attendance", tag = "field", security(("bearer" = [])), params(MonthQuery),
    responses((status = 200, body = AttendanceMonth), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn month(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<MonthQuery>,
) -> ApiResult<Json<AttendanceMonth>> {
    let scope = &signed.scope;
    let person = person(app.store.read(), scope, query.courier.as_deref()).await?;
    let today = local_day(&app, scope, None).await?;
    let (month, first, last) = sheets::month(query.month.as_deref(), &today)?;
    let (courier, name) = (person.id, person.name.clone());
    let days = sheets::days(&app, scope, &[person], &first, &last).await?;
    let totals = AttendanceTotals::of(days.iter().map(|d| &d.sheet));
    look_note(&app, scope, "look_at_attendance", &courier.to_string(), &month).await?;
    Ok(Json(AttendanceMonth { courier, name, month, days, totals }))
}

/// Which day of which branch.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct DayQuery {
    /// The branch; all that the asker sees where it is absent.
    branch: Option<BranchId>,
    /// `YYYY-MM-DD`; today where it is absent.
    day: Option<String>,
}

/// A day of all couriers of a branch (supervisors). Who looks is kept in the audit.
#[utoipa::path(get, path = "/api/v1/attendance/day", tag = "field", security(("bearer" = [])), params(DayQuery),
    responses((status = 200, body = [AttendanceDay]), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn day(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<DayQuery>,
) -> ApiResult<Json<Vec<AttendanceDay>>> {
    let scope = staff(&signed)?;
    let db = app.store.read();
    if query.branch.is_some() {
        branch_of(db, scope, query.branch).await?;
    }
    let day = local_day(&app, scope, query.day.as_deref()).await?;
    let people = sheets::couriers(db, scope, query.branch).await?;
    let days = sheets::days(&app, scope, &people, &day, &day).await?;
    look_note(&app, scope, "look_at_attendance", &subject(scope, query.branch), &day.name).await?;
    Ok(Json(days))
}

fn subject(scope: &crate::store::scope::Scope, branch: Option<BranchId>) -> String {
    branch.map_or_else(|| scope.organisation.to_string(), |b| b.to_string())
}

/// Which month of which branch, in which language.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct ExportQuery {
    /// The branch; all that the asker sees where it is absent.
    branch: Option<BranchId>,
    /// `YYYY-MM`; this month where it is absent.
    month: Option<String>,
    /// `zh` (default) or `en`.
    lang: Option<String>,
}

/// A month of all couriers of a branch as CSV, a line for each day (supervisors). Who takes it is kept in the audit.
#[utoipa::path(get, path = "/api/v1/attendance/export", tag = "field", security(("bearer" = [])), params(ExportQuery),
    responses((status = 200, content_type = "text/csv", body = String), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub async fn export(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<ExportQuery>,
) -> ApiResult<Response> {
    let scope = staff(&signed)?;
    let db = app.store.read();
    if query.branch.is_some() {
        branch_of(db, scope, query.branch).await?;
    }
    let today = local_day(&app, scope, None).await?;
    let (month, first, last) = sheets::month(query.month.as_deref(), &today)?;
    let people = sheets::couriers(db, scope, query.branch).await?;
    let days = sheets::days(&app, scope, &people, &first, &last).await?;
    let lang = query.lang.as_deref().map_or(Lang::Zh, Lang::of_locale);
    let body = sheets::csv(&days, today.zone, lang)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string()))?;
    look_note(&app, scope, "export_attendance", &subject(scope, query.branch), &month).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"attendance-{month}.csv\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// Put something right in somebody's day, with a reason (supervisors; nobody in their own). Kept in the audit; what the
/// phone sent stays as it came.
#[utoipa::path(post, path = "/api/v1/attendance/corrections", tag = "field", security(("bearer" = [])),
    request_body = CorrectionRequest, responses((status = 200, body = CorrectionView), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn correct(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<CorrectionRequest>,
) -> ApiResult<Json<CorrectionView>> {
    let scope = staff(&signed)?;
    let reason = request.reason.trim().to_owned();
    if !(2..=500).contains(&reason.chars().count()) {
        return Err(ApiError::field("reason", "must have 2 to 500 characters", "say why"));
    }
    let now = app.clock.now();
    let day = local_day(&app, scope, Some(&request.day)).await?;
    let write = app.store.begin().await?;
    let courier = person(write.tx(), scope, Some(&request.courier)).await?;
    if courier.id == scope.person {
        return Err(
            ApiError::conflict("own_day", "nobody puts their own day right").hint("ask somebody else")
        );
    }
    let sql = "SELECT courier_id, id, day, what, reason, made_by, at FROM punch_correction WHERE id = $1 \
               AND organisation_id = $2";
    let key = [request.id.to_string().into(), scope.organisation.to_string().into()];
    let known: Option<CorrectionRow> = one(write.tx(), sql, key).await?;
    if let Some(known) = known {
        let of = known.courier_id.clone();
        let view = known.view().filter(|v| {
            of == courier.id.to_string() && v.day == day.name && v.correction == request.correction
        });
        return view.map(Json).ok_or_else(|| {
            let message = "this id was used for another correction";
            ApiError::conflict("id_reused", message).hint("use a new id for a new correction")
        });
    }
    check_correction(&write, scope, &courier, &day, &request.correction).await?;
    let made = Made { id: request.id, correction: &request.correction, reason: &reason };
    put_correction(&write, scope, &courier, &day, &made, now).await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    let (subject, detail) = (courier.id.to_string(), format!("{} {}", day.name, request.id));
    crate::audit::record(&write, organisation, by, now, "correct_attendance", &subject, &detail).await?;
    write.commit().await?;
    let correction = request.correction;
    Ok(Json(CorrectionView { id: request.id, day: day.name, correction, reason, by: scope.person, at: now }))
}

/// What a phone needs to say at once what a punch is worth: shifts and work places of the own branch.
#[utoipa::path(get, path = "/api/v1/attendance/rules", tag = "field", security(("bearer" = [])),
    responses((status = 200, body = AttendanceRules)))]
pub async fn rules(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<AttendanceRules>> {
    let scope = &signed.scope;
    let db = app.store.read();
    let today = local_day(&app, scope, None).await?;
    let FieldPolicy { mut shifts, holidays, workdays, .. } =
        super::rules::in_force(db, scope.organisation).await?;
    shifts.retain(|s| s.branch.is_none() || s.branch == scope.branch);
    let places = places::list(db, scope.organisation, scope.branch).await?;
    Ok(Json(AttendanceRules { zone: today.zone.name().to_owned(), shifts, holidays, workdays, places }))
}

/// The work places of a branch, or of all that the asker sees (supervisors).
#[utoipa::path(get, path = "/api/v1/work-places", tag = "field", security(("bearer" = [])),
    responses((status = 200, body = [WorkPlace]), (status = 403, body = ErrorBody)))]
pub async fn list_places(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<WorkPlace>>> {
    let scope = staff(&signed)?;
    let branch = scope.branch.filter(|_| !scope.role.is_administrator());
    Ok(Json(places::list(app.store.read(), scope.organisation, branch).await?))
}

/// Make a work place (supervisors). Punches from then on are judged by it.
#[utoipa::path(post, path = "/api/v1/work-places", tag = "field", security(("bearer" = [])), request_body = WorkPlaceRequest,
    responses((status = 201, body = WorkPlace), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn create_place(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<WorkPlaceRequest>,
) -> ApiResult<(StatusCode, Json<WorkPlace>)> {
    let scope = staff(&signed)?;
    places::check(&request)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let branch = branch_of(write.tx(), scope, request.branch).await?;
    let known = places::list(write.tx(), scope.organisation, Some(branch)).await?;
    if known.len() >= places::MOST {
        return Err(ApiError::conflict("too_many", "the branch has 100 work places").hint("remove one first"));
    }
    let place = WorkPlace {
        id: OperationId::at(now, rand::random()).to_string(),
        branch,
        name: request.name.trim().to_owned(),
        shape: request.shape,
        wifi: request.wifi.iter().map(|w| w.to_ascii_lowercase()).collect(),
    };
    let encode = |e: serde_json::Error| StoreError::Damaged { what: "work_place", problem: e.to_string() };
    let values: [Value; 7] = [
        place.id.clone().into(),
        scope.organisation.to_string().into(),
        branch.to_string().into(),
        place.name.clone().into(),
        serde_json::to_string(&place.shape).map_err(encode)?.into(),
        serde_json::to_string(&place.wifi).map_err(encode)?.into(),
        now.0.into(),
    ];
    let sql = "INSERT INTO work_place (id, organisation_id, branch_id, name, shape, wifi, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    write.exec(sql, values).await?;
    crate::numbers::audit(&write, scope, now, "work_place", &place.id).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(place)))
}

/// Remove a work place (supervisors). Punches that were judged by it stay as they are.
#[utoipa::path(delete, path = "/api/v1/work-places/{id}", tag = "field", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn remove_place(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let scope = staff(&signed)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let branch = scope.branch.filter(|_| !scope.role.is_administrator()).map(|b| b.to_string());
    let sql = "UPDATE work_place SET removed_at = $1 WHERE id = $2 AND organisation_id = $3 AND removed_at IS NULL \
               AND ($4 = '' OR branch_id = $4)";
    let values: [Value; 4] = [
        now.0.into(),
        id.clone().into(),
        scope.organisation.to_string().into(),
        branch.unwrap_or_default().into(),
    ];
    if write.exec(sql, values).await?.rows_affected() == 0 {
        return Err(ApiError::not_found("work place"));
    }
    crate::numbers::audit(&write, scope, now, "remove_work_place", &id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
