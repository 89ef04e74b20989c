//! Keys as two tones (ITU-T Q.23, Q.24): making them, and finding them in received audio after the call.

use std::f32::consts::TAU;

const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// Samples of an analysis block: 12.75 ms, so a 40 ms tone fills at least two whole blocks.
const BLOCK: usize = 102;

/// Sample `n` of the tones of a key at 8 kHz; 0 for no key.
pub(crate) fn tone(key: char, n: usize) -> i16 {
    for (row, keys) in KEYS.iter().enumerate() {
        if let Some(column) = keys.iter().position(|k| *k == key) {
            let t = n as f32 / 8_000.0;
            return ((t * LOW[row] * TAU).sin() * 7_000.0 + (t * HIGH[column] * TAU).sin() * 8_000.0) as i16;
        }
    }
    0
}

/// Power of one frequency in a block (Goertzel), comparable with the block's energy.
fn power(block: &[i16], frequency: f32) -> f32 {
    let k = 2.0 * (TAU * frequency / 8_000.0).cos();
    let (mut a, mut b) = (0.0f32, 0.0f32);
    for x in block {
        let c = f32::from(*x) + k * a - b;
        b = a;
        a = c;
    }
    (a * a + b * b - k * a * b) * 2.0 / block.len() as f32
}

fn strongest(block: &[i16], frequencies: &[f32; 4]) -> (usize, f32) {
    let mut best = (0, 0.0);
    for (i, f) in frequencies.iter().enumerate() {
        let p = power(block, *f);
        if p > best.1 {
            best = (i, p);
        }
    }
    best
}

/// The key of a block: both tones above -36 dBm0 or so, twist within 8 dB, and together nearly all of the energy.
fn key_of(block: &[i16]) -> Option<char> {
    let energy: f32 = block.iter().map(|x| f32::from(*x) * f32::from(*x)).sum();
    if energy < block.len() as f32 * 200.0 * 200.0 {
        return None;
    }
    let (row, low) = strongest(block, &LOW);
    let (column, high) = strongest(block, &HIGH);
    let twist = low / high.max(1.0);
    (low + high > 0.82 * energy && (0.16..6.3).contains(&twist)).then(|| KEYS[row][column])
}

/// The keys in 8 kHz audio, in order. A key counts from three blocks on and ends after two without it.
pub(crate) fn find(audio: &[i16]) -> String {
    let mut found = String::new();
    let (mut key, mut run, mut gap, mut told) = (None, 0, 0, false);
    for block in audio.chunks_exact(BLOCK) {
        let now = key_of(block);
        if now.is_some() && now == key {
            run += 1;
            gap = 0;
            if let (3, false, Some(k)) = (run, told, key) {
                found.push(k);
                told = true;
            }
        } else {
            gap += 1;
            if now.is_some() && now != key || gap >= 2 {
                (key, run, gap, told) = (now, usize::from(now.is_some()), 0, false);
            }
        }
    }
    found
}
