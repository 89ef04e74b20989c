//! A leg on its RTP thread: sockets, source lock, keys that come, and what is sent.
//!
//! *Source lock.* The far side may send from another address than its SDP says (NAT). The first packets decide: one
//! from the SDP's host, or from where a registered telephone signals, locks at once, one from elsewhere after five in a row during which nothing came from that
//! host. From then on the socket is connected: packets of others never reach us, and our sends need no lookup. Only a
//! new description with another address opens the lock.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::batch::{Batch, Packet};
use super::packet::{self, Header, Reception};
use super::sender::{Ended, Sender};
use super::socket::{self, PortPair};
use super::{HeardKind, LegCounters, Stream, Totals, dtmf, inband, rtcp};
use crate::event::DigitSource;
use crate::record::Tap;

/// Packets from elsewhere than the SDP's host that lock the source.
const PERSISTENT: u8 = 5;

/// Nanoseconds within which a tone and an event of one key are one key press.
const BOTH: u64 = 500_000_000;

/// See the module.
pub(crate) struct RtpLeg {
    pub(crate) key: u64,
    pub(crate) port: u16,
    pub(crate) rtp: UdpSocket,
    rtcp: UdpSocket,
    counters: Arc<LegCounters>,
    totals: Arc<Totals>,
    timeout: Option<Duration>,
    pub(crate) stream: Option<Stream>,
    started: bool,
    pub(crate) sender: Sender,
    pub(crate) partner: Option<usize>,
    /// Where what it says is recorded.
    pub(crate) tap: Option<Tap>,
    /// In its thread's `epoll`: bridged legs are.
    pub(crate) watched: bool,
    locked: Option<SocketAddr>,
    candidate: Option<(SocketAddr, u8)>,
    reception: Reception,
    events: dtmf::Receiver,
    event_seen: bool,
    inband: inband::Detector,
    /// The last key found in speech, and when.
    tone_told: Option<(char, u64)>,
    /// Nanoseconds of the last accepted packet; `None` before the first.
    last_heard: Option<u64>,
    told_silent: bool,
    until_report: u32,
}

/// What a received packet is.
pub(crate) enum Got {
    /// Nothing more to read.
    Nothing,
    /// Not for us, or dealt with.
    Dropped,
    /// Speech with its codec's payload type, in the buffer.
    Speech(Header),
    /// An event, in the buffer; the key where it is a new one.
    Event(Header, Option<char>),
}

impl RtpLeg {
    #[allow(clippy::too_many_arguments, reason = "made in one place")]
    pub(crate) fn new(
        key: u64,
        port: u16,
        pair: PortPair,
        counters: Arc<LegCounters>,
        totals: Arc<Totals>,
        timeout: Option<Duration>,
        chance: u64,
    ) -> Self {
        Self {
            key,
            port,
            rtp: pair.rtp,
            rtcp: pair.rtcp,
            counters,
            totals,
            timeout,
            stream: None,
            started: false,
            sender: Sender::new(chance),
            partner: None,
            tap: None,
            watched: false,
            locked: None,
            candidate: None,
            reception: Reception::default(),
            events: dtmf::Receiver::default(),
            event_seen: false,
            inband: inband::Detector::default(),
            tone_told: None,
            last_heard: None,
            told_silent: false,
            until_report: rtcp::EVERY,
        }
    }

    /// What was agreed, or agreed anew.
    pub(crate) fn agree(&mut self, stream: Stream, now: u64) {
        if self.stream.as_ref().is_some_and(|old| old.remote != stream.remote) {
            self.unlock();
        }
        // A hold, or its end, starts the silence anew.
        self.last_heard = self.last_heard.map(|_| now);
        self.told_silent = false;
        self.stream = Some(stream);
    }

    pub(crate) fn start(&mut self) {
        self.started = true;
    }

    pub(crate) fn quiet(&mut self) {
        self.started = false;
    }

    fn unlock(&mut self) {
        if self.locked.take().is_some() {
            socket::disconnect(&self.rtp);
        }
        self.candidate = None;
    }

