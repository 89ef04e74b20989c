//! Keyword search: one and two characters, pinyin, initials, digits, the last four of a telephone; as
//! [`waybell_domain::search`] defines it.
//!
//! Two indexes, because names and telephones must not lie in clear in the file:
//!
//! ```text
//!  address, waybill ──▶ parcel_terms (FTS5 in the file)      ┐
//!                                                            ├─▶ for each run of the query: union; then intersection
//!  name, telephone  ──▶ personal_terms (FTS5 in memory)      ┘        │
//!                                                                     ▼
//!                       texts in memory ──▶ search::matches (the definition) ──▶ search::rank ──▶ answer
//! ```
//!
//! A text is `address name waybill telephone`. Runs of a query do not cross spaces, so every run that the whole text
//! answers is answered by one of the two halves: nothing is missed. Both indexes are filled lazily: a page of the sync
//! only marks its rows, the next search (or the rest after a pull) files them. What this process holds in memory is
//! brought up to date by `touched`, which rises with each transaction of whichever process.

mod index;
mod memory;
#[cfg(test)]
mod tests;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::tasks::rows::find;
use memory::Memory;
pub(crate) use memory::REMOVED;
use parking_lot::Mutex;
use waybell_domain::id::ParcelId;
use waybell_domain::wire::ParcelView;

/// Indexes of this process.
#[derive(Default)]
pub(crate) struct SearchState {
    memory: Mutex<Option<Memory>>,
}

impl SearchState {
    /// Forgets everything: the data of the person have been removed.
    pub(crate) fn forget(&self) {
        *self.memory.lock() = None;
    }
}

/// Keyword search over the parcels of this phone. Works offline.
#[derive(Clone)]
pub struct Search {
    pub(crate) client: Client,
}

impl Search {
    /// The best `limit` parcels, best first. An empty query gives the courier's list from its start.
    pub async fn find(&self, query: &str, limit: usize) -> Result<Vec<ParcelView>> {
        self.ready().await?;
        let (inner, query) = (self.client.inner.clone(), query.to_owned());
        tokio::task::spawn_blocking(move || {
            let ids = Self::look(&inner, &query, limit)?;
            let seal = inner.store.seal.clone();
            inner.store.read_now(|c| {
                let rows = ids.into_iter().map(|id| find(c, &seal, id));
                rows.filter_map(Result::transpose).map(|row| row.map(|r| r.shown)).collect()
            })
        })
        .await
        .map_err(Error::storage)?
    }

    /// Every parcel that the query finds, best first: for "select all".
    pub async fn ids(&self, query: &str) -> Result<Vec<ParcelId>> {
        self.ready().await?;
        let (inner, query) = (self.client.inner.clone(), query.to_owned());
        tokio::task::spawn_blocking(move || Self::look(&inner, &query, usize::MAX))
            .await
            .map_err(Error::storage)?
    }

    /// Files what has not been filed yet. Searches do so themselves; calling it early makes the first one quicker.
    pub async fn prepare(&self) -> Result<()> {
        self.ready().await?;
        let inner = self.client.inner.clone();
        tokio::task::spawn_blocking(move || Self::look(&inner, "", 0).map(drop))
            .await
            .map_err(Error::storage)?
    }

    async fn ready(&self) -> Result<()> {
        let store = &self.client.inner.store;
        while store.read_now(index::is_behind)? {
            store.write(|t| index::some(t)).await?;
        }
        Ok(())
    }

    fn look(inner: &crate::client::Inner, query: &str, limit: usize) -> Result<Vec<ParcelId>> {
        let mut memory = inner.search.memory.lock();
        if memory.is_none() {
            *memory = Some(Memory::new()?);
        }
        let Some(memory) = memory.as_mut() else { return Ok(Vec::new()) };
        let seal = inner.store.seal.clone();
        inner.store.read_now(|c| {
            memory.update(c, &seal)?;
            memory.look(c, query, limit)
        })
    }
}
