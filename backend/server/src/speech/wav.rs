//! WAV files of others: any usual kind is read as 8 kHz mono; ours are written as such.
//!
//! Read are PCM of 8 to 32 bits, floats of 32 and 64, A-law and µ-law, with any number of channels and any rate from 4 to
//! 192 kHz, plain or extensible. Programs that write to a pipe leave the lengths open (0, or near the top of their range):
//! such sound goes to the end of the bytes. A file that holds less sound than its header tells has been cut, and is refused.

use super::SpeechError;
use crate::files::{Readers, put};
use std::path::Path;
use waybell_switch::Codec;

/// Samples quieter than this at both ends are cut.
const QUIET: i16 = 200;
/// Silence left at both ends, samples.
const MARGIN: usize = 400;
/// Lengths from here on are open ones.
const OPEN: usize = 0x7fff_0000;

/// Sound as a file holds it, its channels mixed.
pub(super) struct Sound {
    /// Samples a second.
    pub(super) rate: u32,
    /// -1 to 1.
    pub(super) samples: Vec<f32>,
}

/// How samples are stored.
#[derive(Clone, Copy)]
struct Format {
    tag: u16,
    channels: usize,
    rate: u32,
    bits: u16,
}

/// Reads a file.
pub(super) fn read_8k(file: &Path) -> Result<Vec<i16>, SpeechError> {
    let bytes = std::fs::read(file).map_err(|e| SpeechError::Sound(format!("{}: {e}", file.display())))?;
    decode_8k(&bytes)
}

/// Reads bytes as samples at 8 kHz.
pub(super) fn decode_8k(bytes: &[u8]) -> Result<Vec<i16>, SpeechError> {
    Ok(to_8k(&parse(bytes).map_err(SpeechError::Sound)?))
}

/// Sound at 8 kHz.
pub(super) fn to_8k(sound: &Sound) -> Vec<i16> {
    let pcm: Vec<i16> =
        sound.samples.iter().map(|s| (s * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16).collect();
    if sound.rate == 8000 { pcm } else { audio_codec::resample(&pcm, sound.rate, 8000) }
}

/// Reads bytes as they are.
///
/// # Errors
/// What is wrong with the file, as a sentence's end.
pub(super) fn parse(bytes: &[u8]) -> Result<Sound, String> {
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        return Err(format!("is no WAV file{}", kind(bytes)));
    }
    let (mut at, mut format) = (12, None);
    while let Some(head) = bytes.get(at..at + 8) {
        let told = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let rest = &bytes[at + 8..];
        match &head[..4] {
            b"fmt " => format = Some(read_format(rest.get(..told).unwrap_or(rest))?),
            b"data" => {
                let format = format.ok_or("has its sound before its format")?;
                let data = match told {
                    0 | OPEN.. => rest,
                    _ if told > rest.len() + 1 => {
                        return Err(format!("is cut: {} of {told} bytes of sound are there", rest.len()));
                    }
                    _ => &rest[..told.min(rest.len())],
                };
                return Ok(Sound { rate: format.rate, samples: mix(data, format) });
            }
            _ => {}
        }
        at = at.saturating_add(8).saturating_add(told).saturating_add(told % 2);
    }
    Err("holds no sound".to_owned())
}

fn read_format(data: &[u8]) -> Result<Format, String> {
    let word = |i: usize| data.get(i..i + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let (Some(mut tag), Some(channels), Some(low), Some(high), Some(bits)) =
        (word(0), word(2), word(4), word(6), word(14))
    else {
        return Err("has a format that is too short".into());
    };
    if tag == 0xfffe {
        tag = word(24).ok_or("has a format that is too short")?;
    }
    let rate = u32::from(high) << 16 | u32::from(low);
    if !matches!((tag, bits), (1, 8 | 16 | 24 | 32) | (3, 32 | 64) | (6 | 7, 8)) {
        return Err(format!("is encoded in a way that is not read (format {tag}, {bits} bits)"));
    }
    if channels == 0 || channels > 16 {
        return Err(format!("has {channels} channels"));
    }
    if !(4_000..=192_000).contains(&rate) {
        return Err(format!("has {rate} samples a second"));
    }
    Ok(Format { tag, channels: usize::from(channels), rate, bits })
}

/// The mean of the channels.
fn mix(data: &[u8], format: Format) -> Vec<f32> {
    let wide = usize::from(format.bits / 8);
    let one = |b: &[u8]| match (format.tag, wide) {
        (6, _) => f32::from(Codec::Pcma.decode(b[0])) / 32_768.0,
        (7, _) => f32::from(Codec::Pcmu.decode(b[0])) / 32_768.0,
        (3, 4) => f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        (3, _) => f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32,
        (_, 1) => (f32::from(b[0]) - 128.0) / 128.0,
        (_, 2) => f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0,
        (_, 3) => (i32::from_le_bytes([0, b[0], b[1], b[2]]) >> 8) as f32 / 8_388_608.0,
        _ => i32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32 / 2_147_483_648.0,
    };
    let sane = |s: f32| if s.is_finite() { s.clamp(-1.0, 1.0) } else { 0.0 };
    data.chunks_exact(wide * format.channels)
        .map(|frame| frame.chunks_exact(wide).map(|b| sane(one(b))).sum::<f32>() / format.channels as f32)
        .collect()
}

/// What a file that is no WAV seems to be.
fn kind(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] => " but an MP3",
        [b'O', b'g', b'g', b'S', ..] => " but an Ogg file",
        [b'f', b'L', b'a', b'C', ..] => " but a FLAC file",
        [b'#', b'!', b'A', b'M', b'R', ..] => " but an AMR file",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => " but an M4A file",
        [b'R', b'F', b'6', b'4', ..] => " but an RF64 file",
        [b'{' | b'<', ..] => " but text",
        [] => ": it is empty",
        _ => "",
    }
}

