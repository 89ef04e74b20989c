//! `/api/v1/me/phones` and `/api/v1/people/{id}/phones`: telephones that may register.

use super::service;
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use waybell_domain::id::{PhoneId, UserId};
use waybell_domain::wire::{ErrorBody, NewPhone, PhoneRequest, PhoneView};

fn phone(id: &str) -> ApiResult<PhoneId> {
    PhoneId::parse(id).map_err(|_| ApiError::not_found("telephone"))
}

fn person(id: &str) -> ApiResult<UserId> {
    UserId::parse(id).map_err(|_| ApiError::not_found("person"))
}

/// Your telephones: which may register, and which are registered and ring for calls.
#[utoipa::path(get, path = "/api/v1/me/phones", tag = "calls", security(("bearer" = [])),
    responses((status = 200, body = [PhoneView])))]
pub async fn list_phones(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<PhoneView>>> {
    service::list(&app, &signed.scope, signed.scope.person).await.map(Json)
}

/// Make a telephone of yours. Its secret is told this once; a name is taken once, so that the same request, come again, is refused.
#[utoipa::path(post, path = "/api/v1/me/phones", tag = "calls", security(("bearer" = [])), request_body = PhoneRequest,
    responses((status = 201, body = NewPhone), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn make_phone(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<PhoneRequest>,
) -> ApiResult<(StatusCode, Json<NewPhone>)> {
    let made = service::make(&app, &signed.scope, signed.scope.person, &request.name).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Call a telephone of yours something else.
#[utoipa::path(put, path = "/api/v1/me/phones/{id}", tag = "calls", security(("bearer" = [])), params(("id" = String, Path)),
    request_body = PhoneRequest,
    responses((status = 200, body = PhoneView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn rename_phone(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(request): Strict<PhoneRequest>,
) -> ApiResult<Json<PhoneView>> {
    service::rename(&app, &signed.scope, signed.scope.person, phone(&id)?, &request.name).await.map(Json)
}

/// Remove a telephone of yours: it registers no more, and its registration ends at once. A call that it is in goes on.
#[utoipa::path(delete, path = "/api/v1/me/phones/{id}", tag = "calls", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn remove_phone(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    service::remove(&app, &signed.scope, signed.scope.person, phone(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody's telephones (administrators).
#[utoipa::path(get, path = "/api/v1/people/{id}/phones", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)),
    responses((status = 200, body = [PhoneView]), (status = 403, body = ErrorBody)))]
pub async fn list_phones_of(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<PhoneView>>> {
    let scope = signed.administrator()?;
    let person = person(&id)?;
    service::is_ours(&app, scope, person).await?;
    service::list(&app, scope, person).await.map(Json)
}

/// Make a telephone for somebody (administrators). Its secret is told this once.
#[utoipa::path(post, path = "/api/v1/people/{id}/phones", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = PhoneRequest,
    responses((status = 201, body = NewPhone), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn make_phone_for(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(request): Strict<PhoneRequest>,
) -> ApiResult<(StatusCode, Json<NewPhone>)> {
    let scope = signed.administrator()?;
    let made = service::make(&app, scope, person(&id)?, &request.name).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Remove a telephone of somebody's (administrators).
#[utoipa::path(delete, path = "/api/v1/people/{id}/phones/{phone}", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path), ("phone" = String, Path)),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn remove_phone_of(
    State(app): State<Shared>,
    signed: Signed,
    Path((who, id)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let scope = signed.administrator()?;
    service::remove(&app, scope, person(&who)?, phone(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
