//! PNG (W3C PNG, third edition): chunks. Those of an animation go; its first picture stays.

use super::{BROKEN, Read, be32};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// What is needed to show it.
const KEPT: &[&[u8; 4]] = &[
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT",
    b"bKGD", b"pHYs",
];

pub(super) fn read(file: &[u8]) -> Read {
    let head = file.get(..8).filter(|head| *head == SIGNATURE).ok_or(BROKEN)?;
    let (mut out, mut at, mut size, mut has_data) = (head.to_vec(), 8, None, false);
    loop {
        let length = be32(file, at).ok_or(BROKEN)? as usize;
        let kind = file.get(at + 4..at + 8).ok_or(BROKEN)?;
        let end = at.checked_add(length).and_then(|end| end.checked_add(12)).ok_or(BROKEN)?;
        let chunk = file.get(at..end).ok_or(BROKEN)?;
        if size.is_none() {
            if kind != b"IHDR" || length != 13 {
                return Err(BROKEN);
            }
            size = be32(file, at + 8).zip(be32(file, at + 12));
        }
        has_data |= kind == b"IDAT";
        if KEPT.iter().any(|kept| kept.as_slice() == kind) {
            out.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            let (width, height) = size.filter(|_| has_data).ok_or(BROKEN)?;
            return Ok((width, height, out));
        }
        at = end;
    }
}
