//! The waveform of a recording: worked out once, after its end, and kept sealed in its file.
//!
//! The sound is cut into 1,000 parts of one length; of each, and of each channel, the lowest and the highest sample are kept, eight
//! bits each. That is what a screen draws, whatever the length. It follows what was said, so it is sealed and erased with it.

use waybell_switch::Codec;

/// Parts of a sound.
pub(super) const POINTS: usize = 1_000;

/// Takes a recording's sound in, piece by piece.
pub(super) struct Peaks {
    samples: u64,
    channels: usize,
    /// Bytes of sound so far.
    at: u64,
    /// Lowest and highest, for each channel and part; `None` where no sample fell.
    found: Vec<Option<(i8, i8)>>,
}

impl Peaks {
    /// For so many bytes of sound.
    pub(super) fn new(sound: u64, channels: u8) -> Peaks {
        let channels = usize::from(channels.max(1));
        Peaks { samples: sound / channels as u64, channels, at: 0, found: vec![None; POINTS * channels] }
    }

    /// The next bytes, A-law, channels interleaved.
    pub(super) fn push(&mut self, sound: &[u8]) {
        for byte in sound {
            let (sample, channel) =
                (self.at / self.channels as u64, (self.at % self.channels as u64) as usize);
            self.at += 1;
            if sample >= self.samples {
                continue;
            }
            let part = (sample * POINTS as u64 / self.samples) as usize;
            let value = (Codec::Pcma.decode(*byte) >> 8) as i8;
            if let Some(found) = self.found.get_mut(channel * POINTS + part) {
                let (low, high) = found.unwrap_or((value, value));
                *found = Some((low.min(value), high.max(value)));
            }
        }
    }

    /// Lowest and highest of each part, channel after channel.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let pair = |found: &Option<(i8, i8)>| {
            let (low, high) = found.unwrap_or_default();
            [low as u8, high as u8]
        };
        self.found.iter().flat_map(pair).collect()
    }
}

/// The channels of what [`Peaks::bytes`] gave; `None` for something else.
pub(super) fn channels(bytes: &[u8], channels: u8) -> Option<Vec<Vec<i8>>> {
    let each = POINTS * 2;
    let as_signed = |channel: &[u8]| channel.iter().map(|b| *b as i8).collect();
    (bytes.len() == each * usize::from(channels)).then(|| bytes.chunks(each).map(as_signed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_lowest_and_highest_sample_in_its_channel() {
        // two channels of 4,000 samples: four in a part
        let loud = |v: i16| Codec::Pcma.encode(v);
        let sound: Vec<u8> = (0..4_000i32)
            .flat_map(|n| {
                let left = if n < 2_000 { 16_000 } else { 0 };
                let right = if n == 3_999 { -16_000 } else { 0 };
                [loud(left), loud(right)]
            })
            .collect();
        let mut peaks = Peaks::new(sound.len() as u64, 2);
        sound.chunks(77).for_each(|part| peaks.push(part));
        let found = channels(&peaks.bytes(), 2).unwrap();
        assert_eq!((found.len(), found[0].len()), (2, 2 * POINTS));
        assert!(found[0][..1_000].iter().all(|v| (60..=64).contains(v)), "{:?}", &found[0][..4]);
        assert!(found[0][1_000..].iter().all(|v| (-1..=0).contains(v)));
        assert!(found[1][..1_998].iter().all(|v| (-1..=0).contains(v)));
        assert!((-64..=-60).contains(&found[1][1_998]) && found[1][1_999] >= -1);
        // shorter than it has parts, and nothing at all
        for n in [0, 1, 10] {
            let mut short = Peaks::new(n, 1);
            short.push(&vec![loud(16_000); n as usize]);
            let found = channels(&short.bytes(), 1).unwrap();
            assert_eq!(found[0].iter().filter(|v| **v > 60).count() as u64, 2 * n);
        }
        assert_eq!(channels(&[0; 7], 1), None);
    }
}
