//! A recording's file as it lies on the disk: sealed, also while it is being written.
//!
//! ```text
//!  0   "WAYBSEAL", form 1, channels, 2 × 0, bytes of a whole record (u32), id of the recording (16)   in clear, authenticated
//!  32  the end: nonce 12, sealed 16, tag 16       zeros while it is being written; bytes of sound (u64), of the last record
//!                                                 (u32), of the extra (u32)
//!  76  records: nonce 12, sealed second of sound, tag 16                  each one second; the last one may be shorter
//!      the extra, if there is one: nonce 12, sealed, tag 16               what was worked out of the sound after its end
//! ```
//!
//! * *AES-256-GCM, a random key for each file, a random nonce for each record.* What is authenticated beside a record is the
//!   beginning of the file, its number and its kind: a record that was changed, moved or taken from another file does not
//!   open. The end tells how much there must be: a file that was cut, or is still written, is told from a whole one.
//! * *Append only.* A record is written once, whole; the end lies in room that the file had from its first byte on, so that a
//!   full disk can still close it. A process that dies leaves whole seconds and at most one torn record behind them, which
//!   [`mend`] takes away. All numbers are little-endian.
//! * *One second a record.* Any place is found by arithmetic; 28 bytes are added to 8,000 a channel. What is lost by a kill is
//!   what it was without sealing.
//! * The sound inside is A-law, channels interleaved. [`Sealed`] shows it as the WAV that it stands for.

mod read;
mod write;

pub use read::{Sealed, mend};
pub(super) use write::SealedFile;
pub use write::{attach, seal};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use std::io;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"WAYBSEAL";
const FORM: u8 = 1;
/// The part in clear.
const HEAD: usize = 32;
/// The end inside its seal.
const END: usize = 16;
/// Where records begin.
const RECORDS: u64 = (HEAD + END + EXTRA_BYTES) as u64;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Bytes that sealing adds.
const EXTRA_BYTES: usize = NONCE + TAG;
/// Samples of a whole record.
pub(super) const SECOND: u64 = 8_000;

/// What a sealed piece is, so that none can stand for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sound = 0,
    End = 1,
    Extra = 2,
}

/// Why a sealed recording cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file does not begin as one.
    #[error("the file is no sealed recording, or its beginning was changed")]
    NotSealed,
    /// It is of a later program.
    #[error("the file is of a form that this program does not know ({0})")]
    Form(u8),
    /// It lies in the place of another.
    #[error("the file is the one of another recording")]
    Foreign,
    /// A piece does not open with the key.
    #[error("{0} was changed, or the key is not the file's")]
    Changed(String),
    /// It has no end.
    #[error("the file was never closed, or its end was taken away")]
    Unclosed,
    /// It is shorter or longer than its end says.
    #[error("the file has {found} bytes and must have {wanted}: it was cut, or something was added")]
    Length {
        /// Bytes that are there.
        found: u64,
        /// Bytes that its end tells of.
        wanted: u64,
    },
    /// Sealing failed inside the library.
    #[error("the sound could not be sealed")]
    Crypto,
}

/// The key of one recording's file.
#[derive(Clone)]
pub struct FileKey {
    id: [u8; 16],
    key: Arc<RandomizedNonceKey>,
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FileKey {
    /// The key of the file of the recording with this id.
    ///
    /// # Errors
    /// The library refuses.
    pub fn new(id: [u8; 16], key: &[u8; 32]) -> Result<FileKey, SealError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Crypto)?;
        Ok(FileKey { id, key: Arc::new(key) })
    }

    /// Seals into `out`, which is emptied first: nonce, sealed bytes, tag.
    fn seal(
        &self,
        head: &[u8; HEAD],
        kind: Kind,
        number: u64,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        out.clear();
        out.extend_from_slice(&[0; NONCE]);
        out.extend_from_slice(plain);
        let aad = Aad::from(beside(head, kind, number));
        let sealed = self.key.seal_in_place_separate_tag(aad, &mut out[NONCE..]);
        let (nonce, tag) = sealed.map_err(|_| SealError::Crypto)?;
        out[..NONCE].copy_from_slice(nonce.as_ref());
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens what [`FileKey::seal`] made, in place. `None` where it is something else.
    fn open<'a>(
        &self,
        head: &[u8; HEAD],
        kind: Kind,
        number: u64,
        sealed: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.key.open_in_place(nonce, Aad::from(beside(head, kind, number)), sealed).ok()
    }

    fn head(&self, channels: u8) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(MAGIC);
        head[8] = FORM;
        head[9] = channels;
        head[12..16].copy_from_slice(&(SECOND as u32 * u32::from(channels)).to_le_bytes());
        head[16..].copy_from_slice(&self.id);
        head
    }
}

/// What is authenticated with a piece.
fn beside(head: &[u8; HEAD], kind: Kind, number: u64) -> [u8; HEAD + 9] {
    let mut out = [0; HEAD + 9];
    out[..HEAD].copy_from_slice(head);
    out[HEAD] = kind as u8;
    out[HEAD + 1..].copy_from_slice(&number.to_le_bytes());
    out
}

/// What the end says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct End {
    /// Bytes of sound.
    sound: u64,
    /// Bytes of sound in the last record, which may hold more than is to be heard.
    last: u32,
    /// Bytes of the extra; 0 for none.
    extra: u32,
}

impl End {
    fn bytes(self) -> [u8; END] {
        let mut out = [0; END];
        out[..8].copy_from_slice(&self.sound.to_le_bytes());
        out[8..12].copy_from_slice(&self.last.to_le_bytes());
        out[12..].copy_from_slice(&self.extra.to_le_bytes());
        out
    }

    fn read(bytes: &[u8]) -> Option<End> {
        let (sound, rest) = bytes.split_first_chunk()?;
        let (last, rest) = rest.split_first_chunk()?;
        let extra = rest.first_chunk()?;
        Some(End {
            sound: u64::from_le_bytes(*sound),
            last: u32::from_le_bytes(*last),
            extra: u32::from_le_bytes(*extra),
        })
    }

    /// How many records there are, for records of `whole` bytes.
    fn records(self, whole: u64) -> u64 {
        self.sound.div_ceil(whole)
    }

    /// Where the records end.
    fn after_records(self, whole: u64) -> u64 {
        let add = EXTRA_BYTES as u64;
        match self.records(whole) {
            0 => RECORDS,
            n => RECORDS + (n - 1) * (whole + add) + u64::from(self.last) + add,
        }
    }

    /// The length of the whole file.
    fn length(self, whole: u64) -> u64 {
        let extra = if self.extra > 0 { u64::from(self.extra) + EXTRA_BYTES as u64 } else { 0 };
        self.after_records(whole) + extra
    }
}

#[cfg(test)]
mod tests;
