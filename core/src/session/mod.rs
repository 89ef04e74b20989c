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
//!
//! **Epochs.** Each sign-in and each wipe raises a number in the store. Whatever was asked of the server in one epoch
//! and comes back in another is not applied: a page, an answer, fresh tokens or the end of a session that belong to the
//! person before must neither mix with nor wipe what is here now. The number is compared inside the write transaction,
//! so that no gap is left between the look and the write, in whichever process the other sign-in was made. What a
//! person does is filed only while this person is the one signed in.

pub(crate) mod push;
#[cfg(test)]
mod tests;
mod wipe;

use crate::client::{Client, Inner};
use crate::error::{Error, Refusal, Result};
use crate::events::Topic;
use crate::http::{Ranged, Request, read};
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
/// Number of the sign-in or wipe; rises.
const EPOCH: &str = "epoch";
/// Set when the server, not the person, has ended the sign-in.
const ENDED: &str = "ended";

/// What signing out left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// Operations that have not reached the server. They go out when the same person signs in again.
    pub undelivered: u32,
    /// Parts of tracks that have not; they go out then too, and nobody else sees them meanwhile.
    pub tracks: u32,
}

/// A sign-in in force: its epoch and its tokens.
#[derive(Clone)]
pub(crate) struct SignIn {
    pub epoch: i64,
    pub pair: TokenPair,
}

/// What this process knows of the sign-in.
#[derive(Default)]
pub(crate) struct Present {
    epoch: i64,
    pair: Option<TokenPair>,
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
        let before = inner.store.read_now(epoch)?;
        let body = LoginRequest { login: login.trim().to_owned(), password: password.to_owned(), device };
        let pair: TokenPair = inner.http.json(&Request::post("/api/v1/auth/login", &body)?, None).await?;
        let user = pair.user.clone();
        inner.begin(before, pair).await?;
        inner.bus.tell(Topic::Session);
        inner.sync.wake();
        Ok(user)
    }

    /// Signs out: what waits is sent first if that works within 3 s, then the server ends the session (if it can be
    /// reached) and the data on this phone are removed. A shift that runs ends. What could not be sent stays, sealed, for
    /// the next sign-in of the same person.
    pub async fn logout(&self) -> Result<SignedOut> {
        let inner = &self.client.inner;
        inner.reload()?;
        let ending = inner.present.lock().epoch;
        if let Ok(me) = inner.sign_in() {
            // off duty nothing is recorded, and what was is whole
            if let Err(error) = self.client.tracking().duty_off().await {
                tracing::warn!(%error, "the shift could not be ended");
            }
            let last = async {
                let _ = crate::outbox::send::push(inner, &me, true).await;
                let _ = crate::tracking::upload::upload(inner, &me, true).await;
            };
            let _ = tokio::time::timeout(Duration::from_secs(3), last).await;
            let request = Request { method: reqwest::Method::POST, ..Request::get("/api/v1/auth/logout") };
            let sent = tokio::time::timeout(Duration::from_secs(3), inner.ask_bytes(&me, &request)).await;
            if !matches!(sent, Ok(Ok(_))) {
                tracing::warn!(
                    "the server could not be told of the sign-out; the session ends there by itself"
                );
            }
        }
        Ok(wipe(inner, ending, false).await?.unwrap_or_default())
    }

    /// Who is signed in on this phone, whether or not the server can be reached.
    #[must_use]
    pub fn current(&self) -> Option<UserView> {
        self.client.inner.user().ok()
    }

    /// True if somebody was signed in here and the server has ended that: the list was removed from this phone and comes
    /// back with the next sign-in; what had not been delivered is kept.
    pub fn was_ended(&self) -> Result<bool> {
        Ok(self.client.inner.store.read_now(|c| meta(c, ENDED))?.is_some())
    }

    /// The server's address of the last sign-in, or the one given at opening.
    #[must_use]
    pub fn server(&self) -> String {
        self.client.inner.http.base().to_owned()
    }
}

impl Inner {
    /// The sign-in in force, as this process knows it.
    pub(crate) fn sign_in(&self) -> Result<SignIn> {
        let present = self.present.lock();
        let pair = present.pair.clone().ok_or(Error::SignedOut)?;
        Ok(SignIn { epoch: present.epoch, pair })
    }

