//! Finding prompts in audio that went through a codec, was cut, lost packets, or holds none.

use super::*;
use crate::{media::g711, rng::Rng};

/// Something like speech: harmonics of a wandering pitch with syllables and pauses.
fn speech(seed: u64, seconds: f64) -> Vec<i16> {
    let mut rng = Rng::new(seed);
    let mut out = Vec::new();
    let mut phase = 0.0f64;
    while (out.len() as f64) < seconds * 8_000.0 {
        let (pitch, colour) = (90.0 + rng.between(0, 120) as f64, 2 + rng.between(0, 4));
        let (sound, pause) = (rng.between(700, 1_800), rng.between(100, 500));
        for n in 0..sound {
            phase += pitch / 8_000.0;
            let envelope = (std::f64::consts::PI * n as f64 / sound as f64).sin();
            let wave: f64 = (1..=8u64)
                .map(|h| {
                    (phase * h as f64 * std::f64::consts::TAU).sin()
                        / (1.0 + (h as f64 - colour as f64).abs())
                })
                .sum();
            let hiss = (rng.between(0, 600) as f64) - 300.0;
            out.push((wave * 3_500.0 * envelope + hiss * envelope) as i16);
        }
        out.extend(std::iter::repeat_n(0, pause as usize));
    }
    out
}

fn through(payload: u8, samples: &[i16]) -> Vec<i16> {
    samples.iter().map(|s| g711::decode(payload, g711::encode(payload, *s))).collect()
}

fn prompts() -> Vec<(String, Vec<i16>)> {
    (0..12u64).map(|n| (format!("p{n}"), speech(100 + n, 0.5 + n as f64 * 0.25))).collect()
}

#[test]
fn prompts_are_found_in_order_with_place_and_share() {
    let prompts = prompts();
    let library = Library::new(&prompts);
    for payload in [0, 8] {
        let mut audio = vec![0i16; 1_237];
        for n in [3, 7, 0, 7] {
            audio.extend(through(payload, &prompts[n].1));
            audio.extend([0i16; 411]);
        }
        let heard = library.find(payload, &audio);
        let names: Vec<&str> = heard.iter().map(|h| h.prompt.as_str()).collect();
        assert_eq!(names, ["p3", "p7", "p0", "p7"]);
        assert_eq!(heard[0].start_ms, 154);
        assert!(heard.iter().all(|h| h.fraction > 0.98 && h.score > 0.99), "{heard:?}");
    }
}

#[test]
fn hanging_up_early_shows_in_the_share() {
    let prompts = prompts();
    let library = Library::new(&prompts);
    let whole = through(8, &prompts[11].1);
    let heard = library.find(8, &whole[..whole.len() * 4 / 10]);
    assert_eq!(heard.len(), 1);
    assert!((0.3..0.5).contains(&heard[0].fraction), "{heard:?}");
}

#[test]
fn lost_packets_cost_only_themselves() {
    let prompts = prompts();
    let library = Library::new(&prompts);
    let mut audio = through(0, &prompts[9].1);
    let mut rng = Rng::new(5);
    for packet in audio.chunks_mut(160) {
        if rng.chance(0.1) {
            packet.fill(0);
        }
    }
    let heard = library.find(0, &audio);
    assert_eq!(heard.iter().map(|h| h.prompt.as_str()).collect::<Vec<_>>(), ["p9"]);
    assert!((0.7..0.97).contains(&heard[0].fraction), "{heard:?}");
}

#[test]
fn other_codec_and_level_are_still_the_same_prompt() {
    let prompts = prompts();
    let library = Library::new(&prompts);
    let quieter: Vec<i16> = prompts[8].1.iter().map(|s| s / 2).collect();
    let audio = through(8, &through(0, &quieter));
    let heard = library.find(8, &audio);
    assert!(heard.iter().any(|h| h.prompt == "p8" && h.fraction > 0.9), "{heard:?}");
}

#[test]
fn other_speech_silence_and_tones_are_no_prompt() {
    let library = Library::new(&prompts());
    assert_eq!(library.find(8, &speech(999, 10.0)), []);
    assert_eq!(library.find(8, &vec![0; 40_000]), []);
    let tone: Vec<i16> = (0..40_000).map(|n| ((n as f32 * 0.35).sin() * 8_000.0) as i16).collect();
    assert_eq!(library.find(0, &tone), []);
    assert_eq!(library.find(0, &[]), []);
}

#[test]
fn wav_of_three_encodings_and_errors() {
    let file = |tag: u16, rate: u32, bits: u16, data: &[u8]| {
        let mut w = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        w.extend(tag.to_le_bytes());
        w.extend(1u16.to_le_bytes());
        w.extend(rate.to_le_bytes());
        w.extend([0; 6]);
        w.extend(bits.to_le_bytes());
        w.extend(b"LIST\x03\0\0\0abc\0data");
        w.extend((data.len() as u32).to_le_bytes());
        w.extend(data);
        w
    };
    assert_eq!(wav::parse(&file(1, 8_000, 16, &[1, 0, 0xff, 0xff])).unwrap(), [1, -1]);
    assert_eq!(wav::parse(&file(6, 8_000, 8, &[0xd5])).unwrap(), [8]);
    assert_eq!(wav::parse(&file(7, 8_000, 8, &[0xff])).unwrap(), [0]);
    let error = wav::parse(&file(1, 16_000, 16, &[])).unwrap_err().to_string();
    assert!(error.contains("16000"), "{error}");
    assert!(wav::parse(b"RIFF").is_err());
}
