//! Keyword search: one and two characters, pinyin, initials, digits, the last four of a telephone; as
//! [`waybell_domain::search`] defines it.
//!
//! Names and telephones must not lie in clear in the file, so there is no index in it. A process opens the sealed rows
//! once and holds their texts in memory; what changed since is told by `touched`, which rises with each transaction of
//! whichever process. The first search looks through the texts, the next ones use an index over them
//! ([`waybell_domain::search::Index`]), which is made in some microseconds a text and is made anew when texts change;
//! [`Search::prepare`] makes it early. A text is address, name, waybill number and telephone
//! number with tabs between.

mod memory;
mod stop;
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

    /// For "all of these": every parcel that the query means, in the courier's order. Of what [`find`](Self::find) gives these
    /// are the ones that answer most closely ([`waybell_domain::search::Picker`]): `花园3` means building 3 and not building
    /// 31, unless there is no building 3.
    pub async fn ids(&self, query: &str) -> Result<Vec<ParcelId>> {
        let (inner, query) = (self.client.inner.clone(), query.to_owned());
        tokio::task::spawn_blocking(move || Self::with(&inner, |memory| memory.pick(&query)))
            .await
            .map_err(Error::storage)?
    }

    /// Everything that [`find`](Self::find) finds, in the courier's order: what [`ids`](Self::ids) means, and what answers
    /// less closely.
    pub async fn every(&self, query: &str) -> Result<Vec<ParcelId>> {
        let (inner, query) = (self.client.inner.clone(), query.to_owned());
        tokio::task::spawn_blocking(move || Self::with(&inner, |memory| memory.every(&query)))
            .await
            .map_err(Error::storage)?
    }

    /// Reads what is new and makes the index. Searches do so themselves; calling it early makes the first ones quicker.
    pub async fn prepare(&self) -> Result<()> {
        let inner = self.client.inner.clone();
        tokio::task::spawn_blocking(move || Self::with(&inner, |memory| memory.prepare()))
            .await
            .map_err(Error::storage)?
    }

    fn look(inner: &crate::client::Inner, query: &str, limit: usize) -> Result<Vec<ParcelId>> {
        Self::with(inner, |memory| memory.look(query, limit))
    }

    fn with<T>(inner: &crate::client::Inner, work: impl FnOnce(&mut Memory) -> T) -> Result<T> {
        let mut memory = inner.search.memory.lock();
        let memory = memory.get_or_insert_default();
        let seal = inner.store.seal.clone();
        inner.store.read_now(|c| memory.update(c, &seal))?;
        Ok(work(memory))
    }
}
