//! Recording: what legs say goes to a file while they say it, off the media path.
//!
//! ```text
//!  RTP thread ──Tap::push: copies ≤ 160 bytes into a bounded queue, never waits──▶ writer (one thread for all)
//!                                                                                    │ every 100 ms: places packets
//!                                                                                    ▼ by their RTP timestamps
//!                                                                 file: whole seconds, sealed ([`sealed`])
//! ```
//!
//! * *No decoding.* A-law goes to the file as it came; µ-law through a table. One channel a leg: left, right.
//! * *Time.* A packet lies where its timestamp says, measured from the first one of the leg; where that is more than 200 ms
//!   from its arrival (a new source, a clock that drifts, a hold), the leg is set anew by its arrival. Gaps are silence.
//! * *Durable, and sealed.* Each second is sealed and appended as soon as it is 400 ms old, here and not on the media path, so
//!   that a process that is killed leaves a file that plays to within about a second and a half of the kill once it is mended,
//!   and no sound in clear.
//! * *Never in the way.* A disk that does not keep up fills the queue; then packets are counted as lost ([`RecordingEnd`]),
//!   and the call goes on. A disk that refuses ends the recording with its problem and what it holds, and the call goes on.
//! * *Ends by itself.* A [`Tap`] that is dropped, because its leg has ended or was never there, closes its channel; with the
//!   last one the file is finished and the end is told.

pub mod sealed;
mod timeline;
mod wav;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use crate::media::Codec;
use sealed::FileKey;
use writer::{Order, Writer};

/// Packets that wait for the writer: half a second of 650 recorded calls.
const QUEUE: usize = 32_768;
/// Bytes of speech in one piece; a longer packet is several.
const PIECE: usize = 160;

/// A recording to be made.
#[derive(Debug, Clone)]
pub struct RecordSpec {
    /// The file; its folder must be there. One that exists is not written over: the recording fails.
    pub path: PathBuf,
    /// What it is sealed with; each file has its own.
    pub key: FileKey,
    /// Look for speech in the first channel, and end the file half a second after the last of it.
    pub cut_silence: bool,
}

/// What a recording came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingEnd {
    /// Length of the file in milliseconds.
    pub ms: u64,
    /// Milliseconds with speech in them, where [`RecordSpec::cut_silence`] had it looked for.
    pub speech_ms: u64,
    /// Packets that came and are not in the file.
    pub lost: u64,
    /// Why the file ends early, or is not there.
    pub problem: Option<String>,
}

/// A packet's speech on its way to the writer.
#[derive(Clone, Copy)]
struct Piece {
    recording: u64,
    channel: u8,
    codec: Codec,
    /// RTP timestamp of its first sample.
    ts: u32,
    /// When it came, nanoseconds of the monotonic clock.
    at: u64,
    length: u8,
    data: [u8; PIECE],
}

/// A leg's end of a recording; see the module.
pub(crate) struct Tap {
    recording: u64,
    channel: u8,
    pieces: SyncSender<Piece>,
    orders: Sender<Order>,
    lost: Arc<AtomicU64>,
}

impl Tap {
    /// Takes a packet's speech. Never waits.
    pub(crate) fn push(&self, codec: Codec, ts: u32, at: u64, speech: &[u8]) {
        for (n, part) in speech.chunks(PIECE).enumerate() {
            let mut piece = Piece {
                recording: self.recording,
                channel: self.channel,
                codec,
                ts: ts.wrapping_add((n * PIECE) as u32),
                at,
                length: part.len() as u8,
                data: [0; PIECE],
            };
            piece.data[..part.len()].copy_from_slice(part);
            if let Err(TrySendError::Full(_)) = self.pieces.try_send(piece) {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // The writer is gone only when the switch is.
        let _ = self.orders.send(Order::Close { recording: self.recording });
    }
}

/// The writer's handle. Its thread begins with the first recording and ends with the last handle.
#[derive(Default)]
pub(crate) struct Recorder {
    writer: OnceLock<Ways>,
    next: AtomicU64,
}

#[derive(Clone)]
struct Ways {
    orders: Sender<Order>,
    pieces: SyncSender<Piece>,
}

impl Recorder {
    /// Opens a recording of `channels` legs (1 or 2) that begins at `now` (monotonic nanoseconds).
    pub(crate) fn open(
        &self,
        spec: RecordSpec,
        channels: u8,
        now: u64,
    ) -> (Vec<Tap>, oneshot::Receiver<RecordingEnd>) {
        let recording = self.next.fetch_add(1, Ordering::Relaxed);
        let (done, end) = oneshot::channel();
        let lost = Arc::new(AtomicU64::new(0));
        let ways = self.writer.get_or_init(start);
        // Where there is no writer the order is dropped with its end, which says that nothing was recorded.
        let _ = ways.orders.send(Order::Open { recording, spec, channels, now, lost: lost.clone(), done });
        let taps = (0..channels).map(|channel| Tap {
            recording,
            channel,
            pieces: ways.pieces.clone(),
            orders: ways.orders.clone(),
            lost: lost.clone(),
        });
        (taps.collect(), end)
    }
}

fn ways() -> (Ways, Writer) {
    let (orders, inbox) = channel();
    let (pieces, queue) = sync_channel(QUEUE);
    (Ways { orders, pieces }, Writer::new(inbox, queue))
}

fn start() -> Ways {
    let (ways, writer) = ways();
    let begun = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || writer.run());
    if let Err(error) = begun {
        tracing::error!(%error, "nothing can be recorded");
    }
    ways
}

#[cfg(test)]
mod tests;
