//! Rows of `knowledge_article`: with the newest text for editors, with the approved one for readers.

use super::rights::{for_editor, for_reader};
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, all, one};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{ArticleId, BranchId, FolderId, UserId};
use waybell_domain::knowledge::{Stage, ancestors};
use waybell_domain::wire::{ArticleState, ArticleView, FolderView};

/// The query of [`Edited`] rows; add a condition on `a` and `t`.
pub(super) const EDITED: &str = "SELECT a.id, a.branch_id, a.folder_id, a.stage, a.version, a.published, a.views, a.rev, t.title, t.tags, \
     t.body, t.person_id AS written_by, t.at AS written_at, t.note, p.name AS written_by_name, (SELECT COUNT(*) FROM \
     knowledge_favourite f WHERE f.article_id = a.id AND f.kept = 1) AS favourites FROM knowledge_article a \
     JOIN knowledge_text t ON t.article_id = a.id AND t.version = a.version LEFT JOIN person p ON p.id = t.person_id";

/// An article with its newest text.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Edited {
    pub id: String,
    pub branch_id: Option<String>,
    pub folder_id: Option<String>,
    pub stage: String,
    pub version: i64,
    pub published: Option<i64>,
    pub views: i64,
    pub rev: i64,
    pub title: String,
    pub tags: String,
    pub body: String,
    pub written_by: String,
    pub written_at: i64,
    pub note: Option<String>,
    pub written_by_name: Option<String>,
    pub favourites: i64,
}

/// Tags as they are stored.
pub(super) fn stored_tags(tags: &[String]) -> String {
    serde_json::to_string(tags).unwrap_or_else(|_| "[]".into())
}

/// The inverse of [`stored_tags`].
pub(super) fn tags(stored: &str) -> Vec<String> {
    serde_json::from_str(stored).unwrap_or_default()
}

pub(super) fn missing() -> ApiError {
    ApiError::not_found("article")
}

fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

impl Edited {
    pub(super) fn stage(&self) -> ApiResult<Stage> {
        Stage::parse(&self.stage).ok_or_else(|| {
            tracing::error!(article = %self.id, "an article's stage does not read back");
            missing()
        })
    }

    /// As editors see it; `None` for a damaged row, which is logged and left out.
    pub(super) fn view(&self) -> Option<ArticleState> {
        let view = self.read();
        if view.is_none() {
            tracing::error!(article = %self.id, "an article does not read back");
        }
        view
    }

    fn read(&self) -> Option<ArticleState> {
        Some(ArticleState {
            id: ArticleId::parse(&self.id).ok()?,
            version: u32::try_from(self.version).ok()?,
            stage: Stage::parse(&self.stage)?,
            published: self.published.map(u32::try_from).transpose().ok()?,
            title: self.title.clone(),
            tags: tags(&self.tags),
            folder: self.folder_id.as_deref().map(FolderId::parse).transpose().ok()?,
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            written_by: UserId::parse(&self.written_by).ok()?,
            written_by_name: self.written_by_name.clone().unwrap_or_default(),
            written_at: UnixMs(self.written_at),
            note: self.note.clone(),
            views: count(self.views),
            favourites: count(self.favourites),
            rev: self.rev,
        })
    }
}

/// An article that the editor sees.
pub(super) async fn edited<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<Edited> {
    let id = ArticleId::parse(id).map_err(|_| missing())?;
    let (condition, mut values) = for_editor(scope, "a");
    values.push(id.to_string().into());
    let row: Option<Edited> = one(db, &format!("{EDITED} WHERE {condition} AND a.id = $3"), values).await?;
    row.ok_or_else(missing)
}

