//! The WebSocket: it says that there is more, or that the session has ended.
//!
//! The upgrade goes through the same HTTP client as everything else, so that there is one TLS set-up. A lost socket is
//! opened again after a wait with jitter; meanwhile the rounds pull every 30 s. A socket belongs to one sign-in: what it
//! says of the session counts for that one only, and it is left when another begins.

use crate::client::{Inner, random};
use crate::error::{Error, Result};
use crate::outbox::send::jitter;
use crate::session::{SignIn, wipe};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use waybell_domain::wire::WsEvent;

/// The server pings every 20 s: a socket that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(50);
/// Time for the upgrade.
const CONNECT: Duration = Duration::from_secs(15);
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
        let mut epochs = inner.epochs.subscribe();
        tokio::select! {
            _ = stopped.changed() => return,
            () = tokio::time::sleep(wait) => {}
            _ = epochs.changed() => failures = 0,
        }
    }
}

/// One socket's life.
async fn once(inner: &Inner, failures: &mut u32) -> Result<()> {
    let mut epochs = inner.epochs.subscribe();
    let me = inner.sign_in()?;
    let mut socket = open(inner, &me).await?;
    loop {
        let message = tokio::select! {
            message = tokio::time::timeout(SILENCE, socket.next()) => message,
            _ = epochs.wait_for(|now| *now != me.epoch) => return Ok(()),
        };
        let Ok(Some(Ok(message))) = message else { return Ok(()) };
        *failures = 0;
        let Message::Text(text) = message else { continue };
        match serde_json::from_str::<WsEvent>(text.as_str()) {
            Ok(WsEvent::Hello { .. } | WsEvent::Changed { .. }) => inner.sync.wake(),
            Ok(WsEvent::Call(_) | WsEvent::Refused { .. }) => {}
            Ok(WsEvent::SignedOut) => {
                wipe(inner, me.epoch, true).await?;
                return Err(Error::SignedOut);
            }
            Err(_) => tracing::debug!("a message of another kind on the socket"),
        }
    }
}

async fn open(inner: &Inner, me: &SignIn) -> Result<WebSocketStream<reqwest::Upgraded>> {
    let token = me.pair.access_token.clone();
    let key = generate_key();
    let upgrade = |token: String| {
        let key = key.clone();
        async move {
            tokio::time::timeout(CONNECT, inner.http.upgrade("/api/v1/events", &token, &key))
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
    let config = WebSocketConfig::default().max_message_size(Some(64 << 10));
    Ok(WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await)
}
