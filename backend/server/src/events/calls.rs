//! What a courier's phone keeps of calls: `GET /api/v1/me/calls`, and what it says offline and brings later.
//!
//! The page is read as that of parcels (`parcels::sync`): in revision order from the cursor up to the last commit, so it never
//! passes a change that was not sent. A call that went to somebody else is told as gone to whom it belonged to before.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::calls::list::stored_call;
use crate::calls::routes::show_call;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Raw, Strict};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::store::{all, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sea_orm::FromQueryResult;
use serde::Deserialize;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::CallId;
use waybell_domain::inbound::Availability;
use waybell_domain::wire::{ActedAt, AvailabilitySaid, AvailabilityTold, CallPage, CallView, ErrorBody};

/// Calls in a page.
const PAGE: u32 = 200;
/// A phone keeps calls for 30 days; older ones are not sent.
const KEPT: i64 = 31 * DAY;

/// From where on.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct CallsSince {
    /// Cursor of the last page; 0 for everything.
    since: i64,
    /// At most so many, 200 at most.
    limit: Option<u32>,
}

#[derive(FromQueryResult)]
struct Changed {
    id: String,
    rev: i64,
}

#[derive(FromQueryResult)]
struct Meta {
    value: String,
}

#[derive(FromQueryResult)]
struct Said {
    mode: String,
    since: i64,
    until_at: Option<i64>,
}

/// The signed-in person's own calls that changed after the cursor, those of the last 31 days; for phones, which keep them.
#[utoipa::path(get, path = "/api/v1/me/calls", tag = "calls", security(("bearer" = [])), params(CallsSince),
    responses((status = 200, body = CallPage), (status = 422, body = ErrorBody)))]
pub async fn pull_calls(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<CallsSince>,
) -> ApiResult<Json<CallPage>> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let end = *app.store.committed().borrow();
    // a cursor from before a restore: start over
    let since = if query.since > end { 0 } else { query.since.max(0) };
    let person = signed.scope.person.to_string();
    let changed: Vec<Changed> = all(
        app.store.read(),
        // a person is of one organisation, and each call is looked at again in the asker's scope below
        "SELECT id, rev FROM phone_call WHERE courier_id = $1 AND rev > $2 AND rev <= $3 AND started_at > $4 \
         UNION SELECT id, rev FROM phone_call WHERE former_id = $1 AND rev > $2 AND rev <= $3 AND started_at > $4 \
         ORDER BY rev, id LIMIT $5",
        [
            person.into(),
            since.into(),
            end.into(),
            (app.clock.now().0 - KEPT).into(),
            i64::from(limit).into(),
        ],
    )
    .await?;
    let full = changed.len() >= limit as usize;
    let cursor = changed.last().filter(|_| full).map_or(end, |c| c.rev.min(end));
    let (mut calls, mut gone) = (Vec::new(), Vec::new());
    for Changed { id, .. } in changed {
        match own(&app, &signed, &id).await? {
            Some(view) => calls.push(view),
            None => gone.extend(CallId::parse(&id).ok()),
        }
    }
    let generation: Option<Meta> =
        one(app.store.read(), "SELECT value FROM meta WHERE key = 'generation'", []).await?;
    Ok(Json(CallPage {
        cursor,
        more: cursor < end,
        calls,
        gone,
        availability: told(&app, &signed).await?,
        generation: generation.map(|m| m.value).unwrap_or_default(),
    }))
}

/// The call as `GET /calls/{id}` shows it; `None` where it is not this person's.
async fn own(app: &Shared, signed: &Signed, id: &str) -> ApiResult<Option<CallView>> {
    match show_call(State(app.clone()), signed.clone(), Path(id.to_owned())).await {
        Ok(Json(detail)) => Ok(Some(detail.call).filter(|c| c.courier == Some(signed.scope.person))),
        Err(error) if error.status == StatusCode::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

async fn told(app: &Shared, signed: &Signed) -> ApiResult<AvailabilityTold> {
    let said: Option<Said> = one(
        app.store.read(),
        "SELECT mode, since, until_at FROM availability WHERE person_id = $1",
        [signed.scope.person.to_string().into()],
    )
    .await?;
    let told = said.and_then(|s| {
        let mode = Availability::parse(&s.mode)?;
        Some(AvailabilityTold { mode, until: s.until_at.map(UnixMs), since: Some(UnixMs(s.since)) })
    });
    Ok(told.unwrap_or_default())
}

/// Say whether calls reach the signed-in person, from a phone that may have had no network when it was said: of two words the
/// one that was said later counts, by the age that the phone tells. The answer is what holds now.
#[utoipa::path(post, path = "/api/v1/me/availability", tag = "calls", security(("bearer" = [])),
    request_body = AvailabilitySaid, responses((status = 200, body = AvailabilityTold), (status = 422, body = ErrorBody)))]
pub async fn say_availability(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    Strict(said): Strict<AvailabilitySaid>,
) -> ApiResult<Json<AvailabilityTold>> {
    let at = crate::http::acted_at(said.acted_at, &headers, app.clock.now());
    let write = app.store.begin().await?;
    write
        .exec(
            "INSERT INTO availability (person_id, organisation_id, mode, since, until_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (person_id) DO UPDATE SET mode = excluded.mode, since = excluded.since, until_at = excluded.until_at \
             WHERE excluded.since >= availability.since",
            [
                signed.scope.person.to_string().into(),
                signed.scope.organisation.to_string().into(),
                said.mode.as_str().into(),
                at.0.into(),
                said.until.map(|u| u.0).into(),
            ],
        )
        .await?;
    write.commit().await?;
    told(&app, &signed).await.map(Json)
}

/// A call that was marked as handled by mistake asks for something again. A second time changes nothing, nor does a word
/// that is older, by the age that the phone tells, than the mark.
#[utoipa::path(post, path = "/api/v1/calls/{id}/reopened", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = CallView), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn reopen_call(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> ApiResult<Response> {
    let scope = &signed.scope;
    let missing = || ApiError::not_found("call");
    let call = CallId::parse(&id).map_err(|_| missing())?;
    let once = Once::of(&headers, &format!("calls/{call}/reopened"), &body)?;
    let now = app.clock.now();
    // without an age nobody knows when it was said but that it was before now
    let at = crate::http::acted_at(ActedAt { wall: now, age_ms: None }, &headers, now);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    stored_call(write.tx(), scope, call).await?;
    write
        .exec(
            "UPDATE phone_call SET handled_at = NULL, handled_by = NULL, handled_rev = NULL, rev = $1 \
             WHERE id = $2 AND handled_at IS NOT NULL AND handled_at <= $3",
            [write.next_rev().into(), call.to_string().into(), at.0.into()],
        )
        .await?;
    let view = stored_call(write.tx(), scope, call).await?.view(scope.role, now).ok_or_else(missing)?;
    once.commit(write, scope, now, StatusCode::OK, &view).await
}
