//! `/api/v1/plans`, `/api/v1/batches*`, results, consents, the life of a recipient, the judge's export.

use super::rows::{
    ATTEMPT_COLUMNS, AttemptRow, BATCH_COLUMNS, BatchRow, RECIPIENT_COLUMNS, RecipientRow, counts,
};
use super::{accept, export, why};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use crate::http::once::Once;
use crate::parcels::state::{find, find_some};
use crate::store::all;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AttemptId, BatchId, ConsentId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{
    AttemptView, BatchAction, BatchRequest, BatchView, ConsentView, ErrorBody, PlanRequest, PlanView,
    RecipientView, RingAgainRequest, WhyView,
};

/// What a tap would do, without doing it.
#[utoipa::path(post, path = "/api/v1/plans", tag = "notify", security(("bearer" = [])), request_body = PlanRequest,
    responses((status = 200, body = PlanView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn plan(
    State(app): State<Shared>,
    signed: Signed,
    body: Body<PlanRequest>,
) -> ApiResult<Json<PlanView>> {
    let write = app.store.begin().await?;
    let parcels = find(&write, &signed.scope, &body.value.parcels).await?;
    accept::known_template(&write, &signed.scope, &body.value.template).await?;
    let PlanRequest { template, ahead, .. } = &body.value;
    let planned = accept::dial_plan(&app, &write, &signed.scope, template, &parcels, ahead.as_ref()).await?;
    Ok(Json(PlanView::from(&planned.plan)))
}

/// The one tap: ring everybody behind these parcels. The same batch id again answers with the batch as it is.
#[utoipa::path(post, path = "/api/v1/batches", tag = "notify", security(("bearer" = [])), request_body = BatchRequest,
    responses((status = 201, body = BatchView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn create(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<BatchRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "batches", &body.bytes)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    if let Some(view) = accept::earlier(&write, &signed.scope, &body.value.id).await? {
        return once.commit(write, &signed.scope, now, StatusCode::CREATED, &view).await;
    }
    // one that a colleague has meanwhile does not keep the others from being rung
    let parcels = find_some(&write, &signed.scope, &body.value.parcels).await?;
    let view = accept::create(&app, &write, &signed.scope, &body.value, &headers, &parcels).await?;
    let answer = once.commit(write, &signed.scope, now, StatusCode::CREATED, &view).await?;
    app.dialler.wake();
    Ok(answer)
}

/// Ring today's missed again, as a new batch.
#[utoipa::path(post, path = "/api/v1/batches/again", tag = "notify", security(("bearer" = [])),
    request_body = RingAgainRequest, responses((status = 201, body = BatchView), (status = 409, body = ErrorBody)))]
pub async fn again(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<RingAgainRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "batches/again", &body.bytes)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let ask = &body.value;
    if let Some(view) = accept::earlier(&write, &signed.scope, &ask.id).await? {
        return once.commit(write, &signed.scope, now, StatusCode::CREATED, &view).await;
    }
    let parcels =
        accept::missed_today(&app, &write, &signed.scope, &ask.template, ask.include_unknown).await?;
    let request = BatchRequest {
        id: ask.id,
        template: ask.template.clone(),
        parcels: Vec::new(),
        acted_at: ask.acted_at,
        start_at: None,
        ahead: None,
        display_number: None,
        confirmed: false,
    };
    let view = accept::create(&app, &write, &signed.scope, &request, &headers, &parcels).await?;
    let answer = once.commit(write, &signed.scope, now, StatusCode::CREATED, &view).await?;
    app.dialler.wake();
    Ok(answer)
}

/// The newest 200 batches this person sees.
#[utoipa::path(get, path = "/api/v1/batches", tag = "notify", security(("bearer" = [])),
    responses((status = 200, body = [BatchView])))]
