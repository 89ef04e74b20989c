//! From samples to packets.
//!
//! The microphone gives 10 ms at a time; a packet is made whenever enough are there for the plan's length. A plan takes
//! effect with the next packet. Copies are the packets that were sent so many packet times ago; nothing is copied over a
//! silence. Of a silence the first packet is sent, of a byte or two, and one each 400 ms, so that the way stays open and the
//! other side can tell a silence from a loss; the codec adds what the noise of the room sounds like. Nothing is allocated after `new`.

use super::codec::{CodecError, LARGEST, RATE, Settings, VoiceEncoder, packet};
use super::ladder::Plan;
use super::red::{self, Block};

/// Packets that copies are taken from.
const KEPT: usize = 16;
/// Samples of the longest packet, 60 ms.
const LONGEST: usize = RATE as usize * 60 / 1_000;
/// Ticks of 48 kHz between packets of a silence.
const STILL_THERE: u32 = 400 * 48;
/// Ticks of 48 kHz a sample.
const PER_SAMPLE: u32 = super::codec::CLOCK / RATE;

/// A packet to send.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, 48 kHz.
    pub timestamp: u32,
    /// The first after a silence.
    pub marker: bool,
    /// It is a redundant packet (of the payload type that was agreed for these), not plain Opus.
    pub is_red: bool,
    /// What is in it.
    pub payload: &'a [u8],
}

#[derive(Clone, Copy)]
struct Kept {
    timestamp: u32,
    length: usize,
}

/// See the module.
pub struct VoiceSender {
    encoder: Box<dyn VoiceEncoder>,
    plan: Plan,
    /// Payload type of the blocks in redundant packets.
    opus: u8,
    samples: Vec<f32>,
    filled: usize,
    /// Samples of the packet that is being filled.
    wanted: usize,
    kept: [Option<Kept>; KEPT],
    bytes: Vec<u8>,
    newest: usize,
    packet: Vec<u8>,
    sequence: u16,
    timestamp: u32,
    /// Ticks since a packet of this silence was sent.
    silent: Option<u32>,
}

impl VoiceSender {
    /// A sender. `opus`: payload type agreed for Opus; sequence and timestamp begin where the caller says (RFC 3550
    /// wants random numbers).
    #[must_use]
    pub fn new(
        mut encoder: Box<dyn VoiceEncoder>,
        plan: Plan,
        opus: u8,
        sequence: u16,
        timestamp: u32,
    ) -> VoiceSender {
        encoder.set(settings(&plan));
        VoiceSender {
            encoder,
            plan,
            opus,
            samples: vec![0.0; LONGEST],
            filled: 0,
            wanted: RATE as usize * usize::from(plan.packet_ms) / 1_000,
            kept: [None; KEPT],
            bytes: vec![0; KEPT * LARGEST],
            newest: 0,
            packet: vec![0; LARGEST * 4],
            sequence,
            timestamp,
            silent: None,
        }
    }

    /// Follows another plan from the next packet on.
    pub fn follow(&mut self, plan: Plan) {
        if plan != self.plan {
            self.plan = plan;
            self.encoder.set(settings(&plan));
        }
        if self.filled == 0 {
            self.wanted = RATE as usize * usize::from(plan.packet_ms) / 1_000;
        }
    }

    /// Takes 10 ms of sound (160 samples at [`RATE`]) and returns the packet that they complete.
    ///
    /// # Errors
    /// The samples are not 10 ms, or the codec failed; the next packet is made as if nothing was.
    pub fn push(&mut self, samples: &[f32]) -> Result<Option<Outgoing<'_>>, CodecError> {
        if samples.len() != RATE as usize / 100 {
            return Err(CodecError::Length(samples.len()));
        }
        self.samples[self.filled..self.filled + samples.len()].copy_from_slice(samples);
        self.filled += samples.len();
        if self.filled < self.wanted {
            return Ok(None);
        }
        let whole = std::mem::take(&mut self.filled);
        self.wanted = RATE as usize * usize::from(self.plan.packet_ms) / 1_000;
        let lasts = whole as u32 * PER_SAMPLE;
        let timestamp = self.timestamp;
        self.timestamp = self.timestamp.wrapping_add(lasts);
        self.newest = (self.newest + 1) % KEPT;
        let place = self.newest * LARGEST;
        self.kept[self.newest] = None;
        let room = &mut self.bytes[place..place + LARGEST];
        let length = self.encoder.encode(&self.samples[..whole], room)?;
        let was_silent = self.silent.is_some();
        if packet::is_silence(&self.bytes[place..place + length]) {
            let since = self.silent.map(|s| s + lasts);
            if since.is_some_and(|s| s < STILL_THERE) {
                self.silent = since;
                return Ok(None);
            }
            self.silent = Some(0);
        } else {
            self.silent = None;
            self.kept[self.newest] = Some(Kept { timestamp, length });
        }
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        let marker = was_silent && self.silent.is_none();
        let (is_red, payload) = self.with_copies(timestamp, lasts, length);
        let n = payload;
        let payload = if is_red { &self.packet[..n] } else { &self.bytes[place..place + n] };
        Ok(Some(Outgoing { sequence, timestamp, marker, is_red, payload }))
    }

    /// Writes the redundant packet, if the plan wants one and there is something to repeat; whether it did, and the length.
    fn with_copies(&mut self, timestamp: u32, lasts: u32, length: usize) -> (bool, usize) {
        let primary = &self.bytes[self.newest * LARGEST..][..length];
        let mut copies = [Block::default(); red::COPIES];
        let mut count = 0;
        for &distance in self.plan.copies.iter().rev() {
            let offset = u32::from(distance) * lasts;
            let wanted = timestamp.wrapping_sub(offset);
            let place = self.kept.iter().position(|k| k.is_some_and(|k| k.timestamp == wanted));
            if let Some((place, kept)) = place.and_then(|p| Some((p, self.kept[p]?)))
                && offset <= red::FARTHEST
                && count < copies.len()
            {
                copies[count] = Block { offset, data: &self.bytes[place * LARGEST..][..kept.length] };
                count += 1;
            }
        }
        if count == 0 {
            return (false, length);
        }
        match red::pack(&copies[..count], primary, self.opus, &mut self.packet) {
            Ok(n) => (true, n),
            // Too long for its header: it goes without copies.
            Err(_) => (false, length),
        }
    }
}

