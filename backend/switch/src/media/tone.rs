//! Generated tones: DTMF pairs (ITU-T Q.23) for far sides that did not negotiate telephone events.

use std::f64::consts::TAU;

use super::codec::RATE;

/// Low group, Hz.
pub const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
/// High group, Hz.
pub const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// The keypad by row and column.
pub const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// The pair of frequencies of a key, low then high; `None` for what is no key.
#[must_use]
pub fn pair(key: char) -> Option<(f64, f64)> {
    KEYS.iter().enumerate().find_map(|(r, row)| {
        row.iter().position(|k| *k == key.to_ascii_uppercase()).map(|c| (LOW[r], HIGH[c]))
    })
}

/// `ms` of a key's tone pair at about -9 and -7 dBm0, with 1 ms of fade at each end.
#[must_use]
pub fn dtmf(key: char, ms: u32) -> Vec<i16> {
    let Some((low, high)) = pair(key) else { return Vec::new() };
    let n = (RATE * ms / 1000) as usize;
    let fade = (RATE / 1000) as usize;
    (0..n)
        .map(|i| {
            let t = i as f64 / f64::from(RATE);
            let gain = (i.min(n - 1 - i) as f64 / fade as f64).min(1.0);
            ((5_800.0 * (TAU * low * t).sin() + 7_300.0 * (TAU * high * t).sin()) * gain) as i16
        })
        .collect()
}
