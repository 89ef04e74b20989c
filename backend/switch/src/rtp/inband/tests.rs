use std::f64::consts::TAU;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::media::{Codec, tone};

fn detect(samples: &[i16]) -> String {
    let mut out = String::new();
    Detector::default().push(samples.iter().copied(), |k| out.push(k));
    out
}

/// A pair of tones with chosen frequencies and amplitudes, between 30 ms of silence.
fn pair(low: f64, high: f64, a: f64, b: f64, ms: usize) -> Vec<i16> {
    let n = ms * 8;
    let mut out = vec![0i16; 240];
    out.extend((0..n).map(|i| {
        let t = i as f64 / 8000.0;
        (a * (TAU * low * t).sin() + b * (TAU * high * t).sin()) as i16
    }));
    out.extend([0i16; 320]);
    out
}

#[test]
fn every_key_of_40_ms_is_found_once_at_any_phase_and_through_either_law() {
    for row in KEYS {
        for key in row {
            for lead in [0usize, 13, 37, 50] {
                for codec in [Codec::Pcma, Codec::Pcmu] {
                    let mut s = vec![0i16; 100 + lead];
                    s.extend(tone::dtmf(key, 44));
                    s.extend([0i16; 400]);
                    for x in &mut s {
                        *x = codec.decode(codec.encode(*x));
                    }
                    assert_eq!(detect(&s), key.to_string(), "{key} lead {lead} {codec:?}");
                }
            }
        }
    }
}

#[test]
fn a_row_of_keys_with_pauses_is_read_in_order() {
    let mut s = Vec::new();
    for key in "0123456789*#1155".chars() {
        s.extend(tone::dtmf(key, 60));
        s.extend([0i16; 50 * 8]);
    }
    assert_eq!(detect(&s), "0123456789*#1155");
}

#[test]
fn a_short_gap_does_not_split_a_key_and_a_long_one_does() {
    for (gap, want) in [(10, "5"), (20, "5"), (40, "55")] {
        let mut s = tone::dtmf('5', 60);
        s.extend(vec![0i16; gap * 8]);
        s.extend(tone::dtmf('5', 60));
        s.extend([0i16; 800]);
        assert_eq!(detect(&s), want, "{gap} ms");
    }
    let mut s = tone::dtmf('1', 60);
    s.extend(tone::dtmf('2', 60));
    s.extend([0i16; 800]);
    assert_eq!(detect(&s), "12", "without any gap");
}

#[test]
fn tolerances_of_q24() {
    let (low, high) = (770.0, 1336.0);
    assert_eq!(detect(&pair(low * 1.014, high * 0.986, 6000.0, 6000.0, 60)), "5", "1.5 % off");
    assert_eq!(detect(&pair(low * 1.04, high, 6000.0, 6000.0, 60)), "", "4 % off");
    assert_eq!(detect(&pair(low, high * 0.96, 6000.0, 6000.0, 60)), "", "4 % off");
    assert_eq!(detect(&pair(low, high, 6000.0, 6000.0, 20)), "", "20 ms is no key");
    assert_eq!(detect(&pair(low, high, 4000.0, 4000.0 * 1.55, 60)), "5", "3.8 dB twist");
    assert_eq!(detect(&pair(low, high, 6000.0, 6000.0 / 2.4, 60)), "5", "7.6 dB reverse twist");
    assert_eq!(detect(&pair(low, high, 2000.0, 8000.0, 60)), "", "12 dB twist");
    assert_eq!(detect(&pair(low, high, 60.0, 60.0, 60)), "", "too faint");
    assert_eq!(detect(&pair(low, 0.0, 8000.0, 0.0, 60)), "", "one tone");
}

#[test]
fn keys_are_found_in_noise() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut s = Vec::new();
    for key in "159*7".chars() {
        s.extend(tone::dtmf(key, 80));
        s.extend([0i16; 80 * 8]);
    }
    // About 20 dB below the tones.
    for x in &mut s {
        *x = x.saturating_add(rng.random_range(-900..900));
    }
    assert_eq!(detect(&s), "159*7");
}

