//! Rows of `announcement`: the server's last word, sealed.

use crate::error::Result;
use crate::store::seal::Seal;
use crate::store::sealed;
use rusqlite::{Connection, params};
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

/// One announcement.
pub(super) fn find(c: &Connection, seal: &Seal, id: AnnouncementId) -> Result<Option<AnnouncementView>> {
    sealed::find(c, seal, "announcement", &id.to_string())
}

/// One that was withdrawn.
pub(super) fn remove(t: &Connection, id: AnnouncementId) -> Result<()> {
    sealed::remove(t, "announcement", &id.to_string())
}

/// Every announcement.
pub(super) fn list(c: &Connection, seal: &Seal) -> Result<Vec<AnnouncementView>> {
    sealed::list(c, seal, "announcement", "id")
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
