//! `/api/v1/number-pools`: pools of virtual numbers.

use super::request::{extension_digits, grace};
use super::{keeper, refused};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::numbers::audit;
use crate::store::scope::Scope;
use crate::store::{Write, all, number, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;
use waybell_domain::binding::{BindRefusal, BindingMode, GRACE};
use waybell_domain::clock::{MINUTE, UnixMs};
use waybell_domain::id::PoolId;
use waybell_domain::wire::{
    ErrorBody, PoolChange, PoolNumberChange, PoolNumberView, PoolNumbersRequest, PoolRequest, PoolView,
};

#[derive(FromQueryResult)]
struct Row {
    id: String,
    name: String,
    mode: String,
    grace_ms: i64,
    extension_digits: i64,
    integration_id: Option<String>,
}

#[derive(FromQueryResult)]
struct NumberRow {
    pool_id: String,
    number_key: String,
    city: Option<String>,
    locked: i64,
    bindings: i64,
}

async fn views<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    pool: Option<&str>,
    now: UnixMs,
) -> ApiResult<Vec<PoolView>> {
    let (filter, mut values) = scope.tenant("p", 1);
    let one_pool = pool.map_or("", |_| " AND p.id = $2");
    values.extend(pool.map(|p| p.into()));
    let sql = format!(
        "SELECT p.id, p.name, p.mode, p.grace_ms, p.extension_digits, p.integration_id FROM number_pool p \
         WHERE {filter}{one_pool} ORDER BY p.created_at, p.id"
    );
    let rows: Vec<Row> = all(db, &sql, values.clone()).await?;
    let at = values.len() + 1;
    values.push(now.0.into());
    let sql = format!(
        "SELECT n.pool_id, n.number_key, n.city, n.locked, (SELECT COUNT(*) FROM binding b WHERE b.number_id = n.id \
         AND b.until_at > ${at}) AS bindings FROM pool_number n JOIN number_pool p ON p.id = n.pool_id \
         WHERE {filter}{one_pool} AND n.removed_at IS NULL ORDER BY n.number_key"
    );
    let numbers: Vec<NumberRow> = all(db, &sql, values).await?;
    let mut by_pool: HashMap<String, Vec<PoolNumberView>> = HashMap::new();
    for n in numbers {
        by_pool.entry(n.pool_id).or_default().push(PoolNumberView {
            secret_no: n.number_key,
            city: n.city,
            locked: n.locked != 0,
            bindings: n.bindings,
        });
    }
    let view = |row: Row| {
        Some(PoolView {
            pool_key: PoolId::parse(&row.id).ok()?,
            name: row.name,
            mode: BindingMode::parse(&row.mode)?,
            grace_minutes: row.grace_ms / MINUTE,
            extension_digits: u8::try_from(row.extension_digits).ok()?,
            integration: row.integration_id,
            numbers: by_pool.remove(&row.id).unwrap_or_default(),
        })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}

/// One pool of the asker's organisation.
pub(super) async fn view<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    key: &str,
    now: UnixMs,
) -> ApiResult<PoolView> {
    views(db, scope, Some(key), now).await?.pop().ok_or_else(|| refused(BindRefusal::Pool))
}

/// Pools of virtual numbers, with the bindings that each number has (administrators and supervisors).
#[utoipa::path(get, path = "/api/v1/number-pools", tag = "bindings", security(("bearer" = [])),
    responses((status = 200, body = [PoolView]), (status = 403, body = ErrorBody)))]
