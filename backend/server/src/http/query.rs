//! Reading queries: like axum's `Query`, but what is wrong is told in the one shape of errors and named by parameter.

use super::error::ApiError;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The query of a request.
pub struct Query<T>(pub T);

/// The query of a change that can be tried.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::IntoParams)]
pub struct DryRun {
    /// Only say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let text = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Query).map_err(|e| {
            let problem = "the query is not one that this route takes";
            ApiError::field(e.path().to_string(), problem, "compare it with the API reference")
        })
    }
}
