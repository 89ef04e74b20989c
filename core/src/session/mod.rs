//! Who is signed in, and the tokens.
//!
//! Tokens lie sealed in the store. The server trades a refresh token for the next pair and keeps the old one good until
//! the new one is first used; so a new pair is stored durably before it is used, and a lost answer signs nobody out.
//! Several processes may share one store (a terminal has many short ones): the trade is made under a file lock, and
//! whoever gets the lock first looks whether another process has traded already.
//!
//! ```text
//!  request ─401─▶ lock ─▶ newer pair in the store? ─yes─▶ request again
//!                              │no
//!                              ▼
//!                     refresh ─▶ store ─▶ request again ─401─▶ auth needed
//!                        └─ 401 signed_out ─▶ wipe: rows go, undelivered operations stay and are reported
//! ```

#[cfg(test)]
mod tests;
mod wipe;

use crate::client::{Client, Inner};
use crate::error::{Error, Refusal, Result};
use crate::events::Topic;
use crate::http::{Request, read};
use crate::store::{meta, sealed_meta, set_meta, set_sealed_meta};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::time::Duration;
use waybell_domain::id::DeviceId;
use waybell_domain::wire::{LoginRequest, RefreshRequest, TokenPair, UserView};

pub(crate) use wipe::wipe;

const TOKENS: &str = "tokens";
/// Whose data are in the store; stays after signing out while operations wait.
const OWNER: &str = "owner";
const DEVICE: &str = "device";
const SERVER: &str = "server";

/// What signing out left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// Operations that have not reached the server. They go out when the same person signs in again.
    pub undelivered: u32,
}

/// Signing in and out.
#[derive(Clone)]
pub struct Session {
    pub(crate) client: Client,
}

impl Session {
    /// Signs in. Data of another person on this phone are removed, unless operations of that person still wait.
    ///
    /// # Errors
    /// `Refused` (401 `wrong_login`), `Offline`, `BadInput` when operations of another person wait.
    pub async fn login(&self, login: &str, password: &str) -> Result<UserView> {
        let inner = &self.client.inner;
        let device = inner.device().await?;
        let body = LoginRequest { login: login.trim().to_owned(), password: password.to_owned(), device };
        let pair: TokenPair = inner.http.json(&Request::post("/api/v1/auth/login", &body)?, None).await?;
        let user = pair.user.clone();
        inner.take_over(&user).await?;
        inner.keep(pair).await?;
        inner.bus.tell(Topic::Session);
        inner.sync.wake();
        Ok(user)
    }

    /// Signs out: what waits is sent first if that works within 3 s, then the server ends the session (if it can be
    /// reached) and the data on this phone are removed. What could not be sent stays, sealed, for the next sign-in of
    /// the same person.
    pub async fn logout(&self) -> Result<SignedOut> {
        let inner = &self.client.inner;
        if inner.token().is_some() {
            let _ =
                tokio::time::timeout(Duration::from_secs(3), crate::outbox::send::push(inner, true)).await;
            let request = Request { method: reqwest::Method::POST, ..Request::get("/api/v1/auth/logout") };
            let sent = tokio::time::timeout(Duration::from_secs(3), inner.ask_bytes(&request)).await;
            if !matches!(sent, Ok(Ok(_))) {
                tracing::warn!(
                    "the server could not be told of the sign-out; the session ends there by itself"
                );
            }
        }
        wipe(inner).await
    }

    /// Who is signed in on this phone, whether or not the server can be reached.
    #[must_use]
    pub fn current(&self) -> Option<UserView> {
        self.client.inner.tokens.lock().as_ref().map(|t| t.user.clone())
    }

    /// The server's address of the last sign-in, or the one given at opening.
    #[must_use]
    pub fn server(&self) -> String {
        self.client.inner.http.base().to_owned()
    }
}

impl Inner {
    /// The access token, if somebody is signed in.
    pub(crate) fn token(&self) -> Option<String> {
        self.tokens.lock().as_ref().map(|t| t.access_token.clone())
    }

    /// Who is signed in, or an error.
    pub(crate) fn user(&self) -> Result<UserView> {
        self.tokens.lock().as_ref().map(|t| t.user.clone()).ok_or(Error::SignedOut)
    }

    /// Reads the tokens that the store has.
    pub(crate) fn stored_tokens(&self) -> Result<Option<TokenPair>> {
        let seal = self.store.seal.clone();
        self.store.read_now(|c| sealed_meta(c, &seal, TOKENS))
    }

