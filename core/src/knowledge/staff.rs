//! What editors do: asked of the server, at once and only now. Who publishes must know that it is published.

use super::{Knowledge, only};
use crate::client::random;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use waybell_domain::id::{ArticleId, BranchId, FolderId};
use waybell_domain::knowledge::picture::clean;
use waybell_domain::knowledge::{KnowledgeFlaw, Stage, body, folder_name, tags, title};
use waybell_domain::wire::{
    ArticleChange, ArticleDetail, ArticleFile, ArticleRead, ArticleRequest, ArticleState, DiffLine,
    FolderChange, FolderRequest, FolderView, PictureView, VersionRequest,
};

/// An article to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewArticle {
    /// One line of up to 80 characters.
    pub title: String,
    /// Up to 12, of up to 24 characters.
    pub tags: Vec<String>,
    /// Markdown without HTML.
    pub body: String,
    /// The folder that it lies in.
    pub folder: Option<FolderId>,
    /// Of this branch alone; `None`: as far as the writer reaches.
    pub branch: Option<BranchId>,
}

fn refused(flaw: KnowledgeFlaw) -> Error {
    Error::bad(&flaw.field, flaw.problem, flaw.hint)
}

impl Knowledge {
    /// What would become of a file; nothing is stored.
    ///
    /// # Errors
    /// `Refused` names what is wrong with it, by line; `Offline`, `SignedOut`. So for every call here.
    pub async fn read_file(&self, file: &ArticleFile) -> Result<ArticleRead> {
        self.ask(&Request::post("/api/v1/knowledge/import", file)?).await
    }

    /// Uploads a picture, without what a camera has written beside it.
    ///
    /// # Errors
    /// `BadInput` for what is no picture, or too large; see [`Knowledge::read_file`].
    pub async fn upload(&self, bytes: &[u8], branch: Option<BranchId>) -> Result<PictureView> {
        // where it was taken does not leave this machine
        let picture = clean(bytes).map_err(refused)?;
        let query = branch.map(|id| format!("?branch={id}")).unwrap_or_default();
        let path = format!("/api/v1/knowledge/pictures{query}");
        let request = Request { method: Method::POST, body: Some(picture.bytes), ..Request::get(path) };
        self.ask(&request).await
    }

    /// Writes an article: a draft. What the server would refuse of its title and tags is refused here.
    ///
    /// # Errors
    /// `BadInput`; see [`Knowledge::read_file`]. After `Offline` look through the list: it may have been made.
    pub async fn make(&self, new: &NewArticle) -> Result<ArticleState> {
        let request = ArticleRequest {
            id: ArticleId::at(self.client.inner.clock.wall(), random()),
            title: title(&new.title).map_err(refused)?,
            tags: tags(&new.tags).map_err(refused)?,
            body: body(&new.body).map_err(refused)?,
            folder: new.folder,
            branch: new.branch,
        };
        let mut sent = Request::post("/api/v1/knowledge/articles", &request)?;
        sent.key = Some(request.id.to_string());
        self.change_with(&sent).await
    }

