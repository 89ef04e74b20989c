//! Searching the articles of this phone, by [`waybell_domain::knowledge::seek`].
//!
//! Texts are sealed in the file, so there is no index in it. A process opens each article once and holds its forms in memory; a
//! search looks at revisions and paths, and brings only those up to date that have changed.

use super::{Article, Knowledge, read, rows};
use crate::error::{Error, Result};
use crate::store::meta;
use crate::store::seal::Seal;
use crate::sync::feed::Feed as _;
use parking_lot::Mutex;
use rusqlite::Connection;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use waybell_domain::id::{ArticleId, FolderId};
use waybell_domain::knowledge::seek::{Seek, Sought};

struct Doc {
    rev: i64,
    folder: Option<FolderId>,
    path: String,
    sought: Sought,
}

#[derive(Default)]
struct Memory {
    docs: HashMap<ArticleId, Doc>,
    /// Of the server's data that the forms come from.
    generation: Option<String>,
}

/// Forms of this process.
#[derive(Default)]
pub(crate) struct KnowledgeState {
    memory: Mutex<Memory>,
}

impl KnowledgeState {
    /// Forgets everything: the data of the person have been removed.
    pub(crate) fn forget(&self) {
        *self.memory.lock() = Memory::default();
    }
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The article.
    #[serde(flatten)]
    pub article: Article,
    /// The line of its text that answers best.
    pub line: String,
}

impl Memory {
    fn update(&mut self, c: &Connection, seal: &Seal) -> Result<()> {
        let generation = meta(c, super::Feed::GENERATION)?;
        if generation != self.generation {
            *self = Memory { generation, ..Memory::default() };
        }
        let paths = rows::paths(&rows::folders(c, seal)?);
        let path =
            |folder: Option<FolderId>| folder.and_then(|id| paths.get(&id)).cloned().unwrap_or_default();
        let mut here = HashMap::new();
        for (id, rev) in rows::revisions(c)? {
            let Ok(id) = ArticleId::parse(&id) else { continue };
            let known = self.docs.remove(&id).filter(|doc| doc.rev == rev && doc.path == path(doc.folder));
            let doc = match known {
                Some(doc) => Some(doc),
                None => rows::find(c, seal, id)?.map(|view| {
                    let path = path(view.folder);
                    let sought = Sought::new(&path, &view.title, &view.tags, &view.body);
                    Doc { rev, folder: view.folder, path, sought }
                }),
            };
            here.extend(doc.map(|doc| (id, doc)));
        }
        self.docs = here;
        Ok(())
    }
}

impl Knowledge {
    /// The best `limit` articles, best first: titles before texts, and among equals what is used more. An empty query gives the
    /// most used ones.
    ///
    /// # Errors
    /// `SignedOut`, `Storage`.
    pub async fn search(&self, query: &str, limit: usize) -> Result<Vec<Hit>> {
        self.client.inner.user()?;
        let (inner, query) = (self.client.inner.clone(), query.to_owned());
        tokio::task::spawn_blocking(move || {
            let seal = inner.store.seal.clone();
            let mut memory = inner.knowledge.memory.lock();
            inner.store.read_now(|c| {
                memory.update(c, &seal)?;
                let seek = Seek::new(&query);
                let used = read::used(c, &seal)?;
                let mut found: Vec<_> = memory
                    .docs
                    .iter()
                    .filter_map(|(id, doc)| {
                        let views = used.get(id).copied().unwrap_or(0);
                        Some((seek.place(&doc.sought)?, Reverse(views), *id))
                    })
                    .collect();
                found.sort_unstable();
                let hit = |id| {
                    let article = read::one(c, &seal, id)?;
                    let line = seek.line(&article.view.body).unwrap_or_default().to_owned();
                    Ok(Hit { article, line })
                };
                found.into_iter().take(limit).map(|(.., id)| hit(id)).collect()
            })
        })
        .await
        .map_err(Error::storage)?
    }
}
