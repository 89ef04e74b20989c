//! The packets that wait to be heard, by their time.
//!
//! A packet and its redundant copies have the same timestamp and the same bytes, so whichever comes first is kept and the
//! others are nothing. All memory is taken once.

use crate::call::codec::LARGEST;

/// Packets that can wait: more than the longest delay of 20 ms packets, and than a second copy of each.
const SLOTS: usize = 64;

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Extended timestamp of its first sample, ticks.
    pub(super) from: i64,
    /// Ticks it lasts.
    pub(super) ticks: i64,
    /// Extended sequence number, where it came as itself and not as a copy.
    pub(super) sequence: Option<i64>,
    length: usize,
}

/// See the module.
pub(super) struct Store {
    slots: [Option<Slot>; SLOTS],
    bytes: Vec<u8>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Kept,
    /// It is there already.
    Known,
    /// It took the place of the packet that would have been heard last.
    Pushed,
}

impl Store {
    pub(super) fn new() -> Store {
        Store { slots: [None; SLOTS], bytes: vec![0; SLOTS * LARGEST] }
    }

    pub(super) fn clear(&mut self) {
        self.slots = [None; SLOTS];
    }

    fn all(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    /// Keeps a packet of [`LARGEST`] bytes at most; where everything is full, the one that would be heard last goes.
    pub(super) fn put(&mut self, from: i64, ticks: i64, sequence: Option<i64>, packet: &[u8]) -> Put {
        if let Some(known) = self.slots.iter_mut().flatten().find(|s| s.from == from) {
            known.sequence = known.sequence.or(sequence);
            return Put::Known;
        }
        let free = self.slots.iter().position(Option::is_none);
        let (place, put) = match free {
            Some(place) => (place, Put::Kept),
            None => {
                let last = self.slots.iter().enumerate().max_by_key(|(_, s)| s.map(|s| s.from));
                let (place, slot) = last.map_or((0, None), |(n, s)| (n, *s));
                if slot.is_some_and(|s| s.from < from) {
                    return Put::Pushed;
                }
                (place, Put::Pushed)
            }
        };
        let length = packet.len().min(LARGEST);
        self.bytes[place * LARGEST..][..length].copy_from_slice(&packet[..length]);
        self.slots[place] = Some(Slot { from, ticks, sequence, length });
        put
    }

    /// The first packet that begins at `at` or later.
    pub(super) fn next(&self, at: i64) -> Option<Slot> {
        self.all().filter(|s| s.from >= at).min_by_key(|s| s.from).copied()
    }

    /// End of the newest packet.
    pub(super) fn end(&self) -> Option<i64> {
        self.all().map(|s| s.from + s.ticks).max()
    }

    /// Its bytes.
    pub(super) fn bytes(&self, slot: &Slot) -> &[u8] {
        let place = self.slots.iter().position(|s| s.is_some_and(|s| s.from == slot.from));
        place.map_or(&[], |p| &self.bytes[p * LARGEST..][..slot.length])
    }

    /// Forgets what begins before `at`; returns how many packets.
    pub(super) fn drop_before(&mut self, at: i64) -> usize {
        let mut dropped = 0;
        for slot in &mut self.slots {
            if slot.is_some_and(|s| s.from < at) {
                *slot = None;
                dropped += 1;
            }
        }
        dropped
    }

    /// Packets that wait.
    pub(super) fn len(&self) -> usize {
        self.all().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_by_time_and_each_once() {
        let mut store = Store::new();
        for from in [1_920, 0, 960, 1_920] {
            store.put(from, 960, None, &[from as u8, 7]);
        }
        assert_eq!(store.len(), 3);
        assert_eq!(store.put(960, 960, Some(5), &[1]), Put::Known);
        let next = store.next(1).unwrap();
        assert_eq!((next.from, next.sequence), (960, Some(5)), "the copy is known by its number now");
        assert_eq!(store.bytes(&next), [960_i64 as u8, 7]);
        assert_eq!(store.end(), Some(2_880));
        assert_eq!(store.drop_before(1_920), 2);
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn a_full_store_keeps_what_is_heard_first() {
        let mut store = Store::new();
        for n in 0..SLOTS as i64 {
            assert_eq!(store.put(1_000 + n, 1, None, &[1]), Put::Kept);
        }
        assert_eq!(store.put(5_000, 1, None, &[2]), Put::Pushed);
        assert_eq!(store.next(2_000), None, "what comes later was not kept");
        assert_eq!(store.put(5, 1, None, &[3]), Put::Pushed);
        assert_eq!(store.next(0).unwrap().from, 5);
        assert_eq!(store.len(), SLOTS);
    }
}
