//! Calls of ours: placed, probed after a restart, cancelled, answered.
//!
//! Probing: the INVITE goes out with an option that nobody knows. 100 says nothing (a proxy that has forgotten the
//! call says it to a new request too); 18x comes only from a transaction that lives. 420 says that the far side had
//! to read the headers, so the call is gone; then 4 s are listened for a 2xx that is still being repeated.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Leg, Mode, Phase, Wait};
use crate::event::{EndHow, EventKind, LegId};
use crate::rtp;
use crate::sip::agent::{Core, Io, Owner, Purpose};
use crate::sip::dialog::Dialog;
use crate::sip::digest::Challenge;
use crate::sip::invite::{Text, branch, derive};
use crate::sip::message::{Message, Method, Start};
use crate::sip::record::{DialogRecord, InviteRecord, RECORD_VERSION};
use crate::sip::trunk::Permit;
use crate::sip::wire::Target;

/// Challenges that are answered for one request: one, and one more where the nonce was stale.
const AUTH_TRIES: u8 = 2;

impl Core {
    /// Sends a stored INVITE.
    pub(crate) fn place(&mut self, io: &mut dyn Io, record: Box<InviteRecord>, permit: Option<Permit>) {
        self.start_stored(io, record, permit, Mode::Normal);
    }

    /// Sends a stored INVITE as a probe.
    pub(crate) fn probe(&mut self, io: &mut dyn Io, record: Box<InviteRecord>, permit: Option<Permit>) {
        self.start_stored(io, record, permit, Mode::Probe);
    }

    /// Sends the CANCEL of a stored INVITE.
    pub(crate) fn cancel_stored(&mut self, io: &mut dyn Io, record: Box<InviteRecord>) {
        self.start_stored(io, record, None, Mode::CancelStored);
    }

    fn start_stored(
        &mut self,
        io: &mut dyn Io,
        record: Box<InviteRecord>,
        permit: Option<Permit>,
        mode: Mode,
    ) {
        let id = record.leg();
        if self.by_id.contains_key(&id) {
            return;
        }
        let key = self.new_key();
        let dialog_key = (record.call_id.clone(), record.from_tag.clone());
        // A ghost of an earlier leg of this record would take the answers.
        self.ghosts.remove(&dialog_key);
        let mut leg = Box::new(Leg::new(key, id, dialog_key, Phase::Calling, mode));
        leg.permit = permit.map(Permit::spend);
        leg.trunk = self.shared.trunks.get(&record.trunk).cloned();
        leg.branch.clone_from(&record.branch);
        leg.cseq = record.cseq;
        leg.record = Some(record);
        self.shared.counters.placed.fetch_add(1, Ordering::Relaxed);
        self.add_leg(leg);
        self.with_leg(io, key, |core, io, leg| leg.start(core, io));
    }

    /// Sends BYE in a stored dialog.
    pub(crate) fn end_stored(&mut self, io: &mut dyn Io, record: &DialogRecord) {
        let id = LegId::new(&record.call_id);
        if self.by_id.contains_key(&id) {
            return;
        }
        let key = self.new_key();
        let dialog_key = (record.call_id.clone(), record.local_tag.clone());
        let mut leg = Box::new(Leg::new(key, id, dialog_key, Phase::Confirmed, Mode::EndStored));
        leg.trunk = record.trunk.as_ref().and_then(|t| self.shared.trunks.get(t)).cloned();
        let mut dialog = Dialog::from_record(record);
        let bound = record.trunk.is_none() && record.transport.is_reliable();
        let way = self.phone_flow(record.transport, record.destination);
        dialog.target.flow = way.filter(|_| bound).unwrap_or_else(|| self.flow_of(&record.sent_by));
        leg.dialog = Some(dialog);
        leg.end.answered = true;
        self.add_leg(leg);
        self.with_leg(io, key, |core, io, leg| {
            if record.version > RECORD_VERSION {
                leg.finish(EndHow::TransportFailed);
                return;
            }
            // The 2xx may still be waiting for the ACK that the dead process did not send.
            if let Some(dialog) = &leg.dialog
                && record.invite_cseq > 0
            {
                let (ack, target) = (dialog.ack(record.invite_cseq, "", None), dialog.target);
                core.send(io, target, ack);
            }
            leg.bye(core, io, EndHow::LocalBye, None);
            if leg.end.sent {
                leg.emit(core, io, EventKind::Sent);
            } else {
                leg.how = Some(EndHow::TransportFailed);
            }
        });
    }
}

