//! Rows of `call`: the server's last word, sealed.

use crate::error::Result;
use crate::store::seal::Seal;
use crate::store::sealed;
use rusqlite::{Connection, params};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::CallId;
use waybell_domain::wire::{AudioView, CallView};

/// The server's word. Pages come in the order of the changes, so the last one is right.
pub(crate) fn put(t: &Connection, seal: &Seal, view: &CallView) -> Result<()> {
    let id = view.id.to_string();
    t.prepare_cached(
        "INSERT INTO call (id, started_at, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET \
         started_at = excluded.started_at, body = excluded.body",
    )?
    .execute(params![id, view.started_at.0, seal.seal(&id, view)?])?;
    Ok(())
}

/// What this phone has just begun, unless a page has told of it already: that is newer.
pub(crate) fn put_new(t: &Connection, seal: &Seal, view: &CallView) -> Result<()> {
    let id = view.id.to_string();
    t.prepare_cached("INSERT INTO call (id, started_at, body) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![id, view.started_at.0, seal.seal(&id, view)?])?;
    Ok(())
}

/// The sound of a call that may be on this phone: the server has it, and it is kept still.
pub(crate) fn kept_sound(view: &CallView, now: UnixMs) -> Option<&AudioView> {
    view.audio.as_ref().filter(|audio| audio.state != "gone" && now <= audio.keep_until)
}

/// Forgets sound of a call that the server has no longer, or that is not to be kept; its files go with the next sweep.
pub(crate) fn drop_sound(t: &Connection, view: &CallView, now: UnixMs) -> Result<()> {
    let kept = kept_sound(view, now).map(|audio| audio.id.to_string());
    t.prepare_cached("DELETE FROM call_audio WHERE call_id = ?1 AND id IS NOT ?2")?
        .execute(params![view.id.to_string(), kept])?;
    Ok(())
}

/// A call that is no longer this person's, with what was fetched of it.
pub(crate) fn remove(t: &Connection, id: CallId) -> Result<()> {
    let id = id.to_string();
    t.prepare_cached("DELETE FROM call WHERE id = ?1")?.execute([&id])?;
    t.prepare_cached("DELETE FROM call_audio WHERE call_id = ?1")?.execute([&id])?;
    Ok(())
}

/// One call.
pub(crate) fn find(c: &Connection, seal: &Seal, id: CallId) -> Result<Option<CallView>> {
    sealed::find(c, seal, "call", &id.to_string())
}

/// Every call, the newest first.
pub(crate) fn list(c: &Connection, seal: &Seal) -> Result<Vec<CallView>> {
    sealed::list(c, seal, "call", "started_at DESC, id DESC")
}

/// Removes calls that came in before this time, and sound that is kept no longer. Sound of a call that does not read stays.
pub(crate) fn purge(t: &Connection, seal: &Seal, before: UnixMs, now: UnixMs) -> Result<()> {
    t.execute("DELETE FROM call WHERE started_at < ?1", [before.0])?;
    t.execute("DELETE FROM call_audio WHERE call_id NOT IN (SELECT id FROM call)", [])?;
    for view in list(t, seal)? {
        drop_sound(t, &view, now)?;
    }
    Ok(())
}

/// Removes everything, for another person.
pub(crate) fn clear(t: &Connection) -> Result<()> {
    t.execute_batch("DELETE FROM call; DELETE FROM call_audio;")?;
    Ok(())
}
