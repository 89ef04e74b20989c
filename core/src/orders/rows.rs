//! Rows of `work_order`: the server's last word, sealed.

use crate::error::Result;
use crate::store::seal::Seal;
use rusqlite::{Connection, OptionalExtension, params};
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
    let id = id.to_string();
    let mut statement = c.prepare_cached("SELECT body FROM work_order WHERE id = ?1")?;
    let body: Option<Vec<u8>> = statement.query_row([&id], |r| r.get(0)).optional()?;
    body.map(|b| seal.open(&id, &b)).transpose()
}

/// An order that is no longer this person's.
pub(super) fn remove(t: &Connection, id: OrderId) -> Result<()> {
    t.prepare_cached("DELETE FROM work_order WHERE id = ?1")?.execute([id.to_string()])?;
    Ok(())
}

/// Every order, the newest first. One that does not read is left out: a page brings it again.
pub(super) fn list(c: &Connection, seal: &Seal) -> Result<Vec<OrderView>> {
    let mut statement =
        c.prepare_cached("SELECT id, body FROM work_order ORDER BY opened_at DESC, id DESC")?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        match seal.open(id, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?) {
            Ok(view) => out.push(view),
            Err(error) => tracing::error!(%error, "an order cannot be read and is passed over"),
        }
    }
    Ok(out)
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
