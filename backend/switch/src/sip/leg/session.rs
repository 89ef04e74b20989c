//! Offers and answers, session timers (RFC 4028), and requests of ours inside a call.

use std::net::IpAddr;

use super::{Leg, Phase, Wait};
use crate::event::{EndHow, EventKind};
use crate::media::Codec;
use crate::rtp;
use crate::sip::agent::{Core, Io, Owner, Purpose, View};
use crate::sip::invite::{MIN_SE, session_id};
use crate::sip::message::{ALLOW, Message, Method, param, split_host};
use crate::sip::sdp::{self, Direction, EVENT_PT, Local, Remote};
use crate::sip::wire::Target;

/// What was agreed in a call.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The far side's last description.
    pub(crate) remote: Option<Remote>,
    /// It has a codec and an address.
    pub(crate) usable: bool,
    /// Payload types of our side.
    pub(crate) offer_codecs: Vec<(Codec, u8)>,
    /// Payload type for events of our side; `None` is the one that we offer.
    pub(crate) local_event: Option<u8>,
    /// Version of our description.
    pub(crate) version: u64,
    pub(crate) held: bool,
    /// CSeq number of our last request in early dialogs.
    pub(crate) early_cseq: u32,
    /// Branch of the refresh under way.
    pub(crate) refresh_branch: String,
    refresh_method: Option<Method>,
    refresh_ack: Option<(u32, Target, Vec<u8>)>,
    /// Seconds; `None` without a session timer.
    pub(crate) interval: Option<u32>,
    pub(crate) we_refresh: bool,
    pub(super) peer_updates: bool,
    /// Our 2xx held an offer; the ACK brings the answer.
    pub(crate) answer_in_ack: bool,
    /// Transaction of a re-INVITE of theirs that waits for its ACK.
    pub(crate) reinvite: Option<String>,
}

impl Session {
    /// The answer's codec for sending: the far side's first that is also ours.
    fn codec(&self) -> Option<(Codec, u8)> {
        let remote = self.remote.as_ref()?;
        remote.codecs.iter().find(|(c, _)| self.offer_codecs.iter().any(|(o, _)| o == c)).copied()
    }
}

impl Leg {
    /// Takes the description of an answer of theirs. True where the session is usable with it (or, without one, was
    /// before).
    pub(super) fn take_description(&mut self, io: &mut dyn Io, message: &Message, last: bool) -> bool {
        let Some(text) = message.sdp() else {
            return self.session.usable || (last && self.session.remote.is_some());
        };
        match sdp::parse(text) {
            Ok(remote) => self.take_remote(io, remote),
            Err(why) => {
                tracing::debug!(why, "description not understood");
                false
            }
        }
    }

    /// Puts a description of theirs to use.
    pub(super) fn take_remote(&mut self, io: &mut dyn Io, remote: Remote) -> bool {
        if remote.addr.port() == 0 {
            return false;
        }
        self.session.remote = Some(remote);
        self.session.usable = self.session.codec().is_some();
        self.send_stream(io);
        self.session.usable
    }

    fn send_stream(&mut self, io: &mut dyn Io) {
        let (Some(remote), Some((codec, pt))) = (&self.session.remote, self.session.codec()) else { return };
        let rtcp = match remote.rtcp_port {
            Some(port) => port,
            None if remote.rtcp_mux => remote.addr.port(),
            None => remote.addr.port().saturating_add(1),
        };
        let stream = rtp::Stream {
            remote: remote.addr,
            rtcp: std::net::SocketAddr::new(remote.addr.ip(), rtcp),
            signalled: self.record.as_ref().filter(|r| r.is_phone()).map(|r| r.destination.ip()),
            codec,
            pt,
            receive_types: self.session.offer_codecs.iter().map(|(c, pt)| (*pt, *c)).collect(),
            event_pt: remote.event_pt,
            local_event_pt: remote.event_pt.map(|_| self.session.local_event.unwrap_or(EVENT_PT)),
            send: remote.direction.receives() && !remote.addr.ip().is_unspecified(),
            receive: remote.direction.sends(),
        };
        if self.media.is_some() {
            io.media(rtp::Command::Stream { leg: self.key, stream: Box::new(stream) });
        }
    }

    /// Tells about hold where it has changed.
    pub(super) fn note_hold(&mut self, core: &Core, io: &mut dyn Io) {
        let held = self.remote().is_some_and(|r| !r.direction.receives());
        if held != self.session.held {
            self.session.held = held;
            self.emit(core, io, EventKind::Held { held });
        }
    }