    /// Who is signed in, or an error.
    pub(crate) fn user(&self) -> Result<UserView> {
        self.present.lock().pair.as_ref().map(|t| t.user.clone()).ok_or(Error::SignedOut)
    }

    /// Reads the sign-in that the store has: another process may have made or ended one.
    pub(crate) fn reload(&self) -> Result<()> {
        let seal = self.store.seal.clone();
        let (epoch, pair) = self.store.read_now(|c| {
            let t = c.unchecked_transaction()?;
            Ok((epoch(&t)?, sealed_meta(&t, &seal, TOKENS)?))
        })?;
        self.show(epoch, pair);
        Ok(())
    }

    /// Puts a sign-in into force in this process, unless a newer one is.
    fn show(&self, epoch: i64, pair: Option<TokenPair>) {
        let mut present = self.present.lock();
        if epoch < present.epoch {
            return;
        }
        *present = Present { epoch, pair };
        drop(present);
        self.epochs.send_if_modified(|now| {
            let changed = *now < epoch;
            *now = epoch.max(*now);
            changed
        });
    }

    /// The access token now in force of this sign-in.
    fn token_of(&self, me: &SignIn) -> Result<String> {
        let now = self.sign_in()?;
        if now.epoch == me.epoch { Ok(now.pair.access_token) } else { Err(Error::SignedOut) }
    }

