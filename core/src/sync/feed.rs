//! Rows that the server gives out by cursor, beside the parcels' own (`sync::pull`): a courier's calls and orders,
//! announcements, knowledge, what calls cost.
//!
//! Page by page, each applied in one transaction with its cursor, so that a kill between any two steps asks for the same page
//! again. A page that was asked for from another cursor than the store's is dropped: another process was quicker. A generation
//! that is not the one the rows come from, or a cursor that goes back, means that the server's data are others than before (a
//! copy was restored): what it said is forgotten and all is asked for anew.

use crate::client::Inner;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::session::{SignIn, still};
use crate::store::seal::Seal;
use crate::store::{meta, set_meta};
use rusqlite::Connection;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use waybell_domain::clock::UnixMs;

/// What every page says of itself.
pub(crate) struct Head<'a> {
    /// Where the next page begins.
    pub cursor: i64,
    /// There is one.
    pub more: bool,
    /// Which life of the server's data it is from; empty if an old server does not tell.
    pub generation: &'a str,
}

/// A kind of rows.
pub(crate) trait Feed {
    /// As the server sends them.
    type Page: DeserializeOwned + Send + Sync + 'static;
    /// Where they are asked for.
    const PATH: &'static str;
    /// Key in `meta`: the cursor of the last page.
    const CURSOR: &'static str;
    /// Key in `meta`: the generation of the server's data that the rows come from.
    const GENERATION: &'static str;
    /// Who is told when something has changed.
    const TOPIC: Topic;

    fn head(page: &Self::Page) -> Head<'_>;

    /// Forgets what the server said.
    fn forget(t: &Connection) -> Result<()>;

    /// Takes a page's rows; whether anything is new.
    fn take(t: &Connection, seal: &Seal, page: &Self::Page, now: UnixMs) -> Result<bool>;

    /// After the page is stored.
    async fn taken(_inner: &Inner, _page: &Self::Page, _now: UnixMs) -> Result<()> {
        Ok(())
    }
}

/// What became of a page.
#[derive(Clone, Copy, PartialEq)]
enum Applied {
    Nothing,
    Changed,
    /// The server's data are others than before: all is asked for anew.
    Restarted,
}

/// Pulls everything that changed. A server that does not know the feed has nothing.
pub(crate) async fn pull<F: Feed>(inner: &Inner, me: &SignIn) -> Result<()> {
    let mut changed = false;
    let done = pages::<F>(inner, me, &mut changed).await;
    if changed {
        inner.bus.tell(F::TOPIC);
    }
    match done {
        Err(Error::Refused(refusal)) if refusal.status == 404 => Ok(()),
        other => other,
    }
}

async fn pages<F: Feed>(inner: &Inner, me: &SignIn, changed: &mut bool) -> Result<()> {
    let mut restarts = 0;
    loop {
        let since = inner.store.read_now(cursor::<F>)?;
        let page: F::Page = inner.ask(me, &Request::get(format!("{}?since={since}", F::PATH))).await?;
        let (page, now) = (Arc::new(page), inner.clock.wall());
        let Head { cursor, more, .. } = F::head(&page);
        if more && cursor == since {
            return Err(Error::offline("the server's pages do not come to an end"));
        }
        let (seal, epoch) = (inner.store.seal.clone(), me.epoch);
        let stored = page.clone();
        let applied = inner
            .store
            .write(move |t| {
                still(t, epoch)?;
                apply::<F>(t, &seal, since, &stored, now)
            })
            .await?;
        *changed |= applied != Applied::Nothing;
        F::taken(inner, &page, now).await?;
        let again = applied == Applied::Restarted;
        restarts += u32::from(again);
        if restarts > 2 {
            return Err(Error::offline("the server's data change from page to page"));
        }
        if !more && !again {
            return Ok(());
        }
    }
}

fn cursor<F: Feed>(c: &Connection) -> Result<i64> {
    Ok(meta(c, F::CURSOR)?.and_then(|c| c.parse().ok()).unwrap_or(0))
}

fn apply<F: Feed>(t: &Connection, seal: &Seal, since: i64, page: &F::Page, now: UnixMs) -> Result<Applied> {
    if cursor::<F>(t)? != since {
        // another process was quicker
        return Ok(Applied::Changed);
    }
    let head = F::head(page);
    let known = meta(t, F::GENERATION)?;
    let other = known.as_ref().is_some_and(|known| !head.generation.is_empty() && known != head.generation);
    if !head.generation.is_empty() && known.as_deref() != Some(head.generation) {
        set_meta(t, F::GENERATION, Some(head.generation))?;
    }
    if since > 0 && (other || head.cursor < since) {
        F::forget(t)?;
        set_meta(t, F::CURSOR, None)?;
        return Ok(Applied::Restarted);
    }
    let new = F::take(t, seal, page, now)?;
    if head.cursor != since {
        set_meta(t, F::CURSOR, Some(&head.cursor.to_string()))?;
    }
    Ok(if new { Applied::Changed } else { Applied::Nothing })
}
