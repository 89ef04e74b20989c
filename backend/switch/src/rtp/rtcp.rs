//! RTCP (RFC 3550 6): a sender or receiver report with a name every five seconds, and a BYE.

use super::packet::Reception;
use super::sender::Sender;

/// Sweeps of 20 ms between reports.
pub(crate) const EVERY: u32 = 250;

/// A compound packet. `ntp` is the wall clock as seconds since 1900 with 32 bits of fraction.
pub(crate) fn report(sender: &Sender, reception: &mut Reception, ntp: u64, bye: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    let block = reception.report();
    let count = u8::from(block.is_some());
    let sending = sender.packets > 0;
    let words = (if sending { 6 } else { 1 }) + u16::from(count) * 6;
    out.extend([0x80 | count, if sending { 200 } else { 201 }]);
    out.extend(words.to_be_bytes());
    out.extend(sender.ssrc.to_be_bytes());
    if sending {
        out.extend(ntp.to_be_bytes());
        out.extend(sender.clock().to_be_bytes());
        out.extend(sender.packets.to_be_bytes());
        out.extend(sender.octets.to_be_bytes());
    }
    if let Some((ssrc, fraction, lost, highest, jitter)) = block {
        out.extend(ssrc.to_be_bytes());
        out.extend(((u32::from(fraction) << 24) | (lost & 0xff_ffff)).to_be_bytes());
        out.extend(highest.to_be_bytes());
        out.extend(jitter.to_be_bytes());
        // No sender report of theirs is kept.
        out.extend([0; 8]);
    }
    // SDES with a CNAME that says nothing of us but our source.
    let name = format!("{:08x}", sender.ssrc);
    out.extend([0x81, 202, 0, 4]);
    out.extend(sender.ssrc.to_be_bytes());
    out.extend([1, name.len() as u8]);
    out.extend(name.as_bytes());
    out.extend([0, 0]);
    if bye {
        out.extend([0x81, 203, 0, 1]);
        out.extend(sender.ssrc.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_compound_packet_add_up() {
        let mut sender = Sender::new(1 << 40);
        let mut reception = Reception::default();
        for sending in [false, true] {
            sender.packets = u32::from(sending);
            for heard in [false, true] {
                if heard {
                    let mut b = [0u8; 172];
                    super::super::packet::write(&mut b, false, 8, 5, 5, 5);
                    reception.note(&super::super::packet::parse(&b).expect("header"), 0);
                }
                let p = report(&sender, &mut reception, 7, true);
                let (mut at, mut kinds) = (0, Vec::new());
                while at < p.len() {
                    kinds.push(p[at + 1]);
                    at += (usize::from(u16::from_be_bytes([p[at + 2], p[at + 3]])) + 1) * 4;
                }
                assert_eq!(at, p.len());
                assert_eq!(kinds, [if sending { 200 } else { 201 }, 202, 203]);
            }
        }
    }
}
