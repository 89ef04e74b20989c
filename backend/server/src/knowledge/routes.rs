//! `/api/v1/knowledge/articles*`, and what readers do under `/api/v1/me/knowledge`.

use super::find::{ArticlesQuery, DiffQuery, RankingQuery, diff, find, ranking, state, versions};
use super::rights::{editor, for_reader};
use super::rows::{Edited, edited, missing};
use super::{import, readers, review, write};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::acted_at;
use crate::http::error::ApiResult;
use crate::http::json::{Body, Strict};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::org::sets::{replace, rule_set};
use crate::store::Write;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use waybell_domain::id::ArticleId;
use waybell_domain::knowledge::KnowledgePolicy;
use waybell_domain::wire::{
    ArticleChange, ArticleDetail, ArticleFile, ArticleRanked, ArticleRead, ArticleRequest, ArticleState,
    ArticleUse, ArticleView, DiffLine, ErrorBody, FavouriteRequest, ReadRequest, VersionRequest,
};

async fn done(write: Write, row: &Edited) -> ApiResult<Json<ArticleState>> {
    write.commit().await?;
    state(row).map(Json)
}

/// A reading without a network is told so much later, milliseconds.
const LATEST_READING: i64 = 7 * waybell_domain::clock::DAY;

/// See what would become of a file (administrators, supervisors). HTML becomes Markdown, without scripts, styles and frames.
#[utoipa::path(post, path = "/api/v1/knowledge/import", tag = "knowledge", security(("bearer" = [])),
    request_body = ArticleFile, responses((status = 200, body = ArticleRead), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn import_article(
    signed: Signed,
    Strict(file): Strict<ArticleFile>,
) -> ApiResult<Json<ArticleRead>> {
    editor(&signed)?;
    import::import(file).await.map(Json)
}

/// Write an article: a draft (administrators, supervisors). The same id again gives the same one.
#[utoipa::path(post, path = "/api/v1/knowledge/articles", tag = "knowledge", security(("bearer" = [])),
    request_body = ArticleRequest, responses((status = 201, body = ArticleState), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    (status = 429, body = ErrorBody)))]
pub async fn make_article(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<ArticleRequest>,
) -> ApiResult<Response> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let once = Once::of(&headers, "knowledge/articles", &body.bytes)?;
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    let row = write::make(&write, scope, now, &body.value).await?;
    let view = state(&row)?;
    once.commit(write, scope, now, StatusCode::CREATED, &view).await
}

/// Articles with their newest text's stage, the newest first (administrators, supervisors). Where there are more, the header
/// `x-next-page` says how to go on.
#[utoipa::path(get, path = "/api/v1/knowledge/articles", tag = "knowledge", security(("bearer" = [])), params(ArticlesQuery),
    responses((status = 200, body = [ArticleState]), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn list_articles(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<ArticlesQuery>,
) -> ApiResult<(HeaderMap, Json<Vec<ArticleState>>)> {
    let found = find(app.store.read(), editor(&signed)?, &query).await?;
    let mut headers = HeaderMap::new();
    if let Some(next) = found.next.and_then(|n| n.parse().ok()) {
        headers.insert(crate::calls::list::NEXT, next);
    }
    Ok((headers, Json(found.articles)))
}

/// One with its newest text, and with every version it had.
#[utoipa::path(get, path = "/api/v1/knowledge/articles/{id}", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = ArticleDetail), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub async fn show_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<ArticleDetail>> {
    let (scope, db) = (editor(&signed)?, app.store.read());
    let row = edited(db, scope, &id).await?;
    Ok(Json(ArticleDetail { state: state(&row)?, versions: versions(db, &row.id).await?, body: row.body }))
}

/// What is other in a version, by lines: against the one before it, or against any.
#[utoipa::path(get, path = "/api/v1/knowledge/articles/{id}/diff", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path), DiffQuery), responses((status = 200, body = [DiffLine]), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn compare_versions(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Query(query): Query<DiffQuery>,
) -> ApiResult<Json<Vec<DiffLine>>> {
    let (scope, db) = (editor(&signed)?, app.store.read());
    let row = edited(db, scope, &id).await?;
    Ok(Json(diff(db, &row, &query).await?))
}

/// Change one. Another title, body or tags are a new version and a draft; readers keep what was approved before. Sent again it
/// changes nothing more.
#[utoipa::path(patch, path = "/api/v1/knowledge/articles/{id}", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = ArticleChange, responses((status = 200, body = ArticleState),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn change_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(asked): Strict<ArticleChange>,
) -> ApiResult<Json<ArticleState>> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let write = app.store.begin().await?;
    let row = write::change(&write, scope, now, &id, &asked).await?;
    done(write, &row).await
}

/// Ask for a review of the newest text.
#[utoipa::path(post, path = "/api/v1/knowledge/articles/{id}/submit", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = ArticleState), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn submit_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<ArticleState>> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let write = app.store.begin().await?;
    let row = review::submit(&write, scope, now, &id).await?;
    done(write, &row).await
}

