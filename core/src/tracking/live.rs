//! A supervisor's map: where the couriers on duty are, as it changes. Nothing of it is kept on the device.

use super::Tracking;
use crate::client::Inner;
use crate::error::{Error, Refusal, Result};
use crate::session::{SignIn, wipe};
use crate::sync::socket::{LEAVE, SILENCE, open};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use std::sync::Arc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use waybell_domain::track::live::Picture;
use waybell_domain::wire::{LiveView, WsEvent};

/// A view that is watched, over a socket of its own. Dropping it ends the watch.
pub struct Watch {
    inner: Arc<Inner>,
    me: SignIn,
    socket: WebSocketStream<reqwest::Upgraded>,
    picture: Picture,
}

#[derive(Serialize)]
struct Say {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    view: LiveView,
}

impl Tracking {
    /// Watches a view. Needs the network, and a person who sees a branch; whether the server allows it is told by the first
    /// [`Watch::next`].
    pub async fn live(&self, view: LiveView) -> Result<Watch> {
        let inner = self.client.inner.clone();
        let me = inner.sign_in()?;
        let socket = open(&inner, &me, "/api/v1/events?watch=1", 4 << 20).await?;
        let mut watch = Watch { inner, me, socket, picture: Picture::default() };
        watch.look(view).await?;
        Ok(watch)
    }
}

impl Watch {
    /// The map shows something else from now on; the next change holds all of it.
    pub async fn look(&mut self, view: LiveView) -> Result<()> {
        let text = serde_json::to_string(&Say { kind: "watch", view })?;
        match tokio::time::timeout(LEAVE, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::offline("the socket takes nothing")),
        }
    }

    /// What the map shows.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Waits for the next change, and gives what the map shows then. A call that is given up loses nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] where the view cannot be had, [`Error::Offline`] where the socket is lost: watch anew, and
    /// [`Error::SignedOut`].
    pub async fn next(&mut self) -> Result<&Picture> {
        let mut epochs = self.inner.epochs.subscribe();
        loop {
            let message = tokio::select! {
                message = tokio::time::timeout(SILENCE, self.socket.next()) => message,
                _ = epochs.wait_for(|now| *now != self.me.epoch) => return Err(Error::SignedOut),
            };
            let Ok(Some(Ok(message))) = message else {
                return Err(Error::offline("the socket was lost"));
            };
            let Message::Text(text) = message else { continue };
            match serde_json::from_str::<WsEvent>(text.as_str()) {
                Ok(WsEvent::Live(update)) => {
                    self.picture.apply(update);
                    return Ok(&self.picture);
                }
                Ok(WsEvent::Refused { error }) => {
                    return Err(Error::Refused(Box::new(Refusal {
                        status: 0,
                        code: error.code,
                        message: error.message,
                        field: error.field,
                        hint: error.hint,
                        retry_after: error.retry_after,
                    })));
                }
                Ok(WsEvent::SignedOut) => {
                    wipe(&self.inner, self.me.epoch, true).await?;
                    return Err(Error::SignedOut);
                }
                Ok(WsEvent::Hello { .. } | WsEvent::Changed { .. } | WsEvent::Call(_)) | Err(_) => {}
            }
        }
    }
}
