//! Sealing of personal fields: XChaCha20-Poly1305 with a fresh nonce each time; the row's id is authenticated, so that a
//! sealed body cannot be moved to another row.

use crate::error::{Error, Result};
use chacha20poly1305::aead::{Aead, AeadCore, KeyInit, OsRng, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::Serialize;
use serde::de::DeserializeOwned;

const NONCE: usize = 24;

/// Seals and opens.
#[derive(Clone)]
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
}

impl Seal {
    pub(crate) fn new(key: [u8; 32]) -> Seal {
        Seal { cipher: XChaCha20Poly1305::new(Key::from_slice(&key)) }
    }

    pub(crate) fn seal<T: Serialize>(&self, id: &str, value: &T) -> Result<Vec<u8>> {
        self.seal_bytes(id, &serde_json::to_vec(value)?)
    }

    pub(crate) fn seal_bytes(&self, id: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let sealed =
            self.cipher.encrypt(&nonce, Payload { msg: plain, aad: id.as_bytes() }).map_err(damaged)?;
        let mut out = nonce.to_vec();
        out.extend(sealed);
        Ok(out)
    }

    pub(crate) fn open<T: DeserializeOwned>(&self, id: &str, sealed: &[u8]) -> Result<T> {
        Ok(serde_json::from_slice(&self.open_bytes(id, sealed)?)?)
    }

    pub(crate) fn open_bytes(&self, id: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        if sealed.len() < NONCE {
            return Err(damaged("a sealed value is too short"));
        }
        let (nonce, body) = sealed.split_at(NONCE);
        self.cipher
            .decrypt(XNonce::from_slice(nonce), Payload { msg: body, aad: id.as_bytes() })
            .map_err(|_| damaged("a sealed value does not open with this key"))
    }
}

fn damaged(problem: impl ToString) -> Error {
    Error::storage(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_its_key_and_row() {
        let seal = Seal::new([1; 32]);
        let sealed = seal.seal("a", &"+8613800001111").unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("1380000"));
        assert_eq!(seal.open::<String>("a", &sealed).unwrap(), "+8613800001111");
        assert!(seal.open::<String>("b", &sealed).is_err());
        assert!(Seal::new([2; 32]).open::<String>("a", &sealed).is_err());
        assert!(seal.open::<String>("a", &sealed[..10]).is_err());
    }
}
