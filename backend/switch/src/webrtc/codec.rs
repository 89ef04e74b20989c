//! The app's codec behind a small trait: frames of 8 kHz speech to packets, and back.
//!
//! Opus codes and decodes at any of its rates whatever rate the other side works at (RFC 6716 2), so both directions run
//! it at the trunk's 8 kHz: its own band limiting takes the place of a resampler, costs nothing and adds no delay. A test
//! holds it to that: what an app says above 4 kHz must not come back folded.

use rusty_opus::{Application, OpusDecoder, OpusEncoder};

use crate::error::SwitchError;
use crate::media::codec::{FRAME, RATE};

/// RTP clock units of Opus in one sample of ours.
pub(crate) const UNITS: u32 = 48_000 / RATE;
/// Most samples of ours in one packet: 120 ms.
pub(crate) const LONGEST: usize = 6 * FRAME;
/// Bits a second towards the app: all that 8 kHz speech can use, with room for the redundancy.
const BITS: i32 = 20_000;
/// Loss that the redundancy in each packet is made for, percent.
const LOSS: i32 = 10;

/// A speech codec of packets.
pub(crate) trait VoiceCodec: Send {
    /// One frame of 20 ms to a packet in `out`; its length. `None` where the codec refuses.
    fn encode(&mut self, pcm: &[f32; FRAME], out: &mut [u8]) -> Option<usize>;
    /// Samples in a packet; `None` for one that cannot be read.
    fn samples(&self, packet: &[u8]) -> Option<usize>;
    /// Decodes a packet; its samples in `out`, which holds [`LONGEST`]. `None` for one that cannot be read.
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Option<usize>;
    /// The frame before `next` from what `next` tells of it, else a guess.
    fn decode_fec(&mut self, next: &[u8], out: &mut [f32; FRAME]) -> bool;
    /// A guess at a frame that is missing.
    fn conceal(&mut self, out: &mut [f32; FRAME]) -> bool;
}

/// Opus (RFC 6716).
pub(crate) struct Opus {
    encoder: OpusEncoder,
    decoder: OpusDecoder,
}

impl Opus {
    pub(crate) fn new() -> Result<Self, SwitchError> {
        let fail = |e: rusty_opus::Error| SwitchError::Io(format!("opus: {e:?}"));
        let mut encoder = OpusEncoder::new(RATE as i32, 1, Application::Voip).map_err(fail)?;
        encoder.bitrate_bps = BITS;
        encoder.complexity = 5;
        encoder.use_inband_fec = true;
        encoder.packet_loss_perc = LOSS;
        encoder.lsb_depth = 16;
        Ok(Self { encoder, decoder: OpusDecoder::new(RATE as i32, 1).map_err(fail)? })
    }
}

impl VoiceCodec for Opus {
    fn encode(&mut self, pcm: &[f32; FRAME], out: &mut [u8]) -> Option<usize> {
        self.encoder.encode(pcm, FRAME, out).ok()
    }

    fn samples(&self, packet: &[u8]) -> Option<usize> {
        let toc = *packet.first()?;
        // RFC 6716 3.1: the frame's length in halves of a millisecond, from the configuration.
        let config = toc >> 3;
        let halves = match config {
            0..12 => [20, 40, 80, 120][usize::from(config & 3)],
            12..16 => [20, 40][usize::from(config & 1)],
            _ => [5, 10, 20, 40][usize::from(config & 3)],
        };
        let frames = match toc & 3 {
            0 => 1,
            1 | 2 => 2,
            _ => usize::from(packet.get(1)? & 0x3f),
        };
        let samples = frames * halves * RATE as usize / 2_000;
        // a length of 2.5 ms is 20 samples, exactly
        (samples > 0 && samples <= LONGEST).then_some(samples)
    }

    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Option<usize> {
        let samples = self.samples(packet)?;
        let got = self.decoder.decode(packet, samples, out.get_mut(..samples)?).ok()?;
        Some(got.min(samples))
    }

    fn decode_fec(&mut self, next: &[u8], out: &mut [f32; FRAME]) -> bool {
        self.decoder.decode_fec(next, FRAME, out).is_ok()
    }

