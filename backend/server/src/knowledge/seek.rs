//! Searching on the server, for who has no phone that keeps the articles: `GET /api/v1/knowledge/search`, by the rules of
//! [`waybell_domain::knowledge::seek`].
//!
//! The forms under which an article is found are kept in memory by id, version and path; texts are read again only for articles that
//! are not there. What somebody may see is decided by the query each time, never by what is kept.

use super::rights::for_reader;
use super::rows::{folders, paths, tags};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use crate::http::query::Query;
use crate::store::{all, listed};
use axum::Json;
use axum::extract::State;
use quick_cache::sync::Cache;
use sea_orm::{FromQueryResult, Value};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use waybell_domain::id::ArticleId;
use waybell_domain::knowledge::seek::{Seek, Sought};
use waybell_domain::wire::{ArticleFound, ErrorBody};

/// Articles whose forms are kept, of all organisations.
const KEPT: usize = 5_000;
/// Answers.
const MOST: u32 = 50;
/// Texts that are read in one query.
const AT_ONCE: usize = 256;
/// Longest query, characters.
const LONGEST: usize = 100;

type Key = (String, i64, String);

static FORMS: LazyLock<Cache<Key, Arc<Sought>>> = LazyLock::new(|| Cache::new(KEPT));

/// What is sought.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct SeekQuery {
    /// Words; Chinese, pinyin, initials, digits. Empty: the most used ones.
    q: String,
    /// At most so many, 50 at most.
    limit: Option<u32>,
}

#[derive(FromQueryResult)]
struct Head {
    id: String,
    version: i64,
    folder_id: Option<String>,
    title: String,
    tags: String,
    views: i64,
}

#[derive(FromQueryResult)]
struct Body {
    id: String,
    body: String,
}

/// Find published articles by title, tags, folder and text, the best first.
#[utoipa::path(get, path = "/api/v1/knowledge/search", tag = "knowledge", security(("bearer" = [])), params(SeekQuery),
    responses((status = 200, body = [ArticleFound]), (status = 422, body = ErrorBody)))]
pub async fn search_articles(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<SeekQuery>,
) -> ApiResult<Json<Vec<ArticleFound>>> {
    let (scope, db) = (&signed.scope, app.store.read());
    let limit = query.limit.unwrap_or(MOST).clamp(1, MOST) as usize;
    let (condition, values) = for_reader(scope, "d");
    let all_folders = folders(db, (format!("{condition} AND d.removed_at IS NULL"), values)).await?;
    let paths = paths(&all_folders);
    let (condition, values) = for_reader(scope, "a");
    let sql = format!(
        "SELECT a.id, a.published AS version, a.folder_id, t.title, t.tags, a.views FROM knowledge_article a JOIN knowledge_text t \
         ON t.article_id = a.id AND t.version = a.published WHERE {condition} ORDER BY a.id"
    );
    let heads: Vec<Head> = all(db, &sql, values).await?;
    let path =
        |head: &Head| head.folder_id.as_deref().and_then(|f| paths.get(f)).cloned().unwrap_or_default();
    let keys: Vec<Key> = heads.iter().map(|head| (head.id.clone(), head.version, path(head))).collect();
    let unknown: Vec<String> =
        keys.iter().filter(|key| FORMS.get(*key).is_none()).map(|key| key.0.clone()).collect();
    let mut fresh: HashMap<String, Body> = HashMap::new();
    for part in unknown.chunks(AT_ONCE) {
        fresh.extend(bodies(db, scope, part).await?.into_iter().map(|body| (body.id.clone(), body)));
    }
    let words: String = query.q.chars().take(LONGEST).collect();
    let asked = words.clone();
    let found = crate::http::aside(move || -> ApiResult<Vec<(Head, String)>> {
        let seek = Seek::new(&asked);
        let mut placed = Vec::new();
        for (head, key) in heads.into_iter().zip(keys) {
            let path = key.2.clone();
            let form = FORMS.get(&key).or_else(|| {
                let body = fresh.get(&head.id)?;
                let form = Arc::new(Sought::new(&path, &head.title, &tags(&head.tags), &body.body));
                FORMS.insert(key, form.clone());
                Some(form)
            });
            if let Some(place) = form.and_then(|form| seek.place(&form)) {
                placed.push((place, std::cmp::Reverse(head.views), head, path));
            }
        }
        placed.sort_by_key(|one| (one.0, one.1));
        Ok(placed.into_iter().take(limit).map(|(.., head, path)| (head, path)).collect())
    })
    .await?;
    let ids: Vec<String> = found.iter().map(|(head, _)| head.id.clone()).collect();
    let texts: HashMap<String, String> =
        bodies(db, scope, &ids).await?.into_iter().map(|body| (body.id, body.body)).collect();
    let shown = crate::http::aside(move || -> ApiResult<Vec<ArticleFound>> {
        let seek = Seek::new(&words);
        let view = |(head, path): (Head, String)| {
            let line = texts.get(&head.id).and_then(|text| seek.line(text)).unwrap_or_default().to_owned();
            Some(ArticleFound { id: ArticleId::parse(&head.id).ok()?, title: head.title, path, line })
        };
        Ok(found.into_iter().filter_map(view).collect())
    });
    Ok(Json(shown.await?))
}

async fn bodies<C: sea_orm::ConnectionTrait>(
    db: &C,
    scope: &crate::store::scope::Scope,
    ids: &[String],
) -> ApiResult<Vec<Body>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, mut values): (String, Vec<Value>) = for_reader(scope, "a");
    let (marks, listed) = listed(3, ids);
    values.extend(listed);
    let sql = format!(
        "SELECT a.id, t.body FROM knowledge_article a JOIN knowledge_text t ON t.article_id = a.id AND t.version = a.published \
         WHERE {condition} AND a.id IN ({marks})"
    );
    Ok(all(db, &sql, values).await?)
}
