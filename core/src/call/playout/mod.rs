//! From packets that come as they like to sound that never stops.
//!
//! ```text
//!  network ─ insert ▶ Store (by time; copies fill holes) ─▶ decoder ─▶ Line ─ pull, 10 ms ▶ loudspeaker
//!                └▶ Loss, Delay ─▶ target ─────────────── stretch ──────┘
//! ```
//!
//! [`PlayoutBuffer::insert`] takes whatever arrives; [`PlayoutBuffer::pull`] gives 10 ms whenever it is asked. What is
//! played when follows from time alone: a sample is due `target` after the base (`delay.rs`), and the difference between
//! that and what is played now is stretched away, between words where there is time for it (`line.rs`).
//!
//! What is missing when it is due:
//!
//! | what is known | what is heard |
//! |---|---|
//! | a redundant copy came (RFC 2198) | the packet itself |
//! | the next packet has a coarse copy (LBRR) | that |
//! | it may still come, and there is less delay than the target | a guess, and time stands still |
//! | it is lost | a guess of its length, less what was guessed while waiting for it |
//! | nothing newer has come | a guess, and time stands still; after 120 ms it fades, after 200 ms it is silence |
//! | the other side is silent (DTX) | comfort noise; who speaks again is heard after exactly the target |
//!
//! Invariants: `pull` always fills its buffer; a packet is heard at most once and never after a later one; what is more than
//! [`MOST`] behind is left out; nothing is allocated after `new` (apart from what `decode_fec` of the codec does); the clock is
//! an argument.

mod delay;
mod line;
mod loss;
mod store;
#[cfg(test)]
mod tests;

use super::codec::{CLOCK, CodecError, LARGEST, VoiceDecoder, packet};
use super::red::{self, RedError};
use delay::Delay;
use line::{Likeness, Line};
use loss::{Loss, Seen};
use std::time::Duration;
use store::{Put, Store};

/// Longest delay above the base.
pub const MOST: Duration = Duration::from_millis(500);

/// Too much delay is borne for so long while somebody speaks; it is taken out between words.
const BORNE: i64 = 60 * MS;

const MS: i64 = CLOCK as i64 / 1_000;
/// A tick of the device.
const TICK: i64 = 10 * MS;
/// Losses above this share are waited for with copies, until they are below the other.
const LOSSY: f32 = 0.03;
const LOSSLESS: f32 = 0.01;
/// So many packets in a row do not come late.
const BEHIND: u32 = 10;
/// How long copies count that are no longer sent.
const REMEMBERED: i64 = 3_000 * MS;

/// A media packet as it came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, 48 kHz.
    pub timestamp: u32,
    /// `Some(n)`: a redundant packet with blocks of payload type n; `None`: Opus as it is.
    pub red: Option<u8>,
    /// What is in it.
    pub payload: &'a [u8],
}

/// Why a packet was not taken. The ones before and after it are not affected.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Refused {
    /// The redundant packet is malformed.
    #[error(transparent)]
    Red(#[from] RedError),
    /// It holds no Opus.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets taken, each once.
    pub packets: u64,
    /// Packets that came again.
    pub doubled: u64,
    /// Packets that came after they were due.
    pub late: u64,
    /// Packets and frames that were no sound.
    pub malformed: u64,
    /// Packets put away because too many waited.
    pub dropped: u64,
    /// Frames heard from a redundant copy.
    pub copies: u64,
    /// Frames heard from the coarse copy in the next packet.
    pub coarse: u64,
    /// Lost frames.
    pub lost: u64,
    /// Milliseconds guessed.
    pub guessed_ms: u64,
    /// Samples taken out and put in.
    pub shortened: u64,
    /// Samples put in.
    pub lengthened: u64,
}

/// What the sender is told, about once a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// Packets expected since the last report.
    pub expected: u32,
    /// Share of them that were lost, 0 to 1, before copies.
    pub loss: f32,
    /// Mean length of a run of lost packets; 0 without loss.
    pub burst: f32,
    /// Time that even the fastest packet stood in queues on its way.
    pub standing: Duration,
    /// What is waited for packets.
    pub target: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is due: before the first packet, in silence, after a long gap.
    Waiting,
    Playing,
}

/// See the module.
pub struct PlayoutBuffer {
    decoder: Box<dyn VoiceDecoder>,
    rate: i64,
    store: Store,
    loss: Loss,
    delay: Delay,
    line: Line,
    state: State,
    /// Timestamp of the next frame; `None` before the first.
    next: Option<i64>,
    newest: Option<i64>,
    /// Ticks of the last frame.
    frame: i64,
    /// Ticks guessed while time stood still.
    owed: i64,
    /// Ticks guessed in a row.
    run: i64,
    /// The other side said that it is silent.
    is_silent: bool,
    heard: Option<i64>,
    copies: i64,
    copies_until: i64,
    is_lossy: bool,
    rest: u32,
    /// Packets in a row that were late.
    behind: u32,
    counts: Counts,
}