impl Leg {
    fn start(&mut self, core: &mut Core, io: &mut dyn Io) {
        let Some(record) = self.record.clone() else { return };
        if record.version > RECORD_VERSION {
            self.finish(EndHow::TransportFailed);
            return;
        }
        if self.mode == Mode::Probe && self.trunk.as_ref().is_some_and(|t| !t.config.probe) {
            self.finish(EndHow::ProbeOff);
            return;
        }
        let text = Text::new(&record.request);
        let Some(target) = core.way_of(&record) else {
            // the telephone has gone, and its connection with it
            self.rtp_port = Some(record.rtp_port);
            self.finish(EndHow::TransportFailed);
            return;
        };
        if self.mode == Mode::CancelStored {
            self.invite = Some(text);
            self.cancel = Some(None);
            self.end.sent = true;
            // Answers to the INVITE find the leg only through its dialog or transaction: listen for them.
            core.listen(&self.branch, target, record.request.clone(), Owner::Leg(self.key, Purpose::Invite));
            self.send_cancel(core, io, target);
            self.emit(core, io, EventKind::Sent);
            return;
        }
        match core.shared.ports.take(record.rtp_port) {
            Ok(pair) => {
                self.rtp_port = Some(record.rtp_port);
                let counters = Arc::new(rtp::LegCounters::default());
                io.media(rtp::Command::Open {
                    leg: self.key,
                    port: record.rtp_port,
                    pair,
                    counters: counters.clone(),
                    timeout: core.shared.config.media_timeout,
                });
                self.media = Some(counters);
            }
            // A call that may be ringing is still worth asking about; only its sound is lost.
            Err(e) if self.mode == Mode::Probe => tracing::warn!(error = %e, "probe without media"),
            Err(e) => {
                tracing::warn!(error = %e, "call not placed");
                self.finish(EndHow::TransportFailed);
                return;
            }
        }
        let sent = if self.mode == Mode::Probe { text.clone().probe() } else { text.clone() };
        let owner = Owner::Leg(self.key, Purpose::Invite);
        if !core.request(io, &self.branch, Method::Invite, sent.bytes(), target, owner) {
            self.finish(EndHow::TransportFailed);
            return;
        }
        self.end.sent = true;
        self.session.offer_codecs = self.codecs().iter().map(|c| (*c, c.payload_type())).collect();
        self.session.version = 1;
        self.invite = Some(text);
        let limit = self.trunk.as_ref().map_or(core.timing.timeout() * 6, |t| t.config.ring_limit);
        self.wait(core.now + limit, Wait::Ring);
        self.emit(core, io, EventKind::Sent);
    }

    fn target(&self, core: &Core) -> Option<Target> {
        core.way_of(self.record.as_ref()?)
    }

    // ---- answers

    pub(super) fn on_invite_response(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        source: Target,
        status: u16,
    ) {
        if status < 200 {
            self.on_provisional(core, io, message, source, status);
            return;
        }
        if !matches!(self.phase, Phase::Calling) {
            return;
        }
        let phrase = match &message.start {
            Start::Response { phrase, .. } => phrase.as_str(),
            Start::Request { .. } => "",
        };
        self.forget(Wait::Ring);
        self.note_final(message, status, phrase);
        let probing = self.mode == Mode::Probe;
        let how = match status {
            420 if probing => {
                self.phase = Phase::ProbeListen;
                self.wait(core.now + core.timing.t2(), Wait::ProbeListen);
                return;
            }
            401 | 407 if probing => EndHow::ProbeChallenged,
            // "Loop" to a probe: the far side has this very call on another branch, and says no more of it.
            482 if probing => EndHow::ProbeSilent,
            401 | 407 if self.cancel.is_none() => {
                if self.answer_challenge(core, io, message, status) {
                    return;
                }
                EndHow::AuthFailed
            }
            422 if self.cancel.is_none() && self.raise_interval(core, io, message) => return,
            487 if self.cancel.is_some() => EndHow::Cancelled,
            401 | 407 if self.cancel.is_some() => EndHow::Cancelled,
            _ => EndHow::Refused,
        };
        self.finish(how);
    }

