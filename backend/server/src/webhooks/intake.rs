//! `POST /api/v1/hooks/{integration}/parcels`: a waybill system sends parcels.
//!
//! In this order: headers, age, body, signature, then what the body says. Nothing before the signature depends on whether the
//! integration exists, and its check takes as long for one that does not, so a stranger cannot find out which ids are good.

use super::integrations::{Integration, to_verify};
use super::record::records;
use super::signature::{ID, SIGNATURE, TIMESTAMP, is_recent, verify};
use super::take::{HookReport, Incoming, take, turn};
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::store::wall::{everything, signed_in};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::Semaphore;
use waybell_domain::id::UserId;
use waybell_domain::parcel::TaskKind;
use waybell_domain::wire::ErrorBody;

/// Largest body.
const MOST_BYTES: usize = 5 << 20;
/// Longest id of a delivery.
const LONGEST_ID: usize = 200;
/// What the signature of nobody is checked with.
const NOBODY: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Parcels of a waybill system.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HookRequest {
    /// At most 5,000 records; the last one of a waybill counts. `parcels` is taken for the name of this field too.
    pub rows: Vec<HookRecord>,
}

/// A parcel as a waybill system knows it: a row of an import, and whose it is.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HookRecord {
    /// Place in the sender's list, named when something is wrong with the record; its place here otherwise.
    #[serde(default)]
    pub line: Option<u32>,
    /// Waybill number, a text or a number.
    pub waybill_no: String,
    /// Recipient's name.
    #[serde(default)]
    pub recipient_name: String,
    /// Recipient's number as people write it, a text or a number.
    #[serde(default)]
    pub phone: String,
    /// Address.
    #[serde(default)]
    pub address: String,
    /// Delivery unless said otherwise.
    #[serde(default)]
    pub kind: Option<TaskKind>,
    /// Login name or own mobile of the courier who has it. Without it: who has it already, else the integration's own courier.
    #[serde(default)]
    pub courier: Option<String>,
    /// Comes back with each result; 100 characters at most.
    #[serde(default)]
    pub reference: Option<String>,
    /// Take it off the list: nobody is rung about it any more. The other fields do not count then.
    #[serde(default)]
    pub withdrawn: bool,
}

