//! `/api/v1/inbound-policy`: the rules for calls that come in.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::numbers::{audit, staff};
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
    let scope = signed.administrator()?;
    policy
        .check()
        .map_err(|e| ApiError::field(e.field, e.problem.clone(), "the rules in force stay as they were"))?;
    let text = serde_json::to_string(&policy).map_err(|e| ApiError::field("policy", e.to_string(), ""))?;
    let organisation = scope.organisation.to_string();
    let write = app.store.begin().await?;
    write
        .exec(
            "INSERT INTO inbound_policy (organisation_id, policy) VALUES ($1, $2) \
             ON CONFLICT (organisation_id) DO UPDATE SET policy = excluded.policy",
            [organisation.clone().into(), text.into()],
        )
        .await?;
    audit(&write, scope, app.clock.now(), "inbound_policy", &organisation).await?;
    write.commit().await?;
    Ok(Json(policy))
}
