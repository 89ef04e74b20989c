//! `/api/v1/integrations`: the waybill systems that are connected, for administrators.
//!
//! The secret is shown when it is made and never again. When it is changed the one before stays good for a while, in both
//! directions, so that the other side can change it without losing a request. A revoked integration is as unknown as one that
//! never was; the parcels it sent stay.

use super::address::{Networks, check};
use super::signature::new_secret;
use super::take::courier_id;
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Raw, parse_strict};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, number, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use waybell_domain::clock::{HOUR, UnixMs};
use waybell_domain::id::{BranchId, EventId, OrganisationId};
use waybell_domain::wire::ErrorBody;

/// How long the secret before stays good unless said otherwise, hours.
const GRACE_HOURS: u32 = 24;
/// And at most.
const LONGEST_GRACE_HOURS: u32 = 168;

/// A connected waybill system.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Id.
    pub id: String,
    /// Tenant.
    pub organisation: OrganisationId,
    /// Its parcels go to couriers of this branch only.
    pub branch: Option<BranchId>,
    /// Who gets parcels that name no courier.
    pub courier: Option<String>,
}

/// The secrets of an integration.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    current: String,
    previous: Option<(String, i64)>,
}

impl Secrets {
    /// Those of a row.
    pub(super) fn of(current: String, previous: Option<String>, until: Option<i64>) -> Secrets {
        Secrets { current, previous: previous.zip(until) }
    }

    /// The newest one first.
    pub(super) fn in_force(&self, now: UnixMs) -> impl Iterator<Item = &str> {
        let before = self.previous.as_ref().filter(|(_, until)| now.0 < *until);
        std::iter::once(self.current.as_str()).chain(before.map(|(secret, _)| secret.as_str()))
    }
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    organisation_id: String,
    branch_id: Option<String>,
    name: String,
    secret: String,
    previous_secret: Option<String>,
    previous_until: Option<i64>,
    courier_id: Option<String>,
    courier_login: Option<String>,
    url: Option<String>,
    paused: Option<String>,
    created_at: i64,
}

const ROW: &str = "SELECT i.id, i.organisation_id, i.branch_id, i.name, i.secret, i.previous_secret, i.previous_until, \
     i.courier_id, c.login AS courier_login, i.url, i.paused, i.created_at FROM integration i \
     LEFT JOIN person c ON c.id = i.courier_id WHERE i.revoked_at IS NULL";

impl Row {
    fn integration(&self) -> Option<Integration> {
        Some(Integration {
            id: self.id.clone(),
            organisation: OrganisationId::parse(&self.organisation_id).ok()?,
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            courier: self.courier_id.clone(),
        })
    }

    async fn view<C: ConnectionTrait>(&self, db: &C, now: UnixMs) -> Result<IntegrationView, StoreError> {
        let count = async |state: &str| {
            let sql = "SELECT COUNT(*) FROM webhook_delivery WHERE integration_id = $1 AND state = $2";
            number(db, sql, [self.id.clone().into(), state.into()]).await
        };
        Ok(IntegrationView {
            id: self.id.clone(),
            name: self.name.clone(),
            branch: self.branch_id.clone(),
            courier: self.courier_login.clone(),
            url: self.url.clone(),
            paused: self.paused.clone(),
            previous_secret_until: self.previous_until.filter(|until| *until > now.0).map(UnixMs),
            pending: count("pending").await?,
            dead: count("dead").await?,
            created_at: UnixMs(self.created_at),
        })
    }
}

/// The integration that a request names, with its secrets; none for one that is revoked or never was.
pub(super) async fn to_verify<C: ConnectionTrait>(
    db: &C,
    id: &str,
) -> Result<Option<(Integration, Secrets)>, StoreError> {
    let row: Option<Row> = one(db, &format!("{ROW} AND i.id = $1"), [id.into()]).await?;
    Ok(row.and_then(|row| {
        let integration = row.integration()?;
        Some((integration, Secrets::of(row.secret, row.previous_secret, row.previous_until)))
    }))
}