impl PlayoutBuffer {
    /// A buffer before its first packet. All memory is taken here.
    #[must_use]
    pub fn new(decoder: Box<dyn VoiceDecoder>) -> PlayoutBuffer {
        let rate = decoder.rate();
        PlayoutBuffer {
            decoder,
            rate: i64::from(rate),
            store: Store::new(),
            loss: Loss::default(),
            delay: Delay::new(ticks(MOST)),
            line: Line::new(rate as usize),
            state: State::Waiting,
            next: None,
            newest: None,
            frame: 2 * TICK,
            owed: 0,
            run: 0,
            is_silent: true,
            heard: None,
            copies: 0,
            copies_until: 0,
            is_lossy: false,
            rest: 0,
            behind: 0,
            counts: Counts::default(),
        }
    }

    /// Samples of 10 ms: the length that [`PlayoutBuffer::pull`] is for.
    #[must_use]
    pub fn tick(&self) -> usize {
        (self.rate / 100) as usize
    }

    /// Takes a packet that arrived at `now`, counted from any fixed moment of a steady clock.
    ///
    /// # Errors
    /// It is malformed; it is counted, and nothing of it is heard.
    pub fn insert(&mut self, now: Duration, arrival: &Arrival<'_>) -> Result<(), Refused> {
        let sequence = match self.loss.see(arrival.sequence) {
            Seen::Again => {
                self.counts.doubled += 1;
                return Ok(());
            }
            Seen::Stray => return Ok(()),
            Seen::New(sequence) => sequence,
            Seen::Restart(sequence) => {
                self.restart();
                sequence
            }
        };
        let taken = self.take(ticks(now), sequence, arrival);
        match taken {
            Ok(()) => self.counts.packets += 1,
            Err(_) => self.counts.malformed += 1,
        }
        taken
    }

    fn take(&mut self, now: i64, sequence: i64, arrival: &Arrival<'_>) -> Result<(), Refused> {
        let whole = red::Block { offset: 0, data: arrival.payload };
        let unpacked =
            arrival.red.map(|payload_type| red::unpack(arrival.payload, payload_type)).transpose()?;
        let blocks = unpacked.as_ref().map_or(std::slice::from_ref(&whole), |b| b.as_slice());
        if let Some(bad) =
            blocks.iter().find(|b| packet::duration(b.data).is_none() || b.data.len() > LARGEST)
        {
            let problem = "no Opus of at most 120 ms".to_owned();
            return Err(CodecError::Packet { length: bad.data.len(), problem }.into());
        }
        let step = |from: i64| i64::from(arrival.timestamp.wrapping_sub(from as u32) as i32);
        if self.newest.is_some_and(|n| step(n).abs() > 10 * i64::from(CLOCK)) {
            self.restart();
        }
        let timestamp = self.newest.map_or(i64::from(arrival.timestamp), |n| n + step(n));
        self.newest = self.newest.max(Some(timestamp));
        self.delay.arrived(now, timestamp);
        let mut reach = 0;
        for block in blocks {
            let from = timestamp - i64::from(block.offset);
            let lasts = packet::duration(block.data).map_or(0, i64::from);
            let is_primary = block.offset == 0;
            reach = reach.max(i64::from(block.offset));
            if is_primary && packet::holds_the_one_before(block.data) {
                reach = reach.max(lasts);
            }
            if self.next.is_some_and(|next| from < next) {
                self.counts.late += u64::from(is_primary);
                self.behind += u32::from(is_primary);
            } else if self.store.put(from, lasts, is_primary.then_some(sequence), block.data) == Put::Pushed {
                self.counts.dropped += 1;
            }
        }
        if self.next.is_some_and(|next| timestamp >= next) {
            self.behind = 0;
        } else if self.behind >= BEHIND {
            // The other side has set its clock back; what comes is not late, it is later.
            self.restart();
        }
        if reach >= self.copies || now > self.copies_until {
            self.copies = reach;
            self.copies_until = now + REMEMBERED;
        }
        self.is_lossy = self.loss.average() > if self.is_lossy { LOSSLESS } else { LOSSY };
        Ok(())
    }

    /// Another stream: nothing that was known of time holds.
    fn restart(&mut self) {
        self.store.clear();
        self.delay = Delay::new(ticks(MOST));
        self.state = State::Waiting;
        (self.next, self.newest, self.heard) = (None, None, None);
        self.behind = 0;
    }

