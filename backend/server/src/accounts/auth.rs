//! The sign-in check in front of every route.

use super::tokens::{ACCESS_MS, Claims};
use crate::app::Shared;
use crate::http::error::ApiError;
use crate::store::scope::Scope;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use waybell_domain::clock::UnixMs;
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
    still(app, signed)
}

/// A link to a recording, in this person's name, and when it ends: no later than an access token would, so that whoever is signed
/// out meanwhile is known.
pub fn link(app: &Shared, signed: &Signed, call: &str) -> Result<(String, UnixMs), ApiError> {
    let ends = UnixMs(app.clock.now().0 / 1000 * 1000 + ACCESS_MS);
    let scope = &signed.scope;
    let claims = Claims {
        sub: scope.person.to_string(),
        org: scope.organisation.to_string(),
        branch: scope.branch.map(|b| b.to_string()),
        role: scope.role.as_str().to_owned(),
        sid: signed.session.to_string(),
        exp: ends.0 / 1000,
    };
    Ok((app.tokens.link(call, &claims)?, ends))
}

/// Who gave a link out, and its call: from here on the request works in their name.
pub fn by_link(app: &Shared, link: &str) -> Result<(Signed, String), ApiError> {
    let found = app.tokens.linked(link, app.clock.now());
    let found = found.and_then(|(call, claims)| Some((from_claims(&claims)?, call)));
    let (signed, call) = found.ok_or_else(|| {
        ApiError::unauthorised("link_invalid", "the link has ended, or is not one of this server")
    })?;
    let signed = still(app, signed)?;
    app.limits.person(signed.scope.person)?;
    crate::store::wall::signed_in(signed.scope.organisation);
    Ok((signed, call))
}

fn still(app: &Shared, signed: Signed) -> Result<Signed, ApiError> {
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