/// Approve the version that was looked at: from now on readers have it. Where the organisation asks for four eyes, who wrote it
/// cannot.
#[utoipa::path(post, path = "/api/v1/knowledge/articles/{id}/approve", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = VersionRequest, responses((status = 200, body = ArticleState),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn approve_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(asked): Strict<VersionRequest>,
) -> ApiResult<Json<ArticleState>> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let write = app.store.begin().await?;
    let row = review::approve(&write, scope, now, &id, &asked).await?;
    done(write, &row).await
}

/// Give the version that was looked at back to who writes it, with a reason.
#[utoipa::path(post, path = "/api/v1/knowledge/articles/{id}/reject", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = VersionRequest, responses((status = 200, body = ArticleState),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn reject_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(asked): Strict<VersionRequest>,
) -> ApiResult<Json<ArticleState>> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let write = app.store.begin().await?;
    let row = review::reject(&write, scope, now, &id, &asked).await?;
    done(write, &row).await
}

/// Take an article away: nobody reads or finds it any more. It and its versions are kept; an edit makes it a draft again.
#[utoipa::path(post, path = "/api/v1/knowledge/articles/{id}/archive", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = ArticleState), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub async fn archive_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<ArticleState>> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let write = app.store.begin().await?;
    let row = review::archive(&write, scope, now, &id).await?;
    done(write, &row).await
}

/// Make an older version the newest once more: a draft.
#[utoipa::path(post, path = "/api/v1/knowledge/articles/{id}/restore", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = VersionRequest, responses((status = 200, body = ArticleState),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn restore_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(asked): Strict<VersionRequest>,
) -> ApiResult<Json<ArticleState>> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let write = app.store.begin().await?;
    let row = review::restore(&write, scope, now, &id, asked.version).await?;
    done(write, &row).await
}

/// The articles that were read most in the last days, of those that the asker reads. A person counts once a day.
#[utoipa::path(get, path = "/api/v1/knowledge/ranking", tag = "knowledge", security(("bearer" = [])), params(RankingQuery),
    responses((status = 200, body = [ArticleRanked]), (status = 422, body = ErrorBody)))]
pub async fn rank_articles(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<RankingQuery>,
) -> ApiResult<Json<Vec<ArticleRanked>>> {
    let scope = &signed.scope;
    let found = ranking(app.store.read(), scope, for_reader(scope, "a"), &query, app.clock.wall()).await?;
    Ok(Json(found))
}

/// Keep an article among one's own, or no longer; perhaps decided a while ago and without a network. Sent again it has no second
/// effect.
#[utoipa::path(post, path = "/api/v1/me/knowledge/{id}/favourite", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = FavouriteRequest, responses((status = 200, body = ArticleView),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn keep_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<FavouriteRequest>,
) -> ApiResult<Response> {
    let id = ArticleId::parse(&id).map_err(|_| missing())?.to_string();
    let once = Once::of(&headers, &format!("me/knowledge/{id}/favourite"), &body.bytes)?;
    let (scope, now) = (&signed.scope, app.clock.now());
    let acted = acted_at(body.value.acted_at, &headers, now);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    let row = readers::favourite(&write, scope, &id, body.value.favourite, acted).await?;
    let view = row.view().ok_or_else(missing)?;
    once.commit(write, scope, now, StatusCode::OK, &view).await
}

/// Say that an article was read, perhaps a while ago and without a network. A person counts once a day.
#[utoipa::path(post, path = "/api/v1/me/knowledge/{id}/read", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = ReadRequest, responses((status = 200, body = ArticleUse),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn read_article(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<ReadRequest>,
) -> ApiResult<Response> {
    let id = ArticleId::parse(&id).map_err(|_| missing())?.to_string();
    let once = Once::of(&headers, &format!("me/knowledge/{id}/read"), &body.bytes)?;
    let (scope, now) = (&signed.scope, app.clock.now());
    // what lay longer on a phone counts for the first of these days: nobody makes a year of readings at once
    let read_at = acted_at(body.value.acted_at, &headers, now).max(now - LATEST_READING);
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    let used = readers::read(&write, scope, &id, read_at).await?;
    once.commit(write, scope, now, StatusCode::OK, &used).await
}

/// The rules for knowledge: who approves.
#[utoipa::path(get, path = "/api/v1/knowledge-policy", tag = "knowledge", security(("bearer" = [])),
    responses((status = 200, body = KnowledgePolicy)))]
pub async fn get_knowledge_policy(
    State(app): State<Shared>,
    signed: Signed,
) -> ApiResult<Json<KnowledgePolicy>> {
    Ok(Json(rule_set(app.store.read(), signed.scope.organisation).await?))
}

/// Replace the rules for knowledge (administrators).
#[utoipa::path(put, path = "/api/v1/knowledge-policy", tag = "knowledge", security(("bearer" = [])),
    request_body = KnowledgePolicy, responses((status = 200, body = KnowledgePolicy), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn put_knowledge_policy(
    State(app): State<Shared>,
    signed: Signed,
    Strict(policy): Strict<KnowledgePolicy>,
) -> ApiResult<Json<KnowledgePolicy>> {
    replace(&app, &signed, policy).await
}
