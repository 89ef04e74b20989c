//! The WebSocket: it says that there is more, or that the session has ended.
//!
//! The upgrade goes through the same HTTP client as everything else, so that there is one TLS set-up. A lost socket is
//! opened again after a wait with jitter; meanwhile the rounds pull every 30 s. A socket belongs to one sign-in: what it
//! says of the session counts for that one only, and it is left when another begins.
//!
//! Calls over the app are signalled on it too, where somebody here takes calls ([`crate::call::signalling`]).

use crate::client::{Inner, random};
use crate::error::{Error, Result};
use crate::outbox::send::jitter;
use crate::session::{SignIn, wipe};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use waybell_domain::wire::{AppSignal, WsEvent};

/// The server pings every 20 s: a socket that is silent for longer is dead.
pub(crate) const SILENCE: Duration = Duration::from_secs(50);
/// Time for the upgrade.
const CONNECT: Duration = Duration::from_secs(15);
/// Time for one message to leave.
pub(crate) const LEAVE: Duration = Duration::from_secs(10);
/// Longest wait for another socket while a call is up.
const IN_CALL: Duration = Duration::from_millis(500);
/// Wait while nobody is signed in.
const SIGNED_OUT: Duration = Duration::from_secs(5);

pub(super) async fn listen(inner: Arc<Inner>, mut stopped: watch::Receiver<bool>) {
    let mut failures = 0;
    while !*stopped.borrow() {
        let wait = tokio::select! {
            _ = stopped.changed() => return,
            done = once(&inner, &mut failures) => match done {
                Err(Error::SignedOut) => SIGNED_OUT,
                _ => {
                    if failures == 0 {
                        // it was open: whether the server is still there is found out at once
                        inner.sync.wake();
                    }
                    failures += 1;
                    jitter(failures, random())
                }
            },
        };
        let wait = if inner.signalling.is_busy() { wait.min(IN_CALL) } else { wait };
        let mut epochs = inner.epochs.subscribe();
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(wait) => {}
            () = inner.signalling.hurried() => {}
            _ = epochs.changed() => failures = 0,
        }
    }
}

/// One socket's life.
async fn once(inner: &Inner, failures: &mut u32) -> Result<()> {
    let mut epochs = inner.epochs.subscribe();
    let me = inner.sign_in()?;
    let (mut place, mut socket) = loop {
        let place = inner.signalling.place(me.epoch);
        let path = if place.calls { "/api/v1/events?calls=1" } else { "/api/v1/events" };
        tokio::select! {
            socket = open(inner, &me, path, 64 << 10) => break (place, socket?),
            // another network, or calls are taken from now on: what was begun on the old terms is left
            () = inner.signalling.hurried() => {}
        }
    };
    let mut changes = inner.signalling.changes();
    let mut stands = None;
    loop {
        let message = tokio::select! {
            message = tokio::time::timeout(SILENCE, socket.next()) => Some(message),
            _ = epochs.wait_for(|now| *now != me.epoch) => return Ok(()),
            _ = changes.changed() => None,
        };
        let Some(message) = message else {
            let Some(out) = inner.signalling.next(&mut place) else { return Ok(()) };
            for signal in out {
                say(&mut socket, signal).await?;
            }
            if !inner.signalling.is_wanted(&place) {
                return Ok(());
            }
            continue;
        };
        let Ok(Some(Ok(message))) = message else { return Ok(()) };
        *failures = 0;
        let Message::Text(text) = message else { continue };
        match serde_json::from_str::<WsEvent>(text.as_str()) {
            Ok(WsEvent::Hello { .. }) => {
                // the server knows of this socket from here on
                stands.get_or_insert_with(|| Stands::new(inner, place.calls));
                inner.sync.wake();
            }
            Ok(WsEvent::Changed { .. }) => inner.sync.wake(),
            Ok(WsEvent::Call(signal)) => inner.signalling.hear(signal),
            // what was refused is not acknowledged: it goes out once more, or its call ends by its own timers
            Ok(WsEvent::Refused { error }) => {
                tracing::warn!(code = error.code, "a message of a call was refused")
            }
            // only to sockets that watch a map
            Ok(WsEvent::Live(_)) => {}
            Ok(WsEvent::SignedOut) => {
                wipe(inner, me.epoch, true).await?;
                return Err(Error::SignedOut);
            }
            Err(_) => tracing::debug!("a message of another kind on the socket"),
        }
    }
}

/// Tells whether a socket stands, whichever way it ends.
struct Stands<'a> {
    inner: &'a Inner,
    calls: bool,
}

impl<'a> Stands<'a> {
    fn new(inner: &'a Inner, calls: bool) -> Stands<'a> {
        inner.signalling.socket(true, calls);
        Stands { inner, calls }
    }
}

impl Drop for Stands<'_> {
    fn drop(&mut self) {
        self.inner.signalling.socket(false, self.calls);
    }
}

async fn say(socket: &mut WebSocketStream<reqwest::Upgraded>, signal: AppSignal) -> Result<()> {
    let text = serde_json::to_string(&WsEvent::Call(signal))?;
    match tokio::time::timeout(LEAVE, socket.send(Message::text(text))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Error::offline("the socket takes nothing")),
    }
}

/// A socket of this sign-in; `most`: bytes of the longest message that is taken.
pub(crate) async fn open(
    inner: &Inner,
    me: &SignIn,
    path: &str,
    most: usize,
) -> Result<WebSocketStream<reqwest::Upgraded>> {
    let token = me.pair.access_token.clone();
    let key = generate_key();
    let upgrade = |token: String| {
        let key = key.clone();
        async move {
            tokio::time::timeout(CONNECT, inner.http.upgrade(path, &token, &key))
                .await
                .unwrap_or_else(|_| Err(Error::offline("no answer in time")))
        }
    };
    let connection = match upgrade(token.clone()).await {
        Err(Error::Refused(refusal)) if refusal.status == 401 => {
            let token = inner.refresh(me, &token).await?;
            upgrade(token).await?
        }
        other => other?,
    };
    let config = WebSocketConfig::default().max_message_size(Some(most));
    Ok(WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await)
}
