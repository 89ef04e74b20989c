//! A device of files: a WAV file is what is said, another one keeps what is heard.
//!
//! What is said begins when the microphone is turned on, and goes on where it was after a hold; after its end there is silence. Any rate and any
//! number of channels is taken. What is heard is written as it is heard, so that a program that is killed leaves what it
//! has heard up to the last second.

use super::paced::{PacedDevice, Sounds};
use super::{AudioDevice, AudioError, AudioStream, DeviceEnds, TICK};
use crate::call::codec::RATE;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most that is read of a file: an hour.
const LONGEST: usize = 3_600 * RATE as usize;
/// Points of the filter to each side, in periods of the lower rate.
const REACH: f64 = 16.0;

/// See the module.
pub struct WavDevice {
    said: Arc<[f32]>,
    heard: Option<PathBuf>,
}

impl WavDevice {
    /// Reads what is said, if anything, and remembers where what is heard goes, if anywhere.
    ///
    /// # Errors
    /// The file to play is none that can be played.
    pub fn new(said: Option<&Path>, heard: Option<&Path>) -> Result<WavDevice, AudioError> {
        let said = said.map(read).transpose()?.unwrap_or_default();
        Ok(WavDevice { said: said.into(), heard: heard.map(Path::to_owned) })
    }
}

impl AudioDevice for WavDevice {
    fn open(&self, ends: DeviceEnds) -> Result<Box<dyn AudioStream>, AudioError> {
        let (said, heard) = (self.said.clone(), self.heard.clone());
        let make = move || {
            let writer = heard.as_deref().map(create).transpose()?;
            Ok(Box::new(Files { said: said.clone(), at: 0, writer, ticks: 0 }) as Box<dyn Sounds>)
        };
        PacedDevice::new(make).open(ends)
    }
}

struct Files {
    said: Arc<[f32]>,
    at: usize,
    writer: Option<(WavWriter<BufWriter<File>>, String)>,
    ticks: u32,
}

impl Sounds for Files {
    fn says(&mut self, out: &mut [f32; TICK]) {
        out.fill(0.0);
        let rest = &self.said[self.at..];
        let n = rest.len().min(TICK);
        out[..n].copy_from_slice(&rest[..n]);
        self.at += n;
    }

    fn hears(&mut self, heard: &[f32; TICK]) -> Result<(), AudioError> {
        let Some((writer, name)) = &mut self.writer else { return Ok(()) };
        let fail = |e: hound::Error| unwritten(name, &e);
        for sample in heard {
            writer.write_sample((sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16).map_err(fail)?;
        }
        self.ticks += 1;
        if self.ticks.is_multiple_of(100) {
            writer.flush().map_err(fail)?;
        }
        Ok(())
    }

    fn ends(&mut self) -> Result<(), AudioError> {
        match self.writer.take() {
            Some((writer, name)) => writer.finalize().map_err(|e| unwritten(&name, &e)),
            None => Ok(()),
        }
    }
}

fn unwritten(name: &str, error: &hound::Error) -> AudioError {
    AudioError { what: name.to_owned(), problem: error.to_string(), hint: "write somewhere else" }
}

fn create(path: &Path) -> Result<(WavWriter<BufWriter<File>>, String), AudioError> {
    let spec =
        WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let name = path.display().to_string();
    let writer = WavWriter::create(path, spec).map_err(|e| unwritten(&name, &e))?;
    Ok((writer, name))
}

/// A WAV file as mono samples at [`RATE`].
fn read(path: &Path) -> Result<Vec<f32>, AudioError> {
    let name = path.display().to_string();
    let fail = |problem: String| AudioError {
        what: name.clone(),
        problem,
        hint: "give a WAV file of PCM samples (16-bit is best)",
    };
    let mut reader = WavReader::open(path).map_err(|e| fail(e.to_string()))?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels.max(1));
    if !(4_000..=192_000).contains(&spec.sample_rate) {
        return Err(fail(format!("{} samples a second", spec.sample_rate)));
    }
    let most = LONGEST / RATE as usize * spec.sample_rate as usize * channels;
    let samples: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().take(most).collect(),
        SampleFormat::Int => {
            let full = (1_i64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            reader.samples::<i32>().take(most).map(|s| s.map(|s| s as f32 / full)).collect()
        }
    };
    let samples = samples.map_err(|e| fail(e.to_string()))?;
    let clean = |s: f32| if s.is_finite() { s.clamp(-1.0, 1.0) } else { 0.0 };
    let mono: Vec<f32> =
        samples.chunks(channels).map(|c| clean(c.iter().sum::<f32>() / c.len() as f32)).collect();
    Ok(at_rate(&mono, spec.sample_rate, RATE))
}

