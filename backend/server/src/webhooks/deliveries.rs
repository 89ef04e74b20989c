//! Deliveries as an administrator sees them: what waits, what was taken, what was given up; and sent again.

use super::integrations::own;
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Raw, parse_strict};
use crate::http::query::Query;
use crate::store::{StoreError, Write, all, marks, number};
use axum::Json;
use axum::extract::{Path, State};
use sea_orm::{FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::ErrorBody;

/// Rows of a listing.
const MOST: u32 = 1_000;

/// A result on its way to a waybill system.
#[derive(Debug, Clone, Serialize, Deserialize, FromQueryResult, utoipa::ToSchema)]
pub struct DeliveryView {
    /// Id, as in `webhook-id`.
    pub id: String,
    /// Waybill number.
    pub waybill_no: String,
    /// Order within a parcel.
    pub seq: i64,
    /// `pending`, `done`, `dead`.
    pub state: String,
    /// Times it was sent in vain, or taken.
    pub tries: i64,
    /// Not sent again before, unix ms.
    pub next_at: i64,
    /// Status of the last answer; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i64>,
    /// What was wrong the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it was stored, unix ms.
    pub created_at: i64,
    /// When it was taken, unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_at: Option<i64>,
}

/// Query of a listing.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct DeliveriesQuery {
    /// `pending`, `done` or `dead`; all by default.
    state: Option<String>,
    /// Most rows, 200 by default, 1,000 at most.
    limit: Option<u32>,
}

/// The deliveries of an integration, newest first (administrators). Those that were taken are kept for 7 days, others for 30.
#[utoipa::path(get, path = "/api/v1/integrations/{id}/deliveries", tag = "integrations", security(("bearer" = [])),
    params(("id" = String, Path), DeliveriesQuery), responses((status = 200, body = [DeliveryView]),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn list(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Query(query): Query<DeliveriesQuery>,
) -> ApiResult<Json<Vec<DeliveryView>>> {
    let scope = signed.administrator()?;
    let (filter, mut values) = scope.tenant("i", 1);
    values.push(id.into());
    let known =
        format!("SELECT COUNT(*) FROM integration i WHERE {filter} AND i.id = $2 AND i.revoked_at IS NULL");
    if number(app.store.read(), &known, values.clone()).await? == 0 {
        return Err(ApiError::not_found("integration"));
    }
    values.push(i64::from(query.limit.unwrap_or(200).min(MOST)).into());
    let state = match query.state.as_deref() {
        None | Some("") => "",
        Some(word @ ("pending" | "done" | "dead")) => {
            values.push(word.into());
            "AND d.state = $4"
        }
        Some(_) => {
            return Err(ApiError::field("state", "is no state of a delivery", "write pending, done or dead"));
        }
    };
    let sql = format!(
        "SELECT d.id, d.waybill_no, d.seq, d.state, d.tries, d.next_at, d.status, d.problem, d.created_at, d.done_at \
         FROM webhook_delivery d JOIN integration i ON i.id = d.integration_id \
         WHERE {filter} AND d.integration_id = $2 {state} ORDER BY d.seq DESC LIMIT $3"
    );
    Ok(Json(all(app.store.read(), &sql, values).await?))
}

/// What to send again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct ResendRequest {
    /// Ids of dead deliveries, 500 at most; absent for all of them.
    pub deliveries: Option<Vec<String>>,
}

/// What is sent again.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Resent {
    /// Deliveries that wait now.
    pub deliveries: u64,
}

/// Send deliveries again that were given up (administrators), with the id and the body that they had.
#[utoipa::path(post, path = "/api/v1/integrations/{id}/resend", tag = "integrations", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = ResendRequest, responses((status = 200, body = Resent),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn resend(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Raw(bytes): Raw,
) -> ApiResult<Json<Resent>> {
    let scope = signed.administrator()?;
    let request: ResendRequest =
        if bytes.is_empty() { ResendRequest::default() } else { parse_strict(&bytes)? };
    if request.deliveries.as_ref().is_some_and(|ids| ids.len() > 500) {
        return Err(ApiError::field("deliveries", "names more than 500", "send several requests"));
    }
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let id = own(&write, scope, &id).await?;
    let mut values: Vec<Value> = vec![now.0.into(), id.clone().into()];
    let mut sql = "UPDATE webhook_delivery SET state = 'pending', tries = 0, since = $1, next_at = $1 \
                   WHERE integration_id = $2 AND state = 'dead'"
        .to_owned();
    if let Some(ids) = &request.deliveries {
        sql.push_str(&format!(" AND id IN ({})", marks(3, ids.len())));
        values.extend(ids.iter().map(|id| Value::from(id.clone())));
    }
    // no rows change, but the pusher is told of a commit by its revision
    write.next_rev();
    let done = write.exec(&sql, values).await?.rows_affected();
    if done == 0 && request.deliveries.is_some() {
        return Err(ApiError::not_found("delivery"));
    }
    crate::audit::record(
        &write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        "resend_deliveries",
        &id,
        &done.to_string(),
    )
    .await?;
    write.commit().await?;
    Ok(Json(Resent { deliveries: done }))
}

/// What waits may go now, and has a new day.
pub(super) async fn wake(write: &Write, integration: &str, now: UnixMs) -> Result<(), StoreError> {
    write.next_rev();
    write
        .exec(
            "UPDATE webhook_delivery SET tries = 0, since = $1, next_at = $1 \
             WHERE integration_id = $2 AND state = 'pending'",
            [now.0.into(), integration.into()],
        )
        .await?;
    Ok(())
}

/// What waits is given up.
pub(super) async fn bury(write: &Write, integration: &str, why: &str) -> Result<(), StoreError> {
    write
        .exec(
            "UPDATE webhook_delivery SET state = 'dead', problem = $1 WHERE integration_id = $2 AND state = 'pending'",
            [why.into(), integration.into()],
        )
        .await?;
    Ok(())
}
