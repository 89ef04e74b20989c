//! `/api/v1/inbound-policy`: the rules for calls that come in.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use crate::http::json::Strict;
use crate::numbers::staff;
use crate::org::sets::replace;
use axum::Json;
use axum::extract::State;
use waybell_domain::inbound::InboundPolicy;
use waybell_domain::wire::ErrorBody;

/// The rules for calls that come in.
#[utoipa::path(get, path = "/api/v1/inbound-policy", tag = "numbers", security(("bearer" = [])),
    responses((status = 200, body = InboundPolicy), (status = 403, body = ErrorBody)))]
pub async fn get_inbound_policy(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<InboundPolicy>> {
    let scope = staff(&signed)?;
    Ok(Json(super::policy(app.store.read(), scope.organisation).await?))
}

/// Replace the rules for calls that come in (administrators). What the body leaves out takes the built-in default.
#[utoipa::path(put, path = "/api/v1/inbound-policy", tag = "numbers", security(("bearer" = [])),
    request_body = InboundPolicy, responses((status = 200, body = InboundPolicy), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn put_inbound_policy(
    State(app): State<Shared>,
    signed: Signed,
    Strict(policy): Strict<InboundPolicy>,
) -> ApiResult<Json<InboundPolicy>> {
    replace(&app, &signed, policy).await
}
