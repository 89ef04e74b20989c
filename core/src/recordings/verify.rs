//! Whether an evidence bundle is what a server gave out. Works without a network, on bundles of any server.
//!
//! The signature covers the manifest, the manifest names every other file with its SHA-256, and each recording's link of the
//! chain names the SHA-256 of its sound. What is not named has no place in a bundle. The key is in the bundle: whoever makes
//! one anew signs it with a key of their own, so the key has to be compared with the one that the server shows.

use crate::error::{Error, Result};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use waybell_domain::evidence::{FORMAT, FileEntry, MANIFEST, Manifest, SIGNATURE, Signature, hex, unhex};
use waybell_domain::id::RecordingId;
use zip::ZipArchive;

/// Largest manifest and signature.
const MOST: u64 = 64 << 20;
/// Length of the record at the end of a zip without a comment, and where its number of files is.
const END: i64 = 22;
const FILES_AT: usize = 10;

/// Files that a manifest names, by their names.
type Named<'a> = HashMap<&'a str, &'a FileEntry>;

/// What a bundle says, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// What it says.
    pub manifest: Manifest,
    /// The key that it says it is signed with.
    pub key: String,
    /// Nothing for a good one.
    pub problems: Vec<Problem>,
}

/// What is wrong with a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum Problem {
    /// The signature is not one of this manifest with this key.
    Signature,
    /// It is signed with another key than the one that was asked for.
    Key,
    /// A file that the manifest names is not there.
    Missing {
        /// Its name.
        name: String,
    },
    /// A file is not what the manifest says.
    Changed {
        /// Its name.
        name: String,
    },
    /// A file that the manifest does not name.
    Unlisted {
        /// Its name.
        name: String,
    },
    /// Two files have one name, or something stands before or behind the zip.
    Twice,
    /// A recording's link of the chain is not what its hash says, or lies behind the chain's end.
    Link {
        /// The recording.
        recording: RecordingId,
    },
    /// A recording's sound is not what its link of the chain says: it was changed on the server.
    Sound {
        /// The recording.
        recording: RecordingId,
    },
    /// A call has a recording that is not in the chain.
    Unproved {
        /// The recording.
        recording: RecordingId,
    },
    /// A recording was not on the server, although its time was not over.
    Lost {
        /// The recording.
        recording: RecordingId,
    },
}

/// Checks a bundle. With `key`, the hexadecimal of a server's public key, also that this server has signed it. Blocks.
///
/// # Errors
/// `BadInput` for a file that cannot be read, is no bundle, or of a form that this program does not know.
pub fn verify(path: &Path, key: Option<&str>) -> Result<Checked> {
    let file = File::open(path).map_err(|e| bad(&e.to_string()))?;
    let mut problems = Vec::new();
    let counted = entries(&file).unwrap_or(None);
    let mut zip = ZipArchive::new(file).map_err(|_| no_bundle())?;
    if counted != Some(zip.len()) || zip.offset() != 0 {
        problems.push(Problem::Twice);
    }
    let text = small(&mut zip, MANIFEST)?;
    let signature: Signature =
        serde_json::from_slice(&small(&mut zip, SIGNATURE)?).map_err(|_| no_bundle())?;
    let manifest: Manifest = match serde_json::from_slice::<serde_json::Value>(&text) {
        Ok(value) if value["format"] == FORMAT => serde_json::from_value(value).map_err(|_| no_bundle())?,
        Ok(value) if value["format"].is_string() => {
            let hint = "install the newest program";
            return Err(Error::bad("file", "is of a form that this program does not know", hint));
        }
        _ => return Err(no_bundle()),
    };
    let signed = is_signed(&text, &signature);
    let by_them = key.is_none_or(|key| key.trim().eq_ignore_ascii_case(&signature.key));
    if !signed {
        problems.push(Problem::Signature);
    }
    if !by_them {
        problems.push(Problem::Key);
    }
    // what nobody trusted has signed is not worth the work, of which it may ask for any amount
    if signed && by_them {
        let named = manifest.files.iter().map(|f| (f.name.as_str(), f)).collect();
        check_files(&mut zip, &manifest, &named, &mut problems)?;
        check_recordings(&manifest, &named, &mut problems);
    }
    Ok(Checked { manifest, key: signature.key, problems })
}

