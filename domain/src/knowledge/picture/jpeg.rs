//! JPEG (ITU-T T.81): segments, and scans of entropy-coded data between them.

use super::{BROKEN, Read, be16};

const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;

/// Whether a segment is needed to show the picture: tables, frames, the colours' meaning.
fn is_kept(marker: u8, body: &[u8]) -> bool {
    match marker {
        0xe0 => body.starts_with(b"JFIF\0"),
        0xe2 => body.starts_with(b"ICC_PROFILE\0"),
        0xee => body.starts_with(b"Adobe"),
        0xe1..=0xfe => false,
        _ => true,
    }
}

pub(super) fn read(file: &[u8]) -> Read {
    let (mut out, mut at, mut size, mut turned) = (vec![0xff, 0xd8], 2, None, None);
    let mut scanned = false;
    loop {
        if file.get(at) != Some(&0xff) {
            return Err(BROKEN);
        }
        // a marker may be filled up with 0xff
        while file.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let marker = *file.get(at + 1).ok_or(BROKEN)?;
        at += 2;
        match marker {
            EOI => break,
            // these have no length: TEM, and restarts that stand alone
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | 0x02..=0xbf | 0xd8 => return Err(BROKEN),
            _ => {}
        }
        let length = be16(file, at).filter(|length| *length >= 2).ok_or(BROKEN)? as usize;
        let body = file.get(at + 2..at + length).ok_or(BROKEN)?;
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            size = be16(body, 3).zip(be16(body, 1));
        }
        if marker == 0xe1 {
            turned = turned.or_else(|| orientation(body));
        }
        if is_kept(marker, body) {
            out.extend([0xff, marker]);
            out.extend_from_slice(&file[at..at + length]);
        }
        at += length;
        if marker == SOS {
            scanned = true;
            let end = scan_end(file, at).ok_or(BROKEN)?;
            out.extend_from_slice(&file[at..end]);
            at = end;
        }
    }
    out.extend([0xff, EOI]);
    let (width, height) = size.filter(|_| scanned).ok_or(BROKEN)?;
    match turned {
        Some(how @ 2..=8) => {
            // behind the start, or behind JFIF, which comes first
            let behind = if out.get(2..4) == Some(&[0xff, 0xe0]) {
                4 + be16(&out, 4).unwrap_or(0) as usize
            } else {
                2
            };
            out.splice(behind..behind, exif(how));
            let sides = if how >= 5 { (height, width) } else { (width, height) };
            Ok((sides.0, sides.1, out))
        }
        _ => Ok((width, height, out)),
    }
}

/// Where the data of a scan end: before a marker that is neither a restart nor a stuffed byte.
fn scan_end(file: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += file.get(at..)?.iter().position(|b| *b == 0xff)?;
        match file.get(at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

/// The orientation of Exif (CIPA DC-008, 4.6.4): how the picture is to be turned, 1 to 8.
fn orientation(body: &[u8]) -> Option<u8> {
    let tiff = body.strip_prefix(b"Exif\0\0")?;
    let big = match tiff.get(..2)? {
        b"MM" => true,
        b"II" => false,
        _ => return None,
    };
    let two = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let four = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let first = four(4)? as usize;
    let entry = |n: u16| first.checked_add(2 + usize::from(n) * 12);
    let found = (0..two(first)?).filter_map(entry).find(|at| two(*at) == Some(0x0112))?;
    u8::try_from(two(found.checked_add(8)?)?).ok().filter(|how| (1..=8).contains(how))
}

/// A segment with the orientation and nothing else.
fn exif(how: u8) -> Vec<u8> {
    let mut out = vec![0xff, 0xe1, 0, 34];
    out.extend(b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0");
    out.extend([how, 0, 0, 0, 0, 0, 0]);
    out
}
