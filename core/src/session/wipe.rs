//! Removing the data of a person from this phone.

use super::{DEVICE, OWNER, SERVER, SignedOut, TOKENS};
use crate::client::Inner;
use crate::error::Result;
use crate::events::Topic;
use crate::store::set_meta;
use rusqlite::Connection;

/// Removes tokens and rows; undelivered operations stay, sealed. Their number is told.
pub(crate) async fn wipe(inner: &Inner) -> Result<SignedOut> {
    let undelivered = inner
        .store
        .write(|t| {
            clear(t)?;
            set_meta(t, TOKENS, None)?;
            let left: i64 = t.query_row("SELECT COUNT(*) FROM operation", [], |r| r.get(0))?;
            if left == 0 {
                set_meta(t, OWNER, None)?;
            }
            Ok(u32::try_from(left).unwrap_or(u32::MAX))
        })
        .await?;
    *inner.tokens.lock() = None;
    inner.search.forget();
    for topic in [Topic::Session, Topic::Parcels, Topic::Batches, Topic::Sync] {
        inner.bus.tell(topic);
    }
    Ok(SignedOut { undelivered })
}

/// Removes every row but operations, and what was learnt from the server. Pages are overwritten, not only set free.
pub(super) fn clear(t: &Connection) -> Result<()> {
    t.execute_batch(
        "PRAGMA secure_delete = ON; DELETE FROM parcel; DELETE FROM batch; DELETE FROM recipient; \
         INSERT INTO parcel_terms (parcel_terms) VALUES ('delete-all');",
    )?;
    t.execute(
        "DELETE FROM meta WHERE key NOT IN (?1, ?2, ?3, ?4, 'touch')",
        [DEVICE, OWNER, SERVER, TOKENS],
    )?;
    t.execute_batch("PRAGMA secure_delete = OFF;")?;
    crate::tasks::rows::note_removal(t)
}