    fn on_provisional(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        source: Target,
        status: u16,
    ) {
        if self.phase != Phase::Calling {
            return;
        }
        if (180..190).contains(&status) {
            self.end.rang = true;
        }
        if status > 100 && self.mode == Mode::Probe {
            self.mode = Mode::Normal;
        }
        let early = message.sdp().is_some();
        if (status, early) != self.last_progress {
            self.last_progress = (status, early);
            self.emit(core, io, EventKind::Progress { status, early_media: early });
        }
        self.acknowledge_provisional(core, io, message, source);
        if early {
            self.take_description(io, message, false);
        }
        if self.cancel.is_some() && !self.cancel_sent {
            self.flush_cancel(core, io);
        }
    }

    /// PRACK (RFC 3262) for a provisional answer that wants one, once for each RSeq and fork.
    fn acknowledge_provisional(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        source: Target,
    ) {
        if !message.has_token("Require", "100rel") {
            return;
        }
        let Some(rseq) = message.header("RSeq").and_then(|v| v.parse::<u32>().ok()) else { return };
        let (Some(tag), Some((number, _))) = (message.tag_to(), message.cseq()) else { return };
        let expected = self.reliable_seen.get(tag).map(|last| last.wrapping_add(1));
        // Out of order or repeated: RFC 3262 4 says to leave it, the far side repeats it.
        if expected.is_some_and(|e| e != rseq) || (expected.is_none() && self.reliable_seen.len() >= 16) {
            return;
        }
        let Some(record) = &self.record else { return };
        let flow = core.dialog_flow(record, source);
        let Some(mut dialog) = Dialog::from_response(record, self.cseq, message, flow, true) else { return };
        self.reliable_seen.insert(tag.to_owned(), rseq);
        // One count for all early dialogs keeps every number in each of them rising.
        dialog.local_cseq = self.session.early_cseq.max(self.cseq);
        let made = dialog.request("PRACK", &format!("RAck: {rseq} {number} INVITE\r\n"), None);
        self.session.early_cseq = dialog.local_cseq;
        let owner = Owner::Leg(self.key, Purpose::Prack);
        core.request(io, &made.branch, Method::Prack, made.bytes, dialog.target, owner);
    }

    /// A 2xx to an INVITE of this call: the first, a repetition, another fork's, or that of a re-INVITE.
    pub(crate) fn on_2xx(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        source: Target,
        cseq: u32,
    ) {
        if self.dialog.is_some() && cseq != self.cseq {
            self.on_refresh_2xx(core, io, message, cseq);
            return;
        }
        let Some(record) = self.record.clone() else { return };
        let tag = message.tag_to().unwrap_or_default().to_owned();
        if let Some((target, ack)) = self.acks.get(&tag) {
            core.send(io, *target, ack.clone());
            return;
        }
        let first = matches!(self.phase, Phase::Calling | Phase::ProbeListen);
        if !first {
            if self.dialog.as_ref().is_none_or(|d| d.remote_tag != tag)
                && let Some(done) = core.ack_and_bye(io, &record, cseq, message, source, None)
                && self.acks.len() < 16
            {
                self.acks.insert(tag, done);
            }
            return;
        }
        self.waits.clear();
        self.end.answered = true;
        let phrase = match &message.start {
            Start::Response { phrase, .. } => phrase.clone(),
            Start::Request { .. } => String::new(),
        };
        self.note_final(message, 200, &phrase);
        core.shared.counters.answered.fetch_add(1, Ordering::Relaxed);
        if self.cancel.is_some() {
            // Our CANCEL and their answer crossed.
            let reason = self.cancel_reason();
            if let Some(done) = core.ack_and_bye(io, &record, cseq, message, source, reason.as_deref()) {
                self.acks.insert(tag, done);
            }
            self.finish(EndHow::Cancelled);
            return;
        }
        self.mode = Mode::Normal;
        let flow = core.dialog_flow(&record, source);
        let Some(mut dialog) = Dialog::from_response(&record, cseq, message, flow, true) else {
            self.finish(EndHow::BadMedia);
            return;
        };
        dialog.local_cseq = dialog.local_cseq.max(self.session.early_cseq);
        self.session.usable = self.take_description(io, message, true);
        self.note_session(core, message, true);
        let stored = dialog.record(self.trunk_name());
        self.dialog = Some(dialog);
        self.phase = Phase::Unconfirmed;
        self.wait(core.now + core.timing.timeout(), Wait::Confirm);
        self.emit(core, io, EventKind::Answered { dialog: stored });
    }

    /// Acknowledges the 2xx that made the dialog.
    pub(super) fn ack_answer(&mut self, core: &mut Core, io: &mut dyn Io) {
        let Some(dialog) = &self.dialog else { return };
        let (ack, target) = (dialog.ack(self.cseq, "", None), dialog.target);
        self.acks.insert(dialog.remote_tag.clone(), (target, ack.clone()));
        core.send(io, target, ack);
    }

