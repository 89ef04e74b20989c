//! Tracks of a version that did not seal them: sealed at the first use, which is when there is a key. Nothing of them had
//! left the phone, so that all of them wait for the server afterwards.

use super::rows::{self, Book};
use crate::error::Result;
use crate::store::{meta, set_meta};
use rusqlite::{Connection, params};
use waybell_domain::clock::UnixMs;
use waybell_domain::track::Vertex;

/// Key in `meta`: set by the migration, while there are tables in clear.
const CLEAR: &str = "clear_tracks";

/// True while there is something to adopt.
pub(super) fn is_due(c: &Connection) -> Result<bool> {
    Ok(meta(c, CLEAR)?.is_some())
}

/// Seals what is in clear, and removes it. Pages are overwritten, not only set free.
pub(super) fn adopt(t: &Connection, book: &Book) -> Result<()> {
    if !is_due(t)? {
        return Ok(());
    }
    t.execute_batch("PRAGMA secure_delete = ON;")?;
    shifts(t, book)?;
    vertices(t, book)?;
    blobs(t, book)?;
    notes(t, book)?;
    t.execute_batch(
        "DELETE FROM clear_shift; DELETE FROM clear_vertex; DELETE FROM clear_blob; DELETE FROM clear_note; \
         DROP TABLE clear_shift; DROP TABLE clear_vertex; DROP TABLE clear_blob; DROP TABLE clear_note; \
         PRAGMA secure_delete = OFF;",
    )?;
    set_meta(t, CLEAR, None)
}

fn shifts(t: &Connection, book: &Book) -> Result<()> {
    let mut statement =
        t.prepare("SELECT id, began, ended, state, process, metres, low, high FROM clear_shift")?;
    let mut rows = statement.query([])?;
    while let Some(r) = rows.next()? {
        let (id, state): (String, Option<String>) = (r.get(0)?, r.get(3)?);
        let state = state.map(|s| book.seal.seal_bytes(&id, s.as_bytes())).transpose()?;
        t.execute(
            "INSERT INTO track_shift (id, owner, began, ended, state, process, metres, low, high) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                id,
                book.owner,
                r.get::<_, i64>(1)?,
                r.get::<_, Option<i64>>(2)?,
                state,
                r.get::<_, String>(4)?,
                r.get::<_, f64>(5)?,
                r.get::<_, f64>(6)?,
                r.get::<_, f64>(7)?
            ],
        )?;
    }
    Ok(())
}

fn vertices(t: &Connection, book: &Book) -> Result<()> {
    let mut statement =
        t.prepare("SELECT n, shift, at, lat_e5, lon_e5, first, gap, packed FROM clear_vertex ORDER BY n")?;
    let mut rows = statement.query([])?;
    while let Some(r) = rows.next()? {
        let (shift, at): (String, i64) = (r.get(1)?, r.get(2)?);
        let vertex = Vertex { at: UnixMs(at), lat_e5: r.get(3)?, lon_e5: r.get(4)? };
        t.execute(
            "INSERT INTO track_vertex (n, shift, at, first, gap, packed, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                r.get::<_, i64>(0)?,
                shift,
                at,
                r.get::<_, bool>(5)?,
                r.get::<_, Option<String>>(6)?,
                r.get::<_, bool>(7)?,
                rows::seal_vertex(book, &shift, vertex)?
            ],
        )?;
    }
    Ok(())
}

fn blobs(t: &Connection, book: &Book) -> Result<()> {
    let mut statement =
        t.prepare("SELECT id, shift, from_at, to_at, body FROM clear_blob WHERE sent = 0 ORDER BY n")?;
    let mut rows = statement.query([])?;
    while let Some(r) = rows.next()? {
        let (id, shift): (String, String) = (r.get(0)?, r.get(1)?);
        let Some(seq) = id.rsplit_once('-').and_then(|(_, n)| n.parse::<i64>().ok()) else { continue };
        let sealed = book.seal.seal_bytes(&rows::name(&shift, seq), &r.get::<_, Vec<u8>>(4)?)?;
        t.execute(
            "INSERT OR IGNORE INTO track_blob (shift, seq, from_at, to_at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![shift, seq, r.get::<_, i64>(2)?, r.get::<_, i64>(3)?, sealed],
        )?;
    }
    Ok(())
}

fn notes(t: &Connection, book: &Book) -> Result<()> {
    let mut statement = t.prepare("SELECT shift, kind, body FROM clear_note ORDER BY n")?;
    let mut rows = statement.query([])?;
    while let Some(r) = rows.next()? {
        let (shift, body): (String, String) = (r.get(0)?, r.get(2)?);
        let sealed = book.seal.seal_bytes(&shift, body.as_bytes())?;
        t.execute(
            "INSERT INTO track_note (shift, kind, body) VALUES (?1, ?2, ?3)",
            params![shift, r.get::<_, String>(1)?, sealed],
        )?;
    }
    Ok(())
}
