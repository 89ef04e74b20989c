//! `GET /api/v1/events`: a WebSocket that says when there is more to pull.
//!
//! It carries no data, only the revision up to which a pull will find everything; what was missed while a socket was
//! down is found by pulling from the phone's own cursor. Live positions, for maps, are the exception (`tracks::live`). Messages are numbered from 1 on each socket, so a client sees
//! a hole; several changes within 100 ms are one message. A client that does not read is dropped after 20 s.

pub mod calls;

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::app_calls::{self, Socket};
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::tracks::Watch;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::time::Duration;
use waybell_domain::wire::{AppBye, AppSaid, AppSignal, LiveView, WsEvent};

/// Least time between two messages.
const CALM: Duration = Duration::from_millis(100);
/// Longest message of an app: a description with its frame.
const SIGNAL: usize = 32_768;
/// Time between pings, and longest time for a write.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a socket is for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct SocketQuery {
    /// The app takes calls over this socket: it is rung, and signalling goes both ways (docs/app-calls.md).
    calls: u8,
    /// A map listens: it says what it shows, and is told where couriers are (docs/live.md).
    watch: u8,
}

/// A message of the app.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromApp {
    Call(AppSignal),
    Watch(LiveView),
    Unwatch,
}

/// Listen for changes (WebSocket; browsers may pass the token as `?access_token=`). With `calls=1` also signalling of calls over the app, with `watch=1` live positions.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", security(("bearer" = [])), params(SocketQuery),
    responses((status = 101, description = "messages as WsEvent", body = WsEvent)))]
pub async fn socket(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<SocketQuery>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let size = if query.calls > 0 { SIGNAL } else { 4096 };
    upgrade.max_message_size(size).on_upgrade(move |mut socket| async move {
        let mut watch = (query.watch > 0).then(|| Watch::new(signed.scope.clone()));
        Box::pin(serve(&app, &signed, &mut socket, query.calls > 0, &mut watch)).await;
        if let Some(watch) = watch {
            Box::pin(for_them(&signed, watch.end(&app))).await;
        }
    })
}

async fn serve(
    app: &Shared,
    signed: &Signed,
    socket: &mut WebSocket,
    calls: bool,
    watch: &mut Option<Watch>,
) {
    let mut committed = app.store.committed();
    let mut seq = 0;
    let hello = WsEvent::Hello { rev: *committed.borrow_and_update() };
    if send(socket, &hello).await.is_err() {
        return;
    }
    let clock = &app.clock;
    let mut apps = calls.then(|| app.apps.enter(signed.session, signed.scope.person, move || clock.now()));
    if apps.is_some() {
        app_calls::came(app, signed.session, signed.scope.person);
    }
    let mut ping = tokio::time::interval(PATIENCE);
    loop {
        tokio::select! {
            () = app.stopping.cancelled() => break,
            () = woken(apps.as_mut()) => {
                for signal in apps.as_mut().map(|a| a.next()).unwrap_or_default() {
                    if send(socket, &WsEvent::Call(signal)).await.is_err() {
                        return;
                    }
                }
            }
            changed = committed.changed() => {
                if changed.is_err() {
                    break;
                }
                tokio::time::sleep(CALM).await;
                seq += 1;
                let event = WsEvent::Changed { seq, rev: *committed.borrow_and_update() };
                if send(socket, &event).await.is_err() {
                    return;
                }
            }
            () = beaten(watch.as_ref()) => {
                if signed_out(app, signed) {
                    let _ = send(socket, &WsEvent::SignedOut).await;
                    break;
                }
                let event = match watch.as_mut() {
                    Some(watch) => match Box::pin(for_them(signed, watch.next(app))).await {
                        Ok(update) => update.map(WsEvent::Live),
                        Err(error) => {
                            let _ = watch.look(app, None).await;
                            Some(WsEvent::Refused { error: *error.body })
                        }
                    },
                    None => None,
                };
                if let Some(event) = event
                    && send(socket, &event).await.is_err()
                {
                    return;
                }
            }
            _ = ping.tick() => {
                if signed_out(app, signed) {
                    let _ = send(socket, &WsEvent::SignedOut).await;
                    break;
                }
                let sent = tokio::time::timeout(PATIENCE, socket.send(Message::Ping(Default::default()))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_))) | None | Some(Err(_)) => return,
                Some(Ok(Message::Text(text))) if calls || watch.is_some() => {
                    if let Some(answer) = heard(app, signed, &text, calls, watch.as_mut()).await
                        && send(socket, &answer).await.is_err()
                    {
                        return;
                    }
                }
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}

/// Waits until an app that takes calls is told something.
async fn woken(apps: Option<&mut Socket<'_>>) {
    match apps {
        Some(socket) => socket.woken().await,
        None => std::future::pending().await,
    }
}

/// Waits until a map may be told something.
async fn beaten(watch: Option<&Watch>) {
    match watch {
        Some(watch) => watch.beat().await,
        None => std::future::pending().await,
    }
}

/// Work on the database for the person of a socket.
async fn for_them<T>(signed: &Signed, work: impl Future<Output = T>) -> T {
    crate::store::wall::organisation(signed.scope.organisation, work).await
}

fn signed_out(app: &Shared, signed: &Signed) -> bool {
    app.revoked.lock().contains_key(&signed.session)
}

/// Takes a message; its answer, if it has one: it has come, or why not.
async fn heard(
    app: &Shared,
    signed: &Signed,
    text: &str,
    calls: bool,
    watch: Option<&mut Watch>,
) -> Option<WsEvent> {
    let refused = |error: ApiError| Some(WsEvent::Refused { error: *error.body });
    let message = match crate::http::json::parse::<FromApp>(text.as_bytes()) {
        Ok(message) => message,
        Err(error) => return refused(error),
    };
    if let Err(error) = app.limits.person(signed.scope.person) {
        return refused(error);
    }
    let hint = "open the socket with watch=1 for live positions, with calls=1 for calls";
    let not_asked = || ApiError::field("type", "is not what this socket was opened for", hint);
    let view = match message {
        FromApp::Call(signal) if calls => return signalled(app, signed, signal),
        FromApp::Call(_) => return refused(not_asked()),
        FromApp::Watch(view) => Some(view),
        FromApp::Unwatch => None,
    };
    match watch {
        Some(watch) => Box::pin(for_them(signed, watch.look(app, view))).await.err().and_then(refused),
        None => refused(not_asked()),
    }
}

/// Takes signalling of a call; its answer.
fn signalled(app: &Shared, signed: &Signed, signal: AppSignal) -> Option<WsEvent> {
    let (call_id, of, is_ack) = (signal.call_id, signal.seq, matches!(signal.said, AppSaid::Ack { .. }));
    let ack = AppSignal { call_id, seq: 0, expires_at: None, said: AppSaid::Ack { of } };
    match app_calls::take(app, signed, signal) {
        Ok(()) => (!is_ack).then_some(WsEvent::Call(ack)),
        // a call that is over is over for the app too, and it need not say this again
        Err(error) if error.status == StatusCode::NOT_FOUND => {
            let said = AppSaid::Bye { reason: Some(AppBye::Gone), text: None };
            Some(WsEvent::Call(AppSignal { call_id, seq: 0, expires_at: None, said }))
        }
        Err(error) => Some(WsEvent::Refused { error: *error.body }),
    }
}

async fn send(socket: &mut WebSocket, event: &WsEvent) -> Result<(), ()> {
    let text = serde_json::to_string(event).map_err(|_| ())?;
    match tokio::time::timeout(PATIENCE, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}