/// A connected waybill system, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IntegrationView {
    /// Id; part of the address that parcels are sent to.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its parcels go to couriers of this branch only; absent for the whole organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Login name of the courier who gets parcels that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub courier: Option<String>,
    /// Where results are pushed to; absent for nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why nothing is pushed: `administrator`, or `gone` (the receiver answered 410). Results are kept meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// The secret before is good until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret_until: Option<UnixMs>,
    /// Deliveries that wait.
    pub pending: i64,
    /// Deliveries that were given up.
    pub dead: i64,
    /// When it was made.
    pub created_at: UnixMs,
}

/// An integration and its secret, which is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IntegrationSecret {
    /// The integration.
    pub integration: IntegrationView,
    /// `whsec_` and Base64.
    pub secret: String,
}

/// A new integration.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IntegrationRequest {
    /// Name, 1 to 100 characters, free in the organisation.
    pub name: String,
    /// Branch; absent for the whole organisation.
    #[serde(default)]
    pub branch: Option<String>,
    /// Login name or own mobile of the courier who gets parcels that name none.
    #[serde(default)]
    pub courier: Option<String>,
    /// Where results are pushed to, https.
    #[serde(default)]
    pub url: Option<String>,
}

/// What to change; what is absent stays, an empty text takes away.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct IntegrationChange {
    /// Name.
    pub name: Option<String>,
    /// Courier who gets parcels that name none.
    pub courier: Option<String>,
    /// Where results are pushed to. Without an address what waits is dead.
    pub url: Option<String>,
    /// True: push nothing, keep results. False: go on, with what was kept.
    pub paused: Option<bool>,
}

/// A change of the secret.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct SecretRequest {
    /// How long the secret in force stays good, 24 by default, 168 at most; 0 ends it at once.
    pub grace_hours: Option<u32>,
}

/// The integrations of the organisation (administrators).
#[utoipa::path(get, path = "/api/v1/integrations", tag = "integrations", security(("bearer" = [])),
    responses((status = 200, body = [IntegrationView]), (status = 403, body = ErrorBody)))]
pub async fn list(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<IntegrationView>>> {
    let scope = signed.administrator()?;
    let (filter, values) = scope.tenant("i", 1);
    let rows: Vec<Row> =
        all(app.store.read(), &format!("{ROW} AND {filter} ORDER BY i.name"), values).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        views.push(row.view(app.store.read(), app.clock.now()).await?);
    }
    Ok(Json(views))
}

