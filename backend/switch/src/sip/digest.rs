//! Digest credentials for a challenge (RFC 2617, RFC 7616, RFC 8760): MD5 and SHA-256, `qop=auth` or none.
//!
//! Own code, because `rsipstack`'s reads neither the token `SHA-256` nor a list of qops, and both occur.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::message::split_list;
use crate::config::Credentials;

/// A challenge of a 401 or 407.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<String>,
    sha256: bool,
    sess: bool,
    qop: bool,
    /// The nonce was right once, only too old: the same password may be tried again.
    pub(crate) stale: bool,
}

impl Challenge {
    /// Reads a `WWW-Authenticate` or `Proxy-Authenticate` value; `None` where it is of another scheme or asks for what
    /// we cannot do.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let get = |name: &str| {
            split_list(rest).find_map(|p| {
                let (key, v) = p.split_once('=')?;
                key.trim().eq_ignore_ascii_case(name).then(|| v.trim().trim_matches('"').to_owned())
            })
        };
        let algorithm = get("algorithm");
        let (sha256, sess) = match algorithm.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("MD5") => (false, false),
            Some("MD5-SESS") => (false, true),
            Some("SHA-256") => (true, false),
            Some("SHA-256-SESS") => (true, true),
            Some(_) => return None,
        };
        let qop = match get("qop") {
            None => false,
            Some(list) if list.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        Some(Self {
            realm: get("realm")?,
            nonce: get("nonce")?,
            opaque: get("opaque"),
            algorithm,
            sha256,
            sess,
            qop,
            stale: get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
        })
    }

    /// Whether these credentials are meant for this realm.
    pub(crate) fn suits(&self, credentials: &Credentials) -> bool {
        credentials.realm.as_ref().is_none_or(|r| *r == self.realm)
    }

    fn hash(&self, text: &str) -> String {
        use std::fmt::Write as _;
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut out, b| {
                let _ = write!(out, "{b:02x}");
                out
            })
        };
        if self.sha256 {
            hex(&Sha256::digest(text.as_bytes()))
        } else {
            hex(&<Md5 as md5::Digest>::digest(text.as_bytes()))
        }
    }

    /// The value of `Authorization` or `Proxy-Authorization`.
    pub(crate) fn answer(&self, credentials: &Credentials, method: &str, uri: &str, cnonce: &str) -> String {
        let Credentials { username, password, .. } = credentials;
        let mut ha1 = self.hash(&format!("{username}:{}:{password}", self.realm));
        if self.sess {
            ha1 = self.hash(&format!("{ha1}:{}:{cnonce}", self.nonce));
        }
        let ha2 = self.hash(&format!("{method}:{uri}"));
        let nonce = &self.nonce;
        let response = if self.qop {
            self.hash(&format!("{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}"))
        } else {
            self.hash(&format!("{ha1}:{nonce}:{ha2}"))
        };
        let mut out = format!(
            "Digest username=\"{username}\", realm=\"{}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\"",
            self.realm
        );
        if let Some(a) = &self.algorithm {
            out.push_str(&format!(", algorithm={a}"));
        }
        if self.qop {
            out.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
        } else if self.sess {
            out.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        if let Some(o) = &self.opaque {
            out.push_str(&format!(", opaque=\"{o}\""));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(username: &str, password: &str) -> Credentials {
        Credentials { username: username.into(), password: password.into(), realm: None }
    }

    #[test]
    fn the_example_of_rfc_2617() {
        let c = Challenge::parse(
            "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        )
        .expect("challenge");
        let a = c.answer(&credentials("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", "0a4f113b");
        assert!(a.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{a}");
        assert!(
            a.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"") && a.contains("qop=auth, nc=00000001")
        );
    }

    #[test]
    fn the_sha_256_example_of_rfc_7616() {
        let c = Challenge::parse(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        )
        .expect("challenge");
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let a = c.answer(&credentials("Mufasa", "Circle of Life"), "GET", "/dir/index.html", cnonce);
        assert!(a.contains("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"), "{a}");
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512"), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\""), None);
        let c = Challenge::parse("Digest realm=\"x\", nonce=\"y\", stale=TRUE").expect("challenge");
        assert!(c.stale);
        let mut other = credentials("a", "b");
        other.realm = Some("z".into());
        assert!(c.suits(&credentials("a", "b")) && !c.suits(&other));
    }
}