pub async fn list(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<BatchView>>> {
    let (filter, values) = signed.scope.filter("b", 1);
    let sql =
        format!("SELECT {BATCH_COLUMNS} FROM batch b WHERE {filter} ORDER BY b.created_at DESC LIMIT 200");
    let rows: Vec<BatchRow> = all(app.store.read(), &sql, values).await?;
    let ids: Vec<String> = rows.iter().map(|r| r.id.clone()).collect();
    let counts = counts(app.store.read(), &ids).await?;
    Ok(Json(rows.iter().filter_map(|r| r.view(counts.get(&r.id).copied().unwrap_or_default())).collect()))
}

async fn seen(app: &Shared, signed: &Signed, id: &str) -> ApiResult<BatchRow> {
    let id = BatchId::parse(id).map_err(|_| ApiError::not_found("batch"))?;
    let row = accept::by_id(app.store.read(), &id).await?;
    row.filter(|r| accept::visible(&signed.scope, r)).ok_or_else(|| ApiError::not_found("batch"))
}

/// A batch and its progress.
#[utoipa::path(get, path = "/api/v1/batches/{id}", tag = "notify", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = BatchView), (status = 404, body = ErrorBody)))]
pub async fn show(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<BatchView>> {
    let row = seen(&app, &signed, &id).await?;
    Ok(Json(accept::batch_view(app.store.read(), &row).await?))
}

/// Pause, resume, undo or confirm a batch: `action` is `pause`, `resume`, `undo` or `confirm`. An undo of an id that was
/// never seen is kept as a cancelled batch: the tap, should it arrive later, rings nobody.
#[utoipa::path(post, path = "/api/v1/batches/{id}/{action}", tag = "notify", security(("bearer" = [])),
    params(("id" = String, Path), ("action" = String, Path)),
    responses((status = 200, body = BatchView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn act(
    State(app): State<Shared>,
    signed: Signed,
    Path((id, action)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    // a late copy must not undo what came after it: a resume after the pause that followed
    let once = Once::of(&headers, &format!("batches/{id}/{action}"), &[])?;
    let id = BatchId::parse(&id).map_err(|_| ApiError::not_found("batch"))?;
    let action = BatchAction::parse(&action).ok_or_else(|| ApiError::not_found("action"))?;
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let view = accept::act(&app, &write, &signed.scope, id, action).await?;
    let answer = once.commit(write, &signed.scope, app.clock.now(), StatusCode::OK, &view).await?;
    if action == BatchAction::Undo {
        app.dialler.cancel(id);
    }
    app.dialler.wake();
    Ok(answer)
}

/// The people of a batch.
#[utoipa::path(get, path = "/api/v1/batches/{id}/recipients", tag = "notify", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = [RecipientView]), (status = 404, body = ErrorBody)))]
pub async fn recipients(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<RecipientView>>> {
    let batch = seen(&app, &signed, &id).await?;
    let sql =
        format!("SELECT {RECIPIENT_COLUMNS} FROM recipient r WHERE r.batch_id = $1 ORDER BY r.sequence");
    let rows: Vec<RecipientRow> = all(app.store.read(), &sql, [batch.id.into()]).await?;
    Ok(Json(rows.iter().filter_map(RecipientRow::view).collect()))
}

/// The calls of a batch, with the fields of call records.
#[utoipa::path(get, path = "/api/v1/batches/{id}/attempts", tag = "notify", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = [AttemptView]), (status = 404, body = ErrorBody)))]
pub async fn attempts(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<AttemptView>>> {
    let batch = seen(&app, &signed, &id).await?;
    let sql = format!("SELECT {ATTEMPT_COLUMNS} FROM attempt a WHERE a.batch_id = $1 ORDER BY a.intent_at");
    let rows: Vec<AttemptRow> = all(app.store.read(), &sql, [batch.id.into()]).await?;
    Ok(Json(rows.iter().filter_map(AttemptRow::view).collect()))
}

#[derive(FromQueryResult)]
struct ConsentRow {
    id: String,
    attempt_id: String,
    key: String,
    preference: String,
    parcels: String,
    at: i64,
    phone_key: String,
}

/// What recipients asked for by key, newest first.
#[utoipa::path(get, path = "/api/v1/consents", tag = "notify", security(("bearer" = [])),
    responses((status = 200, body = [ConsentView])))]
pub async fn consents(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<ConsentView>>> {
    let (filter, values) = signed.scope.filter("r", 1);
    let sql = format!(
        "SELECT c.id, c.attempt_id, c.key, c.preference, c.parcels, c.at, r.phone_key FROM consent c JOIN attempt a ON a.id = c.attempt_id \
         JOIN recipient r ON r.id = a.recipient_id WHERE {filter} ORDER BY c.at DESC LIMIT 1000"
    );
    let rows: Vec<ConsentRow> = all(app.store.read(), &sql, values).await?;
    let view = |r: ConsentRow| {
        Some(ConsentView {
            id: ConsentId::parse(&r.id).ok()?,
            attempt: AttemptId::parse(&r.attempt_id).ok()?,
            key: r.key,
            preference: r.preference,
            at: UnixMs(r.at),
            parcels: serde_json::from_str(&r.parcels).unwrap_or_default(),
            phone: PhoneNumber::from_key(&r.phone_key).map(|p| p.masked()).unwrap_or_default(),
        })
    };
    Ok(Json(rows.into_iter().filter_map(view).collect()))
}

/// The life of one parcel's recipient, decision by decision.
#[utoipa::path(get, path = "/api/v1/parcels/{waybill_no}/why", tag = "notify", security(("bearer" = [])),
    params(("waybill_no" = String, Path)), responses((status = 200, body = WhyView), (status = 404, body = ErrorBody)))]
pub async fn why(
    State(app): State<Shared>,
    signed: Signed,
    Path(waybill): Path<String>,
) -> ApiResult<Json<WhyView>> {
    Ok(Json(why::of_parcel(&app, &signed.scope, &waybill).await?))
}

/// Everything the independent judge needs to compare with the carrier's log, as JSON lines (administrators).
#[utoipa::path(get, path = "/api/v1/export/judge", tag = "notify", security(("bearer" = [])),
    responses((status = 200, description = "JSON lines", content_type = "application/jsonl", body = String),
    (status = 403, body = ErrorBody)))]
pub async fn export(State(app): State<Shared>, signed: Signed) -> ApiResult<Response> {
    let scope = signed.administrator()?;
    let write = app.store.begin().await?;
    let subject = scope.organisation.to_string();
    crate::audit::record(
        &write,
        Some(scope.organisation),
        Some(scope.person),
        app.clock.now(),
        "export",
        &subject,
        "judge",
    )
    .await?;
    write.commit().await?;
    let text = export::lines(&app, scope).await?;
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], text).into_response())
}
