//! Rows of `announcement`: the server's last word, sealed.

use crate::error::Result;
use crate::store::seal::Seal;
use rusqlite::{Connection, OptionalExtension, params};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::AnnouncementId;
use waybell_domain::wire::AnnouncementView;

/// The server's word, unless a newer one is here.
pub(super) fn put(t: &Connection, seal: &Seal, view: &AnnouncementView) -> Result<()> {
    let id = view.id.to_string();
    if find(t, seal, view.id)?.is_some_and(|known| known.rev > view.rev) {
        return Ok(());
    }
    t.prepare_cached(
        "INSERT INTO announcement (id, ends_at, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET \
         ends_at = excluded.ends_at, body = excluded.body",
    )?
    .execute(params![id, view.ends_at.map(|e| e.0), seal.seal(&id, view)?])?;
    Ok(())
}

/// One announcement. One that does not read is as if it were not here: a page brings it again.
pub(super) fn find(c: &Connection, seal: &Seal, id: AnnouncementId) -> Result<Option<AnnouncementView>> {
    let id = id.to_string();
    let mut statement = c.prepare_cached("SELECT body FROM announcement WHERE id = ?1")?;
    let body: Option<Vec<u8>> = statement.query_row([&id], |r| r.get(0)).optional()?;
    Ok(body.and_then(|b| seal.open(&id, &b).ok()))
}

/// One that was withdrawn.
pub(super) fn remove(t: &Connection, id: AnnouncementId) -> Result<()> {
    t.prepare_cached("DELETE FROM announcement WHERE id = ?1")?.execute([id.to_string()])?;
    Ok(())
}

/// Every announcement.
pub(super) fn list(c: &Connection, seal: &Seal) -> Result<Vec<AnnouncementView>> {
    let mut statement = c.prepare_cached("SELECT id, body FROM announcement")?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        match seal.open(id, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?) {
            Ok(view) => out.push(view),
            Err(error) => tracing::error!(%error, "an announcement cannot be read and is passed over"),
        }
    }
    Ok(out)
}

/// Removes those that ended before this time.
pub(crate) fn purge(t: &Connection, before: UnixMs) -> Result<()> {
    t.execute("DELETE FROM announcement WHERE ends_at < ?1", [before.0])?;
    Ok(())
}

/// Removes everything, for another person.
pub(crate) fn clear(t: &Connection) -> Result<()> {
    t.execute("DELETE FROM announcement", [])?;
    Ok(())
}
