//! What a bundle holds.

use super::Link;
use crate::clock::UnixMs;
use crate::id::{OrganisationId, UserId};
use crate::wire::{CallView, ExplainView, TryView};
use serde::{Deserialize, Serialize};

/// The form that is described here.
pub const FORMAT: &str = "waybell-evidence-1";
/// Name of the manifest in the zip.
pub const MANIFEST: &str = "manifest.json";
/// Name of its signature.
pub const SIGNATURE: &str = "manifest.sig";

/// Everything that a bundle says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Whose calls.
    pub organisation: OrganisationId,
    /// Its name.
    pub company: String,
    /// When it was put together.
    pub made_at: UnixMs,
    /// By whom.
    pub made_by: Party,
    /// What for.
    pub reason: String,
    /// Number of the newest link of the chain at that moment; 0 for none.
    pub head_seq: u64,
    /// Its hash.
    pub head_hash: String,
    /// The calls, in the order they were asked for.
    pub calls: Vec<ProvedCall>,
    /// Every other file of the zip, but for the signature.
    pub files: Vec<FileEntry>,
}

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The account.
    pub id: UserId,
    /// The name on screens.
    pub name: String,
}

/// A call, with why it went to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvedCall {
    /// The call.
    pub call: CallView,
    /// Who took or made it.
    pub courier: Option<Party>,
    /// Every rule that was asked.
    pub explain: Vec<ExplainView>,
    /// Everybody who was rung.
    pub tries: Vec<TryView>,
    /// Its recordings and voicemails that are in the chain.
    pub recordings: Vec<ProvedRecording>,
}

/// A recording of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvedRecording {
    /// Its link.
    pub link: Link,
    /// Its file in the zip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What is wrong with the file: `gone` (its time was over), `missing` (it should be there and is not), `changed` (it is
    /// not what the link says).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A file of the zip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name, with `/` between folders.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// `manifest.sig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// `Ed25519`.
    pub algorithm: String,
    /// Public key of the server, 32 bytes in hexadecimal.
    pub key: String,
    /// Over the bytes of the manifest, 64 bytes in hexadecimal.
    pub signature: String,
}
