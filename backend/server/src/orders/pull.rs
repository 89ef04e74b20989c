//! What a courier's phone keeps of orders: `GET /api/v1/me/orders`, read by revision as calls are (`events::calls`), so that it
//! never passes a change that was not sent. An order that went to somebody else is told as gone.

use super::rows::{COLUMNS, FROM, Row, Rules};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use crate::http::query::Query;
use crate::store::{all, one};
use axum::Json;
use axum::extract::State;
use sea_orm::{FromQueryResult, Value};
use serde::Deserialize;
use waybell_domain::clock::DAY;
use waybell_domain::id::OrderId;
use waybell_domain::wire::{ErrorBody, OrderPage};

/// Orders in a page.
const PAGE: u32 = 200;
/// A phone is told of orders that were opened within so long, and of older ones that are open.
const KEPT: i64 = 90 * DAY;

/// From where on.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct OrdersSince {
    /// Cursor of the last page; 0 for everything.
    since: i64,
    /// At most so many, 200 at most.
    limit: Option<u32>,
}

#[derive(FromQueryResult)]
struct Gone {
    order_id: String,
    rev: i64,
}

#[derive(FromQueryResult)]
struct Meta {
    value: String,
}

/// The orders that the signed-in person handles or has opened and that changed after the cursor; for phones, which keep them.
#[utoipa::path(get, path = "/api/v1/me/orders", tag = "orders", security(("bearer" = [])), params(OrdersSince),
    responses((status = 200, body = OrderPage), (status = 422, body = ErrorBody)))]
pub async fn pull_orders(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<OrdersSince>,
) -> ApiResult<Json<OrderPage>> {
    let (scope, db, now) = (&signed.scope, app.store.read(), app.clock.now());
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let mut end = *app.store.committed().borrow();
    // a cursor from before a restore: start over
    let since = if query.since > end { 0 } else { query.since.max(0) };
    let rules = Rules::of(db, scope.organisation).await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE o.organisation_id = $1 AND (o.courier_id = $2 OR o.opened_by = $2) \
         AND o.rev > $3 AND o.rev <= $4 AND (o.opened_at > $5 OR o.stage <> 'archive' OR $3 > 0) ORDER BY o.rev LIMIT $6"
    );
    let values: [Value; 6] = [
        scope.organisation.to_string().into(),
        scope.person.to_string().into(),
        since.into(),
        end.into(),
        (now.0 - KEPT).into(),
        i64::from(limit).into(),
    ];
    let rows: Vec<Row> = all(db, &sql, values).await?;
    let sql = "SELECT order_id, rev FROM work_order_gone WHERE organisation_id = $1 AND person_id = $2 AND rev > $3 \
               AND rev <= $4 ORDER BY rev LIMIT $5";
    let values: [Value; 5] = [
        scope.organisation.to_string().into(),
        scope.person.to_string().into(),
        since.into(),
        end.into(),
        i64::from(limit).into(),
    ];
    let gone: Vec<Gone> = all(db, sql, values).await?;
    let committed = end;
    for (count, last) in [(rows.len(), rows.last().map(|r| r.rev)), (gone.len(), gone.last().map(|g| g.rev))]
    {
        if let (true, Some(last)) = (count >= limit as usize, last) {
            end = end.min(last);
        }
    }
    let generation: Option<Meta> = one(db, "SELECT value FROM meta WHERE key = 'generation'", []).await?;
    let kept = rows.iter().filter(|r| r.rev <= end);
    Ok(Json(OrderPage {
        cursor: end,
        more: end < committed,
        orders: kept.filter_map(|r| r.view(&rules, scope.role, now)).collect(),
        gone: gone.iter().filter(|g| g.rev <= end).filter_map(|g| OrderId::parse(&g.order_id).ok()).collect(),
        policy: rules.policy,
        generation: generation.map(|m| m.value).unwrap_or_default(),
    }))
}
