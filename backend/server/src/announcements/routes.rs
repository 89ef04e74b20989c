//! `/api/v1/announcements*`, and receipts under `/api/v1/me/announcements`.

use super::change;
use super::find::{AnnouncementsQuery, branches, find, readers, summary, versions};
use super::rights::poster;
use super::rows::{Row, posted};
use crate::accounts::auth::Signed;
use crate::app::{App, Shared};
use crate::http::acted_at;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Strict};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::store::scope::Scope;
use crate::webhooks::outbox::At;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sea_orm::ConnectionTrait;
use serde::Deserialize;
use waybell_domain::id::AnnouncementId;
use waybell_domain::wire::{
    AnnouncementChange, AnnouncementDetail, AnnouncementPosted, AnnouncementReader, AnnouncementReceipt,
    AnnouncementRequest, AnnouncementView, ErrorBody,
};

fn clock(app: &App) -> At {
    At { now: app.clock.now(), wall: app.clock.wall() }
}

fn missing() -> ApiError {
    ApiError::not_found("announcement")
}

async fn shown<C: ConnectionTrait>(db: &C, scope: &Scope, row: &Row) -> ApiResult<AnnouncementPosted> {
    summary(db, scope, row).await?.ok_or_else(missing)
}

/// Post an announcement to the organisation or a branch (administrators, supervisors). The same id again gives the same one.
#[utoipa::path(post, path = "/api/v1/announcements", tag = "announcements", security(("bearer" = [])),
    request_body = AnnouncementRequest, responses((status = 201, body = AnnouncementPosted), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    (status = 429, body = ErrorBody)))]
pub async fn post_announcement(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<AnnouncementRequest>,
) -> ApiResult<Response> {
    let scope = poster(&signed)?;
    let once = Once::of(&headers, "announcements", &body.bytes)?;
    let at = clock(&app);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    let row = super::post::post(&write, scope, at, &body.value).await?;
    let view = shown(write.tx(), scope, &row).await?;
    once.commit(write, scope, at.now, StatusCode::CREATED, &view).await
}

/// What was posted, the newest first, with how many have read it (administrators; supervisors: their branch). Where there are
/// more, the header `x-next-page` says how to go on.
#[utoipa::path(get, path = "/api/v1/announcements", tag = "announcements", security(("bearer" = [])),
    params(AnnouncementsQuery), responses((status = 200, body = [AnnouncementPosted]), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn list_announcements(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<AnnouncementsQuery>,
) -> ApiResult<(HeaderMap, Json<Vec<AnnouncementPosted>>)> {
    let scope = poster(&signed)?;
    let found = find(app.store.read(), scope, &query, app.clock.wall()).await?;
    let mut headers = HeaderMap::new();
    if let Some(next) = found.next.and_then(|n| n.parse().ok()) {
        headers.insert(crate::calls::list::NEXT, next);
    }
    Ok((headers, Json(found.announcements)))
}

/// One with how far each branch is, and with every text it had.
#[utoipa::path(get, path = "/api/v1/announcements/{id}", tag = "announcements", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = AnnouncementDetail), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub async fn show_announcement(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<AnnouncementDetail>> {
    let (scope, db) = (poster(&signed)?, app.store.read());
    let row = posted(db, scope, &id).await?;
    Ok(Json(AnnouncementDetail {
        posted: shown(db, scope, &row).await?,
        branches: branches(db, scope, &row).await?,
        versions: versions(db, &row.id).await?,
    }))
}

/// Which people.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct ReadersQuery {
    /// `false`: who has not read it; `true`: who has; absent: both.
    read: Option<bool>,
}

/// The people whom one is for, with when each has read it. For one that must be read, only a receipt of the version in force
/// counts.
#[utoipa::path(get, path = "/api/v1/announcements/{id}/readers", tag = "announcements", security(("bearer" = [])),
    params(("id" = String, Path), ReadersQuery), responses((status = 200, body = [AnnouncementReader]),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn list_readers(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Query(query): Query<ReadersQuery>,
) -> ApiResult<Json<Vec<AnnouncementReader>>> {
    let (scope, db) = (poster(&signed)?, app.store.read());
    let row = posted(db, scope, &id).await?;
    Ok(Json(readers(db, scope, &row, query.read).await?))
}

/// Change one; whom it is for stays. Another title or body makes a new version, which everybody has to read again where it must
/// be read. Sent again it changes nothing more.
#[utoipa::path(patch, path = "/api/v1/announcements/{id}", tag = "announcements", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = AnnouncementChange, responses((status = 200, body = AnnouncementPosted),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn change_announcement(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(asked): Strict<AnnouncementChange>,
) -> ApiResult<Json<AnnouncementPosted>> {
    let (scope, at) = (poster(&signed)?, clock(&app));
    let write = app.store.begin().await?;
    let row = change::change(&write, scope, at, &id, &asked).await?;
    write.commit().await?;
    // counted behind the commit: nobody waits for it to write
    Ok(Json(shown(app.store.read(), scope, &row).await?))
}

/// Take one back: it shows nowhere any more. It stays in the list, with who has read it.
#[utoipa::path(post, path = "/api/v1/announcements/{id}/withdraw", tag = "announcements", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = AnnouncementPosted), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub async fn withdraw_announcement(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<AnnouncementPosted>> {
    let (scope, at) = (poster(&signed)?, clock(&app));
    let write = app.store.begin().await?;
    let row = change::withdraw(&write, scope, at, &id).await?;
    write.commit().await?;
    // counted behind the commit: nobody waits for it to write
    Ok(Json(shown(app.store.read(), scope, &row).await?))
}

/// Confirm that a version was read, perhaps a while ago and without a network. Sent again, or by another phone, it has no second
/// effect: the earliest time counts.
#[utoipa::path(post, path = "/api/v1/me/announcements/{id}/read", tag = "announcements", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = AnnouncementReceipt, responses((status = 200, body = AnnouncementView),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn read_announcement(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<AnnouncementReceipt>,
) -> ApiResult<Response> {
    let id = AnnouncementId::parse(&id).map_err(|_| missing())?.to_string();
    let once = Once::of(&headers, &format!("me/announcements/{id}/read"), &body.bytes)?;
    let (scope, now) = (&signed.scope, app.clock.now());
    let read_at = acted_at(body.value.acted_at, &headers, now);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    let row = super::read::read(&write, scope, now, &id, body.value.version, read_at).await?;
    let view = row.view(scope.person).ok_or_else(missing)?;
    once.commit(write, scope, now, StatusCode::OK, &view).await
}
