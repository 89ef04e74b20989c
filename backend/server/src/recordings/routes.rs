//! `/api/v1/calls/{id}/audio*`, `/api/v1/calls/{id}/peaks`, `/api/v1/listen/{link}`: listening.

use super::listen::{answer, find, peaks};
use crate::accounts::auth::{self, Signed};
use crate::app::Shared;
use crate::http::error::ApiResult;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use waybell_domain::clock::UnixMs;
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

/// A link to a recording.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LinkView {
    /// Path on this server, to be given to a player that sends no header.
    pub path: String,
    /// Until then, ten minutes; no longer than the asker is signed in.
    pub ends_at: UnixMs,
}

/// A link by which a player that cannot send a header (a browser's) hears this one recording for ten minutes. Who listens by it
/// listens in the asker's name, which the audit keeps.
#[utoipa::path(post, path = "/api/v1/calls/{id}/audio/link", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = LinkView), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn make_link(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<LinkView>> {
    find(&app, &signed.scope, &id).await?;
    let (link, ends_at) = auth::link(&app, &signed, &id)?;
    Ok(Json(LinkView { path: format!("/api/v1/listen/{link}"), ends_at }))
}

/// Listen by a link of `POST /api/v1/calls/{id}/audio/link`. Takes `Range`.
#[utoipa::path(get, path = "/api/v1/listen/{link}", tag = "calls", params(("link" = String, Path)),
    responses((status = 200, content_type = "audio/wav", body = Vec<u8>),
    (status = 206, content_type = "audio/wav", body = Vec<u8>), (status = 401, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 416, body = ErrorBody)))]
pub async fn listen_by_link(
    State(app): State<Shared>,
    Path(link): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (signed, call) = auth::by_link(&app, &link)?;
    let found = find(&app, &signed.scope, &call).await?;
    answer(&app, &signed.scope, &call, found, &headers, " by link").await
}

/// What a recording looks like.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PeaksView {
    /// Length of the sound in milliseconds.
    pub ms: u64,
    /// For each channel 1,000 pairs of lowest and highest sample of a thousandth of the sound, -128 to 127.
    pub channels: Vec<Vec<i8>>,
}

/// The waveform of a call's recording or voicemail, to be drawn: the caller's channel, then the courier's.
#[utoipa::path(get, path = "/api/v1/calls/{id}/peaks", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = PeaksView), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn show_peaks(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<PeaksView>> {
    let found = find(&app, &signed.scope, &id).await?;
    let (ms, channels) = peaks(&app, found).await?;
    Ok(Json(PeaksView { ms, channels }))
}
