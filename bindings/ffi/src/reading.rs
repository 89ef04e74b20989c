//! What couriers read: announcements and knowledge. Offline, but for pictures that nobody has looked at yet.

use crate::client::{Answer, WaybellClient, bad, run};
use waybell_core::announcements as news;
use waybell_core::knowledge as core;
use waybell_domain::id::{AnnouncementId, ArticleId, PictureId};

/// An announcement.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Announcement {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Text.
    pub body: String,
    /// Everybody is to confirm that they have read it, each version anew.
    pub must_read: bool,
    /// This person has read it: the version in force where it must be read.
    pub read: bool,
    /// The receipt has not reached the server.
    pub pending: bool,
    /// Who posted it.
    pub posted_by: String,
    /// It shows since, unix ms.
    pub starts_at: i64,
    /// It shows until, unix ms.
    pub ends_at: Option<i64>,
}

/// How many announcements are to be read.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct Unread {
    /// All of them.
    pub unread: u32,
    /// Those that must be read.
    pub must_read: u32,
}

/// An article of the knowledge.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Article {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Names of the folders that it lies in, parted by `/`.
    pub path: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Markdown without HTML; pictures have addresses `picture:ID`.
    pub body: String,
    /// This person keeps it among their own.
    pub favourite: bool,
    /// The favourite has not reached the server.
    pub pending: bool,
    /// How often it was read, as far as this phone knows.
    pub views: u32,
    /// Of something found: the line of its text that answers best; empty otherwise.
    pub line: String,
}

/// A folder with what lies in it.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Shelf {
    /// Names from the top, parted by `/`; empty for the top.
    pub path: String,
    /// What lies in it, by title.
    pub articles: Vec<Article>,
}

/// A picture of an article.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

impl From<news::Announcement> for Announcement {
    fn from(a: news::Announcement) -> Self {
        Announcement {
            id: a.view.id.to_string(),
            title: a.view.title,
            body: a.view.body,
            must_read: a.view.must_read,
            read: a.read,
            pending: a.pending,
            posted_by: a.view.posted_by_name,
            starts_at: a.view.starts_at.0,
            ends_at: a.view.ends_at.map(|at| at.0),
        }
    }
}

impl From<core::Article> for Article {
    fn from(a: core::Article) -> Self {
        Article {
            id: a.view.id.to_string(),
            title: a.view.title,
            path: a.path,
            tags: a.view.tags,
            body: a.view.body,
            favourite: a.view.favourite,
            pending: a.pending,
            views: a.views,
            line: String::new(),
        }
    }
}

fn article_id(word: &str) -> Answer<ArticleId> {
    ArticleId::parse(word).map_err(|e| bad("article", &e.to_string()))
}

fn articles(list: Vec<core::Article>) -> Vec<Article> {
    list.into_iter().map(Article::from).collect()
}

#[uniffi::export]
impl WaybellClient {
    /// The announcements that show now: what is to be read first.
    pub async fn announcements(&self) -> Answer<Vec<Announcement>> {
        let rooms = self.client.announcements();
        Ok(run(async move { rooms.list().await }).await?.into_iter().map(Announcement::from).collect())
    }

    /// How many of them are to be read: the number on a badge.
    pub async fn unread(&self) -> Answer<Unread> {
        let rooms = self.client.announcements();
        let unread = run(async move { rooms.unread().await }).await?;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Unread { unread: count(unread.unread), must_read: count(unread.must_read) })
    }

    /// Says that the version in force was read: shown at once, sent once when there is a network.
    pub async fn announcement_read(&self, announcement: String) -> Answer<Announcement> {
        let id = AnnouncementId::parse(&announcement).map_err(|e| bad("announcement", &e.to_string()))?;
        let rooms = self.client.announcements();
        run(async move { rooms.read(id).await }).await.map(Announcement::from)
    }

    /// The best articles for a question, best first, each with the line that answers best; an empty question gives the most used.
    pub async fn find_articles(&self, question: String, limit: u32) -> Answer<Vec<Article>> {
        let knowledge = self.client.knowledge();
        let hits = run(async move { knowledge.search(&question, limit as usize).await }).await?;
        Ok(hits.into_iter().map(|hit| Article { line: hit.line, ..Article::from(hit.article) }).collect())
    }

    /// Every folder with its articles: what lies at the top first.
    pub async fn shelves(&self) -> Answer<Vec<Shelf>> {
        let knowledge = self.client.knowledge();
        let tree = run(async move { knowledge.tree().await }).await?;
        Ok(tree.into_iter().map(|s| Shelf { path: s.path, articles: articles(s.articles) }).collect())
    }

    /// What this person keeps among their own, the most used first.
    pub async fn favourite_articles(&self) -> Answer<Vec<Article>> {
        let knowledge = self.client.knowledge();
        Ok(articles(run(async move { knowledge.favourites().await }).await?))
    }

    /// An article that somebody opens, which is counted.
    pub async fn open_article(&self, article: String) -> Answer<Article> {
        let id = article_id(&article)?;
        let knowledge = self.client.knowledge();
        run(async move { knowledge.open(id).await }).await.map(Article::from)
    }

    /// Keeps an article among one's own, or no longer: shown at once, sent once when there is a network.
    pub async fn keep_article(&self, article: String, keep: bool) -> Answer<Article> {
        let id = article_id(&article)?;
        let knowledge = self.client.knowledge();
        run(async move { knowledge.favourite(id, keep).await }).await.map(Article::from)
    }

    /// A picture of an article, by the id behind `picture:`. `Offline` for one that was never looked at before.
    pub async fn article_picture(&self, picture: String) -> Answer<Picture> {
        let id = PictureId::parse(&picture).map_err(|e| bad("picture", &e.to_string()))?;
        let knowledge = self.client.knowledge();
        let picture = run(async move { knowledge.picture(id).await }).await?;
        Ok(Picture { width: picture.width, height: picture.height, bytes: picture.bytes })
    }
}
