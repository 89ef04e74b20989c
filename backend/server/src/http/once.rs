//! Requests that may come twice: `Idempotency-Key`.
//!
//! The phone's outbox sends a request until it has an answer, so the same request can arrive any number of times. The
//! answer of the first is stored in the same transaction as its effect; each later one with the same key gets that
//! answer. The same key with another body is refused (409), because it would hide a lost request.

use super::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{Write, one};
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sea_orm::FromQueryResult;
use serde::Serialize;
use sha2::{Digest, Sha256};
use waybell_domain::clock::UnixMs;

/// A request with a key, or without.
pub struct Once {
    key: Option<String>,
    hash: String,
}

#[derive(FromQueryResult)]
struct Stored {
    request_hash: String,
    status: i64,
    body: String,
}

impl Once {
    /// Takes the header `Idempotency-Key` (8 to 100 printable ASCII characters) and hashes route and body.
    pub fn of(headers: &HeaderMap, route: &str, body: &[u8]) -> ApiResult<Once> {
        let key = match headers.get("idempotency-key") {
            None => None,
            Some(v) => match v.to_str() {
                Ok(t) if (8..=100).contains(&t.len()) => Some(t.to_owned()),
                _ => {
                    return Err(ApiError::field(
                        "Idempotency-Key",
                        "must be 8 to 100 printable characters",
                        "send a UUID",
                    ));
                }
            },
        };
        let mut hasher = Sha256::new();
        hasher.update(route);
        hasher.update([0]);
        hasher.update(body);
        let hash = hasher.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Once { key, hash })
    }

    /// The stored answer, if this request was carried out before.
    pub async fn before(&self, write: &Write, scope: &Scope) -> ApiResult<Option<Response>> {
        let Some(key) = &self.key else { return Ok(None) };
        let stored: Option<Stored> = one(
            write.tx(),
            "SELECT request_hash, status, body FROM operation WHERE person_id = $1 AND key = $2",
            [scope.person.to_string().into(), key.clone().into()],
        )
        .await?;
        match stored {
            None => Ok(None),
            Some(s) if s.request_hash != self.hash => Err(ApiError::conflict(
                "idempotency_key_reused",
                "this Idempotency-Key was used for another request",
            )
            .hint("use a new key for a new request")),
            Some(s) => {
                let status = StatusCode::from_u16(s.status as u16).unwrap_or(StatusCode::OK);
                Ok(Some((status, [("content-type", "application/json")], s.body).into_response()))
            }
        }
    }

    /// Stores the answer, commits, and gives it back.
    pub async fn commit<T: Serialize>(
        self,
        write: Write,
        scope: &Scope,
        now: UnixMs,
        status: StatusCode,
        answer: &T,
    ) -> ApiResult<Response> {
        if let Some(key) = &self.key {
            let body = serde_json::to_string(answer)
                .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string()))?;
            write
                .exec(
                    "INSERT INTO operation (person_id, key, request_hash, status, body, at) VALUES ($1, $2, $3, $4, $5, $6)",
                    [
                        scope.person.to_string().into(),
                        key.clone().into(),
                        self.hash.clone().into(),
                        i64::from(status.as_u16()).into(),
                        body.into(),
                        now.0.into(),
                    ],
                )
                .await?;
        }
        write.commit().await?;
        Ok((status, Json(answer)).into_response())
    }
}
