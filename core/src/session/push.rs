//! Where this phone can be woken for a call: its vendor's push token.
//!
//! A token is the phone's, not the person's. It is kept, sealed, when the platform gives it; each sign-in tells the server once,
//! when there is a network, and a wipe leaves it for whoever signs in next. The server takes it from the former sign-in.
//!
//! ```text
//!  platform ─ set_push_token ─▶ kept, not told ─ exchange ─▶ told in this epoch ─ other token, other sign-in ─▶ not told
//!                                                └─ refused for good: so for this token in this epoch
//! ```

use super::{Session, SignIn, epoch, still};
use crate::client::Inner;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::store::{sealed_meta, set_sealed_meta};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::{HOUR, UnixMs};
use waybell_domain::wire::PushTokenRequest;

/// Key in `meta`: see [`Kept`].
pub(super) const PUSH: &str = "push_token";
const PATH: &str = "/api/v1/me/push-token";
/// Longest token, as the server has it.
const LONGEST: usize = 512;

/// A token that is said again so much later is told again.
const AGAIN: i64 = HOUR;

/// What the platform said last.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// `None`: this phone can be woken no more.
    request: Option<PushTokenRequest>,
    /// The epoch whose sign-in has told the server.
    told: Option<i64>,
    /// When that was; an app that starts again later tells it anew, because a server may have lost it.
    #[serde(default)]
    told_at: UnixMs,
}

impl Session {
    /// Says where this phone can be woken for a call, as its platform tells it: call it at each start of the app and whenever the
    /// token changes. `None`: it can be woken no more. Stored durably when this returns; sent once for each sign-in, and again
    /// when it is said again an hour later or more, when there is a network and somebody is signed in.
    ///
    /// # Errors
    /// `BadInput` for what is no token, `Storage`.
    pub async fn set_push_token(&self, request: Option<PushTokenRequest>) -> Result<()> {
        let inner = &self.client.inner;
        if let Some(token) = request.as_ref().map(|r| r.token.as_str())
            && (token.is_empty() || token.len() > LONGEST || !token.bytes().all(|b| b.is_ascii_graphic()))
        {
            let hint = "give the token as the vendor's library gives it";
            return Err(Error::bad(
                "token",
                "is empty, too long or has others than printable characters",
                hint,
            ));
        }
        let (seal, now) = (inner.store.seal.clone(), inner.clock.wall());
        let changed = inner
            .store
            .write(move |t| {
                let kept: Option<Kept> = sealed_meta(t, &seal, PUSH)?;
                let same = match &kept {
                    Some(kept) => kept.request == request && now.since(kept.told_at).abs() < AGAIN,
                    None => request.is_none(),
                };
                if !same {
                    set_sealed_meta(t, &seal, PUSH, &Kept { request, told: None, told_at: now })?;
                }
                Ok(!same)
            })
            .await?;
        if changed {
            inner.sync.wake();
        }
        Ok(())
    }
}

/// Tells the server where this phone can be woken, if this sign-in has not.
///
/// # Errors
/// `Offline`, `SignedOut`, `Storage`. A refusal is none: nobody's list waits for a token.
pub(crate) async fn send(inner: &Inner, me: &SignIn) -> Result<()> {
    let seal = inner.store.seal.clone();
    let kept: Option<Kept> = inner.store.read_now(|c| sealed_meta(c, &seal, PUSH))?;
    let Some(kept) = kept.filter(|k| k.told != Some(me.epoch)) else { return Ok(()) };
    let request = match &kept.request {
        Some(request) => Request::put(PATH, request)?,
        None => Request { method: Method::DELETE, ..Request::get(PATH) },
    };
    match inner.ask_bytes(me, &request).await {
        Ok(_) => {}
        // the next exchange tries again; this one goes on
        Err(Error::Refused(refusal)) if refusal.is_retryable() => return Ok(()),
        Err(Error::Refused(refusal)) => {
            // a server that knows no push, or wants no such token: calls ring the mobile
            tracing::warn!(status = refusal.status, code = %refusal.code, "the server does not take this phone's push token");
        }
        Err(other) => return Err(other),
    }
    let (began, at) = (me.epoch, inner.clock.wall());
    inner
        .store
        .write(move |t| {
            still(t, began)?;
            let now: Option<Kept> = sealed_meta(t, &seal, PUSH)?;
            // another token may have come meanwhile
            if now.as_ref() == Some(&kept) {
                set_sealed_meta(t, &seal, PUSH, &Kept { told: Some(epoch(t)?), told_at: at, ..kept })?;
            }
            Ok(())
        })
        .await
}
