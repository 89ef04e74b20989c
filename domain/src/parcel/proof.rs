//! Proof of delivery: which deeds want a photo, as data of the organisation's policy.

use super::{DeedKind, TaskKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Most photos of one deed.
pub const MOST_PROOFS: usize = 9;

words! {
    /// Whether a photo goes with a deed.
    #[derive(Default)]
    pub enum ProofLevel {
        /// Not taken without one.
        Required = "required", "必须", "required";
        /// As the courier likes.
        #[default]
        Enabled = "enabled", "可选", "enabled";
        /// Taken without one, but the courier is reminded.
        Warn = "warn", "提醒", "warn";
        /// Not asked for, and not kept.
        Off = "off", "关闭", "off";
    }
}

/// A line of the rules: the first that fits counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofRule {
    /// For tasks of this kind; for all where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskKind>,
    /// For deeds of this kind; for all where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deed: Option<DeedKind>,
    /// What holds then.
    pub level: ProofLevel,
}

/// The level for a deed. Where no rule fits it is [`ProofLevel::Enabled`].
#[must_use]
pub fn proof_level(rules: &[ProofRule], task: TaskKind, deed: DeedKind) -> ProofLevel {
    let fits = |r: &&ProofRule| r.task.is_none_or(|t| t == task) && r.deed.is_none_or(|d| d == deed);
    rules.iter().find(fits).map_or(ProofLevel::default(), |r| r.level)
}

/// A photo, by what it holds and where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Proof {
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where it lies, in the words of whoever keeps it; at most 200 characters.
    #[serde(default)]
    pub reference: String,
}

impl Proof {
    /// The photo with these bytes.
    #[must_use]
    pub fn of(bytes: &[u8], reference: &str) -> Proof {
        let sha256 = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        Proof { sha256, reference: reference.chars().take(200).collect() }
    }

    /// True if the hash is one and the reference is not too long.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.sha256.len() == 64
            && self.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && self.reference.chars().count() <= 200
    }
}
