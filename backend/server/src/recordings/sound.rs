//! The sound of a recording, wherever and however it lies: as the WAV that is heard.

use super::clear;
use super::peaks::{self, Peaks};
use crate::keys::{KeyError, Keys, Stored};
use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use waybell_domain::evidence::hex;
use waybell_domain::id::RecordingId;
use waybell_switch::{FileKey, SealError, Sealed, sealed};

/// Bytes read at once.
const BLOCK: usize = 64 << 10;

/// A recording's file as its row has it.
#[derive(Clone, Debug)]
pub(crate) struct Filed {
    /// The recording.
    pub id: RecordingId,
    /// Under the media folder.
    pub path: String,
    /// `None` for one in clear.
    pub key: Option<Stored>,
}

impl Filed {
    /// From the columns of a row; `None` for a damaged id.
    pub(crate) fn read(
        id: &str,
        path: String,
        key_id: Option<String>,
        sealed_key: Option<String>,
    ) -> Option<Filed> {
        let key = key_id.map(|key_id| Stored { key_id, sealed_key });
        Some(Filed { id: RecordingId::parse(id).ok()?, path, key })
    }

    /// Where it is and what opens it.
    ///
    /// # Errors
    /// Its key was erased, is damaged, or waits for a master key.
    pub(crate) async fn source<C: ConnectionTrait>(
        &self,
        keys: &Keys,
        db: &C,
        media: &Path,
    ) -> Result<Source, KeyError> {
        let key = match &self.key {
            Some(stored) => Some(keys.of(db, self.id, stored).await?),
            None => None,
        };
        Ok(Source { file: media.join(&self.path), key })
    }
}

/// A file and its key.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Where it is.
    pub file: PathBuf,
    /// `None` for one in clear.
    pub key: Option<FileKey>,
}

/// An open recording.
pub(crate) enum Sound {
    /// As an older server wrote it.
    Clear(File, u64),
    /// As the recorder writes it.
    Sealed(Box<Sealed>),
}

impl Sound {
    /// Opens it; blocks.
    pub(crate) fn open(source: &Source) -> Result<Sound, SealError> {
        match &source.key {
            Some(key) => Sealed::open(&source.file, key).map(|sealed| Sound::Sealed(Box::new(sealed))),
            None => {
                let file = File::open(&source.file)?;
                let bytes = file.metadata()?.len();
                Ok(Sound::Clear(file, bytes))
            }
        }
    }

    /// Length of the WAV.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Sound::Clear(_, bytes) => *bytes,
            Sound::Sealed(sealed) => sealed.bytes(),
        }
    }

    pub(super) fn channels(&mut self) -> Result<u8, SealError> {
        Ok(match self {
            Sound::Clear(file, bytes) if *bytes >= clear::HEADER => clear::channels(file)?,
            Sound::Clear(..) => 1,
            Sound::Sealed(sealed) => sealed.channels(),
        })
    }

    /// Reads from a place of the WAV; 0 bytes at its end. Blocks.
    pub(crate) fn read_at(&mut self, from: u64, into: &mut [u8]) -> Result<usize, SealError> {
        match self {
            Sound::Clear(file, _) => Ok(file.read_at(into, from)?),
            Sound::Sealed(sealed) => sealed.read_at(from, into),
        }
    }

    /// The waveform as it was worked out after the recording's end, or is worked out now. Blocks.
    pub(super) fn peaks(&mut self) -> Result<Vec<Vec<i8>>, SealError> {
        let channels = self.channels()?;
        let kept = match self {
            Sound::Sealed(sealed) => sealed.extra()?,
            Sound::Clear(..) => None,
        };
        if let Some(found) = kept.and_then(|kept| peaks::channels(&kept, channels)) {
            return Ok(found);
        }
        let bytes = self.bytes();
        let mut found = Peaks::new(bytes.saturating_sub(clear::HEADER), channels);
        self.each(clear::HEADER, bytes, |part| {
            found.push(part);
            Ok::<_, SealError>(())
        })?;
        Ok(peaks::channels(&found.bytes(), channels).unwrap_or_default())
    }

    /// Gives each piece from one place to another, in order; blocks.
    pub(crate) fn each<E: From<SealError>>(
        &mut self,
        mut from: u64,
        until: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut block = vec![0; BLOCK];
        while from < until {
            let most = usize::try_from(until - from).unwrap_or(BLOCK).min(BLOCK);
            let n = self.read_at(from, &mut block[..most])?;
            if n == 0 {
                break;
            }
            take(&block[..n])?;
            from += n as u64;
        }
        Ok(())
    }

    /// Gives all samples as they were recorded, A-law, in order; of two channels both, in turns. Blocks.
    pub(crate) fn samples(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), SealError> {
        let bytes = self.bytes();
        self.each(clear::HEADER, bytes, |part| {
            take(part);
            Ok(())
        })
    }

    /// Whether a part of it is as it was recorded: nothing is given out before that is known. Blocks.
    pub(crate) fn check(&mut self, from: u64, until: u64) -> Result<(), SealError> {
        match self {
            Sound::Clear(..) => Ok(()),
            Sound::Sealed(_) => self.each(from, until, |_| Ok(())),
        }
    }

    /// The part of it as an answer's body.
    pub(crate) fn body(self, from: u64, until: u64) -> Body {
        let blocks = futures_util::stream::unfold(Some((self, from)), move |state| async move {
            let (mut sound, at) = state.filter(|(_, at)| *at < until)?;
            let read = tokio::task::spawn_blocking(move || {
                let mut block = vec![0; usize::try_from(until - at).unwrap_or(BLOCK).min(BLOCK)];
                let read = sound.read_at(at, &mut block).map(|n| {
                    block.truncate(n);
                    block
                });
                (sound, read)
            });
            match read.await {
                Ok((sound, Ok(block))) if !block.is_empty() => {
                    let next = at + block.len() as u64;
                    Some((Ok(Bytes::from(block)), Some((sound, next))))
                }
                Ok((_, Ok(_))) => None,
                Ok((_, Err(error))) => Some((Err(std::io::Error::other(error)), None)),
                Err(error) => Some((Err(std::io::Error::other(error)), None)),
            }
        });
        // whoever asks for more after the end gets the end again
        Body::from_stream(blocks.fuse())
    }
}

