//! `/api/v1/blocklist`: callers who are not put through.

use super::{audit, staff};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::store::all;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::FromQueryResult;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{BlockRequest, BlockView, ErrorBody};

#[derive(FromQueryResult)]
struct Row {
    phone_key: String,
    reason: String,
    since: i64,
    until_at: Option<i64>,
}

/// Callers who are not put through now.
#[utoipa::path(get, path = "/api/v1/blocklist", tag = "numbers", security(("bearer" = [])),
    responses((status = 200, body = [BlockView]), (status = 403, body = ErrorBody)))]
pub async fn list_blocked(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<BlockView>>> {
    let scope = staff(&signed)?;
    let rows: Vec<Row> = all(
        app.store.read(),
        "SELECT phone_key, reason, since, until_at FROM inbound_block WHERE organisation_id = $1 \
         AND (until_at IS NULL OR until_at > $2) ORDER BY since DESC, phone_key LIMIT 10000",
        [scope.organisation.to_string().into(), app.clock.now().0.into()],
    )
    .await?;
    let view = |r: Row| BlockView {
        phone: r.phone_key,
        reason: r.reason,
        since: UnixMs(r.since),
        until: r.until_at.map(UnixMs),
    };
    Ok(Json(rows.into_iter().map(view).collect()))
}

/// Bar a caller for some days or for ever; a caller who is barred already is barred anew.
#[utoipa::path(put, path = "/api/v1/blocklist", tag = "numbers", security(("bearer" = [])), request_body = BlockRequest,
    responses((status = 200, body = BlockView), (status = 422, body = ErrorBody)))]
pub async fn block(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<BlockRequest>,
) -> ApiResult<Json<BlockView>> {
    let scope = staff(&signed)?;
    let phone = caller(&request.phone)?;
    if request.days.is_some_and(|d| !(1..=3_650).contains(&d)) {
        return Err(ApiError::field("days", "must be 1 to 3650", "leave it out to bar the caller for ever"));
    }
    let now = app.clock.now();
    let view = BlockView {
        phone: phone.key(),
        reason: request.reason.trim().chars().take(200).collect(),
        since: now,
        until: request.days.map(|d| UnixMs(now.0 + i64::from(d) * DAY)),
    };
    let write = app.store.begin().await?;
    write
        .exec(
            "INSERT INTO inbound_block (organisation_id, phone_key, reason, since, until_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (organisation_id, phone_key) DO UPDATE SET \
             reason = excluded.reason, since = excluded.since, until_at = excluded.until_at, created_by = excluded.created_by",
            [
                scope.organisation.to_string().into(),
                view.phone.clone().into(),
                view.reason.clone().into(),
                now.0.into(),
                view.until.map(|u| u.0).into(),
                scope.person.to_string().into(),
            ],
        )
        .await?;
    audit(&write, scope, now, "block", &format!("*{}", phone.last4())).await?;
    write.commit().await?;
    Ok(Json(view))
}

/// Put a caller through again.
#[utoipa::path(delete, path = "/api/v1/blocklist/{phone}", tag = "numbers", security(("bearer" = [])),
    params(("phone" = String, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn unblock(
    State(app): State<Shared>,
    signed: Signed,
    Path(phone): Path<String>,
) -> ApiResult<StatusCode> {
    let scope = staff(&signed)?;
    let phone = caller(&phone)?;
    let write = app.store.begin().await?;
    let done = write
        .exec(
            "DELETE FROM inbound_block WHERE organisation_id = $1 AND phone_key = $2",
            [scope.organisation.to_string().into(), phone.key().into()],
        )
        .await?;
    if done.rows_affected() == 0 {
        return Err(ApiError::not_found("entry"));
    }
    audit(&write, scope, app.clock.now(), "unblock", &format!("*{}", phone.last4())).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn caller(text: &str) -> ApiResult<PhoneNumber> {
    PhoneNumber::from_key(text)
        .or_else(|_| PhoneNumber::parse_caller(text))
        .map_err(|e| ApiError::field("phone", e.to_string(), "correct the number"))
}
