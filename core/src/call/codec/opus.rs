//! `rusty-opus` behind the traits.
//!
//! Wide band SILK only, which conceals losses best and allocates nothing; `decode_fec` of that crate makes two short
//! buffers on each use.

use super::{CodecError, RATE, Settings, VoiceDecoder, VoiceEncoder};
use rusty_opus::{Application, Bandwidth, SignalType};

fn refused(length: usize) -> impl Fn(rusty_opus::Error) -> CodecError {
    move |error| CodecError::Packet { length, problem: error.to_string() }
}

fn unusable(error: &rusty_opus::Error) -> CodecError {
    CodecError::Use(error.to_string())
}

/// An encoder for one call.
pub struct OpusEncoder {
    inner: rusty_opus::OpusEncoder,
    rate: usize,
}

impl OpusEncoder {
    /// An encoder of sound at [`RATE`].
    ///
    /// # Errors
    /// The codec cannot be set up.
    pub fn new(settings: Settings) -> Result<OpusEncoder, CodecError> {
        let mut inner =
            rusty_opus::OpusEncoder::new(RATE as i32, 1, Application::Voip).map_err(|e| unusable(&e))?;
        inner.complexity = 9;
        inner.signal_type = Some(SignalType::Voice);
        inner.force_bandwidth = Some(Bandwidth::Wideband);
        inner.lsb_depth = 16;
        let mut encoder = OpusEncoder { inner, rate: RATE as usize };
        encoder.set(settings);
        Ok(encoder)
    }
}

impl VoiceEncoder for OpusEncoder {
    fn set(&mut self, settings: Settings) {
        self.inner.bitrate_bps = i32::try_from(settings.bitrate).unwrap_or(i32::MAX).clamp(6_000, 64_000);
        self.inner.use_inband_fec = settings.expected_loss > 0;
        self.inner.packet_loss_perc = i32::from(settings.expected_loss.min(100));
        self.inner.use_dtx = settings.dtx;
    }

    fn encode(&mut self, samples: &[f32], packet: &mut [u8]) -> Result<usize, CodecError> {
        let frame = self.rate / 100;
        if ![1, 2, 4, 6].map(|n| n * frame).contains(&samples.len()) {
            return Err(CodecError::Length(samples.len()));
        }
        self.inner.encode(samples, samples.len(), packet).map_err(|e| unusable(&e))
    }
}

/// A decoder for one call.
pub struct OpusDecoder {
    inner: rusty_opus::OpusDecoder,
    rate: u32,
}

impl OpusDecoder {
    /// A decoder to `rate` samples a second: 8,000, 12,000, 16,000, 24,000 or 48,000.
    ///
    /// # Errors
    /// Another rate.
    pub fn new(rate: u32) -> Result<OpusDecoder, CodecError> {
        let inner = rusty_opus::OpusDecoder::new(i32::try_from(rate).unwrap_or(i32::MAX), 1);
        Ok(OpusDecoder { inner: inner.map_err(|e| unusable(&e))?, rate })
    }
}

impl VoiceDecoder for OpusDecoder {
    fn rate(&self) -> u32 {
        self.rate
    }

    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, CodecError> {
        let problem =
            |problem: &str| CodecError::Packet { length: packet.len(), problem: problem.to_owned() };
        let ticks = super::packet::duration(packet).ok_or_else(|| problem("no duration of Opus"))?;
        let samples = (u64::from(ticks) * u64::from(self.rate) / u64::from(super::CLOCK)) as usize;
        let out = out.get_mut(..samples).ok_or_else(|| problem("longer than what there is room for"))?;
        self.inner.decode(packet, samples, out).map_err(refused(packet.len()))
    }

