//! `/api/v1/opt-outs`: who must not be rung.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::store::all;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use waybell_domain::id::OrganisationId;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::ErrorBody;

/// A number that must not be rung.
#[derive(Debug, Clone, Serialize, Deserialize, FromQueryResult, utoipa::ToSchema)]
pub struct OptOutView {
    /// Number, as `e164` or `e164;ext=123`.
    pub phone_key: String,
    /// `key_press`, `list`, `person`.
    pub source: String,
    /// Since, unix ms.
    pub since: i64,
}

/// Numbers that must not be rung.
#[utoipa::path(get, path = "/api/v1/opt-outs", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = [OptOutView])))]
pub async fn list_opt_outs(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<OptOutView>>> {
    if !signed.scope.role.sees_branch() {
        return Err(ApiError::forbidden());
    }
    let sql = "SELECT phone_key, source, since FROM opt_out WHERE organisation_id = $1 ORDER BY since DESC LIMIT 10000";
    Ok(Json(all(app.store.read(), sql, [signed.scope.organisation.to_string().into()]).await?))
}

/// A number.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OptOutRequest {
    /// Number as people write it.
    pub phone: String,
}

/// Never ring a number.
#[utoipa::path(put, path = "/api/v1/opt-outs", tag = "organisation", security(("bearer" = [])), request_body = OptOutRequest,
    responses((status = 204), (status = 422, body = ErrorBody)))]
pub async fn put_opt_out(
    State(app): State<Shared>,
    signed: Signed,
    Strict(body): Strict<OptOutRequest>,
) -> ApiResult<StatusCode> {
    let phone = number(&body.phone)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    opt_out(&write, signed.scope.organisation, &phone.key(), "person", now.0).await?;
    crate::audit::record(
        &write,
        Some(signed.scope.organisation),
        Some(signed.scope.person),
        now,
        "opt_out",
        &keyed(&phone),
        "",
    )
    .await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ring a number again (administrators).
#[utoipa::path(delete, path = "/api/v1/opt-outs/{phone}", tag = "organisation", security(("bearer" = [])),
    params(("phone" = String, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn delete_opt_out(
    State(app): State<Shared>,
    signed: Signed,
    Path(phone): Path<String>,
) -> ApiResult<StatusCode> {
    let scope = signed.administrator()?;
    let phone = number(&phone)?;
    let write = app.store.begin().await?;
    let done = write
        .exec(
            "DELETE FROM opt_out WHERE organisation_id = $1 AND phone_key = $2",
            [scope.organisation.to_string().into(), phone.key().into()],
        )
        .await?;
    if done.rows_affected() == 0 {
        return Err(ApiError::not_found("opt-out"));
    }
    touch(&write, scope.organisation).await?;
    crate::audit::record(
        &write,
        Some(scope.organisation),
        Some(scope.person),
        app.clock.now(),
        "opt_in",
        &keyed(&phone),
        "",
    )
    .await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Records that a person wants no calls.
pub async fn opt_out(
    write: &crate::store::Write,
    organisation: OrganisationId,
    key: &str,
    source: &str,
    now: i64,
) -> Result<(), crate::store::StoreError> {
    write
        .exec(
            "INSERT INTO opt_out (organisation_id, phone_key, source, since) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (organisation_id, phone_key) DO NOTHING",
            [organisation.to_string().into(), key.into(), source.into(), now.into()],
        )
        .await?;
    touch(write, organisation).await
}

async fn touch(
    write: &crate::store::Write,
    organisation: OrganisationId,
) -> Result<(), crate::store::StoreError> {
    let rev = write.next_rev();
    write
        .exec("UPDATE organisation SET rev = $1 WHERE id = $2", [rev.into(), organisation.to_string().into()])
        .await?;
    Ok(())
}

/// A number as the audit names it: enough to find it again, not enough to ring it.
fn keyed(phone: &PhoneNumber) -> String {
    let digits = phone.key();
    let tail: String = digits.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    format!("*{tail}")
}

fn number(text: &str) -> ApiResult<PhoneNumber> {
    PhoneNumber::from_key(text)
        .or_else(|_| PhoneNumber::parse(text))
        .map_err(|e| ApiError::field("phone", e.to_string(), "correct the number"))
}
