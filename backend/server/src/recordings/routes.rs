//! `/api/v1/calls/{id}/audio`: listening.

use super::listen::{answer, find};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use waybell_domain::wire::ErrorBody;

/// Listen to a call's recording or voicemail: a WAV file in A-law, 8 kHz. Of a call, the caller is on the left and the
/// courier on the right. Takes `Range`. Who listens is kept in the audit.
#[utoipa::path(get, path = "/api/v1/calls/{id}/audio", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, content_type = "audio/wav", body = Vec<u8>),
    (status = 206, content_type = "audio/wav", body = Vec<u8>), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 416, body = ErrorBody)))]
pub async fn audio(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let found = find(&app, &signed.scope, &id).await?;
    answer(&app, &signed.scope, &id, found, &headers, "").await
}