    fn conceal(&mut self, out: &mut [f32; FRAME]) -> bool {
        self.decoder.decode(&[], FRAME, out).is_ok()
    }
}

/// Linear samples of 16 bits to the codec's range.
pub(crate) fn to_float(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// And back; what is too loud is cut.
pub(crate) fn to_linear(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn tone(rate: f32, hz: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|i| (i as f32 / rate * hz * TAU).sin() * 0.3).collect()
    }

    fn power(pcm: &[f32]) -> f32 {
        pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len() as f32
    }

    /// What a full-band app says at `hz`, as it is decoded here.
    fn heard(hz: f32, bits: i32) -> Vec<f32> {
        let mut app = OpusEncoder::new(48_000, 1, Application::Voip).expect("encoder");
        app.bitrate_bps = bits;
        let mut opus = Opus::new().expect("codec");
        let mut out = Vec::new();
        for frame in tone(48_000.0, hz, 48_000).chunks(960) {
            let (mut packet, mut pcm) = ([0u8; 1500], [0f32; LONGEST]);
            let n = app.encode(frame, 960, &mut packet).expect("encode");
            let got = opus.decode(&packet[..n], &mut pcm).expect("decode");
            out.extend_from_slice(&pcm[..got]);
        }
        out.split_off(4_000)
    }

    #[test]
    fn a_tone_of_the_app_is_heard_and_one_above_the_band_is_not_folded_into_it() {
        for bits in [16_000, 32_000, 64_000] {
            let low = power(&heard(1_000.0, bits));
            assert!((0.02..0.09).contains(&low), "1 kHz at {bits}: {low}");
            for hz in [5_200.0, 6_500.0, 9_000.0] {
                let high = power(&heard(hz, bits));
                assert!(high < low / 300.0, "{hz} Hz at {bits}: {high} against {low}");
            }
        }
    }

    #[test]
    fn what_is_encoded_at_8_khz_is_heard_at_48() {
        let mut opus = Opus::new().expect("codec");
        let mut app = OpusDecoder::new(48_000, 1).expect("decoder");
        let mut out = Vec::new();
        for frame in tone(8_000.0, 1_000.0, 8_000).chunks(FRAME) {
            let (mut packet, mut pcm) = ([0u8; 400], [0f32; 960]);
            let n = opus.encode(frame.try_into().expect("frame"), &mut packet).expect("encode");
            assert_eq!(opus.samples(&packet[..n]), Some(FRAME));
            app.decode(&packet[..n], 960, &mut pcm).expect("decode");
            out.extend_from_slice(&pcm);
        }
        let loud = power(&out[24_000..]);
        assert!((0.02..0.09).contains(&loud), "{loud}");
    }

    #[test]
    fn a_lost_frame_is_made_from_the_next_packet() {
        let mut opus = Opus::new().expect("codec");
        let packets: Vec<Vec<u8>> = tone(8_000.0, 500.0, 8_000)
            .chunks(FRAME)
            .map(|frame| {
                let mut packet = [0u8; 400];
                let n = opus.encode(frame.try_into().expect("frame"), &mut packet).expect("encode");
                packet[..n].to_vec()
            })
            .collect();
        let mut pcm = [0f32; LONGEST];
        for packet in &packets[..30] {
            opus.decode(packet, &mut pcm).expect("decode");
        }
        let mut frame = [0f32; FRAME];
        assert!(opus.decode_fec(&packets[31], &mut frame));
        assert!(power(&frame) > 0.01, "{}", power(&frame));
        assert!(opus.conceal(&mut frame));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 500, ..Default::default() })]
        #[test]
        fn rubbish_is_an_error(packets in proptest::collection::vec(proptest::collection::vec(0u8..=255, 0..300), 1..6)) {
            let mut opus = Opus::new().expect("codec");
            let mut out = [0f32; LONGEST];
            for packet in packets {
                if let Some(n) = opus.decode(&packet, &mut out) {
                    assert!(n <= LONGEST);
                }
                let _ = opus.decode_fec(&packet, out.first_chunk_mut().expect("room"));
            }
        }
    }
}
