//! Clean speech, at the rate of calls.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use waybell_core::call::codec::RATE;

/// A recording of one person.
pub struct Clip {
    /// File name without its end.
    pub name: String,
    /// Mono, −1 to 1, at [`RATE`].
    pub samples: Vec<f32>,
}

/// The recordings of `tests/data/speech`, by name.
///
/// # Errors
/// One cannot be read.
pub fn all() -> anyhow::Result<Vec<Clip>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/speech");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .flatten()
        .map(|e| e.path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "wav"));
    files.sort();
    files.iter().map(|f| read(f).with_context(|| f.display().to_string())).collect()
}

fn read(file: &Path) -> anyhow::Result<Clip> {
    let mut reader = hound::WavReader::open(file)?;
    let spec = reader.spec();
    ensure!(spec.channels == 1 && spec.bits_per_sample == 16, "not mono of 16 bit: {spec:?}");
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|s| s.map(|s| f32::from(s) / 32_768.0)).collect::<Result<_, _>>()?;
    ensure!(
        spec.sample_rate.is_multiple_of(RATE),
        "{} samples a second, no multiple of {RATE}",
        spec.sample_rate
    );
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Clip { name, samples: reduced(&samples, (spec.sample_rate / RATE) as usize) })
}

/// Every n-th sample, after a low pass (windowed sinc).
fn reduced(samples: &[f32], n: usize) -> Vec<f32> {
    if n == 1 {
        return samples.to_vec();
    }
    let half = 32 * n as i64;
    let cut = 0.92 / n as f64;
    let taps: Vec<f64> = (-half..=half)
        .map(|k| {
            let x = k as f64;
            let sinc = if k == 0 {
                cut
            } else {
                (std::f64::consts::PI * cut * x).sin() / (std::f64::consts::PI * x)
            };
            sinc * (0.5 + 0.5 * (std::f64::consts::PI * x / (half as f64 + 1.0)).cos())
        })
        .collect();
    let at = |i: i64| usize::try_from(i).ok().and_then(|i| samples.get(i)).copied().unwrap_or(0.0);
    (0..samples.len() / n)
        .map(|i| {
            taps.iter().enumerate().map(|(t, w)| w * f64::from(at((i * n + t) as i64 - half))).sum::<f64>()
                as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clips_are_there_and_a_low_tone_survives_where_a_high_one_does_not() {
        let clips = all().unwrap();
        assert!(clips.len() >= 3 && clips.iter().all(|c| c.samples.len() > 2 * RATE as usize));
        let tone = |hz: f32| -> Vec<f32> {
            (0..48_000).map(|i| (i as f32 * hz / 48_000.0 * std::f32::consts::TAU).sin()).collect()
        };
        let level = |s: &[f32]| (s.iter().map(|x| x * x).sum::<f32>() / s.len() as f32).sqrt();
        assert!((level(&reduced(&tone(1_000.0), 3)) - 0.707).abs() < 0.01);
        assert!(level(&reduced(&tone(10_000.0), 3)) < 0.003);
    }
}
