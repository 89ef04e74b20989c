//! `/api/v1/field-policy`: the rules for tracks and attendance.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use crate::http::json::Strict;
use crate::numbers::staff;
use crate::org::policy::organisation;
use crate::org::sets::{replace, rule_set};
use crate::store::StoreError;
use axum::Json;
use axum::extract::State;
use sea_orm::ConnectionTrait;
use waybell_domain::attendance::FieldPolicy;
use waybell_domain::id::OrganisationId;
use waybell_domain::wire::ErrorBody;

/// The rules as days are judged by: with the holidays and working days of the organisation's calendar.
pub(crate) async fn in_force<C: ConnectionTrait>(
    db: &C,
    id: OrganisationId,
) -> Result<FieldPolicy, StoreError> {
    let rules: FieldPolicy = rule_set(db, id).await?;
    match organisation(db, id).await? {
        Some(row) => Ok(rules.with_calendar(&row.policy()?.calendar)),
        None => Ok(rules),
    }
}

/// The rules for tracks and attendance.
#[utoipa::path(get, path = "/api/v1/field-policy", tag = "field", security(("bearer" = [])),
    responses((status = 200, body = FieldPolicy), (status = 403, body = ErrorBody)))]
pub async fn get_field_policy(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<FieldPolicy>> {
    let scope = staff(&signed)?;
    Ok(Json(rule_set(app.store.read(), scope.organisation).await?))
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
    replace(&app, &signed, policy).await
}
