//! Telephone events (RFC 4733): keys as packets.

use super::packet::Header;

/// Keys by event code.
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// Event code of a key.
pub(crate) fn code(key: char) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().position(|k| char::from(*k) == key).map(|i| i as u8)
}

/// The four bytes of an event; `duration` in clock units.
pub(crate) fn payload(code: u8, end: bool, duration: u16) -> [u8; 4] {
    let [a, b] = duration.to_be_bytes();
    // Volume -10 dBm0.
    [code, 10 | if end { 0x80 } else { 0 }, a, b]
}

/// Finds keys in event packets. A key is told at the first packet of it that comes, whichever it is, and once: all
/// packets of one key bear its timestamp.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    ts: u32,
    code: u8,
    duration: u16,
    ended: bool,
}

impl Receiver {
    /// One packet. A key where it is the first of it.
    pub(crate) fn packet(&mut self, header: &Header, payload: &[u8]) -> Option<char> {
        let [code, flags, a, b] = *payload.first_chunk::<4>()?;
        let key = char::from(*KEYS.get(usize::from(code))?);
        let (duration, ended) = (u16::from_be_bytes([a, b]), flags & 0x80 != 0);
        let new = Last { ssrc: header.ssrc, ts: header.ts, code, duration, ended };
        if let Some(last) = &mut self.last
            && last.ssrc == header.ssrc
        {
            let ahead = header.ts.wrapping_sub(last.ts);
            if ahead == 0 {
                last.ended |= ended;
                last.duration = last.duration.max(duration);
                return None;
            }
            if ahead > 0x8000_0000 {
                // Late packets of a key before.
                return None;
            }
            // A key held for longer than the field can say goes on with a new timestamp (2.5.1.3).
            if code == last.code && !last.ended && last.duration > 0xff00 && ahead == u32::from(last.duration)
            {
                *last = new;
                return None;
            }
        }
        self.last = Some(new);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(r: &mut Receiver, ts: u32, key: char, end: bool, duration: u16) -> Option<char> {
        let h = Header { marker: false, pt: 101, seq: 0, ts, ssrc: 1, start: 12, end: 16 };
        r.packet(&h, &payload(code(key).expect("key"), end, duration))
    }

    #[test]
    fn a_key_is_told_once_whatever_is_lost() {
        let mut r = Receiver::default();
        assert_eq!(feed(&mut r, 1000, '5', false, 160), Some('5'));
        for d in 2..6 {
            assert_eq!(feed(&mut r, 1000, '5', d > 3, d * 160), None);
        }
        // Only an end packet of the next one arrives, then one of the first, late.
        assert_eq!(feed(&mut r, 3000, '5', true, 800), Some('5'));
        assert_eq!(feed(&mut r, 1000, '5', true, 800), None);
        assert_eq!(feed(&mut r, 5000, '#', false, 160), Some('#'));
    }

    #[test]
    fn a_very_long_key_is_one_key() {
        let mut r = Receiver::default();
        assert_eq!(feed(&mut r, 0, '1', false, 0xffff), Some('1'));
        assert_eq!(feed(&mut r, 0xffff, '1', false, 160), None);
    }

    #[test]
    fn codes_and_rubbish() {
        assert_eq!((code('*'), code('#'), code('d'), code('x')), (Some(10), Some(11), Some(15), None));
        let h = Header { marker: false, pt: 101, seq: 0, ts: 0, ssrc: 1, start: 12, end: 16 };
        assert_eq!(Receiver::default().packet(&h, &[16, 0, 0, 0]), None);
        assert_eq!(Receiver::default().packet(&h, &[1, 0, 0]), None);
    }
}
