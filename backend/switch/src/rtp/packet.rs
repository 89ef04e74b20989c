//! RTP packets (RFC 3550 5.1): reading and writing the header in place.

/// Bytes of a header without extras.
pub(crate) const HEADER: usize = 12;

/// A received packet's header, and where its payload lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) pt: u8,
    pub(crate) seq: u16,
    pub(crate) ts: u32,
    pub(crate) ssrc: u32,
    /// First byte of the payload.
    pub(crate) start: usize,
    /// One past its last.
    pub(crate) end: usize,
}

/// Reads a header. `None` for what is no RTP packet (RTCP on the same port included).
pub(crate) fn parse(data: &[u8]) -> Option<Header> {
    let first = *data.first()?;
    if first >> 6 != 2 || data.len() < HEADER || (200..=204).contains(&data[1]) {
        return None;
    }
    let mut start = HEADER + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let words = data.get(start + 2..start + 4)?;
        start += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    let mut end = data.len();
    if first & 0x20 != 0 {
        let padding = usize::from(*data.last()?);
        end = end.checked_sub(padding).filter(|_| padding > 0)?;
    }
    if start > end {
        return None;
    }
    Some(Header {
        marker: data[1] & 0x80 != 0,
        pt: data[1] & 0x7f,
        seq: u16::from_be_bytes([data[2], data[3]]),
        ts: u32::from_be_bytes([data[4], data[5], data[6], data[7]]),
        ssrc: u32::from_be_bytes([data[8], data[9], data[10], data[11]]),
        start,
        end,
    })
}

/// Writes a plain header into the first 12 bytes.
pub(crate) fn write(out: &mut [u8], marker: bool, pt: u8, seq: u16, ts: u32, ssrc: u32) {
    out[0] = 0x80;
    out[1] = pt | if marker { 0x80 } else { 0 };
    out[2..4].copy_from_slice(&seq.to_be_bytes());
    out[4..8].copy_from_slice(&ts.to_be_bytes());
    out[8..12].copy_from_slice(&ssrc.to_be_bytes());
}

/// Loss and jitter of what comes (RFC 3550 A.1, A.8), restarted with each source.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    ssrc: Option<u32>,
    highest: u16,
    cycles: u32,
    base: u32,
    received: u32,
    lost_before: u64,
    transit: i64,
    jitter: i64,
    expected_prior: u32,
    received_prior: u32,
}

impl Reception {
    /// One more packet, at `arrival` in RTP clock units.
    pub(crate) fn note(&mut self, header: &Header, arrival: u32) {
        if self.ssrc != Some(header.ssrc) {
            let lost_before = self.lost();
            *self = Self {
                ssrc: Some(header.ssrc),
                highest: header.seq,
                base: u32::from(header.seq),
                lost_before,
                ..Self::default()
            };
            self.transit = i64::from(arrival.wrapping_sub(header.ts) as i32);
        } else if header.seq.wrapping_sub(self.highest) < 0x8000 {
            if header.seq < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest = header.seq;
        }
        self.received = self.received.wrapping_add(1);
        let transit = i64::from(arrival.wrapping_sub(header.ts) as i32);
        let d = (transit - self.transit).abs().min(80_000);
        self.transit = transit;
        // Sixteenths of a unit.
        self.jitter += d - ((self.jitter + 8) >> 4);
    }

    fn extended(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    fn expected(&self) -> u32 {
        if self.ssrc.is_some() { self.extended().wrapping_sub(self.base).wrapping_add(1) } else { 0 }
    }

    /// Packets that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + u64::from(self.expected().saturating_sub(self.received))
    }

    /// Interarrival jitter in clock units.
    pub(crate) fn jitter(&self) -> u32 {
        (self.jitter >> 4).max(0) as u32
    }

    /// The fields of a report block: source, fraction lost, lost, highest, jitter.
    pub(crate) fn report(&mut self) -> Option<(u32, u8, u32, u32, u32)> {
        let ssrc = self.ssrc?;
        let expected = self.expected().wrapping_sub(self.expected_prior);
        let received = self.received.wrapping_sub(self.received_prior);
        self.expected_prior = self.expected();
        self.received_prior = self.received;
        let lost = expected.saturating_sub(received);
        let fraction = (u64::from(lost) * 256).checked_div(u64::from(expected)).unwrap_or(0).min(255) as u8;
        let total = self.lost().min(0x7f_ffff) as u32;
        Some((ssrc, fraction, total, self.extended(), self.jitter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(seq: u16, ts: u32) -> Header {
        let mut b = [0u8; 172];
        write(&mut b, false, 8, seq, ts, 77);
        parse(&b).expect("header")
    }

    #[test]
    fn a_header_reads_back() {
        let mut b = [9u8; 172];
        write(&mut b, true, 101, 65_535, 0xdead_beef, 7);
        let h = parse(&b).expect("header");
        let want =
            Header { marker: true, pt: 101, seq: 65_535, ts: 0xdead_beef, ssrc: 7, start: 12, end: 172 };
        assert_eq!(h, want);
    }

    #[test]
    fn extras_are_passed_over() {
        let mut b = vec![0u8; 12];
        write(&mut b, false, 8, 1, 2, 3);
        b[0] |= 0x20 | 0x10 | 1;
        b.extend([0; 4]);
        b.extend([0xbe, 0xde, 0, 1, 0, 0, 0, 0]);
        b.extend([1, 2, 3, 0, 0, 3]);
        let h = parse(&b).expect("header");
        assert_eq!(&b[h.start..h.end], &[1, 2, 3]);
        for cut in 0..b.len() {
            let _ = parse(&b[..cut]);
        }
        assert_eq!(parse(&[0x80, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None, "RTCP");
        assert_eq!(parse(&[0x40; 20]), None);
    }

    #[test]
    fn loss_is_counted_over_the_wrap_and_over_sources() {
        let mut r = Reception::default();
        for i in 0..200u32 {
            if i % 10 == 3 {
                continue;
            }
            let seq = 65_500u16.wrapping_add(i as u16);
            r.note(&packet(seq, i * 160), i * 160 + 5);
        }
        assert_eq!(r.lost(), 20);
        assert_eq!(r.jitter(), 0);
        let (ssrc, fraction, lost, ..) = r.report().expect("report");
        assert_eq!((ssrc, lost), (77, 20));
        assert!((24..=27).contains(&fraction), "{fraction}");
        let mut other = packet(9, 9);
        other.ssrc = 1;
        r.note(&other, 0);
        assert_eq!(r.lost(), 20);
    }
}
