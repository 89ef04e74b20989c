//! `/api/v1/field-policy`: the rules for tracks and attendance.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::numbers::{audit, staff};
use crate::tracks::policy;
use axum::Json;
use axum::extract::State;
use waybell_domain::attendance::FieldPolicy;
use waybell_domain::wire::ErrorBody;

/// The rules for tracks and attendance.
#[utoipa::path(get, path = "/api/v1/field-policy", tag = "field", security(("bearer" = [])),
    responses((status = 200, body = FieldPolicy), (status = 403, body = ErrorBody)))]
pub async fn get_field_policy(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<FieldPolicy>> {
    let scope = staff(&signed)?;
    Ok(Json(policy(app.store.read(), scope.organisation).await?))
}

/// Replace the rules for tracks and attendance (administrators). What the body leaves out takes the built-in default.
/// Sheets of days gone by follow the new rules.
#[utoipa::path(put, path = "/api/v1/field-policy", tag = "field", security(("bearer" = [])), request_body = FieldPolicy,
    responses((status = 200, body = FieldPolicy), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_field_policy(
    State(app): State<Shared>,
    signed: Signed,
    Strict(policy): Strict<FieldPolicy>,
) -> ApiResult<Json<FieldPolicy>> {
    let scope = signed.administrator()?;
    policy
        .check()
        .map_err(|e| ApiError::field(e.field, e.problem, "the rules in force stay as they were"))?;
    let text = serde_json::to_string(&policy).map_err(|e| ApiError::field("policy", e.to_string(), ""))?;
    let organisation = scope.organisation.to_string();
    let write = app.store.begin().await?;
    write
        .exec(
            "INSERT INTO field_policy (organisation_id, policy) VALUES ($1, $2) \
             ON CONFLICT (organisation_id) DO UPDATE SET policy = excluded.policy",
            [organisation.clone().into(), text.into()],
        )
        .await?;
    audit(&write, scope, app.clock.now(), "field_policy", &organisation).await?;
    write.commit().await?;
    Ok(Json(policy))
}
