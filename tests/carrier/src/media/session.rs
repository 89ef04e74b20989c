//! The media of one call: counting and keeping what arrives, making what is sent.

use std::{collections::VecDeque, net::SocketAddr};

use super::{
    Open, g711,
    rtp::{self, Header},
    voice::Source,
};
use crate::{config::DtmfKind, rng::Rng, truth::MediaFigures};

/// Longest recording of a call, in samples.
const MAX_RECORDING: usize = 8_000 * 180;
/// Packets of one telephone event before its three end packets.
const EVENT_PACKETS: u16 = 7;

/// Media of one call.
pub(super) struct Session {
    pub(super) open: Open,
    pub(super) source: Source,
    /// Where packets are sent: the far side's session, then the source of its packets.
    pub(super) remote: Option<SocketAddr>,
    pub(super) next_due: u64,
    pub(super) silence_since: u64,
    pub(super) told_silence: bool,
    pub(super) figures: MediaFigures,
    /// Received code words in the order of their time stamps.
    pub(super) recording: Vec<u8>,
    seq: u16,
    timestamp: u32,
    ssrc: u32,
    first: bool,
    rng: Rng,
    events: VecDeque<u8>,
    event_at: u16,
    event_start: u32,
    event_pause: u16,
    far_ssrc: Option<u32>,
    seen_ssrcs: Vec<u32>,
    base_seq: u32,
    high_seq: u32,
    got: u64,
    anchor: (u32, usize),
    last_arrival: Option<u64>,
    last_event: Option<(u32, u8)>,
    pcm: Vec<u8>,
}

impl Session {
    pub(super) fn new(now: u64, open: Open) -> Self {
        let mut rng = Rng::new(open.seed);
        let (seq, timestamp, ssrc) = (rng.next() as u16, rng.next() as u32, rng.next() as u32);
        let mut source = Source::default();
        source.turn(now, &open.voice);
        Self {
            source,
            remote: open.remote,
            next_due: now + 20,
            silence_since: now,
            told_silence: false,
            figures: MediaFigures::default(),
            recording: Vec::new(),
            seq,
            timestamp,
            ssrc,
            first: true,
            rng,
            events: VecDeque::new(),
            event_at: 0,
            event_start: 0,
            event_pause: 0,
            far_ssrc: None,
            seen_ssrcs: Vec::new(),
            base_seq: 0,
            high_seq: 0,
            got: 0,
            anchor: (0, 0),
            last_arrival: None,
            last_event: None,
            pcm: Vec::with_capacity(160),
            open,
        }
    }

    /// Sends keys; without telephone events in the session they go into the audio.
    pub(super) fn press(&mut self, digits: &str, kind: DtmfKind) {
        for key in digits.chars() {
            match (kind, self.open.events, rtp::key_event(key)) {
                (DtmfKind::Rfc4733, Some(_), Some(code)) => self.events.push_back(code),
                _ => self.source.press(key),
            }
        }
    }

    /// A packet came; returns a key that began with it.
    pub(super) fn arrived(&mut self, now: u64, bytes: &[u8]) -> Option<char> {
        let (header, payload) = rtp::parse(bytes)?;
        if self.rng.chance(self.open.loss) {
            return None;
        }
        self.silence_since = now;
        self.count(now, header);
        if self.open.events == Some(header.payload_type) && payload.len() >= 4 {
            let code = payload[0];
            if self.last_event == Some((header.timestamp, code)) {
                return None;
            }
            self.last_event = Some((header.timestamp, code));
            return rtp::event_key(code);
        }
        if matches!(header.payload_type, 0 | 8) {
            self.figures.packets += 1;
            if self.open.keep {
                self.keep(header, payload);
            }
        }
        None
    }

