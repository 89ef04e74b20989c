//! Sound at another rate, as it comes: for the callbacks of devices, whose pieces are of any length and which may not ask for memory.
//!
//! A windowed sinc whose points are laid out for 128 places between two samples; between places it is interpolated. What the lower of
//! the two rates cannot carry is left out. It delays by half the length of the filter, about a millisecond.

use super::{LoudspeakerEnd, MicrophoneEnd, TICK};
use crate::call::codec::RATE;

/// Points to each side, in periods of the lower rate.
const REACH: f64 = 16.0;
/// Places between two samples.
const PLACES: usize = 128;

/// See the module. Samples go in one by one, and come out as they are due.
#[derive(Debug)]
pub struct Resampler {
    /// Samples that went in for one that comes out.
    step: f64,
    /// Where the next one that comes out lies behind the middle of those that are kept; due below 1.
    place: f64,
    /// A filter for each place, oldest sample first.
    filters: Box<[f32]>,
    /// Points of one filter.
    points: usize,
    /// The last samples, twice in a row, so that they always lie in one piece.
    kept: Box<[f32]>,
    newest: usize,
}

impl Resampler {
    /// From this rate to that one, both in samples a second. Takes the memory that it needs, some 100 kB.
    #[must_use]
    pub fn new(from: u32, to: u32) -> Resampler {
        let step = f64::from(from.max(1)) / f64::from(to.max(1));
        // a little below half of the lower rate
        let cut = if from == to { 1.0 } else { 0.95 * (1.0 / step).min(1.0) };
        let reach = REACH / cut;
        let half = reach.ceil() as usize;
        let points = 2 * half;
        let mut filters = vec![0.0; (PLACES + 1) * points];
        for (place, filter) in filters.chunks_exact_mut(points).enumerate() {
            let place = place as f64 / PLACES as f64;
            let at = |i: usize| weight((i as f64 - (half as f64 - 1.0)) - place, cut, reach);
            let sum: f64 = (0..points).map(at).sum();
            for (i, point) in filter.iter_mut().enumerate() {
                // so that a constant stays what it is
                *point = (at(i) / sum) as f32;
            }
        }
        let kept = vec![0.0; 2 * points].into_boxed_slice();
        Resampler {
            step,
            place: half as f64 + 1.0,
            filters: filters.into(),
            points,
            kept,
            newest: points - 1,
        }
    }

    /// Takes a sample, once nothing is due any more: what is due and was not pulled is lost.
    pub fn push(&mut self, sample: f32) {
        self.newest = (self.newest + 1) % self.points;
        self.kept[self.newest] = sample;
        self.kept[self.newest + self.points] = sample;
        self.place = (self.place - 1.0).max(0.0);
    }

    /// The next sample that is due; `None` where another one has to go in first.
    pub fn pull(&mut self) -> Option<f32> {
        if self.place >= 1.0 {
            return None;
        }
        let exact = self.place * PLACES as f64;
        let place = (exact as usize).min(PLACES - 1);
        let between = (exact - place as f64) as f32;
        let lower = &self.filters[place * self.points..][..self.points];
        let upper = &self.filters[(place + 1) * self.points..][..self.points];
        let samples = &self.kept[self.newest + 1..][..self.points];
        let (mut a, mut b) = (0.0, 0.0);
        for ((sample, lower), upper) in samples.iter().zip(lower).zip(upper) {
            a += sample * lower;
            b += sample * upper;
        }
        self.place += self.step;
        Some(a + (b - a) * between)
    }

    /// How many samples have to go in before so many more come out.
    #[must_use]
    pub fn needs(&self, out: usize) -> usize {
        if out == 0 {
            return 0;
        }
        (self.place + (out - 1) as f64 * self.step).floor().max(0.0) as usize
    }
}

fn weight(x: f64, cut: f64, reach: f64) -> f64 {
    if x.abs() >= reach {
        return 0.0;
    }
    let window = 0.5 + 0.5 * (std::f64::consts::PI * x / reach).cos();
    let y = std::f64::consts::PI * cut * x;
    let sinc = if y.abs() < 1e-9 { 1.0 } else { y.sin() / y };
    cut * sinc * window
}

/// The device's end of the microphone, at the device's rate.
pub struct MicrophoneAt {
    end: MicrophoneEnd,
    resampler: Option<Resampler>,
    buffer: [f32; TICK],
}

impl MicrophoneAt {
    /// For a device of so many samples a second.
    #[must_use]
    pub fn new(end: MicrophoneEnd, rate: u32) -> MicrophoneAt {
        MicrophoneAt {
            end,
            resampler: (rate != RATE).then(|| Resampler::new(rate, RATE)),
            buffer: [0.0; TICK],
        }
    }

    /// Gives samples. Neither allocates, locks nor calls the system.
    pub fn put(&mut self, samples: impl Iterator<Item = f32>) {
        let mut n = 0;
        for sample in samples {
            match &mut self.resampler {
                None => {
                    self.buffer[n] = sample;
                    n += 1;
                }
                Some(resampler) => {
                    resampler.push(sample);
                    while let Some(sample) = resampler.pull() {
                        self.buffer[n] = sample;
                        n += 1;
                        if n == TICK {
                            self.end.put(&self.buffer);
                            n = 0;
                        }
                    }
                }
            }
            if n == TICK {
                self.end.put(&self.buffer);
                n = 0;
            }
        }
        self.end.put(&self.buffer[..n]);
    }

    /// The end, for a device of another rate.
    #[must_use]
    pub fn into_end(self) -> MicrophoneEnd {
        self.end
    }
}

/// The device's end of the loudspeaker, at the device's rate.
pub struct LoudspeakerAt {
    end: LoudspeakerEnd,
    resampler: Option<Resampler>,
    buffer: [f32; TICK],
}

