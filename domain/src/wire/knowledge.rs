//! Knowledge: folders, articles, pictures.

use super::ActedAt;
use crate::clock::UnixMs;
use crate::id::{ArticleId, BranchId, FolderId, PictureId, UserId};
use crate::knowledge::Stage;
use crate::knowledge::picture::PictureKind;
use serde::{Deserialize, Serialize};

/// `POST /api/v1/knowledge/folders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FolderRequest {
    /// Made by who makes it. The same id a second time makes no second folder.
    pub id: FolderId,
    /// One line of up to 80 characters, without `/`.
    pub name: String,
    /// The folder that it lies in; absent: at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<FolderId>,
    /// Whose it is: of this branch alone. Absent: of the own branch for supervisors of one, of the whole organisation otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
}

/// `PATCH /api/v1/knowledge/folders/{id}`: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct FolderChange {
    /// Another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Moved into this folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<FolderId>,
    /// Moved to the top.
    pub top: bool,
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FolderView {
    /// Id.
    pub id: FolderId,
    /// Name.
    pub name: String,
    /// The folder that it lies in; absent: at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<FolderId>,
    /// Whose it is; absent: of the whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Server revision.
    pub rev: i64,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ArticleFormat {
    /// Markdown, perhaps with front matter.
    #[default]
    Markdown,
    /// HTML.
    Html,
}

/// `POST /api/v1/knowledge/import`: what would become of a file. Nothing is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleFile {
    /// How it is written.
    #[serde(default)]
    pub format: ArticleFormat,
    /// The file, up to 512 kB.
    pub text: String,
}

/// An article out of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleRead {
    /// Out of its front matter, its `<title>`, or the heading that it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Tags of its front matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Folder of its front matter, names parted by `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Markdown without HTML.
    pub body: String,
    /// Addresses of its pictures that are not in the knowledge base yet: upload each, and write `picture:` with its id instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<String>,
    /// What was left out: elements of HTML, keys of front matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// `POST /api/v1/knowledge/articles`: a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleRequest {
    /// Made by who writes it. The same id a second time makes no second article.
    pub id: ArticleId,
    /// One line of up to 80 characters.
    pub title: String,
    /// Up to 12, of up to 24 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Markdown of up to 30,000 characters, without HTML; pictures as `![words](picture:ID)`.
    pub body: String,
    /// The folder that it lies in; absent: at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// Whose it is: of this branch alone. Absent: of the own branch for supervisors of one, of the whole organisation otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
}

/// `PATCH /api/v1/knowledge/articles/{id}`: what is absent stays. Another title, body or tags make a new version, which is a draft;
/// another folder does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ArticleChange {
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Moved into this folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// Moved to the top.
    pub top: bool,
    /// Its `rev` as it was seen: the change is refused if somebody has changed it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<i64>,
}

/// `POST /api/v1/knowledge/articles/{id}/approve`, `…/reject`, `…/restore`: of which version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionRequest {
    /// The version that was looked at.
    pub version: u32,
    /// Why it is rejected, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An article as readers have it: the approved text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleView {
    /// Id.
    pub id: ArticleId,
    /// From 1 on; another text is another version.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Markdown without HTML; pictures have addresses `picture:ID`.
    pub body: String,
    /// The folder that it lies in; absent: at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// Whose it is; absent: of the whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Who wrote this version.
    pub written_by_name: String,
    /// When it was approved.
    pub published_at: UnixMs,
    /// The asker keeps it among their own.
    #[serde(default)]
    pub favourite: bool,
    /// Server revision, of the article and of the asker's favourite.
    pub rev: i64,
}

/// An article as editors see it: the newest text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleState {
    /// Id.
    pub id: ArticleId,
    /// Of the newest text.
    pub version: u32,
    /// Where that is.
    pub stage: Stage,
    /// The version that readers have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<u32>,
    /// Title.
    pub title: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The folder that it lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// Whose it is; absent: of the whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Who wrote this version.
    pub written_by: UserId,
    /// Their name.
    pub written_by_name: String,
    /// When.
    pub written_at: UnixMs,
    /// Why the newest text was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How often it was read; a person counts once a day.
    pub views: u32,
    /// How many keep it among their own.
    pub favourites: u32,
    /// Server revision.
    pub rev: i64,
}

/// A text that an article has, or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleVersion {
    /// From 1 on.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who wrote it.
    pub by: UserId,
    /// Their name.
    pub by_name: String,
    /// When.
    pub at: UnixMs,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by_name: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<UnixMs>,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `GET /api/v1/knowledge/articles/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleDetail {
    /// As in the list.
    #[serde(flatten)]
    pub state: ArticleState,
    /// The newest text.
    pub body: String,
    /// Every text it had, the newest last.
    pub versions: Vec<ArticleVersion>,
}

/// What a line of a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DiffKind {
    /// In both.
    Same,
    /// In the later text only.
    Added,
    /// In the earlier text only.
    Removed,
}

/// A line of a comparison of two texts. Their first lines are the title and the tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiffLine {
    /// What it is.
    pub kind: DiffKind,
    /// The line.
    pub text: String,
}

/// A picture that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PictureView {
    /// Id; in a text it is `![words](picture:ID)`.
    pub id: PictureId,
    /// What it is.
    pub kind: PictureKind,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Length of the file as it is kept.
    pub bytes: u32,
}

/// `POST /api/v1/me/knowledge/{id}/favourite`. Of several the latest counts, whichever arrives last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FavouriteRequest {
    /// Keep it among one's own, or no longer.
    pub favourite: bool,
    /// When that was decided.
    pub acted_at: ActedAt,
}

/// `POST /api/v1/me/knowledge/{id}/read`. A person counts once a day, by the day on which they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadRequest {
    /// When it was read.
    pub acted_at: ActedAt,
}

/// How much an article is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleUse {
    /// Which one.
    pub id: ArticleId,
    /// How often it was read; a person counts once a day.
    pub views: u32,
}

/// A place of the ranking: `GET /api/v1/knowledge/ranking`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleRanked {
    /// Which one.
    pub id: ArticleId,
    /// Its title.
    pub title: String,
    /// How often it was read in that time; a person counts once a day.
    pub views: u32,
}

/// Something found: `GET /api/v1/knowledge/search`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleFound {
    /// Which one.
    pub id: ArticleId,
    /// Its title.
    pub title: String,
    /// Names of the folders that it lies in, parted by `/`.
    pub path: String,
    /// The line of the text that answers best.
    pub line: String,
}

/// `GET /api/v1/me/knowledge?since=cursor`: what changed for this person after the cursor.
///
/// Rows, tombstones and `cursor` are applied in one transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KnowledgePage {
    /// Give this back next time.
    pub cursor: i64,
    /// There is more: ask again at once.
    pub more: bool,
    /// Folders.
    #[serde(default, deserialize_with = "super::lenient::each")]
    pub folders: Vec<FolderView>,
    /// Folders that were removed.
    #[serde(default)]
    pub gone_folders: Vec<FolderId>,
    /// Articles. Those of a later version that do not read here are passed over.
    #[serde(default, deserialize_with = "super::lenient::each")]
    pub articles: Vec<ArticleView>,
    /// Articles that were archived.
    #[serde(default)]
    pub gone: Vec<ArticleId>,
    /// The most used ones, the most used first.
    #[serde(default, deserialize_with = "super::lenient::each")]
    pub most_used: Vec<ArticleUse>,
    /// Names the server's data and what this person is in them: where it is another one, all is asked for anew.
    #[serde(default)]
    pub generation: String,
}

#[cfg(test)]
mod tests;
