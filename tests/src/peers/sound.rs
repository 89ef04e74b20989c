//! Sound that a peer recorded, compared with what was played to it.

use anyhow::{Context, bail};
use std::path::Path;

/// Samples of a mono PCM16 WAV, and its rate.
///
/// # Errors
/// No WAV of that kind. A file whose header was never completed (its writer was killed) is read to its end.
pub fn read_wav(file: &Path) -> anyhow::Result<(Vec<i16>, u32)> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    if bytes.len() < 44 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        bail!("{} is no WAV", file.display());
    }
    let u16_at = |i: usize| u16::from_le_bytes([bytes[i], bytes[i + 1]]);
    let u32_at = |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
    let (mut at, mut rate) = (12, 0);
    while at + 8 <= bytes.len() {
        let size = u32_at(at + 4) as usize;
        match &bytes[at..at + 4] {
            b"fmt " => {
                rate = u32_at(at + 12);
                if (u16_at(at + 8), u16_at(at + 10), u16_at(at + 22)) != (1, 1, 16) {
                    bail!("{} is not mono PCM16", file.display());
                }
            }
            b"data" => {
                let end = if size == 0 { bytes.len() } else { (at + 8 + size).min(bytes.len()) };
                let pairs = bytes[at + 8..end].chunks_exact(2);
                return Ok((pairs.map(|p| i16::from_le_bytes([p[0], p[1]])).collect(), rate));
            }
            _ => {}
        }
        at += 8 + size + size % 2;
    }
    bail!("{} has no samples", file.display())
}

/// Writes a mono PCM16 WAV at 8 kHz.
pub fn write_wav(file: &Path, pcm: &[i16]) -> anyhow::Result<()> {
    let data = (pcm.len() * 2) as u32;
    let mut out = Vec::with_capacity(44 + pcm.len() * 2);
    out.extend(b"RIFF");
    out.extend((36 + data).to_le_bytes());
    out.extend(b"WAVEfmt ");
    for n in [16u32, 0x0001_0001, 8_000, 16_000, 0x0010_0002] {
        out.extend(n.to_le_bytes());
    }
    out.extend(b"data");
    out.extend(data.to_le_bytes());
    out.extend(pcm.iter().flat_map(|s| s.to_le_bytes()));
    std::fs::write(file, out)?;
    Ok(())
}

/// A byte of G.711 A-law as a sample.
pub fn alaw(code: u8) -> i16 {
    let a = code ^ 0x55;
    let (segment, base) = ((a & 0x70) >> 4, i16::from(a & 0x0f) << 4);
    let size = match segment {
        0 => base + 8,
        1 => base + 0x108,
        n => (base + 0x108) << (n - 1),
    };
    if a & 0x80 == 0 { -size } else { size }
}

/// Noise that nothing else is like: `samples` at 8 kHz, telling seeds apart.
pub fn noise(seed: u64, samples: usize) -> Vec<i16> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut before = 0.0;
    let mut out = Vec::with_capacity(samples);
    for _ in 0..samples {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        // most of it below 1.5 kHz, where a resampler of the far side changes little
        before = 0.7 * before + 0.3 * ((x % 24_000) as f64 - 12_000.0);
        out.push(before as i16);
    }
    out
}

/// Where in `sound` `what` is found best, and the normalised correlation there (1 is the same sound).
pub fn find(what: &[i16], sound: &[i16]) -> (usize, f64) {
    let power = |s: &[i16]| s.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    let own = power(what).sqrt();
    let mut best = (0, 0.0);
    if what.is_empty() || sound.len() < what.len() {
        return best;
    }
    // a part of it proposes the place, the whole proves it
    let part = &what[..what.len().min(96)];
    for at in 0..=sound.len() - what.len() {
        let dot = |a: &[i16], b: &[i16]| -> f64 {
            a.iter().zip(b).map(|(x, y)| i64::from(*x) * i64::from(*y)).sum::<i64>() as f64
        };
        let first = &sound[at..at + part.len()];
        let proposal = dot(first, part) / (power(first).sqrt() * power(part).sqrt()).max(1.0);
        if proposal > 0.6 {
            let whole = &sound[at..at + what.len()];
            let score = dot(whole, what) / (power(whole).sqrt() * own).max(1.0);
            if score > best.1 {
                best = (at, score);
            }
        }
    }
    best
}
