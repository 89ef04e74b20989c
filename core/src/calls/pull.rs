//! Pulling what changed, page by page, each applied in one transaction, as parcels are (`sync::pull`).

use super::marks::learn;
use super::rows;
use crate::client::Inner;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::session::{SignIn, still};
use crate::store::seal::Seal;
use crate::store::{meta, set_meta};
use rusqlite::Connection;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::CallPage;

/// Key in `meta`: the cursor of the last page.
pub(super) const CURSOR: &str = "calls_cursor";
/// Key in `meta`: the generation of the server's data that the rows come from.
const GENERATION: &str = "calls_generation";

fn cursor(c: &Connection) -> Result<i64> {
    Ok(meta(c, CURSOR)?.and_then(|c| c.parse().ok()).unwrap_or(0))
}

/// What became of a page.
#[derive(Clone, Copy, PartialEq)]
enum Applied {
    Nothing,
    Changed,
    /// The server's data are others than before: all is asked for anew.
    Restarted,
}

/// Pulls every call that changed. A server without calls has none.
pub(crate) async fn pull(inner: &Inner, me: &SignIn) -> Result<()> {
    let mut changed = false;
    let done = pages(inner, me, &mut changed).await;
    if changed {
        inner.bus.tell(Topic::Calls);
    }
    match done {
        Err(Error::Refused(refusal)) if refusal.status == 404 => Ok(()),
        other => other,
    }
}

async fn pages(inner: &Inner, me: &SignIn, changed: &mut bool) -> Result<()> {
    let mut restarts = 0;
    loop {
        let since = inner.store.read_now(cursor)?;
        let page: CallPage = inner.ask(me, &Request::get(format!("/api/v1/me/calls?since={since}"))).await?;
        let (more, now) = (page.more, inner.clock.wall());
        let silent = page.calls.iter().any(|view| rows::kept_sound(view, now).is_none());
        let sweep = silent || !page.gone.is_empty();
        if more && page.cursor == since {
            return Err(Error::offline("the server's pages do not come to an end"));
        }
        let (seal, epoch) = (inner.store.seal.clone(), me.epoch);
        let applied = inner
            .store
            .write(move |t| {
                still(t, epoch)?;
                apply(t, &seal, since, &page, now)
            })
            .await?;
        *changed |= applied != Applied::Nothing;
        if sweep {
            super::audio::sweep_now(inner).await?;
        }
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

fn apply(t: &Connection, seal: &Seal, since: i64, page: &CallPage, now: UnixMs) -> Result<Applied> {
    if cursor(t)? != since {
        // another process was quicker
        return Ok(Applied::Changed);
    }
    let known = meta(t, GENERATION)?;
    let other = known.as_ref().is_some_and(|known| !page.generation.is_empty() && *known != page.generation);
    if !page.generation.is_empty() && known.as_ref() != Some(&page.generation) {
        set_meta(t, GENERATION, Some(&page.generation))?;
    }
    if since > 0 && (other || page.cursor < since) {
        forget_server(t)?;
        return Ok(Applied::Restarted);
    }
    for id in &page.gone {
        rows::remove(t, *id)?;
    }
    for view in &page.calls {
        rows::put(t, seal, view)?;
        rows::drop_sound(t, view, now)?;
    }
    let told = learn(t, seal, &page.availability)?;
    if page.cursor != since {
        set_meta(t, CURSOR, Some(&page.cursor.to_string()))?;
    }
    let nothing = page.gone.is_empty() && page.calls.is_empty() && !told;
    Ok(if nothing { Applied::Nothing } else { Applied::Changed })
}

/// Removes what the server said. Sound that was fetched stays: its call comes again.
fn forget_server(t: &Connection) -> Result<()> {
    t.execute("DELETE FROM call", [])?;
    set_meta(t, super::marks::TOLD, None)?;
    set_meta(t, CURSOR, None)
}
