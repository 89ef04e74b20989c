//! `/api/v1/numbers`: published numbers.

use super::{audit, branch_of, branch_of_area, is_anothers, number_key, owners, staff};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::store::scope::Scope;
use crate::store::{Write, all, number, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::id::{AreaId, BranchId, NumberId};
use waybell_domain::wire::{ErrorBody, NumberChange, NumberRequest, NumberView};

const COLUMNS: &str = "n.id, n.number_key, n.name, n.branch_id, n.area_id, n.proof, n.proof_date, n.active";

#[derive(FromQueryResult)]
struct Row {
    id: String,
    number_key: String,
    name: String,
    branch_id: String,
    area_id: Option<String>,
    proof: String,
    proof_date: String,
    active: i64,
}

impl Row {
    fn view(self) -> Option<NumberView> {
        Some(NumberView {
            id: NumberId::parse(&self.id).ok()?,
            number: self.number_key,
            name: self.name,
            branch: BranchId::parse(&self.branch_id).ok()?,
            area: self.area_id.as_deref().map(AreaId::parse).transpose().ok()?,
            proof: self.proof,
            proof_date: self.proof_date,
            active: self.active != 0,
        })
    }
}

async fn find<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<NumberView> {
    let (filter, mut values) = scope.filter("n", 2);
    values.insert(0, id.into());
    let sql = format!("SELECT {COLUMNS} FROM published_number n WHERE n.id = $1 AND {filter}");
    let row: Option<Row> = one(db, &sql, values).await?;
    row.and_then(Row::view).ok_or_else(|| ApiError::not_found("number"))
}

/// The published numbers of the organisation, or of the own branch.
#[utoipa::path(get, path = "/api/v1/numbers", tag = "numbers", security(("bearer" = [])),
    responses((status = 200, body = [NumberView]), (status = 403, body = ErrorBody)))]
pub async fn list_numbers(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<NumberView>>> {
    let (filter, values) = staff(&signed)?.filter("n", 1);
    let sql = format!("SELECT {COLUMNS} FROM published_number n WHERE {filter} ORDER BY n.number_key, n.id");
    let rows: Vec<Row> = all(app.store.read(), &sql, values).await?;
    Ok(Json(rows.into_iter().filter_map(Row::view).collect()))
}

/// Publish a number (administrators): calls to it ring whoever covers its area. The proof that the organisation may use the
/// number is asked for, as carriers and the law do.
#[utoipa::path(post, path = "/api/v1/numbers", tag = "numbers", security(("bearer" = [])), request_body = NumberRequest,
    responses((status = 201, body = NumberView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn create_number(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<NumberRequest>,
) -> ApiResult<(StatusCode, Json<NumberView>)> {
    let scope = signed.administrator()?;
    let hint = "write a landline with area code, a 95, 400 or 15-digit 700 number";
    let key =
        number_key(&request.number).ok_or_else(|| ApiError::field("number", "cannot be published", hint))?;
    let proof = proved(&request.proof)?;
    let date = dated(&request.proof_date)?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let branch = branch_of(write.tx(), scope, request.branch).await?;
    check_area(&write, scope, request.area, branch).await?;
    free(&write, scope, &key, None).await?;
    let id = NumberId::at(now, rand::random()).to_string();
    write
        .exec(
            "INSERT INTO published_number (id, organisation_id, branch_id, area_id, number_key, name, proof, proof_date, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            [
                id.clone().into(),
                scope.organisation.to_string().into(),
                branch.to_string().into(),
                request.area.map(|a| a.to_string()).into(),
                key.into(),
                request.name.trim().into(),
                proof.into(),
                date.into(),
                now.0.into(),
            ],
        )
        .await?;
    audit(&write, scope, now, "publish_number", &id).await?;
    let view = find(write.tx(), scope, &id).await?;
    write.commit().await?;
    app.calls.numbers.load(&app.store).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Change a published number (administrators). Calls that are under way go on as they began.
#[utoipa::path(patch, path = "/api/v1/numbers/{id}", tag = "numbers", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = NumberChange,
    responses((status = 200, body = NumberView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn change_number(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(change): Strict<NumberChange>,
) -> ApiResult<Json<NumberView>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let old = find(write.tx(), scope, &id).await?;
    let branch = match change.branch {
        Some(branch) => branch_of(write.tx(), scope, Some(branch)).await?,
        None => old.branch,
    };
    let area = change.area.or(old.area.filter(|_| change.branch.is_none()));
    check_area(&write, scope, area, branch).await?;
    let active = change.active.unwrap_or(old.active);
    if active && !old.active {
        free(&write, scope, &old.number, Some(&id)).await?;
    }
    let proof = change.proof.as_deref().map(proved).transpose()?.unwrap_or(old.proof);
    let date = change.proof_date.as_deref().map(dated).transpose()?.unwrap_or(old.proof_date);
    write
        .exec(
            "UPDATE published_number SET name = $1, branch_id = $2, area_id = $3, proof = $4, proof_date = $5, active = $6 \
             WHERE id = $7 AND organisation_id = $8",
            [
                change.name.unwrap_or(old.name).into(),
                branch.to_string().into(),
                area.map(|a| a.to_string()).into(),
                proof.into(),
                date.into(),
                i64::from(active).into(),
                id.clone().into(),
                scope.organisation.to_string().into(),
            ],
        )
        .await?;
    audit(&write, scope, now, "change_number", &id).await?;
    let view = find(write.tx(), scope, &id).await?;
    write.commit().await?;
    app.calls.numbers.load(&app.store).await?;
    Ok(Json(view))
}

async fn check_area(write: &Write, scope: &Scope, area: Option<AreaId>, branch: BranchId) -> ApiResult<()> {
    let Some(area) = area else { return Ok(()) };
    if branch_of_area(write.tx(), scope, area).await? == branch {
        return Ok(());
    }
    Err(ApiError::field("area", "belongs to another branch", "name an area of the number's branch"))
}

/// A number has one owner on this server, is no virtual one, and one that is reserved as a displayed number belongs to whom it is reserved for.
async fn free(write: &Write, scope: &Scope, key: &str, own: Option<&str>) -> ApiResult<()> {
    let sql = "SELECT COUNT(*) FROM published_number WHERE number_key = $1 AND active = 1 AND id <> $2";
    let taken = write.beyond(number(write.tx(), sql, [key.into(), own.unwrap_or_default().into()])).await?;
    let sql = "SELECT COUNT(*) FROM pool_number WHERE number_key = $1 AND removed_at IS NULL";
    let pooled = write.beyond(number(write.tx(), sql, [key.into()])).await?;
    let reserved = is_anothers(&owners(write.tx()).await?, key, &scope.organisation.to_string());
    if taken == 0 && pooled == 0 && !reserved {
        return Ok(());
    }
    Err(ApiError::conflict("number_taken", "this number is in use")
        .hint("it has one owner on a server; whoever runs the server can say whose it is"))
}

pub(crate) fn proved(text: &str) -> ApiResult<String> {
    let text = text.trim();
    if (4..=500).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    let hint = "name the contract or the carrier's letter";
    Err(ApiError::field("proof", "must have 4 to 500 characters", hint))
}

pub(crate) fn dated(text: &str) -> ApiResult<String> {
    match chrono::NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d") {
        Ok(date) => Ok(date.to_string()),
        Err(_) => Err(ApiError::field("proof_date", "is no date", "write it like 2026-03-02")),
    }
}
