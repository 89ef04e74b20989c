//! Keys in the sound (RFC 4733): each is a little train of packets in the place of the voice.
//!
//! A key lasts 100 ms: five packets 20 ms apart with one timestamp and a duration that grows, the last said three times, marked as
//! the end; then 80 ms of nothing, so that the same key twice is two keys.

use std::collections::VecDeque;

/// Ticks of 48 kHz between two packets.
const STEP: u16 = 960;
/// Packets while it is held down.
const HELD: u16 = 5;
/// Packets that say its end.
const ENDS: u16 = 3;
/// Steps of nothing after it.
const PAUSE: u16 = 4;
/// Strength, −10 dBm0.
const VOLUME: u8 = 10;
/// Keys that wait; who types more has to wait too.
const MOST: usize = 64;

/// A packet of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPacket {
    /// The first of its key.
    pub marker: bool,
    /// When the key went down.
    pub timestamp: u32,
    /// Event, end and volume, duration.
    pub payload: [u8; 4],
}

/// Keys that are being pressed.
#[derive(Debug, Default)]
pub struct Keys {
    waiting: VecDeque<u8>,
    /// The key that is down: its event, when it went down, and the step.
    down: Option<(u8, u32, u16)>,
}

/// The event of a key: `0` to `9`, `*`, `#`, `A` to `D`.
#[must_use]
pub fn event(key: char) -> Option<u8> {
    Some(match key.to_ascii_uppercase() {
        digit @ '0'..='9' => digit as u8 - b'0',
        '*' => 10,
        '#' => 11,
        letter @ 'A'..='D' => letter as u8 - b'A' + 12,
        _ => return None,
    })
}

impl Keys {
    /// Presses a key after those that wait; `false` where too many do.
    pub fn press(&mut self, event: u8) -> bool {
        let room = self.waiting.len() < MOST;
        if room {
            self.waiting.push_back(event);
        }
        room
    }

    /// A key is down, or the pause after it: no voice is sent.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.down.is_some() || !self.waiting.is_empty()
    }

    /// The packet of the next 20 ms, which begin at `now`.
    pub fn step(&mut self, now: u32) -> Option<KeyPacket> {
        if self.down.is_none() {
            self.down = self.waiting.pop_front().map(|event| (event, now, 0));
        }
        let (event, since, step) = self.down?;
        self.down = (step + 1 < HELD + ENDS + PAUSE).then_some((event, since, step + 1));
        if step >= HELD + ENDS {
            return None;
        }
        let is_end = step >= HELD;
        let [high, low] = ((step + 1).min(HELD) * STEP).to_be_bytes();
        let flags = VOLUME | if is_end { 0x80 } else { 0 };
        Some(KeyPacket { marker: step == 0, timestamp: since, payload: [event, flags, high, low] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_train_of_one_timestamp_that_ends_three_times() {
        let mut keys = Keys::default();
        assert!(!keys.is_busy() && keys.step(0).is_none());
        for key in "5#".chars() {
            assert!(keys.press(event(key).unwrap()));
        }
        let mut now = u32::MAX - 2_000;
        let mut trains: Vec<Vec<KeyPacket>> = Vec::new();
        while keys.is_busy() {
            if let Some(packet) = keys.step(now) {
                if packet.marker {
                    trains.push(Vec::new());
                }
                trains.last_mut().unwrap().push(packet);
            }
            now = now.wrapping_add(960);
        }
        assert_eq!(trains.iter().map(|t| t[0].payload[0]).collect::<Vec<_>>(), [5, 11]);
        for train in &trains {
            assert!(train.iter().all(|p| p.timestamp == train[0].timestamp));
            let told: Vec<(bool, u16)> = train
                .iter()
                .map(|p| (p.payload[1] & 0x80 != 0, u16::from_be_bytes([p.payload[2], p.payload[3]])))
                .collect();
            let whole = (true, 4_800);
            let expected = [
                (false, 960),
                (false, 1_920),
                (false, 2_880),
                (false, 3_840),
                (false, 4_800),
                whole,
                whole,
                whole,
            ];
            assert_eq!(told, expected);
        }
        let apart = trains[1][0].timestamp.wrapping_sub(trains[0][0].timestamp);
        assert_eq!(apart, 12 * 960, "100 ms, its ends, and a pause");
    }

    #[test]
    fn what_no_telephone_has_is_no_key_and_too_many_wait_outside() {
        assert_eq!((event('*'), event('d'), event('十'), event(' ')), (Some(10), Some(15), None, None));
        let mut keys = Keys::default();
        let taken = (0..200).filter(|_| keys.press(1)).count();
        assert_eq!(taken, MOST);
    }
}