    fn count(&mut self, now: u64, header: Header) {
        if let Some(last) = self.last_arrival {
            self.figures.max_gap_ms = self.figures.max_gap_ms.max(now.saturating_sub(last));
        }
        self.last_arrival = Some(now);
        if self.far_ssrc != Some(header.ssrc) {
            self.figures.lost += self.missing();
            if self.far_ssrc.is_none() {
                self.figures.first_seq = header.seq;
            }
            self.far_ssrc = Some(header.ssrc);
            if !self.seen_ssrcs.contains(&header.ssrc) && self.seen_ssrcs.len() < 64 {
                self.seen_ssrcs.push(header.ssrc);
            }
            // A first round of 65,536 leaves room below for packets that overtook each other.
            self.base_seq = 0x1_0000 + u32::from(header.seq);
            self.high_seq = self.base_seq;
            self.got = 0;
            self.anchor = (header.timestamp, self.recording.len());
        }
        let step = header.seq.wrapping_sub(self.high_seq as u16);
        if step < 0x8000 {
            self.high_seq = self.high_seq.wrapping_add(u32::from(step));
            self.figures.last_seq = header.seq;
        }
        self.got += 1;
    }

    fn missing(&self) -> u64 {
        if self.far_ssrc.is_none() {
            return 0;
        }
        (u64::from(self.high_seq.wrapping_sub(self.base_seq)) + 1).saturating_sub(self.got)
    }

    fn keep(&mut self, header: Header, payload: &[u8]) {
        let offset = header.timestamp.wrapping_sub(self.anchor.0) as usize;
        let at = self.anchor.1.saturating_add(offset);
        let end = at.saturating_add(payload.len());
        if end > MAX_RECORDING {
            return;
        }
        if self.recording.len() < end {
            self.recording.resize(end, g711::silence(self.open.payload));
        }
        let same = header.payload_type == self.open.payload;
        for (slot, byte) in self.recording[at..end].iter_mut().zip(payload) {
            *slot = if same {
                *byte
            } else {
                g711::encode(self.open.payload, g711::decode(header.payload_type, *byte))
            };
        }
    }

    /// The next packet to send, written to `out`; false for none.
    pub(super) fn next_packet(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        self.next_due += 20;
        if self.next_due + 200 < now {
            self.next_due = now + 20;
        }
        let now_ts = self.timestamp;
        self.timestamp = self.timestamp.wrapping_add(160);
        if self.event_pause > 0 {
            self.event_pause -= 1;
        } else if let (Some(code), Some(pt)) = (self.events.front().copied(), self.open.events) {
            return self.next_event(code, pt, now_ts, out);
        }
        let mut pcm = std::mem::take(&mut self.pcm);
        let some = self.open.sending && self.source.next(now, self.open.payload, &mut pcm);
        if some {
            let header =
                Header { payload_type: self.open.payload, seq: self.seq, timestamp: now_ts, ssrc: self.ssrc };
            rtp::write(out, header, std::mem::take(&mut self.first), &pcm);
            self.seq = self.seq.wrapping_add(1);
        }
        self.pcm = pcm;
        some && !self.rng.chance(self.open.loss)
    }

    fn next_event(&mut self, code: u8, pt: u8, now_ts: u32, out: &mut Vec<u8>) -> bool {
        if self.event_at == 0 {
            self.event_start = now_ts;
        }
        self.event_at += 1;
        let duration = self.event_at.min(EVENT_PACKETS + 1) * 160;
        let end = self.event_at > EVENT_PACKETS;
        let [high, low] = duration.to_be_bytes();
        let payload = [code, if end { 0x8a } else { 0x0a }, high, low];
        let header = Header { payload_type: pt, seq: self.seq, timestamp: self.event_start, ssrc: self.ssrc };
        rtp::write(out, header, self.event_at == 1, &payload);
        self.seq = self.seq.wrapping_add(1);
        if self.event_at >= EVENT_PACKETS + 3 {
            self.events.pop_front();
            self.event_at = 0;
            self.event_pause = 5;
        }
        !self.rng.chance(self.open.loss)
    }

    /// The final figures.
    pub(super) fn close(&mut self) -> MediaFigures {
        let mut figures = self.figures.clone();
        figures.lost += self.missing();
        figures.ssrcs = self.seen_ssrcs.len() as u32;
        figures
    }

    /// A packet that no one should believe: another source, full-scale noise.
    pub(super) fn spoofed(&mut self, out: &mut Vec<u8>) {
        let noise: Vec<u8> = (0..160).map(|_| self.rng.next() as u8).collect();
        let header = Header {
            payload_type: self.open.payload,
            seq: self.rng.next() as u16,
            timestamp: self.rng.next() as u32,
            ssrc: 0x5bad_5bad,
        };
        rtp::write(out, header, false, &noise);
    }
}