fn bad(problem: &str) -> Error {
    Error::bad("file", problem, "name the zip file of `waybell evidence`")
}

fn no_bundle() -> Error {
    bad("is no evidence bundle")
}

/// How many files the end of a zip tells of; readers know files by their names and would pass over a second one of a name.
fn entries(mut file: &File) -> std::io::Result<Option<usize>> {
    file.seek(SeekFrom::End(-END))?;
    let mut end = [0; END as usize];
    file.read_exact(&mut end)?;
    file.rewind()?;
    let count = u16::from_le_bytes([end[FILES_AT], end[FILES_AT + 1]]);
    Ok(end.starts_with(b"PK\x05\x06").then_some(usize::from(count)))
}

fn small(zip: &mut ZipArchive<File>, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = zip.by_name(name).map_err(|_| no_bundle())?;
    file.take(MOST).read_to_end(&mut bytes).map_err(|_| no_bundle())?;
    Ok(bytes)
}

fn is_signed(manifest: &[u8], signature: &Signature) -> bool {
    let (Some(key), Some(bytes)) = (unhex::<32>(&signature.key), unhex::<64>(&signature.signature)) else {
        return false;
    };
    signature.algorithm == "Ed25519" && UnparsedPublicKey::new(&ED25519, key).verify(manifest, &bytes).is_ok()
}

fn check_files(
    zip: &mut ZipArchive<File>,
    manifest: &Manifest,
    named: &Named<'_>,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let there: Result<HashSet<String>> =
        zip.file_names().map(|name| name.map(Cow::into_owned).map_err(|_| no_bundle())).collect();
    let there = there?;
    let mut unlisted: Vec<&String> = there
        .iter()
        .filter(|n| !named.contains_key(n.as_str()) && *n != MANIFEST && *n != SIGNATURE)
        .collect();
    unlisted.sort();
    problems.extend(unlisted.into_iter().map(|name| Problem::Unlisted { name: name.clone() }));
    let mut seen = HashSet::new();
    for entry in &manifest.files {
        let name = entry.name.clone();
        if !seen.insert(&entry.name) {
            problems.push(Problem::Changed { name });
        } else if !there.contains(&name) {
            problems.push(Problem::Missing { name });
        } else if digest(zip, entry).as_deref() != Some(entry.sha256.as_str()) {
            problems.push(Problem::Changed { name });
        }
    }
    Ok(())
}

/// SHA-256 of a file of the length that the manifest gives; `None` for one of another length, and for one that does not read.
fn digest(zip: &mut ZipArchive<File>, entry: &FileEntry) -> Option<String> {
    let mut file = zip.by_name(&entry.name).ok()?.take(entry.bytes.checked_add(1)?);
    let mut hash = Sha256::new();
    let bytes = std::io::copy(&mut file, &mut hash).ok()?;
    (bytes == entry.bytes).then(|| hex(&hash.finalize()))
}

fn check_recordings(manifest: &Manifest, named: &Named<'_>, problems: &mut Vec<Problem>) {
    for call in &manifest.calls {
        for proved in &call.recordings {
            let (link, recording) = (&proved.link, proved.link.recording);
            let is_last = link.seq == manifest.head_seq;
            if !link.is_sound()
                || link.call != call.call.id
                || link.seq > manifest.head_seq
                || is_last && link.hash != manifest.head_hash
            {
                problems.push(Problem::Link { recording });
            }
            let sound = proved.file.as_deref().map(|name| named.get(name));
            match (sound, proved.problem.as_deref()) {
                (Some(Some(entry)), _) if entry.sha256 == link.sha256 && entry.bytes == link.bytes => {}
                (Some(_), _) => problems.push(Problem::Sound { recording }),
                (None, Some("gone")) if link.keep_until <= manifest.made_at => {}
                (None, _) => problems.push(Problem::Lost { recording }),
            }
        }
        // what the call says to be recorded is proved, unless it never was whole
        if let Some(audio) = call.call.audio.as_ref().filter(|a| a.sha256.is_some())
            && !call.recordings.iter().any(|r| r.link.recording == audio.id)
        {
            problems.push(Problem::Unproved { recording: audio.id });
        }
    }
}
