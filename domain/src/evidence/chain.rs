//! The chain: one link a recording.

use super::{hex, unhex};
use crate::clock::UnixMs;
use crate::id::{CallId, OrganisationId, RecordingId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Names what is hashed, so that no hash of something else can pass for one.
const DOMAIN: &str = "waybell-recording-1";

/// A recording in its organisation's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Link {
    /// Its place in the chain, from 1.
    pub seq: u64,
    /// The recording.
    pub recording: RecordingId,
    /// Its call.
    pub call: CallId,
    /// `call` or `voicemail`.
    pub kind: String,
    /// When it began.
    pub started_at: UnixMs,
    /// How long the sound is, in milliseconds.
    pub ms: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Packets that are known to be missing from it.
    pub lost: u64,
    /// Kept until then: a file that is missing before has not been taken away by the rules.
    pub keep_until: UnixMs,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// `hash` of the link before; of the first link, [`first`].
    pub prev: String,
    /// SHA-256 over the fields above, hexadecimal: [`Link::computed`].
    pub hash: String,
}

/// What the first link of an organisation goes on from.
#[must_use]
pub fn first(organisation: OrganisationId) -> String {
    hex(&Sha256::digest(format!("{DOMAIN}\n{organisation}\n")))
}

impl Link {
    /// The same with `hash` computed.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.hash = self.computed();
        self
    }

    /// What `hash` must be: SHA-256 over one line for each field, in the order above, after a line that names the format.
    #[must_use]
    pub fn computed(&self) -> String {
        let Self {
            seq,
            recording,
            call,
            kind,
            started_at,
            ms,
            bytes,
            lost,
            keep_until,
            sha256,
            prev,
            hash: _,
        } = self;
        // `kind` is the only free text; its length in front keeps a line break in it from moving the others
        let text = format!(
            "{DOMAIN}\n{seq}\n{recording}\n{call}\n{}:{kind}\n{}\n{ms}\n{bytes}\n{lost}\n{}\n{sha256}\n{prev}\n",
            kind.len(),
            started_at.0,
            keep_until.0
        );
        hex(&Sha256::digest(text))
    }

    /// Whether the link is what its hash says.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let digests = [&self.sha256, &self.prev, &self.hash];
        digests.iter().all(|d| unhex::<32>(d).is_some()) && self.hash == self.computed()
    }
}

/// Where a chain is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A link was changed.
    #[error("link {seq} (recording {recording}) is not what its hash says")]
    Changed {
        /// Its number.
        seq: u64,
        /// Its recording.
        recording: RecordingId,
    },
    /// A link does not follow the one before it.
    #[error("link {found} does not follow link {after}")]
    Gap {
        /// The last one that is right; 0 for none.
        after: u64,
        /// What comes next.
        found: u64,
    },
}

/// Checks links that follow number `seq` of hash `hash` (0 and [`first`] from the beginning). Gives where they end, to go on from.
///
/// # Errors
/// The first link that is not right.
pub fn check_chain(seq: u64, hash: &str, links: &[Link]) -> Result<(u64, String), Broken> {
    let mut end = (seq, hash.to_owned());
    for link in links {
        if !link.is_sound() {
            return Err(Broken::Changed { seq: link.seq, recording: link.recording });
        }
        if Some(link.seq) != end.0.checked_add(1) || link.prev != end.1 {
            return Err(Broken::Gap { after: end.0, found: link.seq });
        }
        end = (link.seq, link.hash.clone());
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(n: u64) -> (String, Vec<Link>) {
        let start = first(OrganisationId::at(1, [7; 10]));
        let mut prev = start.clone();
        let links = (1..=n).map(|seq| {
            let link = Link {
                seq,
                recording: RecordingId::at(seq as i64, [1; 10]),
                call: CallId::at(seq as i64, [2; 10]),
                kind: "call".into(),
                started_at: UnixMs(1_772_413_200_000 + seq as i64),
                ms: 4_000,
                bytes: 64_058,
                lost: 0,
                keep_until: UnixMs(1_780_000_000_000),
                sha256: hex(&Sha256::digest(seq.to_string())),
                prev: prev.clone(),
                hash: String::new(),
            }
            .sealed();
            prev.clone_from(&link.hash);
            link
        });
        let links = links.collect();
        (start, links)
    }

    #[test]
    fn a_chain_is_whole_in_pieces_too() {
        let (start, links) = chain(5);
        let end = check_chain(0, &start, &links).unwrap();
        assert_eq!(end, (5, links[4].hash.clone()));
        let (seq, hash) = check_chain(0, &start, &links[..2]).unwrap();
        assert_eq!(check_chain(seq, &hash, &links[2..]).unwrap(), end);
        assert_eq!(check_chain(0, &start, &[]).unwrap(), (0, start.clone()));
        // its numbers say how it is computed: another program must come to the same
        assert_eq!(start, "44cbbad8ca668e7347ff07f8a1df022934ec9aba903331fc16dfe1971735e321");
    }

    #[test]
    fn what_was_changed_taken_out_or_moved_shows() {
        let (start, links) = chain(4);
        let other = first(OrganisationId::at(1, [8; 10]));
        assert_eq!(check_chain(0, &other, &links), Err(Broken::Gap { after: 0, found: 1 }));
        let changes: [fn(&mut Link); 11] = [
            |l| l.seq += 1,
            |l| l.recording = RecordingId::at(9, [9; 10]),
            |l| l.call = CallId::at(9, [9; 10]),
            |l| l.kind = "voicemail".into(),
            |l| l.started_at.0 += 1,
            |l| l.ms += 1,
            |l| l.bytes += 1,
            |l| l.lost += 1,
            |l| l.keep_until.0 -= 1,
            |l| l.sha256.replace_range(..1, "x"),
            |l| l.prev.replace_range(..1, "x"),
        ];
        for change in changes {
            let mut forged = links.clone();
            change(&mut forged[1]);
            assert!(
                matches!(check_chain(0, &start, &forged), Err(Broken::Changed { .. })),
                "{:?}",
                forged[1]
            );
            // whoever computes its hash anew breaks the next one
            forged[1] = forged[1].clone().sealed();
            assert!(check_chain(0, &start, &forged).is_err(), "{:?}", forged[1]);
        }
        let mut shorter = links.clone();
        shorter.remove(1);
        assert_eq!(check_chain(0, &start, &shorter), Err(Broken::Gap { after: 1, found: 3 }));
        let mut moved = links;
        moved.swap(1, 2);
        assert!(check_chain(0, &start, &moved).is_err());
    }
}
