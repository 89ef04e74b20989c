//! Tokens.
//!
//! *Access token*: a JWT (HS256) of ten minutes with person, organisation, branch, role and session. *Refresh token*:
//! 32 random bytes signed by this server, stored as SHA-256. Using the newest one makes a new one; the one before stays good until the new
//! one is first used, so a lost answer signs nobody out. A token older than that is reuse: somebody copied it, and the
//! whole session is revoked.

use crate::http::error::ApiError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
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
    refresh: Hmac<Sha256>,
}

impl TokenKeys {
    /// Reads the secret in `DATA/token.key`, or makes it. A damaged one is made anew: everybody signs in once more, and
    /// meanwhile the dialler rings.
    pub fn open(data: &Path) -> std::io::Result<TokenKeys> {
        let file = data.join("token.key");
        let secret = match std::fs::read(&file) {
            Ok(bytes) if is_secret(&bytes) => bytes,
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(std::io::Error::other(format!("cannot read {}: {error}", file.display())));
            }
            found => {
                if found.is_ok() {
                    tracing::error!(
                        file = %file.display(),
                        "the secret of the tokens is damaged and is made anew: everybody has to sign in again"
                    );
                }
                let mut bytes = vec![0u8; 48];
                rand::rng().fill_bytes(&mut bytes);
                crate::files::put(&file, &bytes, crate::files::Readers::Owner)?;
                bytes
            }
        };
        let refresh = Hmac::new_from_slice(&secret).map_err(std::io::Error::other)?;
        Ok(TokenKeys {
            refresh,
            encoding: EncodingKey::from_secret(&secret),
            decoding: DecodingKey::from_secret(&secret),
        })
    }

    /// A signed token.
    pub fn sign(&self, claims: &Claims) -> Result<String, ApiError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .map_err(|e| ApiError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "token", e.to_string()))
    }

    /// A new refresh token of a session (`SESSION.RANDOM.SIGNATURE`), and its hash.
    pub fn new_refresh(&self, session: SessionId) -> (String, String) {
        let mut bytes = [0u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        let body = format!("{session}.{}", URL_SAFE_NO_PAD.encode(bytes));
        let signature = URL_SAFE_NO_PAD.encode(self.mac("refresh.", &body).finalize().into_bytes());
        let token = format!("{body}.{signature}");
        let hash = refresh_hash(&token);
        (token, hash)
    }

    /// The session that a refresh token was given out to; `None` for what this server never gave out, so that nobody
    /// ends another's session by guessing its id.
    pub fn session_of(&self, token: &str) -> Option<SessionId> {
        let (body, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac("refresh.", body).verify_slice(&signature).ok()?;
        SessionId::parse(body.split_once('.')?.0).ok()
    }

    /// A link to one recording (`CLAIMS.SIGNATURE`), in the name of whom the claims name, until they end.
    pub fn link(&self, call: &str, claims: &Claims) -> Result<String, ApiError> {
        let internal = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        let text = serde_json::to_vec(&(call, claims))
            .map_err(|e| ApiError::new(internal, "token", e.to_string()))?;
        let body = URL_SAFE_NO_PAD.encode(text);
        let signature = URL_SAFE_NO_PAD.encode(self.mac("listen.", &body).finalize().into_bytes());
        Ok(format!("{body}.{signature}"))
    }

    /// The call and the claims of a link that this server gave out and whose time is not over.
    pub fn linked(&self, link: &str, now: UnixMs) -> Option<(String, Claims)> {
        let (body, signature) = link.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac("listen.", body).verify_slice(&signature).ok()?;
        let (call, claims): (String, Claims) =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        (claims.exp.saturating_mul(1000) > now.0).then_some((call, claims))
    }

    /// `purpose` keeps what was signed for one thing from passing for another.
    fn mac(&self, purpose: &str, body: &str) -> Hmac<Sha256> {
        let mut mac = self.refresh.clone();
        mac.update(purpose.as_bytes());
        mac.update(body.as_bytes());
        mac
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

/// SHA-256 of a token, as stored.
pub fn refresh_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

/// Long enough, and not the zeros that a file system leaves of a file whose bytes never arrived.
fn is_secret(bytes: &[u8]) -> bool {
    bytes.len() >= 32 && bytes.iter().any(|b| *b != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refresh(keys: &TokenKeys) -> String {
        keys.new_refresh(SessionId::at(UnixMs(1), [1; 10])).0
    }

    #[test]
    fn the_secret_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let token = refresh(&TokenKeys::open(dir.path()).unwrap());
        assert!(TokenKeys::open(dir.path()).unwrap().session_of(&token).is_some());
    }

    #[test]
    fn a_link_is_good_for_its_call_and_its_time_and_for_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let keys = TokenKeys::open(dir.path()).unwrap();
        let claims = Claims {
            sub: "p".into(),
            org: "o".into(),
            branch: None,
            role: "courier".into(),
            sid: "s".into(),
            exp: 100,
        };
        let link = keys.link("c", &claims).unwrap();
        let (call, found) = keys.linked(&link, UnixMs(99_999)).unwrap();
        assert_eq!((call.as_str(), found.sub.as_str()), ("c", "p"));
        assert!(keys.linked(&link, UnixMs(100_000)).is_none(), "its time is over");
        assert!(keys.check(&link, UnixMs(1)).is_err(), "it is no access token");
        assert!(keys.session_of(&link).is_none(), "it is no refresh token");
        assert!(keys.linked(&keys.sign(&claims).unwrap(), UnixMs(1)).is_none(), "a token is no link");
        // another call, with the same signature
        let other = keys.link("d", &claims).unwrap();
        let forged = format!("{}.{}", other.split_once('.').unwrap().0, link.split_once('.').unwrap().1);
        assert!(keys.linked(&forged, UnixMs(1)).is_none());
        for bad in ["", ".", "a.b", &link[..link.len() - 1]] {
            assert!(keys.linked(bad, UnixMs(1)).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_damaged_secret_is_made_anew_and_never_used() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token.key");
        let token = refresh(&TokenKeys::open(dir.path()).unwrap());
        for damage in [&b""[..], &[7; 31], &[0; 48]] {
            std::fs::write(&file, damage).unwrap();
            let keys = TokenKeys::open(dir.path()).unwrap();
            assert!(keys.session_of(&token).is_none());
            assert!(is_secret(&std::fs::read(&file).unwrap()));
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("token.key")).unwrap();
        let error = TokenKeys::open(dir.path()).err().unwrap();
        assert!(error.to_string().contains("token.key"), "{error}");
    }
}
