//! Recordings in clear, as older servers wrote them.

use std::io::{Error, Read, Result, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes before the sound in the recorder's files, and the places of the three lengths and of the channels in them.
pub(super) const HEADER: u64 = 58;
const RIFF_AT: u64 = 4;
const CHANNELS_AT: u64 = 22;
const FACT_AT: u64 = 46;
const DATA_AT: u64 = 54;

/// Puts the lengths in a file's header right: the process may have died between a piece and its header.
pub(super) fn mend(path: &Path) -> Result<()> {
    let mut file = std::fs::File::options().read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len();
    if bytes < HEADER {
        return Err(Error::other("the file has no header"));
    }
    let width = u64::from(channels(&mut file)?);
    let sound = (bytes - HEADER) / width * width;
    file.set_len(HEADER + sound)?;
    let sound32 = u32::try_from(sound).unwrap_or(u32::MAX - HEADER as u32);
    for (at, value) in
        [(RIFF_AT, sound32 + HEADER as u32 - 8), (FACT_AT, sound32 / width as u32), (DATA_AT, sound32)]
    {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&value.to_le_bytes())?;
    }
    file.sync_all()
}

/// How many channels a file has.
pub(super) fn channels(file: &mut std::fs::File) -> Result<u8> {
    let mut channels = [0u8; 2];
    file.seek(SeekFrom::Start(CHANNELS_AT))?;
    file.read_exact(&mut channels)?;
    Ok(channels[0].clamp(1, 2))
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::super::sound::measure;
    use super::*;

    fn file(channels: u16, sound: usize) -> Vec<u8> {
        let mut bytes = vec![0u8; HEADER as usize];
        bytes[..4].copy_from_slice(b"RIFF");
        bytes[22..24].copy_from_slice(&channels.to_le_bytes());
        bytes.resize(HEADER as usize + sound, 0xd5);
        bytes
    }

    #[test]
    fn a_file_that_was_cut_short_plays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        // an odd byte of a stereo file was written when the process died
        std::fs::write(&path, file(2, 16_001)).unwrap();
        mend(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), HEADER as usize + 16_000);
        assert_eq!(u32::from_le_bytes(bytes[54..58].try_into().unwrap()), 16_000);
        assert_eq!(u32::from_le_bytes(bytes[46..50].try_into().unwrap()), 8_000);
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()), 16_050);
        let told = measure(&Source { file: path, key: None }).unwrap();
        assert_eq!((told.ms, told.bytes), (1_000, 16_058));
        assert_eq!(told.hash.unwrap().len(), 64);
    }

    #[test]
    fn a_file_without_a_header_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        std::fs::write(&path, "RIFF").unwrap();
        assert!(mend(&path).is_err());
        assert!(mend(&dir.path().join("none.wav")).is_err());
    }
}
