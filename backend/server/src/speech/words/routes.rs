//! `/api/v1/voice*`: who speaks, and recorded words.

use super::needed::{self, NeededView};
use super::service::{self, WordView};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use crate::http::json::Raw;
use crate::http::query::Query;
use crate::numbers::{branch_of, staff};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use waybell_domain::id::BranchId;
use waybell_domain::wire::{ErrorBody, VoiceView};

/// Who speaks the notices, and how each engine stands. A courier is told what should be mended, and nothing of the engines.
#[utoipa::path(get, path = "/api/v1/voice", tag = "voice", security(("bearer" = [])),
    responses((status = 200, body = VoiceView)))]
pub async fn show_voice(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<VoiceView>> {
    let told = app.speech.told();
    Ok(Json(if staff(&signed).is_ok() {
        told
    } else {
        VoiceView { warning: told.warning, ..VoiceView::default() }
    }))
}

/// The words that are recorded: everybody's, and those of the own branch.
#[utoipa::path(get, path = "/api/v1/voice/words", tag = "voice", security(("bearer" = [])),
    responses((status = 200, body = [WordView]), (status = 403, body = ErrorBody)))]
pub async fn list_words(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<WordView>>> {
    Ok(Json(service::list(&app, staff(&signed)?).await?))
}

/// Which words a recording is of.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WordQuery {
    /// The words that are spoken.
    text: String,
    /// The branch whose notices use it; absent: the own branch's, or everybody's for who is of none.
    branch: Option<BranchId>,
}

/// Record words: a WAV file, PCM of 16 or 24 bit or float, 8 to 48 kHz, mono or stereo, at most 10 MB and 60 s. Silence at both
/// ends is cut, and it is brought to the common loudness. What was recorded of the same words is replaced.
#[utoipa::path(put, path = "/api/v1/voice/words", tag = "voice", security(("bearer" = [])), params(WordQuery),
    request_body(content = Vec<u8>, content_type = "audio/wav"), responses((status = 200, body = WordView),
    (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn record_word(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<WordQuery>,
    Raw(bytes): Raw,
) -> ApiResult<Json<WordView>> {
    let scope = staff(&signed)?;
    let branch = match (query.branch, scope.branch, scope.role.is_administrator()) {
        (None, None, _) | (None, _, true) => None,
        (asked, ..) => Some(branch_of(app.store.read(), scope, asked).await?),
    };
    service::may_write(scope, branch)?;
    Ok(Json(service::record(&app, scope, &query.text, branch, bytes).await?))
}

/// Hear a recording: WAV, 8 kHz, as a notice has it.
#[utoipa::path(get, path = "/api/v1/voice/words/{id}/audio", tag = "voice", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, content_type = "audio/wav", body = Vec<u8>),
    (status = 404, body = ErrorBody)))]
pub async fn hear_word(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Response> {
    let bytes = service::sound(&app, staff(&signed)?, &id).await?;
    let head = [(header::CONTENT_TYPE, "audio/wav"), (header::CACHE_CONTROL, "private, no-store")];
    Ok((head, bytes).into_response())
}

/// Remove a recording; an engine says its words from then on.
#[utoipa::path(delete, path = "/api/v1/voice/words/{id}", tag = "voice", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn remove_word(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    service::remove(&app, staff(&signed)?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The words that the notices need, and which of them are recorded: sentences of the notices in force, the company's name,
/// and the numbers and common words that counts and buildings are made of.
#[utoipa::path(get, path = "/api/v1/voice/needed", tag = "voice", security(("bearer" = [])),
    responses((status = 200, body = [NeededView]), (status = 403, body = ErrorBody)))]
pub async fn list_needed(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<NeededView>>> {
    Ok(Json(needed::list(&app, staff(&signed)?).await?))
}
