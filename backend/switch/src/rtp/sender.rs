//! What a leg sends every 20 ms: a prompt, keys, or silence, in one unbroken sequence of numbers and timestamps.

use std::collections::VecDeque;

use super::{Stream, dtmf, packet};
use crate::call::Play;
use crate::media::codec::FRAME;
use crate::media::tone;

/// Milliseconds of a packet.
const MS: u32 = 20;
/// Packets of a key (100 ms) and of the pause after it.
const KEY_PACKETS: u16 = 5;
/// Packets' times without a packet of the partner after which silence is sent in its place.
const PARTNER_QUIET: u8 = 5;
/// One packet in so many may fail to be sent without a play counting as broken off.
const MOST_LOST: u32 = 10;
/// Most keys that wait.
const MAX_KEYS: usize = 64;

/// A play under way.
#[derive(Debug)]
struct Playing {
    play: Play,
    round: u32,
    prompt: usize,
    frame: usize,
    gap: u32,
    packets: u32,
    /// Those of them that the network took.
    sent: u32,
}

/// A play that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) token: u64,
    pub(crate) completed: bool,
    pub(crate) played_ms: u32,
}

#[derive(Debug)]
enum Key {
    Event(u8),
    Tone(Box<[i16]>),
    Pause,
}

/// A key being sent: packets so far, and the timestamp of its beginning.
#[derive(Debug)]
struct Pressed {
    key: Key,
    step: u16,
    ts: u32,
}

/// Numbers of what comes from a bridged leg, moved into ours.
#[derive(Debug, Clone, Copy)]
struct Relay {
    ssrc: u32,
    seq: u16,
    ts: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) ssrc: u32,
    /// Number and timestamp of the next packet.
    seq: u16,
    ts: u32,
    marker: bool,
    playing: Option<Playing>,
    keys: VecDeque<Key>,
    pressed: Option<Pressed>,
    relay: Option<Relay>,
    /// The packet being sent is one of the play.
    sounding: bool,
    /// Packets' times since something was relayed.
    quiet_ticks: u8,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    buffer: [u8; packet::HEADER + FRAME],
}

impl Sender {
    /// `chance` starts the source id, number and timestamp.
    pub(crate) fn new(chance: u64) -> Self {
        Self {
            ssrc: (chance >> 32) as u32,
            seq: chance as u16,
            ts: (chance >> 8) as u32,
            marker: true,
            playing: None,
            keys: VecDeque::new(),
            pressed: None,
            relay: None,
            sounding: false,
            quiet_ticks: 0,
            packets: 0,
            octets: 0,
            buffer: [0; packet::HEADER + FRAME],
        }
    }

    /// Timestamp of the next packet, for sender reports.
    pub(crate) fn clock(&self) -> u32 {
        self.ts
    }

    /// Starts a play. The one that it replaces is returned.
    pub(crate) fn play(&mut self, play: Play) -> Option<Ended> {
        let before = self.stop();
        self.playing = Some(Playing { play, round: 0, prompt: 0, frame: 0, gap: 0, packets: 0, sent: 0 });
        self.marker = true;
        before
    }

    /// Stops the play.
    pub(crate) fn stop(&mut self) -> Option<Ended> {
        let p = self.playing.take()?;
        Some(Ended { token: p.play.token, completed: false, played_ms: p.packets * MS })
    }

    /// A key came: stops a play that wants to be stopped by one.
    pub(crate) fn heard_key(&mut self) -> Option<Ended> {
        if self.playing.as_ref().is_some_and(|p| p.play.stop_on_digit) { self.stop() } else { None }
    }

    /// Milliseconds played.
    pub(crate) fn played_ms(&self) -> Option<u32> {
        self.playing.as_ref().map(|p| p.packets * MS)
    }

    /// Queues keys.
    pub(crate) fn press(&mut self, keys: &str, events: bool) {
        for key in keys.chars() {
            if self.keys.len() >= MAX_KEYS {
                return;
            }
            if key == ',' {
                // 25 packets of pause.
                self.keys.extend((0..5).map(|_| Key::Pause));
            } else if let (Some(code), true) = (dtmf::code(key), events) {
                self.keys.push_back(Key::Event(code));
            } else if tone::pair(key).is_some() {
                let ms = u32::from(KEY_PACKETS) * MS;
                self.keys.push_back(Key::Tone(tone::dtmf(key, ms).into_boxed_slice()));
            }
        }
    }

    /// Whether keys are being sent (then nothing is relayed).
    pub(crate) fn is_pressing(&self) -> bool {
        self.pressed.is_some() || !self.keys.is_empty()
    }

    /// The packets that are due now, given to `out` one by one; and the play that has ended, if one has.
    pub(crate) fn tick(
        &mut self,
        stream: &Stream,
        bridged: bool,
        mut out: impl FnMut(&[u8]) -> bool,
    ) -> Option<Ended> {
        self.relay_over(bridged);
        if self.pressed.is_none()
            && let Some(key) = self.keys.pop_front()
        {
            self.pressed = Some(Pressed { key, step: 0, ts: self.ts });
        }
        if self.pressed.is_some() {
            self.key_tick(stream, &mut out);
            self.advance();
            return None;
        }
        if bridged {
            self.quiet_ticks = self.quiet_ticks.saturating_add(1);
            if self.quiet_ticks > PARTNER_QUIET {
                // The partner says nothing: silence keeps NATs open. Its next packet starts a new run of numbers.
                self.relay = None;
                self.buffer[packet::HEADER..].fill(stream.codec.silence());
                self.emit(stream.pt, self.ts, FRAME, &mut out);
            }
            self.advance();
            return None;
        }
        let (ended, sound) = self.frame(stream);
        if !sound {
            self.buffer[packet::HEADER..].fill(stream.codec.silence());
        }
        self.sounding = sound;
        self.emit(stream.pt, self.ts, FRAME, &mut out);
        self.sounding = false;
        self.advance();
        ended
    }

