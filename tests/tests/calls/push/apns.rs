//! Apple's push service: HTTP/2 alone.

use super::vendors::{BUNDLE, Read, World};
use axum::http::{HeaderMap, Request, Response};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

pub(super) async fn serve(listener: TcpListener, world: Arc<World>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(connection(socket, world.clone()));
    }
}

async fn connection(socket: TcpStream, world: Arc<World>) {
    let mut connection = match h2::server::handshake(socket).await {
        Ok(connection) => connection,
        Err(error) => return world.fault(format!("apns: this is no HTTP/2: {error}")),
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(one(request, respond, world.clone()));
    }
}

async fn one(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<axum::body::Bytes>,
    world: Arc<World>,
) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = stream.data().await {
        let _ = stream.flow_control().release_capacity(chunk.len());
        body.extend_from_slice(&chunk);
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let raw = format!("{}\n{:?}\n{body}", head.uri.path(), head.headers);
    let read = read(&world, head.method.as_str(), head.uri.path(), &head.headers, &body);
    let Some((status, answer, _)) = world.take("apns", read, raw, Value::Null) else {
        return std::future::pending().await;
    };
    let response = Response::builder().status(status).body(()).unwrap();
    let Ok(mut send) = respond.send_response(response, answer.is_null()) else { return };
    if !answer.is_null() {
        let _ = send.send_data(answer.to_string().into(), true);
    }
}

fn read(world: &World, method: &str, path: &str, headers: &HeaderMap, body: &str) -> Read {
    let refuse = |status: u16, reason: &str| {
        world.fault(format!("apns: {reason}: {method} {path} {headers:?} {body}"));
        Err((status, json!({ "reason": reason })))
    };
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let Some(token) = path.strip_prefix("/3/device/").filter(|_| method == "POST") else {
        return refuse(404, "BadPath");
    };
    let provider = header("authorization").strip_prefix("bearer ").unwrap_or_default();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&["TEAM123456"]);
    rules.set_required_spec_claims(&["iss"]);
    rules.validate_exp = false;
    let seen = jsonwebtoken::decode::<Value>(provider, &DecodingKey::from_ec_der(&world.p256), &rules);
    match seen {
        Ok(seen) if seen.header.kid.as_deref() == Some("KEY1234567") && seen.claims["iat"].is_i64() => {}
        Ok(_) => return refuse(403, "MissingProviderToken"),
        Err(_) => return refuse(403, "InvalidProviderToken"),
    }
    world.seen.lock().unwrap().providers.push(provider.to_owned());
    for (name, value, reason) in [
        ("apns-topic", format!("{BUNDLE}.voip"), "BadTopic"),
        ("apns-push-type", "voip".into(), "InvalidPushType"),
        ("apns-expiration", "0".into(), "BadExpirationDate"),
        ("apns-priority", "10".into(), "BadPriority"),
    ] {
        if header(name) != value {
            return refuse(400, reason);
        }
    }
    if uuid::Uuid::parse_str(header("apns-id")).is_err() {
        return refuse(400, "BadMessageId");
    }
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    if !body["aps"].is_object() || body["waybell"].is_null() {
        return refuse(400, "PayloadEmpty");
    }
    Ok((token.to_owned(), body["waybell"].to_string()))
}
