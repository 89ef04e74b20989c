//! What editors see: articles by folder and stage, one with its versions, two versions side by side, and what is used.

use super::readers::day;
use super::rights::for_editor;
use super::rows::{EDITED, Edited, missing, tags};
use crate::http::error::{ApiError, ApiResult};
use crate::org::policy::organisation;
use crate::store::scope::Scope;
use crate::store::{StoreError, all, one};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use serde::Deserialize;
use similar::{ChangeTag, TextDiff};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::{ArticleId, FolderId, UserId};
use waybell_domain::knowledge::Stage;
use waybell_domain::wire::{ArticleRanked, ArticleState, ArticleVersion, DiffKind, DiffLine};

/// Articles in a page.
const PAGE: u32 = 50;
/// Articles in a ranking.
const RANKED: u32 = 50;
/// Days that a ranking looks back.
const DAYS: u32 = 30;
/// Two texts are compared so long; what is left then is shown as replaced.
const LONGEST_DIFF: std::time::Duration = std::time::Duration::from_millis(500);

/// Which ones.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct ArticlesQuery {
    /// Those whose newest text is there; otherwise all but archived ones.
    stage: Option<Stage>,
    /// Those in this folder.
    #[param(value_type = Option<String>)]
    folder: Option<FolderId>,
    /// At most so many, 50 at most.
    limit: Option<u32>,
    /// What follows an earlier answer: its header `x-next-page`. The other parameters stay as they were.
    page: Option<String>,
}

/// A page, the newest first, and what to ask for the next one with.
pub(super) struct Found {
    pub articles: Vec<ArticleState>,
    pub next: Option<String>,
}

/// Articles that the editor sees, the newest first.
pub(super) async fn find<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    query: &ArticlesQuery,
) -> ApiResult<Found> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let (condition, mut values) = for_editor(scope, "a");
    let mut sql = format!("{EDITED} WHERE {condition}");
    let mut add = |value: Value| {
        values.push(value);
        values.len()
    };
    match query.stage {
        Some(stage) => sql += &format!(" AND a.stage = ${}", add(stage.as_str().into())),
        None => sql += " AND a.stage <> 'archived'",
    }
    if let Some(folder) = query.folder {
        sql += &format!(" AND a.folder_id = ${}", add(folder.to_string().into()));
    }
    if let Some(page) = &query.page {
        let id = ArticleId::parse(page).map_err(|_| {
            ApiError::field("page", "is none of ours", "give back the header x-next-page as it was")
        })?;
        sql += &format!(" AND a.id < ${}", add(id.to_string().into()));
    }
    // one more tells whether there is a next page
    sql += &format!(" ORDER BY a.id DESC LIMIT ${}", add(i64::from(limit + 1).into()));
    let mut rows: Vec<Edited> = all(db, &sql, values).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.id.clone());
    Ok(Found { articles: rows.iter().filter_map(Edited::view).collect(), next })
}

#[derive(FromQueryResult)]
struct Version {
    version: i64,
    title: String,
    tags: String,
    person_id: String,
    name: Option<String>,
    at: i64,
    approved_by_name: Option<String>,
    approved_at: Option<i64>,
    note: Option<String>,
}

/// Every text it had, the newest last.
pub(super) async fn versions<C: ConnectionTrait>(
    db: &C,
    id: &str,
) -> Result<Vec<ArticleVersion>, StoreError> {
    let sql = "SELECT t.version, t.title, t.tags, t.person_id, p.name, t.at, q.name AS approved_by_name, t.approved_at, t.note FROM \
               knowledge_text t LEFT JOIN person p ON p.id = t.person_id LEFT JOIN person q ON q.id = t.approved_by \
               WHERE t.article_id = $1 ORDER BY t.version";
    let rows: Vec<Version> = all(db, sql, [id.into()]).await?;
    let view = |row: Version| {
        Some(ArticleVersion {
            version: u32::try_from(row.version).ok()?,
            title: row.title,
            tags: tags(&row.tags),
            by: UserId::parse(&row.person_id).ok()?,
            by_name: row.name.unwrap_or_default(),
            at: UnixMs(row.at),
            approved_by_name: row.approved_by_name,
            approved_at: row.approved_at.map(UnixMs),
            note: row.note,
        })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}

/// Which two versions.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct DiffQuery {
    /// The earlier one; absent: that before `to`.
    from: Option<u32>,
    /// The later one; absent: the newest.
    to: Option<u32>,
}

