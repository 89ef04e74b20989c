//! What an app says, on its way to the trunk: packets that come late, twice, out of order or not at all, to a frame every
//! 20 ms.
//!
//! Packets lie by their timestamps, so that a redundant copy (RFC 2198) fills a hole like any other packet. `head` is the
//! timestamp that is played next.
//!
//! * *Delay.* Play begins when [`START`] is there. Where nothing is there in time the gap is filled and the delay has grown
//!   by it, as much as the network's jitter asks; what is then never used over [`WINDOW`] is taken back a frame at a
//!   time, one frame faded into the next. So the delay is the worst jitter of the last seconds and a frame, and a clock that
//!   drifts is followed by the same means.
//! * *Loss.* A missing frame comes from the packet after it where that tells of it (in-band FEC), else it is guessed; after
//!   [`GUESSES`] guesses there is silence.
//! * *Bounds.* At most [`MOST`] of sound is kept; a source that jumps by more than [`JUMP`] begins anew.

use std::collections::BTreeMap;

use super::codec::{LONGEST, UNITS, VoiceCodec};
use crate::media::codec::FRAME;

/// RTP clock units of a frame of 20 ms.
const STEP: i64 = FRAME as i64 * UNITS as i64;
/// Sound that is there before play begins: 60 ms.
const START: i64 = 3 * STEP;
/// Most that is kept: a second.
const MOST: i64 = 50 * STEP;
/// And in so many packets, however short they are.
const PACKETS: usize = 200;
/// A timestamp so far away is another source's: 10 s.
const JUMP: i64 = 500 * STEP;
/// Frames over which the least delay is looked for: two seconds.
const WINDOW: u32 = 100;
/// Frames between two that are left out.
const APART: u32 = 5;
/// Frames that are guessed in a row.
const GUESSES: u32 = 5;

/// What came of the packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Packets too late, or held no longer.
    pub(crate) late: u64,
    /// Frames rebuilt from the packet after them.
    pub(crate) rebuilt: u64,
    /// Frames guessed, or silent in place of sound.
    pub(crate) guessed: u64,
    /// Frames left out to win back delay.
    pub(crate) skipped: u64,
    /// Packets that could not be decoded.
    pub(crate) broken: u64,
}

/// See the module.
pub(crate) struct Playout {
    packets: BTreeMap<i64, Vec<u8>>,
    /// Timestamp of the newest packet, unwrapped.
    newest: Option<i64>,
    head: Option<i64>,
    /// Decoded, not yet given out.
    pcm: Vec<f32>,
    /// Frames played in place of sound that had not come.
    owed: i64,
    silent: u32,
    ticks: u32,
    least: i64,
    spare: u32,
    since_skip: u32,
    pub(crate) tally: Tally,
}

impl Default for Playout {
    fn default() -> Self {
        Self {
            packets: BTreeMap::new(),
            newest: None,
            head: None,
            pcm: Vec::with_capacity(LONGEST + FRAME),
            owed: 0,
            silent: GUESSES,
            ticks: 0,
            least: i64::MAX,
            spare: 0,
            since_skip: 0,
            tally: Tally::default(),
        }
    }
}

impl Playout {
    /// A packet, or a block of one, with its RTP timestamp.
    pub(crate) fn push(&mut self, ts: u32, data: &[u8]) {
        let mut at = match self.newest {
            None => i64::from(ts),
            Some(newest) => newest + i64::from(ts.wrapping_sub(newest as u32) as i32),
        };
        if self.newest.is_some_and(|newest| (at - newest).abs() > JUMP) {
            let tally = self.tally;
            *self = Self { tally, ..Self::default() };
            at = i64::from(ts);
        }
        if self.head.is_some_and(|head| at < head) {
            self.tally.late += 1;
            return;
        }
        self.newest = Some(self.newest.map_or(at, |n| n.max(at)));
        self.packets.entry(at).or_insert_with(|| data.to_vec());
        let newest = self.newest.unwrap_or(at);
        while let Some((oldest, _)) = self.packets.first_key_value()
            && (newest - *oldest > MOST || self.packets.len() > PACKETS)
        {
            self.packets.pop_first();
            self.tally.late += 1;
            self.head = self.head.map(|head| head.max(newest - MOST));
        }
    }

    /// Whether this timestamp was played already, or lies here.
    pub(crate) fn has(&self, ts: u32) -> bool {
        let Some(newest) = self.newest else { return false };
        let at = newest + i64::from(ts.wrapping_sub(newest as u32) as i32);
        self.head.is_some_and(|head| at < head) || self.packets.contains_key(&at)
    }

