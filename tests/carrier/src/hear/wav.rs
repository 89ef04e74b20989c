//! WAV files of 8 kHz mono: 16-bit PCM, A-law or µ-law.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::media::g711;

/// A file of G.711 as it came: payload type 8 is A-law, 0 µ-law.
pub(crate) fn bytes(payload: u8, codes: &[u8]) -> Vec<u8> {
    let tag: u16 = if payload == 8 { 6 } else { 7 };
    let length = codes.len() as u32;
    let mut out = Vec::with_capacity(codes.len() + 46);
    out.extend(b"RIFF");
    out.extend((38 + length).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(18u32.to_le_bytes());
    out.extend([tag, 1].map(u16::to_le_bytes).concat());
    out.extend([8_000u32, 8_000].map(u32::to_le_bytes).concat());
    out.extend([1u16, 8, 0].map(u16::to_le_bytes).concat());
    out.extend(b"data");
    out.extend(length.to_le_bytes());
    out.extend(codes);
    out
}

/// Reads a file as 16-bit samples.
///
/// # Errors
/// The file cannot be read or is something else.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<i16>> {
    parse(&std::fs::read(path)?)
}

/// Reads the bytes of a file as 16-bit samples.
///
/// # Errors
/// The bytes are no WAV of 8 kHz mono in one of the three encodings.
pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<Vec<i16>> {
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        bail!("no WAV file");
    }
    let (mut at, mut format) = (12, None);
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let data = &bytes[at + 8..(at + 8).saturating_add(length).min(bytes.len())];
        match &head[..4] {
            b"fmt " => {
                let word = |i: usize| data.get(i..i + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
                let rate = data.get(4..8).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                let (Some(mut tag), Some(channels), Some(rate), Some(bits)) =
                    (word(0), word(2), rate, word(14))
                else {
                    bail!("short fmt chunk");
                };
                if tag == 0xfffe {
                    tag = word(24).context("short extensible fmt chunk")?;
                }
                if channels != 1 || rate != 8_000 {
                    bail!("{channels} channels at {rate} Hz instead of mono at 8000 Hz");
                }
                format = Some((tag, bits));
            }
            b"data" => {
                return match format {
                    Some((1, 16)) => {
                        Ok(data.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect())
                    }
                    Some((6, 8)) => Ok(data.iter().map(|b| g711::decode(8, *b)).collect()),
                    Some((7, 8)) => Ok(data.iter().map(|b| g711::decode(0, *b)).collect()),
                    Some((tag, bits)) => bail!("encoding {tag} with {bits} bits is not supported"),
                    None => bail!("data before fmt"),
                };
            }
            _ => {}
        }
        at = at.saturating_add(8 + length + length % 2);
    }
    bail!("no data chunk")
}
