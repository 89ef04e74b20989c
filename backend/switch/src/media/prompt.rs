//! A prompt: sound that is encoded once and played to thousands of calls from memory.

use std::path::Path;
use std::sync::Arc;

use super::codec::{Codec, FRAME};
use crate::error::SwitchError;

/// Sound in both companding laws, cut into packets of 20 ms. Immutable; share it by `Arc`.
pub struct Prompt {
    id: String,
    alaw: Box<[u8]>,
    ulaw: Box<[u8]>,
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompt").field("id", &self.id).field("ms", &self.duration_ms()).finish()
    }
}

impl Prompt {
    /// From 16-bit linear samples, 8 kHz mono; the last packet is filled up with silence.
    #[must_use]
    pub fn from_pcm(id: impl Into<String>, pcm: &[i16]) -> Arc<Self> {
        let padded = pcm.len().div_ceil(FRAME) * FRAME;
        let encode = |codec: Codec| {
            let mut out = Vec::with_capacity(padded);
            out.extend(pcm.iter().map(|s| codec.encode(*s)));
            out.resize(padded, codec.silence());
            out.into_boxed_slice()
        };
        Arc::new(Self { id: id.into(), alaw: encode(Codec::Pcma), ulaw: encode(Codec::Pcmu) })
    }

    /// From a WAV file, 8 kHz mono 16-bit PCM. Blocks on the file.
    ///
    /// # Errors
    /// [`SwitchError::Prompt`] where the file cannot be read or has another shape.
    pub fn from_wav(id: impl Into<String>, path: &Path) -> Result<Arc<Self>, SwitchError> {
        let id = id.into();
        let fail = |why: String| SwitchError::Prompt(id.clone(), why);
        let mut reader = hound::WavReader::open(path).map_err(|e| fail(e.to_string()))?;
        let spec = reader.spec();
        if spec.channels != 1
            || spec.sample_rate != 8000
            || spec.bits_per_sample != 16
            || spec.sample_format != hound::SampleFormat::Int
        {
            return Err(fail(format!(
                "needs 8000 Hz mono 16-bit PCM, has {} Hz, {} channels, {} bits",
                spec.sample_rate, spec.channels, spec.bits_per_sample
            )));
        }
        let pcm: Vec<i16> =
            reader.samples::<i16>().collect::<Result<_, _>>().map_err(|e| fail(e.to_string()))?;
        Ok(Self::from_pcm(id, &pcm))
    }

    /// The name given at creation.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Length in milliseconds, a multiple of 20.
    #[must_use]
    pub fn duration_ms(&self) -> u32 {
        (self.frames() * 20) as u32
    }

    /// Number of packets.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.alaw.len() / FRAME
    }

    /// Packet `n` in `codec`; `None` past the end.
    #[must_use]
    pub fn frame(&self, codec: Codec, n: usize) -> Option<&[u8]> {
        let bytes = match codec {
            Codec::Pcma => &self.alaw,
            Codec::Pcmu => &self.ulaw,
        };
        bytes.get(n * FRAME..(n + 1) * FRAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_packet_is_filled_with_silence() {
        let p = Prompt::from_pcm("x", &[1000; 161]);
        assert_eq!(p.frames(), 2);
        assert_eq!(p.duration_ms(), 40);
        let last = p.frame(Codec::Pcmu, 1).expect("frame");
        assert_eq!(last[0], Codec::Pcmu.encode(1000));
        assert!(last[1..].iter().all(|b| *b == 0xff));
        assert!(p.frame(Codec::Pcma, 2).is_none());
    }

    #[test]
    fn a_wav_of_another_shape_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut w = hound::WavWriter::create(&path, spec).expect("create");
        w.write_sample(0i16).expect("write");
        w.write_sample(0i16).expect("write");
        w.finalize().expect("finalize");
        let e = Prompt::from_wav("greeting", &path).expect_err("refused");
        assert!(e.to_string().contains("greeting") && e.to_string().contains("44100"), "{e}");
    }
}