/// Connect a waybill system (administrators). The answer shows its secret, once.
#[utoipa::path(post, path = "/api/v1/integrations", tag = "integrations", security(("bearer" = [])),
    request_body = IntegrationRequest, responses((status = 201, body = IntegrationSecret), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn create(
    State(app): State<Shared>,
    signed: Signed,
    Raw(bytes): Raw,
) -> ApiResult<(StatusCode, Json<IntegrationSecret>)> {
    let scope = signed.administrator()?;
    let request: IntegrationRequest = parse_strict(&bytes)?;
    let name = name(&request.name)?;
    let url = request.url.as_deref().map(|url| address(&app, url)).transpose()?.flatten();
    let now = app.clock.now();
    let id = EventId::at(now, rand::random()).to_string();
    let secret = new_secret(rand::random());
    if url.is_some() {
        app.webhooks.will_push();
    }
    let write = app.store.begin().await?;
    free(&write, scope, &name, "").await?;
    let branch = match request.branch.as_deref().map(str::trim).filter(|b| !b.is_empty()) {
        None => None,
        Some(text) => Some(branch(&write, scope, text).await?),
    };
    let mut integration =
        Integration { id: id.clone(), organisation: scope.organisation, branch, courier: None };
    integration.courier = courier(&write, &integration, request.courier.as_deref()).await?;
    write
        .exec(
            "INSERT INTO integration (id, organisation_id, branch_id, name, secret, courier_id, url, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                id.clone().into(),
                scope.organisation.to_string().into(),
                branch.map(|b| b.to_string()).into(),
                name.into(),
                secret.clone().into(),
                integration.courier.into(),
                url.into(),
                now.0.into(),
            ],
        )
        .await?;
    let answer = shown(&write, scope, &id, now, Some(secret)).await?;
    audit(&write, scope, now, "create_integration", &id).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Change an integration: name, courier, address, pause (administrators).
#[utoipa::path(patch, path = "/api/v1/integrations/{id}", tag = "integrations", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = IntegrationChange, responses((status = 200, body = IntegrationView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn change(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Raw(bytes): Raw,
) -> ApiResult<Json<IntegrationView>> {
    let scope = signed.administrator()?;
    let change: IntegrationChange = parse_strict(&bytes)?;
    let now = app.clock.now();
    let name = change.name.as_deref().map(name).transpose()?;
    let url = change.url.as_deref().map(|url| address(&app, url)).transpose()?;
    if matches!(url, Some(Some(_))) {
        app.webhooks.will_push();
    }
    let write = app.store.begin().await?;
    let row = find(&write, scope, &id).await?;
    if let Some(name) = name {
        free(&write, scope, &name, &row.id).await?;
        set(&write, &row.id, "name", name.into()).await?;
    }
    if let (Some(text), Some(integration)) = (&change.courier, row.integration()) {
        let courier = courier(&write, &integration, Some(text)).await?;
        set(&write, &row.id, "courier_id", courier.into()).await?;
    }
    if let Some(url) = url {
        if url.is_none() {
            super::deliveries::bury(&write, &row.id, "the integration has no address any more").await?;
        }
        set(&write, &row.id, "url", url.into()).await?;
        super::deliveries::wake(&write, &row.id, now).await?;
    }
    match change.paused {
        Some(true) if row.paused.is_none() => {
            set(&write, &row.id, "paused", Some("administrator".to_owned()).into()).await?;
        }
        Some(false) if row.paused.is_some() => {
            set(&write, &row.id, "paused", None::<String>.into()).await?;
            super::deliveries::wake(&write, &row.id, now).await?;
        }
        _ => {}
    }
    let answer = shown(&write, scope, &row.id, now, None).await?;
    audit(&write, scope, now, "change_integration", &row.id).await?;
    write.commit().await?;
    Ok(Json(answer.integration))
}

/// Make a new secret (administrators). The answer shows it, once; the one before stays good for a while.
#[utoipa::path(post, path = "/api/v1/integrations/{id}/secret", tag = "integrations", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = SecretRequest, responses((status = 200, body = IntegrationSecret),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn rotate(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Raw(bytes): Raw,
) -> ApiResult<Json<IntegrationSecret>> {
    let scope = signed.administrator()?;
    let request: SecretRequest =
        if bytes.is_empty() { SecretRequest::default() } else { parse_strict(&bytes)? };
    let hours = request.grace_hours.unwrap_or(GRACE_HOURS);
    if hours > LONGEST_GRACE_HOURS {
        return Err(ApiError::field("grace_hours", "must be at most 168", "choose a shorter time"));
    }
    let now = app.clock.now();
    let secret = new_secret(rand::random());
    let write = app.store.begin().await?;
    let row = find(&write, scope, &id).await?;
    write
        .exec(
            // sent again because its answer was lost, it must not throw away the secret that is in use
            "UPDATE integration SET secret = $1, previous_secret = CASE WHEN $2 IS NOT NULL AND previous_until > $5 \
             THEN previous_secret ELSE $2 END, previous_until = $3 WHERE id = $4",
            [
                secret.clone().into(),
                (hours > 0).then_some(row.secret).into(),
                (hours > 0).then_some(now.0 + i64::from(hours) * HOUR).into(),
                row.id.clone().into(),
                now.0.into(),
            ],
        )
        .await?;
    let answer = shown(&write, scope, &row.id, now, Some(secret)).await?;
    audit(&write, scope, now, "rotate_integration", &row.id).await?;
    write.commit().await?;
    Ok(Json(answer))
}

