//! Articles with what waits over them; favourites and readings, kept and sent once.

use super::pull::USED;
use super::{Article, Knowledge, rows};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::session::acting;
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use waybell_domain::clock::HOUR;
use waybell_domain::id::{ArticleId, FolderId};
use waybell_domain::wire::{ActedAt, ArticleUse, ArticleView, FavouriteRequest, FolderView, ReadRequest};

/// The body of an operation: what is sent, and the article that it is of.
#[derive(Serialize, Deserialize)]
struct Body<T> {
    article: ArticleId,
    #[serde(flatten)]
    request: T,
}

/// The article of an operation, whatever it does.
#[derive(Deserialize)]
struct Of {
    article: ArticleId,
}

/// Where an operation is sent.
pub(crate) fn path(operation: &Operation, what: &str) -> Option<String> {
    let body: Of = serde_json::from_slice(&operation.body).ok()?;
    Some(format!("/api/v1/me/knowledge/{}/{what}", body.article))
}

/// The server has a favourite: an article that is still here is brought up to date.
pub(crate) fn kept(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    match serde_json::from_slice::<ArticleView>(answer) {
        Ok(view) if rows::find(t, seal, view.id)?.is_some() => rows::put(t, seal, &view),
        _ => Ok(()),
    }
}

/// The server has counted a reading.
pub(crate) fn counted(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    let Ok(told) = serde_json::from_slice::<ArticleUse>(answer) else { return Ok(()) };
    let mut used: Vec<ArticleUse> = sealed_meta(t, seal, USED)?.unwrap_or_default();
    used.retain(|one| one.id != told.id);
    used.push(told);
    set_sealed_meta(t, seal, USED, &used)
}

/// What waits: the last decision about each article.
fn waiting(c: &Connection, seal: &Seal) -> Result<HashMap<ArticleId, bool>> {
    let alive = queue::alive(c, seal, &[OperationKind::ArticleFavourite])?;
    let bodies = alive.iter().filter_map(|o| serde_json::from_slice::<Body<FavouriteRequest>>(&o.body).ok());
    Ok(bodies.map(|body| (body.article, body.request.favourite)).collect())
}

/// How often articles were read, as far as is known.
pub(super) fn used(c: &Connection, seal: &Seal) -> Result<HashMap<ArticleId, u32>> {
    let used: Vec<ArticleUse> = sealed_meta(c, seal, USED)?.unwrap_or_default();
    Ok(used.iter().map(|one| (one.id, one.views)).collect())
}

/// Every article, and the folders.
pub(super) fn all(c: &Connection, seal: &Seal) -> Result<(Vec<Article>, Vec<FolderView>)> {
    let (folders, waiting) = (rows::folders(c, seal)?, waiting(c, seal)?);
    let (used, paths) = (used(c, seal)?, rows::paths(&folders));
    let shown = |view: ArticleView| over(view, &waiting, &used, &paths);
    Ok((rows::list(c, seal)?.into_iter().map(shown).collect(), folders))
}

fn over(
    mut view: ArticleView,
    waiting: &HashMap<ArticleId, bool>,
    used: &HashMap<ArticleId, u32>,
    paths: &HashMap<FolderId, String>,
) -> Article {
    let decided = waiting.get(&view.id).copied();
    view.favourite = decided.unwrap_or(view.favourite);
    Article {
        path: view.folder.and_then(|id| paths.get(&id)).cloned().unwrap_or_default(),
        views: used.get(&view.id).copied().unwrap_or(0),
        pending: decided.is_some(),
        view,
    }
}

/// One article as it is shown.
pub(super) fn one(c: &Connection, seal: &Seal, id: ArticleId) -> Result<Article> {
    let view = rows::find(c, seal, id)?.ok_or(Error::NotFound("article"))?;
    let (folders, waiting) = (rows::folders(c, seal)?, waiting(c, seal)?);
    Ok(over(view, &waiting, &used(c, seal)?, &rows::paths(&folders)))
}

impl Knowledge {
    /// An article that somebody opens, which is counted: the server is told once an hour at most, when there is a network.
    ///
    /// # Errors
    /// `NotFound`, `SignedOut`.
    pub async fn open(&self, id: ArticleId) -> Result<Article> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        let (article, new) = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let article = one(t, &seal, id)?;
                let (key, hour) = (id.to_string(), acted.wall.0.div_euclid(HOUR));
                let told: Option<i64> = t
                    .prepare_cached("SELECT hour FROM knowledge_read WHERE id = ?1")?
                    .query_row([&key], |r| r.get(0))
                    .optional()?;
                if told == Some(hour) {
                    return Ok((article, false));
                }
                t.prepare_cached(
                    "INSERT INTO knowledge_read (id, hour) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET hour = excluded.hour",
                )?
                .execute(params![key, hour])?;
                let request = ReadRequest { acted_at: ActedAt { wall: acted.wall, age_ms: None } };
                let body = serde_json::to_vec(&Body { article: id, request })?;
                queue::push(t, &seal, &Operation::new(OperationKind::ArticleRead, None, body, acted))?;
                Ok((article, true))
            })
            .await?;
        if new {
            inner.bus.tell(Topic::Sync);
            inner.sync.wake();
        }
        Ok(article)
    }

    /// Keeps an article among one's own, or no longer. Shown at once, stored durably when this returns, sent when there is a network.
    /// What is so already is decided no second time.
    ///
    /// # Errors
    /// `NotFound`, `SignedOut`.
    pub async fn favourite(&self, id: ArticleId, favourite: bool) -> Result<Article> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        let (article, new) = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let before = one(t, &seal, id)?;
                if before.view.favourite == favourite {
                    return Ok((before, false));
                }
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let request = FavouriteRequest { favourite, acted_at };
                let body = serde_json::to_vec(&Body { article: id, request })?;
                queue::push(t, &seal, &Operation::new(OperationKind::ArticleFavourite, None, body, acted))?;
                Ok((one(t, &seal, id)?, true))
            })
            .await?;
        if new {
            inner.bus.tell(Topic::Knowledge);
            inner.bus.tell(Topic::Sync);
            inner.sync.wake();
        }
        Ok(article)
    }
}
