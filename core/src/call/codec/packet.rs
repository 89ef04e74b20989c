//! What can be seen of an Opus packet without decoding it (RFC 6716, 3.1 and 3.2).

/// Duration of a packet in ticks of 48 kHz; `None` if it is empty or claims more than 120 ms.
#[must_use]
pub fn duration(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frames = u32::from(match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1)? & 0x3f,
    });
    let all = frame(toc) * frames;
    (frames > 0 && all <= 5_760).then_some(all)
}

/// Duration of one of its frames, in ticks of 48 kHz.
fn frame(toc: u8) -> u32 {
    let size = u32::from(toc >> 3 & 3);
    if toc & 0x80 != 0 {
        120 << size
    } else if toc & 0x60 == 0x60 {
        480 << (size & 1)
    } else if size == 3 {
        2_880
    } else {
        480 << size
    }
}

/// The sender was silent: nothing but the first byte or two (RFC 6716, 2.1.9).
#[must_use]
pub fn is_silence(packet: &[u8]) -> bool {
    packet.len() <= 2
}

/// The packet also holds the frame before it, coarser: its LBRR flag stands after one voice flag for each 20 ms
/// (RFC 6716, 4.2.4). Only packets of one frame are looked at.
#[must_use]
pub fn holds_the_one_before(packet: &[u8]) -> bool {
    let (Some(&toc), Some(&first)) = (packet.first(), packet.get(1)) else {
        return false;
    };
    if toc & 0x80 != 0 || toc & 3 != 0 {
        return false;
    }
    let voice_flags = (frame(toc) / 960).max(1);
    let middle = first >> (7 - voice_flags) & 1 == 1;
    let is_stereo = toc & 4 != 0;
    middle || (is_stereo && first >> (6 - 2 * voice_flags) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_the_table() {
        // RFC 6716, table 2: configuration, frame of 2.5 to 60 ms
        for (configuration, ticks) in [
            (0, 480),
            (1, 960),
            (2, 1_920),
            (3, 2_880),
            (9, 960),
            (12, 480),
            (13, 960),
            (15, 960),
            (16, 120),
            (19, 960),
            (31, 960),
        ] {
            assert_eq!(duration(&[configuration << 3]), Some(ticks), "configuration {configuration}");
            assert_eq!(duration(&[configuration << 3 | 1, 0, 0]), Some(2 * ticks));
        }
        assert_eq!(duration(&[]), None);
        assert_eq!(duration(&[9 << 3 | 3]), None, "the count is missing");
        assert_eq!(duration(&[9 << 3 | 3, 0]), None, "no frame");
        assert_eq!(duration(&[9 << 3 | 3, 6]), Some(5_760));
        assert_eq!(duration(&[9 << 3 | 3, 7]), None, "140 ms");
    }

    #[test]
    fn the_coarse_copy_is_seen_where_its_flag_is() {
        let wide_20 = 9 << 3;
        assert!(holds_the_one_before(&[wide_20, 0b0100_0000, 1]));
        assert!(!holds_the_one_before(&[wide_20, 0b1011_1111, 1]));
        let wide_60 = 11 << 3;
        assert!(holds_the_one_before(&[wide_60, 0b0001_0000, 1]));
        assert!(!holds_the_one_before(&[wide_60, 0b1110_1111, 1]));
        let stereo = 9 << 3 | 4;
        assert!(holds_the_one_before(&[stereo, 0b0001_0000, 1]));
        assert!(!holds_the_one_before(&[31 << 3, 0xff, 1]), "CELT has none");
        assert!(!holds_the_one_before(&[wide_20]));
    }
}