    /// Sends with the access token of this sign-in; refreshes once when the server wants it.
    pub(crate) async fn ask_bytes(&self, me: &SignIn, request: &Request) -> Result<Vec<u8>> {
        let token = self.token_of(me)?;
        match self.http.bytes(request, Some(&token)).await {
            Err(Error::Refused(refusal)) if refusal.status == 401 => {
                let token = self.refresh(me, &token).await?;
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

    /// Asks for the bytes of a file from `from` on, likewise.
    pub(crate) async fn ask_range(&self, me: &SignIn, path: &str, from: u64) -> Result<Ranged> {
        let token = self.token_of(me)?;
        match self.http.range(path, &token, from).await {
            Err(Error::Refused(refusal)) if refusal.status == 401 => {
                let token = self.refresh(me, &token).await?;
                self.http.range(path, &token, from).await
            }
            other => other,
        }
    }

    /// Asks for a file that the server makes for this request, likewise.
    pub(crate) async fn ask_download(&self, me: &SignIn, request: &Request) -> Result<Ranged> {
        let token = self.token_of(me)?;
        match self.http.download(request, &token).await {
            Err(Error::Refused(refusal)) if refusal.status == 401 => {
                let token = self.refresh(me, &token).await?;
                self.http.download(request, &token).await
            }
            other => other,
        }
    }

    /// The same, reading JSON.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, me: &SignIn, request: &Request) -> Result<T> {
        read(&self.ask_bytes(me, request).await?)
    }

    /// Trades the refresh token; `used` is the access token that was refused. One at a time, in all processes.
    pub(crate) async fn refresh(&self, me: &SignIn, used: &str) -> Result<String> {
        let _one = self.refreshing.lock().await;
        let file = self.data_dir.join("refresh.lock");
        let _lock = tokio::task::spawn_blocking(move || lock(&file)).await.map_err(Error::storage)??;
        self.reload()?;
        let now = self.sign_in()?;
        if now.epoch != me.epoch {
            return Err(Error::SignedOut);
        }
        if now.pair.access_token != used {
            return Ok(now.pair.access_token);
        }
        let body = RefreshRequest { refresh_token: now.pair.refresh_token };
        match self.http.json::<TokenPair>(&Request::post("/api/v1/auth/refresh", &body)?, None).await {
            Ok(next) => {
                let token = next.access_token.clone();
                self.keep(me.epoch, next).await?;
                Ok(token)
            }
            Err(Error::Refused(refusal)) if refusal.status == 401 => {
                self.ended(me, &refusal).await?;
                Err(Error::SignedOut)
            }
            Err(other) => Err(other),
        }
    }

    async fn ended(&self, me: &SignIn, refusal: &Refusal) -> Result<()> {
        if refusal.code == "signed_out"
            && let Some(left) = wipe(self, me.epoch, true).await?
        {
            tracing::warn!(
                undelivered = left.undelivered,
                "the session was ended by the server; the data were removed"
            );
        }
        Ok(())
    }

    /// Stores a fresh pair of the sign-in durably, then uses it.
    async fn keep(&self, epoch: i64, pair: TokenPair) -> Result<()> {
        let (seal, stored) = (self.store.seal.clone(), pair.clone());
        self.store
            .write(move |t| {
                still(t, epoch)?;
                set_sealed_meta(t, &seal, TOKENS, &stored)?;
                set_sealed_meta(t, &seal, OWNER, &stored.user)
            })
            .await?;
        self.show(epoch, Some(pair));
        Ok(())
    }

    /// Begins a sign-in that was asked for in the epoch `before`: makes room for this person's data and stores the
    /// tokens, in one transaction.
    pub(crate) async fn begin(&self, before: i64, pair: TokenPair) -> Result<()> {
        let (seal, stored, server) = (self.store.seal.clone(), pair.clone(), self.http.base().to_owned());
        let now = self.event_time();
        let (epoch, cleared) = self
            .store
            .write(move |t| {
                let other: Option<TokenPair> = sealed_meta(t, &seal, TOKENS)?;
                if other.is_some() && epoch(t)? != before {
                    return Err(Error::bad(
                        "login",
                        "another sign-in was made here meanwhile",
                        "see who is signed in, and sign in again if need be",
                    ));
                }
                let owner: Option<UserView> = sealed_meta(t, &seal, OWNER)?;
                let cleared = owner.is_some_and(|o| o.id != stored.user.id);
                if cleared {
                    let waiting: i64 = t.query_row("SELECT COUNT(*) FROM operation", [], |r| r.get(0))?;
                    if waiting > 0 {
                        return Err(Error::bad(
                            "login",
                            format!("{waiting} actions of another person have not reached the server yet"),
                            "let that person sign in and sync first, or discard them",
                        ));
                    }
                    wipe::clear(t, &seal, &now)?;
                }
                set_sealed_meta(t, &seal, TOKENS, &stored)?;
                set_sealed_meta(t, &seal, OWNER, &stored.user)?;
                set_meta(t, SERVER, Some(&server))?;
                set_meta(t, ENDED, None)?;
                Ok((raise(t)?, cleared))
            })
            .await?;
        if cleared {
            self.search.forget();
            crate::calls::audio::remove_all(&self.data_dir.join(crate::calls::audio::FOLDER));
        }
        self.show(epoch, Some(pair));
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

/// The epoch in the store.
pub(crate) fn epoch(connection: &rusqlite::Connection) -> Result<i64> {
    Ok(meta(connection, EPOCH)?.and_then(|e| e.parse().ok()).unwrap_or(0))
}

/// A new epoch begins.
fn raise(t: &rusqlite::Connection) -> Result<i64> {
    let next = epoch(t)? + 1;
    set_meta(t, EPOCH, Some(&next.to_string()))?;
    Ok(next)
}

/// Call it in the transaction that applies what came for the sign-in of this epoch.
///
/// # Errors
/// `SignedOut` if that sign-in is over.
pub(crate) fn still(t: &rusqlite::Connection, began: i64) -> Result<()> {
    if epoch(t)? == began { Ok(()) } else { Err(Error::SignedOut) }
}

/// Call it in the transaction that files what this person did.
///
/// # Errors
/// `SignedOut` if somebody else, or nobody, is signed in.
pub(crate) fn acting(
    t: &rusqlite::Connection,
    seal: &crate::store::seal::Seal,
    user: waybell_domain::id::UserId,
) -> Result<()> {
    match sealed_meta::<TokenPair>(t, seal, TOKENS)? {
        Some(pair) if pair.user.id == user => Ok(()),
        _ => Err(Error::SignedOut),
    }
}

/// True if somebody is signed in, whoever it is.
pub(crate) fn anybody(t: &rusqlite::Connection) -> Result<bool> {
    Ok(meta(t, TOKENS)?.is_some())
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
