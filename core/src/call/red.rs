//! Redundant audio: each packet repeats earlier ones (RFC 2198).
//!
//! ```text
//!  1 PT(7) offset(14) length(10)   one for each copy, the oldest first
//!  0 PT(7)                         the primary's, which has no length
//!  copies …  primary
//! ```
//!
//! The copies are the very packets that were sent before, so a receiver that has a copy hears what it would have heard,
//! to the last bit. All blocks have one payload type; offsets are ticks of the media clock.

/// Most copies in one packet.
pub const COPIES: usize = 7;

/// Largest offset, ticks (14 bits).
pub const FARTHEST: u32 = 0x3fff;

const LONGEST: usize = 0x3ff;

/// One packet inside another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block<'a> {
    /// Ticks before the timestamp of the packet; 0 for the primary.
    pub offset: u32,
    /// The packet.
    pub data: &'a [u8],
}

/// What is wrong with a redundant packet.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RedError {
    /// It ends within its headers.
    #[error("read a redundant packet: it ends within its headers")]
    Headers,
    /// Its blocks claim more bytes than it has.
    #[error("read a redundant packet: its copies claim {claimed} bytes of {there}")]
    Short {
        /// Bytes of all copies by their headers.
        claimed: usize,
        /// Bytes after the headers.
        there: usize,
    },
    /// A block has another payload type than was agreed.
    #[error("read a redundant packet: block of payload type {0}, which was not agreed")]
    PayloadType(u8),
    /// More copies than anybody needs.
    #[error("read a redundant packet: more than {COPIES} copies")]
    Copies,
    /// A copy that no header can express, or no room.
    #[error("make a redundant packet: a copy of {length} bytes, {offset} ticks old")]
    Unfit {
        /// Bytes.
        length: usize,
        /// Ticks.
        offset: u32,
    },
    /// The buffer is too small.
    #[error("make a redundant packet: {0} bytes are needed")]
    Room(usize),
}

/// The blocks of a packet, the oldest first and the primary last.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    blocks: [Block<'a>; COPIES + 1],
    count: usize,
}

impl<'a> Blocks<'a> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Block<'a>] {
        &self.blocks[..self.count]
    }

    /// The newest.
    #[must_use]
    pub fn primary(&self) -> &'a [u8] {
        self.as_slice().last().map_or(&[], |b| b.data)
    }
}

/// Reads a packet whose blocks are all of `payload_type`. Copies of no bytes are left out.
///
/// # Errors
/// The packet is malformed: nothing of it is used.
pub fn unpack(packet: &[u8], payload_type: u8) -> Result<Blocks<'_>, RedError> {
    let mut lengths = [(0_u32, 0_usize); COPIES];
    let (mut copies, mut at, mut claimed) = (0, 0, 0);
    loop {
        let first = *packet.get(at).ok_or(RedError::Headers)?;
        if first & 0x7f != payload_type {
            return Err(RedError::PayloadType(first & 0x7f));
        }
        at += 1;
        if first & 0x80 == 0 {
            break;
        }
        let rest = packet.get(at..at + 3).ok_or(RedError::Headers)?;
        at += 3;
        let offset = u32::from(rest[0]) << 6 | u32::from(rest[1]) >> 2;
        let length = usize::from(rest[1] & 3) << 8 | usize::from(rest[2]);
        *lengths.get_mut(copies).ok_or(RedError::Copies)? = (offset, length);
        copies += 1;
        claimed += length;
    }
    let data = &packet[at..];
    if claimed > data.len() {
        return Err(RedError::Short { claimed, there: data.len() });
    }
    let mut blocks = [Block::default(); COPIES + 1];
    let (mut count, mut from) = (0, 0);
    for &(offset, length) in &lengths[..copies] {
        if length > 0 {
            blocks[count] = Block { offset, data: &data[from..from + length] };
            count += 1;
        }
        from += length;
    }
    blocks[count] = Block { offset: 0, data: &data[from..] };
    Ok(Blocks { blocks, count: count + 1 })
}

