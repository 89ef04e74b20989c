//! Pulling pages until there are no more.

use super::apply::{self, Applied};
use crate::client::Inner;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::session::{SignIn, still};
use crate::store::{meta, set_meta};
use waybell_domain::wire::SyncPage;

pub(crate) const CURSOR: &str = "cursor";
/// Key in `meta`: set while the server has more pages than were pulled.
pub(super) const MORE: &str = "more";

/// The cursor of the last page.
pub(crate) fn cursor(connection: &rusqlite::Connection) -> Result<i64> {
    Ok(meta(connection, CURSOR)?.and_then(|c| c.parse().ok()).unwrap_or(0))
}

/// Pulls everything that is new.
pub(crate) async fn pull(inner: &Inner, me: &SignIn) -> Result<()> {
    let _one = inner.sync.pulling.lock().await;
    let mut changed = Applied::default();
    let done = pages(inner, me, &mut changed).await;
    for (changed, topic) in [(changed.parcels, Topic::Parcels), (changed.batches, Topic::Batches)] {
        if changed {
            inner.bus.tell(topic);
        }
    }
    done
}

async fn pages(inner: &Inner, me: &SignIn, changed: &mut Applied) -> Result<()> {
    let mut restarts = 0;
    loop {
        let since = inner.store.read_now(cursor)?;
        let page: SyncPage = inner.ask(me, &Request::get(format!("/api/v1/sync?since={since}"))).await?;
        let wall = inner.clock.wall();
        inner.sync.seen.lock().clock_skew_ms = Some(page.now.since(wall));
        let (more, stuck) = (page.more, page.cursor == since);
        if more && stuck {
            return Err(Error::offline("the server's pages do not come to an end"));
        }
        let (seal, epoch) = (inner.store.seal.clone(), me.epoch);
        let applied = inner
            .store
            .write(move |t| {
                still(t, epoch)?;
                let applied = apply::page(t, &seal, since, &page, wall)?;
                set_meta(t, MORE, (more || applied.again).then_some("1"))?;
                Ok(applied)
            })
            .await?;
        changed.parcels |= applied.parcels;
        changed.batches |= applied.batches;
        restarts += u32::from(applied.again);
        if restarts > 2 {
            return Err(Error::offline("the server's data change from page to page"));
        }
        if !more && !applied.again {
            return Ok(());
        }
    }
}
