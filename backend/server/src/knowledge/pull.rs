//! What a phone keeps of the knowledge: `GET /api/v1/me/knowledge`, read by revision as announcements are. A page is bounded by its
//! articles; folders whose revision lies in the same window come with it. What was archived or removed is told as gone.

use super::rights::for_reader;
use super::rows::{FolderRow, Shown, folders, shown_query};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use crate::http::query::Query;
use crate::store::{all, one};
use axum::Json;
use axum::extract::State;
use sea_orm::{FromQueryResult, Value};
use serde::Deserialize;
use waybell_domain::id::{ArticleId, FolderId};
use waybell_domain::wire::{ArticleUse, ErrorBody, KnowledgePage};

/// Articles in a page: each may have 90 kB.
const PAGE: u32 = 50;
/// Articles of which a phone learns how much they are used.
const MOST_USED: i64 = 50;

/// From where on.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct KnowledgeSince {
    /// Cursor of the last page; 0 for everything in force.
    since: i64,
    /// At most so many articles, 50 at most.
    limit: Option<u32>,
}

#[derive(FromQueryResult)]
struct Meta {
    value: String,
}

#[derive(FromQueryResult)]
struct Used {
    id: String,
    views: i64,
}

/// The folders and articles that are for the signed-in person and that changed after the cursor, with whether they keep them among
/// their own; for phones, which keep them.
#[utoipa::path(get, path = "/api/v1/me/knowledge", tag = "knowledge", security(("bearer" = [])), params(KnowledgeSince),
    responses((status = 200, body = KnowledgePage), (status = 422, body = ErrorBody)))]
pub async fn pull_knowledge(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<KnowledgeSince>,
) -> ApiResult<Json<KnowledgePage>> {
    let (scope, db) = (&signed.scope, app.store.read());
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let end = *app.store.committed().borrow();
    // a cursor from before a restore: start over
    let since = if query.since > end { 0 } else { query.since.max(0) };
    let (condition, mut values) = for_reader(scope, "a");
    let more: [Value; 4] =
        [scope.person.to_string().into(), since.into(), end.into(), i64::from(limit).into()];
    values.extend(more);
    // what has changed since is found by its revision; who begins needs nothing that is archived
    let changed = if since == 0 {
        "a.published IS NOT NULL"
    } else {
        "(a.shown_rev > $4 OR a.id IN (SELECT article_id FROM knowledge_favourite WHERE person_id = $3 AND rev > $4))"
    };
    let sql = format!(
        "SELECT * FROM ({} WHERE {condition} AND a.shown_rev > 0 AND {changed}) x WHERE x.rev > $4 AND x.rev <= $5 \
         ORDER BY x.rev LIMIT $6",
        shown_query(3)
    );
    let rows: Vec<Shown> = all(db, &sql, values).await?;
    let full = rows.len() >= limit as usize;
    let cursor = rows.last().filter(|_| full).map_or(end, |row| row.rev);

    let (condition, mut values) = for_reader(scope, "d");
    values.extend([Value::from(since), Value::from(cursor)]);
    let window = format!("{condition} AND d.rev > $3 AND d.rev <= $4 AND ($3 > 0 OR d.removed_at IS NULL)");
    let (gone_folders, here): (Vec<FolderRow>, Vec<FolderRow>) =
        folders(db, (window, values)).await?.into_iter().partition(|f| f.removed_at.is_some());

    let (condition, mut values) = for_reader(scope, "a");
    values.push(MOST_USED.into());
    let sql = format!(
        "SELECT a.id, a.views FROM knowledge_article a WHERE {condition} AND a.published IS NOT NULL AND a.views > 0 \
         ORDER BY a.views DESC, a.id LIMIT $3"
    );
    let used: Vec<Used> = all(db, &sql, values).await?;
    let use_of = |used: &Used| {
        Some(ArticleUse { id: ArticleId::parse(&used.id).ok()?, views: u32::try_from(used.views).ok()? })
    };
    let generation: Option<Meta> = one(db, "SELECT value FROM meta WHERE key = 'generation'", []).await?;
    let generation = generation.map(|m| m.value).unwrap_or_default();
    let branch = scope.branch.map(|b| b.to_string()).unwrap_or_default();
    let (kept, gone): (Vec<Shown>, Vec<Shown>) = rows.into_iter().partition(|row| row.published.is_some());
    Ok(Json(KnowledgePage {
        cursor,
        more: cursor < end,
        folders: here.iter().filter_map(FolderRow::view).collect(),
        gone_folders: gone_folders.iter().filter_map(|f| FolderId::parse(&f.id).ok()).collect(),
        articles: kept.into_iter().filter_map(Shown::view).collect(),
        gone: gone.iter().filter_map(|row| ArticleId::parse(&row.id).ok()).collect(),
        most_used: used.iter().filter_map(use_of).collect(),
        generation: format!("{generation} {branch}"),
    }))
}