    /// The next 10 ms ([`PlayoutBuffer::tick`] samples), to be heard at `now`.
    pub fn pull(&mut self, now: Duration, out: &mut [f32]) {
        let now = ticks(now);
        if self.state == State::Playing && self.current(now) > ticks(MOST) {
            // The rest is not for hearing: begin anew where the target is.
            self.state = State::Waiting;
        }
        self.fill(now, out.len());
        self.steer(now);
        self.fill(now, out.len());
        self.line.take(out);
    }

    fn fill(&mut self, now: i64, samples: usize) {
        // What the line has no room for is silence; it has room for 300 ms.
        for _ in 0..64 {
            if self.line.ready() >= samples {
                break;
            }
            self.produce(now);
        }
    }

    /// Forgets what waits and is silent until packets come again: the call is on hold.
    pub fn freeze(&mut self) {
        self.store.clear();
        self.line.clear();
        self.state = State::Waiting;
        self.next = self.next.max(self.newest.map(|n| n + 1));
        self.is_silent = false;
        self.run = ticks(MOST);
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How much later than on the fastest way a sample is heard that is pulled at `now`; in a silence, will be.
    #[must_use]
    pub fn current_delay(&self, now: Duration) -> Duration {
        match self.state {
            State::Playing => duration(self.current(ticks(now)).max(0)),
            State::Waiting => self.target_delay(now),
        }
    }

    /// What the delay is steered to.
    #[must_use]
    pub fn target_delay(&self, now: Duration) -> Duration {
        duration(self.target(ticks(now)))
    }

    /// Packets that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.store.len()
    }

    /// What the sender is to be told since it was last asked.
    pub fn report(&mut self, now: Duration) -> Report {
        let interval = self.loss.take();
        let share = |of: u32, all: u32| if all > 0 { of as f32 / all as f32 } else { 0.0 };
        Report {
            expected: interval.expected,
            loss: share(interval.lost, interval.expected),
            burst: share(interval.lost, interval.runs),
            standing: duration(self.delay.take_standing()),
            target: self.target_delay(now),
        }
    }

    fn target(&self, now: i64) -> i64 {
        self.delay.target(now, if self.is_lossy { self.copies } else { 0 })
    }

    /// Delay above the base of the sample that is heard next.
    fn current(&self, now: i64) -> i64 {
        let (Some(base), Some(next)) = (self.delay.base(), self.next) else {
            return 0;
        };
        now - base - (next - self.line.ready() as i64 * i64::from(CLOCK) / self.rate)
    }

    fn samples(&self, ticks: i64) -> usize {
        (ticks * self.rate / i64::from(CLOCK)) as usize
    }

    /// Makes at least 10 ms, or lets time go on.
    fn produce(&mut self, now: i64) {
        match self.state {
            State::Waiting => self.wait(now),
            State::Playing => self.play(now),
        }
    }

    fn wait(&mut self, now: i64) {
        let current = |from: i64| now - from - self.delay.base().unwrap_or(0);
        let target = self.target(now);
        if let Some(slot) = self.store.next(self.next.unwrap_or(i64::MIN))
            && current(slot.from) >= target
        {
            // Who was away for so long is not heard from the beginning.
            let mut from = slot.from;
            if current(from) > ticks(MOST) {
                let newest = self.store.end().unwrap_or(from) - slot.ticks;
                if current(newest) > ticks(MOST) {
                    // Even the newest is late: the way itself has become longer.
                    self.delay.begin_at(now - newest);
                }
                let wanted = (now - self.delay.base().unwrap_or(0) - target).min(newest);
                from = self.store.next(wanted.max(from)).map_or(from, |s| s.from);
                self.counts.dropped += self.store.drop_before(from) as u64;
            }
            self.next = Some(from);
            self.owed = 0;
            self.state = State::Playing;
            return self.play(now);
        }
        self.guess(TICK);
    }

    fn play(&mut self, now: i64) {
        let Some(next) = self.next else {
            self.state = State::Waiting;
            return;
        };
        let Some(slot) = self.store.next(next) else {
            if self.is_silent || self.run >= 200 * MS {
                self.state = State::Waiting;
            } else {
                self.owed += TICK;
                self.guess(TICK);
            }
            return;
        };
        if slot.from == next {
            return self.decode(&slot);
        }
        let follows = self.heard.zip(slot.sequence).is_some_and(|(heard, s)| s == heard + 1);
        if self.is_silent || follows {
            self.state = State::Waiting;
            return;
        }
        let gap = slot.from - next;
        if gap == self.frame && packet::holds_the_one_before(self.store.bytes(&slot)) {
            return self.decode_coarse(&slot, gap);
        }
        let may_come = self.newest.is_some_and(|n| n <= next + self.copies + 2 * TICK);
        if may_come && self.current(now) + TICK <= self.target(now) {
            self.owed += TICK;
            return self.guess(TICK);
        }
        let gap = gap.min(self.frame);
        let credit = self.owed.min(gap);
        self.owed -= credit;
        self.next = Some(next + gap);
        self.heard = self.heard.map(|h| h + 1);
        self.counts.lost += 1;
        self.store.drop_before(next + gap);
        if gap > credit {
            self.guess(gap - credit);
        }
    }