    /// See [`Switch::confirm`](crate::Switch::confirm).
    pub(crate) fn confirm(&mut self, core: &mut Core, io: &mut dyn Io) {
        if self.phase != Phase::Unconfirmed {
            return;
        }
        self.forget(Wait::Confirm);
        self.ack_answer(core, io);
        if !self.session.usable {
            self.bye(core, io, EndHow::BadMedia, None);
            return;
        }
        self.become_confirmed(core, io);
    }

    // ---- resubmission

    fn answer_challenge(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message, status: u16) -> bool {
        let Some(credentials) = self.trunk.as_ref().and_then(|t| t.config.auth.clone()) else { return false };
        let (asks, answers) = auth_headers(status);
        let challenge = message.lines(asks).filter_map(Challenge::parse).find(|c| c.suits(&credentials));
        let Some(challenge) = challenge else { return false };
        if self.auth_tries >= AUTH_TRIES || (self.auth_tries > 0 && !challenge.stale) {
            return false;
        }
        self.auth_tries += 1;
        let Some(text) = &mut self.invite else { return false };
        let uri = text.uri().to_owned();
        let cnonce = derive(8, &["cnonce", &self.dialog_key.0, &self.cseq.to_string()]);
        text.set(answers, &challenge.answer(&credentials, "INVITE", &uri, &cnonce));
        self.resubmit(core, io)
    }

    fn raise_interval(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message) -> bool {
        let least = message.header("Min-SE").and_then(|v| v.split(';').next()?.trim().parse::<u32>().ok());
        let (Some(least), false) = (least.filter(|s| *s <= 86_400), self.interval_raised) else {
            return false;
        };
        self.interval_raised = true;
        let Some(text) = &mut self.invite else { return false };
        text.set("Session-Expires", &least.to_string());
        text.set("Min-SE", &least.to_string());
        self.resubmit(core, io)
    }

    /// Makes the INVITE again with the next CSeq and its own derived branch. It is told, and waits to be stored.
    fn resubmit(&mut self, core: &mut Core, io: &mut dyn Io) -> bool {
        let (Some(mut record), Some(text)) = (self.record.clone(), self.invite.as_mut()) else {
            return false;
        };
        self.cseq += 1;
        self.branch = branch(&record.call_id, &record.from_tag, "INVITE", self.cseq);
        text.renumber(&record.sent_by, record.transport.as_str(), self.cseq, &self.branch);
        let Ok(request) = String::from_utf8(text.bytes()) else { return false };
        (record.cseq, record.branch, record.request) = (self.cseq, self.branch.clone(), request);
        self.record = Some(record.clone());
        self.held = true;
        self.end.status = None;
        self.end.phrase = None;
        let limit = self.trunk.as_ref().map_or(core.timing.timeout() * 6, |t| t.config.ring_limit);
        self.wait(core.now + limit, Wait::Ring);
        self.emit(core, io, EventKind::Challenged { record });
        true
    }

    /// See [`Switch::resubmit`](crate::Switch::resubmit).
    pub(crate) fn send_again(&mut self, core: &mut Core, io: &mut dyn Io) {
        if !std::mem::take(&mut self.held) || self.phase != Phase::Calling {
            return;
        }
        let (Some(record), Some(target)) = (&self.record, self.target(core)) else { return };
        let bytes = record.request.clone().into_bytes();
        let owner = Owner::Leg(self.key, Purpose::Invite);
        if !core.request(io, &self.branch.clone(), Method::Invite, bytes, target, owner) {
            self.finish(EndHow::TransportFailed);
        }
    }