    fn decode_fec(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        self.inner.decode_fec(next, out.len(), out).map_err(refused(next.len())).map(drop)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError> {
        if !out.len().is_multiple_of(self.rate as usize / 100) {
            return Err(CodecError::Length(out.len()));
        }
        self.inner.decode(&[], out.len(), out).map_err(refused(0)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { bitrate: 24_000, expected_loss: 0, dtx: false };

    fn tone(n: usize) -> Vec<f32> {
        (0..n).map(|i| 0.3 * (i as f32 * 0.09).sin()).collect()
    }

    #[test]
    fn frames_of_each_length_come_back_as_long() {
        for ms in [10_usize, 20, 40, 60] {
            let mut encoder = OpusEncoder::new(SETTINGS).unwrap();
            let mut decoder = OpusDecoder::new(RATE).unwrap();
            let samples = tone(16 * ms);
            let mut packet = [0; super::super::LARGEST];
            let n = encoder.encode(&samples, &mut packet).unwrap();
            assert_eq!(super::super::packet::duration(&packet[..n]), Some(48 * ms as u32));
            let mut out = vec![0.0; 16 * 120];
            assert_eq!(decoder.decode(&packet[..n], &mut out).unwrap(), samples.len());
        }
        let mut encoder = OpusEncoder::new(SETTINGS).unwrap();
        assert_eq!(encoder.encode(&tone(123), &mut [0; 1_276]), Err(CodecError::Length(123)));
    }

    #[test]
    fn the_coarse_copy_sounds_more_like_the_lost_frame_than_a_guess() {
        let settings = Settings { bitrate: 32_000, expected_loss: 20, dtx: false };
        let mut encoder = OpusEncoder::new(settings).unwrap();
        // a tone that jumps, which no guess foresees
        let samples: Vec<f32> = (0..16_000)
            .map(|i| 0.3 * (i as f32 * if i / 320 % 2 == 0 { 0.09 } else { 0.21 }).sin())
            .collect();
        let packets: Vec<Vec<u8>> = samples
            .chunks(320)
            .map(|c| {
                let mut packet = [0; super::super::LARGEST];
                let n = encoder.encode(c, &mut packet).unwrap();
                packet[..n].to_vec()
            })
            .collect();
        let lost = |n: usize| n % 5 == 4;
        let hold = |p: &&Vec<u8>| super::super::packet::holds_the_one_before(p);
        assert!(packets.iter().filter(hold).count() > 20);
        let play = |with_copy: bool| {
            let mut decoder = OpusDecoder::new(RATE).unwrap();
            let mut all = Vec::new();
            for (n, packet) in packets.iter().enumerate() {
                let mut out = [0.0; 320];
                if !lost(n) {
                    decoder.decode(packet, &mut out).unwrap();
                } else if with_copy && n + 1 < packets.len() {
                    decoder.decode_fec(&packets[n + 1], &mut out).unwrap();
                } else {
                    decoder.conceal(&mut out).unwrap();
                }
                all.extend_from_slice(&out);
            }
            all
        };
        let mut whole = OpusDecoder::new(RATE).unwrap();
        let reference: Vec<f32> = packets
            .iter()
            .flat_map(|p| {
                let mut out = [0.0; 320];
                whole.decode(p, &mut out).unwrap();
                out
            })
            .collect();
        let error =
            |heard: &[f32]| -> f32 { heard.iter().zip(&reference).map(|(a, b)| (a - b).powi(2)).sum() };
        assert!(error(&play(true)) < 0.5 * error(&play(false)));
    }

    #[test]
    fn bytes_of_anybody_are_refused_and_the_next_packet_is_heard() {
        let mut encoder = OpusEncoder::new(SETTINGS).unwrap();
        let mut decoder = OpusDecoder::new(RATE).unwrap();
        let mut out = vec![0.0; 16 * 120];
        let mut state = 1_u32;
        for n in 0..2_000_usize {
            let noise: Vec<u8> = (0..n % 60)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            let _ = decoder.decode(&noise, &mut out);
            let _ = decoder.decode_fec(&noise, &mut out[..320]);
        }
        let mut packet = [0; super::super::LARGEST];
        for _ in 0..10 {
            let n = encoder.encode(&tone(320), &mut packet).unwrap();
            assert_eq!(decoder.decode(&packet[..n], &mut out).unwrap(), 320);
        }
        assert!(out[..320].iter().any(|s| s.abs() > 0.1) && out.iter().all(|s| s.is_finite()));
        let n = encoder.encode(&tone(960), &mut packet).unwrap();
        assert!(decoder.decode(&packet[..n], &mut out[..100]).is_err(), "no room");
        assert!(decoder.conceal(&mut out[..100]).is_err());
    }
}