    fn decode(&mut self, slot: &store::Slot) {
        let n = self.samples(slot.ticks);
        let bytes = self.store.bytes(slot);
        let is_silence = packet::is_silence(bytes);
        let room = self.line.room(n);
        let made = if room.len() < n { Ok(0) } else { self.decoder.decode(bytes, room) };
        match made {
            Ok(n) => {
                self.line.add(n, 1.0, 1.0);
                if self.run >= 120 * MS && !self.is_silent {
                    self.line.rise(n);
                }
                self.run = 0;
            }
            Err(_) => {
                self.counts.malformed += 1;
                self.guess(slot.ticks);
            }
        }
        self.is_silent = is_silence;
        self.counts.copies += u64::from(slot.sequence.is_none());
        self.heard = slot.sequence.or(self.heard.map(|h| h + 1));
        self.passed(slot.from + slot.ticks, slot.ticks);
    }

    fn decode_coarse(&mut self, slot: &store::Slot, gap: i64) {
        let n = self.samples(gap);
        let room = self.line.room(n);
        let bytes = self.store.bytes(slot);
        if room.len() == n && self.decoder.decode_fec(bytes, room).is_ok() {
            self.line.add(n, 1.0, 1.0);
            self.counts.coarse += 1;
            self.run = 0;
        } else {
            self.guess(gap);
        }
        self.heard = self.heard.map(|h| h + 1);
        self.passed(slot.from, gap);
    }

    fn passed(&mut self, next: i64, frame: i64) {
        self.next = Some(next);
        self.frame = frame;
        self.owed = 0;
        self.store.drop_before(next);
    }

    /// What probably went on for so long, ever softer unless the other side is silent.
    fn guess(&mut self, ticks: i64) {
        let n = self.samples(ticks);
        let gain = |run: i64| (1.0 - (run - 120 * MS) as f32 / (80 * MS) as f32).clamp(0.0, 1.0);
        let (from, to) = if self.is_silent { (1.0, 1.0) } else { (gain(self.run), gain(self.run + ticks)) };
        let room = self.line.room(n);
        if self.heard.is_none() || from <= 0.0 || self.decoder.conceal(room).is_err() {
            room.fill(0.0);
        }
        let n = room.len();
        self.line.add(n, from, to);
        self.run = (self.run + ticks).min(CLOCK.into());
        if self.state == State::Playing {
            self.counts.guessed_ms += (ticks / MS) as u64;
        }
    }

    /// Takes time out or puts it in, so that the delay comes to its target.
    fn steer(&mut self, now: i64) {
        self.rest = self.rest.saturating_sub(1);
        if self.state == State::Waiting || self.run > 0 || self.is_silent {
            return;
        }
        let excess = self.current(now) - self.target(now);
        let is_quiet = self.line.is_quiet();
        let likeness = match excess.abs() {
            _ if is_quiet => Likeness::Any,
            n if n > 100 * MS => Likeness::AtLeast(0.6),
            n if n > 40 * MS => Likeness::AtLeast(0.8),
            _ => Likeness::AtLeast(0.9),
        };
        let far = excess.abs() > 100 * MS;
        if self.rest > 0 && !far {
            return;
        }
        let most = self.samples(excess.abs());
        let changed = if excess > if is_quiet { 5 * MS } else { BORNE } {
            // There must be something to take out of.
            let next = self.next.and_then(|n| self.store.next(n));
            if self.line.ready() < self.tick() * 5 / 2
                && let Some(slot) = next.filter(|s| Some(s.from) == self.next)
            {
                self.decode(&slot);
            }
            let n = self.line.shorten(most, likeness);
            self.counts.shortened += n as u64;
            n
        } else if excess < if is_quiet { -5 * MS } else { -12 * MS } {
            let n = self.line.lengthen(most, likeness);
            self.counts.lengthened += n as u64;
            n
        } else {
            0
        };
        if changed > 0 {
            self.rest = if is_quiet { 2 } else { 5 };
        }
    }
}

fn ticks(time: Duration) -> i64 {
    (time.as_micros() as i64) * MS / 1_000
}

fn duration(ticks: i64) -> Duration {
    Duration::from_micros((ticks * 1_000 / MS) as u64)
}
