//! Keys as tones in the speech (ITU-T Q.23 and Q.24), by Goertzel filters over overlapping blocks.
//!
//! A block of 102 samples (12.75 ms) is looked at every 51. It counts for a key when one tone of each group stands out,
//! the two hold nearly all of the block's energy, their levels differ no more than Q.24 allows, their second harmonics
//! are absent (speech has them), and the phase of each has moved since the block before as its nominal frequency
//! would. Three such blocks in a row (25 ms) make a key: a tone of 40 ms always has them, one of 20 ms never. Six
//! blocks without it end it. Speech meets all of that practically never; see the tests.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use crate::media::tone::{HIGH, KEYS, LOW};

const BLOCK: usize = 102;
const HOP: usize = 51;
/// Consecutive blocks that make a key.
const HITS: u8 = 3;
/// Consecutive blocks without it that end it: gaps of 10 ms must not, nor should a lost packet; 40 ms must.
const MISSES: u8 = 6;
/// Least energy of a block, mean square: about -37 dBm0.
const FLOOR: f32 = 40_000.0;
/// Magnitude of a sample below which a block has no such energy.
pub(crate) const QUIET: i16 = 200;
/// Least share of the block's energy in the two tones.
const PURE: f32 = 0.80;
/// A tone over the strongest other of its group, as a ratio of energies.
const STANDS_OUT: f32 = 5.0;
/// High over low at most (4 dB, with margin), low over high at most (8 dB, with margin).
const TWIST: f32 = 3.2;
const REVERSE_TWIST: f32 = 7.9;
/// Second harmonic over fundamental at most.
const HARMONIC: f32 = 0.12;
/// Frequency off nominal at most: Q.24 wants 1.5 % accepted and 3.5 % refused.
const OFF: f32 = 0.028;

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    re: f32,
    im: f32,
}

impl Bin {
    fn energy(self) -> f32 {
        self.re * self.re + self.im * self.im
    }
}

/// Filters of several frequencies that run in step, so that the processor does them side by side.
#[derive(Debug)]
struct Bank<const N: usize> {
    cos: [f32; N],
    sin: [f32; N],
}

impl<const N: usize> Bank<N> {
    fn new(hz: [f64; N]) -> Self {
        let w = hz.map(|f| std::f64::consts::TAU * f / 8000.0);
        Self { cos: w.map(|x| x.cos() as f32), sin: w.map(|x| x.sin() as f32) }
    }

    /// The transform at each frequency over a block.
    fn run(&self, block: &[f32; BLOCK]) -> [Bin; N] {
        let (mut s1, mut s2) = ([0.0f32; N], [0.0f32; N]);
        for x in block {
            for i in 0..N {
                let s0 = x + 2.0 * self.cos[i] * s1[i] - s2[i];
                s2[i] = s1[i];
                s1[i] = s0;
            }
        }
        // Referred to the block's last sample, so that phases of successive blocks can be compared.
        std::array::from_fn(|i| Bin { re: s1[i] - s2[i] * self.cos[i], im: s2[i] * self.sin[i] })
    }
}

/// The low group, then the high one.
static TONES: LazyLock<Bank<8>> =
    LazyLock::new(|| Bank::new(std::array::from_fn(|i| if i < 4 { LOW[i] } else { HIGH[i - 4] })));
/// Their second harmonics.
static HARMONICS: LazyLock<Bank<8>> =
    LazyLock::new(|| Bank::new(std::array::from_fn(|i| 2.0 * if i < 4 { LOW[i] } else { HIGH[i - 4] })));

/// What a block showed.
#[derive(Debug, Clone, Copy)]
struct Seen {
    row: usize,
    column: usize,
    low: Bin,
    high: Bin,
}

/// Finds keys in speech at 8 kHz.
#[derive(Debug)]
pub(crate) struct Detector {
    block: [f32; BLOCK],
    filled: usize,
    before: Option<Seen>,
    hits: u8,
    misses: u8,
    down: Option<(usize, usize)>,
    /// Samples in a row below `QUIET`.
    quiet: usize,
}

impl Default for Detector {
    fn default() -> Self {
        Self { block: [0.0; BLOCK], filled: 0, before: None, hits: 0, misses: 0, down: None, quiet: 0 }
    }
}

