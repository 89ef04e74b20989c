//! Reading sealed recordings, and closing those that a death left open.

use super::super::wav::{self, HEADER};
use super::write::put_end;
use super::{END, EXTRA_BYTES, End, FORM, FileKey, HEAD, Kind, MAGIC, RECORDS, SECOND, SealError};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A whole recording, read as the WAV that it stands for.
pub struct Sealed {
    file: File,
    key: FileKey,
    head: [u8; HEAD],
    whole: u64,
    end: End,
    /// The record that was opened last, and its number.
    opened: Option<(u64, Vec<u8>)>,
}

impl Sealed {
    /// Opens a file, and checks its beginning, its end and its length. Blocks.
    ///
    /// # Errors
    /// What is wrong with it. Sound that was changed is told by [`Sealed::read_at`].
    pub fn open(path: &Path, key: &FileKey) -> Result<Sealed, SealError> {
        let file = File::open(path)?;
        let (head, whole) = opened(&file, key)?;
        let end = sealed_end(&file, key, &head)?.ok_or(SealError::Unclosed)?;
        let (found, wanted) = (file.metadata()?.len(), end.length(whole));
        if found != wanted {
            return Err(SealError::Length { found, wanted });
        }
        Ok(Sealed { file, key: key.clone(), head, whole, end, opened: None })
    }

    /// Length of the WAV.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        HEADER + self.end.sound
    }

    /// One for a voicemail, two for a call.
    #[must_use]
    pub fn channels(&self) -> u8 {
        self.head[9]
    }

    /// Reads from a place of the WAV, and gives how many bytes: fewer than there is room for, and 0 only at the end. Blocks.
    ///
    /// # Errors
    /// The sound at this place was changed, or the disk does not read.
    pub fn read_at(&mut self, from: u64, into: &mut [u8]) -> Result<usize, SealError> {
        if from < HEADER {
            let header = wav::header(self.channels(), self.end.sound);
            let part = &header[from as usize..];
            let n = part.len().min(into.len());
            into[..n].copy_from_slice(&part[..n]);
            return Ok(n);
        }
        let at = from - HEADER;
        if at >= self.end.sound {
            return Ok(0);
        }
        let (record, skip) = (at / self.whole, (at % self.whole) as usize);
        let left = self.end.sound - at;
        let sound = self.record(record)?.get(skip..).unwrap_or_default();
        let n = sound.len().min(into.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        if n == 0 && !into.is_empty() {
            return Err(SealError::Changed(format!("the sound of second {}", record + 1)));
        }
        into[..n].copy_from_slice(&sound[..n]);
        Ok(n)
    }

    fn record(&mut self, number: u64) -> Result<&[u8], SealError> {
        if self.opened.as_ref().is_none_or(|(held, _)| *held != number) {
            let is_last = number + 1 == self.end.records(self.whole);
            let length = if is_last { u64::from(self.end.last) } else { self.whole };
            let at = RECORDS + number * (self.whole + EXTRA_BYTES as u64);
            let sound = open_at(&self.file, &self.key, &self.head, (Kind::Sound, number), at, length)?;
            let sound =
                sound.ok_or_else(|| SealError::Changed(format!("the sound of second {}", number + 1)))?;
            self.opened = Some((number, sound));
        }
        Ok(self.opened.as_ref().map_or(&[], |(_, sound)| sound))
    }

    /// What was worked out of the sound after its end; `None` where nothing was.
    ///
    /// # Errors
    /// It was changed, or the disk does not read.
    pub fn extra(&self) -> Result<Option<Vec<u8>>, SealError> {
        if self.end.extra == 0 {
            return Ok(None);
        }
        let (at, length) = (self.end.after_records(self.whole), u64::from(self.end.extra));
        let extra = open_at(&self.file, &self.key, &self.head, (Kind::Extra, 0), at, length)?;
        extra.map(Some).ok_or_else(|| SealError::Changed("what belongs to the sound".to_owned()))
    }
}

/// The beginning of a file, if it is the one of this key's recording, and the bytes of a whole record.
pub(super) fn opened(file: &File, key: &FileKey) -> Result<([u8; HEAD], u64), SealError> {
    let mut head = [0; HEAD];
    read_exact(file, &mut head, 0)?.ok_or(SealError::NotSealed)?;
    if head[..8] != *MAGIC {
        return Err(SealError::NotSealed);
    }
    if head[8] != FORM {
        return Err(SealError::Form(head[8]));
    }
    if head[16..] != key.id {
        return Err(SealError::Foreign);
    }
    let channels = head[9];
    if !(1..=2).contains(&channels) || head != key.head(channels) {
        return Err(SealError::NotSealed);
    }
    Ok((head, SECOND * u64::from(channels)))
}

/// What the end says; `None` where there is none yet.
pub(super) fn sealed_end(file: &File, key: &FileKey, head: &[u8; HEAD]) -> Result<Option<End>, SealError> {
    let mut sealed = [0; END + EXTRA_BYTES];
    read_exact(file, &mut sealed, HEAD as u64)?.ok_or(SealError::NotSealed)?;
    if sealed == [0; END + EXTRA_BYTES] {
        return Ok(None);
    }
    let end = key.open(head, Kind::End, 0, &mut sealed).and_then(|plain| End::read(plain));
    end.map(Some).ok_or_else(|| SealError::Changed("the end of the file".to_owned()))
}

/// Opens a sealed piece of `length` bytes; `None` where it is not what was sealed.
fn open_at(
    file: &File,
    key: &FileKey,
    head: &[u8; HEAD],
    (kind, number): (Kind, u64),
    at: u64,
    length: u64,
) -> Result<Option<Vec<u8>>, SealError> {
    let mut sealed = vec![0; usize::try_from(length).unwrap_or(0) + EXTRA_BYTES];
    if read_exact(file, &mut sealed, at)?.is_none() {
        return Ok(None);
    }
    Ok(key.open(head, kind, number, &mut sealed).map(|plain| plain.to_vec()))
}

/// `None` where the file is shorter.
fn read_exact(file: &File, into: &mut [u8], at: u64) -> Result<Option<()>, SealError> {
    match file.read_exact_at(into, at) {
        Ok(()) => Ok(Some(())),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Closes a file whose writer has died: what it holds up to the last whole record stays, what is torn behind it goes. A file
/// that has its end keeps it. Blocks.
///
/// # Errors
/// It is no file of this key, or cannot be written.
pub fn mend(path: &Path, key: &FileKey) -> Result<(), SealError> {
    let file = File::options().read(true).write(true).open(path)?;
    let (head, whole) = opened(&file, key)?;
    let found = file.metadata()?.len();
    let told = sealed_end(&file, key, &head)?;
    if let Some(end) = told.filter(|end| end.length(whole) <= found) {
        file.set_len(end.length(whole))?;
        file.sync_all()?;
        return Ok(());
    }
    let (mut end, mut at, mut number) = (End::default(), RECORDS, 0);
    while let Some(left) = found.checked_sub(at + EXTRA_BYTES as u64).filter(|left| *left > 0) {
        let length = left.min(whole);
        // also the rest of the sound, where the death came between it and the end
        if open_at(&file, key, &head, (Kind::Sound, number), at, length)?.is_none() {
            break;
        }
        end = End { sound: end.sound + length, last: length as u32, extra: 0 };
        at += length + EXTRA_BYTES as u64;
        number += 1;
    }
    file.set_len(end.length(whole))?;
    put_end(&file, key, &head, end, &mut Vec::new())?;
    file.sync_all()?;
    Ok(())
}