fn settings(plan: &Plan) -> Settings {
    Settings { bitrate: plan.bitrate, expected_loss: plan.expected_loss, dtx: plan.dtx }
}

#[cfg(test)]
mod tests {
    use super::super::codec::OpusEncoder;
    use super::*;

    fn plan(packet_ms: u8, copies: &'static [u8]) -> Plan {
        Plan { bitrate: 16_000, packet_ms, copies, expected_loss: 0, dtx: true }
    }

    fn sender(plan: Plan) -> VoiceSender {
        let encoder = OpusEncoder::new(settings(&plan)).unwrap();
        VoiceSender::new(Box::new(encoder), plan, 111, 65_534, u32::MAX - 500)
    }

    type Sent = (u16, u32, bool, bool, Vec<u8>);

    fn push(sender: &mut VoiceSender, samples: &[f32]) -> Option<Sent> {
        let out = sender.push(samples).unwrap();
        out.map(|o| (o.sequence, o.timestamp, o.marker, o.is_red, o.payload.to_vec()))
    }

    fn voice(n: usize) -> Vec<f32> {
        (0..160).map(|i| 0.3 * ((n * 160 + i) as f32 * 0.1).sin()).collect()
    }

    #[test]
    fn copies_are_the_packets_that_were_sent() {
        let mut sender = sender(plan(20, &[1, 3]));
        let sent: Vec<Sent> = (0..20).filter_map(|n| push(&mut sender, &voice(n))).collect();
        assert_eq!(sent.len(), 10);
        assert!(!sent[0].3, "there is nothing to repeat");
        let primary = |n: usize| {
            if sent[n].3 {
                red::unpack(&sent[n].4, 111).unwrap().primary().to_vec()
            } else {
                sent[n].4.clone()
            }
        };
        for (n, packet) in sent.iter().enumerate().skip(3) {
            let blocks = red::unpack(&packet.4, 111).unwrap();
            let read: Vec<(u32, Vec<u8>)> =
                blocks.as_slice().iter().map(|b| (b.offset, b.data.to_vec())).collect();
            assert_eq!(read, [(2_880, primary(n - 3)), (960, primary(n - 1)), (0, primary(n))]);
        }
        let numbers: Vec<u16> = sent.iter().map(|s| s.0).collect();
        assert_eq!(numbers[..4], [65_534, 65_535, 0, 1]);
        assert!(sent.windows(2).all(|w| w[1].1.wrapping_sub(w[0].1) == 960));
    }

    #[test]
    fn a_plan_takes_effect_with_the_next_packet() {
        let mut sender = sender(plan(20, &[1]));
        assert!(push(&mut sender, &voice(0)).is_none());
        sender.follow(plan(60, &[]));
        let first = push(&mut sender, &voice(1)).unwrap();
        assert_eq!(packet::duration(&first.4), Some(960), "what was begun is ended");
        let next: Vec<Sent> = (2..14).filter_map(|n| push(&mut sender, &voice(n))).collect();
        assert_eq!(next.len(), 2);
        assert!(next.iter().all(|p| packet::duration(&p.4) == Some(2_880) && !p.3));
        assert_eq!(next[0].1.wrapping_sub(first.1), 960);
    }

    #[test]
    fn silence_is_a_packet_now_and_then_and_speech_after_it_is_marked() {
        let mut sender = sender(plan(20, &[1]));
        for n in 0..100 {
            push(&mut sender, &voice(n));
        }
        let quiet: Vec<Sent> = (0..300).filter_map(|_| push(&mut sender, &[0.0; 160])).collect();
        assert!(quiet.len() < 40, "{} packets in 3 s of silence", quiet.len());
        let primary = |p: &Sent| {
            if p.3 { red::unpack(&p.4, 111).unwrap().primary().to_vec() } else { p.4.clone() }
        };
        let silent = quiet.iter().filter(|p| packet::is_silence(&primary(p))).count();
        assert!(silent >= 5, "{silent}");
        let again: Vec<Sent> = (0..20).filter_map(|n| push(&mut sender, &voice(n))).collect();
        assert!(again[0].2 && !again[0].3, "nothing is copied over a silence");
        assert!(!again[1].2 && again[1].3);
        assert!(sender.push(&[0.0; 100]).is_err());
    }
}
