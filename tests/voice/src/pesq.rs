//! PESQ (ITU-T P.862.2, wide band) by the PyPI package `pesq`.

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use waybell_core::call::codec::RATE;
use waybell_figures::python;

/// Reads pairs of file names, prints one score each.
const SCRIPT: &str = include_str!("pesq.py");

/// A judge of speech.
pub struct Pesq {
    python: PathBuf,
    folder: tempfile::TempDir,
}

/// What was said and what was heard of it.
pub struct Pair {
    /// Clean.
    pub said: Vec<f32>,
    /// Of the same length.
    pub heard: Vec<f32>,
}

impl Pesq {
    /// The judge; installs the package where it is missing.
    ///
    /// # Errors
    /// It cannot be installed here.
    pub fn new() -> anyhow::Result<Pesq> {
        let python = python::environment("voice-pesq", &["numpy", "pesq==0.0.4"])?;
        Ok(Pesq { python, folder: tempfile::tempdir()? })
    }

    /// A score for each pair: 1 is bad, 4.64 is the same.
    ///
    /// # Errors
    /// The program failed, or found no speech in one of them.
    pub fn scores(&self, pairs: &[Pair]) -> anyhow::Result<Vec<f64>> {
        let mut files = Vec::new();
        for (n, pair) in pairs.iter().enumerate() {
            let [said, heard] = ["said", "heard"].map(|s| self.folder.path().join(format!("{s}{n}.wav")));
            write(&said, &pair.said)?;
            write(&heard, &pair.heard)?;
            files.push([said, heard]);
        }
        let mut child = Command::new(&self.python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        serde_json::to_writer(child.stdin.take().context("no pipe")?, &files)?;
        let output = child.wait_with_output()?;
        anyhow::ensure!(output.status.success(), "PESQ failed");
        let scores = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::parse)
            .collect::<Result<Vec<f64>, _>>()
            .context("PESQ said something else than a number")?;
        anyhow::ensure!(scores.len() == pairs.len(), "{} scores of {}", scores.len(), pairs.len());
        Ok(scores)
    }
}

fn write(file: &Path, samples: &[f32]) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec)?;
    for sample in samples {
        writer.write_sample((sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16)?;
    }
    Ok(writer.finalize()?)
}