/// Writes copies, the oldest first, and the primary into `out` and returns the length.
///
/// # Errors
/// A copy is longer than 1,023 bytes, older than [`FARTHEST`] or of no bytes, there are more than [`COPIES`], or `out` is too small.
pub fn pack(
    copies: &[Block<'_>],
    primary: &[u8],
    payload_type: u8,
    out: &mut [u8],
) -> Result<usize, RedError> {
    if copies.len() > COPIES {
        return Err(RedError::Copies);
    }
    if let Some(b) = copies
        .iter()
        .find(|b| b.data.is_empty() || b.data.len() > LONGEST || b.offset == 0 || b.offset > FARTHEST)
    {
        return Err(RedError::Unfit { length: b.data.len(), offset: b.offset });
    }
    let whole = size(copies, primary);
    let out = out.get_mut(..whole).ok_or(RedError::Room(whole))?;
    let payload_type = payload_type & 0x7f;
    let mut header = 0;
    let mut at = 4 * copies.len() + 1;
    for block in copies {
        let length = block.data.len();
        out[header..header + 4].copy_from_slice(&[
            0x80 | payload_type,
            (block.offset >> 6) as u8,
            (block.offset << 2) as u8 | (length >> 8) as u8,
            length as u8,
        ]);
        out[at..at + length].copy_from_slice(block.data);
        header += 4;
        at += length;
    }
    out[header] = payload_type;
    out[at..].copy_from_slice(primary);
    Ok(whole)
}

/// Bytes that [`pack`] writes.
#[must_use]
pub fn size(copies: &[Block<'_>], primary: &[u8]) -> usize {
    copies.iter().map(|b| 4 + b.data.len()).sum::<usize>() + 1 + primary.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_copies_as_the_rfc_draws_them() {
        let copies = [Block { offset: 1_920, data: &[1, 2, 3] }, Block { offset: 960, data: &[4] }];
        let mut out = [0; 32];
        let n = pack(&copies, &[9, 8], 111, &mut out).unwrap();
        let expected = [0x80 | 111, 30, 0, 3, 0x80 | 111, 15, 0, 1, 111, 1, 2, 3, 4, 9, 8];
        assert_eq!(&out[..n], expected);
        let blocks = unpack(&out[..n], 111).unwrap();
        assert_eq!(blocks.as_slice()[..2], copies);
        assert_eq!(blocks.primary(), [9, 8]);
    }

    #[test]
    fn what_is_malformed_is_named() {
        assert_eq!(unpack(&[], 111).unwrap_err(), RedError::Headers);
        assert_eq!(unpack(&[0x80 | 111, 0, 0], 111).unwrap_err(), RedError::Headers);
        assert_eq!(unpack(&[0x80 | 111, 0, 0, 0], 111).unwrap_err(), RedError::Headers, "no primary");
        assert_eq!(unpack(&[96, 1], 111).unwrap_err(), RedError::PayloadType(96));
        let short = [0x80 | 111, 15, 0, 5, 111, 1, 2];
        assert_eq!(unpack(&short, 111).unwrap_err(), RedError::Short { claimed: 5, there: 2 });
        let many: Vec<u8> = [0x80 | 111, 15, 0, 0].repeat(8);
        assert_eq!(unpack(&many, 111).unwrap_err(), RedError::Copies);
        let old = Block { offset: FARTHEST + 1, data: &[1] };
        assert!(matches!(pack(&[old], &[], 111, &mut [0; 16]), Err(RedError::Unfit { .. })));
        let long = Block { offset: 960, data: &[0; 1_024] };
        assert!(matches!(pack(&[long], &[], 111, &mut [0; 2_000]), Err(RedError::Unfit { .. })));
        assert_eq!(pack(&[], &[1, 2], 111, &mut [0; 2]), Err(RedError::Room(3)));
    }

    proptest! {
        #[test]
        fn whatever_is_packed_is_unpacked(
            copies in prop::collection::vec((1..=FARTHEST, prop::collection::vec(any::<u8>(), 1..300)), 0..=COPIES),
            primary in prop::collection::vec(any::<u8>(), 0..300),
            payload_type in 0_u8..128,
        ) {
            let blocks: Vec<Block<'_>> = copies.iter().map(|(offset, data)| Block { offset: *offset, data }).collect();
            let mut out = vec![0; 4_000];
            let n = pack(&blocks, &primary, payload_type, &mut out).unwrap();
            let read = unpack(&out[..n], payload_type).unwrap();
            prop_assert_eq!(&read.as_slice()[..copies.len()], &blocks[..]);
            prop_assert_eq!(read.primary(), &primary[..]);
        }

        #[test]
        fn bytes_of_anybody_never_claim_more_than_there_is(packet in prop::collection::vec(any::<u8>(), 0..200)) {
            let payload_type = packet.first().map_or(0, |b| b & 0x7f);
            if let Ok(blocks) = unpack(&packet, payload_type) {
                let all: usize = blocks.as_slice().iter().map(|b| b.data.len()).sum();
                prop_assert!(all < packet.len());
            }
        }
    }
}
