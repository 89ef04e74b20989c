//! `/api/v1/orders*`, `/api/v1/order-policy`.

use super::find::{OrdersQuery, find};
use super::open::{LONGEST_WAIT, check, open};
use super::rows::{Row, Rules, hides, stored};
use super::totals::{By, file, totals};
use crate::accounts::auth::Signed;
use crate::app::{App, Shared};
use crate::http::acted_at;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Strict};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::numbers::staff;
use crate::org::sets::{replace, rule_set};
use crate::store::{StoreError, all};
use crate::webhooks::outbox::At;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::FromQueryResult;
use serde::Deserialize;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrderId, RecordingId, UserId};
use waybell_domain::lang::Lang;
use waybell_domain::order::{OrderAction, OrderField, OrderPolicy, PlacedBy};
use waybell_domain::wire::{
    ActedAt, ErrorBody, OrderActionRequest, OrderDetail, OrderRequest, OrderStep, OrderTotals, OrderView,
};

/// Orders in a file, at most.
const MOST_EXPORTED: usize = 20_000;

fn clock(app: &App) -> At {
    At { now: app.clock.now(), wall: app.clock.wall() }
}

/// When it was done, whatever a phone may have sent: within the last 30 days.
fn when(at: Option<ActedAt>, headers: &HeaderMap, now: UnixMs) -> UnixMs {
    let at = at.map_or(now, |at| acted_at(at, headers, now));
    UnixMs(at.0.min(now.0).max(now.0.saturating_sub(LONGEST_WAIT)))
}

/// Open an order. It goes at once to where its type, its parcel and its address lead. The same id again gives the same order.
#[utoipa::path(post, path = "/api/v1/orders", tag = "orders", security(("bearer" = [])), request_body = OrderRequest,
    responses((status = 201, body = OrderView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn create(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<OrderRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "orders", &body.bytes)?;
    check(&body.value)?;
    let at = clock(&app);
    let opened = when(body.value.acted_at, &headers, at.now);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let view = open(&write, &signed.scope, at, opened, &body.value).await?;
    once.commit(write, &signed.scope, at.now, StatusCode::CREATED, &view).await
}

/// Orders, the newest first: for couriers what they handle or have opened, for staff those of their branch. Where there are
/// more, the header `x-next-page` says how to go on.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", security(("bearer" = [])), params(OrdersQuery),
    responses((status = 200, body = [OrderView]), (status = 422, body = ErrorBody)))]
pub async fn list(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<OrdersQuery>,
) -> ApiResult<(HeaderMap, Json<Vec<OrderView>>)> {
    let (db, scope) = (app.store.read(), &signed.scope);
    let rules = Rules::of(db, scope.organisation).await?;
    let found = find(db, scope, &rules, &query, query.limit(), app.clock.now()).await?;
    let mut headers = HeaderMap::new();
    if let Some(next) = found.next.and_then(|n| n.parse().ok()) {
        headers.insert(crate::calls::list::NEXT, next);
    }
    Ok((headers, Json(found.orders)))
}

/// The language of a file.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct FileQuery {
    /// `zh` (default) or `en`.
    lang: Option<String>,
}

/// What `GET /orders` finds with the same filters, as CSV with a line each (staff). Who takes it is kept in the audit. Where
/// there are more than 20,000, nothing is given out and the answer says so.
#[utoipa::path(get, path = "/api/v1/orders/export", tag = "orders", security(("bearer" = [])), params(OrdersQuery, FileQuery),
    responses((status = 200, content_type = "text/csv", body = String), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn export(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<OrdersQuery>,
    Query(lang): Query<FileQuery>,
) -> ApiResult<Response> {
    let (db, scope, now) = (app.store.read(), staff(&signed)?, app.clock.now());
    let rules = Rules::of(db, scope.organisation).await?;
    let found = find(db, scope, &rules, &query, MOST_EXPORTED, now).await?;
    if found.next.is_some() {
        let problem = format!("{MOST_EXPORTED} orders are not all of them");
        return Err(ApiError::field("since", problem, "take a shorter time, or more filters"));
    }
    let lang = lang.lang.as_deref().map_or(Lang::Zh, Lang::of_locale);
    let body = file(&found.orders, &rules, lang)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string()))?;
    let write = app.store.begin().await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    let (subject, detail) = (scope.organisation.to_string(), found.orders.len().to_string());
    crate::audit::record(&write, organisation, by, now, "export_orders", &subject, &detail).await?;
    write.commit().await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orders.csv\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, body).into_response())
}

/// Of which time, by what.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct TotalsQuery {
    /// `week`, `month` (default) or `year`.
    by: Option<String>,
    /// Opened at this moment or later, unix ms; about a dozen periods back where it is absent.
    since: Option<i64>,
    /// Opened before this moment; until now where it is absent.
    before: Option<i64>,
}

