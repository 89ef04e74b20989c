//! Removing the data of a person from this phone.

use super::{DEVICE, ENDED, EPOCH, OWNER, SERVER, SignedOut, TOKENS, epoch, raise};
use crate::client::Inner;
use crate::error::Result;
use crate::events::Topic;
use crate::store::set_meta;
use rusqlite::Connection;

/// Ends the sign-in of this epoch: removes tokens and rows; undelivered operations stay, sealed, and their number is
/// told. `None`, and nothing is removed, if that sign-in is over already.
pub(crate) async fn wipe(inner: &Inner, ending: i64, by_server: bool) -> Result<Option<SignedOut>> {
    let done = inner
        .store
        .write(move |t| {
            if epoch(t)? != ending {
                return Ok(None);
            }
            clear(t)?;
            set_meta(t, TOKENS, None)?;
            set_meta(t, ENDED, by_server.then_some("1"))?;
            let left: i64 = t.query_row("SELECT COUNT(*) FROM operation", [], |r| r.get(0))?;
            if left == 0 {
                set_meta(t, OWNER, None)?;
            }
            Ok(Some((raise(t)?, u32::try_from(left).unwrap_or(u32::MAX))))
        })
        .await?;
    let Some((epoch, undelivered)) = done else {
        inner.reload()?;
        return Ok(None);
    };
    inner.show(epoch, None);
    inner.search.forget();
    for topic in [Topic::Session, Topic::Parcels, Topic::Batches, Topic::Sync] {
        inner.bus.tell(topic);
    }
    Ok(Some(SignedOut { undelivered }))
}

/// Removes every row but operations, and what was learnt from the server. Pages are overwritten, not only set free.
pub(super) fn clear(t: &Connection) -> Result<()> {
    t.execute_batch(
        "PRAGMA secure_delete = ON; DELETE FROM parcel; DELETE FROM batch; DELETE FROM recipient;",
    )?;
    t.execute(
        "DELETE FROM meta WHERE key NOT IN (?1, ?2, ?3, ?4, ?5, 'touch')",
        [DEVICE, EPOCH, OWNER, SERVER, TOKENS],
    )?;
    crate::tracking::clear(t)?;
    t.execute_batch("PRAGMA secure_delete = OFF;")?;
    crate::tasks::rows::note_removal(t)
}