    /// Whether a packet from here is the leg's; locks where it decides so.
    fn is_source(&mut self, from: SocketAddr) -> bool {
        if let Some(locked) = self.locked {
            return locked == from;
        }
        let Some(stream) = &self.stream else { return false };
        let count = match &mut self.candidate {
            Some((addr, n)) if *addr == from => {
                *n = n.saturating_add(1);
                *n
            }
            other => {
                *other = Some((from, 1));
                1
            }
        };
        let expected = from.ip() == stream.remote.ip() || stream.signalled == Some(from.ip());
        if expected || count >= PERSISTENT {
            self.locked = Some(from);
            // Where the system refuses, packets are still told apart by their source.
            let _ = self.rtp.connect(from);
        }
        true
    }

    /// Reads one packet into `buffer`.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], now: u64) -> Got {
        let (length, from) = match self.rtp.recv_from(buffer) {
            Ok(got) => got,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Got::Nothing,
            // An ICMP error of an earlier send; it is read off by this.
            Err(_) => return Got::Dropped,
        };
        self.take_in(&buffer[..length], from, now, now)
    }

    /// Reads what has come, many packets in one call.
    pub(crate) fn receive_many(&mut self, batch: &mut Batch) {
        batch.read(&self.rtp, self.locked.is_none());
    }

    /// One packet of a batch.
    pub(crate) fn received(&mut self, data: &[u8], packet: Packet, now: u64) -> Got {
        // A connected socket hears its source alone; the lock may have come with an earlier packet of this batch.
        match packet.from.or(self.locked) {
            Some(from) => self.take_in(&data[..packet.length], from, now, packet.at.unwrap_or(now)),
            None => self.drop_packet(),
        }
    }

    /// `arrival` is in nanoseconds of a clock of its own; `now` is the thread's.
    fn take_in(&mut self, data: &[u8], from: SocketAddr, now: u64, arrival: u64) -> Got {
        let Some(header) = packet::parse(data) else {
            return self.drop_packet();
        };
        let Some(stream) = &self.stream else {
            return self.drop_packet();
        };
        let event = stream.local_event_pt == Some(header.pt);
        let known = event || stream.receive_types.iter().any(|(pt, _)| *pt == header.pt);
        if !known || !self.is_source(from) {
            return self.drop_packet();
        }
        self.last_heard = Some(now);
        self.counters.received.fetch_add(1, Ordering::Relaxed);
        self.totals.received.fetch_add(1, Ordering::Relaxed);
        self.reception.note(&header, (arrival / 125_000) as u32);
        if event {
            self.event_seen = true;
            let key = self.events.packet(&header, &data[header.start..header.end]);
            // The first key of a far side that sends both: its tone was told already.
            let told = self.tone_told.take().filter(|(_, at)| now.saturating_sub(*at) < BOTH);
            return Got::Event(header, key.filter(|k| told.is_none_or(|(t, _)| t != *k)));
        }
        Got::Speech(header)
    }

    fn drop_packet(&self) -> Got {
        self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        Got::Dropped
    }

    /// Looks for keys in speech until the far side has shown that it sends events. Gateways that agree on events and
    /// send tones all the same exist.
    pub(crate) fn listen(&mut self, header: &Header, data: &[u8], now: u64) -> Option<char> {
        if self.event_seen {
            return None;
        }
        let codec = self.codec_of(header.pt)?;
        let speech = &data[header.start..header.end];
        if codec.loudest(speech) < inband::QUIET && self.inband.quiet(speech.len()) {
            return None;
        }
        let samples = speech.iter().map(|b| codec.decode(*b));
        let mut found = None;
        self.inband.push(samples, |key| found = Some(key));
        if let Some(key) = found {
            self.tone_told = Some((key, now));
        }
        found
    }

    /// Codec of a payload type that comes.
    pub(crate) fn codec_of(&self, pt: u8) -> Option<crate::media::Codec> {
        let types = &self.stream.as_ref()?.receive_types;
        types.iter().find(|(p, _)| *p == pt).map(|(_, c)| *c)
    }

    /// What is due every 20 ms.
    pub(crate) fn tick(&mut self, ntp: u64) -> Option<Ended> {
        let stream = self.stream.as_ref().filter(|s| s.send)?;
        if !self.started {
            return None;
        }
        let (rtp, locked, remote) = (&self.rtp, self.locked, stream.remote);
        let mut sent = 0;
        let ended = self.sender.tick(stream, self.partner.is_some(), |p| {
            let done = if locked.is_some() { rtp.send(p) } else { rtp.send_to(p, remote) };
            sent += u64::from(done.is_ok());
            done.is_ok()
        });
        self.count_sent(sent);
        self.until_report -= 1;
        if self.until_report == 0 {
            self.until_report = rtcp::EVERY;
            self.report(ntp, false);
        }
        ended
    }

    fn count_sent(&self, n: u64) {
        if n > 0 {
            self.counters.sent.fetch_add(n, Ordering::Relaxed);
            self.totals.sent.fetch_add(n, Ordering::Relaxed);
        }
        self.counters.played_ms.store(self.sender.played_ms().unwrap_or(0), Ordering::Relaxed);
    }

    /// Sends a packet of a bridged leg on. `from` is its codec, or `None` for an event.
    pub(crate) fn relay(&mut self, header: &Header, buffer: &mut [u8], from: Option<crate::media::Codec>) {
        let Some(stream) = self.stream.as_ref().filter(|s| s.send && self.started) else { return };
        if self.sender.is_pressing() {
            return;
        }
        let pt = match from {
            Some(codec) => {
                if let Some(table) = codec.transcode(stream.codec) {
                    for b in &mut buffer[header.start..header.end] {
                        *b = table[usize::from(*b)];
                    }
                }
                stream.pt
            }
            None => match stream.event_pt {
                Some(pt) => pt,
                None => return,
            },
        };
        // Extras of their header stay behind: a plain header goes right before the payload.
        let at = header.start - packet::HEADER;
        let data = &mut buffer[at..header.end];
        self.sender.relay(header, data, pt);
        let done =
            if self.locked.is_some() { self.rtp.send(data) } else { self.rtp.send_to(data, stream.remote) };
        self.count_sent(u64::from(done.is_ok()));
    }

    fn report(&mut self, ntp: u64, bye: bool) {
        self.note_counters();
        let Some(stream) = &self.stream else { return };
        let packet = rtcp::report(&self.sender, &mut self.reception, ntp, bye);
        let mut to = stream.rtcp;
        if let Some(locked) = self.locked
            && locked.ip() != stream.remote.ip()
        {
            // Behind NAT only the guess is left that RTCP is one above.
            to = SocketAddr::new(locked.ip(), locked.port().saturating_add(1));
        }
        let _ = self.rtcp.send_to(&packet, to);
        // Theirs is not looked at, but must not fill the buffer.
        let mut waste = [0u8; 512];
        for _ in 0..16 {
            if self.rtcp.recv(&mut waste).is_err() {
                break;
            }
        }
    }

    fn note_counters(&self) {
        self.counters.lost.store(self.reception.lost(), Ordering::Relaxed);
        self.counters.jitter.store(self.reception.jitter(), Ordering::Relaxed);
    }

    /// Whether the leg has fallen silent for its time-out. Once for each silence.
    pub(crate) fn is_silent(&mut self, now: u64) -> bool {
        let (Some(timeout), Some(last)) = (self.timeout, self.last_heard) else { return false };
        let held = self.stream.as_ref().is_none_or(|s| !s.receive);
        let silent = now.saturating_sub(last) > timeout.as_nanos() as u64;
        if !self.started || held || !silent || self.told_silent {
            return false;
        }
        self.told_silent = true;
        true
    }

    /// The last words.
    pub(crate) fn close(&mut self, ntp: u64) {
        self.note_counters();
        if self.sender.packets > 0 {
            self.report(ntp, true);
        }
    }

    /// What is told of a key.
    pub(crate) fn digit(digit: char, event: bool) -> HeardKind {
        let source = if event { DigitSource::Rfc4733 } else { DigitSource::InBand };
        HeardKind::Digit { digit, source }
    }
}
