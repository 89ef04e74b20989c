//! `/api/v1/policy`, `/api/v1/stop-all`: what holds for every call of an organisation.

use super::policy::{organisation, view};
use crate::accounts::auth::Signed;
use crate::app::{App, Shared};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Raw, Strict, parse_strict};
use crate::http::once::Once;
use crate::http::query::{DryRun, Query};
use crate::store::Write;
use crate::store::scope::Scope;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use waybell_domain::dial::policy::Policy;
use waybell_domain::wire::{ErrorBody, PolicyView};

/// The organisation's rules.
#[utoipa::path(get, path = "/api/v1/policy", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = PolicyView)))]
pub async fn get_policy(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<PolicyView>> {
    let row = organisation(app.store.read(), signed.scope.organisation).await?;
    let row = row.ok_or_else(|| ApiError::not_found("organisation"))?;
    Ok(Json(view(&app, &row, Vec::new())?))
}

/// Replace the rules (administrators). The body is a whole policy, as `policy` of GET; what it leaves out takes the built-in
/// default. To change one rule and keep the others, use PATCH.
#[utoipa::path(put, path = "/api/v1/policy", tag = "organisation", security(("bearer" = [])), params(DryRun),
    request_body = Policy,
    responses((status = 200, body = PolicyView), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_policy(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<DryRun>,
    Strict(policy): Strict<Policy>,
) -> ApiResult<Json<PolicyView>> {
    signed.administrator()?;
    set(app, signed, Change::Whole(Box::new(policy)), query.dry_run).await
}

/// Change some rules and keep the others (administrators). The body holds the fields to change (RFC 7396, JSON Merge Patch:
/// null puts a field back to the built-in default, lists are replaced whole).
#[utoipa::path(patch, path = "/api/v1/policy", tag = "organisation", security(("bearer" = [])), params(DryRun),
    request_body = Policy,
    responses((status = 200, body = PolicyView), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn patch_policy(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<DryRun>,
    Strict(patch): Strict<Value>,
) -> ApiResult<Json<PolicyView>> {
    signed.administrator()?;
    if !patch.is_object() {
        return Err(ApiError::field(
            "line 1 column 1",
            "the body is not a JSON object",
            "send the fields to change",
        ));
    }
    set(app, signed, Change::Some(patch), query.dry_run).await
}

enum Change {
    /// The rules in force are not even read: damaged ones can be replaced.
    Whole(Box<Policy>),
    Some(Value),
}

/// RFC 7396 section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(&name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}

async fn set(app: Shared, signed: Signed, change: Change, dry_run: bool) -> ApiResult<Json<PolicyView>> {
    let scope = signed.scope.clone();
    let write = app.store.begin().await?;
    let row = organisation(write.tx(), scope.organisation).await?;
    let mut row = row.ok_or_else(|| ApiError::not_found("organisation"))?;
    let policy = match change {
        Change::Whole(policy) => *policy,
        Change::Some(patch) => {
            let mut merged = serde_json::to_value(row.policy()?).unwrap_or_default();
            merge(&mut merged, patch);
            parse_strict(merged.to_string().as_bytes())?
        }
    };
    if dry_run {
        row.policy = checked(&policy)?;
        return Ok(Json(view(&app, &row, Vec::new())?));
    }
    store(&app, &write, &scope, &policy, "").await?;
    write.commit().await?;
    app.dialler.wake();
    get_policy(State(app), signed).await
}

/// The text of rules that make sense.
fn checked(policy: &Policy) -> ApiResult<String> {
    policy
        .check()
        .map_err(|e| ApiError::field(e.field, e.problem.clone(), "the rules in force stay as they were"))?;
    serde_json::to_string(policy).map_err(|e| ApiError::field("policy", e.to_string(), ""))
}

/// Puts rules in force, with the next commit; `what` is for the audit trail.
pub(super) async fn store(
    app: &App,
    write: &Write,
    scope: &Scope,
    policy: &Policy,
    what: &str,
) -> ApiResult<()> {
    let (text, now) = (checked(policy)?, app.clock.now());
    let organisation = scope.organisation.to_string();
    write
        .exec(
            "UPDATE organisation SET policy = $1, rev = $2 WHERE id = $3",
            [text.into(), write.next_rev().into(), organisation.clone().into()],
        )
        .await?;
    // whoever waited for an hour that the old rules named is looked at again by the new ones
    write
        .exec(
            "UPDATE recipient SET next_at = CASE WHEN begin_at > $1 THEN begin_at ELSE $1 END \
             WHERE state = 'waiting' AND attempts = 0 AND next_at > $1 AND batch_id IN \
             (SELECT id FROM batch WHERE organisation_id = $2 AND state NOT IN ('done', 'cancelled'))",
            [now.0.into(), organisation.clone().into()],
        )
        .await?;
    crate::audit::record(
        write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        "policy",
        &organisation,
        what,
    )
    .await?;
    Ok(())
}

/// Hold or release every call of the organisation.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StopAll {
    /// True holds, false releases.
    pub stopped: bool,
}

/// Hold every call of the organisation at once (administrators); those that ring or talk go on.
#[utoipa::path(post, path = "/api/v1/stop-all", tag = "organisation", security(("bearer" = [])), request_body = StopAll,
    responses((status = 200, body = StopAll), (status = 403, body = ErrorBody)))]
pub async fn stop_all(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    Raw(bytes): Raw,
) -> ApiResult<Response> {
    let scope = signed.administrator()?;
    let body: StopAll = parse_strict(&bytes)?;
    let once = Once::of(&headers, "stop-all", &bytes)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    write
        .exec(
            "UPDATE organisation SET stopped = $1, rev = $2 WHERE id = $3",
            [i64::from(body.stopped).into(), write.next_rev().into(), scope.organisation.to_string().into()],
        )
        .await?;
    let action = if body.stopped { "stop_all" } else { "release_all" };
    crate::audit::record(
        &write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        action,
        &scope.organisation.to_string(),
        "",
    )
    .await?;
    let answer = once.commit(write, scope, now, StatusCode::OK, &body).await?;
    app.dialler.wake();
    Ok(answer)
}
