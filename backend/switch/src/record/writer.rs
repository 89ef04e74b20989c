//! The writer's thread: takes packets in, writes files.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::sealed::{SECOND, SealError, SealedFile};
use super::timeline::Timeline;
use super::{Piece, RecordSpec, RecordingEnd};
use crate::media::Codec;
use crate::rtp::monotonic;

/// How often packets are taken in.
const TAKE_IN: Duration = Duration::from_millis(100);
/// Samples after which nothing changes any more: a packet may come 400 ms late.
pub(super) const SETTLED: u64 = 3_200;
/// Nanoseconds in a sample.
const SAMPLE: u64 = 125_000;
/// Mean magnitude, of 32,768, from which 20 ms count as speech.
const SPEECH: u64 = 250;
/// Samples in which speech is looked for at once.
const LOOK: usize = 160;
/// Samples kept after the last speech.
const TAIL: u64 = 4_000;

/// What the writer is told.
pub(super) enum Order {
    Open {
        recording: u64,
        spec: RecordSpec,
        channels: u8,
        now: u64,
        lost: Arc<AtomicU64>,
        done: oneshot::Sender<RecordingEnd>,
    },
    /// One channel of it is complete.
    Close { recording: u64 },
}

struct Recording {
    file: Option<SealedFile>,
    spec: RecordSpec,
    channels: u8,
    open: u8,
    start: u64,
    timeline: Timeline,
    /// Samples in which speech was found, and where the last of it ends.
    speech: u64,
    speech_end: u64,
    lost: Arc<AtomicU64>,
    problem: Option<String>,
    done: Option<oneshot::Sender<RecordingEnd>>,
}

/// See the module above.
pub(super) struct Writer {
    orders: Receiver<Order>,
    queue: Receiver<Piece>,
    open: HashMap<u64, Recording>,
    /// Channels that are complete once what is in the queue has been taken in.
    closing: Vec<u64>,
    buffer: Vec<u8>,
}

impl Writer {
    pub(super) fn new(orders: Receiver<Order>, queue: Receiver<Piece>) -> Self {
        Self { orders, queue, open: HashMap::new(), closing: Vec::new(), buffer: Vec::new() }
    }

    /// Runs until every handle and every tap is gone.
    pub(super) fn run(mut self) {
        loop {
            let order = if self.open.is_empty() {
                self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.orders.recv_timeout(TAKE_IN)
            };
            match order {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.round(monotonic());
        }
        for (_, mut recording) in self.open.drain() {
            recording.finish(&mut self.buffer);
        }
    }

    /// Takes in what has come, closes what is complete, and writes the seconds that are settled at `now`.
    fn round(&mut self, now: u64) {
        self.take_in();
        self.close();
        for recording in self.open.values_mut() {
            recording.write(now, &mut self.buffer);
        }
    }

    /// As one turn of [`Writer::run`] would at `now`, with all orders given so far.
    #[cfg(test)]
    pub(super) fn step(&mut self, now: u64) {
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order);
        }
        self.round(now);
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open { recording, spec, channels, now, lost, done } => {
                let mut made = Recording {
                    file: None,
                    spec,
                    channels,
                    open: channels,
                    start: now,
                    timeline: Timeline::new(channels),
                    speech: 0,
                    speech_end: 0,
                    lost,
                    problem: None,
                    done: Some(done),
                };
                made.begin();
                self.open.insert(recording, made);
            }
            Order::Close { recording } => self.closing.push(recording),
        }
    }

    /// What a leg said before its tap was dropped is taken in by now.
    fn close(&mut self) {
        for recording in std::mem::take(&mut self.closing) {
            let Some(found) = self.open.get_mut(&recording) else { continue };
            found.open = found.open.saturating_sub(1);
            if found.open == 0
                && let Some(mut ended) = self.open.remove(&recording)
            {
                ended.finish(&mut self.buffer);
            }
        }
    }

    fn take_in(&mut self) {
        while let Ok(piece) = self.queue.try_recv() {
            // Its order was given before its first packet came.
            while !self.open.contains_key(&piece.recording)
                && let Ok(order) = self.orders.try_recv()
            {
                self.obey(order);
            }
            let Some(recording) = self.open.get_mut(&piece.recording) else { continue };
            let arrival = piece.at.saturating_sub(recording.start) / SAMPLE;
            let speech = &piece.data[..usize::from(piece.length)];
            if !recording.timeline.place(piece.channel, piece.codec, piece.ts, arrival, speech) {
                recording.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Recording {
    fn begin(&mut self) {
        match SealedFile::create(&self.spec.path, self.spec.key.clone(), self.channels) {
            Ok(file) => self.file = Some(file),
            Err(error) => self.fail(&error),
        }
    }

    /// Closes the file with what it holds.
    fn fail(&mut self, error: &SealError) {
        tracing::error!(%error, "a recording cannot be written");
        self.problem.get_or_insert_with(|| error.to_string());
        if let Some(mut file) = self.file.take()
            && let Err(error) = file.give_up()
        {
            tracing::error!(%error, "a recording that cannot be written cannot be closed either");
        }
    }

    /// Writes the seconds that are settled.
    fn write(&mut self, now: u64, buffer: &mut Vec<u8>) {
        let samples = now.saturating_sub(self.start) / SAMPLE;
        let settled = samples.saturating_sub(SETTLED);
        self.append(settled - settled % SECOND, buffer);
    }

    fn append(&mut self, until: u64, buffer: &mut Vec<u8>) {
        let from = self.timeline.base();
        if until <= from {
            return;
        }
        buffer.clear();
        self.timeline.take(until, buffer);
        if self.spec.cut_silence {
            self.listen(from, buffer);
        }
        let second = usize::from(self.channels) * SECOND as usize;
        for sound in buffer.chunks(second) {
            let Some(file) = &mut self.file else { return };
            if let Err(error) = file.push(sound) {
                self.fail(&error);
            }
        }
    }

    /// Looks for speech in the first channel of what is being written.
    fn listen(&mut self, from: u64, buffer: &[u8]) {
        let width = usize::from(self.channels);
        for (n, part) in buffer.chunks(LOOK * width).enumerate() {
            let (mut sum, mut count) = (0u64, 0u64);
            for code in part.iter().step_by(width) {
                sum += u64::from(Codec::Pcma.decode(*code).unsigned_abs());
                count += 1;
            }
            if sum >= SPEECH * count.max(1) {
                self.speech += count;
                self.speech_end = from + (n * LOOK) as u64 + count;
            }
        }
    }

    fn finish(&mut self, buffer: &mut Vec<u8>) {
        self.append(self.timeline.end(), buffer);
        let width = u64::from(self.channels);
        let mut samples = self.timeline.base();
        if self.spec.cut_silence {
            samples = samples.min(self.speech_end + TAIL);
        }
        if let Some(file) = &mut self.file
            && let Err(error) = file.finish(samples * width)
        {
            self.fail(&error);
        }
        let end = RecordingEnd {
            ms: samples / 8,
            speech_ms: self.speech / 8,
            lost: self.lost.load(Ordering::Relaxed),
            problem: self.problem.take(),
        };
        if let Some(done) = self.done.take() {
            // Nobody may want to know.
            let _ = done.send(end);
        }
    }
}