pub async fn list_pools(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<PoolView>>> {
    Ok(Json(views(app.store.read(), keeper(&signed)?, None, app.clock.now()).await?))
}

/// Make a pool of virtual numbers (administrators). Its numbers are bound in one way: AXB pairs, or AXE extensions.
#[utoipa::path(post, path = "/api/v1/number-pools", tag = "bindings", security(("bearer" = [])), request_body = PoolRequest,
    responses((status = 201, body = PoolView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn create_pool(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<PoolRequest>,
) -> ApiResult<(StatusCode, Json<PoolView>)> {
    let scope = signed.administrator()?;
    let digits = extension_digits(request.extension_digits)?;
    let grace = request.grace_minutes.map(grace).transpose()?.unwrap_or(GRACE);
    let name = named(&request.name)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let integration = integration(&write, scope, request.integration.as_deref()).await?;
    let id = PoolId::at(now, rand::random()).to_string();
    write
        .exec(
            "INSERT INTO number_pool (id, organisation_id, name, mode, grace_ms, extension_digits, integration_id, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                id.clone().into(),
                scope.organisation.to_string().into(),
                name.into(),
                request.mode.as_str().into(),
                grace.into(),
                i64::from(digits).into(),
                integration.into(),
                now.0.into(),
            ],
        )
        .await?;
    audit(&write, scope, now, "create_number_pool", &id).await?;
    let view = view(write.tx(), scope, &id, now).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Change a pool (administrators). Bindings that are there keep their grace.
#[utoipa::path(patch, path = "/api/v1/number-pools/{key}", tag = "bindings", security(("bearer" = [])),
    params(("key" = String, Path)), request_body = PoolChange, responses((status = 200, body = PoolView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn change_pool(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
    Strict(change): Strict<PoolChange>,
) -> ApiResult<Json<PoolView>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let old = view(write.tx(), scope, &key, now).await?;
    let name = change.name.as_deref().map(named).transpose()?.unwrap_or(old.name);
    let grace = change.grace_minutes.map(grace).transpose()?.unwrap_or(old.grace_minutes * MINUTE);
    let integration = match change.integration.as_deref() {
        None => old.integration,
        given => integration(&write, scope, given).await?,
    };
    write
        .exec(
            "UPDATE number_pool SET name = $1, grace_ms = $2, integration_id = $3 WHERE id = $4 AND organisation_id = $5",
            [
                name.into(),
                grace.into(),
                integration.into(),
                key.clone().into(),
                scope.organisation.to_string().into(),
            ],
        )
        .await?;
    audit(&write, scope, now, "change_number_pool", &key).await?;
    let view = view(write.tx(), scope, &key, now).await?;
    write.commit().await?;
    Ok(Json(view))
}

/// Put numbers into a pool (administrators): numbers that a trunk may show, and that are nobody else's and no published number.
/// One that is there already takes city and proof anew. Nothing is stored where one of them cannot be taken.
#[utoipa::path(post, path = "/api/v1/number-pools/{key}/numbers", tag = "bindings", security(("bearer" = [])),
    params(("key" = String, Path)), request_body = PoolNumbersRequest, responses((status = 200, body = PoolView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn add_pool_numbers(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
    Strict(request): Strict<PoolNumbersRequest>,
) -> ApiResult<Json<PoolView>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    view(write.tx(), scope, &key, now).await?;
    super::numbers::add(&app, &write, scope, &key, &request, now).await?;
    audit(&write, scope, now, "add_pool_numbers", &key).await?;
    let view = view(write.tx(), scope, &key, now).await?;
    write.commit().await?;
    app.calls.pooled.load(&app.store).await?;
    Ok(Json(view))
}

/// Change a pool's number (administrators): locked, it gets no new binding.
#[utoipa::path(patch, path = "/api/v1/number-pools/{key}/numbers/{number}", tag = "bindings", security(("bearer" = [])),
    params(("key" = String, Path), ("number" = String, Path)), request_body = PoolNumberChange,
    responses((status = 200, body = PoolView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn change_pool_number(
    State(app): State<Shared>,
    signed: Signed,
    Path((key, text)): Path<(String, String)>,
    Strict(change): Strict<PoolNumberChange>,
) -> ApiResult<Json<PoolView>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    view(write.tx(), scope, &key, now).await?;
    super::numbers::change(&write, scope, &key, &text, &change).await?;
    audit(&write, scope, now, "change_pool_number", &key).await?;
    let view = view(write.tx(), scope, &key, now).await?;
    write.commit().await?;
    Ok(Json(view))
}

/// Take a number out of a pool (administrators). One that is bound, in grace too, stays: lock it, and take it out later.
#[utoipa::path(delete, path = "/api/v1/number-pools/{key}/numbers/{number}", tag = "bindings", security(("bearer" = [])),
    params(("key" = String, Path), ("number" = String, Path)), responses((status = 200, body = PoolView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn remove_pool_number(
    State(app): State<Shared>,
    signed: Signed,
    Path((key, text)): Path<(String, String)>,
) -> ApiResult<Json<PoolView>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    view(write.tx(), scope, &key, now).await?;
    super::numbers::remove(&write, scope, &key, &text, now).await?;
    audit(&write, scope, now, "remove_pool_number", &key).await?;
    let view = view(write.tx(), scope, &key, now).await?;
    write.commit().await?;
    app.calls.pooled.load(&app.store).await?;
    Ok(Json(view))
}

fn named(text: &str) -> ApiResult<String> {
    let text = text.trim();
    if text.chars().count() > 100 {
        return Err(ApiError::field("name", "has more than 100 characters", "send a shorter one"));
    }
    Ok(text.to_owned())
}

#[derive(FromQueryResult)]
struct Found {
    id: String,
}

/// The integration that is to be told, empty for nobody.
async fn integration(write: &Write, scope: &Scope, id: Option<&str>) -> ApiResult<Option<String>> {
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(None) };
    let (filter, mut values) = scope.tenant("i", 2);
    values.insert(0, id.into());
    let sql = format!("SELECT i.id FROM integration i WHERE i.id = $1 AND {filter} AND i.revoked_at IS NULL");
    let found: Option<Found> = one(write.tx(), &sql, values).await?;
    found.map(|f| Some(f.id)).ok_or_else(|| ApiError::not_found("integration"))
}

/// How many numbers a pool has.
pub(super) async fn size(write: &Write, pool: &str) -> ApiResult<i64> {
    let sql = "SELECT COUNT(*) FROM pool_number WHERE pool_id = $1 AND removed_at IS NULL";
    Ok(number(write.tx(), sql, [pool.into()]).await?)
}
