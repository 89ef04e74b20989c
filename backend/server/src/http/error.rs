//! Errors as answers: one body shape ([`ErrorBody`]), status codes that mean one thing each.

use crate::store::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use waybell_domain::import::TableError;
use waybell_domain::wire::ErrorBody;

/// An answer with a status of 400 or more.
#[derive(Debug)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// Body.
    pub body: Box<ErrorBody>,
}

/// Result of a route.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error with a stable code and a sentence.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let body = ErrorBody {
            code: code.into(),
            message: message.into(),
            field: None,
            hint: None,
            retry_after: None,
        };
        ApiError { status, body: Box::new(body) }
    }

    /// 422: a field of the request cannot be taken.
    pub fn field(field: impl Into<String>, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        let mut e = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_field", problem);
        e.body.field = Some(field.into());
        e.body.hint = Some(hint.into());
        e
    }

    /// 404: there is no such thing for this person (also when it belongs to somebody else).
    pub fn not_found(what: &str) -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// 409: the thing is in a state in which this cannot be done.
    pub fn conflict(code: &str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::CONFLICT, code, message)
    }

    /// 401.
    pub fn unauthorised(code: &str, message: &str) -> Self {
        ApiError::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// 403: the role does not allow it.
    pub fn forbidden() -> Self {
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", "your role does not allow this")
    }

    /// 429.
    pub fn too_many(seconds: u32) -> Self {
        let mut e = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "too many requests");
        e.body.retry_after = Some(seconds);
        e
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "storage failed");
        let mut e =
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "storage", "the server cannot store this now");
        e.body.hint = Some("nothing was done; try again, and see the server's log when it goes on".into());
        e.body.retry_after = Some(2);
        e
    }
}

impl From<TableError> for ApiError {
    fn from(error: TableError) -> Self {
        ApiError::field(error.field, error.problem, error.hint)
    }
}

impl From<sea_orm::DbErr> for ApiError {
    fn from(error: sea_orm::DbErr) -> Self {
        StoreError::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry = self.body.retry_after;
        let mut response = (self.status, Json(*self.body)).into_response();
        if let Some(value) = retry.and_then(|s| HeaderValue::from_str(&s.to_string()).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
