//! Tokens.
//!
//! *Access token*: a JWT (HS256) of ten minutes with person, organisation, branch, role and session. *Refresh token*:
//! 32 random bytes, stored as SHA-256. Using the newest one makes a new one; the one before stays good until the new
//! one is first used, so a lost answer signs nobody out. A token older than that is reuse: somebody copied it, and the
//! whole session is revoked.

use crate::http::error::ApiError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::SessionId;

/// Life of an access token.
pub const ACCESS_MS: i64 = 10 * 60 * 1000;
/// Life of a session that is not used.
pub const SESSION_MS: i64 = 60 * 24 * 3600 * 1000;

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Person.
    pub sub: String,
    /// Organisation.
    pub org: String,
    /// Branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Role word.
    pub role: String,
    /// Session.
    pub sid: String,
    /// End, unix seconds.
    pub exp: i64,
}

/// Signs and checks access tokens.
pub struct TokenKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl TokenKeys {
    /// Reads the secret in `DATA/token.key`, or makes it.
    pub fn open(data: &Path) -> std::io::Result<TokenKeys> {
        let file = data.join("token.key");
        let secret = match std::fs::read(&file) {
            Ok(bytes) if bytes.len() >= 32 => bytes,
            _ => {
                let mut bytes = vec![0u8; 48];
                rand::rng().fill_bytes(&mut bytes);
                write_private(&file, &bytes)?;
                bytes
            }
        };
        Ok(TokenKeys {
            encoding: EncodingKey::from_secret(&secret),
            decoding: DecodingKey::from_secret(&secret),
        })
    }

    /// A signed token.
    pub fn sign(&self, claims: &Claims) -> Result<String, ApiError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .map_err(|e| ApiError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "token", e.to_string()))
    }

    /// Checks signature and age.
    pub fn check(&self, token: &str, now: UnixMs) -> Result<Claims, ApiError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|_| {
                ApiError::unauthorised("token_invalid", "the access token is not one of this server")
            })?
            .claims;
        if claims.exp * 1000 <= now.0 {
            return Err(ApiError::unauthorised("token_expired", "the access token has ended: refresh it"));
        }
        Ok(claims)
    }
}

/// A new refresh token of a session (`SESSION.RANDOM`), and its hash.
pub fn new_refresh(session: SessionId) -> (String, String) {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    let token = format!("{session}.{}", URL_SAFE_NO_PAD.encode(bytes));
    let hash = refresh_hash(&token);
    (token, hash)
}

/// What is stored of a refresh token.
pub fn refresh_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut f = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    f.write_all(bytes)?;
    f.sync_all()
}
