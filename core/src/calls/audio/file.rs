//! A sealed file of sound: pieces of 64 KiB, each sealed for its recording and its place.
//!
//! A piece cannot be changed, moved, or taken from another recording without being found out; that none is missing at the
//! end is for who knows the length. Pieces have one size, so that reading from anywhere and going on after a cut need no
//! index: what lies behind the last whole piece is dropped and fetched again.

use crate::error::{Error, Result};
use crate::store::seal::Seal;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Plain bytes of a piece.
pub(super) const PIECE: usize = 64 << 10;
/// What sealing adds: nonce and tag.
const SEALING: usize = 40;
const SEALED: u64 = (PIECE + SEALING) as u64;

/// What a piece is sealed for.
fn place(recording: &str, n: u64) -> String {
    format!("audio:{recording}:{n}")
}

/// A file that is being written, piece by piece.
pub(super) struct Writer {
    file: File,
    seal: Seal,
    recording: String,
    whole: u64,
    tail: Vec<u8>,
}

impl Writer {
    /// Opens or makes the file and takes its lock, which is held until the file is closed; waits for another process that
    /// has it.
    pub(super) fn lock(path: &Path) -> Result<File> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        file.lock()?;
        Ok(file)
    }

    /// Goes on behind the last whole piece of a locked file.
    pub(super) fn resume(file: File, seal: Seal, recording: &str) -> Result<Writer> {
        let whole = file.metadata()?.len() / SEALED;
        let mut writer = Writer { file, seal, recording: recording.to_owned(), whole, tail: Vec::new() };
        // a loss of power may have left something else in the last one
        while writer.whole > 0 && !writer.last_opens()? {
            writer.whole -= 1;
        }
        writer.file.set_len(writer.whole * SEALED)?;
        writer.file.seek(SeekFrom::End(0))?;
        Ok(writer)
    }

    fn last_opens(&mut self) -> Result<bool> {
        let mut sealed = vec![0; SEALED as usize];
        self.file.seek(SeekFrom::Start((self.whole - 1) * SEALED))?;
        self.file.read_exact(&mut sealed)?;
        Ok(self.seal.open_bytes(&place(&self.recording, self.whole - 1), &sealed).is_ok())
    }

    /// Bytes of sound that are in it.
    pub(super) fn len(&self) -> u64 {
        self.whole * PIECE as u64 + self.tail.len() as u64
    }

    /// Those of them that have reached the file.
    pub(super) fn stored(&self) -> u64 {
        self.whole * PIECE as u64
    }

    /// Forgets everything that is in it.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.whole = 0;
        self.tail.clear();
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        Ok(())
    }

    /// Adds sound; whole pieces reach the file.
    pub(super) fn push(&mut self, sound: &[u8]) -> Result<()> {
        self.tail.extend_from_slice(sound);
        while self.tail.len() >= PIECE {
            let rest = self.tail.split_off(PIECE);
            let piece = std::mem::replace(&mut self.tail, rest);
            self.put(&piece)?;
        }
        Ok(())
    }

    fn put(&mut self, piece: &[u8]) -> Result<()> {
        let sealed = self.seal.seal_bytes(&place(&self.recording, self.whole), piece)?;
        self.file.write_all(&sealed)?;
        self.whole += 1;
        Ok(())
    }

    /// Writes the last piece and makes all of it durable. Length and SHA-256 of the sound.
    pub(super) fn finish(mut self) -> Result<(u64, String, File)> {
        let bytes = self.len();
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.put(&tail)?;
        }
        self.file.sync_all()?;
        let hash = hash(&mut self.file, &self.seal, &self.recording, bytes)?;
        Ok((bytes, hash, self.file))
    }
}

