//! `/api/v1/calls`: making and ending a call; `/api/v1/outgoing-policy`: the rules for it.

use super::call::{self, Ear};
use super::place::{earlier, place, refused};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::app_calls::ice_servers;
use crate::calls::insist;
use crate::calls::list::{Row, stored_call};
use crate::calls::rows::withdrawn;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Strict};
use crate::http::once::Once;
use crate::numbers::staff;
use crate::org::sets::{replace, rule_set};
use crate::store::Write;
use crate::store::scope::Scope;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use waybell_domain::id::CallId;
use waybell_domain::outgoing::{CallRefusal, OutgoingPolicy};
use waybell_domain::wire::{CallRequest, CallStarted, CallView, CallWarning, CallWay, ErrorBody};

/// Ring a customer: the signed-in person's own telephone rings first and asks for a 1, then the customer's. Both see a number of
/// the company. With `way` = `app` no telephone of the courier rings: the app offers instead, by `POST /api/v1/calls/{id}/signals` or on
/// its socket (docs/app-calls.md). `id` is made by the phone: a request that comes twice is one call. Refusals say why in both languages
/// (`message`, `hint`): `country`, `barred_number`, `own_number` (422), `no_telephone`, `in_call`, `calls_a_day`,
/// `minutes_a_day`, `no_credit`, `spend_a_day` (409), `switched_off` (403). While the server is being stopped: `stopping` (503).
#[utoipa::path(post, path = "/api/v1/calls", tag = "calls", security(("bearer" = [])), request_body = CallRequest,
    responses((status = 201, body = CallStarted), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn make_call(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<CallRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "calls", &body.bytes)?;
    let (scope, request) = (&signed.scope, &body.value);
    let switch =
        app.calls.switch().ok_or_else(|| ApiError::conflict("no_switch", "this server makes no calls"))?;
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    if earlier(&write, scope, request.id).await? {
        return answer(&app, write, once, scope, request.id, (request.way, Vec::new())).await;
    }
    if app.calls.drains() || app.stopping.is_cancelled() {
        return Err(later("stopping", "the server is being stopped"));
    }
    let placed = place(&app, &write, scope, request).await?;
    let rev = placed.rev;
    // an earlier request with this id could not be stored, and what it may have left is being closed
    let ear =
        Ear::open(&app, request.id).ok_or_else(|| later("storage", "the server cannot store this now"))?;
    if !app.calls.engage(scope.person, request.id) {
        app.calls.release_all(request.id);
        return Err(refused(CallRefusal::InCall));
    }
    if request.way == CallWay::App {
        // from before the answer, which the app's offer may follow at once
        app.apps.open(request.id, scope.person);
    }
    // a task, because whoever asked may hang up the request: from here on either the call runs or nothing is left of it
    let (id, scope) = (request.id, scope.clone());
    let made = tokio::spawn(async move {
        let answer = answer(&app, write, once, &scope, id, (placed.way, placed.warnings.clone())).await;
        match &answer {
            Ok(_) => {
                crate::crash::point("outgoing.stored");
                call::begin(&app, switch, id, (scope.organisation, scope.person), placed, ear);
            }
            Err(_) => {
                // it may be stored all the same, where only the answer of the commit was lost
                insist(&app, vec![withdrawn(id, rev, app.clock.now())]).await;
                // only now may the same request come again
                app.calls.release_all(id);
                app.apps.shut(id);
            }
        }
        answer
    });
    made.await.map_err(|_| ApiError::conflict("failed", "the call could not be begun"))?
}

/// 503: the same request may be made again in a moment.
fn later(code: &str, message: &str) -> ApiError {
    let mut e = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
    e.body.retry_after = Some(2);
    e
}

async fn answer(
    app: &Shared,
    write: Write,
    once: Once,
    scope: &Scope,
    id: CallId,
    (way, warnings): (CallWay, Vec<CallWarning>),
) -> ApiResult<Response> {
    let call = view(app, scope, stored_call(write.tx(), scope, id).await?)?;
    let ice_servers = match way {
        CallWay::App => ice_servers(app, scope.person),
        CallWay::Callback => Vec::new(),
    };
    once.commit(
        write,
        scope,
        app.clock.now(),
        StatusCode::CREATED,
        &CallStarted { call, warnings, ice_servers },
    )
    .await
}

fn view(app: &Shared, scope: &Scope, row: Row) -> ApiResult<CallView> {
    row.view(scope.role, app.clock.now()).ok_or_else(|| ApiError::not_found("call"))
}

async fn end(app: &Shared, scope: &Scope, id: &str) -> ApiResult<Json<CallView>> {
    let id = CallId::parse(id).map_err(|_| ApiError::not_found("call"))?;
    let row = stored_call(app.store.read(), scope, id).await?;
    if row.outcome.is_none() {
        if row.is_incoming() {
            return Err(ApiError::conflict("incoming", "a call that came in is ended on the telephone"));
        }
        app.calls.hang_up(id);
    }
    Ok(Json(view(app, scope, row)?))
}

/// End a call that a courier makes, in whatever state it is; one that has ended stays as it was. Courier and customer are let
/// go at once; the call shows `cancelled`, or `answered` where they had spoken.
#[utoipa::path(post, path = "/api/v1/calls/{id}/hang-up", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = CallView), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn hang_up_call(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<CallView>> {
    end(&app, &signed.scope, &id).await
}

/// The same as `POST /api/v1/calls/{id}/hang-up`.
#[utoipa::path(delete, path = "/api/v1/calls/{id}", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = CallView), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn delete_call(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<CallView>> {
    end(&app, &signed.scope, &id).await
}

/// The rules for calls that couriers make.
#[utoipa::path(get, path = "/api/v1/outgoing-policy", tag = "calls", security(("bearer" = [])),
    responses((status = 200, body = OutgoingPolicy), (status = 403, body = ErrorBody)))]
pub async fn get_outgoing_policy(
    State(app): State<Shared>,
    signed: Signed,
) -> ApiResult<Json<OutgoingPolicy>> {
    let scope = staff(&signed)?;
    Ok(Json(rule_set(app.store.read(), scope.organisation).await?))
}

/// Replace the rules for calls that couriers make (administrators). What the body leaves out takes the built-in default.
#[utoipa::path(put, path = "/api/v1/outgoing-policy", tag = "calls", security(("bearer" = [])),
    request_body = OutgoingPolicy, responses((status = 200, body = OutgoingPolicy), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn put_outgoing_policy(
    State(app): State<Shared>,
    signed: Signed,
    Strict(policy): Strict<OutgoingPolicy>,
) -> ApiResult<Json<OutgoingPolicy>> {
    replace(&app, &signed, policy).await
}
