//! G.711 (ITU-T G.711): A-law is payload type 8, µ-law 0.

/// One A-law byte as a 16-bit sample.
fn alaw_decode(byte: u8) -> i16 {
    let b = byte ^ 0x55;
    let exponent = (b >> 4) & 7;
    let mantissa = i32::from(b & 0x0f);
    let magnitude =
        if exponent == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (exponent - 1) };
    (if b & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

/// One µ-law byte as a 16-bit sample.
fn ulaw_decode(byte: u8) -> i16 {
    let b = !byte;
    let magnitude = ((i32::from(b & 0x0f) << 3) + 0x84) << ((b >> 4) & 7);
    (if b & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 }) as i16
}

/// A 16-bit sample as A-law.
fn alaw_encode(sample: i16) -> u8 {
    let positive = sample >= 0;
    let magnitude = if positive { i32::from(sample) } else { -i32::from(sample) - 1 } >> 3;
    let magnitude = magnitude.clamp(0, 0x0fff);
    let code = if magnitude < 32 {
        (magnitude >> 1) as u8
    } else {
        let exponent = (31 - (magnitude as u32).leading_zeros()) - 4;
        ((exponent << 4) as u8) | ((magnitude >> exponent) & 0x0f) as u8
    };
    (code | if positive { 0x80 } else { 0 }) ^ 0x55
}

/// A 16-bit sample as µ-law.
fn ulaw_encode(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = (i32::from(sample).abs()).min(32_635) + 0x84;
    let exponent = (31 - (magnitude as u32).leading_zeros()) - 7;
    let mantissa = ((magnitude >> (exponent + 3)) & 0x0f) as u8;
    !((if negative { 0x80 } else { 0 }) | ((exponent as u8) << 4) | mantissa)
}

/// Decodes with the codec of a payload type (0 or 8).
pub(crate) fn decode(payload: u8, byte: u8) -> i16 {
    if payload == 8 { alaw_decode(byte) } else { ulaw_decode(byte) }
}

/// Encodes with the codec of a payload type (0 or 8).
pub(crate) fn encode(payload: u8, sample: i16) -> u8 {
    if payload == 8 { alaw_encode(sample) } else { ulaw_encode(sample) }
}

/// The byte of silence.
pub(crate) fn silence(payload: u8) -> u8 {
    if payload == 8 { 0xd5 } else { 0xff }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_word_survives_decoding_and_encoding() {
        for payload in [0, 8] {
            for byte in 0..=255u8 {
                let sample = decode(payload, byte);
                let again = decode(payload, encode(payload, sample));
                assert_eq!(sample, again, "payload {payload} byte {byte:#x}");
            }
        }
    }

    #[test]
    fn error_is_small_against_the_sample() {
        for payload in [0, 8] {
            for sample in (-32_000..32_000).step_by(37) {
                let got = f64::from(decode(payload, encode(payload, sample)));
                assert!(
                    (got - f64::from(sample)).abs() <= 16.0 + f64::from(sample).abs() * 0.04,
                    "{sample} {got}"
                );
            }
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(decode(8, 0xd5), 8);
        assert_eq!(decode(0, 0xff), 0);
        assert_eq!(decode(0, 0x80), 32_124);
        assert_eq!(decode(8, 0xaa), 32_256);
    }
}
