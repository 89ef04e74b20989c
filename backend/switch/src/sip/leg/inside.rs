//! Requests of theirs inside a call: BYE, re-INVITE, UPDATE, INFO, PRACK, OPTIONS, and what is not supported.

use super::{Leg, Phase};
use crate::event::{DigitSource, EndHow, EventKind};
use crate::sip::agent::{Core, Io};
use crate::sip::invite::MIN_SE;
use crate::sip::message::{ALLOW, Message, Method};
use crate::sip::sdp;
use crate::sip::wire::Target;

impl Leg {
    /// A request with our tag. The transaction is open; every way through here answers it.
    pub(crate) fn on_request(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        method: Method,
        source: Target,
        key: &str,
    ) {
        let Some((cseq, _)) = message.cseq() else { return };
        if self.done || self.dialog.as_ref().is_some_and(|d| !d.owns(message)) {
            self.say(core, io, message, source, key, 481, "", None);
            return;
        }
        if let Some(dialog) = self.dialog.as_mut()
            && method != Method::Prack
            && !dialog.advance(cseq)
        {
            // Older than what was seen (12.2.2).
            self.say(core, io, message, source, key, 500, "", None);
            return;
        }
        if let Some(unknown) = unsupported(message) {
            let header = format!("Unsupported: {unknown}\r\n");
            self.say(core, io, message, source, key, 420, &header, None);
            return;
        }
        match method {
            Method::Bye => self.on_bye(core, io, message, source, key),
            Method::Invite => self.on_reinvite(core, io, message, source, key),
            Method::Update => self.on_update(core, io, message, source, key),
            Method::Info => self.on_info(core, io, message, source, key),
            Method::Prack => self.on_prack(core, io, message, source, key),
            Method::Options => {
                let headers = format!("Allow: {ALLOW}\r\nAccept: application/sdp\r\n");
                self.say(core, io, message, source, key, 200, &headers, None);
            }
            Method::Unknown => self.say(core, io, message, source, key, 501, "", None),
            _ => self.say(core, io, message, source, key, 405, &format!("Allow: {ALLOW}\r\n"), None),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one answer")]
    pub(super) fn say(
        &self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        source: Target,
        key: &str,
        status: u16,
        headers: &str,
        body: Option<&str>,
    ) {
        let bytes = core.response(message, source, status, &self.dialog_key.1, headers, body);
        core.answer(io, key, status, bytes);
    }

    fn on_bye(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message, source: Target, key: &str) {
        // A call of ours that was not answered has no dialog that could be ended.
        if matches!(self.phase, Phase::Calling | Phase::ProbeListen) {
            self.say(core, io, message, source, key, 481, "", None);
            return;
        }
        self.say(core, io, message, source, key, 200, "", None);
        if self.phase == Phase::Incoming {
            self.refuse_invite(core, io, 487);
        }
        let (cause, text) = message.reason();
        self.end.q850 = cause.or(self.end.q850);
        self.end.reason_text = text.or(self.end.reason_text.take());
        // Where our own BYE is under way (they crossed), its reason stands.
        self.finish(EndHow::RemoteBye);
    }

    fn on_reinvite(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        source: Target,
        key: &str,
    ) {
        if self.offers_now(core)
            || matches!(self.phase, Phase::Calling | Phase::ProbeListen | Phase::Incoming)
        {
            self.say(core, io, message, source, key, 491, "", None);
            return;
        }
        if self.phase == Phase::Ending {
            self.say(core, io, message, source, key, 481, "", None);
            return;
        }
        if self.session.reinvite.as_ref().is_some_and(|k| core.is_unanswered(k)) {
            self.say(core, io, message, source, key, 500, "Retry-After: 1\r\n", None);
            return;
        }
        if too_short(message) {
            self.say(core, io, message, source, key, 422, &format!("Min-SE: {MIN_SE}\r\n"), None);
            return;
        }
        let body = match message.sdp().map(sdp::parse) {
            None if message.body.is_empty() => {
                self.session.answer_in_ack = true;
                self.session.offer_codecs.clear();
                self.offer(true)
            }
            None => {
                self.say(core, io, message, source, key, 415, "Accept: application/sdp\r\n", None);
                return;
            }
            Some(Ok(offer)) => {
                self.session.answer_in_ack = false;
                self.answer_offer(io, offer)
            }
            Some(Err(_)) => None,
        };
        let Some(body) = body else {
            self.say(core, io, message, source, key, 488, "", None);
            return;
        };
        if let Some(dialog) = self.dialog.as_mut() {
            dialog.refresh_target(message);
        }
        let headers = self.success_headers(message);
        self.session.reinvite = Some(key.to_owned());
        self.say(core, io, message, source, key, 200, &headers, Some(&body));
        self.note_session(core, message, false);
        self.note_hold(core, io);
        if self.phase == Phase::Confirmed {
            self.schedule_refresh(core);
        }
    }

    /// Headers of a 2xx of ours to INVITE or UPDATE.
    pub(super) fn success_headers(&mut self, request: &Message) -> String {
        let session = self.session_header(request);
        let invited = || self.invite.as_ref().and_then(|t| t.get("Contact")).unwrap_or_default().to_owned();
        let contact = self.dialog.as_ref().map_or_else(invited, super::Dialog::contact);
        format!("Contact: {contact}\r\nAllow: {ALLOW}\r\nSupported: timer\r\n{session}")
    }

    fn on_update(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message, source: Target, key: &str) {
        if matches!(self.phase, Phase::Ending) {
            self.say(core, io, message, source, key, 481, "", None);
            return;
        }
        if too_short(message) {
            self.say(core, io, message, source, key, 422, &format!("Min-SE: {MIN_SE}\r\n"), None);
            return;
        }
        let body = match message.sdp().map(sdp::parse) {
            None => None,
            // An offer while ours waits for its answer (RFC 3311 5.2); before the answer our INVITE's is one.
            Some(_) if self.offers_now(core) || (self.phase == Phase::Calling && self.remote().is_none()) => {
                self.say(core, io, message, source, key, 491, "", None);
                return;
            }
            Some(Ok(offer)) => match self.answer_offer(io, offer) {
                Some(text) => Some(text),
                None => {
                    self.say(core, io, message, source, key, 488, "", None);
                    return;
                }
            },
            Some(Err(_)) => {
                self.say(core, io, message, source, key, 488, "", None);
                return;
            }
        };
        if let Some(dialog) = self.dialog.as_mut() {
            dialog.refresh_target(message);
        }
        let headers = self.success_headers(message);
        self.say(core, io, message, source, key, 200, &headers, body.as_deref());
        self.note_session(core, message, false);
        self.note_hold(core, io);
        if self.phase == Phase::Confirmed {
            self.schedule_refresh(core);
        }
    }

    /// Key presses as INFO, `application/dtmf-relay` (Signal=5) or `application/dtmf` (5).
    fn on_info(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message, source: Target, key: &str) {
        let kind = message.header("Content-Type").unwrap_or_default().to_ascii_lowercase();
        if !message.body.is_empty() && !kind.starts_with("application/dtmf") {
            self.say(core, io, message, source, key, 415, "Accept: application/dtmf-relay\r\n", None);
            return;
        }
        self.say(core, io, message, source, key, 200, "", None);
        let text = String::from_utf8_lossy(&message.body).into_owned();
        let signal = text.lines().find_map(|l| {
            let (name, value) = l.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim().to_owned())
        });
        let signal = signal.unwrap_or_else(|| text.trim().to_owned());
        let digit = match signal.as_str() {
            "10" => Some('*'),
            "11" => Some('#'),
            s if s.chars().count() == 1 => s.chars().next().map(|c| c.to_ascii_uppercase()),
            _ => None,
        };
        if let Some(digit) = digit.filter(|d| crate::media::tone::pair(*d).is_some())
            && self.phase == Phase::Confirmed
        {
            self.emit(core, io, EventKind::Digit { digit, source: DigitSource::Info });
        }
    }

    /// The ACK of a 2xx of ours.
    pub(crate) fn on_ack(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message) {
        if self.phase == Phase::Answering {
            if let Some(key) = self.incoming.as_ref().map(|c| c.key.clone())
                && message.cseq().map(|c| c.0) == self.incoming.as_ref().and_then(|c| c.cseq)
                && core.acked(&key)
            {
                self.take_answer_in_ack(core, io, message);
                if !self.done && self.phase == Phase::Answering {
                    self.on_first_ack(core, io);
                }
            }
            return;
        }
        let Some(key) = self.session.reinvite.clone() else { return };
        let same = self.dialog.as_ref().and_then(|d| d.remote_cseq);
        // A late ACK of an older re-INVITE says nothing of this one.
        if message.cseq().map(|c| c.0).is_some_and(|n| same.is_some_and(|s| n > s)) {
            return;
        }
        if core.acked(&key) {
            self.session.reinvite = None;
            self.take_answer_in_ack(core, io, message);
        }
    }

    fn take_answer_in_ack(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message) {
        if !self.session.answer_in_ack {
            return;
        }
        self.session.answer_in_ack = false;
        if message.sdp().is_some() && self.take_description(io, message, true) {
            self.note_hold(core, io);
        } else {
            // RFC 3261 13.2.2.4: without a usable answer there is no session.
            self.bye(core, io, EndHow::BadMedia, None);
        }
    }

    /// A 2xx of ours was never acknowledged (13.3.1.4, 14.2).
    pub(crate) fn on_no_ack(&mut self, core: &mut Core, io: &mut dyn Io) {
        if !self.done && matches!(self.phase, Phase::Answering | Phase::Confirmed) {
            self.bye(core, io, EndHow::NoAck, None);
        }
    }
}

/// Option tags that a request requires and that we do not know.
pub(crate) fn unsupported(message: &Message) -> Option<String> {
    let unknown: Vec<String> = message
        .values("Require")
        .into_iter()
        .filter(|t| !t.eq_ignore_ascii_case("100rel") && !t.eq_ignore_ascii_case("timer"))
        .collect();
    if unknown.is_empty() { None } else { Some(unknown.join(", ")) }
}

/// Whether the session interval asked for is less than we accept (RFC 4028 9).
pub(crate) fn too_short(message: &Message) -> bool {
    let seconds =
        message.header("Session-Expires").and_then(|v| v.split(';').next()?.trim().parse::<u32>().ok());
    seconds.is_some_and(|s| s < MIN_SE)
}
