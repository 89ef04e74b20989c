//! The key that bundles are signed with: Ed25519 (RFC 8032), in `DATA/evidence.key` as PKCS #8.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use std::io::{Error, ErrorKind};
use std::path::Path;
use waybell_domain::evidence::{Signature, hex};

/// Signs manifests.
pub struct EvidenceKey(Ed25519KeyPair);

impl EvidenceKey {
    /// Reads the key, or makes it. A damaged one is put aside as `evidence.key.damaged` and made anew: bundles are signed
    /// with another key from then on, and the server starts.
    pub fn open(data: &Path) -> std::io::Result<EvidenceKey> {
        let file = data.join("evidence.key");
        match std::fs::read(&file) {
            Ok(bytes) => {
                if let Ok(pair) = Ed25519KeyPair::from_pkcs8(&bytes) {
                    return Ok(EvidenceKey(pair));
                }
                tracing::error!(
                    file = %file.display(),
                    "the key of evidence bundles is damaged; it is put aside and made anew: tell who checks bundles"
                );
                std::fs::rename(&file, data.join("evidence.key.damaged"))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::other(format!("cannot read {}: {error}", file.display()))),
        }
        let other = |e: &dyn std::fmt::Display| Error::other(format!("no key for evidence bundles: {e}"));
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|e| other(&e))?;
        crate::files::put(&file, document.as_ref(), crate::files::Readers::Owner)?;
        Ed25519KeyPair::from_pkcs8(document.as_ref()).map(EvidenceKey).map_err(|e| other(&e))
    }

    /// The public key, hexadecimal.
    pub fn public(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    /// Signs the bytes of a manifest.
    pub fn sign(&self, manifest: &[u8]) -> Signature {
        Signature {
            algorithm: "Ed25519".to_owned(),
            key: self.public(),
            signature: hex(self.0.sign(manifest).as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use std::os::unix::fs::MetadataExt;
    use waybell_domain::evidence::unhex;

    #[test]
    fn the_key_is_kept_and_a_damaged_one_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let key = EvidenceKey::open(dir.path()).unwrap();
        let file = dir.path().join("evidence.key");
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let signed = key.sign(b"manifest");
        let public = UnparsedPublicKey::new(&ED25519, unhex::<32>(&signed.key).unwrap());
        public.verify(b"manifest", &unhex::<64>(&signed.signature).unwrap()).unwrap();
        assert_eq!(EvidenceKey::open(dir.path()).unwrap().public(), key.public());

        std::fs::write(&file, "nothing").unwrap();
        assert_ne!(EvidenceKey::open(dir.path()).unwrap().public(), key.public());
        assert_eq!(std::fs::read(dir.path().join("evidence.key.damaged")).unwrap(), b"nothing");
    }
}
