//! `GET /api/v1/events`: a WebSocket that says when there is more to pull.
//!
//! It carries no data, only the revision up to which a pull will find everything; what was missed while a socket was
//! down is found by pulling from the phone's own cursor. Messages are numbered from 1 on each socket, so a client sees
//! a hole; several changes within 100 ms are one message. A client that does not read is dropped after 20 s.

pub mod calls;

use crate::accounts::auth::Signed;
use crate::app::Shared;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use std::time::Duration;
use waybell_domain::wire::WsEvent;

/// Least time between two messages.
const CALM: Duration = Duration::from_millis(100);
/// Time between pings, and longest time for a write.
const PATIENCE: Duration = Duration::from_secs(20);

/// Listen for changes (WebSocket; browsers may pass the token as `?access_token=`).
#[utoipa::path(get, path = "/api/v1/events", tag = "events", security(("bearer" = [])), responses(
    (status = 101, description = "messages as WsEvent", body = WsEvent)))]
pub async fn socket(State(app): State<Shared>, signed: Signed, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(4096).on_upgrade(move |socket| serve(app, signed, socket))
}

async fn serve(app: Shared, signed: Signed, mut socket: WebSocket) {
    let mut committed = app.store.committed();
    let mut seq = 0;
    let hello = WsEvent::Hello { rev: *committed.borrow_and_update() };
    if send(&mut socket, &hello).await.is_err() {
        return;
    }
    let mut ping = tokio::time::interval(PATIENCE);
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => break,
            changed = committed.changed() => {
                if changed.is_err() {
                    break;
                }
                tokio::time::sleep(CALM).await;
                seq += 1;
                let event = WsEvent::Changed { seq, rev: *committed.borrow_and_update() };
                if send(&mut socket, &event).await.is_err() {
                    return;
                }
            }
            _ = ping.tick() => {
                if app.revoked.lock().contains_key(&signed.session) {
                    let _ = send(&mut socket, &WsEvent::SignedOut).await;
                    break;
                }
                let sent = tokio::time::timeout(PATIENCE, socket.send(Message::Ping(Default::default()))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_))) | None | Some(Err(_)) => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}

async fn send(socket: &mut WebSocket, event: &WsEvent) -> Result<(), ()> {
    let text = serde_json::to_string(event).map_err(|_| ())?;
    match tokio::time::timeout(PATIENCE, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}
