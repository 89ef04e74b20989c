//! Keys of recordings: a master key wraps each organisation's key, which wraps the key of each file.
//!
//! ```text
//!  master key        outside of the database ([`Kms`]; a file of its own is built in)
//!    └─ organisation's key     table organisation_key, wrapped
//!         └─ file's key        recording.sealed_key, wrapped; random, for one file
//!              └─ the sound    waybell_switch::sealed
//! ```
//!
//! Neither the database nor the media folder alone can be heard, nor can both without the master key. To erase a recording is to
//! forget its file's key, to erase an organisation's is to forget the organisation's key: what lies on disks and in copies of the
//! media folder is noise from then on. Each wrap is AES-256-GCM and names what it is for (organisation and key, or recording), so
//! that none passes for another.
//!
//! An organisation has several keys over time: a new one is made where the newest does not open any more, because the server was
//! given another master key or because it was erased. Calls are recorded with the new one, and what the old one sealed says which
//! master key it waits for. Where there is no master key at all nothing is recorded, and each call says so: never in clear.

mod file;
mod service;
mod words;

pub use file::FileKms;
pub use service::Keys;
pub(crate) use service::Stored;

use crate::store::StoreError;
use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use waybell_domain::evidence::{hex, unhex};

/// A secret of 256 bits.
pub type Secret = [u8; 32];

/// Keeps master keys: wraps and unwraps, and never gives one out.
#[async_trait]
pub trait Kms: Send + Sync {
    /// Name of the master key that wraps now.
    fn newest(&self) -> &str;

    /// Whether there is a master key of this name.
    fn has(&self, master: &str) -> bool;

    /// Wraps with the newest one. `about` names what the secret is for.
    async fn wrap(&self, about: &str, secret: &Secret) -> Result<String, KeyError>;

    /// Unwraps what the master key of this name wrapped for `about`.
    async fn unwrap(&self, master: &str, about: &str, wrapped: &str) -> Result<Secret, KeyError>;
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The master keys cannot be read; nothing can be recorded or heard.
    #[error("the master key of recordings cannot be read: {0}")]
    Unavailable(String),
    /// It was wrapped with a master key that is not here.
    #[error("sealed with master key {0}, which this server does not have")]
    OtherMaster(String),
    /// It was erased.
    #[error("the key was erased, and the sound with it")]
    Erased,
    /// What is stored does not unwrap.
    #[error("the stored key is damaged, or is the one of another recording")]
    Damaged,
    /// Sealing failed inside the library.
    #[error("no key could be made")]
    Crypto,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Something that wraps with a secret of its own: hexadecimal of nonce, sealed secret and tag.
struct Wrapper(RandomizedNonceKey);

const WRAPPED: usize = 12 + 32 + 16;

impl Wrapper {
    fn new(secret: &Secret) -> Result<Wrapper, KeyError> {
        RandomizedNonceKey::new(&AES_256_GCM, secret).map(Wrapper).map_err(|_| KeyError::Crypto)
    }

    fn wrap(&self, about: &str, secret: &Secret) -> Result<String, KeyError> {
        let mut out = [0; WRAPPED];
        out[12..44].copy_from_slice(secret);
        let sealed = self.0.seal_in_place_separate_tag(Aad::from(about), &mut out[12..44]);
        let (nonce, tag) = sealed.map_err(|_| KeyError::Crypto)?;
        out[..12].copy_from_slice(nonce.as_ref());
        out[44..].copy_from_slice(tag.as_ref());
        Ok(hex(&out))
    }

    fn unwrap(&self, about: &str, wrapped: &str) -> Result<Secret, KeyError> {
        let mut bytes = unhex::<WRAPPED>(wrapped).ok_or(KeyError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_mut(12);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Damaged)?;
        let plain = self.0.open_in_place(nonce, Aad::from(about), sealed).map_err(|_| KeyError::Damaged)?;
        plain.first_chunk().copied().ok_or(KeyError::Damaged)
    }
}

#[cfg(test)]
mod tests;
