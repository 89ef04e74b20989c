//! Writing sealed recordings.

use super::super::wav::{self, HEADER};
use super::read::{Sealed, opened, sealed_end};
use super::{EXTRA_BYTES, End, FileKey, HEAD, Kind, RECORDS, SECOND, SealError};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A file that is being written.
pub(crate) struct SealedFile {
    file: File,
    key: FileKey,
    head: [u8; HEAD],
    whole: u64,
    records: u64,
    /// Bytes of sound in the last record.
    last: u64,
    scratch: Vec<u8>,
}

impl SealedFile {
    /// Makes the file, readable by its owner alone; one that is there is left as it is, and the error says so.
    pub(crate) fn create(path: &Path, key: FileKey, channels: u8) -> Result<SealedFile, SealError> {
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let head = key.head(channels);
        let mut first = [0; RECORDS as usize];
        first[..HEAD].copy_from_slice(&head);
        file.write_all_at(&first, 0)?;
        let whole = SECOND * u64::from(channels);
        Ok(SealedFile { file, key, head, whole, records: 0, last: 0, scratch: Vec::new() })
    }

    /// Adds a record: a whole second, or the rest of the sound.
    pub(crate) fn push(&mut self, sound: &[u8]) -> Result<(), SealError> {
        self.key.seal(&self.head, Kind::Sound, self.records, sound, &mut self.scratch)?;
        let at = RECORDS + self.records * (self.whole + EXTRA_BYTES as u64);
        self.file.write_all_at(&self.scratch, at)?;
        self.records += 1;
        self.last = sound.len() as u64;
        Ok(())
    }

    /// Bytes of sound in the records.
    fn held(&self) -> u64 {
        self.records.saturating_sub(1) * self.whole + self.last
    }

    /// Closes the file with the first `sound` bytes of what was pushed, on the disk when this returns.
    pub(crate) fn finish(&mut self, sound: u64) -> Result<(), SealError> {
        let sound = sound.min(self.held());
        let last = if sound.div_ceil(self.whole) == self.records { self.last } else { self.whole };
        let end = End { sound, last: last as u32, extra: 0 };
        self.file.set_len(end.length(self.whole))?;
        self.end(end)?;
        self.file.sync_all()?;
        Ok(())
    }

    /// Closes a file that could not be written any further, with what it holds: no room is needed for that.
    pub(crate) fn give_up(&mut self) -> Result<(), SealError> {
        self.finish(u64::MAX)
    }

    fn end(&mut self, end: End) -> Result<(), SealError> {
        put_end(&self.file, &self.key, &self.head, end, &mut self.scratch)
    }
}

/// Writes the end into its place.
pub(super) fn put_end(
    file: &File,
    key: &FileKey,
    head: &[u8; HEAD],
    end: End,
    scratch: &mut Vec<u8>,
) -> Result<(), SealError> {
    key.seal(head, Kind::End, 0, &end.bytes(), scratch)?;
    file.write_all_at(scratch, HEAD as u64)?;
    Ok(())
}

/// Adds what was worked out of a whole recording's sound, sealed like it; one that is there already is replaced. A death between
/// leaves a longer file than its end says, which [`super::mend`] puts right. Blocks.
///
/// # Errors
/// The file is not a whole recording with this key, or cannot be written.
pub fn attach(path: &Path, key: &FileKey, extra: &[u8]) -> Result<(), SealError> {
    let file = File::options().read(true).write(true).open(path)?;
    let (head, whole) = opened(&file, key)?;
    let end = sealed_end(&file, key, &head)?.ok_or(SealError::Unclosed)?;
    let length = u32::try_from(extra.len()).map_err(|_| io::Error::other("the extra is too long"))?;
    let mut scratch = Vec::new();
    key.seal(&head, Kind::Extra, 0, extra, &mut scratch)?;
    file.write_all_at(&scratch, end.after_records(whole))?;
    put_end(&file, key, &head, End { extra: length, ..end }, &mut scratch)?;
    file.sync_all()?;
    Ok(())
}

/// Seals a recording that lies in clear: the WAV at `from`, into a new file at `to`, on the disk when this returns. What is
/// read out of it is the same WAV to the last byte. Blocks.
///
/// # Errors
/// `NotSealed` for a WAV that the recorder did not write; nothing is made then. Otherwise the file system.
pub fn seal(from: &Path, to: &Path, key: &FileKey) -> Result<(), SealError> {
    let mut plain = File::open(from)?;
    let sound = plain.metadata()?.len().checked_sub(HEADER).ok_or(SealError::NotSealed)?;
    let mut head = [0; HEADER as usize];
    plain.read_exact(&mut head)?;
    let channels = wav::channels(&head, sound).ok_or(SealError::NotSealed)?;
    let mut file = SealedFile::create(to, key.clone(), channels)?;
    let mut second = Vec::with_capacity(file.whole as usize);
    loop {
        second.clear();
        (&mut plain).take(file.whole).read_to_end(&mut second)?;
        if second.is_empty() {
            break;
        }
        file.push(&second)?;
    }
    file.finish(u64::MAX)?;
    let written = Sealed::open(to, key)?.bytes();
    if written != HEADER + sound {
        return Err(SealError::Length { found: written, wanted: HEADER + sound });
    }
    Ok(())
}
