//! G.711: the two companding laws as tables (ITU-T G.711).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Samples a second of everything in this crate.
pub const RATE: u32 = 8000;
/// Samples, and bytes of G.711, in one packet of 20 ms.
pub const FRAME: usize = 160;

/// A speech codec. Both are 64 kbit/s at 8 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 A-law, RTP payload type 8.
    Pcma,
    /// G.711 µ-law, RTP payload type 0.
    Pcmu,
}

impl Codec {
    /// Static RTP payload type (RFC 3551 table 4).
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    /// Encoding name in SDP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// The code word of silence.
    #[must_use]
    pub fn silence(self) -> u8 {
        match self {
            Self::Pcma => 0xd5,
            Self::Pcmu => 0xff,
        }
    }

    /// One code word to linear.
    #[must_use]
    pub fn decode(self, code: u8) -> i16 {
        match self {
            Self::Pcma => TABLES.alaw[usize::from(code)],
            Self::Pcmu => TABLES.ulaw[usize::from(code)],
        }
    }

    /// Magnitude of the loudest of these code words; a level of silence for none.
    #[must_use]
    pub fn loudest(self, codes: &[u8]) -> i16 {
        // Without their signs, code words are in the order of their magnitudes: A-law after its even bits are turned
        // back, µ-law after all are.
        let turn = match self {
            Self::Pcma => 0x55,
            Self::Pcmu => 0xff,
        };
        let most = codes.iter().fold(0u8, |most, code| most.max((code ^ turn) & 0x7f));
        self.decode((most | 0x80) ^ turn).saturating_abs()
    }

    /// One linear sample to a code word.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcma => linear_to_alaw(sample),
            Self::Pcmu => linear_to_ulaw(sample),
        }
    }

    /// The table that turns this codec's code words into `other`'s.
    #[must_use]
    pub fn transcode(self, other: Self) -> Option<&'static [u8; 256]> {
        match (self, other) {
            (Self::Pcma, Self::Pcmu) => Some(&TABLES.a_to_u),
            (Self::Pcmu, Self::Pcma) => Some(&TABLES.u_to_a),
            _ => None,
        }
    }
}

struct Tables {
    alaw: [i16; 256],
    ulaw: [i16; 256],
    a_to_u: [u8; 256],
    u_to_a: [u8; 256],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut t = Tables { alaw: [0; 256], ulaw: [0; 256], a_to_u: [0; 256], u_to_a: [0; 256] };
    for code in 0..=255u8 {
        let i = usize::from(code);
        t.alaw[i] = alaw_to_linear(code);
        t.ulaw[i] = ulaw_to_linear(code);
    }
    for i in 0..256 {
        t.a_to_u[i] = linear_to_ulaw(t.alaw[i]);
        t.u_to_a[i] = linear_to_alaw(t.ulaw[i]);
    }
    t
});

fn alaw_to_linear(code: u8) -> i16 {
    let code = code ^ 0x55;
    let mantissa = i16::from(code & 0x0f);
    let exponent = (code >> 4) & 7;
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        e => ((mantissa << 4) + 0x108) << (e - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

fn linear_to_alaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0x80u8, sample >> 4) } else { (0, (-(sample + 1)) >> 4) };
    // Eleven bits of magnitude: the first 16 steps are linear, then each segment is twice as coarse.
    let code = if magnitude < 16 {
        magnitude as u8
    } else {
        let exponent = 12 - (magnitude as u16).leading_zeros() as u8;
        (exponent << 4) | ((magnitude >> (exponent - 1)) & 0x0f) as u8
    };
    (code | sign) ^ 0x55
}

fn ulaw_to_linear(code: u8) -> i16 {
    let code = !code;
    let exponent = (code >> 4) & 7;
    let magnitude = ((i32::from(code & 0x0f) << 3) + 0x84) << exponent;
    let magnitude = (magnitude - 0x84) as i16;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

fn linear_to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80u8 } else { 0 };
    let magnitude = (i32::from(sample).abs()).min(32_635) + 0x84;
    let exponent = 31 - (magnitude as u32).leading_zeros() as i32 - 7;
    let mantissa = ((magnitude >> (exponent + 3)) & 0x0f) as u8;
    !(sign | ((exponent as u8) << 4) | mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_word_survives_decoding_and_encoding() {
        for code in 0..=255u8 {
            assert_eq!(Codec::Pcma.encode(Codec::Pcma.decode(code)), code, "A-law {code:#x}");
            let back = Codec::Pcmu.encode(Codec::Pcmu.decode(code));
            // µ-law has two zeros.
            assert!(back == code || (code == 0x7f && back == 0xff), "µ-law {code:#x} -> {back:#x}");
        }
    }

    #[test]
    fn the_loudest_is_found() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            for code in 0..=255u8 {
                let magnitude = codec.decode(code).saturating_abs();
                assert_eq!(codec.loudest(&[code]), magnitude, "{codec:?} {code:#x}");
                assert_eq!(
                    codec.loudest(&[codec.silence(), code, codec.silence()]),
                    magnitude.max(codec.decode(codec.silence()))
                );
            }
            assert!(codec.loudest(&[]) <= 8);
        }
    }

    #[test]
    fn known_values_of_the_recommendation() {
        assert_eq!(Codec::Pcma.decode(0xd5), 8);
        assert_eq!(Codec::Pcma.decode(0x55), -8);
        assert_eq!(Codec::Pcma.decode(0xaa), 32_256);
        assert_eq!(Codec::Pcmu.decode(0xff), 0);
        assert_eq!(Codec::Pcmu.decode(0x80), 32_124);
        assert_eq!(Codec::Pcmu.decode(0x00), -32_124);
    }

    #[test]
    fn encoding_is_monotone_and_close() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let mut last = i16::MIN;
            for s in i16::MIN..=i16::MAX {
                let d = codec.decode(codec.encode(s));
                assert!(d >= last, "{codec:?} {s}");
                last = d;
                let allowed = (i32::from(s).abs() / 16).max(16) + 16;
                assert!((i32::from(d) - i32::from(s)).abs() <= allowed.max(700), "{codec:?} {s} {d}");
            }
        }
    }

    #[test]
    fn transcoding_tables_only_between_laws() {
        assert!(Codec::Pcma.transcode(Codec::Pcma).is_none());
        let t = Codec::Pcma.transcode(Codec::Pcmu).expect("table");
        assert_eq!(t[0xaa], Codec::Pcmu.encode(32_256));
    }
}
