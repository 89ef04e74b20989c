//! Where packets lie in a recording, and what of it may be written.

use crate::media::Codec;

/// A packet whose timestamp puts it further from its arrival than this, in samples, sets its channel anew.
const SLACK: i64 = 1_600;
/// Silence in A-law.
pub(super) const SILENCE: u8 = 0xd5;
/// Most samples kept that are not written yet; what lies further ahead is no packet of this call.
const AHEAD: u64 = 8_000 * 30;

/// One leg's samples that are not written yet.
#[derive(Default)]
struct Channel {
    /// A timestamp and the sample it stands for.
    anchor: Option<(u32, u64)>,
    /// From the timeline's base.
    samples: Vec<u8>,
}

/// Samples of all channels from `base` on.
pub(super) struct Timeline {
    channels: Vec<Channel>,
    base: u64,
}

impl Timeline {
    pub(super) fn new(channels: u8) -> Self {
        Self { channels: (0..channels).map(|_| Channel::default()).collect(), base: 0 }
    }

    /// Samples that were taken out.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Where the last packet ends.
    pub(super) fn end(&self) -> u64 {
        self.base + self.channels.iter().map(|c| c.samples.len() as u64).max().unwrap_or(0)
    }

    /// Puts a packet in its place. `arrival` is in samples since the beginning. False where it came too late, or lies
    /// nowhere.
    pub(super) fn place(&mut self, channel: u8, codec: Codec, ts: u32, arrival: u64, speech: &[u8]) -> bool {
        let Some(c) = self.channels.get_mut(usize::from(channel)) else { return false };
        let expected = c.anchor.map(|(t, at)| at as i64 + i64::from(ts.wrapping_sub(t) as i32));
        let at = match expected {
            Some(at) if at >= 0 && (at - arrival as i64).abs() <= SLACK => at as u64,
            _ => arrival,
        };
        // The newest one is the measure, so that timestamps may wrap.
        c.anchor = Some((ts, at));
        let skip = self.base.saturating_sub(at) as usize;
        if skip >= speech.len() || at > self.base + AHEAD {
            return false;
        }
        let start = (at + skip as u64 - self.base) as usize;
        let end = start + speech.len() - skip;
        if c.samples.len() < end {
            c.samples.resize(end, SILENCE);
        }
        let table = codec.transcode(Codec::Pcma);
        for (to, from) in c.samples[start..end].iter_mut().zip(&speech[skip..]) {
            *to = table.map_or(*from, |t| t[usize::from(*from)]);
        }
        true
    }

    /// Takes everything before `until` out, channels interleaved.
    pub(super) fn take(&mut self, until: u64, out: &mut Vec<u8>) {
        let n = until.saturating_sub(self.base) as usize;
        let count = self.channels.len();
        let start = out.len();
        out.resize(start + n * count, SILENCE);
        for (k, channel) in self.channels.iter_mut().enumerate() {
            let have = n.min(channel.samples.len());
            for (i, sample) in channel.samples.drain(..have).enumerate() {
                out[start + i * count + k] = sample;
            }
        }
        self.base += n as u64;
    }
}
