//! What is said to an app: the relay's packets of G.711 and its telephone events, as Opus and events at 48 kHz.
//!
//! The relay's timestamps lead: a packet that the trunk lost stays a hole in numbers and timestamps, so that the app's own
//! concealment sees it. A new source of the relay (a bridge that begins, a prompt) goes on where the last one ended.

use super::codec::{UNITS, VoiceCodec, to_float};
use crate::media::Codec;
use crate::media::codec::FRAME;
use crate::rtp::packet::{self, Header};

/// Most samples that a hole may have; a longer one is another source: 2 s.
const HOLE: u32 = 16_000;
/// Longest packet of the relay that is looked at.
const MOST: usize = 8 * FRAME;

/// A packet for the app.
pub(crate) struct Outgoing {
    pub(crate) kind: Kind,
    pub(crate) marker: bool,
    /// Extended; the first is below 2^16.
    pub(crate) seq: u64,
    pub(crate) ts: u32,
    pub(crate) payload: Vec<u8>,
}

/// See [`Outgoing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Speech,
    Event,
}

/// See the module.
pub(crate) struct Towards {
    seq: u64,
    /// Of the next sample, in units of 8 kHz, ours.
    clock: u32,
    /// The relay's source, and what its timestamps have to be moved by.
    source: Option<(u32, u32)>,
    pcm: Vec<f32>,
    marker: bool,
}

impl Towards {
    /// `chance` starts numbers and timestamps.
    pub(crate) fn new(chance: u32) -> Self {
        Self {
            seq: u64::from(chance & 0x7fff),
            clock: chance,
            source: None,
            pcm: Vec::with_capacity(MOST + FRAME),
            marker: true,
        }
    }

    /// One packet of the relay; what it comes to goes to `out`. `event_pt` is the relay's.
    pub(crate) fn packet(
        &mut self,
        data: &[u8],
        codec: Codec,
        event_pt: u8,
        voice: &mut dyn VoiceCodec,
        mut out: impl FnMut(Outgoing),
    ) {
        let Some(header) = packet::parse(data) else { return };
        let payload = &data[header.start..header.end];
        let moved = self.moved(&header);
        if header.pt == event_pt {
            self.event(payload, moved, header.marker, &mut out);
            return;
        }
        if header.pt != codec.payload_type() || payload.is_empty() || payload.len() > MOST {
            return;
        }
        let hole = moved.wrapping_sub(self.clock.wrapping_add(self.pcm.len() as u32));
        if (1..HOLE).contains(&hole) {
            // what is begun is filled up, the frames that are missing are left out, the rest is silence
            let missing = hole as usize;
            let begun = (FRAME - self.pcm.len() % FRAME) % FRAME;
            if begun > 0 && begun <= missing {
                self.pcm.resize(self.pcm.len() + begun, 0.0);
            }
            self.encode(voice, &mut out);
            let left = moved.wrapping_sub(self.clock.wrapping_add(self.pcm.len() as u32));
            let frames = left / FRAME as u32;
            if self.pcm.is_empty() {
                self.clock = self.clock.wrapping_add(frames * FRAME as u32);
                self.seq += u64::from(frames);
            }
            let rest = moved.wrapping_sub(self.clock.wrapping_add(self.pcm.len() as u32)) as usize;
            self.pcm.resize(self.pcm.len() + rest.min(MOST), 0.0);
        }
        self.pcm.extend(payload.iter().map(|b| to_float(codec.decode(*b))));
        self.encode(voice, &mut out);
    }

    /// The packet's timestamp in our own clock.
    fn moved(&mut self, header: &Header) -> u32 {
        let next = self.clock.wrapping_add(self.pcm.len() as u32);
        let by = match self.source {
            Some((ssrc, by))
                if ssrc == header.ssrc
                    && header.ts.wrapping_add(by).wrapping_sub(next).wrapping_add(HOLE) < 2 * HOLE =>
            {
                by
            }
            _ => next.wrapping_sub(header.ts),
        };
        self.source = Some((header.ssrc, by));
        header.ts.wrapping_add(by)
    }

    fn encode(&mut self, voice: &mut dyn VoiceCodec, out: &mut impl FnMut(Outgoing)) {
        let mut done = 0;
        while let Some(frame) = self.pcm[done..].first_chunk::<FRAME>() {
            let mut payload = vec![0u8; 400];
            if let Some(n) = voice.encode(frame, &mut payload) {
                payload.truncate(n);
                out(Outgoing {
                    kind: Kind::Speech,
                    marker: std::mem::take(&mut self.marker),
                    seq: self.seq,
                    ts: self.clock.wrapping_mul(UNITS),
                    payload,
                });
            }
            self.seq += 1;
            self.clock = self.clock.wrapping_add(FRAME as u32);
            done += FRAME;
        }
        self.pcm.drain(..done);
    }

