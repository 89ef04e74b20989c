//! WebP (RFC 9649): a RIFF file.

use super::{BROKEN, Read, le32};

/// What is needed to show it.
const KEPT: &[&[u8; 4]] = &[b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
/// Flags of `VP8X` that say what is not there any more: Exif and XMP.
const TAKEN_AWAY: u8 = 0b0000_1100;

pub(super) fn read(file: &[u8]) -> Read {
    let length = le32(file, 4).ok_or(BROKEN)? as usize;
    let whole = file.get(..length.checked_add(8).ok_or(BROKEN)?).ok_or(BROKEN)?;
    let (mut out, mut at) = (whole.get(..12).ok_or(BROKEN)?.to_vec(), 12);
    let (mut size, mut has_data) = (None, false);
    while at < whole.len() {
        let kind = whole.get(at..at + 4).ok_or(BROKEN)?;
        let length = le32(whole, at + 4).ok_or(BROKEN)? as usize;
        let end = at.checked_add(8).and_then(|start| start.checked_add(length)).ok_or(BROKEN)?;
        let body = whole.get(at + 8..end).ok_or(BROKEN)?;
        size = size.or_else(|| size_of(kind, body));
        has_data |= matches!(kind, b"VP8 " | b"VP8L" | b"ANMF");
        if KEPT.iter().any(|kept| kept.as_slice() == kind) {
            out.extend_from_slice(&whole[at..end]);
            if kind == b"VP8X" {
                let flags = out.len() - length;
                if let Some(flags) = out.get_mut(flags) {
                    *flags &= !TAKEN_AWAY;
                }
            }
            if length % 2 == 1 {
                out.push(0);
            }
        }
        at = end + length % 2;
    }
    let (width, height) = size.filter(|_| has_data).ok_or(BROKEN)?;
    let length = u32::try_from(out.len() - 8).map_err(|_| BROKEN)?;
    out[4..8].copy_from_slice(&length.to_le_bytes());
    Ok((width, height, out))
}

/// Width and height, where a chunk says them.
fn size_of(kind: &[u8], body: &[u8]) -> Option<(u32, u32)> {
    let byte = |at: usize| body.get(at).map(|b| u32::from(*b));
    match kind {
        b"VP8X" => {
            let side = |at: usize| Some((byte(at)? | byte(at + 1)? << 8 | byte(at + 2)? << 16) + 1);
            Some((side(4)?, side(7)?))
        }
        b"VP8L" if body.first() == Some(&0x2f) => {
            let bits = le32(body, 1)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " if body.get(3..6) == Some(&[0x9d, 0x01, 0x2a]) => {
            let side = |at: usize| Some((byte(at)? | byte(at + 1)? << 8) & 0x3fff);
            Some((side(6)?, side(8)?))
        }
        _ => None,
    }
}
