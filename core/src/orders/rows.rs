//! Rows of `work_order`: the server's last word, sealed.

use crate::error::Result;
use crate::store::seal::Seal;
use crate::store::sealed;
use rusqlite::{Connection, params};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::OrderId;
use waybell_domain::wire::OrderView;

/// The server's word, unless a newer one is here.
pub(super) fn put(t: &Connection, seal: &Seal, view: &OrderView) -> Result<()> {
    let id = view.id.to_string();
    let known = find(t, seal, view.id)?;
    if known.is_some_and(|known| known.rev > view.rev) {
        return Ok(());
    }
    t.prepare_cached(
        "INSERT INTO work_order (id, opened_at, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET \
         opened_at = excluded.opened_at, body = excluded.body",
    )?
    .execute(params![id, view.opened_at.0, seal.seal(&id, view)?])?;
    Ok(())
}

/// One order.
pub(super) fn find(c: &Connection, seal: &Seal, id: OrderId) -> Result<Option<OrderView>> {
    sealed::find(c, seal, "work_order", &id.to_string())
}

/// An order that is no longer this person's.
pub(super) fn remove(t: &Connection, id: OrderId) -> Result<()> {
    sealed::remove(t, "work_order", &id.to_string())
}

/// Every order, the newest first.
pub(super) fn list(c: &Connection, seal: &Seal) -> Result<Vec<OrderView>> {
    sealed::list(c, seal, "work_order", "opened_at DESC, id DESC")
}

/// Removes orders that were opened before this time and are done.
pub(crate) fn purge(t: &Connection, seal: &Seal, before: UnixMs) -> Result<()> {
    for view in list(t, seal)?.iter().filter(|v| v.opened_at < before && v.course.is_done()) {
        remove(t, view.id)?;
    }
    Ok(())
}

/// Removes everything, for another person.
pub(crate) fn clear(t: &Connection) -> Result<()> {
    t.execute("DELETE FROM work_order", [])?;
    Ok(())
}
