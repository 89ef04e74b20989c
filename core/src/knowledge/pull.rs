//! Pulling what changed of the knowledge for this person.

use super::rows;
use crate::error::Result;
use crate::events::Topic;
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use crate::sync::feed::{Feed, Head};
use rusqlite::Connection;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{ArticleUse, KnowledgePage};

/// Key in `meta`: the most used articles, by the server.
pub(super) const USED: &str = "knowledge_used";

/// The knowledge for this person.
pub(crate) struct Knowledge;

impl Feed for Knowledge {
    type Page = KnowledgePage;
    const PATH: &'static str = "/api/v1/me/knowledge";
    const CURSOR: &'static str = "knowledge_cursor";
    const GENERATION: &'static str = "knowledge_generation";
    const TOPIC: Topic = Topic::Knowledge;

    fn head(page: &KnowledgePage) -> Head<'_> {
        Head { cursor: page.cursor, more: page.more, generation: &page.generation }
    }

    fn forget(t: &Connection) -> Result<()> {
        rows::forget(t)
    }

    fn take(t: &Connection, seal: &Seal, page: &KnowledgePage, _now: UnixMs) -> Result<bool> {
        for id in &page.gone_folders {
            rows::remove_folder(t, *id)?;
        }
        for view in &page.folders {
            rows::put_folder(t, seal, view)?;
        }
        for id in &page.gone {
            rows::remove(t, *id)?;
        }
        for view in &page.articles {
            rows::put(t, seal, view)?;
        }
        let used: Option<Vec<ArticleUse>> = sealed_meta(t, seal, USED)?;
        let told = used.unwrap_or_default() != page.most_used;
        if told {
            set_sealed_meta(t, seal, USED, &page.most_used)?;
        }
        let nothing = page.gone.is_empty() && page.articles.is_empty();
        Ok(told || !(nothing && page.gone_folders.is_empty() && page.folders.is_empty()))
    }
}
