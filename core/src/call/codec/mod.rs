//! Opus behind two small traits, so that the codec can be changed in one place.
//!
//! One encoder and one decoder belong to a call and are never shared. All sound is mono `f32` in −1 to 1 at the rate the
//! codec was made with; [`RATE`] is what calls use: 16 kHz, because whoever is rung beyond the switch is on a telephone
//! network, which carries 8 kHz of sound at most, and all bits then go to what is heard. Packets of any peer (48 kHz,
//! stereo, hybrid) are decoded to it.
//!
//! Media timestamps count 48 kHz whatever the rate is (RFC 7587, 4.1).

mod opus;
pub mod packet;

pub use opus::{OpusDecoder, OpusEncoder};

/// Samples a second in calls.
pub const RATE: u32 = 16_000;

/// Ticks a second of media timestamps.
pub const CLOCK: u32 = 48_000;

/// Largest Opus packet this project sends or keeps, bytes (RFC 6716, 3.4 allows one frame 1,275).
pub const LARGEST: usize = 1_276;

/// What an encoder is asked for; takes effect with the next packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bits a second of the coded sound.
    pub bitrate: u32,
    /// Loss to be ready for, percent: above 0 each packet also holds the one before, coarser (LBRR).
    pub expected_loss: u8,
    /// Silence is sent as packets of at most two bytes.
    pub dtx: bool,
}

/// Why a codec refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CodecError {
    /// Samples that make no frame.
    #[error("code {0} samples: a packet has 10, 20, 40 or 60 ms")]
    Length(usize),
    /// Bytes that are no packet.
    #[error("read a packet of {length} bytes: {problem}")]
    Packet {
        /// Bytes.
        length: usize,
        /// What the codec said.
        problem: String,
    },
    /// A buffer of the caller's is too small, or the rate is none of Opus.
    #[error("use the codec: {0}")]
    Use(String),
}

/// Makes packets. Allocates nothing after the first few frames.
pub trait VoiceEncoder: Send {
    /// Changes bit rate, redundancy and silence.
    fn set(&mut self, settings: Settings);

    /// Codes 10, 20, 40 or 60 ms into `packet` ([`LARGEST`] bytes are always enough) and returns its length.
    ///
    /// # Errors
    /// The samples are no such length.
    fn encode(&mut self, samples: &[f32], packet: &mut [u8]) -> Result<usize, CodecError>;
}

/// Makes sound of packets, and of their absence.
pub trait VoiceDecoder: Send {
    /// Samples a second of what comes out.
    fn rate(&self) -> u32;

    /// Decodes a packet into `out` and returns the number of samples.
    ///
    /// # Errors
    /// It is no packet, or longer than `out`; nothing was changed that the next packet would not put right.
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, CodecError>;

    /// Fills `out` with the frame before `next`, from the coarse copy in it.
    ///
    /// # Errors
    /// `next` is no packet.
    fn decode_fec(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), CodecError>;

    /// Fills `out`, a multiple of 10 ms, with what probably went on: speech that fades, or comfort noise after silence.
    ///
    /// # Errors
    /// `out` is no multiple of 10 ms.
    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError>;
}