    /// A relay that has ended leaves numbers and timestamps where it was.
    fn relay_over(&mut self, bridged: bool) {
        if !bridged && self.relay.take().is_some() {
            self.marker = true;
        }
    }

    fn advance(&mut self) {
        self.ts = self.ts.wrapping_add(FRAME as u32);
    }

    /// Puts the next packet of the play into the buffer. True where there is one.
    fn frame(&mut self, stream: &Stream) -> (Option<Ended>, bool) {
        let Some(p) = &mut self.playing else { return (None, false) };
        if p.gap > 0 {
            p.gap -= 1;
            return (None, false);
        }
        loop {
            if let Some(prompt) = p.play.prompts.get(p.prompt) {
                if let Some(frame) = prompt.frame(stream.codec, p.frame) {
                    self.buffer[packet::HEADER..].copy_from_slice(frame);
                    p.frame += 1;
                    p.packets += 1;
                    return (None, true);
                }
                p.prompt += 1;
                p.frame = 0;
                continue;
            }
            p.round += 1;
            if p.round >= p.play.times.max(1) || p.packets == 0 {
                // What had no sound, or what the network did not take, nobody has heard.
                let completed = p.sent > 0 && p.sent >= p.packets - p.packets / MOST_LOST;
                let ended = Ended { token: p.play.token, completed, played_ms: p.packets * MS };
                self.playing = None;
                return (Some(ended), false);
            }
            p.prompt = 0;
            p.frame = 0;
            p.gap = u32::try_from(p.play.gap.as_millis()).unwrap_or(u32::MAX) / MS;
            if p.gap > 0 {
                p.gap -= 1;
                return (None, false);
            }
        }
    }

    fn emit(&mut self, pt: u8, ts: u32, length: usize, out: &mut impl FnMut(&[u8]) -> bool) {
        let marker = std::mem::take(&mut self.marker);
        packet::write(&mut self.buffer, marker, pt, self.seq, ts, self.ssrc);
        self.seq = self.seq.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(length as u32);
        let taken = out(&self.buffer[..packet::HEADER + length]);
        if let Some(p) = self.playing.as_mut().filter(|_| self.sounding) {
            p.sent += u32::from(taken);
        }
    }

    fn key_tick(&mut self, stream: &Stream, out: &mut impl FnMut(&[u8]) -> bool) {
        let Some(mut p) = self.pressed.take() else { return };
        let step = p.step;
        p.step += 1;
        let event_pt = stream.event_pt.unwrap_or(super::super::sip::sdp::EVENT_PT);
        match &p.key {
            Key::Event(code) if step <= KEY_PACKETS => {
                let duration = (step + 1).min(KEY_PACKETS) * FRAME as u16;
                let last = step == KEY_PACKETS;
                self.marker = step == 0;
                // RFC 4733 2.5.1.4: the end is said three times.
                for _ in 0..if last { 3 } else { 1 } {
                    let payload = dtmf::payload(*code, last, duration);
                    self.buffer[packet::HEADER..packet::HEADER + 4].copy_from_slice(&payload);
                    self.emit(event_pt, p.ts, 4, out);
                }
            }
            Key::Tone(samples) if step < KEY_PACKETS => {
                let from = usize::from(step) * FRAME;
                for i in 0..FRAME {
                    let sample = samples.get(from + i).copied().unwrap_or(0);
                    self.buffer[packet::HEADER + i] = stream.codec.encode(sample);
                }
                self.emit(stream.pt, self.ts, FRAME, out);
            }
            _ => {
                self.buffer[packet::HEADER..].fill(stream.codec.silence());
                self.emit(stream.pt, self.ts, FRAME, out);
            }
        }
        // As long a pause after a key as the key.
        let whole = if matches!(p.key, Key::Pause) { KEY_PACKETS } else { 2 * KEY_PACKETS };
        if p.step < whole {
            self.pressed = Some(p);
        }
    }

    /// Rewrites a packet of a bridged leg into this leg's numbers. The gaps of its sequence stay gaps.
    pub(crate) fn relay(&mut self, header: &packet::Header, data: &mut [u8], pt: u8) {
        let fresh = match self.relay {
            Some(r) if r.ssrc == header.ssrc => r,
            _ => {
                self.marker = true;
                Relay {
                    ssrc: header.ssrc,
                    seq: self.seq.wrapping_sub(header.seq),
                    ts: self.ts.wrapping_sub(header.ts),
                }
            }
        };
        self.relay = Some(fresh);
        self.quiet_ticks = 0;
        let seq = header.seq.wrapping_add(fresh.seq);
        let ts = header.ts.wrapping_add(fresh.ts);
        let marker = header.marker || std::mem::take(&mut self.marker);
        packet::write(data, marker, pt, seq, ts, self.ssrc);
        if seq.wrapping_sub(self.seq) < 0x8000 {
            self.seq = seq.wrapping_add(1);
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add((header.end - header.start) as u32);
    }
}

#[cfg(test)]
mod tests;
