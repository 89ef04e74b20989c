//! Writing the zip.

use super::key::EvidenceKey;
use super::report::Report;
use crate::recordings::{Sound, Source};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Error, ErrorKind, Result, Seek, Write};
use std::path::Path;
use waybell_domain::evidence::{FileEntry, Link, MANIFEST, Manifest, ProvedRecording, SIGNATURE, hex};
use waybell_switch::SealError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Bytes of sound in one bundle, about eight hours of calls in stereo.
pub(super) const MOST: u64 = 2 << 30;

/// A recording of the chain, and where its sound is; `None` where its time was over.
pub(super) type Proof = (Link, Option<Source>);

/// Writes a bundle into a file without a name. `proofs` holds the recordings of each call of the manifest; blocks.
pub(super) fn write(
    mut manifest: Manifest,
    proofs: Vec<Vec<Proof>>,
    media: &Path,
    zone: Tz,
    key: &EvidenceKey,
) -> Result<(File, u64)> {
    let mut zip = Zip { zip: ZipWriter::new(nameless(media)?), entries: Vec::new() };
    for (call, proofs) in manifest.calls.iter_mut().zip(proofs) {
        for (link, source) in proofs {
            let mut recording = ProvedRecording { link, file: None, problem: None };
            if let Some(source) = source {
                zip.sound(&mut recording, &source)?;
            }
            if recording.file.is_none() {
                // also one whose row the removal has not reached yet; never one that should be there
                let over = recording.link.keep_until <= manifest.made_at;
                recording.problem = Some(if over { "gone" } else { "missing" }.to_owned());
            }
            call.recordings.push(recording);
        }
    }
    let report = Report::new(&manifest, zone);
    zip.text("report.html", report.html().as_bytes())?;
    zip.text("report.pdf", &report.pdf())?;
    manifest.files = std::mem::take(&mut zip.entries);
    let text = serde_json::to_vec_pretty(&manifest).map_err(Error::other)?;
    let signature = serde_json::to_vec_pretty(&key.sign(&text)).map_err(Error::other)?;
    zip.text(MANIFEST, &text)?;
    zip.text(SIGNATURE, &signature)?;
    let mut file = zip.zip.finish().map_err(Error::other)?;
    let length = file.stream_position()?;
    file.rewind()?;
    Ok((file, length))
}

/// A file that is gone when it is closed, however that happens.
fn nameless(folder: &Path) -> Result<File> {
    let path = folder.join(format!(".evidence-{:016x}", rand::random::<u64>()));
    std::fs::create_dir_all(folder)?;
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

struct Zip {
    zip: ZipWriter<File>,
    entries: Vec<FileEntry>,
}

impl Zip {
    /// Copies a recording, and notes where it is not what its link says. Of one that was changed on the disk it takes what still
    /// opens, up to the change.
    fn sound(&mut self, recording: &mut ProvedRecording, source: &Source) -> Result<()> {
        let sound = match Sound::open(source) {
            Err(SealError::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(SealError::Io(error)) => return Err(error),
            opened => opened,
        };
        let name = format!("recordings/{}.wav", recording.link.recording);
        let length = sound.as_ref().map_or(0, Sound::bytes);
        // 4 GB is the most that a file of the usual form of a zip holds
        let options = SimpleFileOptions::default().large_file(length >= u64::from(u32::MAX));
        self.zip
            .start_file(&name, options.compression_method(CompressionMethod::Stored))
            .map_err(Error::other)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let copied = sound.and_then(|mut sound| {
            sound.each(0, length, |part| {
                hash.update(part);
                bytes += part.len() as u64;
                self.zip.write_all(part).map_err(SealError::Io)
            })
        });
        match copied {
            Ok(()) => {}
            Err(SealError::Io(error)) => return Err(error),
            Err(error) => {
                tracing::error!(recording = %recording.link.recording, %error, "a recording does not open")
            }
        }
        let sha256 = hex(&hash.finalize());
        if sha256 != recording.link.sha256 {
            tracing::error!(recording = %recording.link.recording, "a recording is not what the chain says");
            metrics::counter!("waybell_recordings_changed_total").increment(1);
            recording.problem = Some("changed".to_owned());
        }
        recording.file = Some(name.clone());
        self.entries.push(FileEntry { name, bytes, sha256 });
        Ok(())
    }

    fn text(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        self.zip.start_file(name, options).map_err(Error::other)?;
        self.zip.write_all(bytes)?;
        let (bytes, sha256) = (bytes.len() as u64, hex(&Sha256::digest(bytes)));
        self.entries.push(FileEntry { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }
}
