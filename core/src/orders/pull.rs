//! Pulling what changed, page by page, each applied in one transaction, as calls are (`calls::pull`).

use super::rows;
use crate::client::Inner;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::session::{SignIn, still};
use crate::store::seal::Seal;
use crate::store::{meta, sealed_meta, set_meta, set_sealed_meta};
use rusqlite::Connection;
use waybell_domain::order::OrderPolicy;
use waybell_domain::wire::OrderPage;

/// Key in `meta`: the cursor of the last page.
const CURSOR: &str = "orders_cursor";
/// Key in `meta`: the generation of the server's data that the rows come from.
const GENERATION: &str = "orders_generation";
/// Key in `meta`: the rules for orders, by the server.
pub(super) const POLICY: &str = "order_policy";

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

/// Pulls every order that changed. A server without orders has none.
pub(crate) async fn pull(inner: &Inner, me: &SignIn) -> Result<()> {
    let mut changed = false;
    let done = pages(inner, me, &mut changed).await;
    if changed {
        inner.bus.tell(Topic::Orders);
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
        let page: OrderPage =
            inner.ask(me, &Request::get(format!("/api/v1/me/orders?since={since}"))).await?;
        let more = page.more;
        if more && page.cursor == since {
            return Err(Error::offline("the server's pages do not come to an end"));
        }
        let (seal, epoch) = (inner.store.seal.clone(), me.epoch);
        let applied = inner
            .store
            .write(move |t| {
                still(t, epoch)?;
                apply(t, &seal, since, &page)
            })
            .await?;
        *changed |= applied != Applied::Nothing;
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

fn apply(t: &Connection, seal: &Seal, since: i64, page: &OrderPage) -> Result<Applied> {
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
        rows::clear(t)?;
        set_meta(t, CURSOR, None)?;
        return Ok(Applied::Restarted);
    }
    for id in &page.gone {
        rows::remove(t, *id)?;
    }
    for view in &page.orders {
        rows::put(t, seal, view)?;
    }
    let policy: Option<OrderPolicy> = sealed_meta(t, seal, POLICY)?;
    let told = policy.as_ref() != Some(&page.policy);
    if told {
        set_sealed_meta(t, seal, POLICY, &page.policy)?;
    }
    if page.cursor != since {
        set_meta(t, CURSOR, Some(&page.cursor.to_string()))?;
    }
    let nothing = page.gone.is_empty() && page.orders.is_empty() && !told;
    Ok(if nothing { Applied::Nothing } else { Applied::Changed })
}
