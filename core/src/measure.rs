//! Doors for benchmarks: a store is filled without a server, and a page is applied without a network.

use crate::client::Client;
use crate::error::Result;
use crate::session::{epoch, still};
use crate::sync::apply_page;
use waybell_domain::wire::{SyncPage, TokenPair};

/// Signs a person in as if a server had said so.
pub async fn sign_in(client: &Client, pair: TokenPair) -> Result<()> {
    let before = client.inner.store.read_now(epoch)?;
    client.inner.begin(before, pair).await
}

/// Applies a page as a pull does: in one transaction, durable when this returns.
pub async fn apply(client: &Client, page: SyncPage) -> Result<()> {
    let (inner, me) = (&client.inner, client.inner.sign_in()?);
    let (seal, wall) = (inner.store.seal.clone(), inner.clock.wall());
    inner
        .store
        .write(move |t| {
            still(t, me.epoch)?;
            apply_page(t, &seal, &page, wall)
        })
        .await
}