/// What the orders of each week, month or year came to, and how they were dispatched (staff).
#[utoipa::path(get, path = "/api/v1/orders/totals", tag = "orders", security(("bearer" = [])), params(TotalsQuery),
    responses((status = 200, body = [OrderTotals]), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn show_totals(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<TotalsQuery>,
) -> ApiResult<Json<Vec<OrderTotals>>> {
    let (db, scope, now) = (app.store.read(), staff(&signed)?, app.clock.now());
    let by = By::parse(query.by.as_deref())?;
    let rules = Rules::of(db, scope.organisation).await?;
    Ok(Json(totals(db, scope, rules, by, query.since, query.before, now).await?))
}

#[derive(FromQueryResult)]
struct Step {
    seq: i64,
    at: i64,
    received_at: i64,
    person_id: Option<String>,
    name: Option<String>,
    action: Option<String>,
    placed: Option<String>,
    course: String,
}

#[derive(FromQueryResult)]
struct Sound {
    id: String,
}

/// An order with its trail: every node of its way with its time and who it was.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = OrderDetail), (status = 404, body = ErrorBody)))]
pub async fn show(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<OrderDetail>> {
    let (db, scope) = (app.store.read(), &signed.scope);
    let row = stored(db, scope, &id).await?;
    let rules = Rules::of(db, scope.organisation).await?;
    let missing = || ApiError::not_found("work order");
    let order = row.view(&rules, scope.role, app.clock.now()).ok_or_else(missing)?;
    let sql = "SELECT s.seq, s.at, s.received_at, s.person_id, p.name, s.action, s.placed, s.course FROM work_order_step s \
               LEFT JOIN person p ON p.id = s.person_id WHERE s.order_id = $1 ORDER BY s.seq";
    let steps: Vec<Step> = all(db, sql, [row.id.clone().into()]).await?;
    let hidden = hides(scope.role, rules.policy.order_type(&row.kind), OrderField::Notes);
    let own = scope.person.to_string();
    let mut trail = Vec::with_capacity(steps.len());
    for step in steps {
        let other = step.person_id.as_ref() != Some(&own);
        let line = read(step)?;
        if !(hidden && other && matches!(line.action, Some(OrderAction::Note { .. }))) {
            trail.push(line);
        }
    }
    Ok(Json(OrderDetail { order, trail, recordings: recordings(&app, &signed, &row).await? }))
}

fn read(step: Step) -> ApiResult<OrderStep> {
    let damaged = |problem: String| StoreError::Damaged { what: "work_order_step", problem };
    let action = step.action.as_deref().map(serde_json::from_str::<OrderAction>).transpose();
    Ok(OrderStep {
        seq: u32::try_from(step.seq).map_err(|e| damaged(e.to_string()))?,
        at: UnixMs(step.at),
        received_at: UnixMs(step.received_at),
        by: step.person_id.as_deref().and_then(|p| UserId::parse(p).ok()),
        by_name: step.name,
        action: action.map_err(|e| damaged(e.to_string()))?,
        placed: step.placed.as_deref().and_then(PlacedBy::parse),
        course: serde_json::from_str(&step.course).map_err(|e| damaged(e.to_string()))?,
    })
}

/// Recordings of its call, for who may hear them.
async fn recordings(app: &App, signed: &Signed, row: &Row) -> ApiResult<Vec<RecordingId>> {
    let Some(call) = &row.phone_call_id else { return Ok(Vec::new()) };
    let (filter, mut values) = signed.scope.filter("c", 1);
    values.push(call.clone().into());
    let sql = format!(
        "SELECT r.id FROM recording r JOIN phone_call c ON c.id = r.phone_call_id WHERE {filter} AND c.id = ${} \
         AND r.hash IS NOT NULL ORDER BY r.started_at, r.id",
        values.len()
    );
    let rows: Vec<Sound> = all(app.store.read(), &sql, values).await?;
    Ok(rows.iter().filter_map(|r| RecordingId::parse(&r.id).ok()).collect())
}

/// Do something with an order: take it, hand it on, urge, resolve. What is not to be done at its stage, or not by this person,
/// is refused and changes nothing. The same id again has no second effect.
#[utoipa::path(post, path = "/api/v1/orders/{id}/actions", tag = "orders", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = OrderActionRequest, responses((status = 200, body = OrderView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn act(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<OrderActionRequest>,
) -> ApiResult<Response> {
    let id = OrderId::parse(&id).map_err(|_| ApiError::not_found("work order"))?.to_string();
    let once = Once::of(&headers, &format!("orders/{id}/actions"), &body.bytes)?;
    let at = clock(&app);
    let acted = when(Some(body.value.acted_at), &headers, at.now);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let view = super::act::act(&write, &signed.scope, at, acted, &id, &body.value).await?;
    once.commit(write, &signed.scope, at.now, StatusCode::OK, &view).await
}

/// The rules for orders: types, departments and their flow, hours, limits, urging.
#[utoipa::path(get, path = "/api/v1/order-policy", tag = "orders", security(("bearer" = [])),
    responses((status = 200, body = OrderPolicy)))]
pub async fn get_order_policy(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<OrderPolicy>> {
    Ok(Json(rule_set(app.store.read(), signed.scope.organisation).await?))
}

/// Replace the rules for orders (administrators). What the body leaves out takes the built-in default. Clocks of all orders go
/// by the new rules.
#[utoipa::path(put, path = "/api/v1/order-policy", tag = "orders", security(("bearer" = [])), request_body = OrderPolicy,
    responses((status = 200, body = OrderPolicy), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_order_policy(
    State(app): State<Shared>,
    signed: Signed,
    Strict(policy): Strict<OrderPolicy>,
) -> ApiResult<Json<OrderPolicy>> {
    replace(&app, &signed, policy).await
}
