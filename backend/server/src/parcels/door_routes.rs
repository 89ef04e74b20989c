//! `/api/v1/parcels/deeds*`, `/api/v1/parcels/hand-over`, `/api/v1/stops/rules*`.

use super::deeds::Acted;
use super::{deed_log, deeds, hand_over, stop_rules, undo_deed};
use crate::accounts::auth::Signed;
use crate::app::{App, Shared};
use crate::http::error::ApiResult;
use crate::http::json::Body;
use crate::http::once::Once;
use crate::http::query::Query;
use crate::http::{AGE_HEADER, acted_at};
use crate::webhooks::outbox::At;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::wire::{
    ActedAt, DeedAnswer, DeedLogView, DeedRequest, ErrorBody, HandOverAnswer, HandOverRequest,
    StopRuleRequest, StopRuleUndoRequest, StopRuleView, UndoDeedRequest,
};

fn clock(app: &App) -> At {
    At { now: app.clock.now(), wall: app.clock.wall() }
}

/// Nothing waits longer on a phone than this, ms.
const LONGEST_WAIT: i64 = 30 * DAY;

/// When the person acted, whatever a phone may have sent: within the last 30 days, and by a wall clock that is at most a day
/// ahead.
fn acted(at: ActedAt, headers: &HeaderMap, now: UnixMs) -> Acted {
    let by_wall_clock = at.age_ms.is_none() && !headers.contains_key(AGE_HEADER);
    let when = acted_at(at, headers, now).0.min(now.0).max(now.0.saturating_sub(LONGEST_WAIT));
    let wall = at.wall.0.min(now.0.saturating_add(DAY)).max(0);
    Acted { at: UnixMs(when), wall: UnixMs(wall), by_wall_clock }
}

/// Say what was done with parcels at a door, in one tap: signed for, left at a station, in a locker or at the door (with the
/// recipient's consent), not delivered, on its way back, fetched. Taken for each parcel by itself; the answer names those for
/// which it was refused and why. 409 where that is all of them, 404 where none is yours.
#[utoipa::path(post, path = "/api/v1/parcels/deeds", tag = "parcels", security(("bearer" = [])), request_body = DeedRequest,
    responses((status = 200, body = DeedAnswer), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn record(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<DeedRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "parcels/deeds", &body.bytes)?;
    let clock = clock(&app);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let acted = acted(body.value.acted_at, &headers, clock.now);
    let answer = deeds::take(&write, &signed.scope, clock, &body.value, acted).await?;
    once.commit(write, &signed.scope, clock.now, StatusCode::OK, &answer).await
}

/// Take a deed back within 30 s of doing it: its parcels are as they were before, unless something else was done with them
/// since.
#[utoipa::path(post, path = "/api/v1/parcels/deeds/undo", tag = "parcels", security(("bearer" = [])),
    request_body = UndoDeedRequest, responses((status = 200, body = DeedAnswer), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn undo(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<UndoDeedRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "parcels/deeds/undo", &body.bytes)?;
    let clock = clock(&app);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let acted = acted(body.value.acted_at, &headers, clock.now);
    let answer = undo_deed::undo(&write, &signed.scope, clock, &body.value, acted).await?;
    once.commit(write, &signed.scope, clock.now, StatusCode::OK, &answer).await
}

/// Query of the list of deeds.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct DeedsQuery {
    /// Most rows, 200 by default, 1,000 at most.
    limit: Option<u32>,
}

/// Who did what, newest first: a courier's own deeds, for supervisors those of their branch.
#[utoipa::path(get, path = "/api/v1/parcels/deeds", tag = "parcels", security(("bearer" = [])), params(DeedsQuery),
    responses((status = 200, body = [DeedLogView])))]
pub async fn list(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<DeedsQuery>,
) -> ApiResult<Json<Vec<DeedLogView>>> {
    let limit = query.limit.unwrap_or(200).min(1_000) as usize;
    Ok(Json(deed_log::list(app.store.read(), &signed.scope, limit).await?))
}

/// Give parcels that are still open to a colleague of the branch, in this order, all or none.
#[utoipa::path(post, path = "/api/v1/parcels/hand-over", tag = "parcels", security(("bearer" = [])),
    request_body = HandOverRequest, responses((status = 200, body = HandOverAnswer), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn hand_over(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<HandOverRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "parcels/hand-over", &body.bytes)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let answer = hand_over::hand_over(&write, &signed.scope, now, &body.value).await?;
    once.commit(write, &signed.scope, now, StatusCode::OK, &answer).await
}

/// Put a stop right by hand: merge stops into one, or split addresses off. Holds for everybody of the branch, from now on.
#[utoipa::path(post, path = "/api/v1/stops/rules", tag = "parcels", security(("bearer" = [])), request_body = StopRuleRequest,
    responses((status = 200, body = StopRuleView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn stop_rule(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<StopRuleRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "stops/rules", &body.bytes)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let at = acted_at(body.value.acted_at, &headers, now);
    let view = stop_rules::take(&write, &signed.scope, now, at, &body.value).await?;
    once.commit(write, &signed.scope, now, StatusCode::OK, &view).await
}

/// Undo a merge or a split, whoever of the branch made it.
#[utoipa::path(post, path = "/api/v1/stops/rules/undo", tag = "parcels", security(("bearer" = [])),
    request_body = StopRuleUndoRequest, responses((status = 200, body = StopRuleView), (status = 404, body = ErrorBody)))]
pub async fn undo_stop_rule(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<StopRuleUndoRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "stops/rules/undo", &body.bytes)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let at = acted_at(body.value.acted_at, &headers, now);
    let view = stop_rules::undo(&write, &signed.scope, now, at, body.value.id).await?;
    once.commit(write, &signed.scope, now, StatusCode::OK, &view).await
}
