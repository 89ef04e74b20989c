//! The header of a recording's WAV.

/// Bytes before the sound.
pub(super) const HEADER: u64 = 58;

/// Header of a WAV file with A-law (format 6) at 8 kHz, which needs a `fact` chunk as every format but PCM does. `bytes`: of sound.
pub(super) fn header(channels: u8, bytes: u64) -> [u8; HEADER as usize] {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(u32::MAX - HEADER as u32);
    let width = u32::from(channels);
    let mut out = [0u8; HEADER as usize];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        out[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(b"RIFF");
    put(&(bytes + HEADER as u32 - 8).to_le_bytes());
    put(b"WAVEfmt ");
    put(&18u32.to_le_bytes());
    put(&6u16.to_le_bytes());
    put(&u16::from(channels).to_le_bytes());
    put(&8_000u32.to_le_bytes());
    put(&(8_000 * width).to_le_bytes());
    put(&u16::from(channels).to_le_bytes());
    put(&8u16.to_le_bytes());
    put(&0u16.to_le_bytes());
    put(b"fact");
    put(&4u32.to_le_bytes());
    put(&(bytes / width.max(1)).to_le_bytes());
    put(b"data");
    put(&bytes.to_le_bytes());
    out
}

/// Whether a header is one that the recorder writes; then how many channels it has.
pub(super) fn channels(head: &[u8; HEADER as usize], sound: u64) -> Option<u8> {
    [1, 2].into_iter().find(|channels| header(*channels, sound) == *head)
}