    /// A challenged request inside the call, sent again with credentials. False where it cannot be.
    #[allow(clippy::too_many_arguments, reason = "one answer with all that belongs to it")]
    pub(super) fn retry_inside(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        purpose: Purpose,
        message: &Message,
        status: u16,
        request: &[u8],
        target: Target,
    ) -> bool {
        let Some(credentials) = self.trunk.as_ref().and_then(|t| t.config.auth.clone()) else { return false };
        let Ok(request) = std::str::from_utf8(request) else { return false };
        let mut text = Text::new(request);
        let (asks, answers) = auth_headers(status);
        let challenge = message.lines(asks).filter_map(Challenge::parse).find(|c| c.suits(&credentials));
        let (Some(challenge), Some((_, method))) = (challenge, message.cseq()) else { return false };
        if text.get(answers).is_some() || purpose == Purpose::Cancel {
            return false;
        }
        let Some(dialog) = self.dialog.as_mut() else { return false };
        dialog.local_cseq += 1;
        let cseq = dialog.local_cseq;
        let tags = format!("{}{}", dialog.local_tag, dialog.remote_tag);
        let branch = branch(&dialog.call_id, &tags, method.as_str(), cseq);
        let cnonce = derive(8, &["cnonce", &dialog.call_id, &cseq.to_string()]);
        let uri = text.uri().to_owned();
        text.set(answers, &challenge.answer(&credentials, method.as_str(), &uri, &cnonce));
        text.renumber(&dialog.sent_by, dialog.target.transport.as_str(), cseq, &branch);
        text.set("CSeq", &format!("{cseq} {}", method.as_str()));
        if purpose == Purpose::Refresh {
            self.session.refresh_branch.clone_from(&branch);
        }
        core.request(io, &branch, method, text.bytes(), target, Owner::Leg(self.key, purpose))
    }

    // ---- cancelling

    /// See [`Switch::cancel`](crate::Switch::cancel).
    pub(crate) fn cancel(&mut self, core: &mut Core, io: &mut dyn Io, cause: Option<u8>) {
        match self.phase {
            Phase::Calling if self.held => {
                // The far side has refused the first INVITE, and the second has not left: there is nothing to cancel.
                self.end.status = Some(487);
                self.finish(EndHow::Cancelled);
            }
            Phase::Calling => {
                if self.cancel.is_none() {
                    self.cancel = Some(cause);
                    self.flush_cancel(core, io);
                }
            }
            Phase::ProbeListen => self.finish(EndHow::ProbeGone),
            Phase::Unconfirmed => {
                self.ack_answer(core, io);
                self.bye(core, io, EndHow::LocalBye, cause);
            }
            Phase::Incoming | Phase::Answering => self.reject(core, io, 480, "", cause),
            Phase::Confirmed => self.bye(core, io, EndHow::LocalBye, cause),
            Phase::Ending => {}
        }
    }

    /// See [`Switch::taken_elsewhere`](crate::Switch::taken_elsewhere).
    pub(crate) fn taken_elsewhere(&mut self, core: &mut Core, io: &mut dyn Io) {
        self.elsewhere = true;
        self.cancel(core, io, None);
    }

    /// Why we cancel (RFC 3326). A telephone that is told so lists no missed call.
    fn cancel_reason(&self) -> Option<String> {
        match self.elsewhere {
            true => Some("SIP;cause=200;text=\"Call completed elsewhere\"".to_owned()),
            false => self.cancel.flatten().map(|c| format!("Q.850;cause={c}")),
        }
    }

    /// RFC 3261 9.1: not before a provisional answer. Where none comes, the INVITE's own time-out ends the leg.
    fn flush_cancel(&mut self, core: &mut Core, io: &mut dyn Io) {
        if self.cancel_sent || !core.was_answered(&self.branch, Method::Invite) {
            return;
        }
        if let Some(target) = self.target(core) {
            self.send_cancel(core, io, target);
        }
    }

    fn send_cancel(&mut self, core: &mut Core, io: &mut dyn Io, target: Target) {
        self.cancel_sent = true;
        let reason = self.cancel_reason();
        let Some(bytes) = self.invite.as_ref().map(|t| t.cancel(reason.as_deref())) else { return };
        let owner = Owner::Leg(self.key, Purpose::Cancel);
        let branch = self.branch.clone();
        if !core.request(io, &branch, Method::Cancel, bytes, target, owner) && self.mode == Mode::CancelStored
        {
            self.finish(EndHow::TransportFailed);
            return;
        }
        self.forget(Wait::Ring);
        self.wait(core.now + core.timing.timeout(), Wait::CancelAnswer);
    }

    pub(super) fn on_cancel_response(&mut self, status: u16) {
        // 481 to the CANCEL of a stored INVITE: the far side has no such call (any more). A live leg goes on waiting
        // for the answer to its INVITE.
        if self.mode == Mode::CancelStored && status >= 300 {
            self.end.status = Some(status);
            self.finish(EndHow::ProbeGone);
        }
    }
}

/// Names of the header that asks and of the one that answers.
fn auth_headers(status: u16) -> (&'static str, &'static str) {
    if status == 401 {
        ("WWW-Authenticate", "Authorization")
    } else {
        ("Proxy-Authenticate", "Proxy-Authorization")
    }
}