/// Disconnect an integration for good (administrators): its secret is good no more, nothing is pushed, its parcels stay.
#[utoipa::path(delete, path = "/api/v1/integrations/{id}", tag = "integrations", security(("bearer" = [])),
    params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn revoke(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let row = find(&write, scope, &id).await?;
    super::deliveries::bury(&write, &row.id, "the integration was revoked").await?;
    write
        .exec(
            "UPDATE integration SET revoked_at = $1, secret = '', previous_secret = NULL, url = NULL WHERE id = $2",
            [now.0.into(), row.id.clone().into()],
        )
        .await?;
    audit(&write, scope, now, "revoke_integration", &row.id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The integration of this organisation; 404 otherwise.
async fn find(write: &Write, scope: &Scope, id: &str) -> ApiResult<Row> {
    let (filter, mut values) = scope.tenant("i", 1);
    values.push(id.into());
    let row: Option<Row> = one(write.tx(), &format!("{ROW} AND {filter} AND i.id = $2"), values).await?;
    row.ok_or_else(|| ApiError::not_found("integration"))
}

/// Its id; 404 for one of somebody else.
pub(super) async fn own(write: &Write, scope: &Scope, id: &str) -> ApiResult<String> {
    Ok(find(write, scope, id).await?.id)
}

async fn shown(
    write: &Write,
    scope: &Scope,
    id: &str,
    now: UnixMs,
    secret: Option<String>,
) -> ApiResult<IntegrationSecret> {
    let integration = find(write, scope, id).await?.view(write.tx(), now).await?;
    Ok(IntegrationSecret { integration, secret: secret.unwrap_or_default() })
}

async fn set(write: &Write, id: &str, column: &'static str, value: Value) -> ApiResult<()> {
    write.exec(&format!("UPDATE integration SET {column} = $1 WHERE id = $2"), [value, id.into()]).await?;
    Ok(())
}

async fn audit(write: &Write, scope: &Scope, now: UnixMs, action: &str, id: &str) -> ApiResult<()> {
    crate::audit::record(write, Some(scope.organisation), Some(scope.person), now, action, id, "").await?;
    Ok(())
}

fn name(text: &str) -> ApiResult<String> {
    let name = text.trim();
    if (1..=100).contains(&name.chars().count()) {
        return Ok(name.to_owned());
    }
    Err(ApiError::field("name", "must have 1 to 100 characters", "name the system that is connected"))
}

/// No other integration in force has this name.
async fn free(write: &Write, scope: &Scope, name: &str, own: &str) -> ApiResult<()> {
    let sql = "SELECT COUNT(*) FROM integration WHERE organisation_id = $1 AND name = $2 AND revoked_at IS NULL AND id <> $3";
    let taken =
        number(write.tx(), sql, [scope.organisation.to_string().into(), name.into(), own.into()]).await?;
    if taken > 0 {
        return Err(
            ApiError::conflict("name_taken", "an integration has this name").hint("choose another one")
        );
    }
    Ok(())
}

async fn branch(write: &Write, scope: &Scope, text: &str) -> ApiResult<BranchId> {
    let unknown =
        || ApiError::field("branch", "the organisation has no such branch", "leave it out for all branches");
    let id = BranchId::parse(text).map_err(|_| unknown())?;
    let sql = "SELECT COUNT(*) FROM branch WHERE organisation_id = $1 AND id = $2";
    match number(write.tx(), sql, [scope.organisation.to_string().into(), id.to_string().into()]).await? {
        0 => Err(unknown()),
        _ => Ok(id),
    }
}

async fn courier(write: &Write, integration: &Integration, text: Option<&str>) -> ApiResult<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|t| !t.is_empty()) else { return Ok(None) };
    match courier_id(write, integration, text).await? {
        Some(id) => Ok(Some(id)),
        None => {
            let hint = "name one who is at work in this branch";
            Err(ApiError::field("courier", "no courier has this login name or number", hint))
        }
    }
}

/// A good address; none for an empty one.
fn address(app: &Shared, text: &str) -> ApiResult<Option<String>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let networks = Networks::parse(&app.config.webhooks.allowed_networks).unwrap_or_default();
    match check(text, &networks) {
        Ok(url) => Ok(Some(url.to_string())),
        Err((problem, hint)) => Err(ApiError::field("url", problem, hint)),
    }
}