/// SHA-256 of so many bytes of sound, in hexadecimal.
fn hash(file: &mut File, seal: &Seal, recording: &str, bytes: u64) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut at = 0;
    while at < bytes {
        let piece = piece(file, seal, recording, at / PIECE as u64, bytes)?;
        at += piece.len() as u64;
        hasher.update(&piece);
    }
    Ok(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

fn piece(file: &mut File, seal: &Seal, recording: &str, n: u64, bytes: u64) -> Result<Vec<u8>> {
    let plain = bytes.saturating_sub(n * PIECE as u64).min(PIECE as u64) as usize;
    let mut sealed = vec![0; plain + SEALING];
    file.seek(SeekFrom::Start(n * SEALED))?;
    file.read_exact(&mut sealed)?;
    seal.open_bytes(&place(recording, n), &sealed)
}

/// Sound of a whole file of `bytes`, from `offset` on, `most` bytes at most.
pub(super) fn read(
    path: &Path,
    seal: &Seal,
    recording: &str,
    bytes: u64,
    offset: u64,
    most: usize,
) -> Result<Vec<u8>> {
    let end = bytes.min(offset.saturating_add(most as u64));
    let mut out = Vec::with_capacity(end.saturating_sub(offset) as usize);
    if offset >= end {
        return Ok(out);
    }
    let mut file = File::open(path)?;
    let mut at = offset;
    while at < end {
        let piece = piece(&mut file, seal, recording, at / PIECE as u64, bytes)?;
        let from = (at % PIECE as u64) as usize;
        let until = piece.len().min(from + (end - at) as usize);
        let part = piece.get(from..until).filter(|p| !p.is_empty());
        let part = part.ok_or_else(|| Error::storage("a recording on this phone is shorter than it was"))?;
        out.extend_from_slice(part);
        at += part.len() as u64;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|n| (n * 7 + n / 251) as u8).collect()
    }

    fn open(path: &Path, seal: &Seal) -> Writer {
        Writer::resume(Writer::lock(path).unwrap(), seal.clone(), "r").unwrap()
    }

    #[test]
    fn what_is_written_in_any_pieces_reads_from_anywhere_and_shows_nothing_of_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let seal = Seal::new([3; 32]);
        for bytes in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17] {
            let _ = std::fs::remove_file(&path);
            let plain = sound(bytes);
            let mut writer = open(&path, &seal);
            plain.chunks(999).for_each(|c| writer.push(c).unwrap());
            let (length, told, _) = writer.finish().unwrap();
            assert_eq!(length as usize, bytes);
            let wanted: String = Sha256::digest(&plain).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(told, wanted);
            for (offset, most) in [(0, usize::MAX), (0, 10), (5, 70_000), (PIECE as u64, 3), (1 << 40, 5)] {
                let from = (offset as usize).min(bytes);
                let until = from.saturating_add(most).min(bytes);
                let read = read(&path, &seal, "r", length, offset, most).unwrap();
                assert_eq!(read, plain[from..until], "{bytes} {offset} {most}");
            }
            let stored = std::fs::read(&path).unwrap();
            assert!(bytes < 64 || !stored.windows(32).any(|w| w == &plain[..32]), "it is sealed");
            if bytes > 0 {
                assert!(read(&path, &Seal::new([4; 32]), "r", length, 0, 9).is_err());
                assert!(read(&path, &seal, "other", length, 0, 9).is_err());
            }
        }
    }

    #[test]
    fn a_file_that_was_cut_or_damaged_goes_on_behind_its_last_whole_piece() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let seal = Seal::new([3; 32]);
        let plain = sound(4 * PIECE);
        let mut writer = open(&path, &seal);
        writer.push(&plain[..2 * PIECE + 100]).unwrap();
        drop(writer);
        let mut writer = open(&path, &seal);
        assert_eq!(writer.len() as usize, 2 * PIECE, "what was in memory is gone with the process");
        writer.push(&plain[2 * PIECE..3 * PIECE]).unwrap();
        drop(writer);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 9;
        bytes[last] ^= 1;
        bytes.extend([0; 77]);
        std::fs::write(&path, &bytes).unwrap();
        let mut writer = open(&path, &seal);
        assert_eq!(writer.len() as usize, 2 * PIECE);
        writer.push(&plain[2 * PIECE..]).unwrap();
        let (length, _, _) = writer.finish().unwrap();
        assert_eq!(read(&path, &seal, "r", length, 0, usize::MAX).unwrap(), plain);
        // pieces that change places are found out
        let mut bytes = std::fs::read(&path).unwrap();
        let (a, b) = bytes.split_at_mut(SEALED as usize);
        a.swap_with_slice(&mut b[..SEALED as usize]);
        std::fs::write(&path, &bytes).unwrap();
        assert!(read(&path, &seal, "r", length, 0, 10).is_err());
    }
}
