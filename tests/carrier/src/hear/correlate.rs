//! Proposing starts by peak distances, testing them by correlation.

use std::collections::HashMap;

use crate::{media::g711, truth::HeardPrompt};

/// A peak is the largest of so many samples to each side.
const PEAK_REACH: usize = 20;
/// Peaks below this are noise.
const PEAK_LEVEL: i32 = 250;
/// Samples of a tested frame.
const FRAME: usize = 160;
/// A frame of a prompt counts as sounding above this root mean square.
const SOUNDING: f64 = 120.0;
/// Correlation from which a frame counts as heard.
const HEARD: f64 = 0.75;
/// Proposals tested a call.
const MAX_TESTS: usize = 400;
/// A place whose name is this common in the prompts says nothing (tones, silence).
const MAX_PLACES: usize = 24;

type Places = HashMap<u64, Vec<(u32, u32)>>;

/// The prompts, ready to be found in audio of either codec.
pub(crate) struct Library {
    names: Vec<String>,
    codecs: [(u8, Vec<Vec<i16>>, Places); 2],
}

/// A prompt at a place, tested.
#[derive(Debug, Clone)]
struct Match {
    prompt: usize,
    start: i64,
    from: i64,
    to: i64,
    frames: usize,
    fraction: f64,
    score: f64,
}

impl Library {
    /// Whether there is no prompt to listen for: then nothing can be said about what was heard.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Indexes prompts: name and 8 kHz samples.
    pub(crate) fn new(prompts: &[(String, Vec<i16>)]) -> Self {
        let codec = |payload: u8| {
            let coded: Vec<Vec<i16>> = prompts
                .iter()
                .map(|(_, s)| s.iter().map(|x| g711::decode(payload, g711::encode(payload, *x))).collect())
                .collect();
            let mut places = Places::new();
            for (index, samples) in coded.iter().enumerate() {
                for (name, at) in marks(samples) {
                    places.entry(name).or_default().push((index as u32, at as u32));
                }
            }
            (payload, coded, places)
        };
        Self { names: prompts.iter().map(|p| p.0.clone()).collect(), codecs: [codec(0), codec(8)] }
    }

    /// The prompts in `audio`, in the order in which they began.
    pub(crate) fn find(&self, payload: u8, audio: &[i16]) -> Vec<HeardPrompt> {
        let (_, prompts, places) = &self.codecs[usize::from(payload == 8)];
        let mut votes: HashMap<(u32, i64), u32> = HashMap::new();
        for (name, at) in marks(audio) {
            let Some(found) = places.get(&name).filter(|f| f.len() <= MAX_PLACES) else { continue };
            for (prompt, place) in found {
                *votes.entry((*prompt, at as i64 - i64::from(*place))).or_default() += 1;
            }
        }
        let mut proposals: Vec<((u32, i64), u32)> = votes.into_iter().filter(|(_, n)| *n >= 2).collect();
        proposals.sort_by_key(|((prompt, start), n)| (std::cmp::Reverse(*n), *prompt, *start));
        proposals.truncate(MAX_TESTS);
        let mut matches: Vec<Match> = proposals
            .iter()
            .filter_map(|((prompt, start), _)| {
                test(*prompt as usize, &prompts[*prompt as usize], audio, *start)
            })
            .collect();
        matches.sort_by(|a, b| b.frames.cmp(&a.frames).then(b.score.total_cmp(&a.score)));
        let mut chosen: Vec<Match> = Vec::new();
        for m in matches {
            let overlap: i64 = chosen.iter().map(|c| (m.to.min(c.to) - m.from.max(c.from)).max(0)).sum();
            if overlap * 10 < (m.to - m.from) * 3 {
                chosen.push(m);
            }
        }
        chosen.sort_by_key(|m| m.from);
        chosen
            .into_iter()
            .map(|m| HeardPrompt {
                prompt: self.names[m.prompt].clone(),
                score: (m.score * 1_000.0).round() / 1_000.0,
                fraction: (m.fraction * 1_000.0).round() / 1_000.0,
                start_ms: m.start / 8,
            })
            .collect()
    }
}

/// Places named by the distances of four neighbouring peaks and their signs.
fn marks(samples: &[i16]) -> Vec<(u64, usize)> {
    let mut peaks: Vec<(usize, bool)> = Vec::new();
    let level = |i: usize| i32::from(samples[i]).abs();
    let mut i = 0;
    while i < samples.len() {
        let here = level(i);
        if here < PEAK_LEVEL {
            i += 1;
            continue;
        }
        let end = (i + PEAK_REACH + 1).min(samples.len());
        // The first larger or, behind us, equal sample takes the peak away; go on from there.
        if let Some(larger) = (i + 1..end).find(|j| level(*j) > here) {
            i = larger;
            continue;
        }
        let begin = i.saturating_sub(PEAK_REACH);
        if (begin..i).all(|j| level(j) < here) {
            peaks.push((i, samples[i] > 0));
        }
        i += 1;
    }
    peaks
        .windows(5)
        .filter(|w| w[4].0 - w[0].0 < 1_600)
        .map(|w| {
            let name = w
                .windows(2)
                .fold(0u64, |n, p| n << 12 | ((p[1].0 - p[0].0).min(2_047) as u64) << 1 | u64::from(p[0].1));
            (name, w[0].0)
        })
        .collect()
}

/// Correlates a prompt, frame by frame, with the audio from `start`.
fn test(index: usize, prompt: &[i16], audio: &[i16], start: i64) -> Option<Match> {
    let (mut sounding, mut compared, mut heard) = (0usize, 0usize, 0usize);
    let (mut from, mut to) = (i64::MAX, i64::MIN);
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (n, frame) in prompt.chunks(FRAME).enumerate() {
        let energy: f64 = frame.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        if energy < frame.len() as f64 * SOUNDING * SOUNDING {
            continue;
        }
        sounding += 1;
        let at = start + (n * FRAME) as i64;
        let Ok(at) = usize::try_from(at) else { continue };
        let Some(other) = audio.get(at..at + frame.len()) else { continue };
        compared += 1;
        let (mut c, mut e) = (0.0, 0.0);
        for (x, y) in frame.iter().zip(other) {
            c += f64::from(*x) * f64::from(*y);
            e += f64::from(*y) * f64::from(*y);
        }
        if e > 0.0 && c / (energy * e).sqrt() >= HEARD {
            heard += 1;
            from = from.min(at as i64);
            to = to.max((at + frame.len()) as i64);
            xy += c;
            xx += energy;
            yy += e;
        }
    }
    let fraction = heard as f64 / sounding.max(1) as f64;
    // A syllable that sounds alike proves nothing: it takes 0.3 s of sound, or half of a prompt, and where the prompt
    // would have been playing, much of it must be there.
    let enough = (heard >= 15 || fraction >= 0.5 && heard >= 2) && heard * 3 >= compared;
    if !enough {
        return None;
    }
    Some(Match {
        prompt: index,
        start,
        from,
        to,
        frames: heard,
        fraction,
        score: xy / (xx * yy).sqrt().max(1.0),
    })
}
