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
        let Raw(bytes) = Raw::from_request(request, state).await?;
        let value = parse(&bytes)?;
        Ok(Body { value, bytes })
    }
}

/// A JSON body in which every field must be known: for rules and accounts, where a field that is spelt wrong must not be
/// passed over. Phones send [`Body`], so that a newer one can talk to an older server.
pub struct Strict<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Strict<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        parse_strict(&bytes).map(Strict)
    }
}

/// A body as it came.
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Bytes::from_request(request, state).await.map(Raw).map_err(|_| {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large or broke off")
                .hint("send it in parts of 32 MB at most")
        })
    }
}

/// Reads JSON; the error names the field, as `rows[3].phone`, or the place in the text.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    object(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|e| refused(&e.path().to_string(), e.inner()))?;
    reader.end().map_err(|e| refused(".", &e))?;
    Ok(value)
}

/// The same; a field that `T` does not have is an error too.
pub fn parse_strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    object(bytes)?;
    let mut unknown = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string().replace(".?", ""));
    };
    let value = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(&mut reader, &mut note))
        .map_err(|e| refused(&e.path().to_string(), e.inner()))?;
    reader.end().map_err(|e| refused(".", &e))?;
    match unknown {
        None => Ok(value),
        Some(field) => {
            let hint = "compare its name with the API reference; nothing was changed";
            Err(ApiError::field(field, "there is no such field", hint))
        }
    }
}

/// serde takes a list for an object, field by field; no route means that, and an empty list would be all defaults.
fn object(bytes: &[u8]) -> Result<(), ApiError> {
    match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'[') => Err(ApiError::field(
            "line 1 column 1",
            "the body is a list where an object is expected",
            "send {\"field\": value, ...}",
        )),
        _ => Ok(()),
    }
}

/// What serde calls by the name of a type, as people say it.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not below 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "string" | "a borrowed string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        other => other,
    }
}

/// serde's text quotes values, which may be personal: only what was expected is told, and the name of a missing field.
fn refused(path: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let readable = error.is_data();
    let field = match (path, missing) {
        (path, None) if !readable || path == "." => {
            format!("line {} column {}", error.line(), error.column())
        }
        (".", Some(name)) => name.to_owned(),
        (path, None) => path.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
    };
    // what follows names types and field names only, never what was sent
    let expected =
        text.rsplit_once("expected ").map(|(_, rest)| rest.split(" at line ").next().unwrap_or(rest));
    let what = match (missing, expected) {
        (Some(_), _) => "missing field".to_owned(),
        (None, Some(expected)) => format!("expected {}", in_words(expected)),
        (None, None) => format!("{} error", format!("{:?}", error.classify()).to_lowercase()),
    };
    let problem = format!("the body is not the JSON that this route takes ({what})");
    ApiError::field(field, problem, "compare it with the API reference")
}