    /// The frame that is due. Called every 20 ms.
    pub(crate) fn frame(&mut self, codec: &mut dyn VoiceCodec) -> [f32; FRAME] {
        let Some(mut head) = self.head.or_else(|| self.begin()) else { return [0.0; FRAME] };
        self.measure(head);
        if self.spare > 0 && self.since_skip >= APART && self.packets.contains_key(&head) {
            self.skip(&mut head, codec);
        }
        self.since_skip = self.since_skip.saturating_add(1);
        self.fill(&mut head, codec);
        self.head = Some(head);
        let mut out = [0.0; FRAME];
        out.copy_from_slice(&self.pcm[..FRAME]);
        self.pcm.drain(..FRAME);
        out
    }

    /// Where play begins, once enough is there.
    fn begin(&mut self) -> Option<i64> {
        let oldest = *self.packets.first_key_value()?.0;
        let waited = self.newest? + STEP - oldest;
        self.ticks += 1;
        // a single packet is all that there is, where nothing follows it
        (waited >= START || i64::from(self.ticks) * STEP >= START).then(|| {
            self.ticks = 0;
            oldest
        })
    }

    /// Least sound that lay here over a window: what is more than a frame was not needed.
    fn measure(&mut self, head: i64) {
        let ahead = self.newest.map_or(0, |n| (n + STEP - head).max(0));
        self.least = self.least.min(ahead);
        self.ticks += 1;
        if self.ticks >= WINDOW {
            self.spare = u32::try_from((self.least - START) / STEP).unwrap_or(0);
            self.ticks = 0;
            self.least = i64::MAX;
        }
    }

    /// Two frames become one, the first faded into the second.
    fn skip(&mut self, head: &mut i64, codec: &mut dyn VoiceCodec) {
        self.while_less(2 * FRAME, head, codec);
        for i in 0..FRAME {
            let share = i as f32 / FRAME as f32;
            self.pcm[i + FRAME] = self.pcm[i] * (1.0 - share) + self.pcm[i + FRAME] * share;
        }
        self.pcm.drain(..FRAME);
        self.spare -= 1;
        self.since_skip = 0;
        self.tally.skipped += 1;
    }

    fn fill(&mut self, head: &mut i64, codec: &mut dyn VoiceCodec) {
        self.while_less(FRAME, head, codec);
    }

    fn while_less(&mut self, samples: usize, head: &mut i64, codec: &mut dyn VoiceCodec) {
        while self.pcm.len() < samples {
            self.step(head, codec);
        }
    }

    /// Decodes what is at `head`, or puts something in its place.
    fn step(&mut self, head: &mut i64, codec: &mut dyn VoiceCodec) {
        let mut room = [0f32; LONGEST];
        let Some((&at, _)) = self.packets.first_key_value() else {
            // nothing is there: what comes is late by this frame, or lost
            self.owed += 1;
            self.guess(codec);
            return;
        };
        if at > *head {
            let passed = (self.owed * STEP).min(at - *head);
            *head += passed;
            self.owed = 0;
        }
        if at - *head >= STEP {
            let mut frame = [0f32; FRAME];
            let next = self.packets.get(&at).filter(|_| at - *head < 2 * STEP);
            if let Some(next) = next
                && codec.decode_fec(next, &mut frame)
            {
                self.tally.rebuilt += 1;
                self.pcm.extend_from_slice(&frame);
            } else {
                self.guess(codec);
            }
            *head += STEP;
            return;
        }
        // less than a frame is missing, or nothing: the packet is due
        let Some((at, packet)) = self.packets.pop_first() else { return };
        self.owed = 0;
        match codec.decode(&packet, &mut room) {
            Some(samples) => {
                self.silent = 0;
                self.pcm.extend_from_slice(&room[..samples]);
                *head = at + samples as i64 * i64::from(UNITS);
            }
            None => {
                self.tally.broken += 1;
                self.guess(codec);
                *head = at + STEP;
            }
        }
        // what a longer packet has covered is not played twice
        while self.packets.first_key_value().is_some_and(|(next, _)| next < head) {
            self.packets.pop_first();
        }
    }

    fn guess(&mut self, codec: &mut dyn VoiceCodec) {
        let mut frame = [0f32; FRAME];
        self.tally.guessed += 1;
        if self.silent >= GUESSES || !codec.conceal(&mut frame) {
            frame = [0.0; FRAME];
        } else {
            self.silent += 1;
            // the last guesses fade
            let level = |n: u32| 1.0 - n as f32 / GUESSES as f32;
            let (from, to) = (level(self.silent - 1), level(self.silent));
            for (i, s) in frame.iter_mut().enumerate() {
                *s *= from + (to - from) * i as f32 / FRAME as f32;
            }
        }
        self.pcm.extend_from_slice(&frame);
    }

    /// Milliseconds of sound that lie here.
    #[cfg(test)]
    fn delay_ms(&self) -> i64 {
        let ahead = |head: i64| self.newest.map_or(0, |n| n + STEP - head);
        self.head.map_or(0, ahead) / 48
    }
}

#[cfg(test)]
mod tests;
