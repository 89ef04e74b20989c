//! `/api/v1/opt-outs`: who must not be rung.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::aside;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Raw, Strict};
use crate::http::query::{DryRun, Query};
use crate::numbers::staff;
use crate::org::service::touch;
use crate::store::{all, listed};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::{FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::OrganisationId;
use waybell_domain::import::read_numbers;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{ErrorBody, OptOutReport, OptOutView};

#[derive(FromQueryResult)]
struct Row {
    phone_key: String,
    source: String,
    since: i64,
}

/// Numbers that must not be rung.
#[utoipa::path(get, path = "/api/v1/opt-outs", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = [OptOutView])))]
pub async fn list_opt_outs(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<OptOutView>>> {
    if !signed.scope.role.sees_branch() {
        return Err(ApiError::forbidden());
    }
    let sql = "SELECT phone_key, source, since FROM opt_out WHERE organisation_id = $1 ORDER BY since DESC LIMIT 10000";
    let rows: Vec<Row> = all(app.store.read(), sql, [signed.scope.organisation.to_string().into()]).await?;
    let view =
        |row: Row| OptOutView { phone_key: row.phone_key, source: row.source, since: UnixMs(row.since) };
    Ok(Json(rows.into_iter().map(view).collect()))
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

/// Never ring the numbers of a list (supervisors): CSV, XLSX or JSON with a telephone column, or a number a line. Good lines are
/// taken, the others are named.
#[utoipa::path(post, path = "/api/v1/opt-outs/import", tag = "organisation", security(("bearer" = [])), params(DryRun),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = OptOutReport), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn import_opt_outs(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<DryRun>,
    Raw(bytes): Raw,
) -> ApiResult<Json<OptOutReport>> {
    let scope = staff(&signed)?;
    let mut list = aside(move || read_numbers(&bytes)).await?;
    let rejected = u32::try_from(list.problems.len()).unwrap_or(u32::MAX);
    list.problems.truncate(PROBLEMS);
    let mut report = OptOutReport { added: 0, known: 0, rejected, problems: list.problems };
    let keys: BTreeSet<String> = list.numbers.iter().map(|(_, phone)| phone.key()).collect();
    let keys: Vec<String> = keys.into_iter().collect();
    let organisation = scope.organisation.to_string();
    let now = app.clock.now();
    let write = app.store.begin().await?;
    for chunk in keys.chunks(PART) {
        let (marks, values) = listed(2, chunk);
        let values: Vec<Value> = std::iter::once(organisation.clone().into()).chain(values).collect();
        let sql =
            format!("SELECT phone_key FROM opt_out WHERE organisation_id = $1 AND phone_key IN ({marks})");
        let known: Vec<Key> = all(write.tx(), &sql, values).await?;
        let known: BTreeSet<String> = known.into_iter().map(|k| k.phone_key).collect();
        let fresh: Vec<&String> = chunk.iter().filter(|key| !known.contains(*key)).collect();
        report.known += u32::try_from(known.len()).unwrap_or(u32::MAX);
        report.added += u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        if query.dry_run || fresh.is_empty() {
            continue;
        }
        let mut values: Vec<Value> = vec![organisation.clone().into(), now.0.into()];
        values.extend(fresh.iter().map(|key| Value::from((*key).clone())));
        let rows: Vec<String> = (0..fresh.len()).map(|i| format!("($1, ${}, 'list', $2)", i + 3)).collect();
        let sql = format!(
            "INSERT INTO opt_out (organisation_id, phone_key, source, since) VALUES {} \
             ON CONFLICT (organisation_id, phone_key) DO NOTHING",
            rows.join(",")
        );
        write.exec(&sql, values).await?;
    }
    if !query.dry_run && report.added > 0 {
        touch(&write, scope.organisation).await?;
        let (of, who) = (Some(scope.organisation), Some(scope.person));
        let detail = format!("{} numbers by list", report.added);
        crate::audit::record(&write, of, who, now, "opt_out", &organisation, &detail).await?;
        write.commit().await?;
    }
    Ok(Json(report))
}

#[derive(FromQueryResult)]
struct Key {
    phone_key: String,
}

/// Numbers of one statement, and problems that are told.
const PART: usize = 400;
const PROBLEMS: usize = 1_000;

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
