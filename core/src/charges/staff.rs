//! What staff do: asked of the server, at once and only now.

use super::Charges;
use crate::client::random;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use reqwest::Method;
use serde::de::DeserializeOwned;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AccountId, BranchId, EntryId, UserId};
use waybell_domain::rate::{AccountKind, ChargePolicy, EntryKind, Limits, Micros, Rates};
use waybell_domain::wire::{AccountView, EntryRequest, EntryView, RatesView};

/// Entries that are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this courier.
    pub courier: Option<UserId>,
    /// Of this branch.
    pub branch: Option<BranchId>,
    /// Written at this moment or later.
    pub since: Option<UnixMs>,
    /// Written before this moment.
    pub before: Option<UnixMs>,
    /// Only legs without a price.
    pub unrated: bool,
}

impl EntryFilter {
    fn query(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.account.map(|id| format!("account={id}")));
        parts.extend(self.courier.map(|id| format!("courier={id}")));
        parts.extend(self.branch.map(|id| format!("branch={id}")));
        parts.extend(self.since.map(|at| format!("since={}", at.0)));
        parts.extend(self.before.map(|at| format!("before={}", at.0)));
        if self.unrated {
            parts.push("unrated=true".to_owned());
        }
        parts.join("&")
    }
}

impl Charges {
    /// Accounts that this person sees, of one kind or all; the first hundred.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`; so for every call here.
    pub async fn accounts(&self, kind: Option<AccountKind>) -> Result<Vec<AccountView>> {
        let query = kind.map(|kind| format!("?kind={kind}")).unwrap_or_default();
        self.ask(&Request::get(format!("/api/v1/accounts{query}"))).await
    }

    /// The account of a courier, branch or organisation.
    ///
    /// # Errors
    /// See [`Charges::accounts`].
    pub async fn account(&self, id: AccountId) -> Result<AccountView> {
        self.ask(&Request::get(format!("/api/v1/accounts/{id}"))).await
    }

    /// Entries, the newest first; a page of `limit`, 500 at most.
    ///
    /// # Errors
    /// See [`Charges::accounts`].
    pub async fn ledger(&self, filter: &EntryFilter, limit: u32) -> Result<Vec<EntryView>> {
        self.ask(&Request::get(format!("/api/v1/ledger?limit={limit}&{}", filter.query()))).await
    }

    /// Writes an entry (administrators). It has an id of its own from the beginning, so that sending it again after `Offline` by the same
    /// request makes no second one: keep the request.
    ///
    /// # Errors
    /// See [`Charges::accounts`].
    pub async fn write_entry(&self, account: AccountId, request: &EntryRequest) -> Result<EntryView> {
        let mut sent = Request::post(format!("/api/v1/accounts/{account}/entries"), request)?;
        sent.key = Some(request.id.to_string());
        self.change(&sent).await
    }

    /// A request for [`Charges::write_entry`].
    ///
    /// # Errors
    /// `BadInput` for a reason that is empty.
    pub fn entry(&self, kind: EntryKind, amount: Micros, reason: &str) -> Result<EntryRequest> {
        let reason = reason.trim().to_owned();
        if reason.is_empty() {
            return Err(Error::bad("reason", "is empty", "say why: it is shown to who has the account"));
        }
        Ok(EntryRequest { id: EntryId::at(self.client.inner.clock.wall(), random()), kind, amount, reason })
    }

    /// Sets the limits of an account (administrators).
    ///
    /// # Errors
    /// See [`Charges::accounts`].
    pub async fn set_limits(&self, account: AccountId, limits: &Limits) -> Result<AccountView> {
        let request = Request::post(format!("/api/v1/accounts/{account}/limits"), limits)?;
        self.change(&Request { method: Method::PUT, ..request }).await
    }

    /// The prices by version, the newest first.
    ///
    /// # Errors
    /// See [`Charges::accounts`].
    pub async fn rates(&self) -> Result<Vec<RatesView>> {
        self.ask(&Request::get("/api/v1/rates")).await
    }

    /// Sets the prices (administrators): a new version.
    ///
    /// # Errors
    /// See [`Charges::accounts`]; `BadInput` for what the server would refuse.
    pub async fn set_rates(&self, rates: &Rates) -> Result<RatesView> {
        rates
            .check()
            .map_err(|e| Error::bad(&e.field, e.problem, "the prices in force stay as they were"))?;
        let request = Request::post("/api/v1/rates", rates)?;
        self.change(&Request { method: Method::PUT, ..request }).await
    }

    /// Who pays, and the limits of all accounts.
    ///
    /// # Errors
    /// See [`Charges::accounts`].
    pub async fn policy(&self) -> Result<ChargePolicy> {
        self.ask(&Request::get("/api/v1/charge-policy")).await
    }

    async fn change<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let done = self.ask(request).await?;
        self.client.inner.bus.tell(Topic::Charges);
        self.client.inner.sync.wake();
        Ok(done)
    }

    async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let inner = &self.client.inner;
        inner.ask(&inner.sign_in()?, request).await
    }
}
