//! The samples between decoder and loudspeaker, and how their time is stretched without changing their pitch.
//!
//! Waveform similarity (WSOLA): one pitch period is taken out, or played once more, where two stretches of sound resemble
//! each other most, with a short cross-fade. Where it is quiet anything resembles anything, so most of the work is done
//! between words, where nobody hears it.

/// See the module. `at` is the next sample to be heard; some that were heard stay before it.
pub(super) struct Line {
    samples: Vec<f32>,
    at: usize,
    end: usize,
    fade: Vec<f32>,
    /// Samples of 2.5 ms, the unit of all lengths here.
    unit: usize,
    floor: f32,
}

/// What resembles what well enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Likeness {
    /// At least this correlation, 0 to 1.
    AtLeast(f32),
    /// It is quiet: whatever resembles most.
    Any,
}

impl Line {
    /// For so many samples a second.
    pub(super) fn new(rate: usize) -> Line {
        let unit = rate / 400;
        // 20 ms heard, and at most 300 ms to come.
        Line {
            samples: vec![0.0; 128 * unit],
            at: 8 * unit,
            end: 8 * unit,
            fade: vec![0.0; 2 * unit],
            unit,
            floor: 0.01,
        }
    }

    /// Samples to come.
    pub(super) fn ready(&self) -> usize {
        self.end - self.at
    }

    /// Room for `n` samples after those to come; [`Line::add`] makes them count.
    pub(super) fn room(&mut self, n: usize) -> &mut [f32] {
        let kept = 8 * self.unit;
        if self.end + n > self.samples.len() && self.at > kept {
            self.samples.copy_within(self.at - kept..self.end, 0);
            self.end -= self.at - kept;
            self.at = kept;
        }
        let to = (self.end + n).min(self.samples.len());
        &mut self.samples[self.end..to]
    }

