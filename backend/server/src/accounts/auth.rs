//! The sign-in check in front of every route.

use super::tokens::Claims;
use crate::app::Shared;
use crate::http::error::ApiError;
use crate::store::scope::Scope;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use waybell_domain::id::{BranchId, OrganisationId, SessionId, UserId};
use waybell_domain::wire::Role;

/// A signed-in person: extract it in a route to require one.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What the person may see.
    pub scope: Scope,
    /// The session.
    pub session: SessionId,
}

impl Signed {
    /// Fails with 403 unless the person administers the organisation.
    pub fn administrator(&self) -> Result<&Scope, ApiError> {
        if self.scope.role.is_administrator() { Ok(&self.scope) } else { Err(ApiError::forbidden()) }
    }
}

impl FromRequestParts<Shared> for Signed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).or_else(|| query_token(parts.uri.query())).ok_or_else(|| {
            ApiError::unauthorised("token_missing", "sign in first: send Authorization: Bearer TOKEN")
        })?;
        let signed = check(app, &token)?;
        app.limits.person(signed.scope.person)?;
        crate::store::wall::signed_in(signed.scope.organisation);
        Ok(signed)
    }
}

/// Checks an access token.
pub fn check(app: &Shared, token: &str) -> Result<Signed, ApiError> {
    let claims = app.tokens.check(token, app.clock.now())?;
    let signed = from_claims(&claims).ok_or_else(|| {
        ApiError::unauthorised("token_invalid", "the access token is not one of this server")
    })?;
    if app.revoked.lock().contains_key(&signed.session) {
        return Err(ApiError::unauthorised("signed_out", "this session was signed out"));
    }
    Ok(signed)
}

fn from_claims(claims: &Claims) -> Option<Signed> {
    Some(Signed {
        scope: Scope {
            organisation: OrganisationId::parse(&claims.org).ok()?,
            branch: claims.branch.as_deref().map(BranchId::parse).transpose().ok()?,
            person: UserId::parse(&claims.sub).ok()?,
            role: Role::parse(&claims.role)?,
        },
        session: SessionId::parse(&claims.sid).ok()?,
    })
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned)
}

/// Browsers cannot set headers on a WebSocket: there the token comes as `?access_token=`.
fn query_token(query: Option<&str>) -> Option<String> {
    query?.split('&').find_map(|p| p.strip_prefix("access_token=")).map(str::to_owned)
}