/// The same sound at another rate, by a windowed sinc: a band that the new rate cannot carry is left out, not folded back.
fn at_rate(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let step = f64::from(from) / f64::from(to);
    // a little below half of the lower rate
    let cut = 0.95 * (1.0 / step).min(1.0);
    let reach = REACH / cut;
    let length = (samples.len() as f64 / step).floor() as usize;
    (0..length)
        .map(|n| {
            let at = n as f64 * step;
            let first = (at - reach).ceil().max(0.0) as usize;
            let last = ((at + reach).floor() as usize).min(samples.len() - 1);
            let sum: f64 = (first..=last)
                .map(|i| {
                    let x = i as f64 - at;
                    let window = 0.5 + 0.5 * (std::f64::consts::PI * x / reach).cos();
                    f64::from(samples[i]) * cut * sinc(cut * x) * window
                })
                .sum();
            sum as f32
        })
        .collect()
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn tone(rate: u32, hertz: f64) -> Vec<f32> {
        (0..rate).map(|i| ((f64::from(i) / f64::from(rate) * hertz * TAU).sin() * 0.5) as f32).collect()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_strength_at_any_rate_and_what_is_too_high_is_not_folded_back() {
        for from in [8_000, 11_025, 22_050, 44_100, 48_000] {
            let out = at_rate(&tone(from, 1_000.0), from, RATE);
            assert!(out.len().abs_diff(RATE as usize) <= 1, "{from}: {}", out.len());
            let expected = tone(RATE, 1_000.0);
            let middle = 2_000..14_000;
            let error: f32 = middle.clone().map(|i| (out[i] - expected[i]).powi(2)).sum::<f32>() / 12_000.0;
            assert!(error < 1e-5, "{from}: {error}");
        }
        for hertz in [9_000.0, 12_000.0, 20_000.0] {
            let out = at_rate(&tone(48_000, hertz), 48_000, RATE);
            assert!(power(&out[1_000..15_000]) < 1e-5, "{hertz} Hz");
        }
    }

    #[test]
    fn files_of_any_shape_are_read_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("said.wav");
        for (channels, bits, format) in [
            (1, 16, SampleFormat::Int),
            (2, 24, SampleFormat::Int),
            (1, 8, SampleFormat::Int),
            (2, 32, SampleFormat::Float),
        ] {
            let spec = WavSpec { channels, sample_rate: 8_000, bits_per_sample: bits, sample_format: format };
            let mut writer = WavWriter::create(&path, spec).unwrap();
            for sample in tone(8_000, 500.0) {
                for _ in 0..channels {
                    match format {
                        SampleFormat::Float => writer.write_sample(sample).unwrap(),
                        SampleFormat::Int => {
                            writer.write_sample((sample * (1_i64 << (bits - 1)) as f32) as i32).unwrap();
                        }
                    }
                }
            }
            writer.finalize().unwrap();
            let read = read(&path).unwrap();
            assert!((0.11..0.14).contains(&power(&read)), "{channels} {bits}: {}", power(&read));
        }
        std::fs::write(&path, b"no sound at all").unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.what.ends_with("said.wav") && error.hint.contains("WAV"), "{error}");
        assert!(WavDevice::new(Some(&folder.path().join("none.wav")), None).is_err());
    }
}
