//! Rows of `charge_entry`, and the account: what the server said, sealed.

use super::Balance;
use crate::error::Result;
use crate::store::seal::Seal;
use crate::store::{sealed, sealed_meta, set_meta, set_sealed_meta};
use rusqlite::{Connection, params};
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::EntryView;

/// Key in `meta`.
const BALANCE: &str = "charges_balance";

pub(super) fn put(t: &Connection, seal: &Seal, entry: &EntryView) -> Result<()> {
    let id = entry.id.to_string();
    t.prepare_cached(
        "INSERT INTO charge_entry (id, at, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
    )?
    .execute(params![id, entry.at.0, seal.seal(&id, entry)?])?;
    Ok(())
}

/// Every entry, the newest first.
pub(super) fn list(c: &Connection, seal: &Seal) -> Result<Vec<EntryView>> {
    sealed::list(c, seal, "charge_entry", "at DESC, rowid DESC")
}

pub(super) fn balance(c: &Connection, seal: &Seal) -> Result<Option<Balance>> {
    sealed_meta(c, seal, BALANCE)
}

pub(super) fn put_balance(t: &Connection, seal: &Seal, balance: &Balance) -> Result<()> {
    set_sealed_meta(t, seal, BALANCE, balance)
}

/// Removes entries older than this.
pub(crate) fn purge(t: &Connection, before: UnixMs) -> Result<()> {
    t.execute("DELETE FROM charge_entry WHERE at < ?1", [before.0])?;
    Ok(())
}

/// Removes everything, for another person.
pub(crate) fn clear(t: &Connection) -> Result<()> {
    t.execute("DELETE FROM charge_entry", [])?;
    set_meta(t, BALANCE, None)
}
