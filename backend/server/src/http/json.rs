//! Reading bodies: like axum's `Json`, but what is wrong is named by field, and the raw bytes stay for hashing.

use super::error::ApiError;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

/// A JSON body and its bytes.
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// As it came.
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|_| {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large or broke off")
        })?;
        let value = parse(&bytes)?;
        Ok(Body { value, bytes })
    }
}

/// Reads JSON; the error names line and column, and the field when serde knows it.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|e| {
        let text = e.to_string();
        let field = text.split('`').nth(1).map(str::to_owned);
        let mut error = ApiError::field(
            field.unwrap_or_else(|| format!("line {} column {}", e.line(), e.column())),
            "the body is not the JSON that this route takes",
            "compare it with the API reference",
        );
        // serde's text quotes values, which may be personal: only its kind is told
        error.body.message = format!("the body is not the JSON that this route takes ({:?} error)", e.classify());
        error
    })
}
