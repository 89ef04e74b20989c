//! What a person sees of the own calls and account: `GET /api/v1/me/balance`, and `GET /api/v1/me/ledger` for phones, which keep it;
//! read by revision as calls are (`events::calls`), so that no page passes an entry that was not sent.

use super::accounts::{holder, view};
use super::clocks;
use super::enter::rules;
use super::rows::{COLUMNS, FROM, Row};
use crate::accounts::auth::Signed;
use crate::app::{App, Shared};
use crate::http::error::ApiResult;
use crate::http::query::Query;
use crate::store::scope::Scope;
use crate::store::{all, one};
use axum::Json;
use axum::extract::State;
use sea_orm::{FromQueryResult, Value};
use serde::Deserialize;
use waybell_domain::clock::DAY;
use waybell_domain::rate::{AccountKind, ChargedCall};
use waybell_domain::wire::{BalanceView, ChargePage, ErrorBody};

/// Entries in a page.
const PAGE: u32 = 200;
/// Entries beside the balance.
const LAST: u32 = 20;
/// A phone is told of entries of so long.
const KEPT: i64 = 90 * DAY;

/// From where on.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct ChargesSince {
    /// Cursor of the last page; 0 for everything of the last 90 days.
    since: i64,
    /// At most so many, 200 at most.
    limit: Option<u32>,
}

#[derive(FromQueryResult)]
struct Meta {
    value: String,
}

/// The balance of the own account, what the own calls of today and of this month cost, and the last entries.
#[utoipa::path(get, path = "/api/v1/me/balance", tag = "charges", security(("bearer" = [])),
    responses((status = 200, body = BalanceView)))]
pub async fn my_balance(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<BalanceView>> {
    let mut balance = balance(&app, &signed.scope).await?;
    let scope = &signed.scope;
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE e.organisation_id = $1 AND e.courier_id = $2 ORDER BY e.rev DESC LIMIT {LAST}"
    );
    let values = [scope.organisation.to_string().into(), scope.person.to_string().into()];
    let rows: Vec<Row> = all(app.store.read(), &sql, values).await?;
    for row in rows {
        balance.entries.push(row.view(scope)?);
    }
    Ok(Json(balance))
}

async fn balance(app: &App, scope: &Scope) -> ApiResult<BalanceView> {
    let (db, at) = (app.store.read(), clocks(app));
    // the own account, whatever the role
    let own = Scope { role: waybell_domain::wire::Role::Courier, ..scope.clone() };
    let holder = holder(db, &own, &scope.person.to_string()).await?;
    let rules = rules(db, &scope.organisation.to_string()).await?;
    let pays = |call: &ChargedCall| {
        let (kind, _) = rules.policy.payer(*call, scope.branch, Some(scope.person));
        // no courier is known of a call over a virtual number
        kind == AccountKind::Courier && *call != ChargedCall::Bound
    };
    Ok(BalanceView {
        account: view(db, at, &rules, &holder).await?,
        pays_for: ChargedCall::ALL.iter().copied().filter(pays).collect(),
        entries: Vec::new(),
        now: at.now,
    })
}

/// The entries of the own calls and of the own account that came after the cursor, and the account; for phones, which keep them.
#[utoipa::path(get, path = "/api/v1/me/ledger", tag = "charges", security(("bearer" = [])), params(ChargesSince),
    responses((status = 200, body = ChargePage), (status = 422, body = ErrorBody)))]
pub async fn pull_ledger(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<ChargesSince>,
) -> ApiResult<Json<ChargePage>> {
    let (scope, db, now) = (&signed.scope, app.store.read(), app.clock.now());
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let committed = *app.store.committed().borrow();
    // a cursor from before a restore: start over
    let since = if query.since > committed { 0 } else { query.since.max(0) };
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE e.organisation_id = $1 AND e.courier_id = $2 AND e.rev > $3 AND e.rev <= $4 \
         AND (e.at > $5 OR $3 > 0) ORDER BY e.rev LIMIT $6"
    );
    let values: [Value; 6] = [
        scope.organisation.to_string().into(),
        scope.person.to_string().into(),
        since.into(),
        committed.into(),
        (now.0 - KEPT).into(),
        i64::from(limit).into(),
    ];
    let rows: Vec<Row> = all(db, &sql, values).await?;
    let cursor = match rows.last() {
        Some(last) if rows.len() >= limit as usize => last.rev,
        _ => committed,
    };
    let generation: Option<Meta> = one(db, "SELECT value FROM meta WHERE key = 'generation'", []).await?;
    let entries = rows.into_iter().map(|row| row.view(scope)).collect::<Result<_, _>>()?;
    Ok(Json(ChargePage {
        cursor,
        more: cursor < committed,
        entries,
        balance: balance(&app, scope).await?,
        generation: generation.map(|m| m.value).unwrap_or_default(),
    }))
}
