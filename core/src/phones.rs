//! Telephones that register with the server: a courier's desk phones and softphones. Asked of the server, at once and only now.

use crate::client::Client;
use crate::error::Result;
use crate::http::Request;
use reqwest::Method;
use waybell_domain::id::{PhoneId, UserId};
use waybell_domain::wire::{NewPhone, PhoneRequest, PhoneView};

/// Telephones of somebody's. Needs a network.
#[derive(Clone)]
pub struct Phones {
    pub(crate) client: Client,
    /// Whose; `None`: whoever is signed in.
    pub(crate) person: Option<UserId>,
}

impl Phones {
    fn path(&self, id: Option<PhoneId>) -> String {
        let whose = self.person.map_or_else(|| "me".to_owned(), |person| format!("people/{person}"));
        let id = id.map(|id| format!("/{id}")).unwrap_or_default();
        format!("/api/v1/{whose}/phones{id}")
    }

    /// Those there are, oldest first.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`; so for every call here.
    pub async fn list(&self) -> Result<Vec<PhoneView>> {
        let inner = &self.client.inner;
        inner.ask(&inner.sign_in()?, &Request::get(self.path(None))).await
    }

    /// Makes one, with all that has to be typed into it; its secret is told this once.
    pub async fn make(&self, name: &str) -> Result<NewPhone> {
        let inner = &self.client.inner;
        let request = Request::post(self.path(None), &PhoneRequest { name: name.to_owned() })?;
        inner.ask(&inner.sign_in()?, &request).await
    }

    /// Calls one of one's own something else.
    pub async fn rename(&self, id: PhoneId, name: &str) -> Result<PhoneView> {
        let inner = &self.client.inner;
        let request = Request::post(self.path(Some(id)), &PhoneRequest { name: name.to_owned() })?;
        inner.ask(&inner.sign_in()?, &Request { method: Method::PUT, ..request }).await
    }

    /// Removes one: it registers no more, and rings no more.
    pub async fn remove(&self, id: PhoneId) -> Result<()> {
        let inner = &self.client.inner;
        let request = Request { method: Method::DELETE, ..Request::get(self.path(Some(id))) };
        inner.ask_bytes(&inner.sign_in()?, &request).await.map(drop)
    }
}