#[derive(FromQueryResult)]
struct Whole {
    title: String,
    tags: String,
    body: String,
}

async fn text<C: ConnectionTrait>(db: &C, row: &Edited, field: &str, version: i64) -> ApiResult<String> {
    if version == 0 {
        return Ok(String::new());
    }
    let sql = "SELECT title, tags, body FROM knowledge_text WHERE article_id = $1 AND version = $2";
    let whole: Option<Whole> = one(db, sql, [row.id.clone().into(), version.into()]).await?;
    let Some(whole) = whole else {
        let problem = format!("there is no version {version}, but {} of them", row.version);
        return Err(ApiError::field(field, problem, "send one of those that it has"));
    };
    Ok(format!("{}\n{}\n{}\n", whole.title, tags(&whole.tags).join(" "), whole.body))
}

/// What is other in the later text, by lines. The first version is compared with nothing.
pub(super) async fn diff<C: ConnectionTrait>(
    db: &C,
    row: &Edited,
    query: &DiffQuery,
) -> ApiResult<Vec<DiffLine>> {
    let to = query.to.map_or(row.version, i64::from);
    let from = query.from.map_or(to - 1, i64::from);
    let (old, new) = (text(db, row, "from", from).await?, text(db, row, "to", to).await?);
    crate::http::aside(move || -> ApiResult<Vec<DiffLine>> {
        let line = |change: similar::Change<&str>| DiffLine {
            kind: match change.tag() {
                ChangeTag::Equal => DiffKind::Same,
                ChangeTag::Insert => DiffKind::Added,
                ChangeTag::Delete => DiffKind::Removed,
            },
            text: change.value().trim_end_matches('\n').to_owned(),
        };
        let diff = TextDiff::configure().timeout(LONGEST_DIFF).diff_lines(&old, &new);
        Ok(diff.iter_all_changes().map(line).collect())
    })
    .await
}

/// How far back.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct RankingQuery {
    /// Days, 1 to 366; 30 where it is absent.
    days: Option<u32>,
}

#[derive(FromQueryResult)]
struct Ranked {
    id: String,
    title: String,
    views: i64,
}

/// The most used articles that the asker reads, by `condition` on `a` (with two values), of the last days.
pub(super) async fn ranking<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    (condition, mut values): (String, Vec<Value>),
    query: &RankingQuery,
    now: UnixMs,
) -> ApiResult<Vec<ArticleRanked>> {
    let days = i64::from(query.days.unwrap_or(DAYS).clamp(1, 366));
    let zone = organisation(db, scope.organisation).await?.map_or(chrono_tz::Asia::Shanghai, |o| o.zone());
    values.push(day(now - (days - 1) * DAY, zone).into());
    values.push(i64::from(RANKED).into());
    let sql = format!(
        "SELECT a.id, t.title, x.views FROM (SELECT v.article_id, COUNT(*) AS views FROM knowledge_view v WHERE v.organisation_id = $1 \
         AND v.day >= $3 GROUP BY v.article_id) x JOIN knowledge_article a ON a.id = x.article_id JOIN knowledge_text t ON \
         t.article_id = a.id AND t.version = a.published WHERE {condition} ORDER BY x.views DESC, a.id LIMIT $4"
    );
    let rows: Vec<Ranked> = all(db, &sql, values).await?;
    let view = |row: Ranked| {
        let id = ArticleId::parse(&row.id).ok()?;
        Some(ArticleRanked { id, title: row.title, views: u32::try_from(row.views).ok()? })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}

/// A row that is not damaged.
pub(super) fn state(row: &Edited) -> ApiResult<ArticleState> {
    row.view().ok_or_else(missing)
}
