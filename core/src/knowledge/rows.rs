//! Rows of the knowledge: the server's last word, sealed.

use crate::error::Result;
use crate::store::seal::Seal;
use crate::store::sealed;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{ArticleId, FolderId};
use waybell_domain::knowledge::ancestors;
use waybell_domain::wire::{ArticleView, FolderView};

const ARTICLE: &str = "knowledge_article";
const FOLDER: &str = "knowledge_folder";

/// The server's word, unless a newer one is here.
pub(super) fn put(t: &Connection, seal: &Seal, view: &ArticleView) -> Result<()> {
    let id = view.id.to_string();
    if find(t, seal, view.id)?.is_some_and(|known| known.rev > view.rev) {
        return Ok(());
    }
    t.prepare_cached(
        "INSERT INTO knowledge_article (id, rev, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET rev = excluded.rev, \
         body = excluded.body",
    )?
    .execute(params![id, view.rev, seal.seal(&id, view)?])?;
    Ok(())
}

/// The server's word about a folder. Pages come in the order of the changes, so the last one is right.
pub(super) fn put_folder(t: &Connection, seal: &Seal, view: &FolderView) -> Result<()> {
    let id = view.id.to_string();
    t.prepare_cached(
        "INSERT INTO knowledge_folder (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    )?
    .execute(params![id, seal.seal(&id, view)?])?;
    Ok(())
}

/// One article.
pub(super) fn find(c: &Connection, seal: &Seal, id: ArticleId) -> Result<Option<ArticleView>> {
    sealed::find(c, seal, ARTICLE, &id.to_string())
}

/// Every article.
pub(super) fn list(c: &Connection, seal: &Seal) -> Result<Vec<ArticleView>> {
    sealed::list(c, seal, ARTICLE, "id")
}

/// Every folder.
pub(super) fn folders(c: &Connection, seal: &Seal) -> Result<Vec<FolderView>> {
    sealed::list(c, seal, FOLDER, "id")
}

/// Ids and revisions of every article.
pub(super) fn revisions(c: &Connection) -> Result<Vec<(String, i64)>> {
    let mut statement = c.prepare_cached("SELECT id, rev FROM knowledge_article ORDER BY id")?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

/// An article that was archived.
pub(super) fn remove(t: &Connection, id: ArticleId) -> Result<()> {
    sealed::remove(t, ARTICLE, &id.to_string())
}

/// A folder that was removed.
pub(super) fn remove_folder(t: &Connection, id: FolderId) -> Result<()> {
    sealed::remove(t, FOLDER, &id.to_string())
}

/// The path of each folder, names parted by `/`.
pub(super) fn paths(folders: &[FolderView]) -> HashMap<FolderId, String> {
    let tree: HashMap<FolderId, Option<FolderId>> = folders.iter().map(|f| (f.id, f.parent)).collect();
    let names: HashMap<FolderId, &str> = folders.iter().map(|f| (f.id, f.name.as_str())).collect();
    let path = |id: FolderId| {
        let mut path: Vec<&str> =
            ancestors(&tree, Some(id)).into_iter().filter_map(|up| names.get(&up).copied()).collect();
        path.reverse();
        path.join("/")
    };
    folders.iter().map(|f| (f.id, path(f.id))).collect()
}

/// Removes pictures that nobody has looked at since, and what is known of readings before.
pub(crate) fn purge(t: &Connection, before: UnixMs) -> Result<()> {
    t.execute("DELETE FROM knowledge_picture WHERE used_at < ?1", [before.0])?;
    t.execute("DELETE FROM knowledge_read WHERE hour < ?1", [before.0 / waybell_domain::clock::HOUR])?;
    Ok(())
}

/// Forgets what the server said. Pictures never change, and stay.
pub(super) fn forget(t: &Connection) -> Result<()> {
    // pictures too: they may be of a branch that is left
    t.execute_batch(
        "DELETE FROM knowledge_folder; DELETE FROM knowledge_article; DELETE FROM knowledge_picture;",
    )?;
    Ok(())
}

/// Removes everything, for another person.
pub(crate) fn clear(t: &Connection) -> Result<()> {
    forget(t)?;
    t.execute_batch("DELETE FROM knowledge_read;")?;
    Ok(())
}