/// A file of samples at 8 kHz, 16 bit, mono.
pub(crate) fn bytes_8k(pcm: &[i16]) -> Vec<u8> {
    let length = (pcm.len() * 2) as u32;
    let mut out = Vec::with_capacity(pcm.len() * 2 + 44);
    out.extend(b"RIFF");
    out.extend((36 + length).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend([8_000u32, 16_000].map(u32::to_le_bytes).concat());
    out.extend([2u16, 16].map(u16::to_le_bytes).concat());
    out.extend(b"data");
    out.extend(length.to_le_bytes());
    out.extend(pcm.iter().flat_map(|s| s.to_le_bytes()));
    out
}

/// Writes a file; a name without its bytes would be a notice of silence after a power cut.
pub(super) fn write_8k(file: &Path, pcm: &[i16]) -> std::io::Result<()> {
    put(file, &bytes_8k(pcm), Readers::Usual)
}

/// Cuts silence at both ends.
pub(super) fn trim(pcm: &[i16]) -> Vec<i16> {
    let loud = |s: &i16| s.saturating_abs() > QUIET;
    let Some(first) = pcm.iter().position(loud) else { return pcm.to_vec() };
    let last = pcm.iter().rposition(loud).unwrap_or(first);
    pcm[first.saturating_sub(MARGIN)..(last + MARGIN).min(pcm.len())].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one sample value in all channels, with `tag` and `bits`.
    fn file(
        tag: u16,
        bits: u16,
        channels: u16,
        rate: u32,
        sample: &[u8],
        frames: usize,
        told: Option<u32>,
    ) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        out.extend([tag.to_le_bytes(), channels.to_le_bytes()].concat());
        out.extend(rate.to_le_bytes());
        out.extend([0; 6]);
        out.extend(bits.to_le_bytes());
        let data: Vec<u8> = sample.repeat(frames * usize::from(channels));
        out.extend(b"data");
        out.extend(told.unwrap_or(data.len() as u32).to_le_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn every_usual_kind_is_the_same_sound() {
        for (tag, bits, sample) in [
            (1, 8, vec![0xc0u8]),
            (1, 16, 16_384i16.to_le_bytes().to_vec()),
            (1, 24, vec![0, 0, 0x40]),
            (1, 32, (1i32 << 30).to_le_bytes().to_vec()),
            (3, 32, 0.5f32.to_le_bytes().to_vec()),
            (3, 64, 0.5f64.to_le_bytes().to_vec()),
        ] {
            for channels in [1, 2] {
                let bytes = file(tag, bits, channels, 8_000, &sample, 100, None);
                assert_eq!(decode_8k(&bytes).unwrap(), vec![16_384; 100], "{tag} {bits} {channels}");
            }
            let wide = file(tag, bits, 2, 48_000, &sample, 48_000, None);
            let pcm = decode_8k(&wide).unwrap();
            assert!((7_990..=8_010).contains(&pcm.len()), "{}", pcm.len());
            assert!((16_300..16_470).contains(&pcm[4_000]), "{}", pcm[4_000]);
        }
    }

    #[test]
    fn open_lengths_go_to_the_end_and_cut_sound_is_refused() {
        for open in [0, 0x7fff_f000, u32::MAX] {
            let bytes = file(1, 16, 1, 8_000, &[1, 0], 4, Some(open));
            assert_eq!(decode_8k(&bytes).unwrap(), [1; 4]);
        }
        let bytes = file(1, 16, 1, 8_000, &[1, 0], 4, Some(800));
        assert!(decode_8k(&bytes).unwrap_err().to_string().contains("cut"));
    }

    #[test]
    fn what_is_no_sound_is_told() {
        for (bytes, said) in [
            (b"ID3\x04............".to_vec(), "MP3"),
            (b"OggS............".to_vec(), "Ogg"),
            (b"{\"status\":40000001}".to_vec(), "text"),
            (Vec::new(), "empty"),
            (file(2, 4, 1, 8_000, &[0], 4, None), "format 2"),
            (file(1, 16, 0, 8_000, &[], 4, None), "0 channels"),
            (file(1, 16, 1, 0, &[0, 0], 4, None), "0 samples"),
            (b"RIFF\0\0\0\0WAVEdata\x02\0\0\0ab".to_vec(), "before its format"),
            (b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff".to_vec(), "too short"),
            (b"RIFF\0\0\0\0WAVE".to_vec(), "no sound"),
        ] {
            let error = parse(&bytes).err().unwrap_or_default();
            assert!(error.contains(said), "{said}: {error}");
        }
        let strange = file(3, 32, 1, 8_000, &f32::NAN.to_le_bytes(), 3, None);
        assert_eq!(decode_8k(&strange).unwrap(), [0; 3]);
    }

    #[test]
    fn cuts_silence_and_keeps_a_margin() {
        let mut pcm = vec![0i16; 2000];
        pcm.extend([5000i16; 100]);
        pcm.extend([0i16; 2000]);
        assert_eq!(trim(&pcm).len(), MARGIN + 100 + MARGIN - 1);
        assert_eq!(trim(&[0i16; 10]).len(), 10);
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wav");
        write_8k(&file, &[1, -2, 3, -4]).unwrap();
        assert_eq!(read_8k(&file).unwrap(), [1, -2, 3, -4]);
    }
}
