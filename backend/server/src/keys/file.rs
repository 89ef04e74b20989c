//! Master keys in a file of their own, one a line; the last one wraps, every one unwraps.
//!
//! So a key is changed by adding a line, and copies of two such files are put together by adding one's lines to the other. The
//! file is made at the first start. One that does not read is never written over: it may be all that opens the recordings.

use super::{KeyError, Kms, Secret, Wrapper};
use async_trait::async_trait;
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use waybell_domain::evidence::{hex, unhex};

const WORD: &str = "waybell-master-1";
/// Largest file.
const MOST: u64 = 1 << 20;
const ABOUT: &str = "# Master keys of Waybell's recordings. Keep a copy apart from the backup: without it no recording can be heard, and\n\
     # whoever has it and a backup hears them all. The last line seals; to change the key add one, and keep the old ones.\n";

/// See the module.
pub struct FileKms {
    path: PathBuf,
    keys: Vec<(String, Wrapper)>,
    newest: String,
}

impl FileKms {
    /// Reads the file, or makes it with a key of its own. Blocks.
    ///
    /// # Errors
    /// `Unavailable`, with what is wrong with it and in which line.
    pub fn open(path: &Path) -> Result<FileKms, KeyError> {
        FileKms::from(path, true)
    }

    /// Reads the file. Blocks.
    ///
    /// # Errors
    /// `Unavailable` also where there is none.
    pub fn existing(path: &Path) -> Result<FileKms, KeyError> {
        FileKms::from(path, false)
    }

    fn from(path: &Path, make: bool) -> Result<FileKms, KeyError> {
        let told = |problem: String| KeyError::Unavailable(format!("{}: {problem}", path.display()));
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if make && error.kind() == ErrorKind::NotFound => {
                let text = format!("{ABOUT}{WORD} {}\n", hex(&rand::random::<Secret>()));
                crate::files::put(path, text.as_bytes(), crate::files::Readers::Owner)
                    .map_err(|e| told(format!("cannot be made: {e}")))?;
                tracing::info!(file = %path.display(), "a master key of recordings was made: keep a copy of it");
                text
            }
            Err(error) => return Err(told(error.to_string())),
        };
        let mut keys = Vec::new();
        for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let secret = line.strip_prefix(WORD).and_then(|rest| unhex::<32>(rest.trim()));
            let secret = secret.filter(|s| s.iter().any(|b| *b != 0));
            let wrong = || told(format!("line {n} is no `{WORD}` and 64 digits (0-9, a-f)"));
            let secret = secret.ok_or_else(wrong)?;
            keys.push((name(&secret), Wrapper::new(&secret)?));
        }
        let newest = keys.last().map(|(name, _)| name.clone());
        let newest = newest.ok_or_else(|| told("has no key in it".to_owned()))?;
        Ok(FileKms { path: path.to_owned(), keys, newest })
    }

    fn find(&self, master: &str) -> Result<&Wrapper, KeyError> {
        let found = self.keys.iter().find(|(name, _)| name == master).map(|(_, wrapper)| wrapper);
        found.ok_or_else(|| {
            tracing::error!(master, file = %self.path.display(), "a master key is not in its file: add the line that it had");
            KeyError::OtherMaster(master.to_owned())
        })
    }
}

/// The text, and a warning where others may read it too.
fn read(path: &Path) -> std::io::Result<String> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "others may read the master key of recordings: chmod 600");
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// What a master key is called: says nothing of it.
fn name(secret: &Secret) -> String {
    let mut hash = Sha256::new();
    hash.update(WORD);
    hash.update(secret);
    hex(&hash.finalize()[..8])
}

#[async_trait]
impl Kms for FileKms {
    fn newest(&self) -> &str {
        &self.newest
    }

    fn has(&self, master: &str) -> bool {
        self.keys.iter().any(|(name, _)| name == master)
    }

    async fn wrap(&self, about: &str, secret: &Secret) -> Result<String, KeyError> {
        self.find(&self.newest)?.wrap(about, secret)
    }

    async fn unwrap(&self, master: &str, about: &str, wrapped: &str) -> Result<Secret, KeyError> {
        self.find(master)?.unwrap(about, wrapped)
    }
}
