//! `/api/v1/bindings`: binding, changing, unbinding, asking; `/api/v1/binding-calls`: records of calls.

use super::records::{CallsQuery, calls};
use super::request::Shift;
use super::rows::{self, COLUMNS, FROM, Row};
use super::{keeper, refused, service};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::http::query::Query;
use crate::numbers::number_key;
use crate::store::all;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use sea_orm::Value;
use serde::Deserialize;
use waybell_domain::binding::{BindRefusal, BindingState};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{BindRequest, BindingCallView, BindingChange, BindingView, ErrorBody};

/// Bind two parties to a virtual number (administrators and supervisors). `secret_no` of the answer is the number that both ring
/// and see. The same `request_id` within 24 hours gets the same answer. Refusals carry the trade's words: `NO_AVAILABLE_NUMBER`,
/// `BIND_CONFLICT`, `REQUEST_ID_CONFLICT` (409), `POOLKEY_NOT_EXISTS` (404), `EXPIRE_DATE_ILLEGAL`, `MOBILE_NUMBER_ILLEGAL`,
/// `NUMBER_BARRED` (422), `FLOW_LIMIT` (429).
#[utoipa::path(post, path = "/api/v1/bindings", tag = "bindings", security(("bearer" = [])), request_body = BindRequest,
    responses((status = 201, body = BindingView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn bind(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<BindRequest>,
) -> ApiResult<Response> {
    let (status, body) = service::bind(&app, keeper(&signed)?, &request).await?;
    Ok((status, [(CONTENT_TYPE, "application/json")], body).into_response())
}

/// One binding, ended ones too (administrators and supervisors).
#[utoipa::path(get, path = "/api/v1/bindings/{id}", tag = "bindings", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = BindingView), (status = 404, body = ErrorBody)))]
pub async fn show_binding(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<BindingView>> {
    let found = rows::find(app.store.read(), keeper(&signed)?, &id).await?;
    let row = found.ok_or_else(|| refused(BindRefusal::NoSuch))?;
    Ok(Json(row.view(app.clock.now(), Shift::of(&app))?))
}

/// Change a binding that has not ended (administrators and supervisors): its parties, its expiry, its settings. A call that goes
/// on stays as it began. `UPDATE_CONFLICT` (409) where a party is held by another binding of the same number.
#[utoipa::path(patch, path = "/api/v1/bindings/{id}", tag = "bindings", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = BindingChange, responses((status = 200, body = BindingView),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn change_binding(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(change): Strict<BindingChange>,
) -> ApiResult<Json<BindingView>> {
    Ok(Json(service::change(&app, keeper(&signed)?, &id, &change).await?))
}

/// Unbind (administrators and supervisors): nobody is put through any more, and the number is free for others. A call that goes on
/// is not cut. One that has ended stays as it was.
#[utoipa::path(delete, path = "/api/v1/bindings/{id}", tag = "bindings", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = BindingView), (status = 404, body = ErrorBody)))]
pub async fn unbind(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<BindingView>> {
    Ok(Json(service::unbind(&app, keeper(&signed)?, &id).await?))
}

/// Which bindings.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct BindingsQuery {
    /// A party's number.
    phone_no: Option<String>,
    /// A virtual number.
    secret_no: Option<String>,
    /// The asker's own id.
    out_id: Option<String>,
    /// A pool.
    pool_key: Option<String>,
    /// `active`, `grace` or `ended`; all without.
    status: Option<String>,
    /// At most so many, 100 without, 500 at most.
    limit: Option<u32>,
    /// What follows this `subs_id`, the last of an earlier answer.
    after: Option<String>,
}

/// Bindings, the newest first (administrators and supervisors).
#[utoipa::path(get, path = "/api/v1/bindings", tag = "bindings", security(("bearer" = [])), params(BindingsQuery),
    responses((status = 200, body = [BindingView]), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn list_bindings(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<BindingsQuery>,
) -> ApiResult<Json<Vec<BindingView>>> {
    let scope = keeper(&signed)?;
    let now = app.clock.now();
    let (mut filter, mut values) = scope.filter("b", 1);
    let mut also = |sql: &str, value: Value| {
        values.push(value);
        filter.push_str(&format!(" AND {}", sql.replace('?', &format!("${}", values.len()))));
    };
    if let Some(text) = &query.phone_no {
        let phone = PhoneNumber::parse(text)
            .map_err(|e| ApiError::field("phone_no", e.to_string(), "correct the number"))?;
        also("(b.phone_a = ? OR b.phone_b = ?)", phone.key().into());
    }
    if let Some(text) = &query.secret_no {
        also("n.number_key = ?", number_key(text).unwrap_or_default().into());
    }
    if let Some(id) = &query.out_id {
        also("b.out_id = ?", id.clone().into());
    }
    if let Some(key) = &query.pool_key {
        also("b.pool_id = ?", key.clone().into());
    }
    if let Some(word) = &query.status {
        let sql = match BindingState::parse(word) {
            Some(BindingState::Active) => "b.until_at > ? AND b.expires_at > ?",
            Some(BindingState::Grace) => "b.until_at > ? AND b.expires_at <= ?",
            Some(BindingState::Ended) => "b.until_at <= ?",
            None => {
                let hint = "write active, grace or ended";
                return Err(ApiError::field("status", "is no state of a binding", hint));
            }
        };
        also(sql, now.0.into());
    }
    if let Some(id) = &query.after {
        // ids begin with their time
        also("b.id < ?", id.clone().into());
    }
    let limit = query.limit.unwrap_or(100).clamp(1, 500);
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE {filter} ORDER BY b.id DESC LIMIT {limit}");
    let rows: Vec<Row> = all(app.store.read(), &sql, values).await?;
    let shift = Shift::of(&app);
    Ok(Json(rows.iter().map(|r| r.view(now, shift)).collect::<Result<_, _>>()?))
}

/// Records of calls over virtual numbers (话单), the newest first (administrators and supervisors); those of strangers, whom no
/// binding knew, only for who sees the whole organisation.
#[utoipa::path(get, path = "/api/v1/binding-calls", tag = "bindings", security(("bearer" = [])), params(CallsQuery),
    responses((status = 200, body = [BindingCallView]), (status = 403, body = ErrorBody)))]
pub async fn list_binding_calls(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<CallsQuery>,
) -> ApiResult<Json<Vec<BindingCallView>>> {
    Ok(Json(calls(&app, keeper(&signed)?, &query).await?))
}
