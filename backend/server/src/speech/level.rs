//! Loudness: whatever speaks is heard at one level.
//!
//! The measure is the active speech level, in the manner of ITU-T P.56: the mean power of the frames of 20 ms that are no more
//! than 25 dB below the loudest one, so that pauses do not count. Sound is brought to -20 dB below full scale, raised by 30 dB
//! at most (what is quieter is noise), and never so far that its peak passes -1 dB: it is left quieter rather than clipped.

/// Samples of a frame.
const FRAME: usize = 160;
/// Frames that count, dB below the loudest.
const ACTIVE: f64 = 25.0;
/// The common level, dB of full scale.
const TARGET: f64 = -20.0;
/// Most that sound is raised, dB.
const MOST: f64 = 30.0;
/// Highest peak, dB of full scale.
const PEAK: f64 = -1.0;

/// A power as dB; of an amplitude twice that.
fn db(power: f64) -> f64 {
    10.0 * power.max(1e-12).log10()
}

/// The active speech level of sound at 8 kHz, dB of full scale; `None` for silence.
pub(super) fn speech_level(pcm: &[i16]) -> Option<f64> {
    let powers: Vec<f64> = pcm
        .chunks(FRAME)
        .map(|frame| {
            frame.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum::<f64>() / frame.len() as f64
        })
        .collect();
    let loudest = powers.iter().copied().fold(0.0, f64::max);
    if loudest <= 0.0 {
        return None;
    }
    let active: Vec<f64> = powers.into_iter().filter(|p| db(*p) >= db(loudest) - ACTIVE).collect();
    Some(db(active.iter().sum::<f64>() / active.len() as f64))
}

/// Brings sound to the common level; gives the gain, dB.
pub(super) fn level(pcm: &mut [i16]) -> f64 {
    let Some(found) = speech_level(pcm) else { return 0.0 };
    let peak = pcm.iter().map(|s| f64::from(s.unsigned_abs())).fold(0.0, f64::max) / 32_768.0;
    let gain = (TARGET - found).min(MOST).min(PEAK - 2.0 * db(peak));
    let factor = 10f64.powf(gain / 20.0);
    for s in pcm.iter_mut() {
        *s = (f64::from(*s) * factor).round().clamp(-32_768.0, 32_767.0) as i16;
    }
    gain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f64, seconds: f64) -> Vec<i16> {
        let n = (seconds * 8_000.0) as usize;
        (0..n).map(|i| (amplitude * 32_767.0 * (i as f64 * 0.7).sin()) as i16).collect()
    }

    #[test]
    fn loud_and_quiet_become_equal_and_pauses_do_not_count() {
        for amplitude in [0.01, 0.1, 0.7] {
            for pause in [0, 8_000] {
                let mut pcm = [tone(amplitude, 0.5), vec![0; pause], tone(amplitude, 0.5)].concat();
                level(&mut pcm);
                let after = speech_level(&pcm).unwrap();
                assert!((after - TARGET).abs() < 0.3, "{amplitude} {pause}: {after}");
            }
        }
    }

    #[test]
    fn nothing_is_clipped_and_noise_is_not_raised_to_speech() {
        // a click that is far above the words
        let mut pcm = tone(0.02, 1.0);
        pcm[4_000] = 30_000;
        level(&mut pcm);
        assert!(pcm.iter().all(|s| s.unsigned_abs() <= 29_300), "{:?}", pcm.iter().max());
        let mut noise = tone(0.0005, 1.0);
        assert!(level(&mut noise) <= MOST);
        assert!(speech_level(&noise).unwrap() < TARGET - 5.0);
        let mut silence = vec![0; 100];
        assert_eq!(level(&mut silence), 0.0);
    }
}
