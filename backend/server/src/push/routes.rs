//! `/api/v1/me/push-token`: where the phone of this sign-in can be woken.

use super::tokens;
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use axum::extract::State;
use axum::http::StatusCode;
use waybell_domain::wire::{ErrorBody, PushTokenRequest};

/// Longest token and version, characters.
const TOKEN: usize = 512;
const VERSION: usize = 64;

/// Tell where the phone of this sign-in can be woken for a call. It takes the place of what was told before, and of whoever
/// had this token. It ends with the sign-in, or when the vendor does not know the token any more. Again is harmless.
#[utoipa::path(put, path = "/api/v1/me/push-token", tag = "calls", security(("bearer" = [])), request_body = PushTokenRequest,
    responses((status = 204), (status = 401, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_push_token(
    State(app): State<Shared>,
    signed: Signed,
    Body { value: mut request, .. }: Body<PushTokenRequest>,
) -> ApiResult<StatusCode> {
    request.token = request.token.trim().to_owned();
    let printable = request.token.bytes().all(|b| b.is_ascii_graphic());
    if request.token.is_empty() || request.token.len() > TOKEN || !printable {
        let hint = "send the token as the vendor's library gives it";
        let problem = format!("is empty, longer than {TOKEN} characters or has others than a token has");
        return Err(ApiError::field("token", problem, hint));
    }
    if request
        .app_version
        .as_ref()
        .is_some_and(|v| v.chars().count() > VERSION || v.chars().any(char::is_control))
    {
        let problem = format!("is longer than {VERSION} characters, or no text");
        return Err(ApiError::field("app_version", problem, "send it as 1.4.0"));
    }
    let write = app.store.begin().await?;
    if !tokens::keep(&write, &signed.scope, signed.session, &request, app.clock.now()).await? {
        return Err(ApiError::unauthorised("signed_out", "this session was signed out"));
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The phone of this sign-in is woken no more. Again is harmless.
#[utoipa::path(delete, path = "/api/v1/me/push-token", tag = "calls", security(("bearer" = [])),
    responses((status = 204), (status = 401, body = ErrorBody)))]
pub async fn delete_push_token(State(app): State<Shared>, signed: Signed) -> ApiResult<StatusCode> {
    let write = app.store.begin().await?;
    tokens::forget(&write, signed.session).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
