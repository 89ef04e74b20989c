//! Recordings as evidence: the chain of an organisation's recordings, and what a bundle of them says of itself.
//!
//! **Chain.** Each recording that has ended becomes a [`Link`], numbered from 1: its SHA-256, its length, its call, and the
//! hash of the link before. Who changes a recording, or takes a link out, must write every later link anew, and the hashes
//! that others have kept (each bundle holds the newest one of its day) do not fit any more. A link holds no personal data
//! and stays when the recording's time is over.
//!
//! **Bundle.** A zip of `manifest.json` ([`Manifest`]), `manifest.sig` ([`Signature`], Ed25519, RFC 8032, over the bytes of the
//! manifest), a report to be read, and the sound. The manifest names every other file with its SHA-256, so the signature
//! covers them all.

mod chain;
mod manifest;

pub use chain::{Broken, Link, check_chain, first};
pub use manifest::{
    FORMAT, FileEntry, MANIFEST, Manifest, Party, ProvedCall, ProvedRecording, SIGNATURE, Signature,
};

use std::fmt::Write;

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of lower-case hexadecimal, if it is that and so many.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_there_and_back() {
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
        assert_eq!(unhex::<3>("001fff"), Some([0, 0x1f, 0xff]));
        for bad in ["001FFF", "001ff", "001fff0", "00 fff", ""] {
            assert_eq!(unhex::<3>(bad), None, "{bad:?}");
        }
    }
}
