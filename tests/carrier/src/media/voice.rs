//! What a callee's side sends: 160 samples at a time.

use std::{f32::consts::TAU, path::Path, sync::Arc};

use super::{Voice, dtmf, g711};
use crate::config::Audio;

/// Keys that wait to be sent as tones.
const TONE_SAMPLES: usize = 960;

/// A source of sound.
#[derive(Debug, Default)]
pub(super) struct Source {
    kind: Kind,
    at: usize,
    quiet_until: Option<u64>,
    tones: Vec<char>,
    tone_at: usize,
}

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Nothing,
    Silence,
    Tone(f32),
    Ringback,
    Announcement,
    File(Arc<[i16]>),
}

impl Source {
    /// Turns to another voice. A file that cannot be read sends silence and says so on stderr.
    pub(super) fn turn(&mut self, now: u64, voice: &Voice) {
        let audio = match voice {
            Voice::Ringback => {
                self.kind = Kind::Ringback;
                None
            }
            Voice::Announcement => {
                self.kind = Kind::Announcement;
                None
            }
            Voice::Phone(audio) => Some(audio),
            Voice::After(ms, audio) => {
                self.quiet_until = Some(now + ms);
                Some(audio)
            }
        };
        self.at = 0;
        if let Some(audio) = audio {
            self.kind = match audio {
                Audio::None => Kind::Nothing,
                Audio::Silence => Kind::Silence,
                Audio::Tone => Kind::Tone(400.0),
                Audio::File(path) => load(path),
            };
        }
    }

    /// Adds a key to be sent as tones.
    pub(super) fn press(&mut self, key: char) {
        self.tones.push(key);
    }

    /// The next 160 code words, or `false` for no packet.
    pub(super) fn next(&mut self, now: u64, payload: u8, out: &mut Vec<u8>) -> bool {
        out.clear();
        if self.quiet_until.is_some_and(|t| now < t) {
            return false;
        }
        if let Some(key) = self.tones.first().copied() {
            for n in self.tone_at..self.tone_at + 160 {
                out.push(g711::encode(payload, if n < TONE_SAMPLES { dtmf::tone(key, n) } else { 0 }));
            }
            self.tone_at += 160;
            if self.tone_at >= TONE_SAMPLES * 2 {
                self.tone_at = 0;
                self.tones.remove(0);
            }
            return true;
        }
        let at = self.at;
        self.at += 160;
        let sine = |n: usize, f: f32, level: f32| ((n as f32 / 8_000.0 * f * TAU).sin() * level) as i16;
        match &self.kind {
            Kind::Nothing => return false,
            Kind::Silence => out.resize(160, g711::silence(payload)),
            Kind::Tone(f) => {
                out.extend((at..at + 160).map(|n| g711::encode(payload, sine(n % 8_000, *f, 6_000.0))))
            }
            // 1 s of 450 Hz, 4 s of silence.
            Kind::Ringback => out.extend((at..at + 160).map(|n| {
                let n = n % 40_000;
                g711::encode(payload, if n < 8_000 { sine(n, 450.0, 6_000.0) } else { 0 })
            })),
            // 950, 1400 and 1800 Hz, a third of a second each, then a second of silence (ITU-T E.180).
            Kind::Announcement => out.extend((at..at + 160).map(|n| {
                let n = n % 16_000;
                let f = [950.0, 1400.0, 1800.0].get(n / 2_640);
                g711::encode(payload, f.map_or(0, |f| sine(n, *f, 6_000.0)))
            })),
            Kind::File(samples) => {
                out.extend((at..at + 160).map(|n| g711::encode(payload, samples[n % samples.len()])));
            }
        }
        true
    }
}

fn load(path: &Path) -> Kind {
    match crate::hear::wav::read(path) {
        Ok(samples) if !samples.is_empty() => Kind::File(samples.into()),
        Ok(_) => Kind::Silence,
        Err(error) => {
            eprintln!("waybell-carrier: failed to read {}: {error:#}", path.display());
            Kind::Silence
        }
    }
}
