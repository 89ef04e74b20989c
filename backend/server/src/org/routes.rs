//! `/api/v1/policy`, `/api/v1/stop-all`, `/api/v1/opt-outs`, `/api/v1/people`.

use super::policy::{organisation, view};
use super::service::{NewPerson, create_person as make_person, ready};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use crate::store::all;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::{BranchId, OrganisationId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{ErrorBody, PolicyView, Role, UserView};

/// The organisation's rules.
#[utoipa::path(get, path = "/api/v1/policy", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = PolicyView)))]
pub async fn get_policy(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<PolicyView>> {
    let row = organisation(app.store.read(), signed.scope.organisation).await?;
    let row = row.ok_or_else(|| ApiError::not_found("organisation"))?;
    Ok(Json(view(&app, &row, Vec::new())?))
}

/// Change the rules (administrators).
#[utoipa::path(put, path = "/api/v1/policy", tag = "organisation", security(("bearer" = [])), request_body = Object,
    responses((status = 200, body = PolicyView), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_policy(
    State(app): State<Shared>,
    signed: Signed,
    body: Body<Policy>,
) -> ApiResult<Json<PolicyView>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    body.value
        .check()
        .map_err(|e| ApiError::field(e.field, e.problem.clone(), "the rules in force stay as they were"))?;
    let text =
        serde_json::to_string(&body.value).map_err(|e| ApiError::field("policy", e.to_string(), ""))?;
    let write = app.store.begin().await?;
    write
        .exec(
            "UPDATE organisation SET policy = $1, rev = $2 WHERE id = $3",
            [text.into(), write.next_rev().into(), scope.organisation.to_string().into()],
        )
        .await?;
    // whoever waited for an hour that the old rules named is looked at again by the new ones
    write
        .exec(
            "UPDATE recipient SET next_at = $1 WHERE state = 'waiting' AND attempts = 0 AND next_at > $1 AND batch_id IN \
             (SELECT id FROM batch WHERE organisation_id = $2 AND state = 'running')",
            [now.0.into(), scope.organisation.to_string().into()],
        )
        .await?;
    crate::audit::record(
        &write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        "policy",
        &scope.organisation.to_string(),
        "",
    )
    .await?;
    write.commit().await?;
    app.dialler.wake();
    get_policy(State(app), signed).await
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
    body: Body<StopAll>,
) -> ApiResult<Json<StopAll>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    write
        .exec(
            "UPDATE organisation SET stopped = $1, rev = $2 WHERE id = $3",
            [
                i64::from(body.value.stopped).into(),
                write.next_rev().into(),
                scope.organisation.to_string().into(),
            ],
        )
        .await?;
    let action = if body.value.stopped { "stop_all" } else { "release_all" };
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
    write.commit().await?;
    app.dialler.wake();
    Ok(Json(body.value))
}

/// A number that must not be rung.
#[derive(Debug, Clone, Serialize, Deserialize, FromQueryResult, utoipa::ToSchema)]
pub struct OptOutView {
    /// Number, as `e164` or `e164;ext=123`.
    pub phone_key: String,
    /// `key_press`, `list`, `person`.
    pub source: String,
    /// Since, unix ms.
    pub since: i64,
}

/// Numbers that must not be rung.
#[utoipa::path(get, path = "/api/v1/opt-outs", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = [OptOutView])))]
pub async fn list_opt_outs(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<OptOutView>>> {
    if !signed.scope.role.sees_branch() {
        return Err(ApiError::forbidden());
    }
    let sql = "SELECT phone_key, source, since FROM opt_out WHERE organisation_id = $1 ORDER BY since DESC LIMIT 10000";
    Ok(Json(all(app.store.read(), sql, [signed.scope.organisation.to_string().into()]).await?))
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
    body: Body<OptOutRequest>,
) -> ApiResult<StatusCode> {
    let phone = number(&body.value.phone)?;
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

async fn touch(
    write: &crate::store::Write,
    organisation: OrganisationId,
) -> Result<(), crate::store::StoreError> {
    let rev = write.next_rev();
    write
        .exec("UPDATE organisation SET rev = $1 WHERE id = $2", [rev.into(), organisation.to_string().into()])
        .await?;
    Ok(())
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

#[derive(FromQueryResult)]
struct PersonRow {
    id: String,
    organisation_id: String,
    branch_id: Option<String>,
    login: String,
    name: String,
    role: String,
}

/// The people of the organisation.
#[utoipa::path(get, path = "/api/v1/people", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = [UserView]), (status = 403, body = ErrorBody)))]
pub async fn list_people(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<UserView>>> {
    if !signed.scope.role.sees_branch() {
        return Err(ApiError::forbidden());
    }
    let rows: Vec<PersonRow> = all(
        app.store.read(),
        "SELECT id, organisation_id, branch_id, login, name, role FROM person WHERE organisation_id = $1 AND active = 1 ORDER BY login",
        [signed.scope.organisation.to_string().into()],
    )
    .await?;
    let seen = |p: &PersonRow| {
        signed.scope.role.is_administrator()
            || signed.scope.branch.is_none()
            || p.branch_id == signed.scope.branch.map(|b| b.to_string())
    };
    Ok(Json(
        rows.into_iter()
            .filter(seen)
            .filter_map(|p| {
                Some(UserView {
                    id: UserId::parse(&p.id).ok()?,
                    organisation: OrganisationId::parse(&p.organisation_id).ok()?,
                    branch: p.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
                    login: p.login,
                    name: p.name,
                    role: Role::parse(&p.role)?,
                })
            })
            .collect(),
    ))
}

/// A new person.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PersonRequest {
    /// Login name, free on this server.
    pub login: String,
    /// Password, 8 characters or more.
    pub password: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Own mobile.
    #[serde(default)]
    pub phone: Option<String>,
}

/// Make a person in the own branch (administrators).
#[utoipa::path(post, path = "/api/v1/people", tag = "organisation", security(("bearer" = [])), request_body = PersonRequest,
    responses((status = 201, body = UserView), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn create_person(
    State(app): State<Shared>,
    signed: Signed,
    body: Body<PersonRequest>,
) -> ApiResult<(StatusCode, Json<UserView>)> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let request = body.value;
    let person = NewPerson {
        organisation: scope.organisation,
        branch: scope.branch,
        login: request.login,
        password: request.password,
        name: request.name,
        role: request.role,
        phone: request.phone,
    };
    let person = ready(person).await?;
    let write = app.store.begin().await?;
    let view = make_person(&write, now, person).await?;
    crate::audit::record(
        &write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        "create_person",
        &view.id.to_string(),
        "",
    )
    .await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}
