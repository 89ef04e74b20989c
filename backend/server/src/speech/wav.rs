//! Reading any PCM WAV as 8 kHz mono, and writing it.

use super::SpeechError;
use std::io::Cursor;
use std::path::Path;

/// Samples quieter than this at both ends are cut.
const QUIET: i16 = 200;
/// Silence left at both ends, samples.
const MARGIN: usize = 400;

/// Reads a file.
pub(super) fn read_8k(file: &Path) -> Result<Vec<i16>, SpeechError> {
    let bytes = std::fs::read(file).map_err(|e| SpeechError::Sound(format!("{}: {e}", file.display())))?;
    decode_8k(&bytes)
}

/// Reads bytes. Programs that write to a pipe leave the length fields open; they are mended first.
pub(super) fn decode_8k(bytes: &[u8]) -> Result<Vec<i16>, SpeechError> {
    let mended = mend(bytes);
    let fail = |e: hound::Error| SpeechError::Sound(e.to_string());
    let mut reader = hound::WavReader::new(Cursor::new(mended)).map_err(fail)?;
    let spec = reader.spec();
    if spec.bits_per_sample != 16 || spec.sample_format != hound::SampleFormat::Int || spec.channels == 0 {
        return Err(SpeechError::Sound("needs 16-bit PCM".into()));
    }
    let channels = usize::from(spec.channels);
    let samples: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>().map_err(fail)?;
    let mono: Vec<i16> = samples
        .chunks(channels)
        .map(|c| (c.iter().map(|s| i32::from(*s)).sum::<i32>() / channels as i32) as i16)
        .collect();
    if spec.sample_rate == 8000 {
        return Ok(mono);
    }
    Ok(audio_codec::resample(&mono, spec.sample_rate, 8000))
}

/// Writes a file.
pub(super) fn write_8k(file: &Path, pcm: &[i16]) -> std::io::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let part = file.with_extension("part");
    let mut writer = hound::WavWriter::create(&part, spec).map_err(std::io::Error::other)?;
    for s in pcm {
        writer.write_sample(*s).map_err(std::io::Error::other)?;
    }
    writer.finalize().map_err(std::io::Error::other)?;
    // a name without its bytes would be a notice of silence after a power cut
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(part, file)
}

/// Cuts silence at both ends.
pub(super) fn trim(pcm: &[i16]) -> Vec<i16> {
    let loud = |s: &i16| s.saturating_abs() > QUIET;
    let Some(first) = pcm.iter().position(loud) else { return pcm.to_vec() };
    let last = pcm.iter().rposition(loud).unwrap_or(first);
    pcm[first.saturating_sub(MARGIN)..(last + MARGIN).min(pcm.len())].to_vec()
}

fn mend(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let Some(at) = out.windows(4).position(|w| w == b"data") else { return out };
    let len = out.len();
    if len > at + 8 {
        out[at + 4..at + 8].copy_from_slice(&((len - at - 8) as u32 & !1).to_le_bytes());
        out[4..8].copy_from_slice(&((len - 8) as u32).to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_silence_and_keeps_a_margin() {
        let mut pcm = vec![0i16; 2000];
        pcm.extend([5000i16; 100]);
        pcm.extend([0i16; 2000]);
        assert_eq!(trim(&pcm).len(), MARGIN + 100 + MARGIN - 1);
        assert_eq!(trim(&[0i16; 10]).len(), 10);
    }

    #[test]
    fn an_open_length_is_mended() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wav");
        write_8k(&file, &[1, 2, 3, 4]).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        let at = bytes.windows(4).position(|w| w == b"data").unwrap();
        bytes[at + 4..at + 8].copy_from_slice(&0x7fff_f000u32.to_le_bytes());
        assert_eq!(decode_8k(&bytes).unwrap(), [1, 2, 3, 4]);
    }
}