    fn event(&mut self, payload: &[u8], ts: u32, marker: bool, out: &mut impl FnMut(Outgoing)) {
        let Some([code, flags, a, b]) = payload.first_chunk::<4>() else { return };
        let duration = u32::from(u16::from_be_bytes([*a, *b])) * UNITS;
        let [a, b] = u16::try_from(duration).unwrap_or(u16::MAX).to_be_bytes();
        out(Outgoing {
            kind: Kind::Event,
            marker,
            seq: self.seq,
            ts: ts.wrapping_mul(UNITS),
            payload: vec![*code, *flags, a, b],
        });
        self.seq += 1;
        self.marker = true;
    }

    /// An event of the app in units of 8 kHz, for the relay. `None` for what is none.
    pub(crate) fn event_to_relay(payload: &[u8]) -> Option<[u8; 4]> {
        let [code, flags, a, b] = *payload.first_chunk::<4>()?;
        let [a, b] = (u16::from_be_bytes([a, b]) / UNITS as u16).to_be_bytes();
        Some([code, flags, a, b])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webrtc::codec::Opus;

    fn packet(seq: u16, ts: u32, ssrc: u32, pt: u8, payload: &[u8]) -> Vec<u8> {
        let mut data = vec![0u8; packet::HEADER];
        packet::write(&mut data, false, pt, seq, ts, ssrc);
        data.extend_from_slice(payload);
        data
    }

    fn run(packets: &[Vec<u8>]) -> Vec<Outgoing> {
        let (mut t, mut opus, mut out) = (Towards::new(7), Opus::new().expect("codec"), Vec::new());
        for p in packets {
            t.packet(p, Codec::Pcma, 101, &mut opus, |o| out.push(o));
        }
        out
    }

    #[test]
    fn packets_of_any_length_become_frames_of_twenty_milliseconds() {
        let thirty: Vec<Vec<u8>> =
            (0..4).map(|n| packet(n, u32::from(n) * 240, 1, 8, &[0xd5; 240])).collect();
        let out = run(&thirty);
        assert_eq!(out.len(), 6);
        assert!(out[0].marker && !out[1].marker);
        assert!(out.windows(2).all(|w| w[1].seq == w[0].seq + 1 && w[1].ts == w[0].ts.wrapping_add(960)));
    }

    #[test]
    fn what_the_trunk_lost_stays_a_hole() {
        let say = |n: u16| packet(n, u32::from(n) * 160, 1, 8, &[0xd5; 160]);
        let out = run(&[say(0), say(1), say(4)]);
        let seqs: Vec<u64> = out.iter().map(|o| o.seq - out[0].seq).collect();
        assert_eq!(seqs, [0, 1, 4]);
        assert_eq!(out[2].ts.wrapping_sub(out[0].ts), 4 * 960);
        // another source goes on where the last one ended
        let other = packet(9, 77_777, 2, 8, &[0xd5; 160]);
        let out = run(&[say(0), other]);
        assert_eq!((out[1].seq - out[0].seq, out[1].ts.wrapping_sub(out[0].ts)), (1, 960));
    }

    #[test]
    fn events_keep_their_key_and_change_their_clock() {
        let out = run(&[packet(0, 0, 1, 8, &[0xd5; 160]), packet(1, 160, 1, 101, &[5, 0x8a, 3, 32])]);
        assert_eq!(out[1].kind, Kind::Event);
        assert_eq!(out[1].payload, [5, 0x8a, 18, 192]);
        assert_eq!(Towards::event_to_relay(&[5, 0x8a, 18, 192]), Some([5, 0x8a, 3, 32]));
        assert_eq!(Towards::event_to_relay(&[5, 0x8a, 18]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_packet_is_survived(packets in proptest::collection::vec(proptest::collection::vec(0u8..=255, 0..600), 0..30)) {
            let (mut t, mut opus) = (Towards::new(u32::MAX), Opus::new().expect("codec"));
            for (n, mut p) in packets.into_iter().enumerate() {
                if p.len() > 12 && n % 2 == 0 {
                    p[0] = 0x80;
                    p[1] = 8;
                    p[8..12].fill(1);
                }
                t.packet(&p, Codec::Pcma, 101, &mut opus, |_| {});
                assert!(t.pcm.len() < MOST + 2 * FRAME);
            }
        }
    }
}