/// Recorded speech, shifted in pitch and level: more than an hour in all.
#[test]
fn an_hour_of_speech_is_no_key() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/speech-8k.wav");
    let mut reader = hound::WavReader::open(path).expect("speech");
    let speech: Vec<i16> = reader.samples::<i16>().map(|s| s.expect("sample")).collect();
    assert!(speech.len() > 16_000);
    let (mut seconds, mut round) = (0.0, 0u32);
    while seconds < 3600.0 {
        // Pitch from 0.7 to 1.5 in fine steps, level from a whisper to overload, at changing offsets.
        let pitch = 0.7 + 0.8 * f64::from(round % 997) / 997.0;
        let gain = [0.5, 1.0, 2.0, 4.0, 8.0][(round % 5) as usize];
        let offset = f64::from(round % 51);
        let mut d = Detector::default();
        let n = ((speech.len() - 2) as f64 / pitch - offset - 1.0) as usize;
        let codec = if round % 2 == 0 { Codec::Pcma } else { Codec::Pcmu };
        let shifted = (0..n).map(|i| {
            let x = (i as f64 + offset) * pitch;
            let (at, part) = (x as usize, x.fract());
            let y = f64::from(speech[at]) * (1.0 - part) + f64::from(speech[at + 1]) * part;
            codec.decode(codec.encode((y * gain).clamp(-32_768.0, 32_767.0) as i16))
        });
        d.push(shifted, |k| panic!("key {k} in speech at pitch {pitch} gain {gain}"));
        seconds += n as f64 / 8000.0;
        round += 1;
    }
}

/// Vowel-like sounds: harmonic series with formants, gliding. Three minutes.
#[test]
fn generated_talk_is_no_key() {
    let mut rng = StdRng::seed_from_u64(42);
    let mut d = Detector::default();
    let mut found = 0;
    for _ in 0..600 {
        let (f0, glide) = (rng.random_range(70.0..400.0), rng.random_range(-60.0..60.0));
        let formants = [
            rng.random_range(250.0..950.0),
            rng.random_range(900.0..2400.0),
            rng.random_range(2300.0..3300.0),
        ];
        let widths = [rng.random_range(40.0..160.0), rng.random_range(50.0..200.0), 250.0];
        let n = rng.random_range(1200..3600usize);
        let mut phase = 0.0f64;
        let samples: Vec<i16> = (0..n)
            .map(|i| {
                let f = f0 + glide * i as f64 / n as f64;
                phase += TAU * f / 8000.0;
                let mut y = 0.0;
                for h in 1..=((3600.0 / f) as i32) {
                    let hz = f * f64::from(h);
                    let a: f64 =
                        formants.iter().zip(widths).map(|(c, w)| 1.0 / (1.0 + ((hz - c) / w).powi(2))).sum();
                    y += a * (phase * f64::from(h)).sin();
                }
                (y * 5000.0).clamp(-32_000.0, 32_000.0) as i16
            })
            .collect();
        d.push(samples.into_iter(), |_| found += 1);
    }
    assert_eq!(found, 0);
}

/// Silence taken in one step changes nothing of what is found around it.
#[test]
fn skipped_silence_is_silence() {
    let mut rng = StdRng::seed_from_u64(7);
    let (mut whole, mut skipping) = (Detector::default(), Detector::default());
    let (mut a, mut b, mut skipped) = (Vec::new(), Vec::new(), 0);
    for round in 0..200 {
        let key = ['1', '5', '9', '0', '#'][round % 5];
        let mut samples: Vec<i16> = crate::media::tone::dtmf(key, 80 + round as u32 % 40);
        samples.extend((0..rng.random_range(400..2_000)).map(|_| rng.random_range(-199..=199i16)));
        for packet in samples.chunks(160) {
            whole.push(packet.iter().copied(), |k| a.push(k));
            let quiet = packet.iter().all(|s| s.abs() < QUIET);
            if quiet && skipping.quiet(packet.len()) {
                skipped += 1;
            } else {
                skipping.push(packet.iter().copied(), |k| b.push(k));
            }
        }
    }
    assert_eq!(a, b);
    assert_eq!(a.len(), 200);
    assert!(skipped > 500, "{skipped}");
}