    /// Sends with the access token; refreshes once when the server wants it.
    pub(crate) async fn ask_bytes(&self, request: &Request) -> Result<Vec<u8>> {
        let token = self.token().ok_or(Error::SignedOut)?;
        match self.http.bytes(request, Some(&token)).await {
            Err(Error::Refused(refusal)) if refusal.status == 401 => {
                let token = self.refresh(&token).await?;
                match self.http.bytes(request, Some(&token)).await {
                    Err(Error::Refused(refusal)) if refusal.status == 401 => {
                        tracing::warn!(code = %refusal.code, "a fresh access token was refused");
                        Err(Error::SignedOut)
                    }
                    other => other,
                }
            }
            other => other,
        }
    }

    /// The same, reading JSON.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        read(&self.ask_bytes(request).await?)
    }

    /// Trades the refresh token; `used` is the access token that was refused. One at a time, in all processes.
    pub(crate) async fn refresh(&self, used: &str) -> Result<String> {
        let _one = self.refreshing.lock().await;
        let file = self.data_dir.join("refresh.lock");
        let _lock = tokio::task::spawn_blocking(move || lock(&file)).await.map_err(Error::storage)??;
        let stored = self.stored_tokens()?;
        *self.tokens.lock() = stored.clone();
        let Some(pair) = stored else { return Err(Error::SignedOut) };
        if pair.access_token != used {
            return Ok(pair.access_token);
        }
        let body = RefreshRequest { refresh_token: pair.refresh_token };
        match self.http.json::<TokenPair>(&Request::post("/api/v1/auth/refresh", &body)?, None).await {
            Ok(next) => {
                let token = next.access_token.clone();
                self.keep(next).await?;
                Ok(token)
            }
            Err(Error::Refused(refusal)) if refusal.status == 401 => {
                self.ended(&refusal).await?;
                Err(Error::SignedOut)
            }
            Err(other) => Err(other),
        }
    }

    async fn ended(&self, refusal: &Refusal) -> Result<()> {
        if refusal.code == "signed_out" {
            let left = wipe(self).await?;
            tracing::warn!(
                undelivered = left.undelivered,
                "the session was ended by the server; the data were removed"
            );
        }
        Ok(())
    }

    /// Stores the pair durably, then uses it.
    async fn keep(&self, pair: TokenPair) -> Result<()> {
        let (seal, stored, server) = (self.store.seal.clone(), pair.clone(), self.http.base().to_owned());
        self.store
            .write(move |t| {
                set_sealed_meta(t, &seal, TOKENS, &stored)?;
                set_sealed_meta(t, &seal, OWNER, &stored.user)?;
                set_meta(t, SERVER, Some(&server))
            })
            .await?;
        *self.tokens.lock() = Some(pair);
        Ok(())
    }

    /// Makes room for this person's data.
    async fn take_over(&self, user: &UserView) -> Result<()> {
        let (seal, user) = (self.store.seal.clone(), user.clone());
        let cleared = self
            .store
            .write(move |t| {
                let owner: Option<UserView> = sealed_meta(t, &seal, OWNER)?;
                let other = owner.is_some_and(|o| o.id != user.id);
                if !other {
                    return Ok(false);
                }
                let waiting: i64 = t.query_row("SELECT COUNT(*) FROM operation", [], |r| r.get(0))?;
                if waiting > 0 {
                    return Err(Error::bad(
                        "login",
                        format!("{waiting} actions of another person have not reached the server yet"),
                        "let that person sign in and sync first, or discard them",
                    ));
                }
                wipe::clear(t)?;
                Ok(true)
            })
            .await?;
        if cleared {
            self.search.forget();
        }
        Ok(())
    }

    /// This installation, made once.
    async fn device(&self) -> Result<DeviceId> {
        let fresh = DeviceId::at(self.clock.wall(), crate::client::random());
        self.store
            .write(move |t| match meta(t, DEVICE)?.and_then(|d| DeviceId::parse(&d).ok()) {
                Some(device) => Ok(device),
                None => {
                    set_meta(t, DEVICE, Some(&fresh.to_string()))?;
                    Ok(fresh)
                }
            })
            .await
    }
}

/// Whose data and operations are in the store.
pub(crate) fn owner(
    connection: &rusqlite::Connection,
    seal: &crate::store::seal::Seal,
) -> Result<Option<UserView>> {
    sealed_meta(connection, seal, OWNER)
}

/// The address of the last sign-in.
pub(crate) fn stored_server(connection: &rusqlite::Connection) -> Result<Option<String>> {
    meta(connection, SERVER)
}

fn lock(path: &std::path::Path) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    file.lock()?;
    Ok(file)
}