/// A waybill system sends parcels, signed (Standard Webhooks: HMAC-SHA256 of `ID.TIMESTAMP.BODY`). Good records are taken, bad
/// ones come back with line, field and reason. The same `webhook-id` again gets the same answer and has no second effect; with
/// another body it is refused. A known waybill is corrected.
#[utoipa::path(post, path = "/api/v1/hooks/{integration}/parcels", tag = "integrations", security(("webhook" = [])),
    params(("integration" = String, Path), ("webhook-id" = String, Header, description = "names the delivery; 1 to 200 printable characters"),
    ("webhook-timestamp" = i64, Header, description = "unix seconds; at most five minutes off"),
    ("webhook-signature" = String, Header, description = "v1,BASE64; several separated by spaces")),
    request_body = HookRequest, responses((status = 200, body = HookReport), (status = 401, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 413, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn receive(
    State(app): State<Shared>,
    Path(integration): Path<String>,
    request: Request,
) -> ApiResult<Response> {
    let answer = received(&app, &integration, request).await;
    if let Err(refused) = &answer
        && refused.status.is_client_error()
        && refused.status != StatusCode::CONFLICT
    {
        metrics::counter!("waybell_webhooks_received_total", "outcome" => "refused").increment(1);
    }
    answer
}

async fn received(app: &Shared, integration: &str, request: Request) -> ApiResult<Response> {
    let (parts, body) = request.into_parts();
    let signed = Signed::of(&parts.headers)?;
    if !is_recent(signed.timestamp, app.clock.wall().0) {
        let problem = "webhook-timestamp is more than five minutes off the server's clock";
        return Err(
            ApiError::unauthorised("timestamp_stale", problem).hint("set the clock, and sign when sending")
        );
    }
    // a body is in memory from here on
    let Ok(_room) = BODIES.try_acquire() else { return Err(ApiError::too_many(2)) };
    let read = tokio::time::timeout(READ_PATIENCE, axum::body::to_bytes(body, MOST_BYTES)).await;
    let body = read.ok().and_then(Result::ok).ok_or_else(|| {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large or broke off")
            .hint("send it in parts of 5 MB at most")
    })?;
    let integration = opened(app, integration, &signed, &body).await?;
    signed_in(integration.organisation);
    if let Ok(id) = integration.id.parse::<uuid::Uuid>() {
        app.limits.person(UserId::from_uuid(id))?;
    }
    let _alone = turn(&integration).await;
    // it has waited its turn: its secret may have been taken back meanwhile
    let integration = opened(app, &integration.id, &signed, &body).await?;
    carry_out(app, &integration, &signed.id, body).await
}

/// The integration whose secret the request was signed with. An unknown one is refused like a wrong signature.
async fn opened(app: &Shared, id: &str, signed: &Signed, body: &[u8]) -> ApiResult<Integration> {
    let now = app.clock.now();
    let found = everything(to_verify(app.store.read(), id)).await?;
    let good = match &found {
        Some((_, secrets)) => {
            let mut good = false;
            for secret in secrets.in_force(now) {
                good |= verify(secret, &signed.id, signed.timestamp, body, &signed.signature);
            }
            good
        }
        None => {
            std::hint::black_box(verify(NOBODY, &signed.id, signed.timestamp, body, &signed.signature));
            false
        }
    };
    found.filter(|_| good).map(|(integration, _)| integration).ok_or_else(|| {
        let problem = "there is no such integration, or the signature was not made with its secret";
        ApiError::unauthorised("signature_invalid", problem)
            .hint("sign ID.TIMESTAMP.BODY with the bytes of the body as they are sent")
    })
}

async fn carry_out(
    app: &Shared,
    integration: &Integration,
    id: &str,
    body: axum::body::Bytes,
) -> ApiResult<Response> {
    let incoming = Incoming::new(integration, id, &body);
    if let Some(answer) = incoming.before(&app.store).await? {
        return Ok(answer);
    }
    let read = tokio::task::spawn_blocking(move || records(&body));
    let read = read.await.map_err(|e| ApiError::field("rows", e.to_string(), "send the records again"))??;
    take(&app.store, app.clock.now(), incoming, read).await
}

/// Lists that are read or wait at once: 5 MB each at most. More are asked to come again.
static BODIES: Semaphore = Semaphore::const_new(48);
/// How long a body may take to come.
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// The three headers.
struct Signed {
    id: String,
    timestamp: i64,
    signature: String,
}

impl Signed {
    fn of(headers: &HeaderMap) -> ApiResult<Signed> {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
        let id = header(ID)
            .filter(|id| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
        let timestamp = header(TIMESTAMP).filter(|t| t.len() <= 12).and_then(|t| t.parse().ok());
        match (id, timestamp, header(SIGNATURE)) {
            (Some(id), Some(timestamp), Some(signature)) => {
                Ok(Signed { id: id.to_owned(), timestamp, signature: signature.to_owned() })
            }
            _ => Err(ApiError::unauthorised("signature_missing", "the request is not signed")
                .hint("send webhook-id, webhook-timestamp (unix seconds) and webhook-signature (v1,BASE64)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(id: &str, timestamp: &str, signature: &str) -> ApiResult<Signed> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        Signed::of(&headers)
    }

    #[test]
    fn all_three_headers_are_needed() {
        assert_eq!(signed("d-1", " 1700000000", "v1,AAAA").unwrap().timestamp, 1_700_000_000);
        let long = "x".repeat(LONGEST_ID + 1);
        for (id, timestamp, signature) in [
            ("", "1700000000", "v1,AAAA"),
            ("d-1", "", "v1,AAAA"),
            ("d-1", "1700000000", ""),
            ("d-1", "2023-11-14T22:13:20Z", "v1,AAAA"),
            ("d-1", "1e9", "v1,AAAA"),
            ("d-1", "99999999999999999999", "v1,AAAA"),
            ("d 1", "1700000000", "v1,AAAA"),
            (long.as_str(), "1700000000", "v1,AAAA"),
        ] {
            let refused = signed(id, timestamp, signature).err().unwrap();
            assert_eq!(
                (refused.status.as_u16(), refused.body.code.as_str()),
                (401, "signature_missing"),
                "{id} {timestamp}"
            );
        }
    }
}
