//! Texts of recordings, sealed with a key made from the file's own (HKDF-SHA256, RFC 5869): whoever forgets the one has forgotten
//! the other.

use super::{KeyError, Keys, Secret};
use crate::recordings::Filed;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use sea_orm::ConnectionTrait;
use waybell_domain::evidence::hex;

/// What the key is for.
const ABOUT: &[u8] = b"waybell-words-1";
const NONCE: usize = 12;

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        size_of::<Secret>()
    }
}

fn key(file: &Secret) -> Result<RandomizedNonceKey, KeyError> {
    let mut key = Secret::default();
    Salt::new(HKDF_SHA256, b"")
        .extract(file)
        .expand(&[ABOUT], Length)
        .and_then(|made| made.fill(&mut key))
        .map_err(|_| KeyError::Crypto)?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| KeyError::Crypto)
}

/// Hexadecimal of nonce, sealed text and tag.
fn seal(file: &Secret, about: &str, text: &str) -> Result<String, KeyError> {
    let mut sealed = text.as_bytes().to_vec();
    let nonce =
        key(file)?.seal_in_place_append_tag(Aad::from(about), &mut sealed).map_err(|_| KeyError::Crypto)?;
    Ok(hex(nonce.as_ref()) + &hex(&sealed))
}

fn open(file: &Secret, about: &str, sealed: &str) -> Result<String, KeyError> {
    let mut bytes = unhex(sealed).filter(|b| b.len() >= NONCE).ok_or(KeyError::Damaged)?;
    let (nonce, sealed) = bytes.split_at_mut(NONCE);
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Damaged)?;
    let plain = key(file)?.open_in_place(nonce, Aad::from(about), sealed).map_err(|_| KeyError::Damaged)?;
    String::from_utf8(plain.to_vec()).map_err(|_| KeyError::Damaged)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let whole = digits.len().is_multiple_of(2);
    whole.then(|| digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect())
}

impl Keys {
    /// Seals the text of a recording.
    ///
    /// # Errors
    /// The file's key was erased, is damaged, or waits for a master key; [`KeyError::Damaged`] for a file in clear.
    pub(crate) async fn seal_words<C: ConnectionTrait>(
        &self,
        db: &C,
        filed: &Filed,
        text: &str,
    ) -> Result<String, KeyError> {
        let stored = filed.key.as_ref().ok_or(KeyError::Damaged)?;
        seal(&self.file_secret(db, filed.id, stored).await?, &filed.id.to_string(), text)
    }

    /// Opens it again.
    ///
    /// # Errors
    /// As above.
    pub(crate) async fn open_words<C: ConnectionTrait>(
        &self,
        db: &C,
        filed: &Filed,
        sealed: &str,
    ) -> Result<String, KeyError> {
        let stored = filed.key.as_ref().ok_or(KeyError::Damaged)?;
        open(&self.file_secret(db, filed.id, stored).await?, &filed.id.to_string(), sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_opens_with_its_own_key_and_name_alone() {
        let sealed = seal(&[1; 32], "a", "放门口").unwrap();
        assert_eq!(open(&[1; 32], "a", &sealed).unwrap(), "放门口");
        assert!(!sealed.contains(&hex("放门口".as_bytes())));
        assert_ne!(seal(&[1; 32], "a", "放门口").unwrap(), sealed);
        assert!(open(&[2; 32], "a", &sealed).is_err());
        assert!(open(&[1; 32], "b", &sealed).is_err());
        for bad in ["", "00", "x", &sealed[..sealed.len() - 2], &sealed[1..]] {
            assert!(open(&[1; 32], "a", bad).is_err(), "{bad}");
        }
    }
}
