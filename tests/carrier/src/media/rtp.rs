//! RTP headers (RFC 3550 5.1) and telephone events (RFC 4733 2.3).

/// The fields of a packet that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload_type: u8,
    pub(crate) seq: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

/// Reads a packet: header and payload without padding. `None` for anything that is not RTP (RTCP shares the port with
/// types 200 to 204, which read as payload types 72 to 76).
pub(crate) fn parse(bytes: &[u8]) -> Option<(Header, &[u8])> {
    if bytes.len() < 12 || bytes[0] >> 6 != 2 {
        return None;
    }
    let payload_type = bytes[1] & 0x7f;
    if (72..=76).contains(&payload_type) {
        return None;
    }
    let mut at = 12 + usize::from(bytes[0] & 0x0f) * 4;
    if bytes[0] & 0x10 != 0 {
        let words = u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]);
        at += 4 + usize::from(words) * 4;
    }
    let pad = if bytes[0] & 0x20 != 0 { usize::from(*bytes.last()?) } else { 0 };
    let payload = bytes.get(at..bytes.len().checked_sub(pad)?)?;
    let header = Header {
        payload_type,
        seq: u16::from_be_bytes([bytes[2], bytes[3]]),
        timestamp: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
    };
    Some((header, payload))
}

/// Writes a packet.
pub(crate) fn write(out: &mut Vec<u8>, header: Header, marker: bool, payload: &[u8]) {
    out.clear();
    out.push(0x80);
    out.push(header.payload_type | if marker { 0x80 } else { 0 });
    out.extend_from_slice(&header.seq.to_be_bytes());
    out.extend_from_slice(&header.timestamp.to_be_bytes());
    out.extend_from_slice(&header.ssrc.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The key of an event code.
pub(crate) fn event_key(code: u8) -> Option<char> {
    b"0123456789*#ABCD".get(usize::from(code)).map(|b| char::from(*b))
}

/// The event code of a key.
pub(crate) fn key_event(key: char) -> Option<u8> {
    "0123456789*#ABCD".find(key).map(|p| p as u8)
}