impl LoudspeakerAt {
    /// For a device of so many samples a second.
    #[must_use]
    pub fn new(end: LoudspeakerEnd, rate: u32) -> LoudspeakerAt {
        LoudspeakerAt {
            end,
            resampler: (rate != RATE).then(|| Resampler::new(RATE, rate)),
            buffer: [0.0; TICK],
        }
    }

    /// Gives so many samples to `out`, one by one. Neither allocates, locks nor calls the system.
    pub fn take(&mut self, mut many: usize, mut out: impl FnMut(f32)) {
        while many > 0 {
            match &mut self.resampler {
                None => {
                    let n = many.min(TICK);
                    self.end.take(&mut self.buffer[..n]);
                    self.buffer[..n].iter().for_each(|s| out(*s));
                    many -= n;
                }
                Some(resampler) => {
                    while many > 0
                        && let Some(sample) = resampler.pull()
                    {
                        out(sample);
                        many -= 1;
                    }
                    // what is taken now is needed now: nothing waits here that the ring could still hold
                    let n = resampler.needs(many).min(TICK);
                    self.end.take(&mut self.buffer[..n]);
                    for sample in &self.buffer[..n] {
                        resampler.push(*sample);
                        while many > 0
                            && let Some(sample) = resampler.pull()
                        {
                            out(sample);
                            many -= 1;
                        }
                    }
                }
            }
        }
    }

    /// The end, for a device of another rate.
    #[must_use]
    pub fn into_end(self) -> LoudspeakerEnd {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::super::rings;
    use super::*;
    use std::f64::consts::TAU;

    const RATES: [u32; 8] = [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000];

    fn tone(rate: u32, hertz: f64) -> impl Iterator<Item = f32> {
        (0..rate).map(move |i| ((f64::from(i) / f64::from(rate) * hertz * TAU).sin() * 0.5) as f32)
    }

    fn at_rate(samples: impl Iterator<Item = f32>, from: u32, to: u32) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        for sample in samples {
            resampler.push(sample);
            out.extend(std::iter::from_fn(|| resampler.pull()));
        }
        out
    }

    /// Strength of a tone in samples, 1 for a full one, and of everything else beside it.
    fn tone_and_rest(samples: &[f32], rate: u32, hertz: f64) -> (f64, f64) {
        let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
        for (i, sample) in samples.iter().enumerate() {
            let at = i as f64 / f64::from(rate) * hertz * TAU;
            let sample = f64::from(*sample);
            (re, im, all) = (re + sample * at.cos(), im + sample * at.sin(), all + sample * sample);
        }
        let n = samples.len() as f64;
        let (re, im, all) = (re * 2.0 / n, im * 2.0 / n, all / n);
        let power = (re * re + im * im) / 2.0;
        ((2.0 * power).sqrt(), (all - power).abs())
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_strength_between_any_two_rates() {
        for rate in RATES {
            for (from, to) in [(rate, RATE), (RATE, rate)] {
                let out = at_rate(tone(from, 1_000.0), from, to);
                assert!(out.len().abs_diff(to as usize) < to as usize / 50, "{from} {to}: {}", out.len());
                let middle = &out[to as usize / 10..to as usize * 9 / 10];
                let (strength, rest) = tone_and_rest(middle, to, 1_000.0);
                assert!((strength - 0.5).abs() < 0.005 && rest < 1e-5, "{from} {to}: {strength} {rest}");
            }
        }
    }

    #[test]
    fn what_is_too_high_for_us_is_left_out() {
        for hertz in [9_000.0, 12_000.0, 20_000.0] {
            let out = at_rate(tone(48_000, hertz), 48_000, RATE);
            let power: f32 = out[1_000..15_000].iter().map(|s| s * s).sum::<f32>() / 14_000.0;
            assert!(power < 1e-5, "{hertz} Hz: {power}");
        }
    }

    #[test]
    fn what_it_needs_is_what_it_takes() {
        for rate in RATES {
            let mut resampler = Resampler::new(RATE, rate);
            for wanted in [1, 7, 480, 441, 3, 1_024, 2] {
                let needs = resampler.needs(wanted);
                let mut came = 0;
                for went in 0..=needs {
                    while came < wanted && resampler.pull().is_some() {
                        came += 1;
                    }
                    assert_eq!(
                        came == wanted,
                        went == needs,
                        "{rate}: {came} of {wanted} after {went} of {needs}"
                    );
                    if went < needs {
                        resampler.push(0.0);
                    }
                }
            }
        }
    }

    #[test]
    fn a_device_of_any_rate_speaks_and_hears_through_the_rings() {
        for rate in RATES {
            let ((mut microphone, mut loudspeaker), (put, take)) = rings();
            let (mut put, mut take) = (MicrophoneAt::new(put, rate), LoudspeakerAt::new(take, rate));
            let (mut tick, mut heard) = ([0.0; TICK], Vec::new());
            // pieces and ticks have different lengths and both filters look ahead: some sound waits, as in a call
            assert!(loudspeaker.give(&tick) && loudspeaker.give(&tick), "{rate}");
            let said: Vec<f32> = tone(rate, 700.0).collect();
            for piece in said.chunks(rate as usize / 130) {
                put.put(piece.iter().copied());
                while microphone.tick(&mut tick) {
                    assert!(loudspeaker.give(&tick), "{rate}");
                }
                take.take(piece.len(), |sample| heard.push(sample));
            }
            assert_eq!((heard.len(), microphone.lost()), (said.len(), 0), "{rate}");
            let (strength, rest) = tone_and_rest(&heard[rate as usize / 5..], rate, 700.0);
            assert!((0.48..0.52).contains(&strength) && rest < 1e-3, "{rate}: {strength} {rest}");
        }
    }
}
