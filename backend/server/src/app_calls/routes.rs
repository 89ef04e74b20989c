//! `/api/v1/calls/{id}/signals`: signalling over HTTP, for an app that has no socket at the moment.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use axum::Json;
use axum::extract::{Path, State};
use waybell_domain::id::CallId;
use waybell_domain::wire::{AppSignal, AppSignals, ErrorBody};

/// Say something in a call over the data network, and read what the server has said in it and is not acknowledged. The same messages as on
/// the socket of `GET /events?calls=1`: one that came before, whichever way, is taken once. Only in one's own call.
#[utoipa::path(post, path = "/api/v1/calls/{id}/signals", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = AppSignal, responses((status = 200, body = AppSignals),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn signal_call(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Body { value: signal, .. }: Body<AppSignal>,
) -> ApiResult<Json<AppSignals>> {
    let id = CallId::parse(&id).map_err(|_| ApiError::not_found("call"))?;
    if signal.call_id != id {
        let hint = "send the id of the path";
        return Err(ApiError::field("call_id", "is another call than that of the path", hint));
    }
    super::take(&app, &signed, signal)?;
    let messages = app.apps.waiting(signed.session, id, app.clock.now());
    Ok(Json(AppSignals { messages }))
}
