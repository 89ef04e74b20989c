//! Reading rows that have an `id` and a sealed `body`: what the server gives out by cursor.
//!
//! A row that does not open, or does not read as what it should be, is told in the log and is as if it were not here: a page brings it
//! again, and the others are shown meanwhile.

use super::seal::Seal;
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension};
use serde::de::DeserializeOwned;

/// One row.
pub(crate) fn find<T: DeserializeOwned>(
    c: &Connection,
    seal: &Seal,
    table: &str,
    id: &str,
) -> Result<Option<T>> {
    let mut statement = c.prepare_cached(&format!("SELECT body FROM {table} WHERE id = ?1"))?;
    let body: Option<Vec<u8>> = statement.query_row([id], |r| r.get(0)).optional()?;
    Ok(body.and_then(|body| opened(seal, table, id, &body)))
}

/// Every row, in an order of SQL.
pub(crate) fn list<T: DeserializeOwned>(
    c: &Connection,
    seal: &Seal,
    table: &str,
    order: &str,
) -> Result<Vec<T>> {
    let mut statement = c.prepare_cached(&format!("SELECT id, body FROM {table} ORDER BY {order}"))?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        out.extend(opened(seal, table, id, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?));
    }
    Ok(out)
}

/// Removes a row.
pub(crate) fn remove(t: &Connection, table: &str, id: &str) -> Result<()> {
    t.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?.execute([id])?;
    Ok(())
}

fn opened<T: DeserializeOwned>(seal: &Seal, table: &str, id: &str, body: &[u8]) -> Option<T> {
    match seal.open(id, body) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!(%error, table, "a row cannot be read and is passed over");
            None
        }
    }
}