/// What a file says of itself.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Length of the sound.
    pub ms: i64,
    /// Size of the WAV.
    pub bytes: i64,
    /// SHA-256 of the WAV, hexadecimal.
    pub hash: Option<String>,
}

/// Reads a recording whole; one that was `broken` off is closed first. Nothing is told of one that is not there, or is
/// damaged.
///
/// # Errors
/// The disk does not read now: the sound may be there.
pub(super) async fn look(source: Source, broken: bool) -> std::io::Result<Told> {
    let read = tokio::task::spawn_blocking(move || {
        if broken && let Some(key) = &source.key {
            sealed::mend(&source.file, key)?;
        }
        let (told, peaks) = study(&source)?;
        if let Some(key) = &source.key
            && let Err(error) = sealed::attach(&source.file, key, &peaks)
        {
            // a full disk; worked out when they are asked for
            tracing::warn!(%error, "the waveform of a recording is not kept");
            sealed::mend(&source.file, key)?;
        }
        Ok(told)
    });
    match read.await.map_err(|e| SealError::Io(std::io::Error::other(e))).flatten() {
        Ok(told) => Ok(told),
        Err(SealError::Io(error)) if is_of_the_file(error.kind()) => Ok(Told::default()),
        Err(SealError::Io(error)) => Err(error),
        Err(error) => {
            tracing::error!(%error, "a recording does not read");
            Ok(Told::default())
        }
    }
}

/// There is no such file, or it ends too early: another look finds the same. Anything else may pass (EIO, EMFILE, EACCES).
fn is_of_the_file(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::UnexpectedEof | ErrorKind::InvalidData)
}

/// Reads a recording whole, with what is kept beside its sound; blocks.
pub(super) fn measure(source: &Source) -> Result<Told, SealError> {
    if let Sound::Sealed(sealed) = Sound::open(source)? {
        sealed.extra()?;
    }
    study(source).map(|(told, _)| told)
}

/// Reads a recording whole, and what its waveform is; blocks.
fn study(source: &Source) -> Result<(Told, Vec<u8>), SealError> {
    let mut sound = Sound::open(source)?;
    let (bytes, channels) = (sound.bytes(), u64::from(sound.channels()?));
    let mut hash = Sha256::new();
    let mut peaks = Peaks::new(bytes.saturating_sub(clear::HEADER), channels as u8);
    let mut at = 0u64;
    sound.each(0, bytes, |part| {
        hash.update(part);
        let skip = usize::try_from(clear::HEADER.saturating_sub(at)).unwrap_or(0).min(part.len());
        peaks.push(&part[skip..]);
        at += part.len() as u64;
        Ok::<_, SealError>(())
    })?;
    let ms = bytes.saturating_sub(clear::HEADER) / channels / 8;
    let told = Told {
        ms: i64::try_from(ms).unwrap_or(i64::MAX),
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        hash: Some(hex(&hash.finalize())),
    };
    Ok((told, peaks.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_may_pass_is_told_from_what_stays() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str| Source { file: dir.path().join(name), key: None };
        let none = look(of("none"), true).await.unwrap();
        assert!(none.hash.is_none() && none.bytes == 0, "it is not there, now and later");
        std::fs::write(dir.path().join("short"), "x").unwrap();
        assert!(look(of("short"), false).await.is_ok());
        // a folder opens and does not read, like a disk that fails
        std::fs::create_dir(dir.path().join("disk")).unwrap();
        assert!(look(of("disk"), true).await.is_err());
    }
}