impl Detector {
    /// Takes as many samples, all below `QUIET`, in one step. False where what came before still counts: then they are
    /// to be pushed.
    pub(crate) fn quiet(&mut self, samples: usize) -> bool {
        let over = self.quiet >= BLOCK && self.down.is_none() && self.before.is_none();
        if over {
            // The block holds quiet samples only, and does not care which.
            self.filled = BLOCK - HOP + (self.filled - (BLOCK - HOP) + samples) % HOP;
        }
        over
    }

    /// Takes samples in order; calls `found` once for each key.
    pub(crate) fn push(&mut self, samples: impl Iterator<Item = i16>, mut found: impl FnMut(char)) {
        for sample in samples {
            self.quiet = if sample.saturating_abs() < QUIET { self.quiet + 1 } else { 0 };
            self.block[self.filled] = f32::from(sample);
            self.filled += 1;
            if self.filled == BLOCK {
                if let Some(key) = self.look() {
                    found(key);
                }
                self.block.copy_within(HOP.., 0);
                self.filled = BLOCK - HOP;
            }
        }
    }

    fn look(&mut self) -> Option<char> {
        let seen = self.tones();
        let steady = match (seen, self.before) {
            (Some(a), Some(b)) => a.row == b.row && a.column == b.column && steady(&a, &b),
            _ => false,
        };
        self.before = seen;
        self.hits = match (seen.is_some(), steady) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => self.hits.saturating_add(1),
        };
        let here = seen.map(|s| (s.row, s.column));
        if here.is_some() && here == self.down {
            self.misses = 0;
            return None;
        }
        self.misses = self.misses.saturating_add(1);
        if self.misses >= MISSES {
            self.down = None;
        }
        let (row, column) = here.filter(|_| self.hits >= HITS)?;
        self.down = here;
        self.misses = 0;
        Some(KEYS[row][column])
    }

    fn tones(&self) -> Option<Seen> {
        let energy: f32 = self.block.iter().map(|x| x * x).sum();
        if energy < FLOOR * BLOCK as f32 {
            return None;
        }
        let bins = TONES.run(&self.block);
        let (row, low) = strongest(&bins[..4])?;
        let (column, high) = strongest(&bins[4..])?;
        let (l, h) = (low.energy(), high.energy());
        // A sine of this energy in a bin holds 2/N of it in the block.
        let pure = 2.0 * (l + h) / (BLOCK as f32 * energy);
        if pure < PURE || h > l * TWIST || l > h * REVERSE_TWIST {
            return None;
        }
        let harmonics = HARMONICS.run(&self.block).map(Bin::energy);
        // 2 x 697 Hz is too near 1336 Hz (keys 2, 6, C) for a block of this length to tell them apart.
        let apart = (2.0 * LOW[row] - HIGH[column]).abs() > 150.0;
        if (apart && harmonics[row] > HARMONIC * l) || harmonics[4 + column] > HARMONIC * h {
            return None;
        }
        Some(Seen { row, column, low, high })
    }
}

/// The bin that stands out among its group.
fn strongest(group: &[Bin]) -> Option<(usize, Bin)> {
    let (best, bin) = group.iter().enumerate().max_by(|a, b| a.1.energy().total_cmp(&b.1.energy()))?;
    let e = bin.energy();
    let alone = group.iter().enumerate().all(|(i, b)| i == best || b.energy() * STANDS_OUT < e);
    alone.then_some((best, *bin))
}

/// Whether both tones have moved on as their nominal frequencies would.
fn steady(now: &Seen, before: &Seen) -> bool {
    let off = |a: Bin, b: Bin, hz: f64| {
        let moved = (a.im.atan2(a.re) - b.im.atan2(b.re)).rem_euclid(TAU);
        let expected = (TAU * hz as f32 * HOP as f32 / 8000.0).rem_euclid(TAU);
        let mut error = moved - expected;
        if error > TAU / 2.0 {
            error -= TAU;
        } else if error < -TAU / 2.0 {
            error += TAU;
        }
        // Hz.
        (error * 8000.0 / (TAU * HOP as f32)).abs() / hz as f32
    };
    off(now.low, before.low, LOW[now.row]) < OFF && off(now.high, before.high, HIGH[now.column]) < OFF
}

#[cfg(test)]
mod tests;
