//! Knowledge for this person: the tree, what is found, what is used, and the articles themselves, also without a network.
//!
//! ```text
//!  server ──GET /me/knowledge──▶ rows (sealed) ─┬─▶ tree, favourites, most used ──▶ screen
//!                                               └─▶ domain::knowledge::seek, in memory ──▶ search
//!  outbox: favourites, readings ─────────────────▶ over the rows until the server has them
//! ```
//!
//! * **Whole articles are here.** What was published while there was a network is found and read without one; what was edited
//!   replaces the old text, what was archived goes.
//! * **A favourite is a transaction and an operation,** and so is a reading, which the server counts once a day. It is told once an hour
//!   at most, because a phone may not know where the organisation's day ends.
//! * **Pictures come when they are looked at first,** and are kept then, sealed ([`pictures`]).
//! * **Writing** is for editors, and asks the server at once ([`staff`]).

pub mod pictures;
mod pull;
mod read;
pub(crate) mod rows;
mod seek;
pub mod staff;

use crate::client::Client;
use crate::error::{Error, Result};
use serde::Serialize;
use waybell_domain::id::{ArticleId, FolderId};
use waybell_domain::wire::ArticleView;

pub(crate) use pull::Knowledge as Feed;
pub(crate) use read::{counted, kept, path};
pub use seek::Hit;
pub(crate) use seek::KnowledgeState;

/// Knowledge.
#[derive(Clone)]
pub struct Knowledge {
    pub(crate) client: Client,
}

/// An article as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Article {
    /// What the server says, with what waits on this phone over it.
    #[serde(flatten)]
    pub view: ArticleView,
    /// Names of the folders that it lies in, parted by `/`.
    pub path: String,
    /// How often it was read, as far as this phone knows.
    pub views: u32,
    /// The favourite has not reached the server.
    pub pending: bool,
}

/// A folder with what lies in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shelf {
    /// Absent for what lies at the top.
    pub folder: Option<FolderId>,
    /// Names from the top, parted by `/`.
    pub path: String,
    /// What lies in it, by title.
    pub articles: Vec<Article>,
}

impl Knowledge {
    /// The tree: what lies at the top, then each folder behind the one that it lies in. A folder without articles is there too.
    ///
    /// # Errors
    /// `SignedOut`, `Storage`; so for every call here.
    pub async fn tree(&self) -> Result<Vec<Shelf>> {
        let (articles, folders) = self.all().await?;
        let paths = rows::paths(&folders);
        let mut shelves: Vec<Shelf> = folders
            .iter()
            .map(|f| Shelf {
                folder: Some(f.id),
                path: paths.get(&f.id).cloned().unwrap_or_default(),
                articles: Vec::new(),
            })
            .collect();
        shelves.push(Shelf { folder: None, path: String::new(), articles: Vec::new() });
        // a folder stands behind the one that it lies in, and before others that only begin like it
        shelves.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        for article in articles {
            // of a folder that is not here, one at the top
            let at = shelves.iter().position(|s| s.folder == article.view.folder).unwrap_or(0);
            shelves[at].articles.push(article);
        }
        for shelf in &mut shelves {
            shelf.articles.sort_by(|a, b| (&a.view.title, a.view.id).cmp(&(&b.view.title, b.view.id)));
        }
        Ok(shelves)
    }

    /// What this person keeps among their own, the most used first.
    ///
    /// # Errors
    /// See [`Knowledge::tree`].
    pub async fn favourites(&self) -> Result<Vec<Article>> {
        let mut list = self.all().await?.0;
        list.retain(|a| a.view.favourite);
        list.sort_by(|a, b| (b.views, &a.view.title).cmp(&(a.views, &b.view.title)));
        Ok(list)
    }

    /// What people read most, as the server said last.
    ///
    /// # Errors
    /// See [`Knowledge::tree`].
    pub async fn most_used(&self) -> Result<Vec<Article>> {
        let mut list = self.all().await?.0;
        list.retain(|a| a.views > 0);
        list.sort_by(|a, b| (b.views, a.view.id).cmp(&(a.views, b.view.id)));
        Ok(list)
    }

    /// The one with this id, or whose id alone ends so.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` where several end so.
    pub async fn find(&self, key: &str) -> Result<Article> {
        only(self.all().await?.0, key, |one| one.view.id)
    }

    async fn all(&self) -> Result<(Vec<Article>, Vec<waybell_domain::wire::FolderView>)> {
        let inner = &self.client.inner;
        inner.user()?;
        let seal = inner.store.seal.clone();
        inner.store.read(move |c| read::all(c, &seal)).await
    }
}

/// The one whose id alone ends so.
fn only<T>(mut found: Vec<T>, key: &str, id: impl Fn(&T) -> ArticleId) -> Result<T> {
    let key = key.trim().to_lowercase();
    found.retain(|one| !key.is_empty() && id(one).to_string().ends_with(&key));
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Error::bad("article", "several articles end so", "write more of the id")),
        (None, _) => Err(Error::NotFound("article")),
    }
}
