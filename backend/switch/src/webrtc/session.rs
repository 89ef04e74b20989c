//! One app's connection: ICE and DTLS by str0m, its sound in both directions.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::format::{Codec as Format, FormatParams};
use str0m::media::{Frequency, Mid};
use str0m::rtp::{ExtensionMap, RedDecoder, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

use super::codec::{Opus, to_linear};
use super::playout::Playout;
use super::towards::{Kind, Towards};
use super::{EVENT_PT, LONGEST, ToldKind};
use crate::error::SwitchError;
use crate::media::Codec;
use crate::media::codec::FRAME;
use crate::rtp::packet;

/// Payload type of events, where the app says none of its own.
const EVENT_48K: u8 = 110;
/// Addresses of one app that are remembered.
const ADDRESSES: usize = 8;
/// How long an app on hold may be away.
const HELD: Duration = Duration::from_secs(60);
/// What is spoken between relay and gateway.
const INSIDE: Codec = Codec::Pcma;

/// See the module.
pub(crate) struct Session {
    rtc: Rtc,
    /// Where the relay hears us.
    pub(crate) relay: SocketAddr,
    /// Where the app was heard.
    pub(crate) addresses: Vec<SocketAddr>,
    mid: Option<Mid>,
    /// Payload types, as they were agreed.
    opus_pt: u8,
    red_pt: Option<u8>,
    event_pt: Option<u8>,
    voice: Opus,
    playout: Playout,
    towards: Towards,
    /// RTP to the relay: number, timestamp, source.
    seq: u16,
    ts: u32,
    ssrc: u32,
    /// Timestamps of the key that the app presses: its own, and ours.
    key: Option<(u32, u32)>,
    pub(crate) due: Instant,
    /// When the next frame goes to the relay.
    pub(crate) tick: Instant,
    pub(crate) born: Instant,
    pub(crate) connected: bool,
    lost_at: Option<Instant>,
    held: bool,
    over: Option<ToldKind>,
}

impl Session {
    /// Answers an app's offer.
    pub(crate) fn open(
        relay: SocketAddr,
        public: SocketAddr,
        offer: &str,
        now: Instant,
    ) -> Result<(Self, String), SwitchError> {
        let mut config = Rtc::builder()
            .clear_codecs()
            .enable_opus(true, true)
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_extension_map(ExtensionMap::empty());
        let event = EVENT_48K.into();
        config.codec_config().add_config(
            event,
            None,
            Format::Tele,
            Frequency::FORTY_EIGHT_KHZ,
            None,
            FormatParams::default(),
        );
        let mut rtc = config.build(now);
        let host = Candidate::host(public, "udp").map_err(|e| SwitchError::Description(e.to_string()))?;
        rtc.add_local_candidate(host);
        let chance: u64 = rand::random();
        let mut made = Self {
            rtc,
            relay,
            addresses: Vec::new(),
            mid: None,
            opus_pt: 111,
            red_pt: None,
            event_pt: None,
            voice: Opus::new()?,
            playout: Playout::default(),
            towards: Towards::new(chance as u32),
            seq: (chance >> 16) as u16,
            ts: (chance >> 24) as u32,
            ssrc: (chance >> 32) as u32,
            key: None,
            due: now,
            tick: now,
            born: now,
            connected: false,
            lost_at: None,
            held: false,
            over: None,
        };
        let answer = made.describe(offer)?;
        Ok((made, answer))
    }

    /// Takes an offer, the first or a later one, and gives the answer.
    pub(crate) fn describe(&mut self, offer: &str) -> Result<String, SwitchError> {
        let fail = |why: String| SwitchError::Description(why);
        if offer.len() > LONGEST {
            return Err(fail(format!("{} bytes, of at most {LONGEST}", offer.len())));
        }
        let audio = offer.lines().filter(|l| l.starts_with("m=")).count();
        if audio != 1 || !offer.lines().any(|l| l.starts_with("m=audio ")) {
            return Err(fail("it must have one stream, of audio".to_owned()));
        }
        let offer = SdpOffer::from_sdp_string(offer).map_err(|e| fail(e.to_string()))?;
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(|e| fail(e.to_string()))?;
        let params = self.rtc.codec_config().params();
        let find = |f: Format| params.iter().find(|p| p.spec().codec == f);
        let opus = find(Format::Opus).ok_or_else(|| fail("it has no Opus".to_owned()))?;
        self.opus_pt = *opus.pt();
        self.red_pt = opus.red().map(|pt| *pt);
        let answer = answer.to_sdp_string();
        // only what the answer still has was agreed
        let agreed = |pt: u8| answer.lines().any(|l| l.starts_with(&format!("a=rtpmap:{pt} ")));
        if !agreed(self.opus_pt) {
            return Err(fail("it has no Opus".to_owned()));
        }
        self.red_pt = self.red_pt.filter(|pt| agreed(*pt));
        self.event_pt = find(Format::Tele).map(|p| *p.pt()).filter(|pt| agreed(*pt));
        self.be_patient();
        Ok(answer)
    }

    /// A candidate that came later.
    pub(crate) fn candidate(&mut self, text: &str) -> Result<(), SwitchError> {
        let fail = |why: String| SwitchError::Description(why);
        if text.len() > 512 {
            return Err(fail("a candidate of more than 512 bytes".to_owned()));
        }
        let candidate = Candidate::from_sdp_string(text).map_err(|e| fail(e.to_string()))?;
        self.rtc.add_remote_candidate(candidate);
        Ok(())
    }

    /// The app is in another call, or back.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
        if !held {
            self.playout = Playout::default();
            self.be_patient();
        }
    }

    /// An app that speaks again after it was away is given its whole time to connect anew.
    fn be_patient(&mut self) {
        if self.lost_at.is_some() {
            self.lost_at = Some(Instant::now());
        }
    }

    /// Whether a datagram of a stranger is for this app.
    pub(crate) fn accepts(&self, input: &Input<'_>) -> bool {
        self.rtc.accepts(input)
    }

    /// Remembers where the app speaks from; what is forgotten for it.
    pub(crate) fn note(&mut self, from: SocketAddr) -> Option<SocketAddr> {
        if self.addresses.contains(&from) {
            return None;
        }
        self.addresses.push(from);
        (self.addresses.len() > ADDRESSES).then(|| self.addresses.remove(0))
    }

    /// A datagram, or time passing. What is to be sent goes to `send`; sound for the relay to `inside`.
    pub(crate) fn input(
        &mut self,
        input: Input<'_>,
        send: &mut dyn FnMut(&[u8], SocketAddr),
        inside: &mut dyn FnMut(&[u8], SocketAddr),
    ) {
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "a datagram of an app cannot be used");
        }
        self.drive(send, inside);
    }

    /// Carries out what str0m wants done.
    pub(crate) fn drive(
        &mut self,
        send: &mut dyn FnMut(&[u8], SocketAddr),
        inside: &mut dyn FnMut(&[u8], SocketAddr),
    ) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.due = at;
                    break;
                }
                Ok(Output::Transmit(t)) => send(&t.contents, t.destination),
                Ok(Output::Event(event)) => self.on_event(event, inside),
                Err(error) => {
                    tracing::debug!(%error, "an app's connection has failed");
                    self.over.get_or_insert(ToldKind::Closed);
                    break;
                }
            }
        }
        if !self.rtc.is_alive() {
            self.over.get_or_insert(ToldKind::Closed);
        }
    }

    fn on_event(&mut self, event: Event, inside: &mut dyn FnMut(&[u8], SocketAddr)) {
        match event {
            Event::Connected => self.connected = true,
            Event::MediaAdded(media) => self.mid = self.mid.or(Some(media.mid)),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.lost_at.get_or_insert_with(Instant::now);
            }
            Event::IceConnectionStateChange(
                IceConnectionState::Connected | IceConnectionState::Completed,
            ) => {
                self.lost_at = None;
            }
            Event::RtpPacket(packet) => self.heard(&packet, inside),
            _ => {}
        }
    }

    /// A packet of the app.
    fn heard(&mut self, packet: &RtpPacket, inside: &mut dyn FnMut(&[u8], SocketAddr)) {
        if self.held {
            return;
        }
        let (pt, ts) = (*packet.header.payload_type, packet.header.timestamp);
        if pt == self.opus_pt {
            self.playout.push(ts, &packet.payload);
        } else if Some(pt) == self.red_pt {
            let Ok(blocks) = RedDecoder::decode(&packet.payload) else { return };
            for block in blocks {
                let at = ts.wrapping_sub(block.timestamp_offset);
                if block.pt == self.opus_pt
                    && !block.payload.is_empty()
                    && (block.is_primary || !self.playout.has(at))
                {
                    self.playout.push(at, block.payload);
                }
            }
        } else if Some(pt) == self.event_pt
            && let Some(payload) = Towards::event_to_relay(&packet.payload)
        {
            let began = match self.key {
                Some((theirs, ours)) if theirs == ts => ours,
                _ => self.ts,
            };
            self.key = Some((ts, began));
            let mut data = [0u8; packet::HEADER + 4];
            packet::write(&mut data, packet.header.marker, EVENT_PT, self.seq, began, self.ssrc);
            data[packet::HEADER..].copy_from_slice(&payload);
            self.seq = self.seq.wrapping_add(1);
            inside(&data, self.relay);
        }
    }

    /// The frame that is due for the relay: every 20 ms, silence included.
    pub(crate) fn frame(&mut self, inside: &mut dyn FnMut(&[u8], SocketAddr)) {
        let mut data = [0u8; packet::HEADER + FRAME];
        packet::write(&mut data, false, INSIDE.payload_type(), self.seq, self.ts, self.ssrc);
        let frame = if self.held { [0.0; FRAME] } else { self.playout.frame(&mut self.voice) };
        for (to, sample) in data[packet::HEADER..].iter_mut().zip(frame) {
            *to = INSIDE.encode(to_linear(sample));
        }
        self.seq = self.seq.wrapping_add(1);
        self.ts = self.ts.wrapping_add(FRAME as u32);
        inside(&data, self.relay);
    }

    /// A packet of the relay, for the app.
    pub(crate) fn say(&mut self, data: &[u8], now: Instant) {
        let Some(mid) = self.mid.filter(|_| self.connected && !self.held) else { return };
        let (opus_pt, event_pt) = (self.opus_pt, self.event_pt);
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(mid, None) else { return };
        self.towards.packet(data, INSIDE, EVENT_PT, &mut self.voice, |out| {
            let pt = match out.kind {
                Kind::Speech => Some(opus_pt),
                Kind::Event => event_pt,
            };
            if let Some(pt) = pt {
                let write = RtpWrite::new(pt.into(), out.seq.into(), out.ts, now, &out.payload[..]);
                stream.write_rtp(write.marker(out.marker));
            }
        });
    }

    /// Says goodbye.
    pub(crate) fn close(&mut self, send: &mut dyn FnMut(&[u8], SocketAddr)) {
        let _ = self.rtc.close();
        self.drive(send, &mut |_, _| {});
    }

    /// Why the leg is over, once it is.
    pub(crate) fn is_over(&self, now: Instant, gone_after: Duration) -> Option<ToldKind> {
        if self.over.is_some() {
            return self.over;
        }
        if !self.connected && now.saturating_duration_since(self.born) >= super::CONNECT {
            return Some(ToldKind::NeverConnected);
        }
        let patience = if self.held { gone_after + HELD } else { gone_after };
        let lost = self.lost_at?;
        (now.saturating_duration_since(lost) >= patience).then_some(ToldKind::Gone)
    }
}