    /// Counts `n` samples that were written to [`Line::room`], with this gain at their beginning and end.
    pub(super) fn add(&mut self, n: usize, from: f32, to: f32) {
        let end = (self.end + n).min(self.samples.len());
        // Bytes of anybody can decode to anything.
        for sample in &mut self.samples[self.end..end] {
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        if from < 1.0 || to < 1.0 {
            let step = (to - from) / n.max(1) as f32;
            for (i, sample) in self.samples[self.end..end].iter_mut().enumerate() {
                *sample *= from + step * i as f32;
            }
        }
        self.end = end;
    }

    /// Lets the next samples rise from nothing over 5 ms.
    pub(super) fn rise(&mut self, from: usize) {
        let n = 2 * self.unit;
        let begin = self.end.saturating_sub(from);
        for (i, sample) in self.samples[begin..self.end].iter_mut().take(n).enumerate() {
            *sample *= i as f32 / n as f32;
        }
    }

    /// The next samples; whoever asks for more than there are gets silence.
    pub(super) fn take(&mut self, out: &mut [f32]) {
        let n = out.len().min(self.ready());
        out[..n].copy_from_slice(&self.samples[self.at..self.at + n]);
        out[n..].fill(0.0);
        self.at += n;
        let level = level(&out[..n]);
        // Falls at once, rises by half in a second of 10 ms ticks.
        self.floor =
            if level < self.floor { 0.5 * (self.floor + level) } else { self.floor * 1.004 }.max(1e-4);
    }

    /// Forgets what is to come.
    pub(super) fn clear(&mut self) {
        self.samples.fill(0.0);
        self.at = 8 * self.unit;
        self.end = self.at;
    }

    /// What was just heard and what comes next is noise of the room.
    pub(super) fn is_quiet(&self) -> bool {
        let around = &self.samples[self.at - 4 * self.unit..self.end.min(self.at + 8 * self.unit)];
        let loudest = around.chunks(2 * self.unit).map(level).fold(0.0, f32::max);
        loudest < (2.5 * self.floor).clamp(0.001, 0.02)
    }

    /// Takes out at most `most` samples, and returns how many: 0 where nothing resembles well enough.
    pub(super) fn shorten(&mut self, most: usize, likeness: Likeness) -> usize {
        let fade = 2 * self.unit;
        let compared = 4 * self.unit;
        let longest = (6 * self.unit).min(most).min(self.ready().saturating_sub(compared));
        let (at, shift) = (self.at, self.unit);
        let Some(lag) = self.best(shift..=longest, likeness, |lag| (at, at + lag)) else {
            return 0;
        };
        for i in 0..fade {
            let w = (i as f32 + 0.5) / fade as f32;
            self.samples[at + lag + i] = self.samples[at + i] * (1.0 - w) + self.samples[at + lag + i] * w;
        }
        // What was heard stays before what is to come.
        let kept = (8 * self.unit).min(at);
        self.samples.copy_within(at - kept..at, at - kept + lag);
        self.at += lag;
        lag
    }

    /// Plays at most `most` samples once more, and returns how many.
    pub(super) fn lengthen(&mut self, most: usize, likeness: Likeness) -> usize {
        let fade = 2 * self.unit;
        let longest = (6 * self.unit).min(most);
        // room first: it may move everything
        if self.ready() < 4 * self.unit || self.room(longest).len() < longest {
            return 0;
        }
        let (at, shift) = (self.at, self.unit);
        let Some(lag) = self.best(shift..=longest.min(at), likeness, |lag| (at, at - lag)) else {
            return 0;
        };
        for i in 0..fade {
            let w = (i as f32 + 0.5) / fade as f32;
            self.fade[i] = self.samples[at + i] * (1.0 - w) + self.samples[at - lag + i] * w;
        }
        self.samples.copy_within(at - lag + fade..self.end, at + fade);
        self.samples[at..at + fade].copy_from_slice(&self.fade);
        self.end += lag;
        lag
    }

    /// The lag whose two places (by `places`) resemble most over 10 ms.
    fn best(
        &self,
        lags: std::ops::RangeInclusive<usize>,
        likeness: Likeness,
        places: impl Fn(usize) -> (usize, usize),
    ) -> Option<usize> {
        let n = 4 * self.unit;
        let mut best: Option<(f32, usize)> = None;
        for lag in lags {
            let (a, b) = places(lag);
            if a + n > self.end || b + n > self.end {
                continue;
            }
            let (a, b) = (&self.samples[a..a + n], &self.samples[b..b + n]);
            let (mut ab, mut aa, mut bb) = (0.0_f32, 1e-9_f32, 1e-9_f32);
            for (x, y) in a.iter().zip(b) {
                ab += x * y;
                aa += x * x;
                bb += y * y;
            }
            let alike = ab / (aa * bb).sqrt();
            if best.is_none_or(|(most, _)| alike > most) {
                best = Some((alike, lag));
            }
        }
        let (alike, lag) = best?;
        let enough = match likeness {
            Likeness::AtLeast(least) => alike >= least,
            Likeness::Any => true,
        };
        enough.then_some(lag)
    }
}

/// Effective value.
fn level(samples: &[f32]) -> f32 {
    let n = samples.len().max(1) as f32;
    (samples.iter().map(|s| s * s).sum::<f32>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: usize = 16_000;

    fn with(samples: &[f32]) -> Line {
        let mut line = Line::new(RATE);
        line.room(samples.len()).copy_from_slice(samples);
        line.add(samples.len(), 1.0, 1.0);
        line
    }

    /// A voice of 125 Hz: its period is 128 samples.
    fn voice(n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| {
                let phase = (i % 128) as f32 / 128.0 * std::f32::consts::TAU;
                0.2 * (phase.sin() + 0.5 * (2.0 * phase).cos() + 0.3 * (5.0 * phase).sin())
            })
            .collect()
    }

    #[test]
    fn one_period_is_taken_out_of_a_voice_or_put_in_and_nobody_hears_it() {
        let heard = voice(2_000);
        for lengthen in [false, true] {
            let mut line = with(&heard[..1_600]);
            line.take(&mut [0.0; 320]);
            let changed = if lengthen {
                line.lengthen(240, Likeness::AtLeast(0.95))
            } else {
                line.shorten(240, Likeness::AtLeast(0.95))
            };
            assert_eq!(changed, 128);
            let mut out = vec![0.0; line.ready()];
            assert_eq!(out.len(), if lengthen { 1_280 + 128 } else { 1_280 - 128 });
            line.take(&mut out);
            let error = out.iter().zip(&heard[320..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error < 1e-4, "{error}");
        }
    }

    #[test]
    fn what_resembles_nothing_is_left_alone_unless_it_is_quiet() {
        let mut state = 1_u32;
        let noise: Vec<f32> = (0..1_600)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 16_777_216.0 - 0.5
            })
            .collect();
        let mut line = with(&noise);
        assert_eq!(line.shorten(240, Likeness::AtLeast(0.9)), 0);
        assert_eq!(line.lengthen(240, Likeness::AtLeast(0.9)), 0);
        assert!(!line.is_quiet());
        assert!(line.shorten(240, Likeness::Any) >= 40);
        let soft: Vec<f32> = noise.iter().map(|s| s * 0.001).collect();
        assert!(with(&soft).is_quiet());
    }

    #[test]
    fn nothing_is_shortened_beyond_what_there_is() {
        let mut line = with(&voice(200));
        assert!(line.shorten(240, Likeness::Any) <= 40);
        assert_eq!(with(&voice(100)).shorten(240, Likeness::Any), 0);
        let mut line = with(&voice(1_600));
        for _ in 0..100 {
            line.lengthen(240, Likeness::Any);
        }
        assert!(line.ready() <= 128 * 40, "the room has an end");
    }
}
