//! `/api/v1/auth/*`, `/api/v1/me`.

use super::auth::Signed;
use super::service;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use crate::http::limits::Asker;
use crate::store::wall::everything;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use waybell_domain::wire::{ErrorBody, LoginRequest, RefreshRequest, TokenPair, UserView};

/// Sign in with login name and password.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "accounts", request_body = LoginRequest, responses(
    (status = 200, body = TokenPair), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn login(
    State(app): State<Shared>,
    Asker(from): Asker,
    body: Body<LoginRequest>,
) -> ApiResult<Json<TokenPair>> {
    let request = body.value;
    let _turn = app.limits.login(&request.login, from).await?;
    // whose name it is shows only here
    let signed_in = service::sign_in(&app, &request.login, &request.password, request.device);
    Ok(Json(everything(Box::pin(signed_in)).await?))
}

/// Trade a refresh token for the next pair.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "accounts", request_body = RefreshRequest, responses(
    (status = 200, body = TokenPair), (status = 401, body = ErrorBody)))]
pub async fn refresh(State(app): State<Shared>, body: Body<RefreshRequest>) -> ApiResult<Json<TokenPair>> {
    Ok(Json(everything(Box::pin(service::refresh(&app, &body.value.refresh_token))).await?))
}

/// End this session.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "accounts", security(("bearer" = [])), responses(
    (status = 204), (status = 401, body = ErrorBody)))]
pub async fn logout(State(app): State<Shared>, signed: Signed) -> ApiResult<StatusCode> {
    let write = app.store.begin().await?;
    service::revoke(&app, &write, signed.session, app.clock.now()).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/me", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, body = UserView), (status = 401, body = ErrorBody)))]
pub async fn me(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<UserView>> {
    let person = service::person(&app, signed.scope.person).await?;
    person.and_then(|p| p.view()).map(Json).ok_or_else(|| ApiError::not_found("person"))
}
