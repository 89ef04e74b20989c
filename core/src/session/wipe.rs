//! Removing the data of a person from this phone.

use super::push::PUSH;
use super::{DEVICE, ENDED, EPOCH, OWNER, SERVER, SignedOut, TOKENS, epoch, owner, raise};
use crate::calls::audio::remove_all;
use crate::client::Inner;
use crate::error::Result;
use crate::events::ALL;
use crate::store::seal::Seal;
use crate::store::set_meta;
use rusqlite::Connection;
use waybell_domain::clock::EventTime;

/// Ends the sign-in of this epoch: removes tokens and rows; undelivered operations stay, sealed, and their number is
/// told. `None`, and nothing is removed, if that sign-in is over already.
pub(crate) async fn wipe(inner: &Inner, ending: i64, by_server: bool) -> Result<Option<SignedOut>> {
    let sound = inner.data_dir.join(crate::calls::audio::FOLDER);
    if inner.store.read_now(epoch)? == ending {
        // before the rows: a kill in between leaves rows without files, which is harmless
        remove_all(&sound);
    }
    let (seal, now) = (inner.store.seal.clone(), inner.event_time());
    let done = inner
        .store
        .write(move |t| {
            if epoch(t)? != ending {
                return Ok(None);
            }
            let tracks = clear(t, &seal, &now)?;
            set_meta(t, TOKENS, None)?;
            set_meta(t, ENDED, by_server.then_some("1"))?;
            let left: i64 = t.query_row("SELECT COUNT(*) FROM operation", [], |r| r.get(0))?;
            if left == 0 {
                set_meta(t, OWNER, None)?;
            }
            Ok(Some((raise(t)?, u32::try_from(left).unwrap_or(u32::MAX), tracks)))
        })
        .await?;
    let Some((epoch, undelivered, tracks)) = done else {
        inner.reload()?;
        return Ok(None);
    };
    inner.show(epoch, None);
    inner.search.forget();
    inner.knowledge.forget();
    // what was being fetched at that moment
    remove_all(&sound);
    for topic in ALL {
        inner.bus.tell(topic);
    }
    Ok(Some(SignedOut { undelivered, tracks }))
}

/// Removes every row but operations and tracks that the server does not have, and what was learnt from the server. Pages
/// are overwritten, not only set free. How many parts of tracks are left of whose data these were.
pub(super) fn clear(t: &Connection, seal: &Seal, now: &EventTime) -> Result<u32> {
    let tracks = match owner(t, seal)? {
        Some(user) => {
            let book = crate::tracking::Book { seal: seal.clone(), owner: user.id.to_string() };
            crate::tracking::clear(t, &book, now)?
        }
        None => 0,
    };
    t.execute_batch(
        "PRAGMA secure_delete = ON; DELETE FROM parcel; DELETE FROM batch; DELETE FROM recipient; DELETE FROM place;",
    )?;
    t.execute(
        "DELETE FROM meta WHERE key NOT IN (?1, ?2, ?3, ?4, ?5, ?6, 'touch')",
        [DEVICE, EPOCH, OWNER, SERVER, TOKENS, PUSH],
    )?;
    crate::calls::rows::clear(t)?;
    crate::orders::rows::clear(t)?;
    crate::announcements::rows::clear(t)?;
    crate::knowledge::rows::clear(t)?;
    crate::charges::rows::clear(t)?;
    t.execute_batch("PRAGMA secure_delete = OFF;")?;
    crate::tasks::rows::note_removal(t)?;
    Ok(tracks)
}
