//! What the own calls cost: the balance and the entries that it comes from, also without a network.
//!
//! ```text
//!  server ──GET /me/ledger──▶ entries and the account (sealed) ──▶ screen, with the time at which it was told
//! ```
//!
//! * **The server reckons.** This phone keeps what it said and when; an old balance is shown as one of that time, never as now.
//! * **Entries are never changed**, so a page is only ever added.
//! * **Other accounts**, prices and entries that somebody writes are for staff, and ask the server at once ([`staff`]).

mod pull;
pub(crate) mod rows;
pub mod staff;

use crate::client::Client;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{BalanceView, EntryView};

pub(crate) use pull::Charges as Feed;

/// What calls cost.
#[derive(Clone)]
pub struct Charges {
    pub(crate) client: Client,
}

/// The balance as it was told last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The account, without entries: see [`Charges::entries`].
    pub view: BalanceView,
    /// When the server told it, by this phone's clock.
    pub told_at: UnixMs,
}

impl Charges {
    /// The balance; `None` before the server has told any.
    ///
    /// # Errors
    /// `SignedOut`, `Storage`.
    pub async fn balance(&self) -> Result<Option<Balance>> {
        let inner = &self.client.inner;
        inner.user()?;
        let seal = inner.store.seal.clone();
        inner.store.read(move |c| rows::balance(c, &seal)).await
    }

    /// Entries of the own calls and of the own account, the newest first, `limit` at most.
    ///
    /// # Errors
    /// `SignedOut`, `Storage`.
    pub async fn entries(&self, limit: usize) -> Result<Vec<EntryView>> {
        let inner = &self.client.inner;
        inner.user()?;
        let seal = inner.store.seal.clone();
        let mut all = inner.store.read(move |c| rows::list(c, &seal)).await?;
        all.truncate(limit);
        Ok(all)
    }
}
