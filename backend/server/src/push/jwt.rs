//! JSON Web Tokens that a vendor is shown: signed with the key that the vendor gave out (RFC 7515, RFC 7518).

use crate::speech::Secret;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;

/// A private key.
pub(super) enum Signer {
    /// RS256.
    Rsa(Box<RsaKeyPair>),
    /// ES256.
    Ec(Box<EcdsaKeyPair>),
}

impl Signer {
    /// An RSA key in PEM. The error is what is wrong with the text, without any of it.
    pub(super) fn rsa(pem: &[u8]) -> Result<Signer, &'static str> {
        let pair = match der(pem)? {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err("is no RSA key"),
        };
        pair.map(|p| Signer::Rsa(Box::new(p))).map_err(|_| "is no RSA key of 2048 bits or more")
    }

    /// A key on the curve P-256 in PEM, likewise.
    pub(super) fn p256(pem: &[u8]) -> Result<Signer, &'static str> {
        let PrivateKeyDer::Pkcs8(key) = der(pem)? else { return Err("is no PKCS #8 key of P-256") };
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der())
            .map(|p| Signer::Ec(Box::new(p)))
            .map_err(|_| "is no key of P-256")
    }

    /// A token of these claims, signed by the key of this id. `None` where the cryptography fails.
    pub(super) fn sign(&self, key_id: &str, claims: &Value) -> Option<Secret> {
        let algorithm = match self {
            Signer::Rsa(_) => "RS256",
            Signer::Ec(_) => "ES256",
        };
        let header = serde_json::json!({ "alg": algorithm, "kid": key_id, "typ": "JWT" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let body = format!("{}.{}", part(&header), part(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Signer::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, body.as_bytes(), &mut out).ok()?;
                out
            }
            Signer::Ec(pair) => pair.sign(&random, body.as_bytes()).ok()?.as_ref().to_vec(),
        };
        Some(Secret::from(format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature)).as_str()))
    }
}

fn der(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| "holds no private key in PEM")
}
