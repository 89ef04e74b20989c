//! Writing the zip.

use super::key::EvidenceKey;
use super::report;
use crate::recordings::chain::Chained;
use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, Write};
use std::path::Path;
use waybell_domain::evidence::{FileEntry, MANIFEST, Manifest, ProvedRecording, SIGNATURE, hex};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Bytes of sound in one bundle, about eight hours of calls in stereo.
pub(super) const MOST: u64 = 2 << 30;

/// Writes a bundle into a file without a name. `chained` holds the recordings of each call of the manifest; blocks.
pub(super) fn write(
    mut manifest: Manifest,
    chained: Vec<Vec<Chained>>,
    media: &Path,
    zone: Tz,
    key: &EvidenceKey,
) -> Result<(File, u64)> {
    let mut zip = Zip { zip: ZipWriter::new(nameless(media)?), entries: Vec::new() };
    for (call, chained) in manifest.calls.iter_mut().zip(chained) {
        for Chained { link, path, is_gone } in chained {
            let mut recording = ProvedRecording { link, file: None, problem: None };
            if !is_gone {
                zip.sound(&mut recording, &media.join(path))?;
            }
            if recording.file.is_none() {
                // also one whose row the removal has not reached yet; never one that should be there
                let over = recording.link.keep_until <= manifest.made_at;
                recording.problem = Some(if over { "gone" } else { "missing" }.to_owned());
            }
            call.recordings.push(recording);
        }
    }
    zip.text("report.html", report::html(&manifest, zone).as_bytes())?;
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
    /// Copies a recording, and notes where it is not what its link says.
    fn sound(&mut self, recording: &mut ProvedRecording, path: &Path) -> Result<()> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let name = format!("recordings/{}.wav", recording.link.recording);
        let length = file.metadata()?.len();
        // 4 GB is the most that a file of the usual form of a zip holds
        let options = SimpleFileOptions::default().large_file(length >= u64::from(u32::MAX));
        self.zip
            .start_file(&name, options.compression_method(CompressionMethod::Stored))
            .map_err(Error::other)?;
        let (mut hash, mut bytes, mut block) = (Sha256::new(), 0, vec![0; 64 << 10]);
        loop {
            let n = file.read(&mut block)?;
            if n == 0 {
                break;
            }
            hash.update(&block[..n]);
            bytes += n as u64;
            self.zip.write_all(&block[..n])?;
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
