//! Which sound stays on the phone: a bound, and no file without a row.

use super::{PARTS, folder};
use crate::client::Inner;
use crate::error::Result;
use rusqlite::{Connection, params};
use std::collections::HashSet;
use std::path::Path;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::RecordingId;

/// Suffix of a sealed file.
pub(super) const SUFFIX: &str = ".sealed";

/// Takes rows away until the others fit: of those that are whole what was heard longest ago, of those that were begun the
/// oldest. `kept` stays, whatever its size.
pub(super) fn evict(t: &Connection, kept: RecordingId, room: u64) -> Result<()> {
    let mut old: Vec<String> = Vec::new();
    {
        let sql = "SELECT id, state, bytes FROM call_audio ORDER BY id = ?1 DESC, used_at DESC, id DESC";
        let mut statement = t.prepare_cached(sql)?;
        let mut rows = statement.query([kept.to_string()])?;
        let (mut sum, mut parts, mut first) = (0u64, 0usize, true);
        while let Some(row) = rows.next()? {
            let whole = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)? == "whole";
            sum = sum.saturating_add(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0));
            parts += usize::from(!whole);
            if !first && (sum > room || !whole && parts > PARTS) {
                old.push(row.get(0)?);
            }
            first = false;
        }
    }
    for id in old {
        t.execute("DELETE FROM call_audio WHERE id = ?1", [id])?;
    }
    Ok(())
}

/// It was heard now.
pub(super) async fn used(inner: &Inner, id: RecordingId) -> Result<()> {
    let now: UnixMs = inner.clock.wall();
    inner
        .store
        .write(move |t| {
            t.execute("UPDATE call_audio SET used_at = ?1 WHERE id = ?2", params![now.0, id.to_string()])?;
            Ok(())
        })
        .await
}

/// Removes every file that no row knows, on a thread that may block.
pub(crate) async fn sweep_now(inner: &Inner) -> Result<()> {
    let folder = folder(inner);
    inner.store.read(move |c| sweep(c, &folder)).await
}

/// Removes every file that no row knows. A file that cannot be removed is told in the log and tried again next time.
pub(crate) fn sweep(c: &Connection, folder: &Path) -> Result<()> {
    let Ok(files) = std::fs::read_dir(folder) else { return Ok(()) };
    // the rows after the files: a row comes before its file
    let files: Vec<_> = files.flatten().map(|entry| entry.path()).collect();
    let mut statement = c.prepare_cached("SELECT id FROM call_audio")?;
    let known: HashSet<String> = statement.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    for file in files {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.strip_suffix(SUFFIX).is_none_or(|id| !known.contains(id)) {
            remove(&file);
        }
    }
    Ok(())
}

/// Removes every file: this person signs out.
pub(crate) fn remove_all(folder: &Path) {
    let Ok(files) = std::fs::read_dir(folder) else { return };
    files.flatten().for_each(|entry| remove(&entry.path()));
}

pub(super) fn remove(file: &Path) {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, "a recording could not be removed from this phone");
        }
        _ => {}
    }
}