    /// The leg is confirmed: sound flows both ways.
    pub(super) fn become_confirmed(&mut self, core: &mut Core, io: &mut dyn Io) {
        self.phase = Phase::Confirmed;
        self.confirmed_at = Some(core.now);
        if self.media.is_some() {
            io.media(rtp::Command::Start { leg: self.key });
        }
        core.shared.view.lock().insert(self.id.clone(), View { media: self.media.is_some(), bridged: false });
        self.note_hold(core, io);
        self.schedule_refresh(core);
    }

    // ---- our descriptions

    fn local<'a>(
        &self,
        codecs: &'a [(Codec, u8)],
        event_pt: Option<u8>,
        direction: Direction,
    ) -> Option<Local<'a>> {
        let dialog = self.dialog.as_ref()?;
        let ip: IpAddr = split_host(&dialog.sent_by)?.0.parse().ok()?;
        Some(Local {
            ip,
            port: self.rtp_port?,
            session: session_id(&dialog.call_id, &dialog.local_tag),
            version: self.session.version,
            direction,
            codecs,
            event_pt,
        })
    }

    /// Our offer, the same as before but for its version where `changed`.
    pub(super) fn offer(&mut self, changed: bool) -> Option<String> {
        if changed || self.session.version == 0 {
            self.session.version += 1;
        }
        if self.session.offer_codecs.is_empty() {
            self.session.offer_codecs = self.codecs().iter().map(|c| (*c, c.payload_type())).collect();
        }
        let codecs = self.session.offer_codecs.clone();
        let event = Some(self.session.local_event.unwrap_or(EVENT_PT));
        Some(self.local(&codecs, event, Direction::SendRecv)?.offer())
    }

    /// Answers an offer of theirs and puts it to use. `None` where there is no common codec: then nothing changes.
    pub(super) fn answer_offer(&mut self, io: &mut dyn Io, offer: Remote) -> Option<String> {
        let ours = self.codecs();
        let chosen = offer.codecs.iter().find(|(c, _)| ours.contains(c)).copied()?;
        self.session.version += 1;
        self.session.offer_codecs = vec![chosen];
        self.session.local_event = offer.event_pt;
        let direction = offer.direction.mirrored();
        let text = self.local(&[chosen], offer.event_pt, direction)?.answer(&offer);
        self.take_remote(io, offer);
        Some(text)
    }

    // ---- session timers

    /// Takes Session-Expires and Allow of a 2xx (`response`) or of a refresh of theirs.
    pub(super) fn note_session(&mut self, core: &Core, message: &Message, response: bool) {
        if message.header("Allow").is_some() {
            self.session.peer_updates = message.has_token("Allow", "UPDATE");
        }
        let Some(value) = message.header("Session-Expires") else {
            if response {
                self.session.interval = None;
            }
            return;
        };
        let Some(seconds) = value.split(';').next().and_then(|s| s.trim().parse::<u32>().ok()) else {
            return;
        };
        // A nonsensical interval must not make us hang up at once.
        self.session.interval = Some(seconds.clamp(MIN_SE, 86_400));
        let refresher = param(value, "refresher").unwrap_or("uac").to_ascii_lowercase();
        self.session.we_refresh = (refresher == "uac") == response;
        if self.phase == Phase::Confirmed {
            self.schedule_refresh(core);
        }
    }

    /// The Session-Expires header of a 2xx of ours; they refresh.
    pub(super) fn session_header(&mut self, request: &Message) -> String {
        let Some(value) = request.header("Session-Expires") else { return String::new() };
        let Some(seconds) = value.split(';').next().and_then(|s| s.trim().parse::<u32>().ok()) else {
            return String::new();
        };
        let seconds = seconds.clamp(MIN_SE, 86_400);
        let theirs = param(value, "refresher").is_none_or(|r| r.eq_ignore_ascii_case("uac"));
        let can = request.has_token("Supported", "timer") || request.has_token("Require", "timer");
        self.session.interval = Some(seconds);
        self.session.we_refresh = !theirs || !can;
        let refresher = if self.session.we_refresh { "uas" } else { "uac" };
        let require = if can && !self.session.we_refresh { "Require: timer\r\n" } else { "" };
        format!("{require}Session-Expires: {seconds};refresher={refresher}\r\n")
    }

    pub(super) fn schedule_refresh(&mut self, core: &Core) {
        self.forget(Wait::Refresh);
        self.forget(Wait::Expiry);
        let Some(seconds) = self.session.interval else { return };
        let interval = std::time::Duration::from_secs(u64::from(seconds));
        let margin = (interval / 3).min(std::time::Duration::from_secs(32));
        self.wait(core.now + (interval - margin), Wait::Expiry);
        if self.session.we_refresh {
            self.wait(core.now + interval / 2, Wait::Refresh);
        }
    }

    /// Refreshes the session: UPDATE where the far side knows it, else re-INVITE.
    pub(super) fn refresh(&mut self, core: &mut Core, io: &mut dyn Io) {
        if self.phase != Phase::Confirmed {
            return;
        }
        let branch = self.session.refresh_branch.clone();
        let ours_pending =
            self.session.refresh_method.is_some_and(|m| !branch.is_empty() && core.is_pending(&branch, m));
        if ours_pending || self.session.reinvite.is_some() {
            // RFC 3261 14.1: not while another INVITE is under way, in either direction.
            self.retry_refresh(core, io);
            return;
        }
        let seconds = self.session.interval.unwrap_or(1800);
        let contact = self.dialog.as_ref().map(super::Dialog::contact).unwrap_or_default();
        let headers = format!(
            "Contact: {contact}\r\nAllow: {ALLOW}\r\nSupported: timer\r\n\
             Session-Expires: {seconds};refresher=uac\r\nMin-SE: {MIN_SE}\r\n"
        );
        let (method, sdp) = if self.session.peer_updates {
            (Method::Update, None)
        } else {
            (Method::Invite, self.offer(false))
        };
        let Some(dialog) = self.dialog.as_mut() else { return };
        let made = dialog.request(method.as_str(), &headers, sdp.as_deref());
        let target = dialog.target;
        self.session.refresh_branch.clone_from(&made.branch);
        self.session.refresh_method = Some(method);
        core.request(io, &made.branch, method, made.bytes, target, Owner::Leg(self.key, Purpose::Refresh));
    }

    /// RFC 3261 14.1: after a 491 the one that made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s.
    fn retry_refresh(&mut self, core: &mut Core, io: &mut dyn Io) {
        let steps = io.random();
        let ms = if self.incoming.is_none() { 2100 + (steps % 190) * 10 } else { (steps % 200) * 10 };
        self.wait(core.now + std::time::Duration::from_millis(ms), Wait::Refresh);
    }

    pub(super) fn on_refresh_response(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        status: u16,
    ) {
        self.session.refresh_method = None;
        match status {
            200..300 => {
                if let Some(dialog) = self.dialog.as_mut() {
                    dialog.refresh_target(message);
                }
                self.note_session(core, message, true);
                if message.sdp().is_some() && self.take_description(io, message, false) {
                    self.note_hold(core, io);
                }
                self.schedule_refresh(core);
            }
            491 => self.retry_refresh(core, io),
            // RFC 3261 12.2.1.2: the far side has no such call any more.
            481 | 408 => self.bye(core, io, EndHow::SessionExpired, None),
            // RFC 4028 7.4: propose what it asks for.
            422 => {
                let least = message.header("Min-SE").and_then(|v| v.split(';').next()?.trim().parse().ok());
                if let Some(least) = least.filter(|s| (MIN_SE..86_400).contains(s)) {
                    self.session.interval = Some(least);
                    self.retry_refresh(core, io);
                }
            }
            // The session lives on until its expiry.
            _ => {}
        }
    }

    /// A 2xx to a re-INVITE of ours: acknowledged at once, and again whenever it comes again.
    pub(super) fn on_refresh_2xx(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message, cseq: u32) {
        if let Some((number, target, ack)) = &self.session.refresh_ack
            && *number == cseq
        {
            core.send(io, *target, ack.clone());
            return;
        }
        let Some(dialog) = self.dialog.as_mut() else { return };
        if message.tag_to().unwrap_or_default() != dialog.remote_tag {
            return;
        }
        dialog.refresh_target(message);
        let (ack, target) = (dialog.ack(cseq, "", None), dialog.target);
        core.send(io, target, ack.clone());
        self.session.refresh_ack = Some((cseq, target, ack));
        if self.phase == Phase::Confirmed {
            self.on_refresh_response(core, io, message, 200);
        }
    }

    /// Whether a re-INVITE of ours waits for its answer.
    pub(super) fn offers_now(&self, core: &Core) -> bool {
        self.session.refresh_method == Some(Method::Invite)
            && core.is_pending(&self.session.refresh_branch, Method::Invite)
    }
}