    /// Articles with their stage, the newest first: those whose newest text is in `stage`, or all but archived ones. All pages.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn written(&self, stage: Option<Stage>) -> Result<Vec<ArticleState>> {
        let mut out: Vec<ArticleState> = Vec::new();
        let stage = stage.map(|stage| format!("&stage={}", stage.as_str())).unwrap_or_default();
        loop {
            let from = out.last().map(|last| format!("&page={}", last.id)).unwrap_or_default();
            let path = format!("/api/v1/knowledge/articles?limit=50{stage}{from}");
            let page: Vec<ArticleState> = self.ask(&Request::get(path)).await?;
            let full = page.len() >= 50;
            out.extend(page);
            if !full {
                return Ok(out);
            }
        }
    }

    /// The one with this id, or whose id alone ends so, whatever its stage.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` where several end so; see [`Knowledge::read_file`].
    pub async fn find_written(&self, key: &str) -> Result<ArticleState> {
        if let Ok(id) = ArticleId::parse(key.trim()) {
            return Ok(self.detail(id).await?.state);
        }
        let mut all = self.written(None).await?;
        all.extend(self.written(Some(Stage::Archived)).await?);
        only(all, key, |one| one.id)
    }

    /// One with its newest text, and with every version it had.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn detail(&self, id: ArticleId) -> Result<ArticleDetail> {
        self.ask(&Request::get(format!("/api/v1/knowledge/articles/{id}"))).await
    }

    /// What is other in a version: against `from`, or the one before it.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn compare(&self, id: ArticleId, from: Option<u32>, to: u32) -> Result<Vec<DiffLine>> {
        let from = from.map(|from| format!("&from={from}")).unwrap_or_default();
        self.ask(&Request::get(format!("/api/v1/knowledge/articles/{id}/diff?to={to}{from}"))).await
    }

    /// Changes one; another text is a draft.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn change(&self, id: ArticleId, change: &ArticleChange) -> Result<ArticleState> {
        let request = Request::post(format!("/api/v1/knowledge/articles/{id}"), change)?;
        self.change_with(&Request { method: Method::PATCH, ..request }).await
    }

    /// Asks for a review of the newest text.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn submit(&self, id: ArticleId) -> Result<ArticleState> {
        self.step(id, "submit", &serde_json::json!({})).await
    }

    /// Gives a version that was looked at to its readers.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn approve(&self, id: ArticleId, version: u32) -> Result<ArticleState> {
        self.step(id, "approve", &VersionRequest { version, note: None }).await
    }

    /// Gives a version that was looked at back to who wrote it.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn reject(&self, id: ArticleId, version: u32, note: &str) -> Result<ArticleState> {
        self.step(id, "reject", &VersionRequest { version, note: Some(note.to_owned()) }).await
    }

    /// Takes an article away from everybody.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn archive(&self, id: ArticleId) -> Result<ArticleState> {
        self.step(id, "archive", &serde_json::json!({})).await
    }

    /// Makes an older version the newest once more: a draft.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn restore(&self, id: ArticleId, version: u32) -> Result<ArticleState> {
        self.step(id, "restore", &VersionRequest { version, note: None }).await
    }

    /// The folders, as editors see them.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn folders(&self) -> Result<Vec<FolderView>> {
        self.ask(&Request::get("/api/v1/knowledge/folders")).await
    }

    /// The folder with this path (names parted by `/`); with `make`, what is not there of it is made, for this branch.
    ///
    /// # Errors
    /// `BadInput` for a path without names, or with more than a folder may be called; `NotFound`; see [`Knowledge::read_file`].
    pub async fn folder(&self, path: &str, make: bool, branch: Option<BranchId>) -> Result<FolderId> {
        let known = self.folders().await?;
        let mut at: Option<FolderId> = None;
        for name in path.split('/').filter(|name| !name.trim().is_empty()) {
            let name = folder_name(name).map_err(refused)?;
            at = match known.iter().find(|f| f.parent == at && f.name == name) {
                Some(folder) => Some(folder.id),
                None if make => Some(self.make_folder(name, at, branch).await?.id),
                None => return Err(Error::NotFound("folder")),
            };
        }
        at.ok_or_else(|| Error::bad("folder", "has no name", "write names parted by /"))
    }

    async fn make_folder(
        &self,
        name: String,
        parent: Option<FolderId>,
        branch: Option<BranchId>,
    ) -> Result<FolderView> {
        let id = FolderId::at(self.client.inner.clock.wall(), random());
        self.change_with(&Request::post(
            "/api/v1/knowledge/folders",
            &FolderRequest { id, name, parent, branch },
        )?)
        .await
    }

    /// Renames or moves a folder.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn change_folder(&self, id: FolderId, change: &FolderChange) -> Result<FolderView> {
        let request = Request::post(format!("/api/v1/knowledge/folders/{id}"), change)?;
        self.change_with(&Request { method: Method::PATCH, ..request }).await
    }

    /// Removes a folder in which nothing is.
    ///
    /// # Errors
    /// See [`Knowledge::read_file`].
    pub async fn remove_folder(&self, id: FolderId) -> Result<()> {
        let inner = &self.client.inner;
        let request =
            Request { method: Method::DELETE, ..Request::get(format!("/api/v1/knowledge/folders/{id}")) };
        inner.ask_bytes(&inner.sign_in()?, &request).await?;
        inner.sync.wake();
        Ok(())
    }

    async fn step<T: Serialize>(&self, id: ArticleId, step: &str, asked: &T) -> Result<ArticleState> {
        self.change_with(&Request::post(format!("/api/v1/knowledge/articles/{id}/{step}"), asked)?).await
    }

    async fn change_with<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let done = self.ask(request).await?;
        self.client.inner.bus.tell(Topic::Knowledge);
        self.client.inner.sync.wake();
        Ok(done)
    }

    async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let inner = &self.client.inner;
        inner.ask(&inner.sign_in()?, request).await
    }
}