/// The query of [`Shown`] rows, for the person whose id stands in this place; add a condition on `a`. `rev` is that of what readers
/// see or of the person's favourite, whichever is newer.
pub(super) fn shown_query(person: usize) -> String {
    format!(
        "SELECT a.id, a.branch_id, a.folder_id, a.published, a.published_at, t.title, t.tags, t.body, p.name AS written_by_name, \
         f.kept, CASE WHEN COALESCE(f.rev, 0) > a.shown_rev THEN f.rev ELSE a.shown_rev END AS rev FROM knowledge_article a \
         LEFT JOIN knowledge_text t ON t.article_id = a.id AND t.version = a.published LEFT JOIN person p ON p.id = t.person_id \
         LEFT JOIN knowledge_favourite f ON f.article_id = a.id AND f.person_id = ${person}"
    )
}

/// An article as one reader has it; without a text where it is archived.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Shown {
    pub id: String,
    pub branch_id: Option<String>,
    pub folder_id: Option<String>,
    pub published: Option<i64>,
    pub published_at: Option<i64>,
    pub title: Option<String>,
    pub tags: Option<String>,
    pub body: Option<String>,
    pub written_by_name: Option<String>,
    pub kept: Option<i64>,
    pub rev: i64,
}

impl Shown {
    /// As the reader has it; `None` where it is archived.
    pub(super) fn view(self) -> Option<ArticleView> {
        Some(ArticleView {
            id: ArticleId::parse(&self.id).ok()?,
            version: u32::try_from(self.published?).ok()?,
            title: self.title?,
            tags: tags(&self.tags?),
            body: self.body?,
            folder: self.folder_id.as_deref().map(FolderId::parse).transpose().ok()?,
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            written_by_name: self.written_by_name.unwrap_or_default(),
            published_at: UnixMs(self.published_at.unwrap_or_default()),
            favourite: self.kept == Some(1),
            rev: self.rev,
        })
    }
}

/// An article that the asker reads, or has read before it was archived.
pub(super) async fn shown<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<Shown> {
    let id = ArticleId::parse(id).map_err(|_| missing())?;
    let (condition, mut values) = for_reader(scope, "a");
    let more: [Value; 2] = [scope.person.to_string().into(), id.to_string().into()];
    values.extend(more);
    let sql = format!("{} WHERE {condition} AND a.shown_rev > 0 AND a.id = $4", shown_query(3));
    let row: Option<Shown> = one(db, &sql, values).await?;
    row.ok_or_else(missing)
}

/// A folder.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct FolderRow {
    pub id: String,
    pub branch_id: Option<String>,
    pub parent_id: Option<String>,
    pub name: String,
    pub removed_at: Option<i64>,
    pub rev: i64,
}

impl FolderRow {
    pub(super) fn view(&self) -> Option<FolderView> {
        Some(FolderView {
            id: FolderId::parse(&self.id).ok()?,
            name: self.name.clone(),
            parent: self.parent_id.as_deref().map(FolderId::parse).transpose().ok()?,
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            rev: self.rev,
        })
    }
}

/// Folders under a condition on `d`, by name.
pub(super) async fn folders<C: ConnectionTrait>(
    db: &C,
    (condition, values): (String, Vec<Value>),
) -> Result<Vec<FolderRow>, StoreError> {
    let sql = format!(
        "SELECT d.id, d.branch_id, d.parent_id, d.name, d.removed_at, d.rev FROM knowledge_folder d WHERE {condition} \
         ORDER BY d.name, d.id"
    );
    all(db, &sql, values).await
}

/// The path of each folder, names parted by `/`.
pub(super) fn paths(folders: &[FolderRow]) -> HashMap<&str, String> {
    let tree: HashMap<&str, Option<&str>> =
        folders.iter().map(|f| (f.id.as_str(), f.parent_id.as_deref())).collect();
    let names: HashMap<&str, &str> = folders.iter().map(|f| (f.id.as_str(), f.name.as_str())).collect();
    let path = |id: &str| {
        let mut path: Vec<&str> =
            ancestors(&tree, Some(id)).into_iter().filter_map(|up| names.get(up).copied()).collect();
        path.reverse();
        path.join("/")
    };
    folders.iter().map(|f| (f.id.as_str(), path(&f.id))).collect()
}
